"""`python -m tests.faults.life live|open`: families' demandes through every door, in a process apart; what opens."""

import contextlib
import io
import os
import sys
from datetime import timedelta

CANARIES = {
    "prenom": "Zibelinette",
    "nom": "Kanariova",
    "courriel": "kanari.zib@famille.test",
    "telephone": "0698761234",
    "ville": "Batzenmer-canari",
    "creneau": "apres-la-traite-canari",
    "message": "phrase de canari, tres privee",
    "enfants": "Ornithorynque",
}
LATER = "phrase de canari, corrigee"
CONTROL = "temoin-en-clair-qui-doit-etre-trouve"
WORDS = [*CANARIES.values(), "698761234", LATER]


def live() -> None:
    """Form, correction, list, search, detail, download, deliveries, another version; one word in clear on purpose."""
    from django.test import Client
    from django.urls import reverse

    from bench.deliveries import delivery, record
    from demandes.models import Demande, Livraison
    from demandes.queries import link_token
    from demandes.services import applying, deliveries
    from extranet.core import clock
    from extranet.core.journal import services as journal
    from extranet.core.outbox import services as outbox
    from extranet.portal import sweep
    from tests.demandes import test_family as pages
    from tests.factories import HabilitationFactory, LieuFactory

    now = clock.now()
    person = HabilitationFactory(lieu=LieuFactory(code="RPE-77-CHATELET"), activated_at=now)
    assert -1 not in sweep.run(now=now).values()

    said = {name: value for name, value in CANARIES.items() if name != "enfants"}
    said["a_partir_du"] = str((now + timedelta(days=60)).date())
    said["enfants-0-prenom"], said["enfants-0-date"] = CANARIES["enfants"], str((now - timedelta(days=400)).date())
    family = Client()
    assert pages.send(family, said).status_code == 302
    demande = Demande.objects.get()
    link = reverse("demandes:suivi", args=[link_token(demande.uuid)])
    form = pages.go(family, family.get(family.post(link, {"corriger": "1"})["Location"]), aller="reponse")
    summary = pages.go(family, form, message=LATER)
    assert pages.press(family, summary, valider="1").status_code == 302

    for name in (CANARIES["nom"], CANARIES["nom"] + "-bis"):
        tail = f"<message>{CANARIES['message']}</message>"
        rows = [record(1, now, nom=name, prenom=CANARIES["prenom"], tail=tail)]
        source = io.BytesIO("".join(delivery(iter(rows), now)).encode())
        livraison = deliveries.register(source, nom="l.xml", origine=Livraison.Origine.DEPOT, now=now)
        assert applying.ingest(livraison.pk, now=now)
    outbox.send_due(now=now)
    lieu = Client()
    lieu.force_login(person.user)
    assert CANARIES["nom"] in lieu.get("/espace/demandes/").content.decode()
    assert demande.reference in lieu.post("/espace/demandes/", {"q": CANARIES["nom"]}, follow=True).content.decode()
    assert LATER in lieu.get(reverse("demandes:detail", args=[demande.uuid])).content.decode()
    asked = {"format": "xml", "demande": str(demande.uuid)}
    assert LATER.encode() in lieu.post("/espace/demandes/telechargement/", asked).content
    journal.record("essai", demande, by="systeme", at=now, temoin=CONTROL)
    from django.core.cache import cache

    cache.set("temoin", CONTROL, timeout=None)


def openable() -> None:
    """Says how many dossiers there are, and how many open for whoever forgets the date."""
    from demandes.models import Dossier
    from extranet.core.errors import NoKey

    there, opened = 0, 0
    for name, day, scelle in Dossier.objects.values_list("demande__uuid", "jour", "scelle"):
        there += 1
        with contextlib.suppress(NoKey):
            opened += Dossier.opened(name, day, scelle, day).nom.startswith(CANARIES["nom"])
    sys.stdout.write(f"{there} {opened}\n")


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "extranet.settings")
    django.setup()
    {"live": live, "open": openable}[sys.argv[1]]()
    sys.stdout.flush()
    os._exit(0)  # as a kill: SQLite leaves its log as it is
