"""What a lieu is told in the words of its Caf: who examines, what silence means, remedies and court (HAB-3, HAB-6)."""

import re
from datetime import date, timedelta

import pytest

from extranet.core.errors import Refused, WrongState
from extranet.core.journal.models import Entry
from extranet.core.outbox.services import send_due
from extranet.territory.models import SILENCE, Caf
from extranet.territory.queries import cafs_reachable
from habilitations.forms import NOT_REACHABLE, CafForm
from habilitations.models import DemandeHabilitation
from habilitations.services import applications
from habilitations.views import application
from tests.conftest import text_of
from tests.factories import NOW, AgentFactory, DemandeHabilitationFactory
from tests.habilitations.test_application import LIEU, kept, send

pytestmark = pytest.mark.django_db
CAF = "/admin/territory/caf/caf-77/"
WORDS = {
    "silence": "Sans nouvelle au bout de deux mois, c’est non.\nÉcrivez-nous.",
    "recours": "Deux mois pour nous écrire.",
    "tribunal": "Tribunal de l’Essai, 1 rue Droite",
}


@pytest.fixture(autouse=True)
def _now(time_machine, monkeypatch):
    time_machine.move_to(NOW, tick=False)
    monkeypatch.setattr(application, "BRAKES", {"network": [], "address": []})


def said(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.content.decode()))


@pytest.mark.rule("HAB-3.d")
@pytest.mark.rule("HAB-3.e")
def test_the_acknowledgement_names_the_service_and_says_what_silence_means_on_screen_and_by_mail(client, smtp_sink):
    superviseur = AgentFactory(superviseur=True).user
    client.force_login(superviseur)
    contact = {"service": "Pôle Lieux", "adresse": "2 rue Haute\n77000 Melun", "telephone": "01 60 00 00 00"}
    assert client.post(CAF + "acte/coordonnees/", contact).status_code == 302
    assert client.post(CAF + "acte/textes/", WORDS).status_code == 302
    assert Entry.objects.get(event="caf.textes").actor == f"user:{superviseur.uuid}"
    client.logout()
    page = said(client.get(send(client, kept(client, {}))["Location"]))
    send_due(now=NOW)
    [mail] = smtp_sink.to(LIEU["lieu_courriel"])
    html = re.sub(r"<[^>]+>", " ", mail.get_body(("html",)).get_content())
    for whole in (page, text_of(mail), html):
        for words in ("Caf de Seine-et-Marne", "Pôle Lieux", "2 rue Haute", "77000 Melun", "01 60 00 00 00"):
            assert words in whole
        for words in (*WORDS["silence"].splitlines(), "23 novembre 2026"):
            assert words in whole


@pytest.mark.rule("HAB-3.d")
def test_a_caf_that_cannot_be_written_to_or_called_takes_no_application_until_it_can():
    """Whatever the Caf: one that the form offers is named with address and telephone."""
    closed = Caf.objects.exclude(pk__in=cafs_reachable().values("pk"))
    assert {"caf-91", "caf-77"}.isdisjoint(closed.values_list("pk", flat=True))
    assert closed.filter(pk="caf-92").exists()  # the files have no address of its seat
    assert CafForm({"caf": "caf-77"}).is_valid()
    assert CafForm({"caf": "caf-92"}).errors == {"caf": [NOT_REACHABLE]}
    version = DemandeHabilitationFactory().version
    given = {"lieu": version.lieu, "gestionnaire": version.gestionnaire, "communes": ["92050"], "personnes": []}
    with pytest.raises(Refused) as refusal:
        applications.submit(caf="caf-92", nonce="n", now=NOW, **given)
    assert set(refusal.value.faults) == {"caf"}
    Caf.objects.filter(pk="caf-92").update(adresse="1 rue Neuve\n92000 Nanterre")
    assert applications.submit(caf="caf-92", nonce="n", now=NOW, **given).caf_id == "caf-92"


@pytest.mark.rule("HAB-3.e")
def test_until_the_caf_says_otherwise_silence_is_a_refusal_and_accepts_nothing(client):
    demande = DemandeHabilitationFactory(submitted_at=NOW - timedelta(days=100))
    assert demande.caf.silence == SILENCE
    assert "considérée comme refusée" in SILENCE
    client.get("/")
    assert DemandeHabilitation.objects.get().state == "deposee"


@pytest.mark.rule("HAB-6.f")
def test_a_refusal_says_reasons_remedies_and_court_as_the_caf_has_set_them(client, smtp_sink):
    Caf.objects.filter(pk="caf-77").update(**WORDS)
    demande = DemandeHabilitationFactory()
    client.force_login(AgentFactory().user)
    url = f"/admin/habilitations/demandehabilitation/{demande.pk}/acte/refuser/"
    motif = "Le lieu ne répond pas aux familles.\nIl est fermé."
    shown = client.post(url, {"motif": motif, "apercu": "1"}).content.decode()
    assert WORDS["tribunal"] in shown
    assert client.post(url, {"motif": motif}).status_code == 302
    Caf.objects.filter(pk="caf-77").update(recours="Autre chose.", tribunal="Un autre")  # too late for this one
    send_due(now=NOW)
    [mail] = smtp_sink.to(demande.version.lieu_courriel)
    html = re.sub(r"<[^>]+>", " ", mail.get_body(("html",)).get_content())
    for whole in (text_of(mail), html):
        for words in (*motif.splitlines(), WORDS["recours"], WORDS["tribunal"], demande.caf.adresse.splitlines()[0]):
            assert words in whole


@pytest.mark.rule("HAB-6.f")
def test_nothing_is_refused_while_the_caf_has_not_named_its_court(client):
    Caf.objects.filter(pk="caf-77").update(tribunal="")
    demande, agent = DemandeHabilitationFactory(), AgentFactory()
    client.force_login(agent.user)
    page = f"/admin/habilitations/demandehabilitation/{demande.pk}/"
    shown = said(client.get(page + "change/"))
    assert "Refuser : La page de votre Caf n’indique pas encore le tribunal compétent" in shown
    for answer in (client.get(page + "acte/refuser/"), client.post(page + "acte/refuser/", {"motif": "Non."})):
        assert answer.status_code == 409
    with pytest.raises(WrongState):
        applications.refuse(demande_id=demande.pk, motif="Non.", by=agent.user, now=NOW)
    demande.refresh_from_db()
    assert demande.state == "deposee"


@pytest.mark.rule("HAB-6.f")
@pytest.mark.parametrize(
    ("role", "code"), [("superviseur", 302), ("cnaf", 302), ("instructeur", 403), ("lecteur", 403)]
)
def test_the_words_of_a_caf_are_its_superviseurs_and_the_cnafs_to_set(client, role, code):
    client.force_login(AgentFactory(role=role, **({"caf": None} if role == "cnaf" else {})).user)
    assert client.post(CAF + "acte/textes/", WORDS).status_code == code
    assert (Caf.objects.get(pk="caf-77").silence == WORDS["silence"]) is (code == 302)
    assert client.post(CAF + "acte/textes/", WORDS | {"silence": " "}).status_code == (422 if code == 302 else 403)


@pytest.mark.rule("HAB-6.c")
@pytest.mark.parametrize(
    ("day", "taken"),
    [("2026-11-23", False), ("2026-11-24", True), ("2027-05-23", True), ("2027-05-24", False), ("2026-11-22", False)],
)
def test_a_complement_says_until_when_it_is_awaited(client, smtp_sink, day, taken):
    demande = DemandeHabilitationFactory()
    client.force_login(AgentFactory().user)
    url = f"/admin/habilitations/demandehabilitation/{demande.pk}/acte/complement/"
    answer = client.post(url, {"texte": "Précisez.", "attendu_le": day})
    assert answer.status_code == (302 if taken else 422)
    if not taken:
        assert "dans les six mois" in said(answer)
        assert "Précisez." in answer.content.decode()
        return
    assert demande.complements.get().awaited_on == date.fromisoformat(day)
    send_due(now=NOW)
    [mail] = smtp_sink.to(demande.version.lieu_courriel)
    assert f"{date.fromisoformat(day).year}" in text_of(mail)


@pytest.mark.rule("HAB-6.c")
def test_whose_the_next_step_is_changes_with_the_day_by_which_the_complement_is_awaited(client, time_machine):
    demande, agent = DemandeHabilitationFactory(), AgentFactory()
    applications.ask_complement(
        demande_id=demande.pk, texte="Précisez.", attendu_le=date(2026, 11, 30), by=agent.user, now=NOW
    )
    page = f"/admin/habilitations/demandehabilitation/{demande.pk}/change/"
    for day, whose in ((0, "C’est au lieu"), (7, "C’est au lieu"), (8, "C’est aux instructeurs et aux superviseurs")):
        time_machine.move_to(NOW + timedelta(days=day), tick=False)
        client.force_login(agent.user)
        assert whose in said(client.get(page))
    client.force_login(AgentFactory(lecteur=True).user)
    closed = "Accepter, Demander un complément, Transférer à une autre Caf, Refuser"
    assert f"{closed} : réservé aux instructeurs et aux superviseurs." in said(client.get(page))


@pytest.mark.rule("HAB-7.a")
def test_the_lieu_is_mailed_the_decision_and_what_it_has_to_do_once(client, smtp_sink):
    demande = DemandeHabilitationFactory()
    client.force_login(AgentFactory().user)
    url = f"/admin/habilitations/demandehabilitation/{demande.pk}/acte/accepter/"
    assert "préfecture avant la signature" in client.get(url).content.decode()  # shown before
    assert client.post(url).status_code == 302
    assert client.post(url).status_code == 409
    send_due(now=NOW)
    [mail] = [one for one in smtp_sink.to(demande.version.lieu_courriel) if "acceptée" in one["Subject"]]
    demande.refresh_from_db()
    for words in (demande.reference, demande.convention.numero, "annexe 1", "a accepté le 23 novembre 2026"):
        assert words in text_of(mail)


@pytest.mark.rule("HAB-3.e")
@pytest.mark.rule("CON-2.f")
def test_the_page_before_an_application_says_how_long_the_caf_takes_and_what_must_be_executory_first(client):
    page = client.get("/habilitations/").content.decode()
    assert "dans les deux mois qui suivent sa réception, sauf si l’accusé de réception indique un autre délai" in page
    assert "doit d’abord être exécutoire" in page
