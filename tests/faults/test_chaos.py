"""The short form of `make chaos`: each kind of fault once, under load."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.rule("NOT-2.a")
@pytest.mark.rule("NOT-2.d")
@pytest.mark.rule("CNS-6.a")
@pytest.mark.rule("ING-4.a")
def test_nothing_is_lost_and_nothing_doubled_while_parts_of_the_instance_die():
    names = {"PATH", "HOME", "LANG", "TZ"}
    environment = {name: value for name, value in os.environ.items() if name in names} | {"DURATION": "1s"}
    command = [sys.executable, "-m", "tests.faults.chaos"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    said = "\n".join(line for line in done.stdout.splitlines() if line.startswith(("»", "✗")))
    assert done.returncode == 0, said + done.stderr[-3000:]
    assert "nothing lost, nothing doubled" in said
