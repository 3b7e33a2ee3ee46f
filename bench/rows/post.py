"""A family's sending, from its summary to the redirect, against bare inserts of its rows, in one transaction."""

import statistics
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from django.db import models, transaction
from django.test import Client

from bench import families, world
from bench.rows.ingest import prepare
from demandes.models import Attribution, Demande, Dossier, Transmission
from extranet.core.journal.models import Entry
from extranet.core.outbox.models import Message

ROUNDS = 30
MADE: tuple[type[models.Model], ...] = (Transmission, Demande, Dossier, Attribution, Entry, Message)


def run() -> list[dict[str, object]]:
    """`post`, medians in ms: in turn, so that both meet the same machine. The token of the page is checked, and the
    body is what a browser sends.
    """
    prepare()
    world.clear()
    now = datetime.now(UTC)
    world.lieux(1, now)
    families.counted_never_reached()
    client, ours, floor = Client(), [], []
    for rank in range(ROUNDS + 3):
        path, body = families.summary(client, rank, now)
        before = {model: set(model._default_manager.values_list("pk", flat=True)) for model in MADE}
        client.handler.enforce_csrf_checks = True
        began = time.perf_counter()
        answer = client.post(path, body, content_type=families.FORM)
        ours.append(time.perf_counter() - began)
        client.handler.enforce_csrf_checks = False
        assert "/envoyee/" in answer["Location"], answer["Location"]
        rows = [row for model in MADE for row in model._default_manager.exclude(pk__in=before[model])]
        floor.append(_bare(rows))
    world.clear()
    return [
        {
            "name": "post",
            "ours": statistics.median(ours[3:]) * 1000,
            "floor": statistics.median(floor[3:]) * 1000,
            "unit": "ms",
            "n": ROUNDS,
        }
    ]


def _bare(rows: list[Any]) -> float:
    """Seconds for the same rows again, under keys of their own."""
    keys: dict[tuple[type, Any], Any] = {}
    began = time.perf_counter()
    with transaction.atomic():
        for row in rows:
            old = (type(row), row.pk)
            for field in row._meta.concrete_fields:
                value = getattr(row, field.attname)
                if field.primary_key:
                    setattr(row, field.attname, uuid.uuid4() if isinstance(field, models.UUIDField) else None)
                elif isinstance(field, models.UUIDField):
                    setattr(row, field.attname, uuid.uuid4())
                elif field.attname in ("reference", "nonce", "key"):
                    setattr(row, field.attname, uuid.uuid4().hex[:20])
                elif field.remote_field and (new := keys.get((field.related_model, value))):
                    setattr(row, field.attname, new)
            row.save(force_insert=True)
            keys[old] = row.pk
    return time.perf_counter() - began
