"""Who may do what with demandes, by role of an agent. A lieu's persons are answered by what is visible to them."""

from extranet.core import rights

ACTS: dict[str, frozenset[str]] = {
    "assign": frozenset({"instructeur", "superviseur"}),
    "deposit": frozenset({"cnaf"}),
    "revoke_jeton": frozenset({"instructeur", "superviseur"}),
}

may, check = rights.of(ACTS)
