"""What answers carry beside their pages: headers, cookies, logs, addresses (RGP-2)."""

import io
import logging

import pytest
import time_machine
from django.core import signing
from django.test import Client
from django.urls import reverse

from bench.deliveries import delivery, record
from demandes.attestations.models import Attestation
from demandes.queries import link_token
from demandes.services import applying, deliveries
from extranet.core.web import logs
from habilitations.queries import link_token as application_token
from tests.conftest import verified
from tests.factories import (
    NOW,
    AgentFactory,
    DemandeFactory,
    DemandeHabilitationFactory,
    HabilitationFactory,
    LieuFactory,
    UserFactory,
)

LOGIN = "/compte/connexion/"
PASSWORD = "Demonstration-2026"


@pytest.fixture(autouse=True)
def _now(db):
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def lieu():
    return LieuFactory(nom="RPE des Tilleuls")


@pytest.fixture
def person(lieu):
    return HabilitationFactory(lieu=lieu).user


def logged_in(user):
    client = Client()
    client.force_login(user)
    return client


# --- headers --------------------------------------------------------------------------------------------------------

CSP = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
}
FILE = {"sandbox", "default-src 'none'"}  # to be saved, not opened


def answers(person, lieu):
    """Name → (answer, is it personal)."""
    demande = DemandeFactory(recuperee=True, lieu=lieu)
    destroyed = DemandeFactory(purgee=True, lieu=lieu)
    attestation = Attestation.objects.create(lieu=lieu, opened_at=NOW, due_on=NOW.date())
    applied = DemandeHabilitationFactory()
    me, agent, nobody = logged_in(person), logged_in(AgentFactory().user), Client()
    fetch = {"format": "xml", "demande": str(demande.uuid)}
    return {
        "home": (nobody.get("/"), False),
        "search": (nobody.get("/communes/?q=melun"), False),
        "health": (nobody.get("/sante/vivant"), False),
        "schema": (nobody.get("/schemas/demandes-1.xsd"), False),
        "not found": (nobody.get("/rien"), False),
        "to the login page": (nobody.get("/espace/demandes/"), False),
        "login": (nobody.get(LOGIN), True),
        "login refused": (nobody.post(LOGIN, {"login": "a@b.test", "password": "x"}), True),
        "family form": (nobody.get("/demandes/nouvelle/?commune=77100"), True),
        "family form with faults": (
            nobody.post("/demandes/nouvelle/?commune=77100", {"nom": "Secret"}, follow=True),
            True,
        ),
        "private link": (nobody.get(f"/demandes/suivi/{link_token(demande.uuid)}/"), True),
        "private link, gone": (nobody.get(f"/demandes/suivi/{link_token(destroyed.uuid)}/"), True),
        "application": (nobody.post("/habilitations/nouvelle/", {"lieu_nom": "x"}, follow=True), True),
        "application's link": (nobody.get(f"/habilitations/suivi/{application_token(applied.uuid)}/"), True),
        "link of an application, sent": (
            nobody.get(f"/habilitations/envoyee/{application_token(applied.uuid)}/"),
            True,
        ),
        "list": (me.get("/espace/demandes/"), True),
        "demande": (me.get(f"/espace/demandes/{demande.uuid}/"), True),
        "gone": (me.get(f"/espace/demandes/{destroyed.uuid}/"), True),
        "xml": (me.post("/espace/demandes/telechargement/", fetch), True),
        "pdf": (me.post("/espace/demandes/telechargement/", fetch | {"format": "pdf"}), True),
        "wrong method": (me.get("/espace/demandes/telechargement/"), True),
        "attestation": (me.get(f"/espace/attestations/{attestation.uuid}/"), True),
        "desk": (agent.get("/admin/"), True),
        "admin list": (agent.get("/admin/demandes/demande/"), True),
        "admin object": (agent.get(f"/admin/demandes/demande/{demande.pk}/change/"), True),
        "admin refusal": (me.get("/admin/"), True),
        "api": (nobody.post("/api/v1/livraisons"), True),
        "unknown host": (nobody.get("/", HTTP_HOST="ailleurs.test"), False),
    }


@pytest.mark.rule("RGP-2.c")
@pytest.mark.rule("RGP-4.a")
def test_each_kind_of_answer_carries_the_headers_that_protect(person, lieu):
    faults = []
    for name, (response, personal) in answers(person, lieu).items():
        policy = {part.strip() for part in response.get("Content-Security-Policy", "").split(";")}
        due = FILE if response.get("Content-Disposition", "").startswith("attachment") else CSP
        for right, what in [
            (policy == due, f"policy {policy ^ due}"),
            (response.get("X-Content-Type-Options") == "nosniff", "nosniff"),
            (response.get("Referrer-Policy") == ("no-referrer" if "link" in name else "same-origin"), "referrer"),
            (response.get("X-Frame-Options") == "DENY", "frame"),
            (response.get("Cross-Origin-Opener-Policy") == "same-origin", "opener"),
            ("no-store" in response.get("Cache-Control", "") or not personal, "no-store"),
        ]:
            if not right:
                faults.append(f"{name} ({response.status_code}): {what}")
    assert not faults, "\n".join(faults)


# --- nothing personal outside the pages (RGP-2) -----------------------------------------------------------------------

WORDS = [
    "Nomrarissime",
    "Prenomrare",
    "rarissime@famille.test",
    "0612345678",
    "Phrase intime",
    "Motdepasse-9",
    "Enfantrare",
]


@pytest.fixture
def written():
    """Everything logged, at any level, as the portal writes it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.Line())
    root, level = logging.getLogger(), logging.getLogger().level
    quiet = {name: logging.getLogger(name).level for name in ("django.request", "django.server", "django.security")}
    root.addHandler(handler)
    for name in ("", *quiet):
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)
    for name, before in quiet.items():
        logging.getLogger(name).setLevel(before)


def fill(client):
    """Forms with what is wrong in them, a login refused, a private link, an error of ours."""
    typed = {
        "nom": "Nomrarissime",
        "prenom": "Prenomrare",
        "courriel": "rarissime@famille.test",
        "telephone": "06 12 34 56 78",
        "message": "Phrase intime",
        "enfants-TOTAL_FORMS": "1",
        "enfants-INITIAL_FORMS": "0",
        "enfants-0-prenom": "Enfantrare",
        "modes": "inconnu",
    }
    for step in ("", "besoin/", "vous/"):
        answer = client.post(f"/demandes/nouvelle/{step}?commune=77100", typed, follow=True)
    yield answer
    yield client.get("/demandes/nouvelle/", {"q": "Nomrarissime", "commune": "rarissime@famille.test"})
    yield client.post(LOGIN, {"login": "rarissime@famille.test", "password": "Motdepasse-9"})
    yield client.post("/compte/mot-de-passe/perdu/", {"courriel": "rarissime@famille.test"} | verified())
    yield client.post(
        "/habilitations/nouvelle/",
        {"lieu_nom": "Nomrarissime", "lieu_courriel": "rarissime@famille.test"},
        follow=True,
    )
    yield client.get("/demandes/suivi/Nomrarissime/")
    yield client.get("/introuvable/?courriel=rarissime@famille.test")
    yield client.get("/", {"q": "Nomrarissime"}, HTTP_HOST="rarissime@famille.test")


@pytest.mark.rule("RGP-2.a")
def test_what_people_type_reaches_no_log(client, written):
    LieuFactory()
    assert [response.status_code for response in fill(client)] == [200, 200, 200, 200, 200, 404, 404, 400]
    wrong = "\n<courriel>rarissime@famille</courriel>"
    records = [record(1, NOW, nom="Nomrarissime", contact=wrong), record(2, NOW, nom="Nomrarissime", commune="00000")]
    content = "".join(delivery(iter(records), NOW)).encode()
    for data in (content, content[:-20]):
        livraison = deliveries.register(io.BytesIO(data), nom="l.xml", origine="depot", now=NOW, ring=False)
        applying.ingest(livraison.pk, now=NOW)
    try:
        raise ValueError("Nomrarissime habite chez rarissime@famille.test")
    except ValueError:
        logging.getLogger("essai").exception("échec pour %s, %s", "rarissime@famille.test", "06 12 34 56 78")
    text = written.getvalue()
    assert "ValueError at test_privacy.py" in text  # something was written
    for word in (*WORDS, "06 12 34 56 78"):
        assert word not in text


@pytest.mark.rule("RGP-2.a")
@pytest.mark.rule("RGP-4.a")
def test_cookies_hold_nothing_about_anybody(client, person, lieu):
    list(fill(client))
    client.post(LOGIN, {"login": person.email, "password": PASSWORD})
    demande = DemandeFactory(recuperee=True, lieu=lieu, dossier__nom="Nomrarissime")
    client.post(f"/espace/demandes/{demande.uuid}/cloture/", {"issue": "hors-champ"})
    jar = {name: morsel.value for name, morsel in client.cookies.items()}
    kinds = {name.partition("-")[0] for name in jar}
    assert {"sessionid", "csrftoken"} <= kinds <= {"sessionid", "csrftoken", "messages", "appareil", "brouillon"}
    for name, value in jar.items():
        assert client.cookies[name]["httponly"], name
        for word in (
            *WORDS,
            person.email,
            person.nom,
            person.email.encode().hex(),
            signing.b64_encode(person.email.encode()).decode(),
        ):
            assert word not in value, name


@pytest.mark.rule("RGP-2.a")
def test_addresses_hold_nothing_about_anybody(client):
    """What redirects lead to after something was typed."""
    UserFactory(email="rarissime@famille.test")
    LieuFactory()
    for response in fill(client):
        for word in WORDS:
            assert word not in response.get("Location", "")
    assert (
        client.get("/espace/demandes/?q=Secret")["Location"]
        == f"{reverse('account_login')}?next=/espace/demandes/%3Fq%3DSecret"
    )
