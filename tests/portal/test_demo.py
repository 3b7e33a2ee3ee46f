"""The demonstration: what it shows, its accounts, and where it refuses to be."""

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count
from django.test import Client

from conventions.models import Convention, Couverture
from conventions.workflow import EtatConvention
from demandes import rules
from demandes.attestations.models import Attestation
from demandes.attestations.workflow import EtatAttestation
from demandes.models import Demande, Dossier, Livraison
from demandes.workflow import Etat, EtatLivraison
from extranet.core import clock
from extranet.core.dates import paris_date
from extranet.core.outbox.models import Message
from extranet.portal import integrity, sweep
from habilitations.models import DemandeHabilitation
from tests.structure.test_production import SAFE

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "Demonstration-2026"
ACCOUNTS = {
    "cnaf@demo.test": "/admin/",
    "agent.77@demo.test": "/admin/",
    "agent2.77@demo.test": "/admin/",
    "superviseur.77@demo.test": "/admin/",
    "lecteur.77@demo.test": "/admin/",
    "agent.91@demo.test": "/admin/",
    "animatrice@demo.test": "/espace/demandes/",
    "guichet@demo.test": "/espace/demandes/",
    "rpe.melun@demo.test": "/espace/demandes/",
    "gu.chatelet@demo.test": "/espace/demandes/",
    "rpe.evry@demo.test": "/espace/demandes/",
}


@pytest.fixture
def demo(db, settings, tmp_path, load_demo):
    settings.DATA_DIR = tmp_path
    return load_demo()


def everything():
    """How many rows of each of our tables."""
    from django.apps import apps

    labels = ("accounts", "conventions", "habilitations", "demandes", "outbox", "journal", "documents")
    return {model: model.objects.count() for label in labels for model in apps.get_app_config(label).get_models()}


def test_loading_it_again_changes_nothing(demo, load_demo):
    before = everything()
    assert "already there" in load_demo()
    assert everything() == before
    assert not integrity.faults(clock.now())


def test_it_shows_every_situation(demo):
    now = clock.now()
    today = paris_date(now)
    assert DemandeHabilitation.objects.filter(state="deposee").count() >= 1
    assert Convention.objects.filter(state=EtatConvention.PREPARATION).count() >= 1
    active = Convention.objects.filter(state=EtatConvention.SIGNEE, in_force_from__lte=today, ended_on=None)
    assert active.count() >= 3
    assert len(set(active.values_list("lieu__caf", flat=True))) >= 2
    assert Demande.objects.count() >= 60
    assert set(Demande.objects.values_list("state", flat=True)) == set(Etat.values)
    waiting = Demande.objects.filter(state=Etat.TRANSMISE).select_related("transmission")
    left = [(rules.last_day_to_pick_up(one.transmission.notified_at, one.last_day) - today).days for one in waiting]
    assert any(days < 0 for days in left)
    assert any(0 <= days <= 3 for days in left)
    alive = Dossier.objects.select_related("demande")
    assert any(timedelta(0) <= one.demande.last_day - today <= timedelta(days=15) for one in alive)
    assert all(one.demande.last_day >= today for one in alive)
    assert Attestation.objects.filter(state=EtatAttestation.OUVERTE, due_on__gte=today).exists()
    twice = Couverture.objects.filter(until_on=None, lieu__conventions__in_force_from__lte=today).values("commune")
    assert twice.annotate(lieux=Count("lieu", distinct=True)).filter(lieux__gte=2).exists()


def test_its_delivery_came_by_the_service_with_records_set_aside(demo):
    livraison = Livraison.objects.get()
    assert livraison.state == EtatLivraison.TRAITEE
    assert (livraison.lues, livraison.creees, livraison.ecartees) == (6, 2, 4)
    assert livraison.rejets.filter(issue="ecartee").count() == 4
    assert livraison.rejets.filter(issue="remarque").count() == 1
    client = Client()
    client.post("/compte/connexion/", {"login": "cnaf@demo.test", "password": PASSWORD})
    page = client.get(f"/admin/demandes/livraison/{livraison.pk}/change/").content.decode()
    assert "DEMO-L-0003" in page
    assert "Commune inconnue." in page


def test_nobody_real_is_in_it_and_no_mail_waits(demo):
    for dossier in Dossier.objects.select_related("demande"):
        said = dossier.open(dossier.jour)
        assert said.courriel.endswith("@famille.test") or not said.courriel
        assert said.telephone.startswith("+336000000") or not said.telephone
    assert not Message.objects.filter(sent_at=None, cancelled_at=None).exists()


def test_every_account_logs_in_and_arrives_at_work(demo):
    for email, place in ACCOUNTS.items():
        client = Client()
        answer = client.post("/compte/connexion/", {"login": email, "password": PASSWORD}, follow=True)
        assert answer.status_code == 200, email
        assert answer.redirect_chain[-1][0] == place, email


@pytest.mark.rule("CTL-1.f")
def test_every_page_that_waits_for_an_agent_opens(demo):
    """Each card of the desk leads to a list that is not empty."""
    client = Client()
    client.post("/compte/connexion/", {"login": "agent.77@demo.test", "password": PASSWORD})
    cards = client.get("/admin/").context["attente"]
    shown = {card.lien.split("/")[3] for card in cards}
    assert {"demande", "convention", "demandehabilitation", ""} <= shown  # "": mails that came back
    for card in cards:
        answer = client.get(card.lien)
        assert answer.status_code == 200, card.titre
        listed = answer.context.get("cl")
        count = listed.result_count if listed else len(answer.context["professionnels"])
        assert count == card.nombre, card.titre


@pytest.mark.parametrize(
    ("moment", "shift", "expected"),
    [
        ((2026, 8, 31, 10), "+6mo", (2027, 2, 28, 11)),  # same hour in Paris, winter
        ((2027, 8, 31, 10), "+6mo", (2028, 2, 29, 11)),
        ((2026, 11, 23, 9), "+16d", (2026, 12, 9, 9)),
        ((2026, 3, 28, 22, 30), "+1d", (2026, 3, 29, 21, 30)),  # the night when clocks change
        ((2026, 1, 1, 0), "-1d", (2025, 12, 31, 0)),
        ((2026, 11, 23, 9), "", (2026, 11, 23, 9)),
    ],
)
def test_the_clock_is_moved_on_civil_days_of_paris(moment, shift, expected):
    assert clock.shifted(datetime(*moment, tzinfo=UTC), shift) == datetime(*expected, tzinfo=UTC)


@pytest.mark.rule("CNS-1.a")
@pytest.mark.rule("NOT-4.d")
def test_a_moved_clock_shows_the_fifteenth_day_and_the_sixth_month(demo, settings):
    def late():
        client = Client()
        client.post("/compte/connexion/", {"login": "agent.77@demo.test", "password": PASSWORD})
        cards = client.get("/admin/").context["attente"]
        return next((card.nombre for card in cards if "retard de récupération" in card.titre), 0)

    today, dossiers = late(), Dossier.objects.count()
    settings.CLOCK_SHIFT = "-1d"
    assert late() <= today
    settings.CLOCK_SHIFT = "+16d"
    sweep.run(now=clock.now())
    assert late() == Demande.objects.filter(caf="caf-77", state=Etat.TRANSMISE).count() > today
    assert Message.objects.filter(kind="demandes.retard", sent_at=None).exists()
    assert 0 < Dossier.objects.count() < dossiers  # those that were near their six months
    settings.CLOCK_SHIFT = "+6mo"
    assert integrity.faults(clock.now())
    sweep.run(now=clock.now())
    settings.CLOCK_SHIFT = "+7mo"
    sweep.run(now=clock.now())
    assert not Dossier.objects.exists()
    assert not integrity.faults(clock.now())


def run(*arguments, **environment):
    found = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=found, capture_output=True, text=True
    )


def test_production_refuses_it():
    done = run("load_demo", **SAFE)
    assert done.returncode == 2
    assert "production" in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [("BIND", "0.0.0.0"), ("BIND", "192.0.2.1"), ("BIND", "::"), ("EXTRANET_CLOCK_SHIFT", "16 jours")],
)
def test_it_refuses_to_start_with_what_it_must_not_have(tmp_path, name, value):
    done = run("check", EXTRANET_DATA_DIR=str(tmp_path), EXTRANET_ENV="demo", **{name: value})
    assert done.returncode == 1
    assert done.stderr.startswith(f"{name}={value} : ")


PROBE = """
import json, re
from django.contrib import admin
from django.test import Client
from django.urls import NoReverseMatch, reverse
from extranet.core.accounts.models import User

def ask(client, *paths):
    for path in paths:
        said[path] = client.get(path, HTTP_HOST="localhost").status_code

def of(email):
    client = Client()
    client.force_login(User.objects.get(email=email))
    return client

said = {}
ask(Client(), "/demo/courriels/", "/", "/demo/courriels/%2e%2e%2fsecret-key", "/demandes/nouvelle/?commune=77100")
ask(Client(), "/demandes/nouvelle/?commune=01001", "/schemas/flux/", "/habilitations/nouvelle/")
lieu = of("animatrice@demo.test")
for query in ("", "etat=transmise", "etat=a-rappeler", "etat=rendez-vous", "echeance=retard", "echeance=trois-jours",
              "commune=77100&mode=creche-collective&tri=recentes", "depuis=2026-01-01&tri=destruction"):
    ask(lieu, "/espace/demandes/?" + query)
page = lieu.get("/espace/demandes/", HTTP_HOST="localhost").content.decode()
ask(lieu, re.search("/espace/demandes/[0-9a-f-]{36}/", page)[0], "/espace/statistiques/", "/espace/votre-lieu/")
ask(lieu, "/espace/attestations/", "/espace/convention/", "/espace/messages/", "/compte/jetons/")
ask(lieu, "/espace/demandes/parties/")
for email in ("superviseur.77@demo.test", "cnaf@demo.test"):
    agent = of(email)
    ask(agent, "/admin/", "/admin/courriels-non-distribues/")
    for model in admin.site._registry:
        there = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        if agent.get(there, HTTP_HOST="localhost").status_code != 403:
            ask(agent, there)
print(json.dumps(said))
"""  # a page by each kind of query, on the second engine


def test_it_loads_on_the_embedded_database_with_its_mailbox_and_the_production_portal_has_none(tmp_path):
    environment = {"EXTRANET_DATA_DIR": str(tmp_path), "EXTRANET_ENV": "demo"}
    first = run("prepare_demo", **environment)
    assert first.returncode == 0, first.stderr
    assert "already there" in run("prepare_demo", **environment).stdout
    assert run("check_integrity", **environment).returncode == 0
    old = tmp_path / "courriels" / "20200101000000000000-00000000-0000-4000-8000-000000000000.eml"
    old.parent.mkdir(exist_ok=True)
    old.write_bytes(b"To: x@famille.test\n\nBonjour")
    os.utime(old, (0, 0))
    swept = run("sweep", **environment)
    assert swept.returncode == 0, swept.stdout
    assert not old.exists()
    done = run("shell", "--no-imports", "-v0", "-c", PROBE, **environment)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert [answers.pop(path) for path in ("/demo/courriels/", "/", "/demo/courriels/%2e%2e%2fsecret-key")] == [
        200,
        200,
        404,
    ]
    assert {path: status for path, status in answers.items() if status != 200} == {}
    assert len(answers) > 40
    assert Client().get("/demo/courriels/").status_code == 404


def test_only_two_sizes_exist():
    with pytest.raises(CommandError):
        call_command("load_demo", "--size", "huge")


def test_today_is_the_day_in_paris(settings):
    settings.CLOCK_SHIFT = "+1d"
    assert clock.today() > paris_date(datetime.now(UTC)) >= date(2026, 1, 1)
