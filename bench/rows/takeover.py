"""A file of a thousand conventions, as an agent hands it in: read, verified, reported on, then taken over.

Against bare inserts of the rows that it makes, in one transaction.
"""

import csv
import io
import time
from datetime import UTC, datetime
from itertools import count, islice

from django.db import models, transaction

from bench import world
from bench.rows.ingest import prepare
from conventions.forms.takeover_file import HEADINGS, example_rows, read_report
from conventions.models import (
    Acte,
    Convention,
    Couverture,
    Gestionnaire,
    IdentiteGestionnaire,
    IdentiteLieu,
    Lieu,
    Personne,
    PersonneInscrite,
    Piece,
    Reprise,
    Signature,
)
from conventions.rules import siren_is_valid
from extranet.core.journal.models import Entry
from extranet.territory.models import Caf, Commune

COUNT, PERSONS = 1_000, 2
MADE: tuple[type[models.Model], ...] = (
    Gestionnaire, Lieu, Convention, Acte, IdentiteGestionnaire, IdentiteLieu, Piece, Signature, Couverture, Personne,
    PersonneInscrite, Reprise, Entry,
)  # fmt: skip


def run() -> list[dict[str, object]]:
    """`takeover`, seconds a thousand: dry run and application, both of which read the file."""
    prepare()
    world.clear()
    caf, now = Caf.objects.get(pk="caf-77"), datetime.now(UTC)
    data = _file(caf)
    began = time.perf_counter()
    read_report(data, caf, by=None, now=now, apply=False)
    rapport = read_report(data, caf, by=None, now=now, apply=True)
    ours = time.perf_counter() - began
    assert len(rapport.of("reprise")) == Convention.objects.count() == COUNT
    floor = _bare()
    world.clear()
    return [{"name": "takeover", "ours": ours, "floor": floor, "unit": "s", "n": COUNT}]


def _file(caf: Caf) -> bytes:
    towns = list(Commune.objects.filter(caf=caf, actuelle=True).order_by("pk").values_list("pk", flat=True))
    sirens = (f"{number:09}" for number in count(210_000_000) if siren_is_valid(f"{number:09}"))
    titles, example, _ = example_rows()
    whole = dict(zip(HEADINGS, example, strict=True)) | {"signataire_caf": "Alex Directeur", "qualite_caf": "directeur"}
    target = io.StringIO(newline="")
    writer = csv.writer(target, delimiter=";")
    writer.writerow(titles)
    for rank, siren in enumerate(islice(sirens, COUNT)):
        own = {
            "numero": f"B-{rank}",
            "lieu_nom": f"RPE {rank}",
            "gestionnaire_siren": siren,
            "communes": ", ".join(towns[(rank + step) % len(towns)] for step in range(10)),
        }
        for person in range(PERSONS):
            writer.writerow((whole | own | {"personne_courriel": f"p{rank}.{person}@bench.test"}).values())
    return target.getvalue().encode()


def _bare() -> float:
    """Seconds for the same rows again, in an empty register, table by table."""
    rows = [list(model._default_manager.order_by("pk")) for model in MADE]
    world.clear()
    began = time.perf_counter()
    with transaction.atomic():
        for some in rows:
            type(some[0])._default_manager.bulk_create(some)
    return time.perf_counter() - began
