"""The corpus of hostile deliveries: each with its expected answer, beside those of test_deliveries (ING-2, ING-3)."""

import gzip
import re
import zlib

import pytest

from bench.deliveries import HEAD, record
from demandes.documents import xml_reader
from demandes.documents.xml_reader import XSI
from tests.demandes.test_deliveries import FAULTS, NOW, WHOLE, file_of

TEXT = file_of(record(1, NOW))
BARE, EMPTY = TEXT.split("\n", 1)[1], file_of()
NS = 'xmlns="urn:extranet-partenaires:demandes:1"'
WHEN, CHILD = NOW.isoformat(), "<enfant><date-naissance>2026-01-01</date-naissance></enfant>"
AT = f'retire-le="{WHEN}"'


def changed(old, new, text=TEXT):
    assert old in text, old
    return text.replace(old, new, 1).encode()


def alone(text):
    """In a delivery without any demande."""
    return changed("</demandes>", f"{text}</demandes>", EMPTY)


def wide(count, name):
    """The first name of a family, with so many attributes."""
    return changed("<nom>", "<nom " + " ".join(name.format(n) for n in range(count)) + ">")


def declared(head, text=BARE):
    return (head + text).encode()


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
REFUSED = {
    "billion laughs": (declared(f'<!DOCTYPE d [<!ENTITY l0 "ha">{LAUGHS}]>'), "doctype"),
    "quadratic blow-up": (declared(f'<!DOCTYPE d [<!ENTITY a "{"a" * 50_000}">]>'), "doctype"),
    "parameter entity": (declared('<!DOCTYPE d [<!ENTITY % p SYSTEM "http://127.0.0.1/x"> %p;]>'), "doctype"),
    "external DTD": (declared('<!DOCTYPE d SYSTEM "http://127.0.0.1/x.dtd">'), "doctype"),
    "public DTD": (declared('<!DOCTYPE d PUBLIC "-//X//Y" "file:///etc/passwd">'), "doctype"),
    "DTD with default attributes": (declared("<!DOCTYPE d [<!ATTLIST demande a CDATA 'x'>]>"), "doctype"),
    "DOCTYPE after a comment": (declared("<!-- a --><!DOCTYPE demandes>"), "doctype"),
    "entity that nobody declared": (changed("<nom>Fiction", "<nom>&passwd;"), "mal-forme"),
    "two roots": ((TEXT + "<a/>").encode(), "mal-forme"),
    "text after the root": ((TEXT + "bonjour").encode(), "mal-forme"),
    "text before the root": (declared("bonjour"), "mal-forme"),
    "text between demandes": (changed("  <demande ", "bonjour <demande "), "texte-dehors"),
    "CDATA between demandes": (changed("  <demande ", "<![CDATA[x]]><demande "), "texte-dehors"),
    "tags that cross": (changed("</prenom>", "</nom>"), "mal-forme"),
    "an attribute twice": (changed(" deposee-le=", ' reference="ME-2" deposee-le='), "mal-forme"),
    "an attribute without quotes": (changed('reference="ME-0000001"', "reference=ME-1"), "mal-forme"),
    "less-than in an attribute": (changed("ME-0000001", "<ME-1"), "mal-forme"),
    "NUL": (changed("Fiction", "Fic\x00tion"), "mal-forme"),
    "control character": (changed("Fiction", "Fic\x08tion"), "mal-forme"),
    "character that XML has not": (changed("Fiction", "&#0;"), "mal-forme"),
    "surrogate by number": (changed("Fiction", "&#xD800;"), "mal-forme"),
    "overlong UTF-8": (TEXT.encode().replace(b"Fiction", b"\xc0\xafabc"), "mal-forme"),
    "UTF-8 that stops in a character": (TEXT.encode().replace(b"Fiction", b"\xc3"), "mal-forme"),
    "UTF-16 without a mark": (TEXT.encode("utf-16-be"), "codage"),
    "UTF-32": (TEXT.encode("utf-32"), "codage"),
    "encoding that nobody knows": (changed("UTF-8", "x-rien"), "codage"),
    "UTF-7 declared": (changed("UTF-8", "UTF-7"), "codage"),
    "blanks only": (b"  \n \t ", "incomplet"),
    "declaration only": (b'<?xml version="1.0"?>', "incomplet"),
    "cut in a tag": (TEXT.encode()[: TEXT.index("<prenom>") + 3], "incomplet"),
    "cut in a comment": (changed("</demandes>", "<!-- "), "incomplet"),
    "two declarations": (TEXT.splitlines()[0].encode() + TEXT.encode(), "mal-forme"),
    "json": (b'{"demandes": []}', "mal-forme"),
    "html": (b"<html><body>Erreur 502</body></html>", "racine"),
    "no namespace": (changed(f" {NS}", ""), "espace-de-noms"),
    "root of another case": (TEXT.replace("demandes xmlns", "D xmlns").replace("</demandes", "</D").encode(), "racine"),
    "a moment without offset": (changed("+00:00\">\n  <dem", "\">\n  <dem"), "racine-non-conforme"),
    "unknown attribute of the root": (changed(" emis-le=", ' xml:lang="fr" emis-le='), "racine-non-conforme"),
    "too many namespaces": (wide(21, 'xmlns:a{0}="u:{0}"'), "espaces-de-noms"),
    "a namespace too long": (changed("<nom>", f'<nom xmlns:a="{"u" * 1_001}">'), "espaces-de-noms"),
    "zip": (b"PK\x03\x04" + b"\x00" * 40, "mal-forme"),
    "gzip of nothing": (gzip.compress(b""), "fichier-vide"),
    "gzip with a wrong sum": (gzip.compress(TEXT.encode())[:-8] + b"\x00" * 8, "compresse"),
    "gzip head alone": (b"\x1f\x8b", "compresse"),
    "gzip in gzip": (gzip.compress(gzip.compress(TEXT.encode())), "codage"),
    "zlib": (zlib.compress(TEXT.encode()), "mal-forme"),
    "gzip bomb of blanks in a text": (gzip.compress(changed("Fiction", "F" + " " * 9_000_000)), "decompresse"),
    "deep in a demande": (changed("</demande>", "<a>" * 11 + "</a>" * 11 + "</demande>"), "imbrique"),
}  # fmt: skip
SET_ASIDE = {
    "no reference": (changed(' reference="ME-0000001"', ""), "attribut-absent"),
    "a reference that is markup": (changed("ME-0000001", "&lt;b&gt;"), "reference"),
    "a reference too long": (changed("ME-0000001", "M" * 65), "reference"),
    "path in the code of the commune": (changed("77100", "../etc"), "commune-inconnue"),
    "unknown child of the root": (alone("<autre/>"), "autre-element"),
    "demande of no namespace": (alone('<demande xmlns=""/>'), "autre-element"),
    "an empty demande": (alone("<demande/>"), "demande-vide"),
    "schema location in a demande": (changed("<nom>", f'<nom xmlns:i="{XSI}" i:nil="1">'), "attribut-inconnu"),
    "fifty-one attributes": (wide(51, 'a{0}="1"'), "attributs"),
    "a thousand and one elements": (changed("<enfants>", "<enfants>" + "<enfant/>" * 1_000), "trop-volumineuse"),
    "257 KiB of text": (changed("Fiction", "F" * 257 * 1024), "trop-volumineuse"),
    "eleven children": (changed("<enfants>", "<enfants>" + CHILD * 10), "element-inattendu"),
    "the thirtieth of February": (changed("<enfants>", "<enfants>" + CHILD.replace("01-01", "02-30")), "valeur"),
    "day with a zone": (changed("</a-partir-du>", "Z</a-partir-du>"), "valeur"),
    "year 0000": (changed(f'deposee-le="{WHEN[:4]}', 'deposee-le="0000'), "valeur"),
    "line end in an address": (changed("<telephone>", "<courriel>a@b.fr\nBcc: c@d.fr</courriel><telephone>"), "valeur"),
    "two addresses": (changed("<telephone>", "<courriel>a@b.fr,c@d.fr</courriel><telephone>"), "valeur"),
    "script where a number is": (changed("+33600000001", "&lt;script&gt;"), "telephone"),
    "nobody to be reached": (changed("<telephone>+33600000001</telephone>", ""), "injoignable"),
    "a telephone after the address": (
        changed("<telephone>+33600000001</telephone>", "").replace(
            b"</adresse>", b"</adresse><telephone>+33600000001</telephone>"
        ),
        "element-inattendu",
    ),
    "no mode among the modes": (changed("<mode>creche-collective</mode>", ""), "modes"),
    "no modes": (changed("<modes><mode>creche-collective</mode></modes>", ""), "modes"),
    "no child": (re.sub(b"<enfants>.*</enfants>", b"<enfants/>", TEXT.encode()), "sans-enfant"),
    "order": (changed("<nom>Fiction</nom>", "").replace(b"</prenom>", b"</prenom><nom>F</nom>"), "element-inattendu"),
    "a retrait with a child": (alone(f'<retrait reference="A" {AT}><a/></retrait>'), "valeur"),
    "a retrait without its moment": (alone('<retrait reference="A"/>'), "attribut-absent"),
    "a retrait with a text": (alone(f'<retrait reference="A" {AT}>x/></retrait>'), "valeur"),
    "a demande after a retrait": (changed("<demande ", f'<retrait reference="A" {AT}/><demande '), "apres-un-retrait"),
}  # fmt: skip


@pytest.mark.rule("ING-2.b")
@pytest.mark.rule("ING-3.a")
@pytest.mark.parametrize("kind", REFUSED)
def test_refused_whole_with_its_reason(tmp_path, kind):
    content, code = REFUSED[kind]
    (path := tmp_path / "l.xml").write_bytes(content)
    with pytest.raises(xml_reader.Unreadable) as refused:
        list(xml_reader.records(path))
    assert refused.value.motifs[0].code == code
    assert "passwd" not in str(refused.value)


@pytest.mark.rule("ING-3.b")
@pytest.mark.rule("ING-3.c")
@pytest.mark.parametrize("kind", SET_ASIDE)
def test_set_aside_with_its_reason_the_others_go_through(tmp_path, kind):
    content, code = SET_ASIDE[kind]
    before = record(2, NOW).encode()
    (path := tmp_path / "l.xml").write_bytes(content.replace(b'+00:00">\n', b'+00:00">\n' + before, 1))
    sound, *others = xml_reader.records(path)
    assert sound.reference == "ME-0000002"
    assert sound.motif is None
    assert [one.motif.code for one in others if one.motif] == [code], others
    assert "script" not in str(others)


def test_the_corpus_has_sixty_cases_and_more():
    assert len(REFUSED) + len(SET_ASIDE) + len(FAULTS) + len(WHOLE) >= 60
    assert HEAD.count("{at}") == 1
