"""A family's sending, from its summary to the redirect, against bare inserts of its rows, in one transaction."""

import statistics
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from django.db import models, transaction
from django.test import Client

from bench import world
from bench.rows.ingest import prepare
from demandes.models import Demande, Dossier, Transmission
from demandes.views import family
from extranet.core.journal.models import Entry
from extranet.core.outbox.models import Message
from tests.demandes.test_family import URL, WHOLE, dict_of, form_of, shown

ROUNDS = 30
MADE: tuple[type[models.Model], ...] = (Transmission, Demande, Dossier, Entry, Message)


def run() -> list[dict[str, object]]:
    """`post`, medians in ms: in turn, so that both meet the same machine."""
    prepare()
    world.clear()
    now = datetime.now(UTC)
    world.lieux(1, now)
    family.BRAKES = {"network": [], "address": []}
    dates = {"a_partir_du": now.date().replace(month=12, day=28).isoformat()}
    client, ours, floor = Client(), [], []
    for rank in range(ROUNDS + 3):
        typed = WHOLE | dates | {"courriel": f"famille{rank}@famille.test"}
        summary = client.get(client.post(URL, typed)["Location"])
        action, fields = form_of(summary).action, dict_of(shown(summary)) | {"valider": "1"}
        before = {model: set(model._default_manager.values_list("pk", flat=True)) for model in MADE}
        began = time.perf_counter()
        answer = client.post(action, fields)
        ours.append(time.perf_counter() - began)
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
