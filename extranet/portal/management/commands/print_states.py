"""docs/etats.md, from the code: who may bring what from which state to which."""

from typing import Any

from django.core.management.base import BaseCommand

from conventions import rights as conventions_rights
from conventions.workflow import ACTE, CONVENTION
from demandes import rights as demandes_rights
from demandes.attestations.workflow import ATTESTATION, BILAN
from demandes.workflow import DEMANDE, LIVRAISON
from extranet.core.workflow import Table
from habilitations import rights as habilitations_rights
from habilitations.workflow import DEMANDE_HABILITATION, ECHANGE

HEAD = """# States

Printed by `python manage.py print_states`; the tests compare. Each change is one conditional UPDATE with one line in
the journal (`extranet/core/workflow.py`).
"""
TABLES: list[tuple[str, Table, Any]] = [
    ("Demande (DEM-5)", DEMANDE, demandes_rights),
    ("Attestation (CNS-3, CNS-4)", ATTESTATION, demandes_rights),
    ("Bilan (SUI-3)", BILAN, demandes_rights),
    ("Livraison (ING-1)", LIVRAISON, demandes_rights),
    ("Demande d’habilitation (HAB-6)", DEMANDE_HABILITATION, habilitations_rights),
    ("Échange avec un lieu (CTL-5)", ECHANGE, habilitations_rights),
    ("Convention (CON-2)", CONVENTION, conventions_rights),
    ("Acte (CON-2, CON-7)", ACTE, conventions_rights),
]


def document() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(_part(title, table, rights) for title, table, rights in TABLES)])


def _part(title: str, table: Table, rights: Any) -> str:
    roles = {act: f"{' or '.join(sorted(held))} (`{act}`)" for act, held in rights.ACTS.items()}
    order = {str(state): rank for rank, state in enumerate(table.states)}

    def node(state: str) -> str:  # Mermaid reads no hyphen in a name
        return str(state).replace("-", "_")

    lines = [f"## {title}", "", "```mermaid", "stateDiagram-v2", f"  [*] --> {node(table.initial)}"]
    for move in table.moves.values():
        lines += [
            f"  {node(source)} --> {node(move.target)}: {move.act}"
            for source in sorted(move.sources, key=order.__getitem__)
        ]
    lines += [f"  {node(state)} --> [*]" for state in order if state in table.final]
    lines += ["```", "", "| act | from | to | who | journal |", "|---|---|---|---|---|"]
    for move in table.moves.values():
        sources = ", ".join(table.states(source).label for source in sorted(move.sources, key=order.__getitem__))
        target, who = table.states(move.target).label, move.who.format_map(roles)
        lines.append(f"| `{move.act}` | {sources} | {target} | {who} | `{move.event}` |")
    return "\n".join([*lines, ""])


class Command(BaseCommand):
    help = "Print docs/etats.md."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(document(), ending="")
