"""Who may do what on the territory itself, by role of an agent."""

from extranet.core.errors import Forbidden

ACTS: dict[str, frozenset[str]] = {
    "set_contact": frozenset({"superviseur", "cnaf"}),
    "set_director": frozenset({"superviseur", "cnaf"}),
    "set_four_eyes": frozenset({"superviseur", "cnaf"}),
}


def may(role: str | None, act: str) -> bool:
    """True when an agent of this role may do this act."""
    return role in ACTS[act]


def check(role: str | None, act: str) -> None:
    """Raise Forbidden unless `may`."""
    if not may(role, act):
        raise Forbidden
