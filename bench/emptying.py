"""Emptying tables past what refuses to empty the proof: for databases of tests and bench only."""

from collections.abc import Iterable

from django.db import connection


def empty(tables: Iterable[str], *, cascade: bool = False) -> None:
    """TRUNCATE; the append-only tables refuse it to all but a superuser who says that it replays."""
    quoted = ", ".join(connection.ops.quote_name(name) for name in tables)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(f"TRUNCATE {quoted} RESTART IDENTITY{' CASCADE' if cascade else ''}")
        cursor.execute("RESET session_replication_role")
