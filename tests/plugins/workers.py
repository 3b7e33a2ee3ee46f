"""Tests on both cores: each worker of xdist has a Redis database and a data folder (pytest-django: a database).

Loaded before the settings are read; processes that tests start inherit what is set here.
"""

import os
from pathlib import Path

import pytest

LONGEST = "test_chaos.py"  # mostly waits: begun first, it costs the whole run nothing

if (worker := os.environ.get("PYTEST_XDIST_WORKER")) and not os.environ.get("EXTRANET_TEST_WORKER"):
    os.environ["EXTRANET_TEST_WORKER"] = worker
    server, _, number = os.environ["REDIS_URL"].rpartition("/")
    os.environ["REDIS_URL"] = f"{server}/{int(number) + 1 + int(worker.removeprefix('gw'))}"
    own = Path(os.environ["EXTRANET_DATA_DIR"]) / worker
    own.mkdir(parents=True, exist_ok=True)
    os.environ["EXTRANET_DATA_DIR"] = str(own)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name != LONGEST)
