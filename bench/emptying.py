"""Emptying tables past what refuses to empty the proof: for databases of tests and bench only."""

from collections.abc import Iterable

from django.db import connection


def empty_those_with_rows(tables: Iterable[str]) -> None:
    """DELETE from the few that have any, after a test: to TRUNCATE makes each table and its indexes anew."""
    quoted = [connection.ops.quote_name(name) for name in tables]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in quoted))
        if filled := [name for (name,) in cursor.fetchall()]:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute("; ".join(f"DELETE FROM {name}" for name in filled))
            cursor.execute("RESET session_replication_role")


def empty(tables: Iterable[str]) -> None:
    """TRUNCATE, and what refers to them; append-only tables refuse it to all but a superuser that says it replays."""
    quoted = ", ".join(connection.ops.quote_name(name) for name in tables)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(f"TRUNCATE {quoted} RESTART IDENTITY CASCADE")
        cursor.execute("RESET session_replication_role")
