"""Inserting thousands of rows: COPY on PostgreSQL, one prepared INSERT elsewhere. The rows are plain values."""

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection, models


def next_ids(model: type[models.Model], count: int) -> list[int]:
    """`count` primary keys that nobody else will get. Call inside a transaction."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)",
                [f'"{table}"', model._meta.pk.column, count],
            )
            return [row[0] for row in cursor.fetchall()]
        # The immediate transaction holds the only write lock; the explicit keys move the sequence on.
        cursor.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = %s", [table])
        last = cursor.fetchone()[0]
        return list(range(last + 1, last + 1 + count))


def insert(model: type[models.Model], names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert `rows`, whose values are in the order of the fields `names` (a foreign key by its attname).

    Columns that are not named must have a default of the database, or none be wanted. Constraints decide as usual.
    """
    meta, quote = model._meta, connection.ops.quote_name
    columns = ", ".join(quote(_column(model, name)) for name in names)
    table = quote(meta.db_table)
    plain = [[_plain(value) for value in row] for row in rows]
    if not plain:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in plain:
                    copy.write_row(row)
        else:
            marks = ", ".join(["%s"] * len(names))
            values = [[_for_sqlite(value) for value in row] for row in plain]
            cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", values)


def _column(model: type[models.Model], name: str) -> str:
    field = model._meta.get_field(name.removesuffix("_id"))
    return str(field.column)  # type: ignore[union-attr]


def _plain(value: Any) -> Any:
    if value.__class__ in (dict, list):
        return json.dumps(value, ensure_ascii=False)
    return value


def _for_sqlite(value: Any) -> Any:
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, date):
        return value.isoformat()
    return value.hex if isinstance(value, UUID) else value
