"""The public application form carries nobody's words to strangers (HAB-3, DEM-4.f)."""

import pytest

from extranet.core.outbox import services as outbox
from extranet.territory.models import Caf
from habilitations.models import DemandeHabilitation
from habilitations.services import applications
from habilitations.views import application
from tests.conftest import text_of
from tests.factories import NOW, AgentFactory
from tests.habilitations.test_application import LIEU, kept, send

pytestmark = pytest.mark.django_db
CANARY = "Gagnez-mille-euros"
TYPED = {
    "lieu_nom": f"{CANARY} ici",
    "lieu_adresse": f"1 rue {CANARY}",
    "lieu_ville": f"{CANARY}-Ville",
    "lieu_site": f"https://x.test/{CANARY}",
    "gestionnaire_nom": f"{CANARY} SA",
    "gestionnaire_adresse": f"2 rue {CANARY}",
    "gestionnaire_ville": f"{CANARY}-Seine",
    "representant_nom": CANARY,
    "representant_prenom": CANARY,
    "representant_qualite": CANARY,
    "personnes-0-nom": CANARY,
    "personnes-0-prenom": CANARY,
    "personnes-0-service": CANARY,
    "personnes-0-fonction": CANARY,
}


@pytest.fixture(autouse=True)
def _unbraked(monkeypatch):
    """The brakes of the form have their own tests."""
    monkeypatch.setattr(application, "BRAKES", {"network": [], "address": []})


def apply(client, **typed):
    assert "envoyee" in send(client, kept(client, typed))["Location"]
    return DemandeHabilitation.objects.latest("pk")


@pytest.mark.rule("HAB-3.c")
@pytest.mark.rule("HAB-3.f")
@pytest.mark.rule("RGP-2.a")
def test_nothing_typed_is_mailed_to_an_address_nobody_verified_nor_stands_in_a_subject(client, smtp_sink):
    by = AgentFactory(user__email="agent@caf77.test").user
    made = apply(client, **TYPED)
    applications.refuse(demande_id=made.pk, motif="Hors du territoire.", by=by, now=NOW)
    other = apply(client, **TYPED, lieu_courriel="autre@lieu.test")
    outbox.send_due(now=max(NOW, other.submitted_at))
    for mail in smtp_sink.mails:
        whole = text_of(mail) + mail.get_body(("html",)).get_content() + mail["Subject"]
        assert CANARY not in whole, mail["Subject"]
    assert sorted({mail["To"] for mail in smtp_sink.mails}) == [
        "agent@caf77.test",
        "autre@lieu.test",
        LIEU["lieu_courriel"],
    ]
    [told] = [mail for mail in smtp_sink.to("agent@caf77.test") if other.reference in mail["Subject"]]
    assert "Melun (77)" in text_of(told)
    assert any("Hors du territoire." in text_of(mail) for mail in smtp_sink.to(LIEU["lieu_courriel"]))


@pytest.mark.rule("DEM-4.f")
def test_an_address_is_acknowledged_three_times_a_day_and_each_application_is_kept(client, smtp_sink):
    for rank in range(5):
        made = apply(client, lieu_courriel="RPE@tilleuls.test" if rank % 2 else "rpe@tilleuls.test")
    outbox.send_due(now=made.submitted_at)
    assert len([mail for mail in smtp_sink.mails if mail["To"].lower() == "rpe@tilleuls.test"]) == 3
    assert DemandeHabilitation.objects.count() == 5


@pytest.mark.rule("NOT-4.f")
@pytest.mark.rule("HAB-3.f")
def test_the_mailbox_of_the_caf_learns_of_an_application(client, smtp_sink):
    Caf.objects.filter(pk="caf-77").update(courriel_generique="petite.enfance@caf77.test")
    made = apply(client)
    outbox.send_due(now=made.submitted_at)
    [mail] = smtp_sink.to("petite.enfance@caf77.test")
    assert mail["Subject"].strip() == f"Demande d’habilitation {made.reference} à examiner"
