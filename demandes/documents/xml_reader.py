"""Reading deliveries as a stream: the whole file is proven sound first, then its records come one by one (ING-2, -3).

expat finds where each record begins and ends, its exact line, and enforces the limits; then the bytes of a few records
at a time, or of one that is large, are given to lxml and each to the schema. So memory depends neither on the file's
size nor on that of a record.
"""

import gzip
import io
import itertools
import re
import struct
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO, NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from lxml import etree

from demandes.contenu import champs
from demandes.documents.motifs import Motif, refusal
from demandes.documents.recue import Lue, Recue

NAMESPACE = "urn:extranet-partenaires:demandes:1"
SCHEMA = Path(__file__).with_name("demandes-1.xsd")
XSI = "http://www.w3.org/2001/XMLSchema-instance"

LARGEST, RATIO, DEEPEST = 2 * 1024**3, 100, 12
LONGEST_TOKEN = 10_000_000
RECORD_BYTES, RECORD_ELEMENTS = 256 * 1024, 1_000
# A record may carry comments and blanks beside what is counted; past this it is too large whatever it holds.
RECORD_SPAN = 4 * 1024**2
CHUNK = 16 * 1024
EMITTED = "2000-01-01T00:00:00Z"  # nothing reads it
GROUP = 64 * 1024  # of the file, read as one: records that lie side by side
# Of one element. The cost of reading grows with the square of the first two; each record pays for those of the root.
NAMESPACES, ATTRIBUTES, NAMESPACE_LENGTH = 20, 50, 1_000
REFERENCE = re.compile(r"[A-Za-z0-9._\-]{1,64}")


class Unreadable(Exception):
    """The file is refused whole; its motifs say why, and nothing of what it holds."""

    def __init__(self, *motifs: Motif):
        super().__init__(refusal(motifs))
        self.motifs = motifs


@cache
def schema() -> etree.XMLSchema:
    """The published schema."""
    return etree.XMLSchema(file=str(SCHEMA))


def _nothing() -> None:
    """Nobody waits for a sign of life."""


def _unheard(count: int) -> None:
    """Nobody asks how many there are."""


def records(
    path: Path, skip: int = 0, *, alive: Callable[[], None] = _nothing, counted: Callable[[int], None] = _unheard
) -> Generator[Lue]:
    """The records after the first `skip`, valid by the schema or with the reason why not.

    The whole file is proven sound before the first one; raises Unreadable when it must be refused whole. `alive` is
    called now and then until then, and `counted` with how many records there are.
    """
    with TemporaryFile(dir=path.parent) as places:
        head, count = _survey(path, places, alive)
        counted(count)
        places.seek(0)
        with _stream(path) as file:
            group: list[_Place] = []
            for place in itertools.islice(_places(places, count), skip, None):
                if group and (place.fault in FAULTS or place.start + place.length - group[0].start > GROUP):
                    yield from _group(group, _bytes(group, file), head)
                    group = []
                if place.fault in FAULTS:
                    yield Lue(place.line, place.reference, None, FAULTS[place.fault])
                else:
                    group.append(place)
            if group:
                yield from _group(group, _bytes(group, file), head)


# --- the stream ----------------------------------------------------------------------------------------------------

# Where a record lies: its first byte, their number up to its closing tag, its line, what is wrong with it, and how long
# the reference is that follows. Nothing of a family.
PLACE = struct.Struct("<QQQBB")
UNKNOWN_CHILD, TOO_LARGE, TOO_MANY_ATTRIBUTES, EMPTY, TOO_LATE, CLOSED = range(1, 7)
FAULTS = {
    UNKNOWN_CHILD: Motif("autre-element"),
    TOO_LARGE: Motif("trop-volumineuse"),
    TOO_MANY_ATTRIBUTES: Motif("attributs", {"nombre": ATTRIBUTES}),
    EMPTY: Motif("demande-vide"),
    TOO_LATE: Motif("apres-un-retrait"),
}
# CLOSED is no fault: an element without closing tag (`<retrait …/>`), which lies there whole.
OWN_END = re.compile(rb"</([^\s:>]+:)?retrait[\s>]")


class _Place(NamedTuple):
    """Where a record lies, as PLACE keeps it."""

    start: int
    length: int
    line: int
    fault: int
    reference: str


def _places(kept: IO[bytes], count: int) -> Iterator[_Place]:
    for _ in range(count):
        start, length, line, fault, named = PLACE.unpack(kept.read(PLACE.size))
        yield _Place(start, length, line, fault, kept.read(named).decode())


def _bytes(group: list[_Place], file: IO[bytes]) -> bytes:
    file.seek(group[0].start)
    return file.read(group[-1].start + group[-1].length - group[0].start)


def _survey(path: Path, places: IO[bytes], alive: Callable[[], None]) -> tuple[bytes, int]:
    """Read the whole file once and note in `places` where its records lie. Returns a root with the namespaces of its
    own, to be put around records so that they can be read apart, and how many records there are.
    """
    scanner = _Scanner(places)
    with _stream(path) as file:
        most = LARGEST if isinstance(file, io.BufferedReader) else min(LARGEST, RATIO * path.stat().st_size)
        for chunk in _chunks(file, most, CHUNK):
            alive()
            scanner.feed(chunk)
        scanner.feed(b"", last=True)
    declared = (
        f" {'xmlns:' + prefix if prefix else 'xmlns'}={quoteattr(uri)}" for prefix, uri in scanner.prefixes.items()
    )
    prefix = next(name for name in map("r{}".format, itertools.count()) if name not in scanner.prefixes)
    root = f'<{prefix}:demandes xmlns:{prefix}="{NAMESPACE}"{"".join(declared)} version="1.0" emis-le="{EMITTED}">'
    return root.encode(), scanner.count


@contextmanager
def _stream(path: Path) -> Iterator[Any]:
    """The file's bytes, unpacked when they are gzip's."""
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if packed:
            with gzip.open(file) as unpacked:
                yield unpacked
        else:
            yield file


def _chunks(stream: BinaryIO, most: int, step: int) -> Iterator[bytes]:
    total = 0
    try:
        while chunk := stream.read(step):
            if not total and (chunk[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in chunk[:4]):
                raise Unreadable(Motif("codage"))
            total += len(chunk)
            if total > most:
                raise Unreadable(Motif("decompresse"))
            yield chunk
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Unreadable(Motif("compresse")) from error
    if not total:
        raise Unreadable(Motif("fichier-vide"))


class _Scanner:
    """Follows the depth of one document and notes where the children of its root begin and end."""

    def __init__(self, places: IO[bytes]):
        self.places = places
        self.count = 0
        self.elements = self.depth = self.passed = 0  # begun, open, and what else was seen to go by
        self.quiet, self.seen = 0, (0, 0, 0)  # bytes since one of these moved
        self.declared, self.declared_at = 0, 0  # namespaces, by the element that is about to begin
        self.begun = self.withdrawing = False
        self.prefixes: dict[str, str] = {}
        self.parser = self._parser()

    def _parser(self) -> Any:
        parser = expat.ParserCreate("UTF-8", " ")
        parser.buffer_text = False
        parser.ordered_attributes = True  # names and values in turn
        depth = elements = first = start = line = 0
        swollen = False
        kind = reference = ""

        def begin(name: str, attributes: list[str]) -> None:
            nonlocal depth, elements, swollen
            self.depth = depth = depth + 1
            self.elements = elements = elements + 1
            if depth < 3:
                outer(name, attributes)
            elif depth > DEEPEST:
                raise Unreadable(Motif("imbrique"))
            elif len(attributes) > 2 * ATTRIBUTES:
                swollen = True

        def outer(name: str, attributes: list[str]) -> None:
            nonlocal first, start, line, kind, swollen, reference
            said = dict(zip(attributes[::2], attributes[1::2], strict=True))
            if depth == 1:
                _check_root(name, said)
                self.begun = True
                parser.CharacterDataHandler = self._between
                return
            start, line, first = parser.CurrentByteIndex, parser.CurrentLineNumber, elements
            parser.CharacterDataHandler = None
            wanted = said.get("reference", "")
            reference = wanted if REFERENCE.fullmatch(wanted) else ""
            kind, swollen = name, len(said) > ATTRIBUTES

        def end(name: str) -> None:
            nonlocal depth
            self.depth = depth = depth - 1
            if depth > 1:
                return
            if depth == 1:
                length, inside = parser.CurrentByteIndex - start, elements - first + 1
                self._note(start, length, line, inside, kind=kind, swollen=swollen, reference=reference)
                parser.CharacterDataHandler = self._between
            else:
                parser.CharacterDataHandler = None

        parser.StartElementHandler = begin
        parser.EndElementHandler = end
        parser.XmlDeclHandler = _check_declaration
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.StartNamespaceDeclHandler = self._prefix_declared
        parser.CommentHandler = self._passed
        parser.ProcessingInstructionHandler = self._passed
        return parser

    def _note(
        self, start: int, length: int, line: int, elements: int, *, kind: str, swollen: bool, reference: str
    ) -> None:
        """A child of the root: where it lies, and why it is not read, whatever it says."""
        fault = 0
        if kind not in (DEMANDE, RETRAIT):
            fault = UNKNOWN_CHILD
        elif elements > RECORD_ELEMENTS or length > RECORD_SPAN:
            fault = TOO_LARGE
        elif swollen:
            fault = TOO_MANY_ATTRIBUTES
        elif kind == RETRAIT:
            self.withdrawing = True
            fault = 0 if OWN_END.match(self.parser.GetInputContext()) else CLOSED
        elif elements == 1:
            fault = EMPTY
        elif self.withdrawing:
            fault = TOO_LATE
        name = b"" if fault == UNKNOWN_CHILD else reference.encode()
        self.places.write(PLACE.pack(start, length, line, fault, len(name)) + name)
        self.count += 1

    def _between(self, text: str) -> None:
        if text.strip(" \t\r\n"):
            raise Unreadable(Motif("texte-dehors"))
        self.passed += 1

    def _prefix_declared(self, prefix: str | None, uri: str | None) -> None:
        self.declared = self.declared + 1 if self.declared_at == self.elements else 1
        self.declared_at = self.elements
        if self.declared > NAMESPACES or len(prefix or "") + len(uri or "") > NAMESPACE_LENGTH:
            raise Unreadable(Motif("espaces-de-noms"))
        if not self.begun:
            self.prefixes[prefix or ""] = uri or ""

    def _passed(self, *args: Any) -> None:
        self.passed += 1

    def feed(self, chunk: bytes, *, last: bool = False) -> None:
        """Note what ends in this chunk."""
        try:
            self.parser.Parse(chunk, last)
        except expat.ExpatError as error:
            raise Unreadable(_why(error, last)) from None
        seen = self.elements, self.depth, self.passed
        self.quiet = self.quiet + len(chunk) if seen == self.seen else 0
        self.seen = seen
        if self.quiet > LONGEST_TOKEN - 2 * CHUNK:
            raise Unreadable(Motif("demesure"))


DEMANDES, DEMANDE, RETRAIT = (f"{NAMESPACE} {name}" for name in ("demandes", "demande", "retrait"))


def _check_declaration(version: str, encoding: str | None, standalone: int) -> None:
    if version != "1.0":
        raise Unreadable(Motif("version-xml"))
    if encoding is not None and encoding.upper() != "UTF-8":
        raise Unreadable(Motif("codage"))


def _refuse_doctype(*args: Any) -> None:
    raise Unreadable(Motif("doctype"))


def _check_root(name: str, attributes: dict[str, str]) -> None:
    if name != DEMANDES:
        uri, _, local = name.rpartition(" ")
        raise Unreadable(Motif("espace-de-noms") if local == "demandes" else Motif("racine"))
    if attributes.get("version", "1.0") != "1.0":
        raise Unreadable(Motif("version-format"))
    root = etree.Element(f"{{{NAMESPACE}}}demandes")
    for key, value in attributes.items():
        uri, _, local = key.rpartition(" ")
        if uri == XSI and local in ("schemaLocation", "noNamespaceSchemaLocation"):
            continue
        if uri or len(attributes) > 20:
            raise Unreadable(Motif("racine-non-conforme"))
        root.set(local, value)
    if not schema().validate(root):
        raise Unreadable(Motif("racine-non-conforme"), _reason(schema().error_log))


def _why(error: expat.ExpatError, last: bool) -> Motif:
    cut = last and error.code in (
        expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
        expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
        expat.errors.codes[expat.errors.XML_ERROR_PARTIAL_CHAR],
        expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION],
    )
    return Motif("incomplet") if cut else Motif("mal-forme", {"ligne": error.lineno})


# --- a record ------------------------------------------------------------------------------------------------------


NAME = re.compile(rb"<([^\s/>]+)")


def _weight(whole: bytes) -> int:
    """Bytes of text and attributes of one record."""
    total = 0

    def begin(name: str, attributes: list[str]) -> None:
        nonlocal total
        total += sum(len(value.encode()) for value in attributes)

    def text(value: str) -> None:
        nonlocal total
        total += len(value.encode())

    parser = expat.ParserCreate("UTF-8")
    parser.ordered_attributes = True
    parser.StartElementHandler = begin
    parser.CharacterDataHandler = text
    parser.Parse(whole, True)
    return total


@cache
def _reader() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)


def _group(places: list[_Place], raw: bytes, head: bytes) -> Iterator[Lue]:
    """Records that lie side by side in `raw`, read and validated as one: a document costs lxml more than a record.
    Where something is wrong with one of them, each is looked at by itself.
    """
    first, last = places[0], places[-1]
    opened = NAME.match(raw, last.start - first.start)
    assert opened is not None
    closing = b"" if last.fault == CLOSED else b"</" + opened[1] + b">"
    whole = head + raw + closing + b"</" + NAME.match(head)[1] + b">"  # type: ignore[index]
    if len(raw) > RECORD_BYTES and _weight(whole) > RECORD_BYTES:  # then it is alone
        yield Lue(first.line, first.reference, None, FAULTS[TOO_LARGE])
        return
    try:
        root = etree.fromstring(whole, _reader())
    except etree.XMLSyntaxError:
        if len(places) == 1:
            yield Lue(first.line, first.reference, None, Motif("illisible"))
        for place in places if len(places) > 1 else ():
            begin = place.start - first.start
            yield from _group([place], raw[begin : begin + place.length], head)
        return
    sound = b"XMLSchema-instance" not in whole and schema().validate(root)
    for place, element in zip(places, root, strict=True):
        found = (None if sound else _fault(element)) or _values(element)
        if isinstance(found, Motif):
            yield Lue(place.line, place.reference, None, found)
        elif isinstance(found, datetime):
            yield Lue(place.line, place.reference, retire_le=found)
        else:
            yield Lue(place.line, place.reference, found)


def _fault(element: Any) -> Motif | None:
    """What the schema finds wrong with one record, if anything."""
    if _has_instance_attribute(element):
        return Motif("attribut-inconnu")
    return None if schema().validate(element) else _reason(schema().error_log, element)


def _values(element: Any) -> Recue | datetime | Motif:
    try:
        withdrawn = element.get("retire-le")  # which only a `retrait` has
        return _moment(withdrawn) if withdrawn else _read(element)
    except _Inbound:
        return Motif("transmission")
    except (ValueError, OverflowError):
        return Motif("date-impossible")


class _Inbound(Exception):
    """The record says that it was transmitted, which only the portal says."""


def _has_instance_attribute(element: Any) -> bool:
    return any(name.startswith(f"{{{XSI}}}") for node in element.iter() for name in node.keys())  # noqa: SIM118


NAMES = frozenset(one.get(kind) for one in etree.parse(str(SCHEMA)).iter() for kind in ("name", "ref"))
_QUOTED = re.compile(r"'(?:\{[^}']*\})?([^']*)'")


_EXPECTED = re.compile(r"Expected is (?:one of )?\( \{[^}]*\}([\w-]+)")
# What a record needs, by the first element that would say it: those that say it, and what is told where none does.
NEEDED = {
    "courriel": (("courriel", "telephone"), Motif("injoignable")),
    "modes": (("mode",), Motif("modes")),
    "mode": (("mode",), Motif("modes")),
    "enfants": (("enfant",), Motif("sans-enfant")),
    "enfant": (("enfant",), Motif("sans-enfant")),
}
# A value that is not written as it should be.
MISWRITTEN = {
    "reference": Motif("reference"),
    "telephone": Motif("telephone"),
    "code-insee": Motif("commune-inconnue"),
}


def _needed(message: str, record: Any) -> Motif | None:
    """What the record does not say at all, in the words of the rule; None where it is only at another place."""
    expected = _EXPECTED.search(message)
    names, motif = NEEDED.get(expected[1] if expected else "", ((), None))
    found = (record.find(f".//{{{NAMESPACE}}}{name}") for name in names)
    return None if any(one is not None for one in found) else motif


def _reason(log: Any, record: Any = None) -> Motif:
    """The first fault: it names what the schema names, and repeats nothing that was sent."""
    error = log[0]
    quoted = _QUOTED.findall(error.message)
    element = quoted[0] if quoted and quoted[0] in NAMES else ""
    attribute = quoted[1] if ", attribute '" in error.message and len(quoted) > 1 and quoted[1] in NAMES else ""
    kind, where = error.type_name, {"nom": attribute or element}
    if kind == "SCHEMAV_CVC_PATTERN_VALID" and (attribute or element) in MISWRITTEN:
        return MISWRITTEN[attribute or element]
    if kind == "SCHEMAV_ELEMENT_CONTENT":
        if element and record is not None and (needed := _needed(error.message, record)):
            return needed
        if "Missing child" in error.message:
            return Motif("element-incomplet", where)
        return Motif("element-inattendu", where) if element else Motif("element-inconnu")
    if kind == "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1":
        return Motif("attribut-inconnu-dans", {"element": element})
    if kind == "SCHEMAV_CVC_COMPLEX_TYPE_4":
        missing = next((name for name in quoted[1:] if name in NAMES), "")
        return Motif("attribut-absent", {"attribut": missing, "element": element})
    if kind == "SCHEMAV_CVC_IDC":
        return Motif("deux-fois", {"element": element})
    if kind in ("SCHEMAV_CVC_MAXLENGTH_VALID", "SCHEMAV_CVC_MINLENGTH_VALID"):
        return Motif("valeur-trop-longue" if "MAX" in kind else "valeur-vide", where)
    return Motif("valeur", where)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.strip()).astimezone(UTC)


def _read(element: Any) -> Recue:
    """The values of a valid record. Children are read once, in passing."""
    changed = element.get("modifiee-le")
    recue = Recue(
        reference=element.get("reference"),
        deposee_le=_moment(element.get("deposee-le")),
        modifiee_le=_moment(changed) if changed else None,
        commune="",
        lieu="",
        modes=(),
    )
    for child in element:
        name = child.tag[PREFIX:]
        if name == "demandeur":
            _read_demandeur(child, recue)
        elif name == "enfants":
            recue.enfants = [{part.tag[PREFIX:].replace("-", "_"): part.text for part in enfant} for enfant in child]
            for enfant in recue.enfants:
                for key in enfant.keys() - {"prenom"}:
                    enfant[key] = enfant[key].strip()
        elif name == "besoin":
            _read_besoin(child, recue)
        elif name == "commune":
            recue.commune = child.get("code-insee")
        elif name == "lieu":
            recue.lieu = child.get("code")
        elif name in FIELDS:
            setattr(recue, FIELDS[name], child.text)
        else:
            raise _Inbound
    return recue


PREFIX = len(NAMESPACE) + 2
# Element → field of what a record says as one text: those of the demande itself, those of its demandeur.
FIELDS = {chemin: name for name, champ in champs(Recue).items() if "/" not in (chemin := champ["chemin"])}
OF_DEMANDEUR = {
    tag: name
    for name, champ in champs(Recue).items()
    for parent, _, tag in [champ["chemin"].partition("/")]
    if parent == "demandeur"
}


def _read_demandeur(element: Any, recue: Recue) -> None:
    for child in element:
        name = child.tag[PREFIX:]
        if name == "adresse":
            recue.code_postal, recue.ville = (part.text for part in child)
        elif name == "allocataire":
            recue.allocataire = child.text == "true"
        else:
            setattr(recue, OF_DEMANDEUR[name], child.text)


def _read_besoin(element: Any, recue: Recue) -> None:
    besoin: dict[str, object] = {"a_partir_du": "", "regularite": "", "horaires": [], "atypiques": []}
    for child in element:
        name = child.tag[PREFIX:]
        if name == "modes":
            recue.modes = [part.text for part in child]
        elif name == "a-partir-du":
            besoin["a_partir_du"] = child.text.strip()
        elif name == "regularite":
            besoin["regularite"] = child.text
        elif name == "horaires":
            besoin["horaires"] = [[part.get("nom"), part.get("de"), part.get("a")] for part in child]
        else:
            besoin["atypiques"] = [part.text for part in child]
    recue.besoin = besoin
