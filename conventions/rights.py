"""WHO may do what in the register, by role of an agent."""

from extranet.core import rights

_WRITERS = frozenset({"instructeur", "superviseur"})
ACTS: dict[str, frozenset[str]] = {
    "record_signature": _WRITERS,
    "present_lieu": _WRITERS,
    "record_deliberation": _WRITERS,
    "correct_official_address": _WRITERS,
    "abandon": _WRITERS,
    "correct": _WRITERS,
    "prepare_avenant": _WRITERS,
    "take_over": _WRITERS,
    "keep_prestataires": _WRITERS,
    "suspend": frozenset({"superviseur"}),
    "lift": frozenset({"superviseur"}),
    "record_courrier": _WRITERS,
    "end_at_anniversary": _WRITERS,
    "settle_notice": frozenset({"superviseur"}),
    "end_for_breach": frozenset({"superviseur"}),
    "withdraw_notice": frozenset({"superviseur"}),
    "record_amicable": _WRITERS,
    "renew_passwords": _WRITERS,
    "read_files": _WRITERS | {"lecteur"},
}

may, check = rights.of(ACTS)
