"""An application that was not accepted is erased six months after its refusal or the last exchange (HAB-8.a)."""

import threading
import time
from datetime import date, datetime, timedelta

import pytest
from django.apps import apps
from django.db import connection, transaction

from extranet.core.dates import PARIS, add_months, paris_date, start_of_day
from extranet.core.journal.models import Entry
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from extranet.portal import sweep
from habilitations import queries, rules
from habilitations.models import DemandeHabilitation, TransfertDemande
from habilitations.services import applications, keeping
from tests.factories import (
    NOW,
    AgentFactory,
    CafFactory,
    ComplementFactory,
    DemandeHabilitationFactory,
    VersionDemandeFactory,
)
from tests.habilitations.test_activation_races import together, waits_for_a_lock

DAYS = [
    (date(2026, 1, 15), date(2026, 7, 15)),
    (date(2026, 8, 28), date(2027, 2, 28)),
    (date(2026, 8, 31), date(2027, 2, 28)),  # the last day of a shorter month
    (date(2027, 8, 31), date(2028, 2, 29)),  # and of a leap year
    (date(2028, 2, 29), date(2028, 8, 29)),
    (date(2026, 3, 31), date(2026, 9, 30)),
    (date(2026, 12, 31), date(2027, 6, 30)),
]


@pytest.mark.rule("HAB-8.a")
@pytest.mark.parametrize(("exchange", "last"), DAYS)
def test_the_last_day_is_six_months_after_the_last_exchange(exchange, last):
    assert rules.last_day(exchange) == last
    assert rules.over_by(last) < exchange <= rules.over_by(last + timedelta(days=1))


def test_what_is_over_is_what_was_exchanged_before_a_day_for_every_day_of_five_years():
    for rank in range(5 * 366):
        day = date(2026, 1, 1) + timedelta(days=rank)
        latest = rules.over_by(day)
        assert rules.last_day(latest) < day <= rules.last_day(latest + timedelta(days=1)), day


def noon(day):
    return datetime(day.year, day.month, day.day, 12, tzinfo=PARIS)


def waiting(at):
    return DemandeHabilitationFactory(submitted_at=at)


def refused(at):
    return DemandeHabilitationFactory(submitted_at=at - timedelta(days=60), refusee=True, decided_at=at)


def left_unanswered(at):
    """Abandoned while a complement is waited for."""
    made = DemandeHabilitationFactory(submitted_at=at - timedelta(days=60), complement=True)
    ComplementFactory(demande=made, asked_at=at)
    return made


def completed(at):
    made = DemandeHabilitationFactory(submitted_at=at - timedelta(days=60))
    made.version = VersionDemandeFactory(demande=made, sent_at=at)
    made.save(update_fields=["version"])
    return made


def passed_on(at):
    made = DemandeHabilitationFactory(submitted_at=at - timedelta(days=60))
    TransfertDemande.objects.create(
        demande=made,
        from_caf=CafFactory(essonne=True),
        to_caf=made.caf,
        motif="Pas la bonne Caf.",
        transferred_at=at,
        transferred_by=AgentFactory(essonne=True).user,
    )
    return made


@pytest.mark.django_db
@pytest.mark.rule("HAB-8.a")
@pytest.mark.parametrize("made_so", [waiting, refused, left_unanswered, completed, passed_on])
@pytest.mark.parametrize(("exchange", "last"), DAYS[:3])
def test_each_exchange_counts_and_the_last_day_is_still_inside(client, time_machine, made_so, exchange, last):
    demande = made_so(noon(exchange))
    link = f"/habilitations/suivi/{queries.link_token(demande.uuid)}/"
    agent = AgentFactory().user
    page = f"/admin/habilitations/demandehabilitation/{demande.pk}/change/"
    evening = start_of_day(last + timedelta(days=1)) - timedelta(seconds=1)
    assert keeping.erase_due(now=evening) == 0
    time_machine.move_to(evening, tick=False)
    assert client.get(link).status_code == 200
    client.force_login(agent)
    assert client.get(page).status_code == 200

    midnight = start_of_day(last + timedelta(days=1))
    time_machine.move_to(midnight, tick=False)  # out of reach by date alone
    client.force_login(agent)
    assert client.get(link).status_code == 410
    assert client.get(page).status_code in (302, 404)
    assert demande.reference not in client.get("/admin/habilitations/demandehabilitation/").content.decode()
    assert keeping.erase_due(now=midnight) == 1
    assert keeping.erase_due(now=midnight) == 0
    assert not DemandeHabilitation.objects.exists()
    said = client.get(link)
    assert said.status_code == 410
    assert "a été effacée le" in said.content.decode()


@pytest.mark.django_db
@pytest.mark.rule("HAB-8.a")
def test_an_accepted_application_stays_with_its_convention():
    demande, by = DemandeHabilitationFactory(), AgentFactory().user
    applications.accept(demande_id=demande.pk, by=by, now=NOW)
    assert keeping.erase_due(now=noon(add_months(paris_date(NOW), 60))) == 0
    assert queries.last_day_of(DemandeHabilitation.objects.get()) is None


def everything():
    """Each value of each table, as text."""
    found = []
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            if model._meta.managed and not model._meta.proxy:
                cursor.execute(f'SELECT * FROM "{model._meta.db_table}"')
                found += [str(value) for row in cursor.fetchall() for value in row]
    return "\n".join(found)


@pytest.mark.django_db
@pytest.mark.rule("HAB-8.a")
def test_nothing_personal_is_left_anywhere_but_the_reference_and_the_fact():
    names = ("lieu_nom", "lieu_adresse", "gestionnaire_nom", "representant_nom", "representant_prenom")
    marks = {name: f"Zorglub-{name}" for name in names} | {"lieu_courriel": "zorglub@lieu.test"}
    demande = DemandeHabilitationFactory(submitted_at=NOW, **{f"version__{name}": mark for name, mark in marks.items()})
    demande.version.personnes.update(nom="Zorglub-personne", courriel="zorglub.personne@lieu.test")
    by = AgentFactory().user
    asked = applications.ask_complement(demande_id=demande.pk, texte="Zorglub-texte", by=by, now=NOW)
    version = demande.latest
    applications.complete(
        complement_uuid=asked.uuid,
        lieu=version.lieu,
        gestionnaire=version.gestionnaire,
        communes=["77100"],
        personnes=[one.donnee for one in version.personnes.all()],
        nonce="suite",
        now=NOW,
    )
    applications.transfer(demande_id=demande.pk, caf=CafFactory(essonne=True), motif="Zorglub-motif", by=by, now=NOW)
    other = AgentFactory(essonne=True).user
    applications.refuse(demande_id=demande.pk, motif="Zorglub-refus", by=other, now=NOW)
    outbox.send_due(now=NOW)
    assert everything().lower().count("zorglub") > 10
    midnight = start_of_day(add_months(paris_date(NOW), 6) + timedelta(days=1))
    assert keeping.erase_due(now=midnight) == 1
    assert "zorglub" not in everything().lower()
    line = Entry.objects.get(event=queries.ERASED)
    assert (line.object_id, line.actor, line.details) == (
        str(demande.uuid),
        "systeme",
        {"reference": demande.reference},
    )
    assert Message.objects.exists()  # what was sent is still known, to an opaque addressee
    outbox.send_due(now=midnight)


@pytest.mark.rule("HAB-8.a")
def test_the_sweep_does_it_and_the_health_page_knows():
    [job] = [one for one in sweep.OBLIGATIONS if one.service is keeping.erase_due]
    assert (job.rule, job.period) == ("HAB-8", timedelta(hours=1))


@pytest.mark.django_db(transaction=True)
@pytest.mark.rule("HAB-8.a")
def test_a_complement_that_comes_in_at_the_last_moment_keeps_the_application():
    demande = left_unanswered(NOW - timedelta(days=190))
    asked, version, erased = demande.complements.get(), demande.latest, []
    answered = threading.Event()

    def answer():
        with transaction.atomic():
            applications.complete(
                complement_uuid=asked.uuid,
                lieu=version.lieu,
                gestionnaire=version.gestionnaire,
                communes=["77100"],
                personnes=[one.donnee for one in version.personnes.all()],
                nonce="suite",
                now=NOW,
            )
            answered.set()
            deadline = time.monotonic() + 20
            while not waits_for_a_lock() and time.monotonic() < deadline:
                pass

    def erase():
        assert answered.wait(20)
        erased.append(keeping.erase(demande_id=demande.pk, now=NOW))

    assert not together(answer, erase)
    assert erased == [False]
    assert DemandeHabilitation.objects.get().version.numero == 2
