"""Append-only tables by database triggers, on both engines (QuerySet.update and SQL included).

A TRUNCATE is refused too, to the owner of the table as to anybody; only a superuser who says
`SET session_replication_role = replica` passes by, which no line of the portal does (the tests' flush does).
"""

from typing import Any

from django.db import connection, migrations

POSTGRES = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'append-only table %', TG_TABLE_NAME; END $$;
DROP TRIGGER IF EXISTS {table}_append_only ON {table};
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""
# A line may go when the segment that it lies in has a departure, and it was past its term at that moment.
POSTGRES_WITH_TERM = """
CREATE OR REPLACE FUNCTION refuse_change_within_term() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND EXISTS (
    SELECT FROM journal_seal s JOIN journal_departure d ON d.seal_id = s.id
    WHERE s.record = TG_TABLE_NAME AND s.first_id <= OLD.id
      AND s.last_id = (SELECT min(last_id) FROM journal_seal WHERE record = TG_TABLE_NAME AND last_id >= OLD.id)
      AND OLD.at AT TIME ZONE 'Europe/Paris'
        < d.at AT TIME ZONE 'Europe/Paris' - make_interval(months => TG_ARGV[0]::int))
  THEN RETURN OLD; END IF;
  RAISE EXCEPTION 'append-only table %', TG_TABLE_NAME;
END $$;
DROP TRIGGER IF EXISTS {table}_append_only ON {table};
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION refuse_change_within_term({months});
"""
NO_TRUNCATE = """
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""
SQLITE = """
DROP TRIGGER IF EXISTS {table}_no_update;
DROP TRIGGER IF EXISTS {table}_no_delete;
CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, 'append-only table'); END;
CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {unless} BEGIN SELECT RAISE(ABORT, 'append-only table'); END;
"""
# Moments are kept in UTC; Paris is two hours ahead at most.
SQLITE_TERM = (
    "WHEN NOT EXISTS (SELECT 1 FROM journal_seal s JOIN journal_departure d ON d.seal_id = s.id"
    " WHERE s.record = '{table}' AND s.first_id <= OLD.id"
    " AND s.last_id = (SELECT min(last_id) FROM journal_seal WHERE record = '{table}' AND last_id >= OLD.id)"
    " AND OLD.at < datetime(d.at, '+2 hours', '-{months} months'))"
)


def statements(vendor: str, table: str, months: int | None) -> list[str]:
    """What makes `table` append-only; with `months`, save for the lines past them that a departure covers."""
    if vendor == "postgresql":
        return [(POSTGRES if months is None else POSTGRES_WITH_TERM).format(table=table, months=months)]
    unless = "" if months is None else SQLITE_TERM.format(table=table, months=months)
    return SQLITE.format(table=table, unless=unless).strip().split("\n")


def append_only(table: str, months: int | None = None) -> migrations.RunPython:
    """The migration operation that makes `table` append-only; where it has a term, after the tables of the journal."""

    def forwards(apps: Any, schema_editor: Any) -> None:
        for statement in statements(schema_editor.connection.vendor, table, months):
            schema_editor.execute(statement, params=None)

    def backwards(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP TRIGGER {table}_append_only ON {table}")
        else:
            schema_editor.execute(f"DROP TRIGGER {table}_no_update")
            schema_editor.execute(f"DROP TRIGGER {table}_no_delete")

    return migrations.RunPython(forwards, backwards)


def no_truncate(*tables: str) -> migrations.RunPython:
    """The migration operation that has PostgreSQL refuse to empty append-only `tables` at once;
    SQLite has no such act.
    """

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
