"""Who may do what with applications and persons, by role of an agent."""

from extranet.core import rights

AGENTS = frozenset({"instructeur", "superviseur"})
ACTS: dict[str, frozenset[str]] = {
    "accept": AGENTS,
    "refuse": AGENTS,
    "ask_complement": AGENTS,
    "transfer": AGENTS,
    "access_data": AGENTS,
    "correct_data": AGENTS,
    "erase_data": AGENTS,
    "activate": AGENTS,
    "suspend": AGENTS,
    "lift": AGENTS,
    "resend": AGENTS,
    "answer_echange": AGENTS,
    "close_echange": AGENTS,
    "read_echange_files": AGENTS | {"lecteur"},
    "reset_factor": AGENTS,
}

may, check = rights.of(ACTS)
