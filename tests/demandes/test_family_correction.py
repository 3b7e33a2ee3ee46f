"""By its private link a family corrects its demande until it is picked up (DEM-4.c), and reads what is true of it."""

import io
from datetime import timedelta

import pytest
from django.urls import reverse

from bench.deliveries import delivery, record
from demandes import queries
from demandes.contenu import valeurs
from demandes.documents.recue import Recue
from demandes.models import Attribution, Demande
from demandes.services import applying, deliveries, intake
from demandes.services.transmission import Places
from extranet.core.errors import Refused
from extranet.core.journal.models import Entry
from extranet.core.outbox.services import send_due
from tests.conftest import text_of
from tests.demandes.test_family import (  # noqa: F401 -- fixtures
    TYPED,
    WHOLE,
    all_shown,
    dict_of,
    form_of,
    go,
    lieu,
    pairs,
    press,
    send,
    shown,
    step_of,
    today,
)
from tests.demandes.test_family_link import demande, page_of  # noqa: F401 -- fixtures
from tests.factories import NOW, DemandeFactory, contenu_of, picked_up

pytestmark = pytest.mark.django_db


def begin(client, demande):  # noqa: F811
    """The form that the private link leads to."""
    answer = client.post(page_of(demande), {"corriger": "1"})
    assert answer.status_code == 302
    return client.get(answer["Location"])


def typed_again(client, summary, changes):
    """Each change on its own step, from the summary and back to it."""
    for name, value in changes.items():
        summary = go(client, go(client, summary, aller=step_of(name)), **{name: value})
    return summary


@pytest.mark.rule("DEM-4.c")
@pytest.mark.rule("DEM-4.e")
def test_a_demande_is_corrected_until_it_is_picked_up(client, demande):  # noqa: F811
    before = Demande.objects.values().get()
    assert client.get(page_of(demande)).content.decode().count("Corriger ma demande") == 1
    form = begin(client, demande)
    assert pairs({name: value for name, value in WHOLE.items() if name != "telephone"}) <= all_shown(client, form)
    assert contenu_of().creneau == TYPED["creneau"]
    summary = typed_again(client, form, {"creneau": "le samedi"})
    summary = typed_again(client, summary, {"modes": ["assistante-maternelle"]})
    assert "Envoyer la correction" in summary.content.decode()
    assert contenu_of().creneau == TYPED["creneau"]  # nothing before it is sent
    answers = [press(client, summary, valider="1") for _ in range(2)]
    for answer in answers:
        assert answer["Location"].partition("?")[0] == page_of(demande)
    assert "Votre correction est enregistrée." in client.get(answers[0]["Location"]).content.decode()
    assert client.get(page_of(demande) + "?brouillon=" + "A" * 16).status_code == 200  # however long after
    after = Demande.objects.select_related("dossier").get()
    assert (contenu_of(after).creneau, list(after.modes)) == ("le samedi", ["assistante-maternelle"])
    changed = {"modes", "mode_creche_collective", "creche_collective", "assistante_maternelle", "garde_a_domicile"}
    same = {name: value for name, value in before.items() if name not in changed | {"modifiee_le"}}
    assert same.items() <= Demande.objects.values().get().items()
    assert Entry.objects.filter(event="demande.corrigee").count() == 1
    assert "le samedi" in client.get(page_of(demande)).content.decode()


@pytest.mark.rule("DEM-4.c")
@pytest.mark.parametrize("state", ["recuperee", "traitee"])
def test_once_it_is_picked_up_it_is_not_corrected(client, demande, state):  # noqa: F811
    form = begin(client, demande)
    summary = typed_again(client, form, {"creneau": "le samedi"})
    picked_up(state)
    assert "Corriger ma demande" not in client.get(page_of(demande)).content.decode()
    for act in (
        lambda: client.post(page_of(demande), {"corriger": "1"}),
        lambda: client.get(form_of(form).action),
        lambda: client.post(form_of(form).action, dict_of(shown(form))),
        lambda: press(client, summary, valider="1"),
    ):
        answer = act()
        assert (answer.status_code, answer["Location"]) == (302, page_of(demande))
        said = client.get(answer["Location"]).content.decode()
        assert "récupéré votre demande entre-temps" in said
        assert demande.lieu.nom in said  # whom to call
    assert contenu_of().creneau == TYPED["creneau"]


@pytest.mark.rule("DEM-4.c")
def test_a_correction_whose_draft_is_gone_makes_no_other_demande(client, demande, time_machine):  # noqa: F811
    form = begin(client, demande)
    time_machine.move_to(NOW + timedelta(hours=2, seconds=1), tick=False)
    assert client.post(form_of(form).action, dict_of(shown(form))).status_code == 410
    assert Demande.objects.count() == 1


@pytest.mark.rule("DEM-4.b")
@pytest.mark.rule("DEM-4.c")
def test_the_address_corrected_is_sent_another_link_and_the_former_one_opens_nothing(
    client,
    demande,  # noqa: F811
    smtp_sink,
):
    send_due(now=NOW)
    former = page_of(demande)
    assert former in text_of(smtp_sink.to(TYPED["courriel"])[0])
    summary = typed_again(client, begin(client, demande), {"courriel": "juste@famille.test"})
    answers = [press(client, summary, valider="1") for _ in range(2)]  # a button pressed twice
    send_due(now=NOW)
    [mail] = smtp_sink.to("juste@famille.test")
    new = reverse("demandes:suivi", args=[queries.link_of(Demande.objects.get())])
    assert new != former
    assert new in text_of(mail)
    for answer in answers:
        assert answer["Location"].partition("?")[0] == new
    assert "celui que l’ancienne a reçu ne s’ouvre plus" in client.get(answers[0]["Location"]).content.decode()
    for act in ({}, {"donnees": "1"}, {"corriger": "1"}, {"courriel": "juste@famille.test"}):
        refused = client.post(former, act) if act else client.get(former)
        assert refused.status_code == 410
        said = refused.content.decode()
        assert "Cette page ne s’ouvre plus" in said
        assert "n’existent plus" not in said  # nothing is destroyed
        assert "juste@famille.test" not in said
    assert client.get(new).status_code == 200
    assert Demande.objects.get().state == "transmise"
    forged = reverse("demandes:suivi", args=[queries.link_token(demande.uuid, 2)])
    assert client.get(forged).status_code == 404


@pytest.mark.rule("ING-4.a")
def test_the_same_record_of_a_delivery_does_not_undo_a_correction(client, lieu):  # noqa: F811
    content = "".join(
        delivery(iter([record(1, NOW, contact="<courriel>zibeline@famille.test</courriel>")]), NOW)
    ).encode()

    def deliver(content):
        livraison = deliveries.register(io.BytesIO(content), nom="l.xml", origine="depot", now=NOW, ring=False)
        applying.ingest(livraison.pk, now=NOW)

    deliver(content)
    given = Demande.objects.get()
    changes = {"creneau": "le samedi", "code_postal": "77820", "ville": "Le Châtelet-en-Brie"}
    summary = typed_again(client, begin(client, given), changes)
    assert press(client, summary, valider="1")["Location"].startswith(page_of(given))
    deliver(content + b"<!-- other bytes -->")
    assert contenu_of().creneau == "le samedi"


@pytest.mark.rule("DEM-4.c")
def test_hours_that_the_form_cannot_show_are_not_lost_by_a_correction(client, lieu):  # noqa: F811
    besoin = {"a_partir_du": "2027-01-04", "horaires": [["lundi", "18:00", "24:00"]]}
    given = DemandeFactory(lieu=lieu, transmise=True, dossier__besoin=besoin)
    assert "Corriger ma demande" not in client.get(page_of(given)).content.decode()
    assert client.post(page_of(given), {"corriger": "1"})["Location"] == page_of(given)


@pytest.mark.rule("DEM-4.d")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": "retiree", "destroyed_at": NOW}, "Cette demande a été retirée le 23 novembre 2026."),
        ({"state": "purgee", "destroyed_at": NOW}, "détruites le 23 novembre 2026, à la fin de leur conservation"),
        ({"last_day": NOW.date() - timedelta(days=1)}, "a pris fin le 22 novembre 2026"),
    ],
)
def test_a_link_that_is_over_says_why(client, demande, changes, words):  # noqa: F811
    Demande.objects.update(**changes)
    answer = client.get(page_of(demande))
    assert answer.status_code == 410
    assert words in answer.content.decode()
    assert "échéance" not in answer.content.decode()


@pytest.mark.rule("DEM-4.b")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "ne l’a pas encore récupérée"),
        ({"state": "recuperee"}, "a récupéré votre demande le 23 novembre 2026"),
        ({"state": "traitee"}, "a indiqué qu’il a traité votre demande"),
        ({"state": "a-orienter", "lieu": None}, "pas encore confiée"),
    ],
)
def test_the_link_says_what_the_portal_knows(client, demande, changes, words):  # noqa: F811
    Attribution.objects.update(picked_up_at=NOW)
    Demande.objects.update(**changes)
    page = client.get(page_of(demande)).content.decode()
    assert words in page
    assert "ouverte" not in page


@pytest.mark.rule("DEM-4.f")
def test_the_confirmation_promises_no_mail_that_is_not_sent(client, lieu):  # noqa: F811
    pages = [client.get(send(client, {"creneau": str(rank)})["Location"]).content.decode() for rank in range(4)]
    assert ["confirmation part à zibeline@famille.test" in page for page in pages] == [True, True, True, False]
    assert "Trois confirmations sont déjà parties" in pages[3]


def test_a_correction_is_held_against_the_rules(client, demande):  # noqa: F811
    about = {"reference": "", "deposee_le": NOW, "modifiee_le": None, "commune": "77100", "lieu": "", "modes": []}
    recue = Recue(**valeurs(contenu_of(demande)), **about)
    with pytest.raises(Refused):
        intake.correct(demande, recue, now=NOW, places=Places.of(NOW, commune="77100"))


@pytest.mark.rule("DEM-3.g")
@pytest.mark.rule("DEM-4.c")
def test_hours_of_two_ranges_a_day_come_back_as_they_were(client, lieu):  # noqa: F811
    hours = [["lundi", "07:30", "09:00"], ["lundi", "16:30", "18:30"], ["jeudi", "08:00", "12:00"]]
    given = DemandeFactory(
        lieu=lieu, transmise=True, source="formulaire", dossier__besoin={"a_partir_du": "2027-01-04", "horaires": hours}
    )
    form = begin(client, given)
    assert "lundi de 07:30 à 09:00 ; lundi de 16:30 à 18:30 ; jeudi de 08:00 à 12:00" in form.content.decode()
    again = {"courriel": "juste@famille.test", "code_postal": "77820", "ville": "Melun", "jeudi-a": "13:00"}
    summary = typed_again(client, form, again)
    done = press(client, summary, valider="1")["Location"]
    assert done.startswith(reverse("demandes:suivi", args=[queries.link_of(Demande.objects.get())]))
    assert contenu_of().besoin["horaires"] == [*hours[:2], ["jeudi", "08:00", "13:00"]]
