"""The production files name what exists; production refuses what is unsafe."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SAFE = {
    "EXTRANET_ENV": "production",
    "EXTRANET_SECRET_KEY": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "EXTRANET_PUBLIC_URL": "https://extranet.test",
    "EXTRANET_DATA_DIR": "/tmp",
    "DATABASE_URL": "postgres://a@127.0.0.1/a",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "EMAIL_URL": "smtp+tls://a:b@smtp.test:587",
    "EXTRANET_TRUSTED_PROXIES": "172.30.77.1",
    "EXTRANET_KEYS_DIR": "/cles",
    "EXTRANET_KEYS_MIRROR_DIR": "/cles-double",
    "EXTRANET_KEYS_MASTER": "0123456789abcdef" * 4,
    "EXTRANET_HOSTING": "Hébergeur Exemple, 1 rue de la Machine, 75000 Paris, 01 00 00 00 00",
}


def start(changes):
    environment = {"PATH": os.environ["PATH"]} | SAFE | changes
    environment = {name: value for name, value in environment.items() if value is not None}
    return subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EXTRANET_SECRET_KEY", None),
        ("EXTRANET_SECRET_KEY", "short"),
        ("EXTRANET_SECRET_KEY_FALLBACKS", SAFE["EXTRANET_SECRET_KEY"] + ",short"),
        ("DATABASE_URL", None),
        ("DATABASE_URL", "sqlite:////tmp/x.sqlite3"),
        ("REDIS_URL", None),
        ("EMAIL_URL", None),
        ("EXTRANET_BOUNCES_URL", "imap://a:b@imap.test/INBOX"),
        ("EXTRANET_TRUSTED_PROXIES", None),
        ("EXTRANET_HOSTING", None),
        ("EXTRANET_PUBLIC_URL", "http://extranet.test"),
        ("EXTRANET_CLOCK_SHIFT", "+16d"),
        ("EXTRANET_KEYS_MASTER", None),
        ("EXTRANET_KEYS_MASTER", "0123456789abcdef"),
        ("EXTRANET_KEYS_DIR", None),
        ("EXTRANET_KEYS_DIR", "/tmp/cles"),
        ("EXTRANET_KEYS_MIRROR_DIR", "/tmp/double"),
        ("EXTRANET_KEYS_MIRROR_DIR", "/cles/double"),
    ],
)
def test_production_refuses_what_is_unsafe_and_says_which_variable(name, value):
    done = start({name: value})
    assert done.returncode != 0
    assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_production_starts_on_what_is_safe():
    assert start({}).returncode == 0, start({}).stderr


def test_the_services_of_the_compose_file_run_what_exists():
    settings = "".join(path.read_text() for path in (ROOT / "extranet/settings").glob("*.py"))
    for name in ("web", "worker-clock", "worker-mail", "worker-deliveries", "worker-files", "beat", "migrate"):
        service = COMPOSE["services"][name]
        for variable in service["environment"]:
            assert variable.removesuffix("_FILE") in settings, variable
        command = service.get("command") or ["granian"]
        program = command[0] if command[0] != "sh" else "python"
        assert shutil.which(program, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"), program
    assert {"postgres", "redis"} <= COMPOSE["services"].keys()
    assert not any("ports" in COMPOSE["services"][name] for name in ("postgres", "redis"))


def test_no_lock_names_a_registry_and_no_file_a_path_of_a_machine():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    no_text = {".woff2", ".ttf", ".png", ".csv", ".geojson", ".mo"}
    for name in tracked:
        path = ROOT / name
        if path.suffix in no_text or path == Path(__file__) or not path.exists():
            continue
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"index-url|files\.pythonhosted|(?<![\w/])/(?:work|root|home/\w+)/", text), name


def test_no_page_asks_a_third_party():
    for path in [*(ROOT / "templates").rglob("*.html"), *(ROOT / "extranet/core/web/static").rglob("*.[cj]s*")]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"src=[\"']https?://|<link[^>]+href=[\"']https?://|url\(['\"]?https?://|@import", text), (
            path
        )
