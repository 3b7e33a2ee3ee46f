"""Many rows at once: COPY on PostgreSQL, bulk_create elsewhere.
Same rows, same errors, no signal, no default left out.
"""

import gc
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection, models

_encode = json.JSONEncoder(ensure_ascii=False).encode  # `json.dumps` with options makes an encoder each time


@contextmanager
def fewer_collections() -> Iterator[None]:
    """Look for cycles every 20,000 new objects: loops over records make none,
    and looking takes a seventh of their time.
    """
    before = gc.get_threshold()
    gc.set_threshold(20_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def insert(rows: Sequence[models.Model]) -> None:
    """Insert unsaved instances of one model; each has its primary key afterwards."""
    if not rows:
        return
    model = type(rows[0])
    if connection.vendor != "postgresql":
        model._default_manager.bulk_create(rows, batch_size=500)
        return
    fields = model._meta.concrete_fields
    key = model._meta.pk
    assert key is not None
    with connection.cursor() as cursor:
        table = connection.ops.quote_name(model._meta.db_table)
        if isinstance(key, models.AutoField | models.BigAutoField):
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)",
                [table, key.column, len(rows)],
            )
            for row, (value,) in zip(rows, cursor.fetchall(), strict=True):
                setattr(row, key.attname, value)
        columns = ", ".join(connection.ops.quote_name(field.column or "") for field in fields)
        with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            getters = [(field.attname, None if isinstance(field, _PLAIN) else field) for field in fields]
            for row in rows:
                copy.write_row([_value(getattr(row, name), field) for name, field in getters])
    for row in rows:
        row._state.adding = False


def new_keys(model: type[models.Model], count: int) -> list[int]:
    """`count` primary keys that nobody else will get. Call inside a transaction."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
                [connection.ops.quote_name(table), count],
            )
            return [row[0] for row in cursor.fetchall()]
        # The immediate transaction holds the only write lock; keys given by hand move SQLite's sequence on.
        cursor.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = %s", [table])
        last = cursor.fetchone()[0]
        return list(range(last + 1, last + 1 + count))


def insert_values(model: type[models.Model], names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows of values, in the order of the fields `names` (a key by its attname). Nobody needs their keys."""
    if connection.vendor != "postgresql":
        model._default_manager.bulk_create(
            [model(**dict(zip(names, row, strict=True))) for row in rows], batch_size=500
        )
        return
    by_name = {field.attname: field for field in model._meta.concrete_fields}
    quote = connection.ops.quote_name
    columns = ", ".join(quote(by_name[name].column or "") for name in names)
    written = [rank for rank, name in enumerate(names) if isinstance(by_name[name], models.JSONField)]
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY {quote(model._meta.db_table)} ({columns}) FROM STDIN") as copy:
            same, text = None, ""  # the journal's details are one object for all rows
            for row in rows:
                values = list(row)
                for rank in written:
                    if values[rank] is not same:
                        same, text = values[rank], _encode(values[rank])
                    values[rank] = text
                copy.write_row(values)


class AnyOf(models.Lookup):
    """`filter(AnyOf(F("pk"), keys))`: `pk__in` for thousands of keys, one parameter where the database has arrays."""

    lookup_name = "any_of"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        lhs, params = self.process_lhs(compiler, connection)
        if connection.vendor == "postgresql":
            return f"{lhs} = ANY(%s)", (*params, list(self.rhs))
        return f"{lhs} IN ({', '.join(['%s'] * len(self.rhs))})", (*params, *self.rhs)


_PLAIN = (
    models.CharField,
    models.TextField,
    models.BooleanField,
    models.DateTimeField,
    models.DateField,
    models.UUIDField,
    models.IntegerField,
    models.ForeignKey,
)


def _value(value: Any, field: models.Field | None) -> Any:
    return value if field is None or value is None else field.get_db_prep_save(value, connection)
