"""Prestataires of a lieu and their engagements: recorded, demanded, reminded, deposited, verified (CON-9)."""

from datetime import date, timedelta
from io import BytesIO

import pytest
from django.core import mail
from django.http import Http404
from django.urls import reverse

from conventions import queries, rules
from conventions.models import DemandeEngagement, Engagement, Prestataire
from conventions.services import prestataires
from extranet.core.errors import Forbidden, Refused, WrongState
from extranet.core.journal.models import Entry
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from tests.factories import NOW, AgentFactory, HabilitationFactory, LieuFactory, PersonneInscriteFactory, a_pdf

pytestmark = pytest.mark.django_db

TODAY = NOW.date()
DUE = TODAY + timedelta(days=10)
ACT = "admin:conventions_prestataire_acte"


@pytest.fixture
def agent(time_machine):
    time_machine.move_to(NOW, tick=False)
    return AgentFactory()


@pytest.fixture
def line(agent):
    """Somebody who may enter; beside it one suspended and one without access yet."""
    found = HabilitationFactory(lieu=LieuFactory(nom="RPE des Tilleuls"))
    HabilitationFactory(lieu=found.lieu, suspendue=True)
    PersonneInscriteFactory(lieu=found.lieu)
    return found


@pytest.fixture
def made(agent, line):
    convention = line.lieu.conventions.get()
    given = {"nom": "Logiciels du Lac", "from_on": date(2026, 1, 1)}
    return prestataires.add(convention_uuid=convention.uuid, by=agent.user, now=NOW, **given)


def do(service, made, by, now=NOW, **given):
    return service(prestataire_uuid=made.uuid, by=by.user, now=now, **given)


def sent():
    """What leaves now: subject → addressees."""
    mail.outbox.clear()
    outbox.send_due(now=NOW + timedelta(days=60), pauses=False)
    found = {}
    for one in mail.outbox:
        found.setdefault(one.subject, set()).update(one.to)
    return found


@pytest.mark.rule("CON-9.b")
@pytest.mark.parametrize(
    ("due_on", "today", "reminder"),
    [
        ("2026-12-03", "2026-12-02", None),
        ("2026-12-03", "2026-12-03", 0),
        ("2026-12-25", "2026-12-25", 0),  # a holiday
        ("2026-12-03", "2026-12-09", 0),
        ("2026-12-03", "2026-12-10", 1),
        ("2026-12-03", "2027-01-02", 4),
    ],
)
def test_reminders_of_a_demand(due_on, today, reminder):
    assert rules.engagement_reminder(date.fromisoformat(due_on), date.fromisoformat(today)) == reminder


@pytest.mark.rule("CON-9.b")
def test_a_demand_is_dated_mailed_reminded_and_followed_until_the_document_is_there(client, agent, made, line):
    do(prestataires.demand, made, agent, due_on=DUE)
    with pytest.raises(WrongState, match="déjà demandé"):
        do(prestataires.demand, made, agent, due_on=DUE)
    own = {line.lieu.courriel, line.user.email}
    assert sent() == {"Un document est attendu d’un prestataire de votre lieu": own}
    text = mail.outbox[0].body
    assert "3 décembre 2026" in text
    assert "/espace/convention/" in text
    assert "Logiciels du Lac" in text
    counts = []
    for days in (0, 9, 10, 10, 12, 17, 17, 45):
        counts.append(prestataires.remind(now=NOW + timedelta(days=days)))
    assert counts == [0, 0, 1, 0, 0, 1, 0, 1]
    keys = Message.objects.filter(kind="conventions.engagement-rappel").values_list("key", flat=True).distinct()
    assert sorted(key.rpartition(":")[2] for key in keys) == ["0", "1", "5"]
    client.force_login(agent.user)
    assert "engagement de prestataire demandé" in client.get("/admin/").content.decode()
    listed = client.get("/admin/conventions/prestataire/?suivi=attendu").content.decode()
    assert "demandé, attendu le 3 déc. 2026" in listed
    kept = do(prestataires.record, made, agent, signed_on=TODAY, scan=BytesIO(a_pdf()))
    assert DemandeEngagement.objects.get().answered_at == NOW
    assert kept.decided_by == agent.user
    assert sent() == {}  # the reminders that waited are cancelled
    assert prestataires.remind(now=NOW + timedelta(days=60)) == 0
    assert "engagement de prestataire demandé" not in client.get("/admin/").content.decode()


@pytest.mark.rule("CON-9.a")
def test_an_engagement_is_a_plain_pdf_dated_of_the_past(agent, made):
    for given, field in [
        ({"signed_on": TODAY + timedelta(days=1), "scan": BytesIO(a_pdf())}, "signed_on"),
        ({"signed_on": TODAY, "scan": BytesIO(b"<html>")}, "scan"),
        ({"signed_on": TODAY, "scan": BytesIO(a_pdf() + b"0" * 11_000_000)}, "scan"),
    ]:
        with pytest.raises(Refused) as refused:
            do(prestataires.record, made, agent, **given)
        assert list(refused.value.faults) == [field]
    assert not Engagement.objects.exists()
    for due_on in (TODAY, TODAY - timedelta(days=1), TODAY + timedelta(days=400)):
        with pytest.raises(Refused):
            do(prestataires.demand, made, agent, due_on=due_on)
    assert not DemandeEngagement.objects.exists()


@pytest.mark.rule("CON-9.a")
@pytest.mark.rule("CON-9.b")
def test_the_lieu_deposits_the_caf_refuses_with_a_reason_then_accepts(client, agent, made, line):
    do(prestataires.demand, made, agent, due_on=DUE)
    sent()
    client.force_login(line.user)
    own = client.get("/espace/convention/").content.decode()
    assert "Logiciels du Lac" in own
    assert "au plus tard le <strong>3 décembre 2026" in own
    page = reverse("habilitations:engagement", args=[made.uuid])
    bad = client.post(page, {"signed_on": "2030-01-01", "scan": upload(a_pdf())})
    assert bad.status_code == 422
    assert "Cette date est dans le futur" in bad.content.decode()
    assert client.post(page, {"signed_on": "2026-11-20", "scan": upload(a_pdf())}).status_code == 302
    with pytest.raises(WrongState):
        do(prestataires.record, made, agent, signed_on=TODAY, scan=BytesIO(a_pdf()))
    assert client.post(page, {"signed_on": "2026-11-20", "scan": upload(a_pdf())}).status_code == 409
    assert list(sent()) == ["Un engagement de prestataire est à vérifier"]
    assert prestataires.remind(now=NOW + timedelta(days=30)) == 0  # it is the Caf's turn
    client.force_login(agent.user)
    assert "engagement de prestataire à vérifier" in client.get("/admin/").content.decode()
    change = reverse("admin:conventions_prestataire_change", args=[made.pk])
    kept = Engagement.objects.get()
    file = reverse("admin:conventions_prestataire_engagement", args=[made.pk, kept.uuid])
    assert file in client.get(change).content.decode()
    assert b"".join(client.get(file).streaming_content).startswith(b"%PDF")
    empty = client.post(reverse(ACT, args=[made.pk, "refuser"]), {"motif": " "})
    assert empty.status_code == 422
    assert client.post(reverse(ACT, args=[made.pk, "refuser"]), {"motif": "Il n’est pas signé."}).status_code == 302
    assert sent() == {"Un document déposé n’est pas accepté": {line.lieu.courriel, line.user.email}}
    assert "Il n’est pas signé." in mail.outbox[0].body
    assert client.post(reverse(ACT, args=[made.pk, "accepter"])).status_code == 409
    client.force_login(line.user)
    assert "Il n’est pas signé." in client.get("/espace/convention/").content.decode()
    client.post(page, {"signed_on": "2026-11-21", "scan": upload(a_pdf(2))})
    client.force_login(agent.user)
    assert client.post(reverse(ACT, args=[made.pk, "accepter"])).status_code == 302
    assert DemandeEngagement.objects.get().answered_at is not None
    client.force_login(line.user)
    assert "engagement signé le 21 novembre 2026" in client.get("/espace/convention/").content.decode()
    events = list(Entry.objects.filter(object_id=str(made.uuid)).order_by("pk").values_list("event", flat=True))
    assert events == [
        f"prestataire.{name}"
        for name in ("ajoute", "engagement-demande", "engagement-depose", "engagement-refuse")
        + ("engagement-depose", "engagement-recu")
    ]


def upload(content):
    file = BytesIO(content)
    file.name = "engagement.pdf"
    return file


@pytest.mark.rule("CON-9.a")
def test_added_from_the_convention_and_ended(client, agent, line):
    client.force_login(agent.user)
    convention = line.lieu.conventions.get()
    act = reverse("admin:conventions_convention_acte", args=[convention.pk, "prestataire"])
    typed = {"nom": "Atelier numérique", "from_on": "2026-02-01"}
    assert client.post(act, typed | {"from_on": "2027-02-01"}).status_code == 422
    assert client.post(act, typed).status_code == 302
    assert client.post(act, typed | {"nom": "atelier NUMÉRIQUE"}).status_code == 422
    page = client.get(reverse("admin:conventions_convention_change", args=[convention.pk])).content.decode()
    made = Prestataire.objects.get()
    assert reverse("admin:conventions_prestataire_change", args=[made.pk]) in page
    assert "engagement absent" in page
    do(prestataires.demand, made, agent, due_on=DUE)
    with pytest.raises(Refused):
        do(prestataires.end, made, agent, until_on=date(2026, 1, 1))
    do(prestataires.end, made, agent, until_on=TODAY - timedelta(days=1))
    assert not queries.engagements_awaited(TODAY).exists()
    assert prestataires.remind(now=NOW + timedelta(days=30)) == 0
    with pytest.raises(WrongState, match="ne travaille plus"):
        do(prestataires.record, made, agent, signed_on=TODAY, scan=BytesIO(a_pdf()))


@pytest.mark.rule("CON-9.a")
@pytest.mark.rule("CON-9.b")
def test_who_may_not(client, agent, made, line):
    for other, answer in [
        (AgentFactory(essonne=True), Http404),
        (AgentFactory(lecteur=True), Forbidden),
        (AgentFactory(cnaf=True), Forbidden),
    ]:
        with pytest.raises(answer):
            do(prestataires.demand, made, other, due_on=DUE)
    page = reverse("habilitations:engagement", args=[made.uuid])
    for person, status in [
        (HabilitationFactory(lieu=LieuFactory()).user, 404),
        (HabilitationFactory(lieu=line.lieu, suspendue=True).user, 404),
        (agent.user, 403),
    ]:
        client.force_login(person)
        assert client.post(page, {"signed_on": "2026-11-20", "scan": upload(a_pdf())}).status_code == status
    assert not Engagement.objects.exists()
