"""A demande as plain values, as any door brings it, and how its texts are cleaned. No line of it knows XML or forms."""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

NOM, CRENEAU, MESSAGE = 100, 200, 2_000


@dataclass(slots=True)
class Recue:
    """What a family asks. `enfants` and `besoin` are kept so in the dossier."""

    reference: str
    deposee_le: datetime
    modifiee_le: datetime | None
    commune: str
    lieu: str
    nom: str
    prenom: str
    courriel: str
    telephone: str
    code_postal: str
    ville: str
    allocataire: bool | None
    contact_prefere: str
    creneau: str
    enfants: list[dict[str, str]]
    modes: Collection[str]
    besoin: dict[str, object]
    rendez_vous: str
    message: str


@dataclass(slots=True)
class Lue:
    """One record of a delivery: its values, or why it is set aside."""

    ligne: int
    reference: str
    recue: Recue | None = None
    code: str = ""
    motif: str = ""


@dataclass(slots=True)
class Cleaning:
    """Cleans the texts of one record and remembers what it changed and what it refuses: field → sentence."""

    faults: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)

    def text(self, name: str, value: str, longest: int, *, lines: bool = False) -> str:
        """`value` trimmed, in NFC, without invisible characters. Control characters and blanks are faults."""
        if not value:
            return value
        usual = value.isascii() and value.isprintable()
        clean = value.strip() if usual else self._unusual(name, value, lines)
        if not clean:
            self.faults.setdefault(name, f"{LABELS[name]} : vide.")
        elif len(clean) > longest:
            self.faults.setdefault(name, f"{LABELS[name]} : plus de {longest} caractères.")
        return clean

    def _unusual(self, name: str, value: str, lines: bool) -> str:
        visible = INVISIBLE.sub("", value)
        if visible != value:
            self.remarks["invisibles"] = "Caractères invisibles retirés."
        visible = visible.strip()
        if (CONTROLS_IN_LINES if lines else CONTROLS).search(visible):
            self.faults.setdefault(name, f"{LABELS[name]} : contient des caractères qui ne sont pas permis.")
        clean = unicodedata.normalize("NFC", visible)
        if clean != visible:
            self.remarks["nfc"] = "Texte récrit sous la forme Unicode normalisée (NFC)."
        return clean


# Soft hyphen, zero width space, word joiner, byte order mark: they come with copied texts.
INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
_NEVER = "\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef" + "".join(
    chr(plane + last) for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF)
)
CONTROLS = re.compile(f"[\x00-\x1f\x7f-\x9f{_NEVER}]")
CONTROLS_IN_LINES = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{_NEVER}]")

LABELS = {
    "nom": "Nom",
    "prenom": "Prénom",
    "ville": "Commune de résidence",
    "creneau": "Moment préféré",
    "message": "Message",
    "enfants": "Prénom d’un enfant",
}

# Overseas numbers are written nationally with their own prefix, and have their own country code.
_OVERSEAS = {
    **dict.fromkeys(("590", "690", "691"), "590"),
    **dict.fromkeys(("594", "694"), "594"),
    **dict.fromkeys(("596", "696", "697"), "596"),
    **dict.fromkeys(("262", "263", "269", "639", "692", "693"), "262"),
}
_SEPARATORS = str.maketrans("", "", " .-\u00a0\u202f")


def e164(number: str) -> str:
    """`number` in E.164; empty when it is neither that nor a French national number."""
    digits = number.translate(_SEPARATORS)
    if digits.startswith("+"):
        rest = digits[1:]
        if not (rest.isascii() and rest.isdigit()) or not 7 <= len(rest) <= 15 or rest[0] == "0":
            return ""
        french = re.fullmatch("33[1-9][0-9]{8}", rest)
        return digits if french or not rest.startswith("33") else ""
    if not re.fullmatch("0[1-9][0-9]{8}", digits):
        return ""
    if digits.startswith("0508"):  # Saint-Pierre-et-Miquelon: six digits of its own
        return f"+508{digits[4:]}"
    return f"+{_OVERSEAS.get(digits[1:4], '33')}{digits[1:]}"
