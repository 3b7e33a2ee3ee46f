"""Many at once: made apart from the web threads, holding nothing meanwhile, and never a mixture (TEL-1, ACC-2)."""

import os
import subprocess
import threading
from contextlib import closing
from datetime import timedelta

import pytest
from django.db import connection

from demandes.models import Demande, Remise
from demandes.services import destruction, handover
from demandes.workflow import Etat
from extranet.core.documents.workshop import Workshop, workshop
from extranet.core.errors import Gone
from extranet.core.web.brakes import one_at_a_time
from habilitations import queries as habilitations
from tests.factories import NOW, DemandeFactory, HabilitationFactory, rewrite

ORIGIN = handover.Origin("192.0.2.1", "Essai/1")


@pytest.fixture
def person(db):
    return HabilitationFactory().user


def waiting(person, count):
    lieu = habilitations.lieux_of(person, NOW).get()
    return [DemandeFactory(transmise=True, lieu=lieu, at=NOW) for _ in range(count)]


@pytest.mark.rule("TEL-1.a")
@pytest.mark.parametrize("form", ["pdf", "zip"])
def test_many_are_made_by_another_process_and_each_is_on_record(person, form):
    demandes = waiting(person, handover.FEW + 1)
    handed = handover.fetch([one.uuid for one in demandes], form=form, by=person, now=NOW, origin=ORIGIN)
    assert handed.content[:4] in (b"%PDF", b"PK\x03\x04")
    child = workshop._child
    assert child is not None
    assert child.pid != os.getpid()
    assert Remise.objects.filter(mode=form).count() == len(demandes)
    assert set(Demande.objects.values_list("state", flat=True)) == {Etat.RECUPEREE}


@pytest.mark.rule("TEL-1.f")
def test_a_renderer_that_dies_changes_nothing_and_the_next_one_works(person, monkeypatch):
    demandes = waiting(person, handover.FEW + 1)
    broken = Workshop()
    monkeypatch.setattr("extranet.core.documents.pdf.workshop", broken)
    real = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda command, **options: real(["false"], **options))
    wanted = [one.uuid for one in demandes]
    with pytest.raises(RuntimeError):
        handover.fetch(wanted, form="pdf", by=person, now=NOW, origin=ORIGIN)
    assert not Remise.objects.exists()
    assert set(Demande.objects.values_list("state", flat=True)) == {Etat.TRANSMISE}
    monkeypatch.undo()
    assert handover.fetch(wanted, form="pdf", by=person, now=NOW, origin=ORIGIN).content
    broken.close()


@pytest.mark.rule("TEL-1.f")
@pytest.mark.rule("CNS-6.d")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("meanwhile", ["changed", "withdrawn"])
def test_what_happens_while_the_file_is_made_is_seen_before_it_leaves(monkeypatch, meanwhile):
    """The rendez-vous is in the rendering: it ends only when the other has committed."""
    person = HabilitationFactory().user
    [demande] = waiting(person, 1)
    rendering, done = threading.Event(), threading.Event()
    write, media_type, suffix = handover.WRITERS["xml"]

    def slow(demandes, now):
        content = write(demandes, now)
        rendering.set()
        assert done.wait(20)
        return content

    monkeypatch.setitem(handover.WRITERS, "xml", (slow, media_type, suffix))
    answers = []

    def download():
        with closing(connection):
            try:
                answers.append(handover.fetch([demande.uuid], form="xml", by=person, now=NOW, origin=ORIGIN).content)
            except Gone as gone:
                answers.append(gone)

    thread = threading.Thread(target=download)
    thread.start()
    assert rendering.wait(20)
    if meanwhile == "changed":
        rewrite(demande, nom="Apres")
    else:
        destruction.withdraw(demande, now=NOW + timedelta(seconds=1))  # nothing holds it back: no row is locked
    done.set()
    thread.join(20)
    [answer] = answers
    if meanwhile == "changed":
        assert b"<nom>Apres</nom>" in answer
        assert Remise.objects.count() == 1
    else:
        assert isinstance(answer, Gone)
        assert not Remise.objects.exists()


@pytest.mark.rule("TEL-1.a")
def test_a_second_long_download_of_the_same_person_waits_for_the_first(client, person, time_machine):
    time_machine.move_to(NOW, tick=False)
    client.force_login(person)
    many = [str(one.uuid) for one in waiting(person, handover.FEW + 1)]
    address = "/espace/demandes/telechargement/"
    with one_at_a_time(f"telechargement:{person.pk}"):
        refused = client.post(address, {"format": "xml", "demande": many})
        assert (refused.status_code, refused["Retry-After"]) == (429, "30")
        assert not Remise.objects.filter(mode="xml").exists()
        assert client.post(address, {"format": "xml", "demande": many[:1]}).status_code == 200  # a short one may go
    assert client.post(address, {"format": "xml", "demande": many}).status_code == 200
