"""Every text marked for families is in the file of each other language, and what runs is that file (DEM-9)."""

import ast
import gettext
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(settings.BASE_DIR)
FILES = sorted((ROOT / "extranet" / "locale").glob("*/LC_MESSAGES/django.po"))
MARKS = {"_": 1, "gettext": 1, "gettext_lazy": 1, "gettext_noop": 1, "ngettext": 2, "ngettext_lazy": 2}
QUOTED = r"""\s*u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
IN_TEMPLATE = re.compile(rf"\b(?:(?:_|gettext)\({QUOTED}|ngettext\({QUOTED},{QUOTED})")
PLACE = re.compile(r"%\((\w+)\)[sd]|<[^>]+>")


def marked_in_templates():
    for path in sorted((ROOT / "templates").rglob("*.*")):
        if path.suffix in (".html", ".txt"):
            for one, first, second in IN_TEMPLATE.findall(templatize(path.read_text(encoding="utf-8"))):
                yield tuple(ast.literal_eval(text) for text in (one or first, second) if text)


def marked_in_code():
    for app in ("extranet", "demandes", "habilitations", "conventions"):
        for path in sorted((ROOT / app).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in MARKS:
                    texts = node.args[: MARKS[node.func.id]]
                    if all(isinstance(text, ast.Name | ast.Attribute) for text in texts):
                        continue
                    yield tuple(ast.literal_eval(text) for text in texts)


def read(path):
    """(msgid, msgid_plural) → what the file says for it."""
    found = {}
    for entry in path.read_text(encoding="utf-8").split("\n\n"):
        said, name = {}, ""
        for line in entry.splitlines():
            assert not line.startswith(("#, fuzzy", "#~")), line
            if line.startswith("#"):
                continue
            word, _space, rest = line.partition(" ") if line.startswith("msg") else ("", "", line)
            name = word or name
            said[name] = said.get(name, "") + ast.literal_eval(rest)
        key = tuple(said[name] for name in ("msgid", "msgid_plural") if name in said)
        assert key not in found, key
        found[key] = [text for name, text in said.items() if name.startswith("msgstr")]
    return found


@pytest.mark.rule("DEM-9.a")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parts[-3])
def test_every_marked_text_is_translated_whole_and_nothing_else_is(path):
    said = read(path)
    del said[("",)]
    marked = {*marked_in_templates(), *marked_in_code()}
    assert len(marked) > 300
    assert said.keys() == marked
    for texts, translations in said.items():
        assert all(text.strip() for text in translations), texts
        places = [sorted(match.group() for match in PLACE.finditer(text)) for text in (*texts, *translations)]
        assert all(places[0] == other or texts[1:] for other in places), texts  # a plural may name its number, or not


@pytest.mark.rule("DEM-9.a")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parts[-3])
def test_what_runs_is_what_the_file_says(path):
    with path.with_suffix(".mo").open("rb") as file:
        runs = gettext.GNUTranslations(file)
    for texts, translations in read(path).items():
        if len(texts) == 1 and texts != ("",):
            assert runs.gettext(texts[0]) == translations[0]
        elif len(texts) == 2:
            assert [runs.ngettext(*texts, number) for number in (1, 2)] == translations
    assert {key[0] if isinstance(key, tuple) else key for key in runs._catalog} == {key[0] for key in read(path)}
