"""A demande goes from one lieu to another: each answers for what it received, and only one has it (DEM-5, CNS-3)."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from demandes import queries
from demandes.attestations.models import LigneAttestation
from demandes.attestations.services import copies as attestations
from demandes.models import Attribution, Demande
from demandes.services import destruction, handover, orientation
from demandes.workflow import DEMANDE
from extranet.core.errors import Gone, Refused
from extranet.core.journal.models import Entry
from extranet.core.outbox import services as outbox
from extranet.portal import integrity
from habilitations.models import Habilitation
from tests.conftest import text_of
from tests.factories import (
    NOW,
    AgentFactory,
    DemandeFactory,
    HabilitationFactory,
    LieuFactory,
    SuspensionFactory,
    SuspensionHabilitationFactory,
    contenu_of,
)

PAGE = "/admin/demandes/demande/actes/confier/"
LEFT = "/espace/demandes/parties/"
ORIGIN = handover.Origin("192.0.2.1", "Essai/1")

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _today(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def lieux():
    old, new = LieuFactory(nom="RPE des Tilleuls"), LieuFactory(nom="RPE des Saules")
    HabilitationFactory(lieu=old, user__email="ana@tilleuls.test", user__prenom="Ana", user__nom="Petit")
    HabilitationFactory(lieu=new, user__email="bo@saules.test")
    return old, new


@pytest.fixture
def agent():
    return AgentFactory().user


def person_of(lieu):
    return Habilitation.objects.get(personne__lieu=lieu).user


def give(demande, lieu, agent, motif="famille", now=NOW):
    return orientation.give(demande_ids=[demande.pk], lieu_id=lieu.pk, by=agent, motif=motif, now=now)


def fetch(demande, lieu, now=NOW):
    return handover.fetch([demande.uuid], form="xml", by=person_of(lieu), now=now, origin=ORIGIN)


@pytest.mark.rule("DEM-5.a")
@pytest.mark.rule("ING-6.c")
@pytest.mark.rule("CNS-2.b")
@pytest.mark.django_db(transaction=True)
def test_one_that_is_picked_up_goes_to_another_lieu_for_a_reason_and_all_are_told(client, lieux, agent, smtp_sink):
    old, new = lieux
    demande = DemandeFactory(transmise=True, lieu=old, at=NOW - timedelta(days=3), dossier__nom="Canari")
    fetch(demande, old)
    client.force_login(agent)
    page = client.get(f"{PAGE}?objet={demande.pk}").content.decode()
    assert "Le lieu l’a récupérée : dites pourquoi" in page
    refused = client.post(PAGE, {"objet": demande.pk, "lieu": new.pk})
    assert refused.status_code == 422
    assert client.post(PAGE, {"objet": demande.pk, "lieu": new.pk, "motif": "autre"}).status_code == 422
    with pytest.raises(Refused, match="dites pourquoi"):
        give(demande, new, agent, motif="")
    assert Demande.objects.get().lieu == old

    assert client.post(PAGE, {"objet": demande.pk, "lieu": new.pk, "motif": "empeche"}).status_code == 302
    demande.refresh_from_db()
    was, held = demande.attributions.all()
    assert (demande.state, demande.lieu, demande.last_day) == ("transmise", new, date(2027, 5, 20))
    assert (was.lieu, was.fin, was.motif, was.ended_at, was.picked_up_by) == (
        old,
        "reattribuee",
        "empeche",
        NOW,
        person_of(old),
    )
    assert (held.lieu, held.ended_at, held.picked_up_at, held.seen_at) == (new, None, None, None)
    [line] = Entry.objects.filter(event="demande.reattribuee")
    assert (line.actor, line.details) == (f"user:{agent.uuid}", {"de": "recuperee", "a": "transmise"})
    shown = client.get(f"/admin/demandes/demande/{demande.pk}/change/").content.decode()
    assert "confiée à un autre lieu : le lieu ne peut pas répondre" in shown

    outbox.send_due(now=NOW)
    [to_old] = smtp_sink.to("ana@tilleuls.test")
    assert "20 mai 2027" in text_of(to_old)
    assert "Détruisez toutes vos copies" in text_of(to_old)
    assert [mail["Subject"] for mail in smtp_sink.to("bo@saules.test")] == ["1 demande à récupérer"]
    [to_family] = smtp_sink.to(contenu_of(demande).courriel)
    assert "RPE des Saules" in text_of(to_family)
    fetch(demande, new)
    assert list(Attribution.objects.values_list("lieu__nom", "picked_up_by__email").order_by("pk")) == [
        ("RPE des Tilleuls", "ana@tilleuls.test"),
        ("RPE des Saules", "bo@saules.test"),
    ]


@pytest.mark.rule("ACC-1.a")
@pytest.mark.rule("CNS-2.b")
def test_who_loses_it_sees_a_line_and_nothing_of_the_family(client, lieux, agent):
    old, new = lieux
    demande = DemandeFactory(recuperee=True, lieu=old, dossier__nom="Canari", dossier__courriel="canari@famille.test")
    kept = DemandeFactory(recuperee=True, lieu=old)
    give(demande, new, agent)
    client.force_login(person_of(old))
    assert LEFT in client.get("/espace/demandes/").content.decode()
    page = client.get(LEFT).content.decode()
    for said in (demande.reference, "RPE des Saules", "à la demande de la famille", "23 mai 2027"):
        assert said in page, said
    assert "anari" not in page
    assert kept.reference not in page
    for answer in (
        client.get(reverse("demandes:detail", args=[demande.uuid])),
        client.post("/espace/demandes/telechargement/", {"format": "xml", "demande": [demande.uuid, kept.uuid]}),
        client.post(reverse("demandes:cloture", args=[demande.uuid])),
    ):
        assert answer.status_code == 410
        assert "n’est plus confiée à votre lieu" in answer.content.decode()
    client.force_login(person_of(new))
    assert demande.reference not in client.get(LEFT).content.decode()
    give(demande, old, agent)  # it comes back: no line says any more that it is elsewhere
    client.force_login(person_of(old))
    assert demande.reference not in client.get(LEFT).content.decode()
    assert client.get(reverse("demandes:detail", args=[demande.uuid])).status_code == 200


@pytest.mark.rule("CNS-3.a")
@pytest.mark.rule("CNS-3.b")
@pytest.mark.rule("CNS-3.c")
@pytest.mark.parametrize("how", ["picked up", "on screen", "in a list", "never looked at"])
@pytest.mark.parametrize("end", ["destroyed", "withdrawn"])
def test_each_lieu_attests_what_it_received_at_the_day_of_the_demande(client, lieux, agent, how, end):
    old, new = lieux
    demande = DemandeFactory(transmise=True, lieu=old)
    if how == "picked up":
        fetch(demande, old)
    elif how != "never looked at":
        client.force_login(person_of(old))
        client.get("/espace/demandes/" if how == "in a list" else reverse("demandes:detail", args=[demande.uuid]))
    give(demande, new, agent, now=NOW + timedelta(days=60))
    demande.refresh_from_db()
    fetch(demande, new, now=NOW + timedelta(days=61))
    after = datetime(2027, 5, 24, 9, tzinfo=UTC)
    if end == "withdrawn":
        destruction.withdraw(demande, now=NOW + timedelta(days=62))
        assert attestations.open_due(now=after - timedelta(days=1)) == 0
    else:
        assert destruction.destroy_due(now=after) == 1
    assert list(integrity.all_owed(after)) == list(integrity.one_lieu(after)) == []
    attestations.open_due(now=after)
    assert attestations.open_due(now=after) == 0
    lines = LigneAttestation.objects.order_by("transmitted_on").values_list(
        "attestation__lieu__nom", "attestation__due_on", "transmitted_on", "picked_up_on", "retiree"
    )
    due, withdrawn = date(2027, 6, 23), end == "withdrawn"
    old_line = (
        "RPE des Tilleuls",
        due,
        date(2026, 11, 23),
        date(2026, 11, 23) if how == "picked up" else None,
        withdrawn,
    )
    new_line = ("RPE des Saules", due, date(2027, 1, 22), date(2027, 1, 23), withdrawn)
    assert list(lines) == ([new_line] if how == "never looked at" else [old_line, new_line])
    assert list(integrity.all_owed(after)) == []
    Attribution.objects.update(attest_from=None)
    LigneAttestation.objects.all().delete()
    [fault] = integrity.all_owed(after)
    assert fault.startswith(str(len(lines) or (1 if how == "never looked at" else 2)))


@pytest.mark.rule("CNS-3.b")
def test_twice_at_one_lieu_it_is_attested_twice_there(lieux, agent):
    old, new = lieux
    demande = DemandeFactory(recuperee=True, lieu=old)
    give(demande, new, agent)
    give(demande, old, agent)
    demande.refresh_from_db()
    assert demande.attributions.count() == 3
    destruction.destroy_due(now=NOW + timedelta(days=200))
    assert attestations.open_due(now=NOW + timedelta(days=200)) == 2  # the lieu in between never looked
    assert set(LigneAttestation.objects.values_list("attestation__lieu", flat=True)) == {old.pk}


@pytest.mark.rule("CNS-3.a")
@pytest.mark.rule("ACC-2.a")
@pytest.mark.parametrize("how", ["withdrawn", "given elsewhere"])
def test_what_leaves_while_a_list_is_made_is_not_shown_and_not_received(lieux, agent, how):
    old, new = lieux
    read, kept = [DemandeFactory(transmise=True, lieu=old) for _ in range(2)]
    if how == "withdrawn":
        destruction.withdraw(Demande.objects.get(pk=read.pk), now=NOW)
    else:
        give(read, new, agent)
    assert handover.note_listed([read, kept], by=person_of(old), now=NOW, origin=ORIGIN) == [kept]
    assert read.attributions.get(lieu=old).seen_at is None
    assert kept.attributions.get().seen_at == NOW
    assert list(integrity.all_owed(NOW)) == []


@pytest.mark.rule("DEM-4.d")
@pytest.mark.django_db(transaction=True)
def test_withdrawn_each_lieu_that_has_a_copy_is_told(lieux, agent, smtp_sink):
    old, new = lieux
    demande = DemandeFactory(recuperee=True, lieu=old)
    give(demande, new, agent)
    outbox.send_due(now=NOW)
    smtp_sink.mails.clear()
    demande.refresh_from_db()
    destruction.withdraw(demande, now=NOW)
    outbox.send_due(now=NOW)
    [mail] = smtp_sink.mails
    assert mail["To"] == "ana@tilleuls.test"  # the other never had one
    assert "Détruisez vos copies" in text_of(mail)


@pytest.mark.rule("NOT-4.k")
@pytest.mark.rule("CTL-9.b")
@pytest.mark.parametrize(
    ("traits", "asked"),
    [
        ({"transmise": True}, "encore le temps"),
        ({"non_notifiee": True}, "encore le temps"),
        ({"recuperee": True}, "l’a récupérée"),
        ({"en_retard": True}, ""),
        ({}, ""),
    ],
)
def test_a_reason_is_asked_where_its_lieu_has_done_nothing_wrong(client, lieux, agent, traits, asked):
    old, new = lieux
    demande = DemandeFactory(**traits, **({"lieu": old} if traits else {}))
    client.force_login(agent)
    page = client.get(f"/admin/demandes/demande/{demande.pk}/acte/confier/").content.decode()
    assert ('name="motif"' in page) is bool(asked)
    assert asked in page
    if asked:
        SuspensionHabilitationFactory(habilitation=Habilitation.objects.get(personne__lieu=old))
        stranded = not orientation.why_asked([Demande.objects.get()], NOW)
        assert stranded is ("recuperee" not in traits)
    else:
        assert give(demande, new, agent, motif="") == 1


@pytest.mark.rule("CTL-9.b")
@pytest.mark.parametrize("over", [True, False])
def test_taken_from_a_lieu_whose_convention_is_over_says_so(lieux, agent, over):
    old, new = lieux
    demande = DemandeFactory(transmise=True, lieu=old)
    if over:
        old.conventions.update(ended_on=date(2026, 11, 22))
    else:
        SuspensionFactory(convention=old.conventions.get())
    orientation.put_back(demande_ids=[demande.pk], by=agent, now=NOW)
    demande.refresh_from_db()
    assert (demande.state, demande.lieu, demande.pick_up_day) == ("a-orienter", None, None)
    assert demande.attributions.get().fin == ("convention" if over else "reprise")


@pytest.mark.rule("DEM-5.c")
def test_many_moved_at_once_leave_a_line_each_although_the_move_leads_back(lieux, agent, monkeypatch):
    monkeypatch.setattr("extranet.core.workflow.CHUNK", 2)
    old, _ = lieux
    demandes = [DemandeFactory(**{trait: True}, lieu=old) for trait in ("transmise", "recuperee", "transmise")]
    demandes += [DemandeFactory(transmise=True, lieu=old), DemandeFactory(traitee=True, lieu=old)]
    moved = DEMANDE.apply_many(Demande.objects.all(), "reassign", by=agent, now=NOW)
    assert moved == [one.pk for one in demandes[:4]]
    lines = Entry.objects.filter(event="demande.reattribuee").order_by("pk")
    assert sorted((line.object_id, line.details["de"]) for line in lines) == sorted(
        (str(one.uuid), one.state) for one in demandes[:4]
    )


@pytest.mark.rule("DEM-5.a")
def test_a_demande_that_is_not_where_its_attribution_says_is_a_fault(lieux):
    old, new = lieux
    demande = DemandeFactory(transmise=True, lieu=old)
    assert list(integrity.one_lieu(NOW)) == []
    Demande.objects.update(lieu=new)
    assert len(list(integrity.one_lieu(NOW))) == 1
    Demande.objects.update(lieu=None, state="a-orienter")
    assert len(list(integrity.one_lieu(NOW))) == 1
    with pytest.raises(Gone):
        queries.require_visible(person_of(old), [demande.uuid], NOW)


@pytest.mark.rule("CNS-6.a")
def test_a_purge_costs_the_same_whatever_its_batch_holds(lieux):
    old, _ = lieux

    def cost(count):
        for _ in range(count):
            DemandeFactory(echue=True, lieu=old)
        with CaptureQueriesContext(connection) as seen:
            assert destruction.destroy_due(now=NOW, confirmed=True) == count
        return len(seen)

    assert cost(1) == cost(30) <= 13


@pytest.mark.parametrize(("who", "filtered"), [({}, True), ({"cnaf": True}, False)])
def test_the_cnaf_searches_for_a_lieu_and_is_not_given_a_list_of_thousands(client, lieux, who, filtered):
    _, demande = (DemandeFactory(transmise=True, lieu=lieu) for lieu in reversed(lieux))
    client.force_login(AgentFactory(**who).user)
    shown = client.get("/admin/demandes/demande/").context["cl"].filter_specs
    assert ("lieu" in {spec.title for spec in shown}) is filtered
    assert demande.reference in client.get("/admin/demandes/demande/?q=tilleuls").content.decode()
