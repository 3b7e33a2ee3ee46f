"""The production settings behind the web server and the command of the image, on the private PostgreSQL."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
HOST = "extranet.test"
pytestmark = pytest.mark.django_db


def exec_form(instruction: str) -> list[str]:
    """The last exec-form command of this pattern in the Dockerfile."""
    return json.loads(re.findall(rf"^{instruction}(\[.*\])$", DOCKERFILE, re.MULTILINE)[-1])


@pytest.fixture(scope="module")
def web(django_db_setup, django_db_blocker, tmp_path_factory):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    database = connection.settings_dict
    with django_db_blocker.unblock():
        place = f"{database['HOST'] or '127.0.0.1'}:{database['PORT']}/{connection.settings_dict['NAME']}"
        address = f"postgres://{database['USER']}:{database['PASSWORD']}@{place}"
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "EXTRANET_ENV": "production",
        "EXTRANET_SECRET_KEY": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "EXTRANET_PUBLIC_URL": f"https://{HOST}",
        "EXTRANET_DATA_DIR": str(tmp_path_factory.mktemp("production")),
        "EXTRANET_KEYS_DIR": str(tmp_path_factory.mktemp("keys")),
        "EXTRANET_KEYS_MASTER": "0123456789abcdef" * 4,
        "EXTRANET_TRUSTED_PROXIES": "127.0.0.1",
        "EXTRANET_HOSTING": "Hébergeur Exemple, 75000 Paris, 01 00 00 00 00",
        "DATABASE_URL": address,
        "REDIS_URL": os.environ["REDIS_URL"],
        "EMAIL_URL": "smtp+tls://a:b@smtp.test:587",
    }
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"], cwd=ROOT, env=environment, check=True
    )
    command = exec_form("CMD ")
    command[command.index("0.0.0.0")] = "127.0.0.1"
    command[command.index("8000")] = str(port)
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert server.poll() is None, server.stdout.read().decode()
        yield port, environment
    finally:
        server.terminate()
        server.wait(15)


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


def ask(port, path, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": HOST} | names)
    try:
        return urllib.request.build_opener(Stay).open(request, timeout=10)
    except urllib.error.HTTPError as error:
        return error


def test_the_image_is_healthy_by_its_own_command(web):
    port, environment = web
    command = [part.replace("127.0.0.1:8000", f"127.0.0.1:{port}") for part in exec_form("    CMD ")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_only_its_own_host_over_https_as_the_trusted_proxy_says(web):
    port, _ = web
    assert ask(port, "/", Host="autre.test").status == 400
    plain = ask(port, "/")
    assert (plain.status, plain.headers["Location"]) == (301, f"https://{HOST}/")
    secure = ask(port, "/", X_Forwarded_Proto="https", X_Forwarded_For="192.0.2.7")
    assert secure.status == 200
    assert "max-age=31536000" in secure.headers["Strict-Transport-Security"]
    login = ask(port, "/compte/connexion/", X_Forwarded_Proto="https", X_Forwarded_For="192.0.2.7")
    cookie = login.headers["Set-Cookie"]
    assert cookie.startswith("__Host-csrf=")
    assert {"Secure", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}
    style = re.search(r'href="(/static/[^"]+\.css)"', login.read().decode()).group(1)
    assert (
        "immutable" in ask(port, style, X_Forwarded_Proto="https", X_Forwarded_For="192.0.2.7").headers["Cache-Control"]
    )


@pytest.mark.django_db
def test_pages_go_on_while_redis_does_not_answer(client, settings):
    settings.CACHES = {
        "default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"},
    }
    assert client.get("/").status_code == 200
    for _ in range(5):
        assert client.post("/compte/connexion/", {"login": "x@y.test", "password": "faux"}).status_code == 200
    assert client.post("/compte/connexion/", {"login": "x@y.test", "password": "faux"}).status_code == 429
    assert client.get("/sante/pret").status_code == 503
