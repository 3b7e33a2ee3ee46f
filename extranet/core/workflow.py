"""States change here and nowhere else: one conditional UPDATE decides, one journal line records."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models, transaction

from extranet.core import bulk
from extranet.core.errors import WrongState
from extranet.core.journal import services as journal

CHUNK = 5_000


@dataclass(frozen=True)
class Move:
    """An act that takes an object from one of `sources` to `target`; `event` names it in the journal.

    `who` is for docs/etats.md, in words; {right} stands for the roles of a right of the app.
    """

    act: str
    sources: frozenset[str]
    target: str
    event: str
    who: str


class Table:
    """All moves of one kind of object, its first and its final states."""

    def __init__(self, states: type[models.TextChoices], *, initial: str, final: Iterable[str], moves: list[Move]):
        self.states = states
        self.initial = initial
        self.final = frozenset(final)
        self.moves = {move.act: move for move in moves}

    def may(self, obj: Any, act: str) -> bool:
        """True when `act` is open in the state that `obj` was read in (screens ask this, writes use apply)."""
        return obj.state in self.moves[act].sources

    def require(self, obj: Any, act: str) -> None:
        """Raise WrongState with a sentence that names the present state unless `act` is open."""
        if not self.may(obj, act):
            label = self.states(obj.state).label
            raise WrongState(f"Cette action n’est pas possible : l’état est « {label} ».")

    def apply(
        self, obj: Any, act: str, *, by: journal.Actor, now: datetime, where: models.Q | None = None, **changes: Any
    ) -> bool:
        """Move `obj` if its row is still in a source state (and `where`): True and one journal line, else False.

        `changes` are columns set in the same UPDATE. The instance in memory follows only when the row moved.
        """
        move = self.moves[act]
        with transaction.atomic():
            rows = type(obj)._default_manager.filter(pk=obj.pk, state__in=move.sources)
            if where is not None:
                rows = rows.filter(where)
            if rows.update(state=move.target, **changes) != 1:
                return False
            journal.record(move.event, obj, by=by, at=now, de=str(obj.state), a=str(move.target))
        obj.state = move.target
        for name, value in changes.items():
            setattr(obj, name, value)
        return True

    def apply_many(
        self, rows: models.QuerySet, act: str, *, by: journal.Actor, now: datetime, **changes: Any
    ) -> list[Any]:
        """`apply` for each of `rows` that is in a source state: one UPDATE, one journal line each;
        returns their keys.

        Call inside a transaction: the rows are locked first, so that what is recorded is what moved. They have a uuid
        and a Caf.
        """
        move, moved = self.moves[act], list[Any]()
        label = rows.model._meta.label_lower
        there = rows.filter(state__in=move.sources).order_by("pk").select_for_update(of=("self",))
        columns = ("pk", "uuid", "caf_id", "state")
        held = list(there.values_list(*columns)[:CHUNK])
        while held:
            keys = [pk for pk, *_ in held]
            rows.model._default_manager.filter(bulk.AnyOf(models.F("pk"), keys)).update(state=move.target, **changes)
            for source in sorted({source for *_, source in held}):
                some = [(uuid, caf) for _, uuid, caf, state in held if state == source]
                self._record(move, label, some, source, by, now)
            moved += keys
            # Past them by key: a move may lead back to a state that it starts from.
            held = list(there.filter(pk__gt=keys[-1]).values_list(*columns)[:CHUNK]) if len(held) == CHUNK else []
        return moved

    def note_entered(
        self,
        model: type[models.Model],
        act: str,
        rows: Sequence[tuple[UUID | str, str]],
        *,
        by: journal.Actor,
        now: datetime,
    ) -> None:
        """`act` for rows (uuid, Caf) that are inserted in its target, having passed through the initial state in this
        same transaction: the lines that `apply_many` would have written, without its UPDATE.
        """
        move = self.moves[act]
        assert self.initial in move.sources
        self._record(move, model._meta.label_lower, rows, self.initial, by, now)

    def entered(self, obj: Any, act: str, *, by: journal.Actor, now: datetime) -> journal.Entry:
        """`note_entered` for one object: its line, to be written with others."""
        move = self.moves[act]
        assert self.initial in move.sources
        assert obj.state == move.target
        return journal.entry(move.event, obj, by=by, at=now, de=str(self.initial), a=str(move.target))

    def _record(
        self,
        move: Move,
        label: str,
        rows: Sequence[tuple[UUID | str, str]],
        source: str,
        by: journal.Actor,
        now: datetime,
    ) -> None:
        journal.record_rows(move.event, label, rows, by=by, at=now, de=str(source), a=str(move.target))
