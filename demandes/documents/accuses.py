"""What a lieu's software acknowledges: references, as XML or as a JSON list (TEL-4.e)."""

import json
from typing import Any

from lxml import etree

from demandes.documents.xml_reader import NAMESPACE, REFERENCE

MOST = 10_000
LARGEST = 2 * 1024**2


class Unusable(Exception):
    """It is no list of references; `status` says in which way."""

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


def read(data: bytes, media_type: str) -> list[str]:
    """The references, each once. Raises Unusable; nothing of what was sent is repeated."""
    if media_type == "application/json":
        found = _from_json(data)
    elif media_type in ("application/xml", "text/xml"):
        found = _from_xml(data)
    else:
        raise Unusable(415, "Envoyez les références en application/xml ou en application/json.")
    if len(found) > MOST:
        raise Unusable(413, "Envoyez 10 000 références au plus à la fois.")
    if not all(REFERENCE.fullmatch(one) for one in found):
        raise Unusable(422, "Une référence compte 1 à 64 lettres sans accent, chiffres, points, tirets ou soulignés.")
    return list(dict.fromkeys(found))


def _from_json(data: bytes) -> list[str]:
    try:
        said: Any = json.loads(data)
    except (ValueError, RecursionError):
        raise Unusable(400, "Ce n’est pas du JSON bien formé.") from None
    if not isinstance(said, list) or not all(isinstance(one, str) for one in said):
        raise Unusable(422, 'Une liste de références est attendue : ["ME-2026-0000001"].')
    return said


def _from_xml(data: bytes) -> list[str]:
    if b"<!DOCTYPE" in data:
        raise Unusable(422, "Une déclaration DOCTYPE est interdite.")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root: Any = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise Unusable(400, "Ce n’est pas du XML bien formé.") from None
    if root.getroottree().docinfo.doctype:  # in an encoding that hid it
        raise Unusable(422, "Une déclaration DOCTYPE est interdite.")
    for prefix in ("", f"{{{NAMESPACE}}}"):
        plain = not root.attrib and not any(len(one) or one.attrib for one in root)
        if root.tag == f"{prefix}accuses" and plain and all(one.tag == f"{prefix}reference" for one in root):
            return [(one.text or "").strip() for one in root]
    raise Unusable(422, "Un élément accuses est attendu, qui ne contient que des éléments reference.")
