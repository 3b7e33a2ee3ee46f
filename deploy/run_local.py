"""`make run`: the whole portal on this machine, in the foreground. Ctrl-C stops all of it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import bootstrap

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
ACCOUNTS = [
    ("cnaf@demo.test", "Cnaf"),
    ("agent.77@demo.test", "agent, Caf de Seine-et-Marne"),
    ("agent2.77@demo.test", "agent, Caf de Seine-et-Marne (second regard)"),
    ("superviseur.77@demo.test", "superviseur, Caf de Seine-et-Marne"),
    ("lecteur.77@demo.test", "lecteur, Caf de Seine-et-Marne"),
    ("agent.91@demo.test", "agent, Caf de l’Essonne"),
    ("animatrice@demo.test", "RPE Le Châtelet-en-Brie"),
    ("guichet@demo.test", "RPE Le Châtelet-en-Brie"),
    ("rpe.melun@demo.test", "RPE de Melun"),
    ("gu.chatelet@demo.test", "guichet unique du Châtelet"),
    ("rpe.evry@demo.test", "RPE d’Évry"),
]


def main() -> int:
    bind, port = os.environ.get("BIND", "127.0.0.1"), int(os.environ.get("PORT", "8000"))
    if bind not in LOOPBACK:
        bootstrap.fail(f"BIND={bind} : la démonstration n’écoute que sur cette machine (127.0.0.1).")
    if os.environ.get("EXTRANET_ENV", "demo") != "demo":
        bootstrap.fail("make run est la démonstration ; la production s’installe avec docker-compose.yml.")
    with socket.socket(socket.AF_INET6 if ":" in bind else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError:
            bootstrap.fail(f"Le port {port} est déjà pris. Choisissez-en un autre : PORT=8001 make run")
    bootstrap.require_system(bootstrap.FOR_RUN)
    bootstrap.require_environment(dev=False)
    data = Path(os.environ.get("EXTRANET_DATA_DIR", bootstrap.ROOT / "var")).resolve()
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    environment = {
        **os.environ,
        "EXTRANET_ENV": "demo",
        "EXTRANET_DATA_DIR": str(data),
        "PORT": str(port),
        "BIND": bind,
        "PYTHONUNBUFFERED": "1",
    }
    python = str(bootstrap.PYTHON)
    bootstrap.say("base de données, données de référence et de démonstration")
    prepared = subprocess.run([python, "manage.py", "prepare_demo"], cwd=bootstrap.ROOT, env=environment)
    if prepared.returncode:
        return prepared.returncode
    web = [python, "-m", "granian", "--interface", "wsgi", "--host", bind, "--port", str(port)]
    web += ["--workers", "2", "--blocking-threads", "1", "--log-level", "warning", "extranet.wsgi:application"]
    worker = [python, "-W", "ignore", "-m", "celery", "-q", "-A", "extranet", "worker", "-B", "--concurrency", "2"]
    worker += ["--loglevel", "WARNING", "--without-gossip", "--without-mingle"]
    worker += ["--schedule", str(data / "beat-schedule")]
    return supervise([web, worker], environment, f"http://{bind}:{port}")


def supervise(commands: list[list[str]], environment: dict[str, str], address: str) -> int:
    """Run the commands until one ends or Ctrl-C; then stop them all, with whatever they started."""
    stopping: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: stopping.append(number))
    children = [
        subprocess.Popen(command, cwd=bootstrap.ROOT, env=environment, start_new_session=True) for command in commands
    ]
    try:
        told = False
        while not stopping and all(child.poll() is None for child in children):
            if not told and answers(address):
                tell(address)
                told = True
            time.sleep(0.1)
        return 0 if stopping else 1
    finally:
        stop(children)


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/sante/vivant", timeout=1) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def tell(address: str) -> None:
    width = max(len(email) for email, _ in ACCOUNTS)
    print(f"\nLe portail répond : {address}/\nCourriels : {address}/demo/courriels/\n", flush=True)
    print("Comptes de démonstration, mot de passe Demonstration-2026 :")
    for email, who in ACCOUNTS:
        print(f"  {email:<{width}}  {who}")
    print("\nCtrl-C pour arrêter.", flush=True)


def stop(children: list[subprocess.Popen[bytes]]) -> None:
    """Ask each to end its work and its own processes; what is left of their groups after 8 seconds is killed."""
    for child in children:
        child.terminate()
    end = time.monotonic() + 8
    while time.monotonic() < end and any(child.poll() is None for child in children):
        time.sleep(0.05)
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


if __name__ == "__main__":
    sys.exit(main())
