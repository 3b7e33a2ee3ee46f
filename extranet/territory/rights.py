"""Who may do what on the territory itself, by role of an agent."""

from extranet.core import rights

ACTS: dict[str, frozenset[str]] = {
    "set_contact": frozenset({"superviseur", "cnaf"}),
    "set_texts": frozenset({"superviseur", "cnaf"}),
    "set_director": frozenset({"superviseur", "cnaf"}),
    "set_four_eyes": frozenset({"superviseur", "cnaf"}),
    "set_reminders": frozenset({"superviseur", "cnaf"}),
    "set_second_factor": frozenset({"superviseur", "cnaf"}),
    "set_dpo": frozenset({"superviseur", "cnaf"}),
    "reset_agent_factor": frozenset({"superviseur", "cnaf"}),
}

may, check = rights.of(ACTS)
