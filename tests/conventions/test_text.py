"""The convention's text: each clause of the reference has its article, and nothing unbuilt is promised (CON-11)."""

import re
from io import BytesIO
from pathlib import Path

import pypdf
import pytest
from django.template.loader import render_to_string
from lxml import html

from conventions import queries
from conventions.documents import clauses
from conventions.documents import convention as document
from conventions.services import register
from extranet.core.documents import store
from tests.factories import NOW, LieuFactory, PersonneInscriteFactory
from tests.plugins import rules

pytestmark = pytest.mark.django_db
STATES = rules.read(rules.RULES.read_text(encoding="utf-8"))
REFERENCE = [name for name in STATES if re.fullmatch(r"CON-11\.[d-y]", name)]
NOTE = Path(__file__).resolve().parents[2] / "docs/guides/convention-note-juristes.md"
DIRECTION = {
    "directeur_civilite": "Mme",
    "directeur_prenom": "Claude",
    "directeur_nom": "Exemple",
    "directeur_qualite": "directrice par intérim",
}


def plain(text):
    return " ".join(text.replace("\xa0", " ").split())


@pytest.fixture
def acte():
    lieu = LieuFactory(a_signer=True)
    PersonneInscriteFactory(lieu=lieu)
    return queries.founding_acte(lieu.conventions.get())


@pytest.fixture
def articles(acte):
    """Anchor → the article's words, title included."""
    page = html.document_fromstring(render_to_string(document.TEMPLATE, document.context_of(acte)))
    found, current = {}, ""
    for node in page.iter("h1", "h2", "p", "li"):
        current = node.get("id", "") if node.tag in ("h1", "h2") else current
        found.setdefault(current, []).append(plain(node.text_content()))
    return {name: " ".join(parts) for name, parts in found.items()}


@pytest.mark.rule("CON-11.a")
def test_each_clause_of_the_reference_has_its_article():
    assert len(REFERENCE) == 22
    assert sorted(clauses.CARRIED) == sorted(REFERENCE)
    assert all(passage.words for passages in clauses.CARRIED.values() for passage in passages)


@pytest.mark.parametrize("clause", [pytest.param(name, marks=pytest.mark.rule(name)) for name in REFERENCE])
def test_the_article_says_what_the_clause_says(articles, clause):
    for passage in clauses.CARRIED[clause]:
        assert passage.article in articles
        for words in passage.words:
            assert words in articles[passage.article], f"{passage.article}: {words}"


@pytest.mark.rule("CON-11.c")
def test_what_the_text_says_of_the_portal_is_built(articles):
    text = " ".join(articles.values())
    for promise, needed in clauses.PROMISES.items():
        assert promise in text, promise
        assert [name for name in needed if not STATES[name]] == [], promise
    unnamed = [
        sentence
        for sentence in re.split(r"(?<=[.;]) ", text)
        if "portail" in sentence and "Convention d’accès" not in sentence
        if not any(promise in sentence for promise in clauses.PROMISES)
    ]
    assert unnamed == []


@pytest.mark.rule("CON-11.b")
def test_the_note_for_lawyers_quotes_what_is_added_as_the_text_says_it(articles):
    quotes = re.findall(r"^\| (\d+) \| « ([^»]+) » \|", plain_lines(NOTE.read_text(encoding="utf-8")), re.MULTILINE)
    assert len(quotes) >= 10
    by_number = {match[1]: words for words in articles.values() if (match := re.match(r"Article (\d+)\.", words))}
    assert [quote for number, quote in quotes if quote not in by_number[number]] == []


def plain_lines(text):
    return "\n".join(plain(line) for line in text.splitlines())


@pytest.mark.rule("CON-2.i")
@pytest.mark.rule("CON-11.y")
@pytest.mark.parametrize("named", [True, False])
def test_the_caf_signs_by_its_director_by_name_where_its_settings_give_one(acte, named):
    caf = acte.convention.lieu.caf
    for name, value in DIRECTION.items() if named else ():
        setattr(caf, name, value)
    caf.save()
    page = html.document_fromstring(render_to_string(document.TEMPLATE, document.context_of(acte)))
    blocks = [plain(block.text_content()) for block in page.find_class("signatures")]
    assert len(blocks) == 2
    parties = plain(page.find_class("parties")[0].text_content())
    for block in blocks:
        if named:
            assert "Nom et prénom : Madame Claude ExempleQualité : directrice par intérim" in block
        else:
            assert "La directrice ou le directeurNom et prénom :Fait à :" in block
    assert ("représentée par Madame Claude Exemple, directrice par intérim," in parties) is named
    assert ("représentée par sa directrice ou son directeur," in parties) is not named


@pytest.mark.rule("CON-1.a")
@pytest.mark.rule("CON-1.b")
def test_the_paper_made_has_every_article_and_says_its_version(acte):
    acte.pieces.update(text_version="2026-1")  # prepared before this text, never rendered
    made = register.keep_pdf(acte, now=NOW)
    assert {*acte.pieces.values_list("text_version", flat=True)} == {document.TEXT_VERSION}
    pages = pypdf.PdfReader(BytesIO(store.read(made))).pages
    text = plain(" ".join(page.extract_text() for page in pages))
    for number in range(1, 22):
        assert f"Article {number}." in text
    assert f"Version du texte : {document.TEXT_VERSION}" in text
    assert len(pages) <= 8
