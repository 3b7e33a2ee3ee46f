"""`make run` itself: what dies comes back alone, too many deaths end all and say why, Ctrl-C leaves nothing (RGP-5)."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = [
    "le courtier",
    "le serveur web",
    "le travailleur de l’horloge",
    "le travailleur des courriels",
    "le travailleur des livraisons",
    "le travailleur des fichiers",
    "l’horloge",
]


def until(true, seconds=90):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "did not come"
        time.sleep(0.05)


class Instance:
    """A running `make run`, without any Redis on its PATH: it brings its own."""

    def __init__(self, data, **changes):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = data.parent / f"{data.name}-{self.port}.log"
        names = {"HOME", "LANG", "TZ", "EXTRANET_CLOCK_SHIFT"}
        environment = {name: value for name, value in os.environ.items() if name in names}
        environment |= {"PATH": "/nowhere", "PORT": str(self.port), "EXTRANET_DATA_DIR": str(data)} | changes
        self.began = time.monotonic()
        with open(self.log, "wb") as log:
            command = [sys.executable, str(ROOT / "deploy/run_local.py")]
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)

    def said(self):
        return self.log.read_text()

    def children(self):
        found = subprocess.run(["ps", "--ppid", str(self.process.pid), "-o", "pid="], capture_output=True, text=True)
        return [int(pid) for pid in found.stdout.split()]

    def answers(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as page:
                return page.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def up(self):
        until(lambda: self.answers() and len(self.children()) == len(NAMES))

    def end(self):
        """Its exit code after Ctrl-C, and how long that took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30), time.monotonic() - began


def left(data):
    """Processes that still work in this folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"EXTRANET_DATA_DIR={data}\0" in path.read_text(errors="replace"):
                found.append(path.parent.joinpath("cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def data():
    with tempfile.TemporaryDirectory(prefix="extranet-run-") as folder:
        yield Path(folder) / "var"


@pytest.fixture
def start(data):
    started = []

    def begin(**changes):
        started.append(Instance(data, **changes))
        return started[-1]

    yield begin
    for one in started:
        if one.process.poll() is None:
            one.process.terminate()
            one.process.wait(30)


def test_each_process_killed_in_turn_comes_back_and_takes_no_other_with_it(start, data):
    instance = start()
    instance.up()
    before = instance.children()
    for pid, name in zip(before, NAMES, strict=True):
        others = set(instance.children()) - {pid}
        os.kill(pid, signal.SIGKILL)
        until(lambda name=name: f"arrêt inattendu : {name} (signal SIGKILL)" in instance.said())
        until(lambda: len(instance.children()) == len(NAMES))
        assert others < set(instance.children())
        until(instance.answers, 30)
    assert not set(before) & set(instance.children())
    code, seconds = instance.end()
    assert code == 0
    assert seconds < 25  # it is killed after thirty
    assert not left(data)
    assert "Traceback" not in instance.said()


def test_a_later_start_looks_at_nothing_again_and_refuses_a_second_instance(start, data):
    instance = start()
    until(instance.answers)
    assert time.monotonic() - instance.began < 40  # 2 to 3 seconds on an idle machine
    assert "données de référence" not in instance.said()
    other = start()
    assert other.process.wait(30) == 2
    assert "Une instance tourne déjà" in other.said()
    assert instance.answers()
    instance.process.kill()  # even then nothing is left running
    until(lambda: not left(data), 30)


def test_three_deaths_in_a_minute_end_everything_with_the_reason(start, data):
    instance = start()
    instance.up()
    for death in range(3):
        until(lambda: len(instance.children()) == len(NAMES))
        broker = instance.children()[0] if death == 0 else max(instance.children())
        os.kill(broker, signal.SIGKILL)
        until(lambda broker=broker: broker not in instance.children())
    assert instance.process.wait(30) == 1
    assert "trois arrêts en une minute : le courtier (signal SIGKILL). Fin." in instance.said()
    assert not left(data)


def test_a_path_too_long_for_a_socket_is_refused_in_a_sentence(tmp_path):
    instance = Instance(tmp_path / ("x" * 100))
    assert instance.process.wait(30) == 2
    assert "trop long" in instance.said()
