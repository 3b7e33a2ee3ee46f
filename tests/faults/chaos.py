"""`make chaos`: a whole instance under load while its parts are killed, frozen and emptied at random; then every
account is held against what the visitors were told. Nothing may be lost, nothing doubled (issue: what faults brought
down).

The visitors write a ledger of what was confirmed to them. DURATION (60s, 10m, 1h) and SEED come from the environment.
"""

import collections
import contextlib
import logging
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy"))

import bootstrap  # noqa: E402
import run_local  # noqa: E402
import servers  # noqa: E402
from supervisor import Supervisor  # noqa: E402

from tests.faults.visitors import Broken, Ledger, MailServer, Page, Visitor  # noqa: E402

Fault = Callable[["World"], None]
PASSWORD = "Demonstration-2026"
LIEU = ("rpe.melun@demo.test", "77288")  # a person, and a commune that only this lieu covers
PATIENCE = 60.0  # seconds that an action may take once everything is well again
AGED_AT_MOST = 15  # far from what makes the purge ask an operator


class World:
    """The instance, what breaks it, who uses it."""

    def __init__(self, home: Path, seconds: float, seed: int):
        self.home, self.seconds, self.rng = home, seconds, random.Random(seed)
        self.ledger = Ledger()
        self.over = threading.Event()  # no new action begins
        self.lock = threading.Lock()
        self.postgres = servers.Postgres(home, synchronous_commit="on")
        self.redis_port, self.mail_port, self.web_port = (servers.free_port() for _ in range(3))
        self.mail = MailServer(self.mail_port)
        self.data = home / "data"
        self.data.mkdir(mode=0o700)
        self.address = f"http://127.0.0.1:{self.web_port}"
        self.environment = {
            **os.environ,
            "EXTRANET_ENV": "demo",
            "EXTRANET_DATA_DIR": str(self.data),
            "EXTRANET_SECRET_KEY": uuid.uuid4().hex * 2,
            "EXTRANET_TRUSTED_PROXIES": "127.0.0.1",
            "EXTRANET_PUBLIC_URL": self.address,
            "EXTRANET_FROM_EMAIL": "Extranet <ne-pas-repondre@extranet.test>",
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0",
            "EMAIL_URL": f"smtp://127.0.0.1:{self.mail_port}",
            "DJANGO_SETTINGS_MODULE": "extranet.settings",
            "PORT": str(self.web_port),
        }
        self.environment.pop("EXTRANET_CLOCK_SHIFT", None)
        self.environment.pop("CELERY_BROKER_URL", None)
        os.environ.clear()
        os.environ.update(self.environment)
        # Here deaths are meant: none of them ends the others.
        self.supervisor = Supervisor(self.environment, deaths=sys.maxsize)

    def manage(self, *command: str) -> subprocess.CompletedProcess[str]:
        whole = [sys.executable, "manage.py", *command]
        return subprocess.run(whole, cwd=ROOT, env=self.environment, capture_output=True, text=True)

    def start(self) -> None:
        redis = self.home / "redis"
        redis.mkdir()
        self.supervisor.start("le courtier", servers.redis_command(redis, port=self.redis_port))
        servers.ready(self.redis_port)
        prepared = self.manage("prepare_demo")
        assert prepared.returncode == 0, prepared.stderr
        run_local.start_web(self.supervisor, "127.0.0.1", self.web_port)
        run_local.start_workers(self.supervisor, self.data)
        self.supervisor.wait(until=lambda: run_local.answers(self.address))

    # --- load ---

    def again(self, act: Callable[[], Page]) -> Page:
        """Tries until there is an answer: a person presses the button again."""
        end = time.monotonic() + self.seconds + 4 * PATIENCE
        while True:
            try:
                return act()
            except Broken as reason:
                self.ledger.broken[str(reason)] += 1
                if time.monotonic() > end:
                    raise
                time.sleep(0.5)

    def family(self, visitor: Visitor) -> None:
        from demandes.views.family import ALWAYS
        from tests.demandes.test_family import WHOLE, own
        from tests.proof import solved

        email = f"f{uuid.uuid4().hex[:16]}@famille.test"
        start = {"a_partir_du": str((time_now() + timedelta(days=90)).date()), "courriel": email}
        start["telephone"] = f"06{self.rng.randrange(10**8):08}"  # the same twice would be the same person (DEM-7)
        child = {"enfants-0-date": str((time_now() - timedelta(days=300)).date())}
        page = self.again(lambda: visitor.ask(f"/demandes/nouvelle/?commune={LIEU[1]}"))
        self.ledger.tried.add(email)
        for step, fields in ALWAYS.items():
            if (form := page.form(" | ".join(f".//*[@name='{name}']" for name in fields))) is None:
                return self.note_odd(step, page)
            typed = own(step, WHOLE | start | child)
            page = self.again(partial(visitor.send, page, form, typed))
        if (form := page.form(".//button[@name='valider']")) is None:
            return self.note_odd("summary", page)
        summary, proof = page, solved(page.body.decode())
        page = self.again(lambda: visitor.send(summary, form, {"valider": "1"} | proof))
        found = re.search(r"/demandes/envoyee/([\w-]+)/", page.url)
        if not found:
            return self.note_odd("sent", page)
        self.ledger.sent[email] = found[1]
        self.ledger.did["family"] += 1
        if self.rng.random() < 0.15:
            self.withdraw(visitor, found[1], email)
        return None

    def withdraw(self, visitor: Visitor, token: str, email: str) -> None:
        path = f"/demandes/suivi/{token}/"
        page = self.again(lambda: visitor.ask(path))
        if (form := page.form(".//input[@name='courriel']")) is None:
            return self.note_odd("link", page)
        self.ledger.leaving.add(email)
        self.again(lambda: visitor.send(page, form, {"courriel": email}))
        page = self.again(lambda: visitor.ask(path))
        if page.form(".//input[@name='courriel']") is not None:
            return self.note_odd("withdrawal", page)
        self.ledger.withdrawn.add(token)
        self.ledger.did["withdrawal"] += 1
        return None

    def lieu(self, visitor: Visitor) -> None:
        page = self.again(lambda: visitor.ask("/espace/demandes/"))
        if (form := page.form(".//input[@name='login']")) is not None:
            login = page
            page = self.again(lambda: visitor.send(login, form, {"login": LIEU[0], "password": PASSWORD}))
            self.ledger.did["login"] += 1
            page = self.again(lambda: visitor.ask("/espace/demandes/"))
        if (form := page.form(".//input[@name='csrfmiddlewaretoken']")) is None:
            return self.note_odd("list", page)
        secret = form.xpath(".//input[@name='csrfmiddlewaretoken']")[0].get("value")
        kind = self.rng.choice(["xml", "xml", "csv"])
        asked = {"csrfmiddlewaretoken": secret, "format": kind, "selection": "a-recuperer"}
        body = urllib.parse.urlencode(asked).encode()
        page = self.again(lambda: visitor.ask("/espace/demandes/telechargement/", body))
        if kind == "xml" and page.body.startswith(b"<?xml"):
            self.ledger.taken.update(re.findall(r'<demande[^>]* reference="([^"]+)"', page.body.decode()))
            self.ledger.did["download"] += 1
        if self.rng.random() < 0.2:
            visitor.cookies.clear()
        return None

    def deliver(self, visitor: Visitor) -> None:
        import hashlib

        from bench.deliveries import delivery, record

        name, now = uuid.uuid4().hex[:12], time_now()
        references = [f"CH-{name}-{n}" for n in range(self.rng.randrange(5, 120))]
        rows = (record(n, now, reference=one, commune=LIEU[1]) for n, one in enumerate(references))
        content = "".join(delivery(rows, now)).encode()
        self.ledger.handed_in[hashlib.sha256(content).hexdigest()] = references
        if self.rng.random() < 0.5:
            bearer = {"Authorization": f"Bearer {self.token}", "Content_Type": "application/xml"}
            page = self.again(lambda: visitor.ask("/api/v1/livraisons", content, **bearer))
            if page.status not in (200, 202):
                self.note_odd("api", page)
        else:
            inbox = self.data / "livraisons" / "entree"
            inbox.mkdir(parents=True, exist_ok=True)
            part = self.data / f"{name}.part"
            part.write_bytes(content)
            part.rename(inbox / f"{name}.xml")
        self.ledger.did["delivery"] += 1

    def age(self, visitor: Visitor) -> None:
        """For some that a delivery brought, the six months are over."""
        from demandes.models import Demande
        from demandes.workflow import Etat

        if len(self.ledger.aged) >= AGED_AT_MOST:
            return
        with closed_connection():
            waiting = Demande.objects.filter(state=Etat.TRANSMISE, reference__startswith="CH-")
            for demande in waiting.exclude(reference__in=self.ledger.aged).order_by("?")[:1]:
                day = time_now().date() - timedelta(days=2)
                if Demande.objects.filter(pk=demande.pk, state=Etat.TRANSMISE).update(last_day=day):
                    self.ledger.aged.add(demande.reference)
                    self.ledger.did["aged"] += 1

    def look(self, visitor: Visitor) -> None:
        for path in ("/", "/sante/vivant", "/demandes/nouvelle/?q=melun", "/sante/pret"):
            with contextlib.suppress(Broken):
                visitor.ask(path)
        self.ledger.did["look"] += 1

    def note_odd(self, where: str, page: Page) -> None:
        title = " ".join(page.tree.xpath("string(//h1)").split())[:60]
        self.ledger.odd[f"{where}: {page.status} {title}"] += 1

    def use(self, act: Callable[[Visitor], None], pause: float, number: int) -> None:
        rng = random.Random(number)
        visitor = Visitor(self.address, rng)
        pause *= 1 if self.seconds > 60 else 2  # the short form runs beside other tests
        while not self.over.wait(pause * rng.uniform(0.5, 1.5)):
            if act != self.lieu:
                visitor = Visitor(self.address, rng)
            try:
                act(visitor)
            except Broken as reason:
                self.ledger.odd[f"{act.__name__}: gave up ({reason})"] += 1
            except Exception as error:  # e.g. the database of `age` being restarted
                self.ledger.broken[f"{act.__name__}: {type(error).__name__}"] += 1

    # --- faults ---

    def child(self, name: str) -> Any:
        return next(one for one in self.supervisor.children if one.name == name)

    def kill(self, name: str, *, inner: bool = False) -> None:
        """A process, or one that it started."""
        process = self.child(name).process
        if process is None:
            return
        pid = process.pid
        if inner:
            listed = subprocess.run(["ps", "--ppid", str(pid), "-o", "pid="], capture_output=True, text=True).stdout
            pid = int(self.rng.choice(listed.split() or [str(pid)]))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def freeze_redis(self) -> None:
        process = self.child("le courtier").process
        if process is not None:
            process.send_signal(signal.SIGSTOP)
            time.sleep(self.rng.uniform(2, 8))
            process.send_signal(signal.SIGCONT)

    def empty_redis(self) -> None:
        import redis

        with contextlib.suppress(redis.RedisError):
            redis.Redis(port=self.redis_port, socket_timeout=2).flushall()

    def restart_postgres(self, how: int) -> None:
        self.postgres.stop(how)
        time.sleep(self.rng.uniform(0, 2))
        self.postgres.start()

    def faults(self) -> dict[str, Callable[[], None]]:
        mail = {
            f"mail server {mode}": lambda mode=mode: self.mail.misbehave(mode, self.rng.uniform(5, 20))
            for mode in ("refuses for now", "refuses us", "refuses content for now", "hangs", "breaks off")
        }
        return {
            "web killed": lambda: self.kill("le serveur web"),
            "web process killed": lambda: self.kill("le serveur web", inner=True),
            "clock worker killed": lambda: self.kill("le travailleur de l’horloge"),
            "mail worker killed": lambda: self.kill("le travailleur des courriels"),
            "mail task killed": lambda: self.kill("le travailleur des courriels", inner=True),
            "deliveries worker killed": lambda: self.kill("le travailleur des livraisons"),
            "deliveries task killed": lambda: self.kill("le travailleur des livraisons", inner=True),
            "beat killed": lambda: self.kill("l’horloge"),
            "Redis killed": lambda: self.kill("le courtier"),
            "Redis frozen": self.freeze_redis,
            "Redis emptied": self.empty_redis,
            "PostgreSQL restarted": lambda: self.restart_postgres(signal.SIGINT),
            "PostgreSQL crashed": lambda: self.restart_postgres(signal.SIGQUIT),
            **mail,
        }

    def break_things(self) -> None:
        faults = self.faults()
        end = time.monotonic() + self.seconds
        self.done: collections.Counter[str] = collections.Counter()
        while not self.done or time.monotonic() < end:
            for name in self.rng.sample(sorted(faults), len(faults)):
                if len(self.done) == len(faults) and time.monotonic() >= end:  # each has had its turn
                    break
                faults[name]()
                self.done[name] += 1
                time.sleep(self.rng.uniform(0.5, 5 if self.seconds > 300 else 1.5))
        self.mail.misbehave("well", 0)

    # --- the whole ---

    def run(self) -> list[str]:
        """What is wrong in the end."""
        self.start()
        self.token = self.make_token()
        say(f"{self.seconds:.0f} s, under load, with faults")
        acts = [(self.family, 0.3), (self.family, 0.3), (self.family, 1.0), (self.lieu, 1.0), (self.deliver, 4.0)]
        acts += [(self.age, 3.0), (self.look, 0.5)]
        threads = [
            threading.Thread(target=self.use, args=(act, pause, number), daemon=True)
            for number, (act, pause) in enumerate(acts, self.rng.randrange(10**6))
        ]
        breaker = threading.Thread(target=self.break_things, daemon=True)
        for thread in (*threads, breaker):
            thread.start()
        self.supervisor.wait(until=lambda: not breaker.is_alive() or self.supervisor.stopping)
        self.over.set()
        say("all is well again: what was begun ends, and what waits is taken up by itself")
        end = time.monotonic() + PATIENCE
        self.supervisor.wait(until=lambda: not any(t.is_alive() for t in threads) or time.monotonic() > end)
        wrong = [f"an action did not end in {PATIENCE:.0f} s" for thread in threads if thread.is_alive()]
        end = time.monotonic() + 4 * PATIENCE
        while not (taken_up := self.is_taken_up()) and time.monotonic() < end and not self.supervisor.stopping:
            self.look_after(1.0)
        if not taken_up:
            wrong.append("deliveries were not taken up by themselves")
        self.supervisor.stop()
        return wrong + self.settle() + self.verdict()

    def look_after(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self.supervisor.wait(until=lambda: time.monotonic() > end)

    def make_token(self) -> str:
        import django

        django.setup()
        from extranet.core.accounts import services
        from extranet.core.accounts.models import User

        cnaf = User.objects.get(email="cnaf@demo.test")
        with closed_connection():
            return services.create_token(cnaf, portee="cnaf", nom="chaos", now=time_now())

    def is_taken_up(self) -> bool:
        """Every delivery that was handed in is applied to its end."""
        from demandes.models import Livraison
        from demandes.workflow import EtatLivraison

        with closed_connection():
            done = Livraison.objects.filter(state=EtatLivraison.TRAITEE, sha256__in=self.ledger.handed_in)
            return done.count() == len(self.ledger.handed_in)

    def settle(self) -> list[str]:
        """The hours pass in which a mail is tried again, and the clock does what it owes."""
        from extranet.core.outbox.models import Message

        wrong = []
        for _ in range(3):
            with closed_connection():
                left = Message.objects.filter(sent_at=None, cancelled_at=None, failed_at=None)
                left.update(lease_until=None, next_try_at=time_now())
            for command in ("sweep", "send_mails"):
                done = self.manage(command)
                if done.returncode:
                    wrong.append(f"{command}: {done.stdout.strip().splitlines()[-1:]} {done.stderr[-300:]}")
        done = self.manage("check_integrity")
        if done.returncode:
            wrong.append(f"check_integrity: {done.stdout.strip()}")
        return wrong

    def verdict(self) -> list[str]:
        """The ledger of the visitors against the tables and the mailbox."""
        from django.db.models import Count

        from demandes import queries
        from demandes.models import Demande, Dossier, Livraison, Remise, Transmission
        from demandes.workflow import ALIVE, Etat, EtatLivraison
        from extranet.core.journal.models import Entry
        from extranet.core.outbox.models import Message

        ledger, wrong = self.ledger, []

        def expect(fault: Any, sentence: str) -> None:
            if fault:
                wrong.append(f"{sentence}: {fault if isinstance(fault, int) else list(fault)[:3]}")

        by_token = {queries.link_token(one.uuid): one for one in Demande.objects.exclude(reference__startswith="CH-")}
        mine = {email: by_token.get(token) for email, token in ledger.sent.items()}
        expect([email for email, one in mine.items() if one is None], "demandes lost")
        said = (dossier.open(dossier.jour) for dossier in Dossier.objects.select_related("demande"))
        copies = collections.Counter(one.courriel for one in said if one.courriel in ledger.tried)
        expect([email for email, count in copies.items() if count > 1], "demandes doubled")
        kept = {email for email, token in ledger.sent.items() if token not in ledger.withdrawn}
        expect(kept - copies.keys(), "dossiers lost")
        gone = [by_token[token] for token in ledger.withdrawn if token in by_token]
        expect([one.reference for one in gone if one.state != Etat.RETIREE], "withdrawals lost")

        files = {one.sha256: one for one in Livraison.objects.all()}
        expect(ledger.handed_in.keys() - files.keys(), "deliveries lost")
        for digest, references in ledger.handed_in.items():
            if digest in files:
                one = files[digest]
                whole = (one.state, one.lues, one.creees, one.ecartees)
                expect(
                    [whole] if whole != (EtatLivraison.TRAITEE, *[len(references)] * 2, 0) else [], "delivery not whole"
                )
        delivered = {reference for references in ledger.handed_in.values() for reference in references}
        found = Demande.objects.filter(reference__startswith="CH-")
        expect(delivered ^ set(found.values_list("reference", flat=True)), "delivered demandes lost or too many")
        living = found.filter(state__in=ALIVE)
        expect(living.filter(dossier=None).count(), "living demandes without dossier")

        destroyed = set(
            Demande.objects.filter(reference__in=ledger.aged, state=Etat.PURGEE).values_list("reference", flat=True)
        )
        expect(ledger.aged - destroyed, "destructions lost")
        expect(Dossier.objects.filter(demande__reference__in=ledger.aged).count(), "dossiers left")
        once = ("demande.purgee", "demande.retiree", "demande.recue", "demande.transmise", "livraison.recue")
        twice = Entry.objects.filter(event__in=once).values("event", "object_kind", "object_id").annotate(n=Count("pk"))
        expect(list(twice.filter(n__gt=1)), "said twice by the journal")
        expect(
            ledger.taken - set(Remise.objects.filter(reference__in=ledger.taken).values_list("reference", flat=True)),
            "downloads that no Remise records",
        )

        rows = {str(one.pk): one for one in Message.objects.all()}
        arrived: dict[str, tuple[str, str]] = {}
        for message_id, address, subject in self.mail.accepted:
            found_id = re.search(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", message_id)
            arrived[found_id[0] if found_id else message_id] = (address, subject)
        left = {
            pk for pk, one in rows.items() if one.sent_at and not one.bounced_at
        }  # one of the demonstration came back
        expect([rows[pk].kind for pk in left - arrived.keys()], "mails lost")
        # The confirmation of a withdrawal leaves while the address is in hand, and no row keeps it.
        unknown = [arrived[key] for key in arrived.keys() - rows.keys()]
        expect([one for one in unknown if one[0] not in ledger.leaving], "mails from nowhere")
        expect([one.kind for one in rows.values() if one.failed_at], "mails given up")
        fates = [(one.sent_at, one.cancelled_at, one.failed_at) for one in rows.values()]
        expect(sum(not any(fate) for fate in fates), "mails left")
        told = collections.Counter((rows[pk].kind, address) for pk, (address, _) in arrived.items() if pk in rows)
        said = collections.Counter(arrived.values())
        expect([one for one, count in said.items() if count > 1 and one[0] in ledger.tried], "mails doubled")
        expect([email for email in kept if ("demandes.accuse", email) not in told], "acknowledgements lost")
        # A lieu that picked everything up before its mail could leave has nothing to be told.
        untold = Transmission.objects.filter(notified_at=None, demandes__state=Etat.TRANSMISE)
        expect(untold.distinct().count(), "lieux not told")
        self.copies = len(self.mail.accepted) - len(arrived)
        return wrong

    def close(self) -> None:
        self.supervisor.stop()
        self.mail.controller.stop()
        self.postgres.stop()


@contextlib.contextmanager
def closed_connection() -> Iterator[None]:
    """The server behind this process's connection may have been restarted since."""
    from django.db import connection

    connection.close()
    try:
        yield
    finally:
        connection.close()


def time_now() -> Any:
    from extranet.core import clock

    return clock.now()


def say(text: str) -> None:
    print(f"» {text}", flush=True)  # noqa: T201


def seconds_of(text: str) -> float:
    """60s, 10m, 1h or a plain number of seconds."""
    found = re.fullmatch(r"(\d+)([smh]?)", text)
    if not found:
        bootstrap.fail(f"DURATION={text} : écrivez par exemple 60s, 10m ou 1h.")
        raise AssertionError
    return int(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]


def main() -> int:
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # the mail server tells each line of each dialogue
    seconds = seconds_of(os.environ.get("DURATION") or "10m")
    seed = int(os.environ.get("SEED") or random.randrange(10**6))
    home = Path(tempfile.mkdtemp(prefix="extranet-chaos-"))
    home.chmod(0o755)
    world = World(home, seconds, seed)
    try:
        wrong = world.run()
    finally:
        world.close()
    ledger = world.ledger
    for name, counted in (
        ("faults", world.done),
        ("did", ledger.did),
        ("unanswered", ledger.broken),
        ("odd", ledger.odd),
    ):
        say(f"{name}: " + ", ".join(f"{n} {what}" for what, n in counted.most_common()))
    mails = len({one[0] for one in world.mail.accepted})
    say(f"{mails} mails arrived, {world.copies} of them twice under one Message-ID; {len(ledger.sent)} demandes sent,")
    say(
        f"{len(ledger.withdrawn)} withdrawn, {len(ledger.handed_in)} deliveries, {len(ledger.aged)} destroyed, "
        f"{len(ledger.taken)} downloaded"
    )
    for fault in wrong:
        print(f"✗ {fault}", flush=True)  # noqa: T201
    say(f"seed {seed}: " + (f"{len(wrong)} faults" if wrong else "nothing lost, nothing doubled"))
    if wrong:
        say(f"what is left lies in {home}")
    else:
        shutil.rmtree(home, ignore_errors=True)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
