"""Tests on both cores: each worker of xdist has a Redis database and a data folder (pytest-django: a database).

Loaded before the settings are read; processes that tests start inherit what is set here.
"""

import os
from pathlib import Path

import pytest

# Begun first, so that no core ends the run alone with one of them; the first mostly waits. Then all that starts
# browsers and processes.
LONGEST = ["test_chaos.py", "test_hostile.py", "test_pages.py", "test_permissions.py", "test_copies.py"]
LONGEST += ["test_chain.py", "test_round_trip.py", "test_outages.py", "test_make_run.py", "test_forms.py"]
LONGEST += ["test_demo.py", "test_vault.py", "test_notification.py", "test_family.py", "test_application.py"]
LONG = ["faults", "journeys"]

if (worker := os.environ.get("PYTEST_XDIST_WORKER")) and not os.environ.get("EXTRANET_TEST_WORKER"):
    os.environ["EXTRANET_TEST_WORKER"] = worker
    server, _, number = os.environ["REDIS_URL"].rpartition("/")
    os.environ["REDIS_URL"] = f"{server}/{int(number) + 1 + int(worker.removeprefix('gw'))}"
    own = Path(os.environ["EXTRANET_DATA_DIR"]) / worker
    own.mkdir(parents=True, exist_ok=True)
    os.environ["EXTRANET_DATA_DIR"] = str(own)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {name: number for number, name in enumerate(LONGEST)}
    last = len(LONGEST) + 1
    items.sort(key=lambda item: rank.get(item.path.name, last - (item.path.parent.name in LONG)))
