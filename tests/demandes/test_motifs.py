"""What is kept of a record set aside is a code and neutral details; its sentence comes later (ING-3, DEM-9)."""

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from demandes.documents.motifs import SENTENCES, Motif, said, sentence

PLACE = re.compile(r"%\((\w+)\)s")
FILES = [
    path for room in ("services", "documents") for path in (Path(settings.BASE_DIR) / "demandes" / room).glob("*.py")
]


def used():
    """Every code that the app gives, with the names of its details where they are written out."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Motif":
                details = node.args[1] if len(node.args) > 1 else ast.Dict([], [])
                names = {key.value for key in details.keys} if isinstance(details, ast.Dict) else None
                for code in ast.walk(node.args[0]):
                    if isinstance(code, ast.Constant) and code.value not in ("MAX",):
                        yield code.value, names
            elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "_remark":
                yield node.args[0].value, set()


@pytest.mark.rule("ING-3.c")
@pytest.mark.rule("ING-3.d")
def test_every_code_has_a_sentence_that_its_details_fill_and_every_sentence_a_code():
    found = list(used())
    assert {code for code, _names in found} == SENTENCES.keys()
    for code, names in found:
        assert names is None or set(PLACE.findall(str(SENTENCES[code]))) == names, code


@pytest.mark.rule("DEM-9.a")
def test_the_sentence_is_in_the_language_of_who_reads_it():
    kept = [["vide", {"champ": "nom"}], ["trop-long", {"champ": "message", "nombre": 2000}]]
    assert said(kept) == "Nom\u00a0: vide. Message\u00a0: plus de 2000 caractères."
    with translation.override("en"):
        assert said(kept) == "Last name: empty. Message: more than 2000 characters."
    assert sentence(Motif("valeur", {"nom": ""})) == "Valeur non permise\u00a0: inconnu."
