"""WHO may do what in the register, by role of an agent."""

from extranet.core import rights

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

may, check = rights.of(ACTS)
