"""Letters and ends: at an anniversary, for breach, given up; one end whatever is clicked (CON-4, CON-5)."""

from datetime import date, datetime, timedelta
from io import BytesIO
from threading import Barrier, Thread
from zoneinfo import ZoneInfo

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.urls import reverse

from conventions import queries
from conventions.models import Convention, Courrier, Couverture, PersonneInscrite, Resiliation
from conventions.services import fins
from extranet.core.errors import Answer, Forbidden, Refused, WrongState
from extranet.core.journal.models import Entry
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from tests.conftest import text_of
from tests.factories import NOW, AgentFactory, HabilitationFactory, LieuFactory, a_pdf

pytestmark = pytest.mark.django_db
DAY = date.fromisoformat
PARIS = ZoneInfo("Europe/Paris")


def at(day):
    return datetime.combine(DAY(day), datetime.min.time(), PARIS) + timedelta(hours=10)


def pdf():
    return SimpleUploadedFile("lettre.pdf", a_pdf(), "application/pdf")


@pytest.fixture
def convention():
    return LieuFactory().conventions.get()  # in force since 15 January 2025


@pytest.fixture
def agent():
    return AgentFactory().user


@pytest.fixture
def superviseur():
    return AgentFactory(superviseur=True).user


def letter(convention, by, *, now=NOW, numero="1A 234 567 8901 2", **changes):
    given = {
        "objet": "preavis",
        "partie": "gestionnaire",
        "posted_on": DAY("2026-10-01"),
        "presented_on": DAY("2026-10-03"),
        "issue": "remise",
        "delivered_on": DAY("2026-10-10"),
        "scan": pdf(),
    }
    return fins.record_courrier(convention_uuid=convention.uuid, numero=numero, by=by, now=now, **given | changes)


def last_days():
    return {line.until_on for line in [*Couverture.objects.all(), *PersonneInscrite.objects.all()]}


def act(convention, slug):
    return reverse("admin:conventions_convention_acte", args=[convention.pk, slug])


@pytest.mark.rule("CON-4.a")
@pytest.mark.rule("CON-4.b")
@pytest.mark.rule("CON-4.c")
@pytest.mark.parametrize(
    ("delivered", "words", "ends_on"),
    [
        ("2026-10-15", "remise à temps", "2027-01-15"),
        ("2026-10-16", "1 jour trop tard", "2028-01-15"),  # presented in time: the delivery decides
    ],
)
def test_a_letter_is_recorded_its_end_is_said_in_words_then_confirmed(
    client, time_machine, smtp_sink, convention, agent, delivered, words, ends_on
):
    time_machine.move_to(NOW, tick=False)
    HabilitationFactory(lieu=convention.lieu)
    client.force_login(agent)
    page = reverse("admin:conventions_convention_change", args=[convention.pk])
    given = {
        "objet": "preavis",
        "partie": "gestionnaire",
        "numero": "1A 234 567 8901 2",
        "posted_on": "2026-10-12",
        "presented_on": "2026-10-14",
        "issue": "remise",
        "delivered_on": delivered,
    }
    assert client.get(act(convention, "fin-a-l-echeance")).status_code == 409
    assert client.post(act(convention, "courrier"), given | {"scan": pdf(), "avis": pdf()}).status_code == 302
    convention.refresh_from_db()
    assert convention.ended_on is None  # of itself a letter ends nothing
    kept = Courrier.objects.get()
    assert (kept.numero, kept.recorded_by, kept.delivered_on) == ("1A23456789012", agent, DAY(delivered))
    assert client.get(reverse("admin:index")).content.decode().count("lettre de résiliation à confirmer") == 1

    asked = client.get(act(convention, "fin-a-l-echeance"))
    assert words in asked.content.decode()
    hidden = {name: asked.context["form"][name].value() for name in ("courrier", "ends_on")}
    assert client.post(act(convention, "fin-a-l-echeance"), hidden).status_code == 302
    convention.refresh_from_db()
    assert convention.ended_on == DAY(ends_on)
    assert last_days() == {None}
    assert fins.close_lines(now=at(ends_on)) == 0
    assert fins.close_lines(now=at(ends_on) + timedelta(days=1)) == 2  # another convention may open the same
    assert last_days() == {DAY(ends_on)}
    assert fins.close_lines(now=at(ends_on) + timedelta(days=1)) == 0
    assert "dernier jour" in client.get(page).content.decode()
    assert client.post(act(convention, "fin-a-l-echeance"), hidden).status_code == 409
    for file in (kept.scan_id, kept.avis_id):
        answer = client.get(reverse("admin:conventions_convention_courrier", args=[convention.pk, file]))
        assert b"".join(answer.streaming_content).startswith(b"%PDF-")

    outbox.send_due(now=NOW, within=None)
    told = [text_of(mail) for mail in smtp_sink.to(convention.lieu.courriel)]
    assert len(told) == 1
    assert ("15 janvier 2027" if ends_on == "2027-01-15" else "15 janvier 2028") in told[0]


@pytest.mark.rule("CON-4.a")
@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"posted_on": "2026-11-24"}, "posted_on", "dans le futur"),
        ({"numero": "12"}, "numero", "code-barres"),
        ({"objet": "manquement"}, "partie", "Seule la Caf"),
        ({"delivered_on": ""}, "delivered_on", "avis de réception"),
        ({"scan": SimpleUploadedFile("l.pdf", b"rien", "application/pdf")}, "scan", "pas un PDF"),
        ({"scan": ""}, "scan", "Joignez"),
    ],
)
def test_what_cannot_be_of_a_letter_is_said_beside_it_and_nothing_is_kept(
    client, time_machine, convention, agent, changes, field, words
):
    time_machine.move_to(NOW, tick=False)
    client.force_login(agent)
    given = {
        "objet": "preavis",
        "partie": "gestionnaire",
        "numero": "1A23456789012",
        "posted_on": "2026-10-01",
        "issue": "remise",
        "delivered_on": "2026-10-10",
        "scan": pdf(),
    }
    answer = client.post(act(convention, "courrier"), given | changes)
    assert answer.status_code == 422
    assert words in " ".join(answer.context["form"].errors[field])
    assert "2026-10-" in answer.content.decode()  # what was typed
    assert not Courrier.objects.exists()


@pytest.mark.rule("CON-4.b")
@pytest.mark.parametrize("issue", ["refusee", "non-reclamee", "retournee"])
def test_a_letter_that_was_not_handed_over_has_no_effect(convention, agent, issue):
    sent = letter(convention, agent, issue="", delivered_on=None)
    given = {"presented_on": DAY("2026-10-03"), "delivered_on": None, "by": agent, "now": NOW}
    with pytest.raises(Refused):
        fins.note_outcome(courrier_uuid=sent.uuid, issue="", **given)
    fins.note_outcome(courrier_uuid=sent.uuid, issue=issue, **given)
    assert not queries.letters_to_confirm().exists()
    with pytest.raises(WrongState):
        fins.end_at_anniversary(courrier_uuid=sent.uuid, ends_on=DAY("2027-01-15"), by=agent, now=NOW)
    with pytest.raises(WrongState):  # told once
        fins.note_outcome(courrier_uuid=sent.uuid, issue="remise", **given | {"delivered_on": DAY("2026-10-10")})
    with pytest.raises(Refused, match="déjà enregistrée sous ce numéro"):
        letter(convention, agent)
    letter(convention, agent, numero="2C00000000001")  # served again
    assert queries.letters_to_confirm().count() == 1


@pytest.mark.rule("CON-4.e")
def test_where_the_countings_differ_a_superviseur_chooses_and_says_why(client, time_machine, agent, superviseur):
    convention = LieuFactory(convention__in_force_from=date(2024, 2, 29)).conventions.get()
    now = at("2024-12-02")
    time_machine.move_to(now, tick=False)
    sent = letter(
        convention, agent, now=now, posted_on=DAY("2024-11-20"), presented_on=None, delivered_on=DAY("2024-11-29")
    )
    with pytest.raises(Forbidden):
        fins.end_at_anniversary(courrier_uuid=sent.uuid, ends_on=DAY("2025-02-28"), decision="x", by=agent, now=now)
    client.force_login(agent)
    assert "un superviseur de votre Caf choisit" in client.get(
        reverse("admin:conventions_convention_change", args=[convention.pk])
    ).content.decode().replace("\n", " ")
    client.force_login(superviseur)
    asked = client.get(act(convention, "fin-a-l-echeance")).content.decode()
    assert "28 février 2025" in asked
    assert "28 février 2026" in asked
    given = {"courrier": sent.uuid, "ends_on": "2025-02-28"}
    assert client.post(act(convention, "fin-a-l-echeance"), given).status_code == 422
    assert client.post(act(convention, "fin-a-l-echeance"), given | {"ends_on": "2025-03-01"}).status_code == 422
    given |= {"decision": "Remise trois mois pleins avant."}
    assert client.post(act(convention, "fin-a-l-echeance"), given).status_code == 302
    ended = Resiliation.objects.get()
    assert (ended.ends_on, ended.decided_by) == (DAY("2025-02-28"), superviseur)


@pytest.mark.rule("CON-4.f")
def test_both_give_a_notice_up_by_a_paper_and_the_convention_goes_on(convention, agent, superviseur):
    HabilitationFactory(lieu=convention.lieu)
    sent = letter(convention, agent)
    fins.end_at_anniversary(courrier_uuid=sent.uuid, ends_on=DAY("2027-01-15"), by=agent, now=NOW)
    given = {"convention_uuid": convention.uuid, "withdrawn_on": DAY("2026-11-20"), "by": superviseur, "now": NOW}
    with pytest.raises(Forbidden):
        fins.withdraw_notice(**given | {"by": agent}, withdrawal=pdf())
    with pytest.raises(Refused, match="pas un PDF"):
        fins.withdraw_notice(**given, withdrawal=BytesIO(b"rien"))
    with pytest.raises(Refused, match="futur"):
        fins.withdraw_notice(**given | {"withdrawn_on": DAY("2026-11-24")}, withdrawal=pdf())
    with pytest.raises(WrongState):  # its end has come
        fins.withdraw_notice(**given | {"now": at("2027-01-16")}, withdrawal=pdf())
    fins.withdraw_notice(**given, withdrawal=pdf())
    convention.refresh_from_db()
    assert convention.ended_on is None
    assert queries.convention_of(convention.lieu, at("2027-01-16"))
    with pytest.raises(WrongState):
        fins.withdraw_notice(**given, withdrawal=pdf())
    with pytest.raises(WrongState):  # the letter is spent
        fins.end_at_anniversary(courrier_uuid=sent.uuid, ends_on=DAY("2027-01-15"), by=agent, now=NOW)
    again = letter(convention, agent, numero="2C00000000001")
    fins.end_at_anniversary(courrier_uuid=again.uuid, ends_on=DAY("2027-01-15"), by=agent, now=NOW)


@pytest.mark.rule("CON-5.a")
def test_a_breach_ends_at_the_receipt_of_its_letter_and_on_that_day_closes_at_once(
    client, time_machine, convention, agent, superviseur
):
    time_machine.move_to(NOW, tick=False)
    person = HabilitationFactory(lieu=convention.lieu).user
    sent = letter(
        convention,
        agent,
        objet="manquement",
        partie="caf",
        posted_on=DAY("2026-11-20"),
        presented_on=None,
        delivered_on=DAY("2026-11-23"),
    )
    given = {"courrier": sent.uuid, "motif": "Données divulguées à un tiers."}
    client.force_login(agent)
    assert client.post(act(convention, "resilier-pour-manquement"), given).status_code == 403
    client.force_login(person)
    assert client.get(reverse("demandes:liste")).status_code == 200
    client.force_login(superviseur)
    assert client.post(act(convention, "resilier-pour-manquement"), given | {"motif": ""}).status_code == 422
    early = given | {"effective_on": "2026-11-22"}
    assert client.post(act(convention, "resilier-pour-manquement"), early).status_code == 422
    assert client.post(act(convention, "resilier-pour-manquement"), given).status_code == 302
    convention.refresh_from_db()
    ended = Resiliation.objects.get()
    assert (convention.ended_on, ended.motif) == (DAY("2026-11-23"), "Données divulguées à un tiers.")
    assert not queries.lieux_in_force(NOW).exists()  # from the act on, not from midnight
    assert not queries.lieux_covering("77100", NOW).exists()
    assert Entry.objects.filter(event="convention.resiliee").count() == 1


@pytest.mark.rule("CON-5.a")
def test_a_breach_ends_sooner_what_a_notice_ends_already(convention, agent, superviseur):
    notice = letter(convention, agent)
    fins.end_at_anniversary(courrier_uuid=notice.uuid, ends_on=DAY("2027-01-15"), by=agent, now=NOW)
    breach = letter(
        convention, agent, numero="2C00000000001", objet="manquement", partie="caf", delivered_on=DAY("2026-11-20")
    )
    fins.end_for_breach(courrier_uuid=breach.uuid, motif="Fuite.", by=superviseur, now=NOW)
    convention.refresh_from_db()
    assert convention.ended_on == DAY("2026-11-20")
    assert not queries.lieux_covering("77100", at("2026-11-21")).exists()  # by date
    with pytest.raises(WrongState):  # the breach is nobody's to give up
        fins.withdraw_notice(
            convention_uuid=convention.uuid, withdrawn_on=DAY("2026-11-20"), withdrawal=pdf(), by=superviseur, now=NOW
        )


@pytest.mark.django_db(transaction=True)
@pytest.mark.rule("CON-4.c")
def test_fifty_clicks_make_one_end():
    convention, agent = LieuFactory().conventions.get(), AgentFactory().user
    sent = letter(convention, agent)
    barrier, answers = Barrier(50), []

    def click():
        try:
            barrier.wait()
            fins.end_at_anniversary(courrier_uuid=sent.uuid, ends_on=DAY("2027-01-15"), by=agent, now=NOW)
            answers.append("done")
        except Answer as answer:
            answers.append(type(answer).__name__)
        finally:
            connections.close_all()

    threads = [Thread(target=click) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == sorted(["done"] + ["WrongState"] * 49)
    assert Resiliation.objects.count() == Entry.objects.filter(event="convention.resiliee").count() == 1
    assert Convention.objects.get().ended_on == DAY("2027-01-15")


@pytest.mark.rule("CON-4.g")
def test_agents_are_told_once_each_time_and_only_the_latest_after_a_stop(smtp_sink, convention, agent):
    AgentFactory(lecteur=True)
    other = LieuFactory(essonne=True)
    for day, mails in [("2026-08-14", 0), ("2026-08-15", 1), ("2026-08-16", 1), ("2026-10-01", 2), ("2026-10-16", 2)]:
        fins.remind_notice(now=at(day))
        fins.remind_notice(now=at(day))
        outbox.send_due(now=at(day), within=None)
        assert len(smtp_sink.to(agent.email)) == mails, day
    last = text_of(smtp_sink.to(agent.email)[-1])
    assert "15 octobre 2026" in last
    assert convention.lieu.nom in last
    assert other.nom not in last  # the other Caf's own
    assert len({mail["To"] for mail in smtp_sink.mails}) == 1


@pytest.mark.rule("CON-4.g")
def test_no_reminder_for_what_ends_already_nor_when_it_comes_too_late(smtp_sink, convention, agent):
    fins.remind_notice(now=at("2026-08-15"))
    Convention.objects.update(ended_on=DAY("2027-01-15"))
    outbox.send_due(now=at("2026-08-15"), within=None)
    assert not smtp_sink.mails
    Convention.objects.update(ended_on=None)
    fins.remind_notice(now=at("2026-09-15"))
    outbox.send_due(now=at("2026-10-20"), within=None)
    assert not smtp_sink.mails
    assert Message.objects.filter(kind="conventions.preavis").count() == 2


@pytest.mark.rule("CTL-8.b")
def test_an_amicable_attempt_is_kept_with_the_convention(client, time_machine, convention, agent):
    time_machine.move_to(NOW, tick=False)
    client.force_login(agent)
    given = {"tried_on": "2026-11-24", "description": "Rencontre avec la maire.", "suite": "Un calendrier est convenu."}
    assert client.post(act(convention, "tentative-amiable"), given).status_code == 422
    assert client.post(act(convention, "tentative-amiable"), given | {"tried_on": "2026-11-20"}).status_code == 302
    page = client.get(reverse("admin:conventions_convention_change", args=[convention.pk])).content.decode()
    assert "Rencontre avec la maire." in page
