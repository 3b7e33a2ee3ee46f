"""Agents who log in, and reference files that a test may edit."""

import csv
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from extranet.territory import reference
from extranet.territory.models import Agent

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A copy of the reference files."""
    return Path(shutil.copytree(reference.DATA, tmp_path / "reference"))


def edit(folder: Path, name: str, change: Callable[[dict[str, str]], Any]) -> None:
    """Rewrite a file: `change` edits each line; False leaves it out."""
    rows = reference.rows(folder, name)
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for row in rows if change(row) is not False)


@pytest.fixture
def login(db: None, client: Any) -> Callable[..., Any]:
    """The client, logged in as an agent with this role in this Caf."""

    def as_agent(role: str = "instructeur", caf: str | None = "caf-77") -> Any:
        user = get_user_model().objects.create_user(email=f"{role}.{caf or 'france'}@caf.test", is_staff=True)
        Agent.objects.create(user=user, role=role, caf_id=caf)
        client.force_login(user)
        client.user = user
        return client

    return as_agent
