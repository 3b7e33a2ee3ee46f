"""Frozen questions: the text is kept, what is asked is put in as parameters, and nothing else may depend on it."""

import sys
from datetime import UTC, datetime
from inspect import signature
from typing import Any

import pytest
from django.db.models import QuerySet

from conventions.models import Convention
from conventions.queries import register
from demandes import queries as demandes
from demandes.attestations import queries as attestations
from demandes.queries import familles, lieu
from demandes.services import intake
from extranet.core.dates import paris_date
from extranet.core.frozen import Frozen
from habilitations.queries import access

pytestmark = pytest.mark.django_db
ROOMS = ("conventions", "demandes", "extranet", "habilitations")

MOMENTS = [
    datetime(2026, 11, 27, 9, tzinfo=UTC),
    datetime(2026, 11, 27, 23, 30, tzinfo=UTC),  # the next day in Paris
    datetime(2028, 2, 29, 12, tzinfo=UTC),
    datetime(2026, 7, 31, 22, 15, tzinfo=UTC),
]
ASKED: list[tuple[Frozen, dict[str, Any]]] = [
    (register._answering, {"code": "77100"}),
    (access._accounts, {"lieu": 7}),
    (access._lieux_of, {"user": 7}),
    (access._bound_of, {"user": 7}),
    (access._suspensions, {"user": 7}),
    (attestations._awaited, {"user": 7}),
    (demandes.count_left, {"lieux": [7, 8]}),
    (lieu._counted, {"lieux": [7], "user": 70_000}),
    (lieu._communes, {"lieux": []}),
    (intake._sent, {"nonce": "abc"}),
    (familles._alike, {"par_courriel": ["ab", "cd"], "par_telephone": []}),
]
NAMES = [frozen._build.__qualname__ for frozen, _ in ASKED]


@pytest.mark.parametrize(("frozen", "asked"), ASKED, ids=NAMES)
@pytest.mark.parametrize("now", MOMENTS)
def test_it_is_the_query_that_would_be_built_anew(frozen: Frozen, asked: dict[str, Any], now: datetime) -> None:
    moments = dict.fromkeys(signature(frozen._build).parameters.keys() - asked.keys(), now)
    assert frozen.text(asked | moments) == frozen._build(**asked, **moments).query.sql_with_params()
    for _ in range(7):  # planned for what is asked, then once for whatever is
        assert frozen(**asked, **moments) == list(frozen._build(**asked, **moments))


def test_each_of_the_house_is_tried_above() -> None:
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] in ROOMS]
    kept = {id(one): one for module in modules for one in vars(module).values() if isinstance(one, Frozen)}
    assert sorted(one._build.__qualname__ for one in kept.values()) == sorted(NAMES)


def test_what_else_depends_on_what_is_asked_is_refused() -> None:
    def by_year(now: datetime) -> QuerySet[Any]:
        return Convention.objects.filter(in_force_from__gte=paris_date(now).replace(month=1, day=1)).values("pk")

    def by_length(code: str) -> QuerySet[Any]:
        return Convention.objects.filter(numero=code[:3]).values("pk")

    def by_kind(now: datetime) -> QuerySet[Any]:
        found = Convention.objects.values("pk")
        return found.filter(ended_on=None) if now.year > 2020 else found

    with pytest.raises(TypeError, match="neither given"):
        Frozen(by_year)(now=MOMENTS[0])
    with pytest.raises(TypeError, match="neither given|another query"):
        Frozen(by_length)(code="77100")
    with pytest.raises(TypeError, match="another query"):
        Frozen(by_kind)(now=MOMENTS[0])
