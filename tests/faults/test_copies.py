"""What every copy of the database holds of a family: nothing in clear, nothing that opens after its day (CNS-10)."""

import copy
import mmap
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.faults import template
from tests.faults.life import CONTROL, WORDS

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy"))

import servers  # noqa: E402


class Instance:
    """A portal on its own database and Redis; each command in a process of its own, all that they print kept."""

    def __init__(self, home, database, redis):
        self.keys, self.mirror, self.logs = home / "keys", home / "mirror", b""
        self.mirror.mkdir()
        self.environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ} | {
            "EXTRANET_ENV": "test",
            "EXTRANET_DATA_DIR": str(home / "data"),
            "EXTRANET_KEYS_DIR": str(self.keys),
            "EXTRANET_KEYS_MIRROR_DIR": str(self.mirror),
            "EXTRANET_KEYS_MASTER": "0123456789abcdef" * 4,
            "DATABASE_URL": database,
            "REDIS_URL": redis,
            "EMAIL_URL": "dummymail://",
        }
        (home / "data").mkdir()

    def run(self, *command, **changes):
        done = subprocess.run([sys.executable, *command], cwd=ROOT, env=self.environment | changes, capture_output=True)
        self.logs += done.stdout + done.stderr
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def live(self):
        self.run("-m", "tests.faults.life", "live")

    def opens(self, **changes):
        """(dossiers that are there, those that open)"""
        return tuple(map(int, self.run("-m", "tests.faults.life", "open", **changes).split()))

    def end_the_day(self):
        said = self.run("manage.py", "purge_dossiers", EXTRANET_CLOCK_SHIFT="+8mo")
        assert said == "2 due, 2 destroyed\n"
        assert not [path for place in (self.keys, self.mirror) for path in place.glob("*.cle")]


def words_in(*places):
    """The canaries, and the control, in any file below the places."""
    found = set()
    for path in (path for place in places for path in [place, *place.rglob("*")] if path.is_file()):
        if size := path.stat().st_size:
            with path.open("rb") as file, mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as content:
                found |= {word for word in [*WORDS, CONTROL] if content.find(word.encode()) >= 0}
    return found


@pytest.fixture
def home():
    """A folder that PostgreSQL, which runs as another user, can reach."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.mark.rule("CNS-1.g")
@pytest.mark.rule("CNS-10.a")
@pytest.mark.rule("CNS-10.b")
def test_dump_cluster_log_base_backup_and_queue_hold_nothing_in_clear_and_open_no_more_after_the_day(home):
    with servers.postgres(home, full_page_writes="on") as cluster, servers.redis(home) as redis:
        template.fill(cluster)
        here = Instance(home, cluster.url, redis)
        here.live()
        assert here.opens() == (2, 2)

        def tool(name, *arguments):
            where = ["-h", "127.0.0.1", "-p", str(cluster.port), "-U", "extranet"]
            return subprocess.run([str(cluster.binaries / name), *where, *arguments], check=True, capture_output=True)

        dump = home / "dump.sql"
        dump.write_bytes(tool("pg_dump", "postgres").stdout)
        backup = home / "backup"
        tool("pg_basebackup", "-D", str(backup), "-X", "stream", "-c", "fast")
        (home / "logs").write_bytes(here.logs)
        for place in (dump, cluster.data, cluster.data / "pg_wal", backup, home / "redis"):
            assert words_in(place) == {CONTROL}, place  # the control proves that the search finds
        assert words_in(home / "logs", home / "postgres.log") == set()

        here.end_the_day()
        assert here.opens() == (0, 0)
        assert words_in(cluster.data, home / "redis") == {CONTROL}

        restored = copy.copy(cluster)
        restored.data, restored.log, restored.port = backup, home / "restored.log", servers.free_port()
        restored.url = cluster.url.replace(str(cluster.port), str(restored.port))
        for path in [backup, *backup.rglob("*")]:
            servers.own(path, servers.unprivileged())
        restored.start()
        try:
            # The keys of now, the master key, and a clock that says that the day is not over.
            assert here.opens(DATABASE_URL=restored.url) == (2, 0)
        finally:
            restored.stop()


@pytest.mark.rule("CNS-1.g")
@pytest.mark.rule("CNS-10.b")
def test_an_sqlite_file_and_its_log_hold_nothing_in_clear_and_open_no_more_after_the_day(tmp_path):
    with servers.redis(tmp_path) as redis:
        here = Instance(tmp_path, f"sqlite:///{tmp_path / 'base' / 'extranet.sqlite3'}", redis)
        (tmp_path / "base").mkdir()
        here.run("manage.py", "migrate", "--noinput", "-v0")
        here.live()
        assert {path.name for path in (tmp_path / "base").iterdir()} >= {"extranet.sqlite3", "extranet.sqlite3-wal"}
        assert words_in(tmp_path / "base") == {CONTROL}
        shutil.copytree(tmp_path / "base", tmp_path / "copy")
        assert here.opens() == (2, 2)
        here.end_the_day()
        assert here.opens() == (0, 0)
        assert words_in(tmp_path / "base") == {CONTROL}
        assert here.opens(DATABASE_URL=f"sqlite:///{tmp_path / 'copy' / 'extranet.sqlite3'}") == (2, 0)
