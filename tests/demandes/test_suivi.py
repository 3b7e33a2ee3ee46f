"""What a lieu does of its demandes: the acts, what remains of them, and what goes (SUI-1)."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from demandes import queries
from demandes.models import Attribution, Demande, Dossier, Note, Remise, Suivi
from demandes.services import destruction, dossiers, files, handover, orientation, suivi
from demandes.workflow import Issue
from extranet.core.errors import Gone, Refused, WrongState
from extranet.core.journal.models import Entry
from extranet.core.journal.services import name_of
from extranet.portal import integrity
from tests.factories import (
    NOW,
    AgentFactory,
    DemandeFactory,
    HabilitationFactory,
    LieuFactory,
    NoteFactory,
    SuiviFactory,
    contenu_of,
)

pytestmark = pytest.mark.django_db
LIST = "/espace/demandes/"
ORIGIN = handover.Origin("192.0.2.1", "Essai/1")
SECRET = "La mère travaille de nuit au Secretissime"


@pytest.fixture
def lieu(time_machine):
    time_machine.move_to(NOW, tick=False)
    return LieuFactory()


@pytest.fixture
def person(client, lieu):
    user = HabilitationFactory(lieu=lieu, user__prenom="Ana", user__nom="Petit").user
    client.force_login(user)
    return user


def act(client, demande, name, **typed):
    return client.post(reverse("demandes:acte", args=[demande.uuid, name]), typed)


def close(client, demande, issue, **traits):
    return client.post(reverse("demandes:cloture", args=[demande.uuid]), {"issue": issue, **traits})


def here(demande):
    return demande.attributions.get(ended_at=None)


def page_of(client, demande):
    return client.get(reverse("demandes:detail", args=[demande.uuid])).content.decode()


ACTS = {
    "appel": {"joint": "non"},
    "rdv": {"jour": "2026-12-01", "heure": "14:30", "moyen": "lieu"},
    "confier": {"personne": ""},
    "note": {"texte": SECRET},
}


@pytest.mark.rule("SUI-1.a")
@pytest.mark.rule("TEL-1.e")
@pytest.mark.parametrize("name", [*ACTS, "cloture"])
def test_a_first_act_of_follow_up_picks_up_and_seeing_does_not(client, lieu, person, name):
    demande = DemandeFactory(transmise=True, lieu=lieu)
    page_of(client, demande)
    demande.refresh_from_db()
    assert demande.state == "transmise"
    answer = close(client, demande, "hors-champ") if name == "cloture" else act(client, demande, name, **ACTS[name])
    assert answer.status_code == 302
    demande.refresh_from_db()
    assert demande.state == ("traitee" if name == "cloture" else "recuperee")
    assert (here(demande).picked_up_at, here(demande).picked_up_by) == (NOW, person)
    assert Remise.objects.filter(demande_uuid=demande.uuid, mode="suivi", user_id=person.pk).count() == 1
    assert Entry.objects.filter(event="demande.recuperee", actor=f"user:{person.uuid}").count() == 1
    if name != "cloture":
        act(client, demande, name, **ACTS[name])
        assert Remise.objects.filter(mode="suivi").count() == 1


@pytest.mark.rule("SUI-1.a")
def test_calls_and_an_appointment_are_on_the_agenda_and_in_the_history(client, lieu, person):
    demande = DemandeFactory(recuperee=True, lieu=lieu, at=NOW - timedelta(days=2))
    for tries in (1, 2):
        assert act(client, demande, "appel", joint="non").status_code == 302
        agenda = Suivi.objects.get()
        assert (agenda.tentatives, agenda.rappeler_on) == (tries, date(2026, 11, 24))
    assert here(demande).contacted_at is None
    assert act(client, demande, "appel", joint="non", rappeler_on="2026-11-22").status_code == 422
    assert act(client, demande, "appel", joint="oui", rappeler_on="2026-11-27").status_code == 302
    agenda.refresh_from_db()
    assert (agenda.tentatives, agenda.rappeler_on, here(demande).contacted_at) == (0, date(2026, 11, 27), NOW)
    refused = act(client, demande, "rdv", jour="2026-11-23", heure="09:59", moyen="lieu")  # a minute ago, in Paris
    assert (refused.status_code, "Choisissez un moment à venir" in refused.content.decode()) == (422, True)
    assert 'value="09:59"' in refused.content.decode()  # what was typed is kept
    assert act(client, demande, "rdv", jour="2026-12-03", heure="14:05", moyen="lieu").status_code == 302
    agenda.refresh_from_db()
    assert (agenda.rendez_vous_at, agenda.rappeler_on) == (datetime(2026, 12, 3, 13, 5, tzinfo=UTC), None)
    words = page_of(client, demande)
    assert "Rendez-vous le 3 décembre 2026 à 14\u00a0h\u00a005, au lieu d’information" in words
    for said in ("Appel sans réponse, Ana Petit", "Famille jointe, Ana Petit", "Rendez-vous pris, Ana Petit"):
        assert said in words
    assert client.post(reverse("demandes:annulation", args=[demande.uuid])).status_code == 302
    assert Suivi.objects.get().rendez_vous_at is None
    assert client.get(reverse("demandes:calendrier", args=[demande.uuid])).status_code == 404


@pytest.mark.rule("SUI-1.a")
def test_the_file_for_a_calendar_names_the_demande_and_nobody(client, lieu, person, settings):
    settings.PUBLIC_URL = "https://portail.test"
    demande = DemandeFactory(recuperee=True, lieu=lieu, dossier__nom="Secretissime", dossier__prenom="Prenomrare")
    act(client, demande, "rdv", jour="2026-12-03", heure="14:05", moyen="telephone")
    answer = client.get(reverse("demandes:calendrier", args=[demande.uuid]))
    text = answer.content.decode()
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert all(len(line) <= 75 for line in answer.content.split(b"\r\n"))
    lines = text.replace("\r\n ", "").split("\r\n")
    assert f"SUMMARY:Rendez-vous monenfant.fr – demande {demande.reference}" in lines
    assert "DTSTART:20261203T140500" in lines
    assert f"URL:https://portail.test{reverse('demandes:detail', args=[demande.uuid])}" in lines
    said = contenu_of(demande)
    for word in (said.nom, said.prenom, said.telephone, said.telephone[-9:], said.courriel, lieu.nom):
        assert word not in text


@pytest.mark.rule("SUI-1.b")
def test_it_is_assigned_to_an_active_colleague_of_the_lieu_only(client, lieu, person):
    demande = DemandeFactory(recuperee=True, lieu=lieu)
    colleague = HabilitationFactory(lieu=lieu, user__prenom="Bo", user__nom="Durand").user
    gone = HabilitationFactory(lieu=lieu, suspendue=True).user
    stranger = HabilitationFactory(lieu=LieuFactory()).user
    for user in (gone, stranger, AgentFactory().user):
        assert act(client, demande, "confier", personne=user.uuid).status_code == 422
    assert not Suivi.objects.exists()
    assert act(client, demande, "confier", personne=colleague.uuid).status_code == 302
    assert "Suivie par Bo Durand" in client.get(LIST).content.decode()
    client.force_login(colleague)
    assert demande.reference in client.get(LIST, {"etat": "a-moi"}).content.decode()
    act(client, demande, "confier", personne="")
    assert demande.reference not in client.get(LIST, {"etat": "a-moi"}).content.decode()


@pytest.mark.rule("SUI-1.a")
@pytest.mark.rule("SUI-1.d")
@pytest.mark.rule("SUI-1.e")
@pytest.mark.parametrize("issue", list(Issue))
def test_each_outcome_of_the_list_closes_in_one_gesture_which_is_undone(client, lieu, person, issue):
    demande = DemandeFactory(recuperee=True, lieu=lieu)
    SuiviFactory(demande=demande, rappeler_on=date(2026, 11, 23))
    other = DemandeFactory(recuperee=True, lieu=lieu)
    row = {"pour": str(demande.uuid), f"issue-{demande.uuid}": issue.value, f"issue-{other.uuid}": "hors-champ"}
    answer = client.post(reverse("demandes:geste"), row, follow=True)
    words = answer.content.decode()
    assert f"La demande {demande.reference} est traitée : {issue.label}." in words
    demande.refresh_from_db()
    assert (demande.state, demande.closed_at) == ("traitee", NOW)
    assert (here(demande).issue, here(demande).answered_at) == (issue, NOW)
    assert Entry.objects.get(event="suivi.issue").details == {"issue": issue.value}
    assert f'name="demande" value="{demande.uuid}"' in words.split("Annuler")[0]  # beside the button
    assert "Annuler</button>" in client.get(LIST).content.decode()  # read again
    assert "reste notée comme récupérée" not in words
    undone = client.post(reverse("demandes:reouverture"), {"demande": str(demande.uuid)}, follow=True).content.decode()
    assert f"C’est annulé : la demande {demande.reference} est de nouveau à suivre" in undone
    assert "Annuler</button>" not in undone
    demande.refresh_from_db()
    assert (demande.state, demande.closed_at, here(demande).issue, here(demande).answered_at) == (
        "recuperee",
        None,
        "",
        None,
    )
    assert demande.reference in client.get(LIST, {"etat": "a-rappeler"}).content.decode()  # its agenda is there again
    other.refresh_from_db()
    assert other.state == "recuperee"
    assert client.post(reverse("demandes:reouverture"), {"demande": str(demande.uuid)}).status_code == 409


@pytest.mark.rule("SUI-1.e")
@pytest.mark.rule("TEL-1.e")
def test_a_gesture_may_be_undone_until_the_next_or_for_ten_minutes(client, lieu, person, time_machine):
    demande, other = DemandeFactory(transmise=True, lieu=lieu), DemandeFactory(transmise=True, lieu=lieu)
    row = {"pour": str(demande.uuid), f"issue-{demande.uuid}": "hors-champ"}
    words = client.post(reverse("demandes:geste"), row, follow=True).content.decode()
    assert "Si vous annulez, elle reste notée comme récupérée." in words  # this gesture picked it up
    client.post(reverse("demandes:geste"), {"sans-reponse": str(other.uuid)})
    assert "Annuler</button>" not in client.get(LIST).content.decode()
    row = {"pour": str(other.uuid), f"issue-{other.uuid}": "hors-champ"}
    client.post(reverse("demandes:geste"), row)
    for minutes, offered in ((9, True), (10, False)):
        time_machine.move_to(NOW + timedelta(minutes=minutes), tick=False)
        assert ("Annuler</button>" in client.get(LIST).content.decode()) is offered


@pytest.mark.rule("SUI-1.e")
def test_a_gesture_that_says_nothing_names_its_demande_and_leads_to_it(client, lieu, person):
    demande = DemandeFactory(recuperee=True, lieu=lieu, dossier__nom="Moreau")
    DemandeFactory(recuperee=True, lieu=lieu)
    empty = {"pour": str(demande.uuid), f"issue-{demande.uuid}": ""}
    refused = client.post(reverse("demandes:geste"), empty)
    page = refused.content.decode()
    assert refused.status_code == 422
    assert "<title>Erreur : " in page
    assert re.search(rf'<a href="#i{demande.pk}">Demande {demande.reference}, Moreau [^<]+</a> : choisissez', page)
    assert page.count('<details class="fiche__suite" open>') == 1
    assert page.split('<details class="fiche__suite" open>')[1].index(f'id="i{demande.pk}"') < 300
    assert client.get(reverse("demandes:geste"))["Location"] == LIST
    client.get(LIST, {"etat": "recuperee"})
    assert client.get(reverse("demandes:geste"))["Location"] == f"{LIST}?etat=recuperee"


@pytest.mark.rule("SUI-1.d")
@pytest.mark.rule("SUI-1.e")
def test_those_ticked_are_closed_together_all_or_none(client, lieu, person):
    demandes = [DemandeFactory(transmise=True, lieu=lieu), DemandeFactory(recuperee=True, lieu=lieu)]
    ticked = {"pour": "cochees", "demande": [str(one.uuid) for one in demandes]}
    for wrong in ({"issue": ""}, {"issue": "guerie"}):
        refused = client.post(reverse("demandes:geste"), ticked | wrong)
        assert (refused.status_code, "Choisissez ce qu’est devenue" in refused.content.decode()) == (422, True)
        assert refused.content.decode().count(" checked>") == 2
    assert client.post(reverse("demandes:geste"), {"pour": "cochees", "issue": "hors-champ"}).status_code == 422
    closed = DemandeFactory(traitee=True, lieu=lieu)
    foreign = DemandeFactory(recuperee=True)
    for more, status in ((closed, 409), (foreign, 404)):
        names = [*ticked["demande"], str(more.uuid)]
        answer = client.post(reverse("demandes:geste"), ticked | {"demande": names, "issue": "hors-champ"})
        assert answer.status_code == status
    assert sorted(Demande.objects.values_list("state", flat=True)) == ["recuperee", "recuperee", "traitee", "transmise"]
    done = client.post(reverse("demandes:geste"), ticked | {"issue": "place-trouvee", "etat": "recuperee", "ici": "2"})
    assert done["Location"] == f"{LIST}?etat=recuperee&page=2"
    assert "2 demandes sont traitées" in client.get(LIST).content.decode()
    assert Attribution.objects.filter(issue="place-trouvee", answered_at=NOW).count() == 2


@pytest.mark.rule("SUI-1.f")
def test_a_need_that_is_not_met_is_counted_with_the_traits_that_its_family_said(client, lieu, person):
    asked = {"a_partir_du": "2027-01-04", "regularite": "urgent", "horaires": [], "atypiques": ["nuit"]}
    first = DemandeFactory(recuperee=True, lieu=lieu, dossier__besoin=asked, dossier__rendez_vous="interprete")
    second = DemandeFactory(recuperee=True, lieu=lieu, dossier__rendez_vous="accessibilite")
    other = DemandeFactory(recuperee=True, lieu=lieu, dossier__besoin=asked)
    page = page_of(client, first)
    for name, ticked in (("atypique", True), ("urgente", True), ("accessibilite", False)):
        box = page.split(f'name="{name}"')[1].split(">")[0]
        assert ("checked" in box) is ticked, name
    client.post(reverse("demandes:geste"), {"pour": str(first.uuid), f"issue-{first.uuid}": "sans-solution"})
    close(client, second, "sans-solution", urgente="on")  # what the person says, not what the family had ticked
    close(client, other, "injoignable", atypique="on")  # no trait without the outcome
    traits = ("atypique", "urgente", "accessibilite")
    assert list(Attribution.objects.order_by("pk").values_list(*traits)) == [
        (True, True, False),
        (False, True, False),
        (False, False, False),
    ]
    since = datetime(2026, 1, 1, tzinfo=UTC)
    assert queries.unmet_needs([lieu.pk], since) == {"total": 2, "atypique": 1, "urgente": 2, "accessibilite": 0}
    words = client.get(LIST, {"etat": "traitee"}).content.decode()
    assert "2 demandes sans solution, dont 1 en horaires atypiques, 2 urgentes, 0 avec un besoin" in words


@pytest.mark.rule("ACC-1.a")
@pytest.mark.rule("SUI-1.c")
def test_notes_are_sealed_read_at_the_lieu_and_taken_away(client, lieu, person):
    demande, other = DemandeFactory(recuperee=True, lieu=lieu), DemandeFactory(traitee=True, lieu=lieu)
    assert act(client, demande, "note", texte="").status_code == 422
    assert act(client, demande, "note", texte="x" * 2_001).status_code == 422
    assert act(client, demande, "note", texte=f"{SECRET} <b>").status_code == 302
    assert act(client, other, "note", texte="Après la réponse").status_code == 302
    note = Note.objects.get(dossier__demande=demande)
    assert SECRET.encode() not in bytes(note.scelle)
    assert (note.jour, note.author) == (demande.last_day, person)
    words = page_of(client, demande)
    assert f"{SECRET} &lt;b&gt;" in words
    assert "Ana Petit" in words
    assert not Entry.objects.filter(details__icontains="Secretissime").exists()
    assert {line.object_id for line in Entry.objects.filter(event="suivi.note")} == {name_of(demande), name_of(other)}
    away = reverse("demandes:retrait-note", args=[other.uuid, note.uuid])
    assert client.post(away).status_code == 404  # of another demande
    assert client.post(reverse("demandes:retrait-note", args=[demande.uuid, note.uuid])).status_code == 302
    assert not Note.objects.filter(pk=note.pk).exists()
    for _ in range(suivi.MOST_NOTES):
        NoteFactory(demande=demande)
    assert act(client, demande, "note", texte="une de trop").status_code == 422


@pytest.mark.rule("SUI-1.c")
@pytest.mark.rule("CNS-1.a")
@pytest.mark.parametrize("end", ["another lieu", "withdrawn", "its last day"])
def test_notes_and_agenda_go_with_the_dossier_or_with_the_lieu(client, lieu, person, end):
    demande = DemandeFactory(recuperee=True, lieu=lieu)
    kept = DemandeFactory(recuperee=True, lieu=lieu, last_day=demande.last_day + timedelta(days=1))
    for one in (demande, kept):
        NoteFactory(demande=one, texte=SECRET)
        SuiviFactory(demande=one, confiee_a=person)
    new = LieuFactory()
    reader = HabilitationFactory(lieu=new).user
    with transaction.atomic():
        if end == "another lieu":
            agent = AgentFactory().user
            orientation.give(demande_ids=[demande.pk], lieu_id=new.pk, by=agent, motif="famille", now=NOW)
        elif end == "withdrawn":
            destruction.withdraw(demande, now=NOW)
        else:
            after = datetime.combine(demande.last_day, datetime.min.time(), UTC) + timedelta(days=1)
            assert destruction.destroy([demande.pk], now=after) == 1
    assert [one.dossier.demande for one in Note.objects.all()] == [kept]
    assert [one.dossier.demande for one in Suivi.objects.all()] == [kept]
    if end == "another lieu":
        assert Dossier.objects.filter(demande=demande).exists()
        client.force_login(reader)
        words = page_of(client, demande)
        assert SECRET not in words
        assert "Note ajoutée" not in words
        assert [*integrity.one_lieu(NOW), *integrity.sealed(NOW)] == []


@pytest.mark.rule("CNS-9.b")
@pytest.mark.rule("CNS-10.a")
def test_a_note_under_another_day_than_its_dossier_is_found(lieu):
    demande = DemandeFactory(recuperee=True, lieu=lieu)
    NoteFactory(demande=demande)
    assert not list(integrity.sealed(NOW))
    Demande.objects.filter(pk=demande.pk).update(last_day=demande.last_day - timedelta(days=1))
    demande.refresh_from_db()
    dossiers.keep(demande, contenu_of(demande))
    assert list(integrity.sealed(NOW)) == ["1 notes under the key of another day than their dossier"]


@pytest.mark.rule("ACC-1.a")
def test_every_act_is_refused_elsewhere_and_in_a_state_that_is_over(client, lieu, person):
    foreign, closed = DemandeFactory(recuperee=True), DemandeFactory(traitee=True, lieu=lieu)
    gone, over = DemandeFactory(purgee=True, lieu=lieu), DemandeFactory(echue=True, lieu=lieu)
    for name, typed in ACTS.items():
        assert act(client, foreign, name, **typed).status_code == 404, name
        assert act(client, closed, name, **typed).status_code == (302 if name == "note" else 409), name
        for late in (gone, over):
            assert act(client, late, name, **typed).status_code == 410, name
    assert (close(client, foreign, "hors-champ").status_code, close(client, closed, "hors-champ").status_code) == (
        404,
        409,
    )
    assert client.post(reverse("demandes:reouverture"), {"demande": str(foreign.uuid)}).status_code == 404
    for strange in ("", "rien", "x"):
        assert client.post(reverse("demandes:geste"), {"pour": strange}).status_code in (404, 422), strange
    about = {"by": person, "now": NOW, "origin": ORIGIN}
    with pytest.raises(WrongState):
        suivi.note_call(closed.uuid, joined=True, **about)
    with pytest.raises(Gone):
        suivi.answer([over.uuid], issue="hors-champ", **about)
    with pytest.raises(Refused):
        suivi.set_appointment(DemandeFactory(recuperee=True, lieu=lieu).uuid, at=NOW, moyen="rien", **about)
    assert not Suivi.objects.exists()


@pytest.mark.rule("ACC-3.a")
@pytest.mark.rule("SUI-1.a")
def test_an_agent_reads_the_outcome_and_its_day_and_no_note_nor_appointment(client, lieu, person):
    demande = DemandeFactory(recuperee=True, lieu=lieu)
    act(client, demande, "note", texte=SECRET)
    act(client, demande, "appel", joint="oui")
    act(client, demande, "rdv", jour="2026-12-03", heure="14:05", moyen="domicile")
    close(client, demande, "assistante-maternelle")
    client = Client()
    client.force_login(AgentFactory().user)
    words = client.get(f"/admin/demandes/demande/{demande.pk}/change/").content.decode()
    assert "orientée vers une assistante maternelle, le 23 nov. 2026" in words
    for hidden in ("Secretissime", "suivi.", "endez-vous", "14:05", "chez la famille"):
        assert hidden not in words, hidden


@pytest.mark.rule("TEL-6.a")
def test_what_was_fetched_is_fetched_again_with_a_reason_that_the_caf_reads(client, lieu, person):
    demande = DemandeFactory(transmise=True, lieu=lieu)
    address, wanted = "/espace/demandes/telechargement/", {"format": "xml", "demande": str(demande.uuid)}
    act(client, demande, "appel", joint="oui")
    assert 'name="encore"' not in page_of(client, demande)  # picked up, but there is no copy of it yet
    assert client.post(address, wanted | {"encore": ""}).status_code == 200
    assert 'name="encore" required' in page_of(client, demande)
    refused = client.post(address, wanted | {"encore": ""})
    assert (refused.status_code, handover.WHY_AGAIN in refused.content.decode()) == (422, True)
    assert client.post(address, wanted | {"encore": "envie"}).status_code == 422
    assert client.post(address, wanted | {"encore": "perdue"}).status_code == 200
    files = Remise.objects.filter(mode="xml").order_by("pk").values_list("encore", flat=True)
    assert list(files) == [None, "perdue"]
    fresh = DemandeFactory(transmise=True, lieu=lieu)
    both = {"format": "xml", "demande": [str(demande.uuid), str(fresh.uuid)], "encore": "autre-poste"}
    assert client.post(address, both).status_code == 200
    assert Remise.objects.get(demande_uuid=fresh.uuid, mode="xml").encore is None  # the first time is none again
    assert client.post(address, wanted).status_code == 200  # a program that asks nobody is not asked
    assert "Téléchargée de nouveau (copie perdue, à reconstituer) en XML, Ana Petit" in page_of(client, demande)

    client.force_login(AgentFactory().user)
    words = client.get(f"/admin/demandes/demande/{demande.pk}/change/").content.decode()
    assert "Téléchargée de nouveau : copie perdue, à reconstituer" in words
    client.force_login(AgentFactory(superviseur=True).user)
    words = client.get("/admin/acces/").content.decode()
    assert "dont 1 pour une copie perdue" in words
    assert "XML, de nouveau : copie perdue, à reconstituer" in words
    text = b"".join(client.post("/admin/acces/").streaming_content).decode()
    assert ";XML;copie perdue, à reconstituer;" in text


@pytest.mark.rule("TEL-6.a")
def test_a_file_that_a_worker_makes_keeps_its_reason(lieu, person):
    demande = DemandeFactory(transmise=True, lieu=lieu)
    about = {"form": "zip", "by": person, "now": NOW}
    handover.fetch([demande.uuid], origin=ORIGIN, **about)
    with pytest.raises(Refused):
        files.ask([demande.uuid], encore="", **about)
    asked = files.ask([demande.uuid], encore="perdue", **about)
    assert files.make(asked.uuid, now=NOW)
    assert files.hand_over(asked.uuid, by=person, now=NOW, origin=ORIGIN)
    assert list(Remise.objects.order_by("pk").values_list("encore", flat=True)) == [None, "perdue"]


@pytest.mark.rule("CNS-10.c")
def test_a_note_whose_key_is_lost_is_said_to_be_unreadable(client, lieu, person):
    demande = DemandeFactory(recuperee=True, lieu=lieu)
    note = NoteFactory(demande=demande)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE demandes_note SET scelle = %s WHERE id = %s", [b"\x01autrement", note.pk])
    assert "Note illisible pour le moment" in page_of(client, demande)
