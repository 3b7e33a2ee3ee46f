"""Keeps the processes of `make run` alive: a dead one comes back after a pause, alone;
one that dies again and again ends all.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import bootstrap

PAUSE = 1.0  # seconds before a dead process starts again
DEATHS, WITHIN = 3, 60.0  # that many in so many seconds are too many
GRACE = 8.0  # seconds that processes have to end their work
PR_SET_PDEATHSIG = 1


@dataclass
class Child:
    """One command, under the name by which the terminal speaks of it."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    deaths: list[float] = field(default_factory=list)
    start_at: float = 0.0

    def start(self, environment: dict[str, str]) -> None:
        """In a session of its own: the terminal's Ctrl-C reaches the supervisor only,
        and the group can be ended whole.
        """
        self.process = subprocess.Popen(
            self.command, cwd=bootstrap.ROOT, env=environment, start_new_session=True, preexec_fn=_die_with_parent
        )

    def end_group(self) -> None:
        """What it started and left behind would hold its port or its files."""
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


def _die_with_parent() -> None:
    if sys.platform == "linux":  # a killed supervisor leaves nothing running
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Supervisor:
    """Runs children in order until it is told to stop, or until one dies too often."""

    def __init__(self, environment: dict[str, str], deaths: int = DEATHS):
        self.environment, self.deaths = environment, deaths
        self.children: list[Child] = []
        self.stopping = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note_signal)

    def _note_signal(self, number: int, frame: object) -> None:
        self.stopping = True

    def start(self, name: str, command: Sequence[str]) -> None:
        """One more child, started now."""
        child = Child(name, command)
        child.start(self.environment)
        self.children.append(child)

    def run(self, command: Sequence[str]) -> int:
        """What comes before the rest, to its end; a signal ends it and gives 0."""
        child = Child(command[-1], command)
        child.start(self.environment)
        assert child.process
        while not self.stopping and child.process.poll() is None:
            time.sleep(0.05)
        code = child.process.poll() or 0
        child.end_group()
        return code

    def wait(self, until: Callable[[], bool] = lambda: False) -> int | None:
        """Look after the children until `until` holds (None), a signal comes (0) or one dies too often (1)."""
        while not self.stopping:
            for child in self.children:
                if child.process is None:
                    if time.monotonic() >= child.start_at:
                        child.start(self.environment)
                elif (code := child.process.poll()) is not None and not self._note_death(child, code):
                    return 1
            if until():
                return None
            time.sleep(0.05)
        return 0

    def _note_death(self, child: Child, code: int) -> bool:
        """Say it and plan its return; False when it has died too often."""
        now = time.monotonic()
        child.end_group()
        child.deaths = [moment for moment in child.deaths if now - moment < WITHIN] + [now]
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
        if len(child.deaths) >= self.deaths:
            bootstrap.say(f"trois arrêts en une minute : {child.name} ({how}). Fin.")
            return False
        bootstrap.say(f"arrêt inattendu : {child.name} ({how}) ; nouveau départ dans une seconde.")
        child.start_at = now + PAUSE
        return True

    def stop(self) -> None:
        """The youngest first, and all others before the first one, on which they depend;
        what is left after GRACE is killed.
        """
        end = time.monotonic() + GRACE
        for group in (self.children[:0:-1], self.children[:1]):
            alive = [child.process for child in group if child.process]
            for process in alive:
                process.terminate()
            while time.monotonic() < end and any(process.poll() is None for process in alive):
                time.sleep(0.02)
            for child in group:
                child.end_group()
