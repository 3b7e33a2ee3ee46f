"""Running conventions taken over by hand: true dates, usual activation, files that may follow (CON-13)."""

from dataclasses import asdict, replace
from datetime import date, timedelta
from io import BytesIO

import pytest
from django.http import Http404

from conventions import queries
from conventions.models import Convention, Gestionnaire, IdentiteLieu, Lieu, Reprise, Signature
from conventions.rules import ConventionReprise, takeover_faults
from conventions.services import avenants, register, signature, takeover
from extranet.core.documents import store
from extranet.core.errors import Forbidden, Refused, WrongState
from extranet.core.journal.models import Entry
from extranet.portal import integrity
from habilitations.services import activation
from tests.conventions.test_register import GESTIONNAIRE, LIEU, PERSONNE
from tests.factories import NOW, AgentFactory, CommuneFactory, LieuFactory, a_pdf

pytestmark = pytest.mark.django_db

GIVEN = ConventionReprise(
    numero="2023-014",
    lieu=LIEU,
    gestionnaire=GESTIONNAIRE,
    courriel_officiel="contact@cc-officiel.test",
    communes=("77100", "77288"),
    personnes=(PERSONNE, replace(PERSONNE, nom="Grand", courriel="Noa@lieu.test")),
    signed_gestionnaire_on=date(2023, 5, 2),
    signed_caf_on=date(2023, 5, 16),
    signataire_gestionnaire="Noa Léger",
    qualite_gestionnaire="présidente",
    signataire_caf="Alex Directeur",
    qualite_caf="directeur",
)


@pytest.fixture
def agent():
    CommuneFactory()
    CommuneFactory(melun=True)
    return AgentFactory()


def take_over(agent, *given, **more):
    return takeover.take_over(caf=agent.caf_id, given=given or [GIVEN], by=agent.user, now=NOW, **more)


@pytest.mark.rule("CON-13.a")
@pytest.mark.rule("CON-13.f")
def test_a_running_convention_is_in_force_since_its_true_dates(agent):
    [verdict] = take_over(agent)
    convention = verdict.convention
    convention.refresh_from_db()
    assert verdict.is_taken
    assert (convention.state, convention.in_force_from) == ("signee", date(2023, 5, 16))
    assert (convention.numero, convention.lieu.code) == ("CONV-77-2026-0001", "RPE-77-CHATELET")
    assert convention.gestionnaire.courriel_registre == "contact@cc-officiel.test"
    acte = queries.founding_acte(convention)
    assert (acte.state, acte.effective_on) == ("applique", date(2023, 5, 16))
    assert queries.signed_dates(acte) == {
        ("gestionnaire", "convention"): date(2023, 5, 2),
        ("gestionnaire", "annexe1"): date(2023, 5, 2),
        ("caf", "convention"): date(2023, 5, 16),
        ("caf", "annexe1"): date(2023, 5, 16),
    }
    for day, named in [(date(2023, 5, 15), 0), (date(2023, 5, 16), 2), (NOW.date(), 2)]:
        communes, personnes = queries.annexe1(convention.lieu, day)
        assert len(communes) == len(personnes) == named
    assert queries.lieux_covering("77288", NOW).get() == convention.lieu
    assert queries.identity_on(convention.lieu, date(2024, 1, 1)).nom == LIEU.nom
    assert list(queries.annexe1(convention.lieu, NOW.date())[1].values_list("courriel", flat=True)) == [
        "noa@lieu.test",
        "alix@lieu.test",
    ]
    events = Entry.objects.filter(object_id=str(convention.uuid)).values_list("event", "actor")
    assert set(events) == {(name, f"user:{agent.user.uuid}") for name in ("convention.reprise", "convention.signee")}
    for check in (integrity.identities, integrity.own_lines, integrity.one_convention):
        assert list(check(NOW)) == []


@pytest.mark.rule("CON-13.f")
@pytest.mark.parametrize(
    ("gestionnaire", "caf", "effective", "field"),
    [
        ("2023-05-02", "2023-05-16", None, None),
        ("2026-11-23", "2026-11-23", None, None),  # signed today
        ("2026-11-24", "2023-05-16", None, "signed_gestionnaire_on"),
        ("2023-05-02", "2027-05-16", None, "signed_caf_on"),
        ("2023-05-02", "2023-05-16", "2023-05-16", None),
        ("2023-05-02", "2023-05-16", "2023-06-01", None),
        ("2023-05-02", "2023-05-16", "2023-05-15", "effective_on"),  # before the last signature
        ("2023-05-02", "2023-05-16", "2026-11-24", "effective_on"),  # not running yet
    ],
)
def test_dates_of_a_convention_taken_over(gestionnaire, caf, effective, field):
    days = [date.fromisoformat(day) if day else None for day in (gestionnaire, caf, effective)]
    given = replace(GIVEN, signed_gestionnaire_on=days[0], signed_caf_on=days[1], effective_on=days[2])
    assert list(takeover_faults(given, NOW.date())) == ([field] if field else [])


@pytest.mark.rule("CON-13.f")
def test_who_took_it_over_does_not_open_its_accesses_another_does(agent):
    take_over(agent)
    personne = queries.personnes_in_force(NOW).first()
    with pytest.raises(Forbidden, match="Vous avez repris cette convention"):
        activation.activate(personne_id=personne.pk, by=agent.user, now=NOW)
    activation.activate(personne_id=personne.pk, by=AgentFactory().user, now=NOW)


@pytest.mark.rule("CON-13.f")
def test_where_four_eyes_are_off_the_same_agent_opens_them_and_the_official_address_is_needed_as_ever(agent):
    take_over(agent, replace(GIVEN, courriel_officiel=""))
    agent.caf.quatre_yeux = False
    agent.caf.save()
    personne = queries.personnes_in_force(NOW).first()
    with pytest.raises(Refused, match="courriel officiel"):
        activation.activate(personne_id=personne.pk, by=agent.user, now=NOW)
    Gestionnaire.objects.update(courriel_registre="mairie@ville.test")
    activation.activate(personne_id=personne.pk, by=agent.user, now=NOW)


@pytest.mark.rule("CON-13.f")
def test_earlier_signatures_are_accepted_there_and_only_there(agent):
    [verdict] = take_over(agent, replace(GIVEN, effective_on=date(2023, 6, 1)))
    convention = verdict.convention
    about = {"signataire": "N", "qualite": "p", "by": agent.user, "now": NOW, "partie": "gestionnaire"}
    acte = queries.founding_acte(convention)
    corrected = {"pieces": ["convention", "annexe1"], "signed_on": date(2023, 5, 3), "reason": "faute de frappe"}
    signature.record_signature(acte_uuid=acte.uuid, scan=BytesIO(a_pdf()), **corrected, **about)
    convention.refresh_from_db()
    assert convention.in_force_from == date(2023, 6, 1)  # as it was said, the signatures being earlier
    corrected["signed_on"] = date(2023, 7, 1)
    signature.record_signature(acte_uuid=acte.uuid, scan=BytesIO(a_pdf()), **corrected, **about)
    convention.refresh_from_db()
    assert convention.in_force_from == date(2023, 7, 1)
    avenant = avenants.prepare(convention_uuid=convention.uuid, communes_removed=["77288"], by=agent.user, now=NOW)
    with pytest.raises(Refused, match="n’existait pas encore"):
        given = {"pieces": ["avenant", "annexe1"], "signed_on": date(2026, 11, 22)}
        signature.record_signature(acte_uuid=avenant.uuid, scan=BytesIO(a_pdf()), **given, **about)


@pytest.mark.rule("CON-13.a")
def test_the_signed_file_follows_once_and_is_the_only_text(agent, client):
    convention = take_over(agent)[0].convention
    acte = queries.founding_acte(convention)
    with pytest.raises(WrongState, match="a été reprise"):
        register.keep_pdf(acte, now=NOW)
    given = {"convention_uuid": convention.uuid, "by": agent.user, "now": NOW}
    with pytest.raises(Refused, match="n’est pas un PDF"):
        takeover.attach_signed(pieces=["convention", "annexe1"], scan=BytesIO(b"MZ"), **given)
    takeover.attach_signed(pieces=["convention"], scan=BytesIO(a_pdf()), **given)
    with pytest.raises(Refused, match="déjà joint"):
        takeover.attach_signed(pieces=["convention"], scan=BytesIO(a_pdf()), **given)
    takeover.attach_signed(pieces=["convention", "annexe1"], scan=BytesIO(a_pdf(2)), **given)
    assert len(set(Signature.objects.values_list("scan", flat=True))) == 2
    with pytest.raises(WrongState, match="déjà là"):
        takeover.attach_signed(pieces=["convention"], scan=BytesIO(a_pdf()), **given)
    for other, answer in [(AgentFactory(essonne=True), Http404), (AgentFactory(lecteur=True), Forbidden)]:
        with pytest.raises(answer):
            takeover.attach_signed(pieces=["convention"], scan=BytesIO(a_pdf()), **given | {"by": other.user})
    assert store.read(Signature.objects.first().scan).startswith(b"%PDF")


@pytest.mark.rule("CON-13.e")
def test_the_same_number_again_changes_nothing_whatever_it_says(agent):
    take_over(agent)
    before = Entry.objects.count()
    turned = replace(GIVEN, communes=GIVEN.communes[::-1], personnes=GIVEN.personnes[::-1])
    moved = replace(GIVEN, lieu=replace(LIEU, nom="Autre nom"))
    fates = [take_over(agent, one)[0].fate for one in (GIVEN, turned, moved)]
    assert fates == ["inchangee", "inchangee", "modifiee"]
    assert (Convention.objects.count(), Entry.objects.count(), Lieu.objects.get().nom) == (1, before, LIEU.nom)


@pytest.mark.rule("CON-13.c")
def test_what_cannot_be_taken_stops_no_other_unless_asked(agent):
    evry = CommuneFactory(evry=True).pk
    other = replace(GIVEN, numero="2", lieu=replace(LIEU, nom="RPE de Melun", ville="Melun"))
    given = [
        replace(GIVEN, numero="1", communes=(evry,)),
        other,
        replace(other, numero="3"),  # the same lieu under another number
        replace(other, numero="4", lieu=replace(LIEU, nom="D"), personnes=(PERSONNE, PERSONNE)),
        replace(other, numero="2", lieu=replace(LIEU, nom="E")),
        replace(other, numero="5", lieu=replace(LIEU, nom="F"), personnes=()),
    ]
    whole = take_over(agent, *given, whole=True)
    assert not Convention.objects.exists()
    verdicts = take_over(agent, *given)
    assert [one.field for one in verdicts] == ["communes", "", "lieu_nom", "personnes", "numero", "personnes"]
    assert [(one.fate, one.field) for one in whole] == [(one.fate, one.field) for one in verdicts]
    assert Reprise.objects.get().numero == "2"


@pytest.mark.rule("CON-13.a")
def test_a_known_gestionnaire_stays_as_it_is_said_and_holds_since_the_earlier_convention(agent):
    lieu = LieuFactory(gestionnaire__siren=GESTIONNAIRE.siren, gestionnaire__courriel_registre="")
    verdict = take_over(agent)[0]
    assert "déjà connu" in verdict.why
    signer = verdict.convention.gestionnaire
    signer.refresh_from_db()
    assert signer == lieu.gestionnaire
    assert (signer.representant_nom, signer.courriel_registre) == ("Moreau", "contact@cc-officiel.test")
    assert queries.identity_on(signer, date(2023, 5, 16)).nom == signer.nom
    second = replace(GIVEN, numero="2022-1", lieu=replace(LIEU, nom="B"), signed_caf_on=date(2022, 5, 2))
    take_over(agent, replace(second, signed_gestionnaire_on=date(2022, 5, 2)))
    assert queries.identity_on(signer, date(2022, 5, 2)).nom == signer.nom
    assert IdentiteLieu.objects.filter(lieu__nom="B").get().from_on == date(2022, 5, 2)
    assert list(integrity.identities(NOW + timedelta(days=1))) == []


@pytest.mark.rule("CON-13.a")
def test_who_may_not(agent):
    for other, answer in [
        (AgentFactory(essonne=True), Http404),
        (AgentFactory(lecteur=True), Forbidden),
        (AgentFactory(cnaf=True), Forbidden),
    ]:
        with pytest.raises(answer):
            takeover.take_over(caf=agent.caf_id, given=[GIVEN], by=other.user, now=NOW)
    assert not Convention.objects.exists()


# --- the page -------------------------------------------------------------------------------------------------------

PAGE = "/admin/conventions/convention/reprise/"


def typed(**changes):
    """What an agent types for GIVEN with one person."""
    lieu, signer = (
        {f"{prefix}_{name}": value for name, value in asdict(one).items()}
        for prefix, one in (("lieu", LIEU), ("gestionnaire", GESTIONNAIRE))
    )
    signer = {name.replace("gestionnaire_representant", "representant"): value for name, value in signer.items()}
    people = {f"personnes-0-{name}": value for name, value in asdict(PERSONNE).items()}
    return lieu | signer | people | {
        "numero": "2023-014",
        "communes": "Melun, 77100",
        "signed_gestionnaire_on": "2023-05-02",
        "signed_caf_on": "2023-05-16",
        "signataire_caf": "Alex Directeur",
        "qualite_caf": "directeur",
        "personnes-TOTAL_FORMS": "1",
        "personnes-INITIAL_FORMS": "0",
    } | changes  # fmt: skip


@pytest.mark.rule("CON-13.a")
@pytest.mark.rule("CON-13.f")
def test_the_page_takes_over_keeps_what_was_typed_and_does_it_once(client, agent, time_machine):
    time_machine.move_to(NOW, tick=False)
    client.force_login(agent.user)
    assert 'name="lieu_nom"' in client.get(PAGE).content.decode()
    more = client.post(PAGE, typed(ajouter="personnes", lieu_nom="RPE à moitié")).content.decode()
    assert 'value="RPE à moitié"' in more
    assert 'name="personnes-1-nom"' in more
    assert "errorlist" not in more
    assert not Convention.objects.exists()
    wrong = client.post(PAGE, typed(communes="Atlantis", signed_caf_on="2026-12-01", lieu_nom="RPE à moitié"))
    page = wrong.content.decode()
    assert wrong.status_code == 422
    assert "pas du territoire de cette Caf" in page
    assert 'value="RPE à moitié"' in page
    assert "Atlantis</textarea>" in page
    wrong = client.post(PAGE, typed(signed_caf_on="2026-12-01"))
    assert (wrong.status_code, "dans le futur" in wrong.content.decode()) == (422, True)
    assert not Convention.objects.exists()
    done = client.post(PAGE, typed())
    convention = Convention.objects.get()
    change = f"/admin/conventions/convention/{convention.pk}/change/"
    assert (done.status_code, done["Location"]) == (302, change)
    assert client.post(PAGE, typed())["Location"] == change  # pressed twice
    changed = client.post(PAGE, typed(lieu_nom="Autre"))
    assert (changed.status_code, "passe par un avenant" in changed.content.decode()) == (422, True)
    assert Convention.objects.count() == 1
    page = client.get(change).content.decode()
    assert "numéro 2023-014" in page
    assert "à joindre" in page
    act = f"/admin/conventions/convention/{convention.pk}/acte/document-signe/"
    assert client.post(act, {"pieces": ["convention", "annexe1"], "scan": upload(b"MZ")}).status_code == 422
    assert client.post(act, {"pieces": ["convention", "annexe1"], "scan": upload(a_pdf())}).status_code == 302
    page = client.get(change).content.decode()
    assert "à joindre" not in page
    assert page.count("PDF signé") == 4
    assert client.get(f"/admin/conventions/convention/{convention.pk}/pdf/").status_code == 409


def upload(content):
    file = BytesIO(content)
    file.name = "signe.pdf"
    return file
