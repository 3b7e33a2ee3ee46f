"""Reading deliveries as a stream (ING-2, ING-3): first the whole file is proven sound, then its records are given one by one."""

import gzip
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO
from xml.parsers import expat

from lxml import etree

SCHEMA = Path(__file__).parent / "demandes-1.xsd"
NAMESPACE = "urn:extranet-partenaires:demandes:1"
NS = f"{{{NAMESPACE}}}"
ROOT, RECORD = f"{NS}demandes", f"{NS}demande"

CHUNK = 1 << 16
MOST_EXPANDED = 2 << 30
MOST_RATIO = 100
SMALL = 1 << 20  # a ratio says nothing of a few kilobytes
DEEPEST = 12
# A child of the root longer than this cannot be held in memory to be set aside: the file is refused.
LONGEST_CHILD = 16 << 20
MOST_TEXT, MOST_ELEMENTS = 256 << 10, 1_000

_TOO_DEEP = etree.XPath("boolean(" + "/".join("*" * (DEEPEST - 1)) + ")")
_COUNT = etree.XPath("count(.//*)")
_TEXT = etree.XPath("string-length(.)")
_ATTRIBUTES = etree.XPath("count(.//@*)")
_DECLARATION = re.compile(rb"^<\?xml\s([^>]*?)\?>", re.DOTALL)
_REFERENCE = re.compile(r"^[A-Za-z0-9._-]{1,64}$")


class Refus(Exception):
    """The file is refused whole; the message says why, in French, without a word of its content."""


@dataclass(slots=True)
class Recue:
    """One demande as it came, in plain values; the same for files and for the form."""

    reference: str
    deposee_le: datetime
    modifiee_le: datetime | None
    commune: str
    lieu: str
    nom: str
    prenom: str
    courriel: str = ""
    telephone: str = ""
    code_postal: str = ""
    ville: str = ""
    allocataire: bool | None = None
    contact_prefere: str = ""
    creneau: str = ""
    enfants: list[dict[str, str]] = field(default_factory=list)
    modes: list[str] = field(default_factory=list)
    besoin: dict[str, Any] = field(default_factory=dict)
    rendez_vous: str = ""
    message: str = ""


@dataclass(slots=True)
class Record:
    """A child of the root: what it says, or why it is set aside."""

    rank: int
    line: int
    reference: str
    recue: Recue | None
    code: str = ""
    motif: str = ""


@cache
def schema() -> etree.XMLSchema:
    """The published schema, compiled once a process."""
    return etree.XMLSchema(etree.parse(str(SCHEMA)))


def open_expanded(path: Path) -> BinaryIO:
    """The file's bytes, expanded when it is gzip (by content, not by name)."""
    with path.open("rb") as probe:
        zipped = probe.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if zipped else path.open("rb")  # type: ignore[return-value]


def _chunks(path: Path) -> Iterator[bytes]:
    """Pieces of the expanded file. Raises Refus when it expands too far or is not there in full."""
    size, total = path.stat().st_size, 0
    with open_expanded(path) as source:
        while True:
            try:
                piece = source.read(CHUNK)
            except (EOFError, OSError, gzip.BadGzipFile, ValueError) as error:
                raise Refus("fichier compressé incomplet ou abîmé") from error
            if not piece:
                return
            total += len(piece)
            if total > MOST_EXPANDED or total > max(SMALL, MOST_RATIO * size):
                raise Refus("fichier trop grand une fois décompressé")
            yield piece


def _check_start(head: bytes) -> None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00", b"<\x00")):
        raise Refus("encodage autre que UTF-8")
    head = head.removeprefix(b"\xef\xbb\xbf")
    if not (match := _DECLARATION.match(head)):
        return
    declaration = match.group(1)
    if not re.search(rb"version\s*=\s*[\"']1\.0[\"']", declaration):
        raise Refus("version de XML autre que 1.0")
    encoding = re.search(rb"encoding\s*=\s*[\"']([^\"']*)[\"']", declaration)
    if encoding and encoding.group(1).lower() not in (b"utf-8", b"utf8"):
        raise Refus("encodage autre que UTF-8")


def _parser() -> etree.XMLPullParser:
    return etree.XMLPullParser(
        events=("end",),
        tag=RECORD,
        huge_tree=False,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )


def _children(path: Path) -> Iterator[etree._Element]:
    """Each complete child of the root, in order, then forgotten. Raises Refus for a file that is not sound."""
    parser, started, since = _parser(), False, 0
    probe = etree.XMLPullParser(events=("start",), huge_tree=False, resolve_entities=False, no_network=True)
    root: etree._Element | None = None
    try:
        for piece in _chunks(path):
            if not started:
                _check_start(piece)
                started = True
            parser.feed(piece)
            if root is None:
                probe.feed(piece)
                root_seen = next((element for _, element in probe.read_events()), None)
                if root_seen is None:
                    continue
                _check_root(root_seen)
            for _, element in parser.read_events():
                if element.getparent() is None or element.getparent().getparent() is not None:
                    continue  # a `demande` deeper down: its record is looked at as a whole
                if root is None:
                    root = element.getparent()
                yield from _forget_until(root, element)
                since = 0
            since += len(piece)
            if since > LONGEST_CHILD:
                raise Refus("un enregistrement est démesuré")
        if not started:
            raise Refus("fichier vide")
        root = parser.close()
    except etree.XMLSyntaxError as error:
        raise Refus(f"XML mal formé, ligne {error.lineno or 1}") from error
    _check_root(root)
    yield from _forget_until(root, None)


def _forget_until(root: etree._Element, last: etree._Element | None) -> Iterator[etree._Element]:
    """The children of the root up to `last` (all when None), each removed once it was used."""
    while (child := next(iter(root), None)) is not None:
        yield child
        done = child is last
        root.remove(child)
        if done:
            return


def _check_root(root: etree._Element) -> None:
    info = root.getroottree().docinfo
    if info.doctype or info.internalDTD is not None:
        raise Refus("DOCTYPE interdit")
    if root.tag != ROOT:
        raise Refus("racine ou espace de noms inconnus")
    if root.get("version") != "1.0":
        raise Refus("version du schéma inconnue")
    bare = etree.Element(root.tag, nsmap={None: NAMESPACE})
    for name, value in root.items():
        bare.set(name, value)
    if not schema().validate(bare):
        raise Refus("attributs de la racine non conformes au schéma (emis-le, emetteur)")


def check_file(path: Path) -> None:
    """ING-3: raise Refus unless the whole file is there, well-formed, ours, and nowhere too deep or too long."""
    for child in _children(path):
        if _TOO_DEEP(child):
            raise Refus(f"plus de {DEEPEST} niveaux d’éléments")


def records(path: Path, *, skip: int = 0) -> Iterator[Record]:
    """Every child of the root after the first `skip`, as a record to take or to set aside. The file was checked before."""
    lines = Lines(path)
    for rank, child in enumerate(_children(path), start=1):
        if rank > skip:
            yield _record(rank, child, lines)


class Lines:
    """The line of a child of the root; the parser's own count stops at 65,535, so beyond it a second reader counts once."""

    def __init__(self, path: Path):
        self.path = path
        self.starts: array[int] | None = None

    def of(self, rank: int, child: etree._Element) -> int:
        if child.sourceline and child.sourceline < 65_535:
            return int(child.sourceline)
        if self.starts is None:
            self.starts = self._count()
        return self.starts[rank - 1]

    def _count(self) -> "array[int]":
        starts, depth = array("I"), 0
        parser = expat.ParserCreate()

        def begin(name: str, attributes: dict[str, str]) -> None:
            nonlocal depth
            depth += 1
            if depth == 2:
                starts.append(parser.CurrentLineNumber)

        def end(name: str) -> None:
            nonlocal depth
            depth -= 1

        parser.StartElementHandler, parser.EndElementHandler = begin, end
        for piece in _chunks(self.path):
            parser.Parse(piece, False)
        return starts


def _record(rank: int, child: etree._Element, lines: Lines) -> Record:
    reference = child.get("reference") or ""
    reference = reference if _REFERENCE.match(reference) else ""

    def aside(code: str, motif: str) -> Record:
        return Record(rank, lines.of(rank, child), reference, None, code, motif)

    if child.tag != RECORD:
        return aside("element-inconnu", "Élément inconnu sous la racine.")
    if _COUNT(child) > MOST_ELEMENTS or _TEXT(child) > MOST_TEXT or _long_attributes(child):
        return aside("demesure", "Enregistrement trop volumineux.")
    if not schema().validate(child):
        return aside("schema", _schema_fault())
    if child.find(f"{NS}transmission") is not None:
        return aside("transmission", "L’élément transmission est réservé à ce que les lieux récupèrent.")
    try:
        return Record(rank, lines.of(rank, child) if child.sourceline == 65_535 else child.sourceline, reference, _convert(child))
    except ValueError:
        return aside("date", "Une date n’existe pas ou sort des années possibles.")


def _long_attributes(child: etree._Element) -> bool:
    if _ATTRIBUTES(child) <= 200:
        return False
    return sum(len(str(value)) for value in child.xpath(".//@*")) > MOST_TEXT


_ELEMENT = re.compile(r"Element '(?:\{[^}]*\})?([A-Za-z0-9_.-]+)'(?:, attribute '([A-Za-z0-9_.-]+)')?")
KNOWN = frozenset(
    "demande commune lieu demandeur nom prenom courriel telephone adresse code-postal allocataire contact-prefere creneau"
    " enfants enfant date-naissance date-prevue besoin modes mode a-partir-du regularite horaires jour atypiques atypique"
    " besoin-rendez-vous message transmission reference deposee-le modifiee-le code-insee code de a".split()
)


def _schema_fault() -> str:
    """Which element is at fault, by names of the schema only: a name or a value of the file could be anything."""
    last = schema().error_log.filter_from_errors()
    match = _ELEMENT.search(last[0].message) if len(last) else None
    if not match or match.group(1) not in KNOWN:
        return "Élément inconnu du schéma."
    if match.group(2) in KNOWN:
        return f"Attribut {match.group(2)} de l’élément {match.group(1)} : non conforme au schéma."
    return f"Élément {match.group(1)} : non conforme au schéma."


def _convert(child: etree._Element) -> Recue:
    """Plain values of a record that the schema accepts. Raises ValueError for a date that Python cannot hold."""
    modified = child.get("modifiee-le")
    recue = Recue(
        child.get("reference"),
        datetime.fromisoformat(child.get("deposee-le")),
        datetime.fromisoformat(modified) if modified else None,
        "",
        "",
        "",
        "",
    )
    for part in child:
        match part.tag[len(NS) :]:
            case "commune":
                recue.commune = part.get("code-insee")
            case "lieu":
                recue.lieu = part.get("code")
            case "demandeur":
                _read_parent(part, recue)
            case "enfants":
                recue.enfants = [
                    {one.tag[len(NS) :].replace("-", "_"): one.text or "" for one in enfant} for enfant in part
                ]
            case "besoin":
                _read_need(part, recue)
            case "besoin-rendez-vous":
                recue.rendez_vous = part.text or ""
            case "message":
                recue.message = part.text or ""
    return recue


def _read_parent(part: etree._Element, recue: Recue) -> None:
    for one in part:
        name = one.tag[len(NS) :]
        if name == "adresse":
            recue.code_postal, recue.ville = one[0].text or "", one[1].text or ""
        elif name == "allocataire":
            recue.allocataire = one.text == "true"
        else:
            setattr(recue, name.replace("-", "_"), one.text or "")


def _read_need(part: etree._Element, recue: Recue) -> None:
    besoin: dict[str, Any] = {"a_partir_du": "", "regularite": "", "horaires": [], "atypiques": []}
    for one in part:
        match one.tag[len(NS) :]:
            case "modes":
                recue.modes = [mode.text or "" for mode in one]
            case "a-partir-du":
                besoin["a_partir_du"] = one.text
            case "regularite":
                besoin["regularite"] = one.text
            case "horaires":
                besoin["horaires"] = [[jour.get("nom"), jour.get("de"), jour.get("a")] for jour in one]
            case "atypiques":
                besoin["atypiques"] = [atypique.text for atypique in one]
    recue.besoin = besoin
