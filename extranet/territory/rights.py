"""Who may do what on the territory itself, by role of an agent."""

from extranet.core import rights

ACTS: dict[str, frozenset[str]] = {
    "set_contact": frozenset({"superviseur", "cnaf"}),
    "set_director": frozenset({"superviseur", "cnaf"}),
    "set_four_eyes": frozenset({"superviseur", "cnaf"}),
}

may, check = rights.of(ACTS)
