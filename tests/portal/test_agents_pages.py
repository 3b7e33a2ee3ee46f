"""The back office as agents read it: light pages, one way of writing dates and nothing,
words instead of code (CTL-4).
"""

import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import urljoin

import pytest
from django.contrib.staticfiles import finders
from django.urls import reverse

from conventions.models import Acte, Prestataire
from demandes.attestations.models import Attestation
from extranet.core.journal import services as journal
from tests.factories import (
    NOW,
    AgentFactory,
    DemandeFactory,
    DemandeHabilitationFactory,
    HabilitationFactory,
    PersonneInscriteFactory,
)

pytestmark = pytest.mark.django_db

# Bytes of a page with its styles and scripts, before compression; fonts are loaded once for the whole portal.
CEILINGS = {"bureau": 75_000, "liste": 130_000, "fiche": 105_000, "acte": 90_000, "avenant": 105_000}
SCRIPTS = {"bureau": 0, "liste": 20_000, "fiche": 0, "acte": 0, "avenant": 0}
LISTS = [
    "demandes_demande",
    "attestations_attestation",
    "habilitations_demandehabilitation",
    "habilitations_habilitation",
    "habilitations_personneaactiver",
    "conventions_convention",
    "conventions_lieu",
    "conventions_gestionnaire",
    "conventions_prestataire",
    "territory_commune",
]


@pytest.fixture
def desk(client, time_machine):
    """A Caf with one of each, and an agent at the desk."""
    time_machine.move_to(NOW, tick=False)
    line = HabilitationFactory()
    for _ in range(50):
        DemandeFactory(transmise=True, lieu=line.lieu)
    PersonneInscriteFactory(lieu=line.lieu)
    DemandeHabilitationFactory()
    Prestataire.objects.create(lieu=line.lieu, nom="Logiciels du Lac", from_on=NOW.date())
    Attestation.objects.create(lieu=line.lieu, opened_at=NOW, due_on=(NOW + timedelta(days=30)).date())
    client.force_login(AgentFactory().user)
    return client


def static_size(address):
    """Bytes of a style or script, and of the styles that it imports."""
    path = finders.find(address.removeprefix("/static/"))
    assert path, address
    content = Path(path).read_bytes()
    imported = re.findall(rb"@import url\([\"']?([^\"')]+)", content)
    return len(content) + sum(static_size(urljoin(address, one.decode())) for one in imported)


def weigh(client, address):
    """Whole bytes, and those of scripts."""
    page = client.get(address)
    assert page.status_code == 200, address
    html = page.content.decode()
    assert not re.search("jquery|xregexp", html, re.IGNORECASE), address
    styles = re.findall(r'<link rel="stylesheet" href="([^"]+)"', html)
    scripts = re.findall(r'<script[^>]* src="([^"]+)"', html)
    size = sum(static_size(one) if one.startswith("/static/") else len(client.get(one).content) for one in scripts)
    return len(page.content) + size + sum(map(static_size, styles)), size


def first_of(client, model):
    html = client.get(reverse(f"admin:{model}_changelist")).content.decode()
    return re.search(r'href="(/admin/[^"?]+/change/)', html).group(1)


def test_no_page_of_agents_loads_what_it_does_not_use(desk):
    pages = [("bureau", "/admin/")]
    for model in LISTS:
        pages.append(("liste", reverse(f"admin:{model}_changelist")))
        one = first_of(desk, model)
        pages.append(("fiche", one))
        html = desk.get(one).content.decode()
        acts = re.findall(r'href="(/admin/[^"]+/acte/[^"]+)"', html)
        pages += [("avenant" if act.endswith("/acte/avenant/") else "acte", act) for act in acts]
    assert {kind for kind, _ in pages} == CEILINGS.keys()
    heavy = []
    for kind, address in pages:
        whole, scripts = weigh(desk, address)
        if whole > CEILINGS[kind] or scripts > SCRIPTS[kind]:
            heavy.append((address, whole, scripts))
    assert not heavy


@pytest.mark.rule("CTL-4.a")
def test_the_history_names_a_lieu_and_the_portal_not_a_lost_account(desk):
    demande = DemandeHabilitationFactory()
    for actor in ("lieu", "systeme"):
        journal.record("demande-habilitation.deposee", demande, by=actor, at=NOW)
    page = desk.get(reverse("admin:habilitations_demandehabilitation_change", args=[demande.pk])).content.decode()
    assert "Demande déposée</strong> (le lieu)" in page
    assert "Demande déposée</strong> (le portail)" in page
    assert "compte supprimé" not in page
    assert "23 nov. 2026 à 10:00" in page


def test_nothing_is_written_one_way_and_dates_too(desk):
    line = HabilitationFactory(user__last_login=None)
    Acte.objects.filter(convention__lieu=line.lieu).update(
        deliberation_nature="deliberation", deliberation_numero="2026-12", deliberation_on=NOW.date()
    )
    withdrawn = DemandeFactory(retiree=True)
    pages = [reverse(f"admin:{model}_changelist") for model in LISTS]
    pages += [first_of(desk, model) for model in LISTS]
    pages += [
        reverse("admin:habilitations_habilitation_change", args=[line.pk]),
        reverse("admin:conventions_convention_change", args=[line.lieu.conventions.get().pk]),
        reverse("admin:demandes_demande_change", args=[withdrawn.pk]),
    ]
    shown = {}
    for address in pages:
        main = desk.get(address).content.decode().split('id="content"')[1].split('id="footer"')[0]
        text = shown[address] = re.sub(r"\s+", " ", re.sub(r"<(script|style).*?</\1>|<[^>]+>", "|", main, flags=re.S))
        assert not re.search(r"\| *(None|-|–) *\|", text), address
        assert not re.search(r"\d\d/\d\d/\d{4}|\d{4}-\d\d-\d\d", text), address
        for word in ("Vide", "Non vide", "Par état", "Par lieu", "deliberation"):
            assert word not in text, (address, word)
    assert "délibération n° 2026-12 du 23 nov. 2026" in shown[pages[-2]]
    assert "jamais" in shown[pages[-3]]
    kept = re.search(r"Conservée jusqu’au :[ |]*([^|]+)", shown[pages[-1]])
    assert kept.group(1).strip() == "—"


def test_the_cnaf_deposits_a_delivery_and_opens_no_file_of_a_convention(client, time_machine):
    time_machine.move_to(NOW, tick=False)
    convention = HabilitationFactory().lieu.conventions.get()
    client.force_login(AgentFactory(cnaf=True).user)
    listed = client.get("/admin/demandes/livraison/").content.decode()
    assert "Déposer une livraison" in listed
    assert "Ajouter livraison" not in listed
    page = client.get(reverse("admin:conventions_convention_change", args=[convention.pk])).content.decode()
    assert reverse("admin:conventions_convention_pdf", args=[convention.pk]) not in page
    client.force_login(AgentFactory(lecteur=True).user)
    page = client.get(reverse("admin:conventions_convention_change", args=[convention.pk])).content.decode()
    assert reverse("admin:conventions_convention_pdf", args=[convention.pk]) in page


@pytest.mark.rule("ACC-6.a")
def test_the_list_of_habilitations_tells_open_from_closed(desk, time_machine):
    suspended = HabilitationFactory(suspendue=True)
    over = HabilitationFactory(inscription__until_on=NOW.date() - timedelta(days=1))
    page = "/admin/habilitations/habilitation/"
    opened = desk.get(f"{page}?acces=ouvert").content.decode()
    closed = desk.get(f"{page}?acces=ferme").content.decode()
    for line, words in ((suspended, "suspendu le 22 nov. 2026"), (over, "inscription terminée le 22 nov. 2026")):
        assert line.user.email not in opened
        assert line.user.email in closed
        assert words in closed
