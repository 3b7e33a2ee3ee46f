"""A lieu comes into the register with its convention; the paper handed over is kept as it was."""

import hashlib
from dataclasses import replace
from datetime import date, timedelta
from io import BytesIO
from uuid import uuid4

import pypdf
import pytest
from django.db import IntegrityError, transaction
from django.http import Http404

from conventions import queries
from conventions.documents import convention as document
from conventions.models import Convention, Couverture, Gestionnaire, Lieu
from conventions.rules import GestionnaireDonne, LieuDonne, PersonneDonnee
from conventions.services import register
from conventions.workflow import EtatConvention
from extranet.core.documents import store
from extranet.core.errors import Forbidden, Refused
from extranet.core.journal.models import Entry
from extranet.portal import integrity
from tests.factories import NOW, AgentFactory, CommuneFactory, ConventionFactory, GestionnaireFactory, LieuFactory

pytestmark = pytest.mark.django_db

LIEU = LieuDonne(
    nom="RPE « Les Lucioles »",
    nature="rpe",
    adresse="12 rue des Écoles",
    code_postal="77820",
    ville="Le Châtelet-en-Brie",
    telephone="+33160000001",
    courriel="lucioles@lieu.test",
    site="",
)
GESTIONNAIRE = GestionnaireDonne(
    nom="Communauté de communes Brie des Rivières et Châteaux",
    nature="epci",
    siren="200070779",
    adresse="1 place de la Mairie",
    code_postal="77820",
    ville="Le Châtelet-en-Brie",
    representant_civilite="Mme",
    representant_nom="Léger",
    representant_prenom="Noa",
    representant_qualite="présidente",
)
PERSONNE = PersonneDonnee(
    civilite="Mme",
    nom="Petit",
    prenom="Alix",
    courriel="alix@lieu.test",
    service="Petite enfance",
    fonction="animatrice",
)


def prepare(agent, **changes):
    given = {"gestionnaire": GESTIONNAIRE, "lieu": LIEU, "personnes": [PERSONNE]} | changes
    given.setdefault("communes", [CommuneFactory().pk, CommuneFactory(melun=True).pk])
    return register.prepare(caf=agent.caf_id, by=agent.user, now=NOW, **given)


@pytest.fixture
def agent():
    return AgentFactory()


@pytest.mark.rule("CON-2.l")
@pytest.mark.rule("HAB-7.a")
def test_what_is_prepared_waits_for_signatures(agent):
    convention = prepare(agent)
    assert (convention.state, convention.in_force_from) == (EtatConvention.PREPARATION, None)
    assert convention.numero == "CONV-77-2026-0001"
    assert convention.lieu.code == "RPE-77-CHATELET"
    assert convention.accepted_by == agent.user
    communes, personnes = queries.lines_of(queries.founding_acte(convention))
    assert [line.commune_id for line in communes] == ["77100", "77288"]
    assert [line.courriel for line in personnes] == ["alix@lieu.test"]
    assert {line.from_on for line in [*communes, *personnes]} == {None}
    assert not queries.lieux_covering("77100", NOW).exists()
    assert not queries.personnes_in_force(NOW).exists()


@pytest.mark.rule("CON-7.a")
def test_a_second_lieu_of_the_same_siren_shares_the_gestionnaire_and_has_its_own_code_and_number(agent):
    first, second = prepare(agent), prepare(agent, gestionnaire=replace(GESTIONNAIRE, nom="Autre nom"))
    assert first.lieu.gestionnaire == second.lieu.gestionnaire
    assert Gestionnaire.objects.get().nom == GESTIONNAIRE.nom  # a convention stands: an avenant only changes it
    assert (second.numero, second.lieu.code) == ("CONV-77-2026-0002", "RPE-77-CHATELET-2")


@pytest.mark.rule("CON-8.b")
def test_a_gestionnaire_whose_conventions_are_over_is_brought_up_to_date_and_what_was_said_of_it_stays(agent):
    lieu = LieuFactory(gestionnaire__siren=GESTIONNAIRE.siren, convention_finie=True)
    convention = prepare(agent)
    signer = lieu.gestionnaire
    signer.refresh_from_db()
    assert signer == convention.gestionnaire
    assert signer.representant_nom == "Léger"
    today = NOW.date()
    assert queries.identity_on(signer, today - timedelta(days=1)).representant_nom == "Moreau"
    now = queries.identity_on(signer, today)
    assert (now.representant_nom, now.opened_by) == ("Léger", queries.founding_acte(convention))
    assert now.courriel_registre == "officiel@cc.test"  # not the application's to say
    assert list(integrity.identities(NOW)) == []


@pytest.mark.rule("CON-8.b")
def test_the_paper_says_the_parties_as_they_were_on_its_day(agent):
    convention = prepare(agent)
    later = NOW + timedelta(days=40)
    changed = {"courriel": "neuf@lieu.test", "source": "Avenant à venir"}
    register.identify(convention.lieu, {"nom": "Autre nom"}, source="essai", by=agent.user, now=later)
    register.correct_official_address(
        gestionnaire_uuid=convention.gestionnaire.uuid, by=agent.user, now=later, **changed
    )
    convention.refresh_from_db()
    context = document.context_of(queries.founding_acte(convention))
    assert (convention.lieu.nom, context["lieu"].nom) == ("Autre nom", LIEU.nom)
    assert (context["gestionnaire"].courriel_registre, context["siren"]) == ("", GESTIONNAIRE.siren)
    assert list(integrity.identities(later)) == []


@pytest.mark.rule("CON-8.b")
def test_the_check_finds_a_name_changed_behind_the_register(agent):
    lieu = LieuFactory()
    assert list(integrity.identities(NOW)) == list(integrity.own_lines(NOW)) == []
    Lieu.objects.update(courriel="ailleurs@lieu.test")
    Gestionnaire.objects.update(courriel_registre="complice@lieu.test")
    found = [f"lieu {lieu.pk}: its columns", f"gestionnaire {lieu.gestionnaire.pk}: its columns"]
    assert [line.partition(" are")[0] for line in integrity.identities(NOW)] == found
    lieu.identites.update(until_on=NOW.date())
    assert f"lieu {lieu.pk}: no identity holds now" in list(integrity.identities(NOW))
    Couverture.objects.update(lieu=LieuFactory(convention__communes=[]))
    assert len(list(integrity.own_lines(NOW))) == 1


@pytest.mark.rule("CON-8.b")
def test_two_changes_on_one_day_are_both_kept_and_the_later_holds(agent):
    gestionnaire = GestionnaireFactory()
    given = {"gestionnaire_uuid": gestionnaire.uuid, "source": "site officiel", "by": agent.user, "now": NOW}
    for address in ("un@ville.test", "deux@ville.test"):
        register.correct_official_address(courriel=address, **given)
    gestionnaire.refresh_from_db()
    assert gestionnaire.courriel_registre == queries.identity_on(gestionnaire, NOW.date()).courriel_registre
    kept = gestionnaire.identites.order_by("pk").values_list("courriel_registre", "source", "until_on")
    assert list(kept) == [
        ("officiel@cc.test", "essai", NOW.date() - timedelta(days=1)),
        ("un@ville.test", "site officiel", NOW.date()),
        ("deux@ville.test", "site officiel", None),
    ]
    with pytest.raises(Refused):
        register.correct_official_address(courriel="trois@ville.test", **given | {"source": " "})


@pytest.mark.rule("CON-10.a")
def test_a_lieu_has_one_open_convention():
    lieu = LieuFactory()
    with pytest.raises(IntegrityError), transaction.atomic():
        Convention.objects.create(numero="C-2", lieu=lieu, gestionnaire=lieu.gestionnaire, created_at=NOW)
    lieu.conventions.update(ended_on=date(2027, 1, 15))
    Convention.objects.create(numero="C-2", lieu=lieu, gestionnaire=lieu.gestionnaire, created_at=NOW)


@pytest.mark.rule("CON-10.b")
def test_two_lieux_may_cover_one_commune():
    first, second = LieuFactory(), LieuFactory()
    assert set(queries.lieux_covering("77100", NOW)) == {first, second}
    assert queries.lieux_by_commune(NOW)["77100"] == sorted([first.pk, second.pk])


@pytest.mark.rule("CON-3.b")
@pytest.mark.rule("CON-5.c")
@pytest.mark.rule("CON-6.a")
@pytest.mark.parametrize(
    ("situation", "covers"),
    [({}, True), ({"suspendue": True}, False), ({"convention_finie": True}, False), ({"a_signer": True}, False)],
)
def test_a_lieu_covers_its_communes_while_its_convention_holds(situation, covers):
    LieuFactory(**situation)
    assert queries.lieux_covering("77100", NOW + timedelta(days=3_000)).exists() is covers


@pytest.mark.rule("CON-6.a")
def test_the_last_day_of_a_convention_still_counts_and_the_next_does_not():
    ConventionFactory(lieu=LieuFactory(sans_convention=True), ended_on=date(2026, 11, 23))
    assert queries.lieux_in_force(NOW).exists()
    assert queries.lieux_in_force(NOW.replace(hour=22, minute=59)).exists()
    assert not queries.lieux_in_force(NOW.replace(hour=23)).exists()  # 00:00 in Paris


@pytest.mark.rule("CON-1.a")
def test_the_paper_names_the_parties_the_articles_and_annexe_1(agent):
    kept = register.keep_pdf(queries.founding_acte(prepare(agent)), now=NOW)
    reader = pypdf.PdfReader(BytesIO(store.read(kept)))
    text = " ".join(" ".join(page.extract_text() for page in reader.pages).split())
    for expected in [
        "CONV-77-2026-0001",
        agent.caf.nom.replace("’", "'"),
        GESTIONNAIRE.nom,
        "SIREN 200070779",
        "Madame Noa Léger, présidente",
        "RPE « Les Lucioles »",
        *(f"Article {number}." for number in range(1, 22)),
        "quinze jours calendaires",
        "plus de six mois",
        "au moins trois mois avant",
        "Signatures de la convention",
        "Annexe 1",
        "Le Châtelet-en-Brie",
        "77288",
        "alix@lieu.test",
        "Signatures de l’annexe 1",
    ]:
        assert expected in text.replace(" ", " ").replace("\u202f", " ") or expected.replace("'", "’") in text, expected
    assert 5 <= len(reader.pages) <= 8


@pytest.mark.rule("CON-1.b")
def test_the_paper_kept_never_changes(agent):
    acte = queries.founding_acte(prepare(agent))
    kept = register.keep_pdf(acte, now=NOW)
    first = store.read(kept)
    assert {hashlib.sha256(first).hexdigest()} == {*acte.pieces.values_list("pdf_sha256", flat=True)} == {kept.sha256}
    Lieu.objects.update(nom="Autre nom")
    again = register.keep_pdf(queries.founding_acte(Convention.objects.get()), now=NOW + timedelta(days=1))
    assert (again, store.read(again)) == (kept, first)


@pytest.mark.rule("ACT-1.e")
def test_the_official_address_is_written_by_an_agent_of_the_caf_with_its_origin(agent):
    gestionnaire = GestionnaireFactory()
    given = {"courriel": "mairie@ville.test", "source": "site officiel", "now": NOW}
    register.correct_official_address(gestionnaire_uuid=gestionnaire.uuid, by=agent.user, **given)
    gestionnaire.refresh_from_db()
    assert gestionnaire.courriel_registre == "mairie@ville.test"
    assert Entry.objects.get(event="gestionnaire.courriel-officiel").details["source"] == "site officiel"
    for person, answer in [(AgentFactory(essonne=True), Http404), (AgentFactory(lecteur=True), Forbidden)]:
        with pytest.raises(answer):
            register.correct_official_address(gestionnaire_uuid=gestionnaire.uuid, by=person.user, **given)
    with pytest.raises(Http404):
        register.correct_official_address(gestionnaire_uuid=uuid4(), by=agent.user, **given)
