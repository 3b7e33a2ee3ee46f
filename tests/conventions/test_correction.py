"""A convention in preparation is corrected by another paper; the first stays, and counts no more (CON-12)."""

from dataclasses import replace
from datetime import date, timedelta
from io import BytesIO

import pypdf
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from conventions import queries
from conventions.models import Acte, Convention, CopieSignee, Gestionnaire, PersonneInscrite, Signature
from conventions.rules import GestionnaireDonne, LieuDonne, PersonneDonnee
from conventions.services import correction, register, signature
from extranet.core.documents import store
from extranet.core.errors import Refused, WrongState
from extranet.core.outbox import services as outbox
from extranet.portal import integrity
from habilitations.services import applications
from tests.conftest import text_of
from tests.factories import NOW, AgentFactory, CommuneFactory, DemandeHabilitationFactory, LieuFactory, a_pdf, siren

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(days=2)
CHANGE, ACT = "admin:conventions_convention_change", "admin:conventions_convention_acte"
BOTH = ["convention", "annexe1"]


@pytest.fixture(autouse=True)
def _now(time_machine):
    time_machine.move_to(LATER, tick=False)


@pytest.fixture
def agent():
    return AgentFactory()


@pytest.fixture
def convention(agent):
    demande = DemandeHabilitationFactory(version__lieu_courriel="rpe@lieu.test")
    return applications.accept(demande_id=demande.pk, by=agent.user, now=NOW).convention


def given(convention, agent, **changes):
    """The paper as it stands, with `changes`."""
    lieu, signer = convention.lieu, convention.gestionnaire
    communes, personnes = queries.lines_of(queries.founding_acte(convention))
    return {
        "convention_uuid": convention.uuid,
        "lieu": LieuDonne(**{name: getattr(lieu, name) for name in LieuDonne.__slots__}),
        "gestionnaire": GestionnaireDonne(**{name: getattr(signer, name) for name in GestionnaireDonne.__slots__}),
        "communes": [line.commune_id for line in communes],
        "personnes": [
            PersonneDonnee(**{name: getattr(line, name) for name in PersonneDonnee.__slots__}) for line in personnes
        ],
        "motif": "Nom du maire mal écrit.",
        "by": agent.user,
        "now": LATER,
    } | changes


def sign(acte, agent, partie, signed_on=date(2026, 11, 25)):
    signature.record_signature(
        acte_uuid=acte.uuid,
        partie=partie,
        pieces=BOTH,
        signed_on=signed_on,
        signataire="Camille Martin",
        qualite="maire",
        scan=BytesIO(a_pdf()),
        by=agent.user,
        now=LATER,
    )


def words_of(acte, now=LATER):
    file = BytesIO(store.read(register.keep_pdf(acte, now=now)))
    return " ".join(" ".join(page.extract_text() for page in pypdf.PdfReader(file).pages).split())


@pytest.mark.rule("CON-12.a")
@pytest.mark.rule("CON-12.c")
def test_the_new_paper_is_signed_by_both_and_the_first_is_kept_with_hash_and_reason(
    client, convention, agent, smtp_sink, settings
):
    settings.PUBLIC_URL = "http://testserver"
    old = queries.founding_acte(convention)
    sign(old, agent, "gestionnaire")
    CommuneFactory(melun=True)
    values = given(convention, agent)
    [person] = values["personnes"]
    added = replace(person, nom="Nouvelle", courriel="nouvelle@lieu.test")
    new = correction.correct(
        **values
        | {
            "gestionnaire": replace(values["gestionnaire"], representant_nom="Martineau"),
            "lieu": replace(values["lieu"], nom="RPE des Ormes"),
            "communes": ["77100", "77288"],
            "personnes": [replace(person, fonction="responsable"), added],
        }
    )
    old.refresh_from_db()
    assert (old.state, old.motif_correction) == ("abandonne", "Nom du maire mal écrit.")
    kept = queries.pieces_of(old)[0]
    assert kept.pdf_sha256 == kept.pdf.sha256
    first, second = words_of(old), words_of(new)
    assert "Martineau" not in first
    assert all(said in second for said in ("Martineau", "RPE des Ormes", "Melun", "responsable", "Nouvelle"))
    outbox.send_due(now=LATER)
    [mail] = [one for one in smtp_sink.to("rpe@lieu.test") if "à signer" in one["Subject"]]  # not the first paper's
    assert "remplace le document" in text_of(mail)
    assert queries.signed_dates(new) == {}
    sign(new, agent, "caf")
    assert Convention.objects.get().in_force_from is None  # the gestionnaire had signed another paper
    sign(new, agent, "gestionnaire")
    assert Convention.objects.get().in_force_from == date(2026, 11, 25)
    lieu = Convention.objects.get().lieu
    communes, personnes = queries.annexe1(lieu, date(2026, 11, 25))
    assert sorted(line.commune_id for line in communes) == ["77100", "77288"]
    assert [(one.nom, one.fonction) for one in personnes] == [("Nouvelle", person.fonction), ("Petit", "responsable")]
    assert PersonneInscrite.objects.filter(nom="Petit").values("personne").distinct().count() == 1
    assert lieu.nom == "RPE des Ormes"
    assert [*integrity.own_lines(LATER), *integrity.identities(LATER)] == []

    client.force_login(agent.user)
    page = client.get(reverse(CHANGE, args=[convention.pk])).content.decode()
    assert kept.pdf_sha256 in page
    assert "Nom du maire mal écrit." in page
    assert "2 signatures, qui ne comptent plus" in page
    file = client.get(reverse("admin:conventions_convention_fichier", args=[convention.pk, kept.pdf_id]))
    assert b"".join(file.streaming_content) == store.read(kept.pdf)


@pytest.mark.rule("CON-12.a")
def test_the_former_link_opens_nothing_and_the_act_that_allows_to_sign_stays(convention, agent):
    old = queries.founding_acte(convention)
    signature.record_deliberation(
        acte_uuid=old.uuid, nature="decision", numero="7", deliberation_on=date(2026, 11, 20), by=agent.user, now=LATER
    )
    link = CopieSignee.objects.get()
    new = correction.correct(**given(convention, agent))
    link.refresh_from_db()
    assert link.issue == "remplacee"
    assert CopieSignee.objects.get(closed_at=None).acte == new
    assert (new.deliberation_numero, new.deliberation_on) == ("7", date(2026, 11, 20))


@pytest.mark.rule("CON-12.c")
def test_a_page_opened_for_the_first_paper_records_nothing_on_the_second(client, convention, agent):
    client.force_login(agent.user)
    act = reverse(ACT, args=[convention.pk, "signature"])
    old = queries.founding_acte(convention)
    assert f'value="{old.uuid}"' in client.get(act).content.decode()
    correction.correct(**given(convention, agent))
    answer = client.post(
        act,
        {
            "acte_uuid": str(old.uuid),
            "partie": "gestionnaire",
            "pieces": "convention,annexe1",
            "signed_on": "2026-11-25",
            "signataire": "Camille Martin",
            "qualite": "maire",
            "scan": SimpleUploadedFile("signe.pdf", a_pdf(), "application/pdf"),
        },
    )
    assert answer.status_code == 409
    assert not Signature.objects.exists()


@pytest.mark.rule("CON-12.a")
def test_a_wrong_siren_is_corrected_without_touching_whom_it_named(convention, agent):
    wrong = convention.gestionnaire
    right = replace(given(convention, agent)["gestionnaire"], siren=siren(210_077_500), nom="Commune de Fiction")
    correction.correct(**given(convention, agent, gestionnaire=right))
    convention.refresh_from_db()
    assert (convention.gestionnaire.siren, convention.gestionnaire.nom) == (right.siren, "Commune de Fiction")
    assert convention.lieu.gestionnaire == convention.gestionnaire
    assert Gestionnaire.objects.get(pk=wrong.pk).nom == wrong.nom


@pytest.mark.rule("CON-12.a")
def test_what_another_convention_says_of_the_gestionnaire_is_not_changed_here(convention, agent):
    LieuFactory(gestionnaire=convention.gestionnaire)
    other = replace(given(convention, agent)["gestionnaire"], nom="Autre nom")
    with pytest.raises(Refused) as refused:
        correction.correct(**given(convention, agent, gestionnaire=other))
    assert list(refused.value.faults) == ["gestionnaire_nom"]
    assert Acte.objects.filter(convention=convention).count() == 1
    correction.correct(**given(convention, agent))  # the rest can be


@pytest.mark.rule("CON-12.a")
@pytest.mark.rule("CON-12.c")
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"motif": "  "}, "motif"),
        ({"communes": []}, "communes"),
        ({"communes": ["91228"]}, "communes"),  # another Caf's
        ({"personnes": []}, "personnes"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_done(convention, agent, changes, field):
    CommuneFactory(evry=True)
    with pytest.raises(Refused) as refused:
        correction.correct(**given(convention, agent, **changes))
    assert list(refused.value.faults) == [field]
    assert Acte.objects.get().state == "prepare"


@pytest.mark.rule("CON-12.c")
def test_once_both_have_signed_or_it_is_abandoned_nothing_is_corrected(client, convention, agent):
    values = given(convention, agent)
    acte = queries.founding_acte(convention)
    sign(acte, agent, "gestionnaire")
    sign(acte, agent, "caf")
    with pytest.raises(WrongState, match="seul un avenant"):
        correction.correct(**values)
    client.force_login(agent.user)
    assert client.get(reverse(ACT, args=[convention.pk, "corriger"])).status_code == 409


def typed_in(page):
    """What the form of a page would post, unchanged."""
    from lxml import html

    form = html.document_fromstring(page).xpath('//form[@method="post"][.//textarea[@name="motif"]]')[0]
    return {name: value for name, value in form.form_values() if name != "csrfmiddlewaretoken"}


@pytest.mark.rule("CON-12.a")
def test_the_form_shows_the_paper_keeps_what_is_typed_and_says_what_is_wrong(client, convention, agent):
    client.force_login(agent.user)
    act = reverse(ACT, args=[convention.pk, "corriger"])
    typed = typed_in(client.get(act).content.decode())
    assert typed["communes"].strip() == "77100 Le Châtelet-en-Brie"
    assert typed["personne_0_nom"] == "Petit"
    wrong = typed | {
        "motif": "Erreur.",
        "gestionnaire_siren": "217701003",
        "communes": "Le Châtelet-en-Brie\nVille qui n’existe pas",
        "personne_1_nom": "Seul",
    }
    answer = client.post(act, wrong)
    page = answer.content.decode()
    assert answer.status_code == 422
    for words in ("SIREN n’est pas valable", "aucune commune du territoire", "Complétez, ou videz", "Seul", "Erreur."):
        assert words in page, words
    CommuneFactory(melun=True)
    right = typed | {
        "motif": "Commune oubliée.",
        "communes": "Le Châtelet-en-Brie\n77288",
        "lieu_telephone": "01 60 00 00 09",
        "personne_0_fonction": "directrice",
    }
    assert client.post(act, right).status_code == 302
    new = queries.founding_acte(convention)
    communes, personnes = queries.lines_of(new)
    assert (new.rang, {line.commune_id for line in communes}) == (1, {"77100", "77288"})
    assert personnes.get().fonction == "directrice"
    convention.lieu.refresh_from_db()
    assert convention.lieu.telephone == "+33160000009"
