"""Made-up deliveries of any length, for the bench and the tests."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<demandes xmlns="urn:extranet-partenaires:demandes:1" version="1.0" emis-le="{at}">
"""
RECORD = """  <demande reference="{reference}" deposee-le="{at}"{extra}>
    <commune code-insee="{commune}"/>{lieu}
    <demandeur>
      <nom>{nom}</nom>
      <prenom>{prenom}</prenom>{contact}
      <adresse><code-postal>77820</code-postal><commune>Le Châtelet-en-Brie</commune></adresse>
    </demandeur>
    <enfants>{enfants}</enfants>
    <besoin>
      <modes>{modes}</modes>
      <a-partir-du>{start}</a-partir-du>{horaires}
    </besoin>{tail}
  </demande>
"""


def record(rank: int, now: datetime, **changes: Any) -> str:
    """One record; `changes` replace parts of it."""
    at = (now - timedelta(hours=2)).isoformat(timespec="seconds")
    values = {
        "reference": f"ME-{rank:07}",
        "at": at,
        "extra": "",
        "commune": "77100",
        "lieu": "",
        "nom": "Fiction",
        "prenom": f"Famille {rank}",
        "contact": f"\n      <telephone>+336000{rank % 100_000:05}</telephone>",
        "enfants": f"<enfant><date-naissance>{(now - timedelta(days=400)).date()}</date-naissance></enfant>",
        "modes": "<mode>creche-collective</mode>",
        "start": (now + timedelta(days=60)).date(),
        "horaires": '\n      <horaires><jour nom="lundi" de="08:30" a="17:30"/>'
        '<jour nom="jeudi" de="08:30" a="17:30"/></horaires>',
        "tail": "",
    }
    return RECORD.format(**(values | changes))


def delivery(records: Iterator[str], now: datetime) -> Iterator[str]:
    """The whole file, piece by piece."""
    yield HEAD.format(at=now.isoformat(timespec="seconds"))
    yield from records
    yield "</demandes>\n"


def write(path: Path, count: int, now: datetime, changes: Mapping[int, Mapping[str, Any]] | None = None) -> Path:
    """A delivery of `count` records, some of them changed."""
    rows = (record(rank, now, **(changes or {}).get(rank, {})) for rank in range(1, count + 1))
    with path.open("w", encoding="utf-8") as file:
        file.writelines(delivery(rows, now))
    return path
