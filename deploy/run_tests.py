"""`make test` and `make bench`: private PostgreSQL and Redis on free ports, stopped at the end whatever happens."""

import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bootstrap

BIN = bootstrap.VENV / "bin"
PRODUCTION = {
    "EXTRANET_ENV": "production",
    "EXTRANET_SECRET_KEY": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "EXTRANET_PUBLIC_URL": "https://extranet.test",
    "EMAIL_URL": "smtp+tls://user:password@smtp.test:587",
    "EXTRANET_TRUSTED_PROXIES": "127.0.0.1",
    "EXTRANET_HOSTING": "Hébergeur Exemple, 75000 Paris, 01 00 00 00 00",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def unprivileged() -> str | None:
    """PostgreSQL refuses to run as root: then as `postgres`, else as `nobody`."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


def own(folder: Path, user: str | None) -> None:
    if user:
        shutil.chown(folder, user)


@contextmanager
def postgres(home: Path) -> Iterator[str]:
    """The address of a private server."""
    binaries, user, port = bootstrap.postgres_bin(), unprivileged(), free_port()
    assert binaries is not None
    data = home / "pg"
    data.mkdir()
    own(data, user)
    run = {"user": user} if user else {}
    init = [
        str(binaries / "initdb"),
        "-D",
        str(data),
        "-U",
        "extranet",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        "-N",
    ]
    subprocess.run(init, check=True, stdout=subprocess.DEVNULL, cwd="/", **run)  # type: ignore[call-overload]
    options = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": str(data),
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_wal_size": "4GB",
        "shared_buffers": "256MB",
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
    }
    command = [str(binaries / "postgres"), "-D", str(data)]
    command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    with open(home / "postgres.log", "wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **run)  # type: ignore[call-overload]
    try:
        ready(port)
        url = f"postgres://extranet@127.0.0.1:{port}/postgres"
        wait = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        while subprocess.run(wait).returncode:
            time.sleep(0.05)
        yield url
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()


@contextmanager
def redis(home: Path) -> Iterator[str]:
    """The address of a private server."""
    port, user = free_port(), unprivileged()
    data = home / "redis"
    data.mkdir()
    own(data, user)
    run = {"user": user} if user else {}
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(data)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd="/", **run)  # type: ignore[call-overload]
    try:
        ready(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(10)


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


def checks(url: str, data: Path) -> list[tuple[str, list[str], dict[str, str]]]:
    """Name, command, environment of what comes before the tests."""
    python = str(BIN / "python")
    files = {"DATABASE_URL": url, "REDIS_URL": "redis://127.0.0.1:1/0", "EXTRANET_DATA_DIR": str(data / "production")}
    return [
        ("ruff", [str(BIN / "ruff"), "check", "."], {}),
        ("format", [str(BIN / "ruff"), "format", "--check", "."], {}),
        ("types", [str(BIN / "mypy")], {}),
        ("contracts", [str(BIN / "lint-imports"), "--no-cache"], {}),
        ("migrations", [python, "manage.py", "makemigrations", "--check", "--dry-run"], {}),
        ("production", [python, "manage.py", "check", "--deploy", "--fail-level", "WARNING"], PRODUCTION | files),
        (
            "compose",
            [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"],
            {},
        ),
        ("dockerfile", [str(BIN / "hadolint"), "Dockerfile"], {}),
    ]


def main() -> int:
    bench = "bench" in sys.argv[1:]
    bootstrap.require_system(bootstrap.FOR_TESTS)
    bootstrap.require_environment(dev=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    home = Path(tempfile.mkdtemp(prefix="extranet-test-"))
    home.chmod(0o755)
    try:
        with postgres(home) as url, redis(home) as broker:
            (home / "data").mkdir()
            environment = {
                **os.environ,
                "EXTRANET_ENV": "test",
                "DATABASE_URL": url,
                "REDIS_URL": broker,
                "EXTRANET_DATA_DIR": str(home / "data"),
                "CHROMIUM": bootstrap.chromium() or "",
            }
            if bench:
                command = [str(BIN / "python"), "-m", "bench.run"]
                settings = {"DJANGO_SETTINGS_MODULE": "extranet.settings"}
                return subprocess.run(command, cwd=bootstrap.ROOT, env=environment | settings).returncode
            return run_all(environment, url, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def run_all(environment: dict[str, str], url: str, home: Path) -> int:
    failed = []
    arguments = shlex.split(os.environ.get("ARGS", ""))
    if not arguments:
        for name, command, extra in checks(url, home):
            bootstrap.say(name)
            done = subprocess.run(command, cwd=bootstrap.ROOT, env=environment | extra, capture_output=True, text=True)
            if done.returncode:
                print(done.stdout + done.stderr, flush=True)
                failed.append(name)
    bootstrap.say("tests")
    tests = subprocess.run([str(BIN / "python"), "-m", "pytest", *arguments], cwd=bootstrap.ROOT, env=environment)
    if failed:
        print(f"Failed before the tests: {', '.join(failed)}", file=sys.stderr, flush=True)
    return tests.returncode or int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
