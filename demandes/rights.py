"""Who may do what with demandes, by role of an agent. A lieu's persons are answered by what is visible to them."""

from extranet.core.errors import Forbidden

ACTS: dict[str, frozenset[str]] = {
    "assign": frozenset({"instructeur", "superviseur"}),
    "deposit": frozenset({"cnaf"}),
}


def may(role: str | None, act: str) -> bool:
    """True when an agent of this role may do this act."""
    return role in ACTS[act]


def check(role: str | None, act: str) -> None:
    """Raise Forbidden unless `may`."""
    if not may(role, act):
        raise Forbidden
