"""Reading deliveries as a stream: the whole file is proven sound first, then its records come one by one (ING-2, ING-3).

expat finds where each record begins and ends, its exact line, and enforces the limits; then the bytes of one record at
a time are given to lxml and to the schema. So memory depends neither on the file's size nor on that of a record.
"""

import gzip
import io
import re
import struct
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from lxml import etree

from demandes.contenu import champs
from demandes.documents.motifs import Motif, sentence
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
# Of one element. The cost of reading grows with the square of the first two, and each record pays for those of the root.
NAMESPACES, ATTRIBUTES, NAMESPACE_LENGTH = 20, 50, 1_000
REFERENCE = re.compile(r"[A-Za-z0-9._\-]{1,64}")


class Unreadable(Exception):
    """The file is refused whole; the text says why, and nothing of what it holds."""


@cache
def schema() -> etree.XMLSchema:
    """The published schema."""
    return etree.XMLSchema(file=str(SCHEMA))


def _nothing() -> None:
    """Nobody waits for a sign of life."""


def records(path: Path, skip: int = 0, *, alive: Callable[[], None] = _nothing) -> Generator[Lue, None, None]:
    """The records after the first `skip`, valid by the schema or with the reason why not.

    The whole file is proven sound before the first one; raises Unreadable when it must be refused whole. `alive` is
    called now and then until then.
    """
    with TemporaryFile(dir=path.parent) as places:
        head, count = _survey(path, places, alive)
        places.seek(0)
        with _stream(path) as file:
            for rank in range(count):
                start, length, line, fault, named = PLACE.unpack(places.read(PLACE.size))
                reference = places.read(named).decode()
                if rank < skip:
                    continue
                if fault:
                    yield Lue(line, reference, None, FAULTS[fault])
                else:
                    file.seek(start)
                    yield _record(line, reference, file.read(length), head)


# --- the stream ----------------------------------------------------------------------------------------------------

# Where a record lies: its first byte, their number up to its closing tag, its line, what is wrong with it, and how long
# the reference is that follows. Nothing of a family.
PLACE = struct.Struct("<QQQBB")
UNKNOWN_CHILD, TOO_LARGE, TOO_MANY_ATTRIBUTES, EMPTY = range(1, 5)
FAULTS = {
    UNKNOWN_CHILD: Motif("autre-element"),
    TOO_LARGE: Motif("trop-volumineuse"),
    TOO_MANY_ATTRIBUTES: Motif("attributs", {"nombre": ATTRIBUTES}),
    EMPTY: Motif("demande-vide"),
}


def _survey(path: Path, places: IO[bytes], alive: Callable[[], None]) -> tuple[bytes, int]:
    """Read the whole file once and note in `places` where its records lie. Returns the root's namespace declarations,
    to be put around each record so that it can be read alone, and how many records there are.
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
    return f"<r{''.join(declared)}>".encode(), scanner.count


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
                raise Unreadable("codage autre que UTF-8")
            total += len(chunk)
            if total > most:
                raise Unreadable("fichier trop volumineux une fois décompressé")
            yield chunk
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Unreadable("fichier compressé incomplet ou abîmé") from error
    if not total:
        raise Unreadable("fichier vide")


class _Scanner:
    """Follows the depth of one document and notes where the children of its root begin and end."""

    def __init__(self, places: IO[bytes]):
        self.places = places
        self.count = 0
        self.quiet = 0  # bytes since the last event
        self.prefixes: dict[str, str] = {}
        self.parser = self._parser()

    def _parser(self) -> Any:
        parser = expat.ParserCreate("UTF-8", " ")
        parser.buffer_text = False
        depth = elements = start = line = declared = 0
        state: dict[str, Any] = {}

        def begin(name: str, attributes: dict[str, str]) -> None:
            nonlocal depth, elements, start, line, declared
            declared = 0
            depth += 1
            if depth > 2:
                elements += 1
                if depth > DEEPEST:
                    raise Unreadable("éléments imbriqués trop profondément")
                if len(attributes) > ATTRIBUTES:
                    state["swollen"] = True
            elif depth == 2:
                start, line, elements = parser.CurrentByteIndex, parser.CurrentLineNumber, 1
                parser.CharacterDataHandler = None
                wanted = attributes.get("reference", "")
                state["reference"] = wanted if REFERENCE.fullmatch(wanted) else ""
                state["known"] = name == DEMANDE
                state["swollen"] = len(attributes) > ATTRIBUTES
            else:
                _check_root(name, attributes)
                parser.CharacterDataHandler = between
            self.quiet = 0

        def end(name: str) -> None:
            nonlocal depth
            depth -= 1
            if depth == 1:
                length, fault = parser.CurrentByteIndex - start, 0
                if not state["known"]:
                    fault = UNKNOWN_CHILD
                elif elements > RECORD_ELEMENTS or length > RECORD_SPAN:
                    fault = TOO_LARGE
                elif state["swollen"]:
                    fault = TOO_MANY_ATTRIBUTES
                elif elements == 1:
                    fault = EMPTY
                reference = b"" if fault == UNKNOWN_CHILD else state["reference"].encode()
                self.places.write(PLACE.pack(start, length, line, fault, len(reference)) + reference)
                self.count += 1
                parser.CharacterDataHandler = between
            elif depth == 0:
                parser.CharacterDataHandler = None
            self.quiet = 0

        def between(text: str) -> None:
            if text.strip(" \t\r\n"):
                raise Unreadable("texte en dehors des demandes")
            self.quiet = 0

        def declaration(version: str, encoding: str | None, standalone: int) -> None:
            if version != "1.0":
                raise Unreadable("version de XML autre que 1.0")
            if encoding is not None and encoding.upper() != "UTF-8":
                raise Unreadable("codage autre que UTF-8")

        def doctype(*args: Any) -> None:
            raise Unreadable("déclaration DOCTYPE interdite")

        def prefix_declared(prefix: str | None, uri: str | None) -> None:
            nonlocal declared
            declared += 1
            if declared > NAMESPACES or len(prefix or "") + len(uri or "") > NAMESPACE_LENGTH:
                raise Unreadable("trop de déclarations d’espaces de noms dans un élément, ou trop longues")
            if not depth:
                self.prefixes[prefix or ""] = uri or ""

        def passed(*args: Any) -> None:
            self.quiet = 0

        parser.StartElementHandler = begin
        parser.EndElementHandler = end
        parser.XmlDeclHandler = declaration
        parser.StartDoctypeDeclHandler = doctype
        parser.StartNamespaceDeclHandler = prefix_declared
        parser.CommentHandler = passed
        parser.ProcessingInstructionHandler = passed
        return parser

    def feed(self, chunk: bytes, *, last: bool = False) -> None:
        """Note what ends in this chunk."""
        self.quiet += len(chunk)
        try:
            self.parser.Parse(chunk, last)
        except expat.ExpatError as error:
            raise Unreadable(_why(error, last)) from None
        if self.quiet > LONGEST_TOKEN - 2 * CHUNK:
            raise Unreadable("texte, nom ou attribut de plus de 10 Mo")


DEMANDES, DEMANDE = f"{NAMESPACE} demandes", f"{NAMESPACE} demande"


def _check_root(name: str, attributes: dict[str, str]) -> None:
    if name != DEMANDES:
        uri, _, local = name.rpartition(" ")
        raise Unreadable("élément racine inattendu" if local != "demandes" else "espace de noms inattendu")
    if attributes.get("version", "1.0") != "1.0":
        raise Unreadable("version du format autre que 1.0")
    root = etree.Element(f"{{{NAMESPACE}}}demandes")
    for key, value in attributes.items():
        uri, _, local = key.rpartition(" ")
        if uri == XSI and local in ("schemaLocation", "noNamespaceSchemaLocation"):
            continue
        if uri or len(attributes) > 20:
            raise Unreadable("élément racine non conforme au schéma")
        root.set(local, value)
    if not schema().validate(root):
        raise Unreadable(f"élément racine non conforme au schéma ({sentence(_reason(schema().error_log))})")


def _why(error: expat.ExpatError, last: bool) -> str:
    cut = last and error.code in (
        expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
        expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
        expat.errors.codes[expat.errors.XML_ERROR_PARTIAL_CHAR],
        expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION],
    )
    return "fichier incomplet" if cut else f"XML mal formé, ligne {error.lineno}"


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


def _record(line: int, reference: str, raw: bytes, head: bytes) -> Lue:
    """One record, from its first byte to its closing tag."""
    opened = NAME.match(raw)
    assert opened is not None
    whole = head + raw + b"</" + opened[1] + b"></r>"
    if len(raw) > RECORD_BYTES and _weight(whole) > RECORD_BYTES:
        return Lue(line, reference, None, FAULTS[TOO_LARGE])
    try:
        element = etree.fromstring(whole, _reader())[0]
    except etree.XMLSyntaxError:
        return Lue(line, reference, None, Motif("illisible"))
    if (b"XMLSchema-instance" in raw or b"XMLSchema-instance" in head) and _has_instance_attribute(element):
        return Lue(line, reference, None, Motif("attribut-inconnu"))
    if not schema().validate(element):
        return Lue(line, reference, None, _reason(schema().error_log))
    try:
        return Lue(line, reference, _read(element))
    except _Inbound:
        return Lue(line, reference, None, Motif("transmission"))
    except (ValueError, OverflowError):
        return Lue(line, reference, None, Motif("date-impossible"))


class _Inbound(Exception):
    """The record says that it was transmitted, which only the portal says."""


def _has_instance_attribute(element: Any) -> bool:
    return any(name.startswith(f"{{{XSI}}}") for node in element.iter() for name in node.keys())  # noqa: SIM118


NAMES = frozenset(etree.parse(str(SCHEMA)).xpath("//@name | //@ref"))
_QUOTED = re.compile(r"'(?:\{[^}']*\})?([^']*)'")


def _reason(log: Any) -> Motif:
    """The first fault: it names what the schema names, and repeats nothing that was sent."""
    error = log[0]
    quoted = _QUOTED.findall(error.message)
    element = quoted[0] if quoted and quoted[0] in NAMES else ""
    attribute = quoted[1] if ", attribute '" in error.message and len(quoted) > 1 and quoted[1] in NAMES else ""
    kind, where = error.type_name, {"nom": attribute or element}
    if kind == "SCHEMAV_ELEMENT_CONTENT":
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
