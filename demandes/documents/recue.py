"""A demande as plain values, as any door brings it, and how its texts are cleaned. No line of it knows XML or forms."""

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from demandes.contenu import Contenu
from demandes.documents.motifs import Motif
from extranet.core.typed import CONTROLS, CONTROLS_IN_LINES, INVISIBLE

NOM, CRENEAU, MESSAGE = 100, 200, 2_000


@dataclass(slots=True, kw_only=True)
class Recue(Contenu):
    """What a family asks: what its dossier will say, where it belongs, and when it was said."""

    reference: str
    deposee_le: datetime
    modifiee_le: datetime | None
    commune: str
    lieu: str
    modes: Collection[str]


@dataclass(slots=True)
class Lue:
    """One record of a delivery: a demande or a withdrawal, or why it is set aside."""

    ligne: int
    reference: str
    recue: Recue | None = None
    motif: Motif | None = None
    retire_le: datetime | None = None
    """ING-7: it is a withdrawal, and when the family made it."""


@dataclass(slots=True)
class Cleaning:
    """Cleans the texts of one record and remembers what it refuses, by field, and what it changed."""

    faults: dict[str, Motif] = field(default_factory=dict)
    remarks: list[Motif] = field(default_factory=list)

    def text(self, name: str, value: str, longest: int, *, lines: bool = False) -> str:
        """`value` trimmed, in NFC, without invisible characters. Control characters and blanks are faults."""
        if not value:
            return value
        usual = value.isascii() and value.isprintable()
        clean = value.strip() if usual else self._unusual(name, value, lines)
        if not clean:
            self.faults.setdefault(name, Motif("vide", {"champ": name}))
        elif len(clean) > longest:
            self.faults.setdefault(name, Motif("trop-long", {"champ": name, "nombre": longest}))
        return clean

    def _unusual(self, name: str, value: str, lines: bool) -> str:
        visible = INVISIBLE.sub("", value)
        if visible != value:
            self._remark("invisibles")
        visible = visible.strip()
        if (CONTROLS_IN_LINES if lines else CONTROLS).search(visible):
            self.faults.setdefault(name, Motif("caracteres", {"champ": name}))
        clean = unicodedata.normalize("NFC", visible)
        if clean != visible:
            self._remark("nfc")
        return clean

    def _remark(self, code: str) -> None:
        """Once a record, whatever number of texts it concerns."""
        if Motif(code) not in self.remarks:
            self.remarks.append(Motif(code))
