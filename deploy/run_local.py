"""`make run`: the whole portal on this machine, in the foreground. Ctrl-C stops all of it."""

import contextlib
import fcntl
import hashlib
import os
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import bootstrap
import servers
from supervisor import Supervisor

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
WEB = ["--workers", "2", "--blocking-threads", "16", "--respawn-failed-workers", "--workers-kill-timeout", "8"]
QUEUES = {  # name on the terminal, tasks at once
    "clock": ("le travailleur de l’horloge", 2),
    "mail": ("le travailleur des courriels", 1),
    "deliveries": ("le travailleur des livraisons", 1),
    "files": ("le travailleur des fichiers", 1),
}
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


# What stays as it was needs no second look at a later start.
PREPARED_FROM = (
    "manage.py",
    "*/migrations/*.py",
    "extranet/*/migrations/*.py",
    "extranet/core/*/migrations/*.py",
    "extranet/territory/data/*",
    "extranet/territory/reference.py",
    "extranet/portal/demo/*",
)


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
    bootstrap.require_environment(bootstrap.RUN)
    bootstrap.require_redis()
    data = Path(os.environ.get("EXTRANET_DATA_DIR", bootstrap.ROOT / "var")).resolve()
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with alone_in(data):
        return run(bind, port, data)


@contextlib.contextmanager
def alone_in(data: Path) -> Iterator[None]:
    """One instance a data folder; the lock ends with this process, however it ends."""
    with open(data / "instance", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            bootstrap.fail(f"Une instance tourne déjà dans {data}. Donnez-en un autre : EXTRANET_DATA_DIR=… make run")
        yield


def run(bind: str, port: int, data: Path) -> int:
    environment = {
        **os.environ,
        "EXTRANET_ENV": "demo",
        "EXTRANET_DATA_DIR": str(data),
        "PORT": str(port),
        "BIND": bind,
        "PYTHONUNBUFFERED": "1",
    }
    address = f"http://{f'[{bind}]' if ':' in bind else bind}:{port}"
    supervisor = Supervisor(environment)
    try:
        if not os.environ.get("REDIS_URL") and (code := start_redis(supervisor, data)) is not None:
            return code
        if not prepared(data):
            bootstrap.say("base de données, données de référence et de démonstration")
            if code := supervisor.run([str(bootstrap.PYTHON), "manage.py", "prepare_demo"]):
                return code
            if supervisor.stopping:
                return 0
            (data / "prepared").write_text(fingerprint())
        start_web(supervisor, bind, port)
        if (code := supervisor.wait(until=lambda: answers(address))) is not None:
            return code
        tell(address)
        start_workers(supervisor, data)
        return supervisor.wait() or 0
    finally:
        supervisor.stop()


def start_web(supervisor: Supervisor, bind: str, port: int) -> None:
    web = [str(bootstrap.PYTHON), "-m", "granian", "--interface", "wsgi", "--host", bind, "--port", str(port), *WEB]
    supervisor.start("le serveur web", [*web, "--log-level", "error", "extranet.wsgi:application"])


def start_workers(supervisor: Supervisor, data: Path) -> None:
    """A worker a queue, and the clock that rings."""
    celery = [str(bootstrap.PYTHON), "-W", "ignore", "-m", "celery", "-q", "-A", "extranet"]
    for queue, (name, count) in QUEUES.items():
        worker = [*celery, "worker", "--queues", queue, "--hostname", f"{queue}@%h", "--concurrency", str(count)]
        supervisor.start(name, [*worker, "--loglevel", "WARNING", "--without-gossip", "--without-mingle"])
    beat = [*celery, "beat", "--schedule", str(data / "beat-schedule"), "--loglevel", "WARNING"]
    supervisor.start("l’horloge", beat)


def start_redis(supervisor: Supervisor, data: Path) -> int | None:
    """The instance's own broker and cache, where the settings expect it. As Supervisor.wait."""
    path = data / "redis.sock"
    if len(os.fsencode(path)) > servers.LONGEST_SOCKET:
        bootstrap.fail(
            f"Le chemin {data} est trop long pour le courtier. Donnez-en un plus court : EXTRANET_DATA_DIR=…"
        )
    (data / "redis").mkdir(exist_ok=True, mode=0o700)
    supervisor.start("le courtier", servers.redis_command(data / "redis", socket_path=path))
    return supervisor.wait(until=lambda: servers.answers(path))


def fingerprint() -> str:
    """Changes with whatever tables, reference data and demonstration data are made from."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in PREPARED_FROM for path in bootstrap.ROOT.glob(pattern) if path.is_file()):
        digest.update(path.relative_to(bootstrap.ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def prepared(data: Path) -> bool:
    """The database of this folder is there and was made from what is there today;
    of another database nothing is known.
    """
    stamp = data / "prepared"
    here = (data / "extranet.sqlite3").exists() and not os.environ.get("DATABASE_URL")
    return here and stamp.exists() and stamp.read_text() == fingerprint()


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


if __name__ == "__main__":
    sys.exit(main())
