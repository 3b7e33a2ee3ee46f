"""WHO may do what in the register, by role of an agent."""

from extranet.core.errors import Forbidden

_WRITERS = frozenset({"instructeur", "superviseur"})
ACTS: dict[str, frozenset[str]] = {
    "record_signature": _WRITERS,
    "record_deliberation": _WRITERS,
    "correct_official_address": _WRITERS,
    "abandon": _WRITERS,
    "prepare_avenant": _WRITERS,
    "suspend": frozenset({"superviseur"}),
    "lift": frozenset({"superviseur"}),
    "read_files": _WRITERS | {"lecteur"},
}


def may(role: str | None, act: str) -> bool:
    """True when an agent of this role may do this act."""
    return role in ACTS[act]


def check(role: str | None, act: str) -> None:
    """Raise Forbidden unless `may`."""
    if not may(role, act):
        raise Forbidden
