"""A database that is down and a disk that is full: 503, a page, when to come back, nothing half done."""

import http.cookiejar
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy"))

import servers  # noqa: E402

from tests.faults import template  # noqa: E402

ACCOUNT = """
from io import StringIO
from django.core.management import call_command
from extranet.core import clock
from extranet.core.accounts import services
from extranet.core.accounts.models import User
call_command("create_cnaf_user", "cnaf@x.test", stdout=StringIO())
user = User.objects.get()
user.set_password("Un-mot-de-passe-2026")
user.password_chosen_at = clock.now()
user.save()
print("token", services.create_token(user, portee="cnaf", nom="t", now=clock.now()))
"""


class Site:
    """A web server of its own, and somebody's browser."""

    def __init__(self, data, database, *, migrate=False):
        self.port = servers.free_port()
        self.environment = {
            **{
                name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TZ", "REDIS_URL"}
            },
            "EXTRANET_ENV": "test",
            "EXTRANET_DATA_DIR": str(data),
            "DATABASE_URL": database,
            "EXTRANET_TRUSTED_PROXIES": "127.0.0.1",
            "DJANGO_SETTINGS_MODULE": "extranet.settings",
        }
        command = ["granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--blocking-threads", "2", "extranet.wsgi:application"]
        if migrate:
            self.manage("migrate", "--noinput", "-v0")
        self.process = subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, env=self.environment)
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        servers.ready(self.port)

    def manage(self, *command):
        done = subprocess.run(
            [sys.executable, "manage.py", *command], cwd=ROOT, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, path, data=None, **headers):
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, data, {"Referer": url} | names)
        try:
            answer = self.opener.open(request, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        return answer.status, answer.headers, answer.read().decode()

    def log_in(self, n):
        """By somebody from another network each time; a new session is a new row."""
        self.cookies.clear()
        _, _, page = self.ask("/compte/connexion/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
        values = {"csrfmiddlewaretoken": token, "login": "cnaf@x.test", "password": "Un-mot-de-passe-2026"}
        return self.ask("/compte/connexion/", urllib.parse.urlencode(values).encode(), X_Forwarded_For=f"198.18.0.{n}")

    def end(self):
        self.process.terminate()
        self.process.wait(20)


def is_told_to_come_back(answer):
    status, headers, body = answer
    assert status == 503, body[:300]
    assert int(headers["Retry-After"]) > 0
    assert headers["Cache-Control"] == "no-store"
    if headers["Content-Type"].startswith("text/html"):
        assert "momentanément indisponible" in body
    else:
        assert headers["Content-Type"] == "application/problem+json"
        assert '"status": 503' in body
    return True


@pytest.fixture
def small_disk(tmp_path):
    """A file system of a few megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], capture_output=True).returncode:
        pytest.skip("a small file system can be mounted by root only")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place):
    """Not one more byte."""
    with open(place / "full", "wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request, small_disk, tmp_path):
    """A site whose tables and files lie on the small disk; PostgreSQL's own files do not, or it could not even stop."""
    if request.param == "sqlite":
        site = Site(small_disk, f"sqlite:///{small_disk}/extranet.sqlite3", migrate=True)
        yield site
        site.end()
        return
    tmp_path.chmod(0o755)
    home = tmp_path / "pg-home"
    home.mkdir()
    for folder in [home, *home.parents]:  # PostgreSQL runs as another user
        if folder == Path(tempfile.gettempdir()):
            break
        folder.chmod(0o755)
    with servers.postgres(home) as database:
        template.fill(database)
        site = Site(small_disk / "data", database.url)
        space = small_disk / "space"
        space.mkdir()
        servers.own(space, servers.unprivileged())
        psql = [str(database.binaries / "psql"), database.url.replace("postgres://", "postgresql://"), "-qc"]
        for statement in (
            f"CREATE TABLESPACE small LOCATION '{space}'",
            "ALTER TABLE django_session SET TABLESPACE small",
        ):
            subprocess.run([*psql, statement], check=True)
        yield site
        site.end()


@pytest.mark.rule("RGP-5.a")
def test_a_full_disk_is_answered_503_and_leaves_nothing_half_done(site, small_disk):
    token = site.manage("shell", "-v0", "-c", ACCOUNT).split("token ")[1].strip()
    assert site.log_in(0)[0] in (200, 403)
    fill(small_disk)
    refused = []
    for n in range(1, 60):  # what the last page of the table still has free is used up first
        if (answer := site.log_in(n))[0] not in (200, 403):
            refused.append(answer)
        if len(refused) == 3:
            break
    assert refused
    assert all(is_told_to_come_back(answer) for answer in refused)
    bearer = {"Authorization": f"Bearer {token}", "Content_Type": "application/xml"}
    assert is_told_to_come_back(site.ask("/api/v1/livraisons", b"<a/>" * 100_000, **bearer))
    assert site.ask("/sante/vivant")[0] == 200
    assert site.ask("/")[0] == 200
    (small_disk / "full").unlink()
    assert site.log_in(61)[0] in (200, 403)


@pytest.mark.rule("RGP-5.a")
def test_a_database_that_is_down_is_answered_503(tmp_path):
    site = Site(tmp_path, "postgres://extranet@127.0.0.1:1/none")
    try:
        for path in ("/demandes/nouvelle/?q=melun", "/demandes/nouvelle/?commune=77100", "/demandes/suivi/inconnu/"):
            began = time.monotonic()
            answer = site.ask(path)
            assert answer[0] == 404 or is_told_to_come_back(answer), path
            assert time.monotonic() - began < 20  # seconds, on the busiest machine
        assert is_told_to_come_back(site.ask("/espace/demandes/", Cookie="sessionid=" + "a" * 32))
        assert is_told_to_come_back(site.ask("/api/v1/livraisons", b"<a/>", Authorization="Bearer ext_x"))
        assert site.ask("/sante/pret")[0] == 503
        assert site.ask("/sante/vivant")[0] == 200
        assert site.ask("/static/extranet/extranet.css")[0] == 200
    finally:
        site.end()
