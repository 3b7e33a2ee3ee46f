"""`make test`, `make bench`, `make chaos`: private PostgreSQL and Redis on free ports,
stopped at the end whatever happens.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import bootstrap
import servers

BIN = bootstrap.VENV / "bin"
PRODUCTION = {
    "EXTRANET_ENV": "production",
    "EXTRANET_SECRET_KEY": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "EXTRANET_PUBLIC_URL": "https://extranet.test",
    "EMAIL_URL": "smtp+tls://user:password@smtp.test:587",
    "EXTRANET_TRUSTED_PROXIES": "127.0.0.1",
    "EXTRANET_HOSTING": "Hébergeur Exemple, 75000 Paris, 01 00 00 00 00",
    "EXTRANET_KEYS_MASTER": "0123456789abcdef" * 4,
}


def checks(url: str, data: Path) -> list[tuple[str, list[str], dict[str, str]]]:
    """Name, command, environment of what comes before the tests."""
    python = str(BIN / "python")
    files = {
        "DATABASE_URL": url,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "EXTRANET_DATA_DIR": str(data / "production"),
        "EXTRANET_KEYS_DIR": str(data / "keys"),
    }
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


TEMPLATE = "modele"


def template(environment: dict[str, str], url: str) -> subprocess.Popen[str]:
    """The database that each worker copies instead of making its own: every migration, the reference data."""
    server = url.rpartition("/")[0]
    made = [
        "import psycopg",
        f"psycopg.connect({url!r}, autocommit=True).execute('CREATE DATABASE {TEMPLATE}')",
        "from django.core.management import call_command, execute_from_command_line",
        "execute_from_command_line(['manage.py', 'migrate', '--verbosity', '0'])",
        "call_command('load_reference_data', verbosity=0)",
    ]
    return subprocess.Popen(
        [str(BIN / "python"), "-c", "; ".join(made)],
        cwd=bootstrap.ROOT,
        env=environment | {"DATABASE_URL": f"{server}/{TEMPLATE}", "DJANGO_SETTINGS_MODULE": "extranet.settings"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_once(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Has pytest write the bytecode of all tests once, which each worker would work out for itself."""
    return subprocess.Popen(
        [str(BIN / "python"), "-m", "pytest", "--collect-only"],
        cwd=bootstrap.ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # a test that cannot be read is said when it is to be run
    )


def main() -> int:
    if "chaos" in sys.argv[1:]:
        bootstrap.require_system([*bootstrap.FOR_RUN, "postgresql"])
        bootstrap.require_environment(bootstrap.TESTS, bootstrap.VALKEY)
        os.execv(BIN / "python", [str(BIN / "python"), "-m", "tests.faults.chaos"])
    bench = "bench" in sys.argv[1:]
    bootstrap.require_system(bootstrap.FOR_TESTS)
    bootstrap.require_environment(bootstrap.TESTS, bootstrap.VALKEY)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    home = Path(tempfile.mkdtemp(prefix="extranet-test-"))
    home.chmod(0o755)
    try:
        options = servers.MEASURED if bench else {}
        with servers.postgres(home, **options) as database, servers.redis(home) as broker:
            (home / "data").mkdir()
            environment = {
                **os.environ,
                "EXTRANET_ENV": "test",
                "DATABASE_URL": database.url,
                "REDIS_URL": broker,
                "EXTRANET_DATA_DIR": str(home / "data"),
                "CHROMIUM": bootstrap.chromium() or "",
            }
            if bench:
                command = [str(BIN / "python"), "-m", "bench.run"]
                settings = {"DJANGO_SETTINGS_MODULE": "extranet.settings"}
                return subprocess.run(command, cwd=bootstrap.ROOT, env=environment | settings).returncode
            return run_all(environment, database.url, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def run_all(environment: dict[str, str], url: str, home: Path) -> int:
    failed = []
    arguments = shlex.split(os.environ.get("ARGS", ""))
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    copied, read = template(environment, url), None if arguments else read_once(environment)
    if not arguments:
        for name, command, extra in checks(url, home):
            bootstrap.say(name)
            done = subprocess.run(command, cwd=bootstrap.ROOT, env=environment | extra, capture_output=True, text=True)
            if done.returncode:
                print(done.stdout + done.stderr, flush=True)
                failed.append(name)
    said, _ = copied.communicate()
    if read:
        read.wait()
    if copied.returncode:
        print(said, flush=True)
        return copied.returncode
    bootstrap.say("tests")
    # One more than there are cores: much of a test is waiting, for a browser or another process.
    cores = str(min(4, (os.cpu_count() or 1) + 1))
    spread = [] if arguments else ["-n", cores, "--dist", "loadfile", "--no-loadscope-reorder"]
    # --reuse-db: no database is dropped at the end, whoever may still be in it; they go with their server.
    command = [str(BIN / "python"), "-m", "pytest", "--reuse-db", *spread, *arguments]
    tests = subprocess.run(command, cwd=bootstrap.ROOT, env=environment | {"EXTRANET_TEST_TEMPLATE": TEMPLATE})
    if failed:
        print(f"Failed before the tests: {', '.join(failed)}", file=sys.stderr, flush=True)
    return tests.returncode or int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
