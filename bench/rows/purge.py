"""Ten thousand dossiers at their day, destroyed, against the same effects as set-based SQL in one transaction."""

import shutil
import time
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from bench import world
from bench.rows.ingest import prepare
from demandes.models import Attribution, Demande, Dossier
from demandes.services import destruction
from demandes.workflow import Etat
from extranet.core.dates import paris_date
from extranet.core.journal.models import Entry
from extranet.core.vault import days

COUNT, ROUNDS = 10_000, 3
BARE = """
CREATE TEMP TABLE due ON COMMIT DROP AS
  SELECT id, uuid, caf_id, state FROM demandes_demande
  WHERE last_day < %(day)s AND state IN ('a-orienter', 'transmise', 'recuperee', 'traitee') ORDER BY id FOR UPDATE;
UPDATE demandes_demande SET state = 'purgee', destroyed_at = %(now)s, content = '' WHERE id IN (SELECT id FROM due);
INSERT INTO journal_entry (at, event, object_kind, object_id, actor, caf, details)
  SELECT %(now)s, 'demande.purgee', 'demandes.demande', uuid::text, 'systeme', caf_id,
         jsonb_build_object('de', state, 'a', 'purgee') FROM due ORDER BY id;
DELETE FROM demandes_dossier WHERE demande_id IN (SELECT id FROM due);
UPDATE demandes_attribution
  SET fin = CASE WHEN ended_at IS NULL THEN 'detruite' ELSE fin END, ended_at = coalesce(ended_at, %(now)s),
      attest_from = %(day)s
  WHERE demande_id IN (SELECT id FROM due)
    AND (ended_at IS NULL OR picked_up_at IS NOT NULL OR seen_at IS NOT NULL);
"""


def run() -> list[dict[str, object]]:
    """`purge`, in seconds, the shortest of three each in turn: the same world each time, so that both meet the same
    rows.
    """
    prepare()
    now = datetime.now(UTC)
    later = now + timedelta(days=400)
    pairs = [[_timed(act, now, later) for act in (_bare, _ours)] for _ in range(ROUNDS)]
    bare, ours = (min(one) for one in zip(*pairs, strict=True))
    world.clear()
    return [{"name": "purge", "ours": ours, "floor": bare, "unit": "s", "n": COUNT}]


def _timed(act, now: datetime, later: datetime) -> float:  # type: ignore[no-untyped-def]
    world.clear()
    world.fill(COUNT, now)
    began = time.perf_counter()
    act(later)
    took = time.perf_counter() - began
    left = Dossier.objects.count(), Demande.objects.exclude(state=Etat.PURGEE).count()
    assert left == (0, 0), left
    assert Attribution.objects.filter(fin="detruite").count() == Entry.objects.count() == COUNT
    shutil.rmtree(days.folder())  # with the record of the days that this run destroyed, which get keys again
    return took


def _ours(later: datetime) -> None:
    assert destruction.destroy_due(now=later, confirmed=True) == COUNT


def _bare(later: datetime) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in BARE.split(";\n"):
            if statement.strip():
                cursor.execute(statement, {"now": later, "day": paris_date(later)})
    destruction.destroy_keys(now=later, confirmed=True)
