"""Append-only tables by database triggers, on both engines (QuerySet.update and SQL included).

A TRUNCATE is refused too, to the owner of the table as to anybody; only a superuser who says
`SET session_replication_role = replica` passes by, which no line of the portal does (the tests' flush does).
"""

from typing import Any

from django.db import connection, migrations

POSTGRES = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'append-only table %', TG_TABLE_NAME; END $$;
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""
NO_TRUNCATE = """
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""
SQLITE = """
CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, 'append-only table'); END;
CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, 'append-only table'); END;
"""


def append_only(table: str) -> migrations.RunPython:
    """The migration operation that makes `table` append-only."""

    def forwards(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(POSTGRES.format(table=table), params=None)
        else:
            for statement in SQLITE.format(table=table).strip().split("\n"):
                schema_editor.execute(statement, params=None)

    def backwards(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP TRIGGER {table}_append_only ON {table}")
        else:
            schema_editor.execute(f"DROP TRIGGER {table}_no_update")
            schema_editor.execute(f"DROP TRIGGER {table}_no_delete")

    return migrations.RunPython(forwards, backwards)


def no_truncate(*tables: str) -> migrations.RunPython:
    """The migration operation that has PostgreSQL refuse to empty append-only `tables` at once; SQLite has no such act."""

    def forwards(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            for table in tables:
                schema_editor.execute(NO_TRUNCATE.format(table=table), params=None)

    def backwards(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            for table in tables:
                schema_editor.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")

    return migrations.RunPython(forwards, backwards)


def unguarded(table: str) -> bool:
    """Whether a trigger that keeps `table` append-only is missing or switched off."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            wanted = {f"{table}_append_only", f"{table}_no_truncate"}
            cursor.execute(
                "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND tgenabled IN ('O', 'A')", [table]
            )
        else:
            wanted = {f"{table}_no_update", f"{table}_no_delete"}
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table])
        return not wanted <= {name for (name,) in cursor.fetchall()}
