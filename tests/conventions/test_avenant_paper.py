"""The paper of an avenant: what changes, article by article, and the annexe 1 that results (CON-7.c)."""

import hashlib
from datetime import UTC, datetime
from io import BytesIO

import pypdf
import pytest

from conventions import queries
from conventions.documents import avenant as document
from conventions.rules import PersonneDonnee
from conventions.services import avenants, register
from extranet.core.documents import store
from tests.factories import AgentFactory, CommuneFactory, LieuFactory, PersonneInscriteFactory

pytestmark = [pytest.mark.django_db, pytest.mark.rule("CON-7.c")]
PREPARED = datetime(2025, 11, 17, 9, tzinfo=UTC)


def text_of(stored):
    with store.open_file(stored) as file:
        content = file.read()
    words = " ".join(page.extract_text() for page in pypdf.PdfReader(BytesIO(content)).pages)
    return " ".join(words.replace("\xa0", " ").split()), content


@pytest.fixture
def lieu():
    CommuneFactory(melun=True)
    return LieuFactory(convention__communes=["77100", "77288"])


def prepare(of, **changes):
    convention = of.conventions.get()
    return avenants.prepare(convention_uuid=convention.uuid, by=AgentFactory().user, now=PREPARED, **changes)


def test_it_says_what_changes_and_the_annexe_that_results_and_is_kept_as_handed_over(lieu):
    alix = PersonneInscriteFactory(lieu=lieu, nom="Petit", prenom="Alix", courriel="alix@lieu.test")
    noe = PersonneInscriteFactory(lieu=lieu, nom="Durand", prenom="Noé", courriel="noe@lieu.test")
    CommuneFactory(pk="77487", nom="Vaux-le-Pénil", nom_recherche="vaux le penil")
    acte = prepare(
        lieu,
        communes_added=["77487"],
        communes_removed=["77100"],
        personnes_added=[PersonneDonnee("M.", "L’Hôpital-Œuf", "Zoé", "zoe@lieu.test", "Accueil", "secrétaire")],
        personnes_removed=[alix.personne.uuid],
        personnes_changed={
            noe.personne.uuid: PersonneDonnee("Mme", "Durand", "Noé", "noe@neuf.test", "Petite enfance", "animatrice")
        },
        lieu={"nom": "RPE Les Tilleuls"},
        gestionnaire={"representant_nom": "Nouveau"},
    )
    kept = register.keep_pdf(acte, now=PREPARED)
    words, content = text_of(kept)
    paper, annexe = words.split("Annexe 1. Communes couvertes et personnes habilitées Annexe à")
    for sentence in (
        f"Avenant n° 1 à la convention n° {acte.convention.numero}",
        "Article 2. Communes couvertes Est ajoutée aux communes de l’annexe 1 :",
        "Vaux-le-Pénil",
        "Est retirée des communes de l’annexe 1 :",
        "Les demandes qui lui ont déjà été transmises lui restent confiées",
        "Article 3. Personnes habilitées",
        "Monsieur Zoé L’Hôpital-Œuf, secrétaire, zoe@lieu.test",
        "noe@neuf.test",
        "L’ancienne adresse n’ouvre alors plus les demandes de ce lieu",
        "Article 4. Identité du gestionnaire et du lieu d’information",
        "RPE Les Tilleuls",
        "Article 6. Prise d’effet",
        "Nom et prénom : Monsieur Dominique Nouveau",  # who signs it is the new one
        "Il ne change ni la durée de la convention, ni sa date anniversaire",
    ):
        assert sentence in paper
    for there in ("Melun", "Vaux-le-Pénil", "zoe@lieu.test", "noe@neuf.test", document.TEXT_VERSION):
        assert there in annexe
    assert [gone for gone in ("Châtelet-en-Brie", "Alix", "noe@lieu.test") if gone in annexe] == []
    assert annexe.count("Pour le gestionnaire") == paper.count("Pour le gestionnaire") == 1
    digest = hashlib.sha256(content).hexdigest()
    assert {*acte.pieces.values_list("pdf_sha256", "text_version")} == {(digest, document.TEXT_VERSION)}
    lieu.gestionnaire.identites.update(representant_nom="Encore un autre")
    assert register.keep_pdf(acte, now=PREPARED) == kept


def test_an_article_is_there_where_something_of_it_changes(lieu):
    words = text_of(register.keep_pdf(prepare(lieu, communes_removed=["77288"]), now=PREPARED))[0]
    assert "Article 2. Communes couvertes" in words
    assert "Article 3. Annexe 1" in words
    assert "Article 4. Prise d’effet" in words
    assert [title for title in ("Personnes habilitées Est", "Identité du", "Est ajoutée") if title in words] == []
    assert [line.commune_id for line in queries.resulting_annexe(lieu.conventions.get().actes.last())[0]] == ["77100"]
