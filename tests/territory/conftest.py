"""A small France: real lines of the reference files, enough for homonyms, former codes, arrondissements and islands."""

import csv
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from extranet.territory import reference
from extranet.territory.models import Agent

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
COMMUNES = (
    "77100 77165 77103 77288 77145 91228 91174 75056 75101 75115 93066 11339 97411 97701 97801 98818 01015 01165 18051"
    " 80829 94038 69123 69381 73008 43018 42218"
)


def write(folder: Path, name: str, rows: list[dict[str, str]], columns: list[str]) -> None:
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder of reference files, to be edited by the test."""
    folder = tmp_path / "reference"
    folder.mkdir()
    for path in reference.DATA.glob("*.csv"):
        rows = reference.rows(reference.DATA, path.stem)
        columns = list(rows[0])
        if path.stem == "communes":
            rows = [row for row in rows if row["code_insee"] in COMMUNES.split()]
        elif path.stem == "communes_anciennes":
            rows = [row for row in rows if row["code_actuel"] in COMMUNES.split()]
        elif path.stem == "epci":
            rows = [row for row in rows if set(row["codes_communes"].split()) & set(COMMUNES.split())]
        write(folder, path.stem, rows, columns)
    return folder


@pytest.fixture
def france(db: None, files: Path) -> None:
    reference.load(now=NOW, folder=files)


@pytest.fixture
def login(france: None, client: Any) -> Callable[..., Any]:
    """The client, logged in as an agent with this role in this Caf."""

    def as_agent(role: str = "gestionnaire", caf: str | None = "caf-77") -> Any:
        user = get_user_model().objects.create_user(email=f"{role}.{caf or 'france'}@caf.test", is_staff=True)
        Agent.objects.create(user=user, role=role, caf_id=caf)
        client.force_login(user)
        client.user = user
        return client

    return as_agent
