"""Many rows at once: COPY on PostgreSQL, bulk_create elsewhere.
Same rows, same errors, no signal, no default left out.
"""

import gc
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection, models

_encode = json.JSONEncoder(ensure_ascii=False).encode  # `json.dumps` with options makes an encoder each time


@contextmanager
def fewer_collections() -> Iterator[None]:
    """Look for cycles every 200,000 new objects: loops over records make none,
    and looking takes a seventh of their time.
    """
    before = gc.get_threshold()
    gc.set_threshold(200_000, *before[1:])
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
                "SELECT nextval(name) FROM (SELECT pg_get_serial_sequence(%s, 'id')::regclass AS name OFFSET 0) one, "
                "generate_series(1, %s)",
                [connection.ops.quote_name(table), count],
            )
            return [row[0] for row in cursor.fetchall()]
        # The immediate transaction holds the only write lock; keys given by hand move SQLite's sequence on.
        cursor.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = %s", [table])
        last = cursor.fetchone()[0]
        return list(range(last + 1, last + 1 + count))


def insert_values(model: type[models.Model], names: Sequence[str], rows: Sequence[Sequence[Any]], **same: Any) -> None:
    """Insert rows of values, in the order of the fields `names` (a key by its attname), and the values `same` in each.

    Nobody needs their keys.
    """
    if connection.vendor != "postgresql":
        made = [model(**dict(zip(names, row, strict=True)), **same) for row in rows]
        model._default_manager.bulk_create(made, batch_size=500)
        return
    by_name = {field.attname: field for field in model._meta.concrete_fields}
    quote, write = connection.ops.quote_name, _WRITTEN
    columns = ", ".join(quote(by_name[name].column or "") for name in (*names, *same))
    # What is the same in each is written once: most of what a delivery has, and all but a name of a journal's lines.
    end = "".join("\t" + write[type(value)](value) for value in same.values()) + "\n"
    text = "".join(["\t".join([write[type(value)](value) for value in row]) + end for row in rows])
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY {quote(model._meta.db_table)} ({columns}) FROM STDIN") as copy:
            copy.write(text)


_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _text(value: str) -> str:
    return value if value.isprintable() and "\\" not in value else value.translate(_ESCAPED)


class _Writers(dict[type, Callable[[Any], str]]):
    """How a value of each type is written; of a kind of one of them (a choice), as that."""

    def __missing__(self, kind: type) -> Callable[[Any], str]:
        self[kind] = next(self[base] for base in kind.__mro__[1:] if base in self)
        return self[kind]


# A value as COPY reads it.
_WRITTEN = _Writers(
    {
        type(None): lambda value: "\\N",
        str: _text,
        int: str,
        bool: lambda value: "t" if value else "f",
        bytes: lambda value: f"\\\\x{value.hex()}",
        date: date.isoformat,
        datetime: datetime.isoformat,
        UUID: str,
        dict: lambda value: _text(_encode(value)),
        list: lambda value: _text(_encode(value)),
    }
)


class AnyOf(models.Lookup):
    """`filter(AnyOf(F("pk"), keys))`: `pk__in` for thousands of numbers, or of words that are letters and digits; one
    text where the database has arrays.
    """

    lookup_name = "any_of"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        lhs, params = self.process_lhs(compiler, connection)
        if connection.vendor == "postgresql":
            kind = self.lhs.output_field.db_type(connection).partition("(")[0]
            return f"{lhs} = ANY(%s::{kind}[])", (*params, array(self.rhs))
        return f"{lhs} IN ({', '.join(['%s'] * len(self.rhs))})", (*params, *self.rhs)


def array(keys: Iterable[int | str]) -> str:
    """As PostgreSQL reads an array of numbers, or of words that are letters and digits."""
    return f"{{{','.join(map(str, keys))}}}"


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
