"""Writing demandes as XML, valid by the schema that deliveries follow (TEL-3)."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple

from lxml import etree

from demandes import rules
from demandes.contenu import Contenu, champs
from demandes.documents.xml_reader import NAMESPACE
from demandes.models import Demande
from extranet.core.dates import PARIS, paris_date

EMETTEUR = "extranet-partenaires"


class Said(NamedTuple):
    """What a document says of one demande, wherever it was read."""

    reference: str
    deposee_le: datetime
    modifiee_le: datetime | None
    commune: str
    lieu: str
    chosen: bool
    """By the family."""
    modes: Sequence[str]
    transmitted_at: datetime | None
    notified_at: datetime | None
    last_day: date
    contenu: Contenu


def write(demandes: Sequence[Demande], now: datetime, emetteur: str = EMETTEUR) -> bytes:
    """The document of `demandes` (read with their dossier, lieu and transmission)."""
    root = _root(now, emetteur)
    for demande in demandes:
        _demande(root, said_of(demande, paris_date(now)))
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"


def _root(now: datetime, emetteur: str = EMETTEUR) -> Any:
    root = etree.Element(_tag("demandes"), nsmap={None: NAMESPACE})  # type: ignore[dict-item]
    root.set("version", "1.0")
    root.set("emis-le", _moment(now))
    root.set("emetteur", emetteur)
    return root


# --- piece by piece: what is in memory does not grow with the document ------------------------------------------------


def frame(now: datetime) -> tuple[bytes, bytes]:
    """What comes before and after the demandes of a document that is written piece by piece."""
    root = _root(now)
    root.text = "\n"
    head, _, tail = etree.tostring(root, xml_declaration=True, encoding="UTF-8").rpartition(b"</")
    return head, b"</" + tail + b"\n"


class Piece:
    """Demandes that are written together, without their root."""

    def __init__(self, now: datetime):
        self.root = _root(now)

    def add(self, said: Said) -> None:
        """One more."""
        _demande(self.root, said)

    def text(self) -> bytes:
        """All of them as they stand between the ends of `frame`."""
        if not len(self.root):
            return b""
        etree.indent(self.root)
        whole = etree.tostring(self.root, encoding="UTF-8", xml_declaration=False)
        return whole[whole.index(b">") + 2 : whole.rindex(b"</")]


# --- a demande ------------------------------------------------------------------------------------------------------


def said_of(demande: Demande, today: date) -> Said:
    """What a document says of `demande`, read with its dossier, lieu and transmission. Raises NoKey, Gone."""
    batch, lieu = demande.transmission, demande.lieu
    return Said(
        reference=demande.reference,
        deposee_le=demande.deposee_le,
        modifiee_le=demande.modifiee_le,
        commune=demande.commune_id,
        lieu=lieu.code if lieu and batch else "",
        chosen=bool(lieu and demande.lieu_voulu_id == demande.lieu_id),
        modes=demande.modes,
        transmitted_at=batch.transmitted_at if batch else None,
        notified_at=batch.notified_at if batch else None,
        last_day=demande.last_day,
        contenu=demande.dossier.open(today),
    )


@cache
def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


@lru_cache(maxsize=1_000)
def _moment(moment: datetime) -> str:
    return moment.astimezone(PARIS).isoformat(timespec="seconds")


def _add(parent: Any, tag: str, text: str = "", attributes: dict[str, str] | None = None) -> Any:
    """A child `tag`."""
    child = etree.SubElement(parent, _tag(tag), attributes)
    if text:
        child.text = text
    return child


def _add_if(parent: Any, tag: str, text: str) -> None:
    if text:
        _add(parent, tag, text)


def _demande(root: Any, said: Said) -> None:
    contenu = said.contenu
    node = _add(root, "demande", "", {"reference": said.reference, "deposee-le": _moment(said.deposee_le)})
    if said.modifiee_le:
        node.set("modifiee-le", _moment(said.modifiee_le))
    _add(node, "commune", "", {"code-insee": said.commune})
    if said.chosen:
        _add(node, "lieu", "", {"code": said.lieu})
    opened: dict[str, Any] = {"": node}
    for name, parents, tag in _plan(type(contenu)):
        if name == "enfants":
            _enfants(node, contenu.enfants)
        elif name == "besoin":
            _besoin(node, said.modes, contenu.besoin)
        elif text := _text(contenu, name):
            _add(_parent(opened, parents), tag, text)
    if said.transmitted_at:
        _transmission(node, said)


_PLANS: dict[type[Contenu], list[tuple[str, str, str]]] = {}


def _plan(kind: type[Contenu]) -> list[tuple[str, str, str]]:
    """Each field of a dossier with the path of its parents and its element, in the order of the schema."""
    if kind not in _PLANS:
        _PLANS[kind] = [(name, *champ["chemin"].rpartition("/")[::2]) for name, champ in champs(kind).items()]
    return _PLANS[kind]


def _parent(opened: dict[str, Any], path: str) -> Any:
    """The element at `path`, which the first field below it opens."""
    if path not in opened:
        above, _, tag = path.rpartition("/")
        opened[path] = _add(_parent(opened, above), tag)
    return opened[path]


def _text(contenu: Contenu, name: str) -> str:
    value = getattr(contenu, name)
    if name in ADRESSE and not all(getattr(contenu, part) for part in ADRESSE):
        return ""
    return value if isinstance(value, str) else {True: "true", False: "false", None: ""}[value]


ADRESSE = ("code_postal", "ville")  # both or nothing, by the schema


def _enfants(node: Any, values: list[dict[str, str]]) -> None:
    enfants = _add(node, "enfants")
    for enfant in values:
        child = _add(enfants, "enfant")
        _add_if(child, "prenom", enfant.get("prenom", ""))
        name = "date_naissance" if "date_naissance" in enfant else "date_prevue"
        _add(child, name.replace("_", "-"), enfant[name])


def _besoin(node: Any, wanted: Sequence[str], values: dict[str, Any]) -> None:
    besoin = _add(node, "besoin")
    modes = _add(besoin, "modes")
    for mode in wanted:
        _add(modes, "mode", mode)
    _add(besoin, "a-partir-du", values["a_partir_du"])
    _add_if(besoin, "regularite", values.get("regularite", ""))
    if hours := values.get("horaires"):
        horaires = _add(besoin, "horaires")
        for jour, de, a in hours:
            _add(horaires, "jour", "", {"nom": jour, "de": de, "a": a})
    if unusual := values.get("atypiques"):
        atypiques = _add(besoin, "atypiques")
        for name in unusual:
            _add(atypiques, "atypique", name)


def _transmission(node: Any, said: Said) -> None:
    assert said.transmitted_at is not None
    out = {"lieu": said.lieu, "transmise-le": _moment(said.transmitted_at)}
    if said.notified_at:
        out["a-recuperer-avant"] = rules.last_day_to_pick_up(said.notified_at, said.last_day).isoformat()
    _add(node, "transmission", "", out | {"a-detruire-avant": said.last_day.isoformat()})
