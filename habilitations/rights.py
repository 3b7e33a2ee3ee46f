"""Who may do what with applications and persons, by role of an agent."""

from extranet.core.errors import Forbidden

AGENTS = frozenset({"instructeur", "superviseur"})
ACTS: dict[str, frozenset[str]] = {
    "accept": AGENTS,
    "refuse": AGENTS,
    "ask_complement": AGENTS,
    "transfer": AGENTS,
    "activate": AGENTS,
    "suspend": AGENTS,
    "resend": AGENTS,
}


def may(role: str | None, act: str) -> bool:
    """True when an agent of this role may do this act."""
    return role in ACTS[act]


def check(role: str | None, act: str) -> None:
    """Raise Forbidden unless `may`."""
    if not may(role, act):
        raise Forbidden
