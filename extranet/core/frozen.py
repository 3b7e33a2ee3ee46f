"""Questions whose text is worked out once a process, and planned once a connection.

Django builds and compiles a queryset anew each time, and PostgreSQL plans it: of conditions by date inside conditions
by date each takes ten times as long as the answer, and every page of a family or of a lieu asks several. The query
stays written with the ORM, in one place; what is kept is its text, to which moment and names are given as parameters.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
from django.db import connection
from django.db.models import QuerySet

from extranet.core import bulk
from extranet.core.dates import paris_date

Given = str | int | datetime | list[int] | list[str]
Slot = Callable[[dict[str, Any]], Any]
# Moments of which the day in Paris is not always that of UTC, in both seasons.
MOMENTS = [datetime(2001, 1, 3, 4, 5, 6, tzinfo=UTC), datetime(2017, 8, 9, 22, 30, tzinfo=UTC)]
MOMENTS += [datetime(2029, 12, 31, 23, 30, tzinfo=UTC)]


class _Prepared(psycopg.Cursor[Any]):
    """Parameters apart from the text, whose plan the connection keeps."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> "_Prepared":
        return super().execute(query, params, prepare=True, **options)


class Frozen:
    """`Frozen(build)(now=…, lieu=…)` is the list of what `build(now=…, lieu=…)`, a `values_list`, selects.

    `build` may use what it is given as it is (a list of keys by `bulk.AnyOf`), and the days around `now` in Paris;
    nothing else of it. That is proven when its text is worked out: TypeError.
    """

    def __init__(self, build: Callable[..., QuerySet[Any]]):
        self._build = build
        self._known: tuple[str, list[Slot]] | None = None

    def __call__(self, **given: Given) -> list[Any]:
        if connection.vendor != "postgresql":  # which serves one person
            return list(self._build(**given))
        sql, params = self.text(given)
        connection.ensure_connection()
        raw: Any = _Prepared(connection.connection)
        with connection.make_cursor(raw) as cursor:
            cursor.execute(sql, params)
            rows = cursor.fetchall()
        if connection.queries_logged:  # as Django notes what it asks
            said = psycopg.ClientCursor(connection.connection).mogrify(sql, params)
            connection.queries_log.append({"sql": said, "time": "0.000"})
        return [row[0] for row in rows] if rows and len(rows[0]) == 1 else rows

    def text(self, given: dict[str, Any]) -> tuple[str, tuple[Any, ...]]:
        """The statement, and its parameters for what is `given`."""
        if self._known is None:
            self._known = self._freeze(given)
        sql, slots = self._known
        return sql, tuple([slot(given) for slot in slots])

    def _compiled(self, given: dict[str, Any]) -> tuple[str, tuple[Any, ...]]:
        sql, params = self._build(**given).query.sql_with_params()
        return str(sql), tuple(params)

    def _freeze(self, given: dict[str, Given]) -> tuple[str, list[Slot]]:
        samples = [
            {name: _sample(value, rank, turn) for rank, (name, value) in enumerate(given.items())} for turn in range(3)
        ]
        (sql, first), (again, second), third = (self._compiled(one) for one in samples)
        if sql == again == third[0]:
            slots = [_slot(pair, samples) for pair in zip(first, second, strict=True)]
            if third[1] == tuple(slot(samples[2]) for slot in slots):
                return sql, slots
        raise TypeError(f"{self._build.__qualname__} makes another query of another value")


def _sample(value: Given, rank: int, turn: int) -> Given:
    if isinstance(value, datetime):
        return MOMENTS[turn] + timedelta(days=100 * rank)
    if isinstance(value, list):
        return [10**9 + 10 * rank + turn, 10**9 - turn]
    return f"{turn} frozen {rank} {turn}" if isinstance(value, str) else 10**9 + 10 * rank + turn


def _slot(pair: tuple[Any, Any], samples: list[dict[str, Any]]) -> Slot:
    """How a parameter follows from what is given, seen in two compilations."""
    if pair[0] == pair[1]:
        return lambda given: pair[0]
    for name in samples[0]:
        values = tuple(sample[name] for sample in samples[:2])
        if pair == values:
            return lambda given: given[name]
        if isinstance(values[0], list) and pair == tuple(map(bulk.array, values)):
            return lambda given: bulk.array(given[name])
        if type(pair[0]) is date and isinstance(values[0], datetime):
            shift, other = (param - paris_date(value) for param, value in zip(pair, values, strict=True))
            if shift == other:
                return lambda given: paris_date(given[name]) + shift
    raise TypeError("a parameter that is neither given nor a day around what is given")
