"""A server of a test's own, filled as quickly as the databases of the tests are."""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "deploy"))

import servers


def fill(server: servers.Postgres) -> None:
    """Every table and the reference data, copied from the database that `make test` has migrated."""
    source = f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{os.environ['EXTRANET_TEST_TEMPLATE']}"
    dump = [str(server.binaries / "pg_dump"), "--no-owner", source]
    with subprocess.Popen(dump, stdout=subprocess.PIPE) as written:
        read = [str(server.binaries / "psql"), "-q", "-v", "ON_ERROR_STOP=1", server.url]
        subprocess.run(read, stdin=written.stdout, stdout=subprocess.DEVNULL, check=True)
    assert written.returncode == 0
