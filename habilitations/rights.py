"""Who may do what with applications and persons, by role of an agent."""

from extranet.core import rights

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

may, check = rights.of(ACTS)
