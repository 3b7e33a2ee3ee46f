"""Private PostgreSQL, Redis and free ports for the commands of this folder. Standard library only."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bootstrap


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ready(port: int) -> None:
    """Wait until something listens."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    bootstrap.fail(f"Le service attendu sur le port {port} n’a pas démarré.")


def unprivileged() -> str | None:
    """PostgreSQL refuses to run as root: then as `postgres`, else as `nobody`."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


def own(folder: Path, user: str | None) -> None:
    if user:
        shutil.chown(folder, user)


# --- PostgreSQL ---------------------------------------------------------------------------------------------------

# Quick rather than safe from a power cut: these servers live as long as a test run.
QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
# What is measured commits as in production, and alone: a vacuum that passes while one transaction fills a table leaves
# it with pages and no rows in the planner's eyes, and each key is then proven by the whole of some index.
MEASURED = dict.fromkeys(QUICK, "on") | {"autovacuum": "off"}


class Postgres:
    """A private server on a free port; its data stays in `home` over a restart."""

    def __init__(self, home: Path, **options: str):
        binaries = bootstrap.postgres_bin()
        assert binaries is not None
        self.binaries, self.data, self.log, self.port = binaries, home / "pg", home / "postgres.log", free_port()
        self.url = f"postgres://extranet@127.0.0.1:{self.port}/postgres"
        self.options = QUICK | options
        user = unprivileged()
        self.run = {"user": user} if user else {}
        self.data.mkdir()
        own(self.data, user)
        init = [str(binaries / "initdb"), "-D", str(self.data), "-U", "extranet", "-A", "trust", "-E", "UTF8"]
        init += ["--locale=C.UTF-8", "-N"]
        subprocess.run(init, check=True, stdout=subprocess.DEVNULL, cwd="/", **self.run)  # type: ignore[call-overload]
        self.start()

    def start(self) -> None:
        options = self.options | {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.data),
            "max_wal_size": "4GB",
            "shared_buffers": "256MB",
            "log_error_verbosity": "terse",
            "log_min_error_statement": "panic",
        }
        command = [str(self.binaries / "postgres"), "-D", str(self.data)]
        command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **self.run)  # type: ignore[call-overload]
        ready(self.port)
        wait = [str(self.binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(wait).returncode:
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGINT) -> None:
        """SIGINT ends sessions and stops; SIGQUIT is a crash, recovered from at the next start."""
        self.process.send_signal(number)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def postgres(home: Path, **options: str) -> Iterator[Postgres]:
    """A private server for the length of a block."""
    server = Postgres(home, **options)
    try:
        yield server
    finally:
        server.stop()


# --- Redis --------------------------------------------------------------------------------------------------------

LONGEST_SOCKET = 103  # bytes; what every system takes


def redis_command(data: Path, *, socket_path: Path | None = None, port: int = 0) -> list[str]:
    """The server's command: persistent in `data`, reached by a socket that only this user opens,
    or on a loopback port.
    """
    binary = bootstrap.redis_binary()
    assert binary is not None
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(data)]
    command += [
        "--appendonly",
        "yes",
        "--save",
        "",
        "--daemonize",
        "no",
        "--loglevel",
        "warning",
        "--logfile",
        "redis.log",
    ]
    if socket_path:
        command += ["--unixsocket", str(socket_path), "--unixsocketperm", "700"]
    return command


def answers(address: Path | int) -> bool:
    """True when a Redis at this socket or port says PONG."""
    family = socket.AF_INET if isinstance(address, int) else socket.AF_UNIX
    with socket.socket(family) as client:
        client.settimeout(1)
        try:
            client.connect(("127.0.0.1", address) if isinstance(address, int) else str(address))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False


@contextmanager
def redis(home: Path) -> Iterator[str]:
    """The address of a private server on a free port."""
    port = free_port()
    data = home / "redis"
    data.mkdir()
    server = subprocess.Popen(redis_command(data, port=port), stdout=subprocess.DEVNULL, cwd="/")
    try:
        ready(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(10)
