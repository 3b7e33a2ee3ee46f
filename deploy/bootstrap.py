"""What a fresh machine needs before anything runs: interpreter, system libraries, locked environment. Standard library only."""

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


CHECKS = {
    "pango": lambda: library("pango-1.0"),
    "pangoft2": lambda: library("pangoft2-1.0"),
    "harfbuzz": lambda: library("harfbuzz-subset"),
    "fontconfig": lambda: library("fontconfig"),
    "venv": lambda: VENV.exists() or _has_venv(),
    "postgresql": lambda: postgres_bin() is not None,
    "redis": lambda: shutil.which("redis-server") is not None,
    "chromium": lambda: chromium() is not None,
    "qpdf": lambda: shutil.which("qpdf") is not None,
}
FOR_RUN = ("pango", "pangoft2", "harfbuzz", "fontconfig", "venv")
FOR_TESTS = (*FOR_RUN, "postgresql", "redis", "chromium", "qpdf")


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


def require_environment(*, dev: bool) -> None:
    """`.venv/` as the lock says; one made for the tests is good for running too."""
    wanted = _lock_digest("requirements-dev.lock") if dev else _lock_digest("requirements.lock")
    stamp = VENV / "lock"
    held = stamp.read_text().split() if stamp.exists() else []
    if wanted in held and PYTHON.exists():
        return
    if not PYTHON.exists():
        say("création de l’environnement .venv")
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    say("installation des bibliothèques, versions figées")
    quiet = {
        **os.environ,
        "UV_PYTHON_DOWNLOADS": "never",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "VIRTUAL_ENV": str(VENV),
    }
    uv = VENV / "bin" / "uv"
    if not uv.exists():
        subprocess.run([str(PYTHON), "-m", "pip", "install", "-q", "uv"], check=True, env=quiet)
    lock = "requirements-dev.lock" if dev else "requirements.lock"
    # `install` and not `sync`: it keeps uv itself, and what the other lock brought.
    command = [str(uv), "pip", "install", "-q", "--require-hashes", "--python", str(PYTHON), "-r", str(ROOT / lock)]
    subprocess.run(command, check=True, env=quiet)
    digests = {_lock_digest("requirements.lock")} | ({wanted} if dev else set())
    stamp.write_text("\n".join(digests))


def _lock_digest(name: str) -> str:
    return hashlib.sha256((ROOT / name).read_bytes()).hexdigest()
