"""Agents say which lieu has a demande that waits, is late, or where nobody can pick it up (NOT-4.k, CTL-9, ING-6)."""

import contextlib
import re
import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.urls import reverse

from demandes.models import Demande, Transmission
from demandes.services import handover, orientation, transmission
from extranet.core.dates import paris_date
from extranet.core.errors import Gone, NotFound, Refused, WrongState
from extranet.core.journal.models import Entry
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from habilitations.models import Habilitation
from tests.conftest import text_of
from tests.factories import (
    AgentFactory,
    CommuneFactory,
    DemandeFactory,
    HabilitationFactory,
    LieuFactory,
    SuspensionFactory,
    SuspensionHabilitationFactory,
    contenu_of,
)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PAGE = "/admin/demandes/demande/actes/confier/"
BACK = "/admin/demandes/demande/actes/reprendre/"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _today(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def lieux():
    """Who has it, and who could: both cover Le Châtelet, both have somebody."""
    old, new = LieuFactory(nom="RPE lent"), LieuFactory(nom="RPE prompt", telephone="+33160000009")
    HabilitationFactory(lieu=old, user__email="lente@lieu.test")
    HabilitationFactory(lieu=new, user__email="prompte@lieu.test")
    return old, new


@pytest.fixture
def agent():
    return AgentFactory()


def late(lieu, count=1, **about):
    return [DemandeFactory(en_retard=True, lieu=lieu, **about) for _ in range(count)]


def give(demandes, lieu, agent, now=NOW):
    return orientation.give(demande_ids=[one.pk for one in demandes], lieu_id=lieu.pk, by=agent.user, now=now)


def states():
    return list(Demande.objects.order_by("pk").values_list("state", "lieu__nom"))


@pytest.mark.rule("NOT-4.k")
@pytest.mark.rule("DEM-5.a")
@pytest.mark.rule("CTL-4.a")
@pytest.mark.django_db(transaction=True)
def test_late_demandes_go_to_another_lieu_in_one_act_and_all_are_told(client, lieux, agent, smtp_sink):
    old, new = lieux
    demandes = late(old, 3)
    client.force_login(agent.user)
    listed = client.post(
        "/admin/demandes/demande/", {"action": "confier", "_selected_action": [one.pk for one in demandes]}
    )
    page = client.get(listed["Location"])
    assert page.status_code == 200
    words = page.content.decode()
    assert all(one.reference in words for one in demandes)
    assert re.findall(r'<option value="(\d*)" selected', words) == [""]  # the agent chooses: no lieu is preselected
    empty = client.post(PAGE, {"objet": [one.pk for one in demandes]})
    assert (empty.status_code, {one for _, one in states()}) == (422, {"RPE lent"})
    answer = client.post(PAGE, {"objet": [one.pk for one in demandes], "lieu": new.pk})
    assert answer.status_code == 302
    batch = Transmission.objects.get(lieu=new)
    for one in demandes:
        before, one = one, Demande.objects.get(pk=one.pk)
        assert (one.state, one.lieu, one.transmission) == ("transmise", new, batch)
        assert (one.last_day, one.pick_up_day) == (before.last_day, None)  # the new lieu is not told yet
        was, now_at = one.attributions.order_by("pk")
        assert (was.lieu, was.fin, was.motif, was.ended_at) == (old, "reattribuee", "", NOW)
        assert (now_at.lieu, now_at.transmission, now_at.transmitted_at, now_at.ended_at) == (new, batch, NOW, None)
        lines = Entry.objects.filter(object_id=str(one.uuid), object_kind="demandes.demande").order_by("pk")
        assert [(line.event, line.actor) for line in lines] == [
            ("demande.reattribuee", f"user:{agent.user.uuid}"),
        ]
    outbox.send_due(now=NOW)
    [to_new], [to_old] = smtp_sink.to("prompte@lieu.test"), smtp_sink.to("lente@lieu.test")
    assert to_new["Subject"] == "3 demandes à récupérer"
    assert "8 décembre 2026" in text_of(to_new)  # its own fifteen days
    assert to_old["Subject"] == "3 demandes reprises par la Caf"
    assert all(one.reference in text_of(to_old) for one in demandes)
    for one in demandes:
        family = contenu_of(one)
        [told] = smtp_sink.to(family.courriel)
        assert "RPE prompt" in text_of(told)
        for secret in (family.nom, family.telephone, family.courriel):
            assert secret not in text_of(to_old) + text_of(to_new)
    batch.refresh_from_db()
    assert batch.notified_at == NOW
    assert set(Demande.objects.values_list("pick_up_day", flat=True)) == {date(2026, 12, 8)}


@pytest.mark.rule("NOT-4.k")
@pytest.mark.rule("ACC-1.a")
def test_the_lieu_that_loses_it_sees_it_no_more_and_the_other_does(client, lieux, agent):
    old, new = lieux
    [demande] = late(old)
    give([demande], new, agent)
    DemandeFactory(transmise=True, lieu=new)
    HabilitationFactory(lieu=(third := LieuFactory()))
    for lieu, status in ((old, 410), (new, 200), (third, 404)):
        client.force_login(Habilitation.objects.get(personne__lieu=lieu).user)
        page = client.get(reverse("demandes:detail", args=[demande.uuid]))
        assert page.status_code == status
        assert ("n’est plus confiée à votre lieu" in page.content.decode()) is (status == 410)
        answer = client.post("/espace/demandes/telechargement/", {"format": "xml", "demande": str(demande.uuid)})
        assert answer.status_code == status


@pytest.mark.rule("NOT-4.k")
@pytest.mark.parametrize(("who", "status"), [({"lecteur": True}, 403), ({"essonne": True}, 404), ({"cnaf": True}, 403)])
def test_neither_a_reader_nor_another_caf_nor_the_cnaf_gives_it(client, lieux, who, status):
    old, new = lieux
    [demande] = late(old)
    client.force_login(AgentFactory(**who).user)
    for page in (PAGE, BACK):
        assert client.get(f"{page}?objet={demande.pk}").status_code == status
        assert client.post(page, {"objet": demande.pk, "lieu": new.pk}).status_code == status
    assert states() == [("transmise", "RPE lent")]


@pytest.mark.rule("NOT-4.k")
def test_one_foreign_demande_refuses_the_whole_act(client, lieux, agent):
    old, new = lieux
    [mine] = late(old)
    [foreign] = late(LieuFactory(essonne=True), commune=CommuneFactory(evry=True))
    client.force_login(agent.user)
    for given in ([mine.pk, foreign.pk], [mine.pk, 10**30], [mine.pk, "x"], [mine.pk, 999_999], []):
        assert client.post(PAGE, {"objet": given, "lieu": new.pk}).status_code == 404
    with pytest.raises(NotFound):
        give([mine, foreign], new, agent)
    assert Demande.objects.get(pk=mine.pk).lieu == old


@pytest.mark.rule("NOT-4.k")
@pytest.mark.parametrize(
    ("traits", "why"),
    [
        ({"traitee": True}, "« traitée »"),
        ({"retiree": True}, "« retirée par la famille »"),
        ({"purgee": True}, "« détruite »"),
        ({"echue": True}, "fin de sa conservation"),
    ],
)
def test_what_cannot_change_its_lieu_says_why_and_nothing_is_done(client, lieux, agent, traits, why):
    old, new = lieux
    [good] = late(old)
    bad = DemandeFactory(lieu=old, **({"at": NOW} if traits == {"transmise": True} else {}), **traits)
    client.force_login(agent.user)
    page = client.get(f"{PAGE}?objet={good.pk}&objet={bad.pk}").content.decode()
    assert why in page
    assert re.findall(r'name="objet" value="(\d+)"', page) == [str(good.pk)]  # the others can still be given
    answer = client.post(PAGE, {"objet": [good.pk, bad.pk], "lieu": new.pk})
    assert answer.status_code == 409
    assert why in answer.content.decode()
    with pytest.raises(WrongState, match=why):
        give([good, bad], new, agent)
    one = f"/admin/demandes/demande/{bad.pk}/"
    assert client.post(f"{one}acte/confier/", {"lieu": new.pk}).status_code == 409
    assert f"{one}acte/confier/" not in client.get(f"{one}change/").content.decode()
    assert Demande.objects.get(pk=good.pk).lieu == old
    assert not Message.objects.exists()


@pytest.mark.rule("NOT-4.k")
def test_the_first_second_of_the_sixteenth_day(lieux, agent):
    old, new = lieux
    demande = DemandeFactory(transmise=True, lieu=old, at=datetime(2026, 11, 7, 22, 59, 59, tzinfo=UTC))
    last = datetime(2026, 11, 22, 22, 59, 59, tzinfo=UTC)
    with pytest.raises(Refused, match="encore le temps"):
        give([demande], new, agent, now=last)
    assert give([demande], new, agent, now=last + timedelta(seconds=1)) == 1


@pytest.mark.rule("NOT-4.k")
@pytest.mark.parametrize("case", ["elsewhere", "nobody", "suspended", "other Caf", "the same"])
def test_only_a_lieu_of_the_caf_that_covers_the_commune_and_has_somebody_can_have_it(client, lieux, agent, case):
    old, new = lieux
    [demande] = late(old)
    wrong = {
        "elsewhere": lambda: LieuFactory(convention__communes=["77288"]),
        "nobody": LieuFactory,
        "suspended": lambda: LieuFactory(suspendue=True),
        "other Caf": lambda: LieuFactory(essonne=True),
        "the same": lambda: old,
    }[case]()
    if case not in ("nobody", "the same"):
        HabilitationFactory(lieu=wrong)
    with pytest.raises(Refused):
        give([demande], wrong, agent)
    client.force_login(agent.user)
    answer = client.post(PAGE, {"objet": demande.pk, "lieu": wrong.pk})
    assert answer.status_code == 422
    assert f'value="{wrong.pk}"' not in re.sub(r'name="objet" value="\d+"', "", answer.content.decode())
    assert states() == [("transmise", "RPE lent")]


@pytest.mark.rule("NOT-4.k")
def test_the_lieux_offered_cover_all_communes_chosen(lieux, agent):
    old, new = lieux
    both = LieuFactory(nom="RPE vaste", convention__communes=["77100", "77288"])
    HabilitationFactory(lieu=both)
    demandes = [*late(old), *late(old, commune=CommuneFactory(melun=True))]
    assert list(orientation.lieux_for(demandes[:1], NOW)) == [new, both]
    assert list(orientation.lieux_for(demandes, NOW)) == [both]
    with pytest.raises(Refused):
        give(demandes, new, agent)
    assert give(demandes, both, agent) == 2
    assert Transmission.objects.filter(lieu=both).count() == 1


@pytest.mark.rule("NOT-4.k")
def test_where_no_other_lieu_covers_the_commune_the_page_says_so(client, lieux, agent):
    old, new = lieux
    [demande] = late(old)
    SuspensionHabilitationFactory(habilitation=Habilitation.objects.get(personne__lieu=new))
    client.force_login(agent.user)
    page = client.get(f"/admin/demandes/demande/{demande.pk}/change/").content.decode()
    assert "Aucun autre lieu de votre Caf qui puisse la recevoir ne couvre Le Châtelet-en-Brie" in page


@pytest.mark.rule("CNS-9.b")
def test_the_day_of_destruction_never_moves_away(lieux, agent):
    old, new = lieux
    demande = DemandeFactory(transmise=True, lieu=old, at=datetime(2026, 6, 1, 9, tzinfo=UTC))
    give([demande], new, agent)
    demande.refresh_from_db()
    assert (demande.last_day, paris_date(demande.transmission.transmitted_at)) == (date(2026, 12, 1), paris_date(NOW))


@pytest.mark.rule("NOT-4.k")
@pytest.mark.django_db(transaction=True)
def test_given_away_and_picked_up_at_once_one_of_them_wins_whole(lieux, agent):
    old, new = lieux
    person = Habilitation.objects.get(personne__lieu=old).user
    outcomes = set()
    for _ in range(12):
        demandes = late(old, 3)
        start, said = threading.Barrier(2), {}

        def pick_up(wanted, start=start, said=said):
            start.wait(timeout=60)
            with contextlib.closing(connection):
                try:
                    handover.fetch(wanted, form="xml", by=person, now=NOW, origin=handover.Origin())
                    said["picked up"] = True
                except Gone:
                    said["picked up"] = False

        def give_away(demandes, start=start, said=said):
            start.wait(timeout=60)
            with contextlib.closing(connection):
                try:
                    give(demandes, new, agent)
                    said["given"] = True
                except Refused:  # from a lieu that has picked it up, with a reason only
                    said["given"] = False

        threads = [
            threading.Thread(target=pick_up, args=([one.uuid for one in demandes],)),
            threading.Thread(target=give_away, args=(demandes[::-1],)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert said["given"] is not said["picked up"]
        rows = Demande.objects.filter(pk__in=[one.pk for one in demandes])
        expected = {("transmise", new.pk)} if said["given"] else {("recuperee", old.pk)}
        assert set(rows.values_list("state", "lieu")) == expected
        outcomes.add(said["given"])
    assert Entry.objects.filter(event="demande.reattribuee").count() % 3 == 0


@pytest.mark.rule("NOT-4.k")
@pytest.mark.django_db(transaction=True)
def test_pressed_twice_at_once_it_is_given_once(lieux, agent):
    old, new = lieux
    demandes = late(old, 2)
    start, said = threading.Barrier(2), []

    def press():
        start.wait(timeout=60)
        with contextlib.closing(connection):
            try:
                said.append(give(demandes, new, agent))
            except Refused:
                said.append(0)

    threads = [threading.Thread(target=press) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == [0, 2]
    assert Transmission.objects.filter(lieu=new).count() == 1
    assert Message.objects.filter(kind="demandes.orientee").count() == 2
    assert Message.objects.filter(kind="demandes.reprise").count() == 1


def strand(lieu, how):
    if how == "last person suspended":
        SuspensionHabilitationFactory(habilitation=Habilitation.objects.get(personne__lieu=lieu))
    elif how == "account closed":
        type(Habilitation.objects.get(personne__lieu=lieu).user).objects.filter(
            pk=Habilitation.objects.get(personne__lieu=lieu).user_id
        ).update(is_active=False)
    elif how == "line of annexe 1 over":
        lieu.inscriptions.update(until_on=date(2026, 11, 22))
    elif how == "lieu suspended":
        SuspensionFactory(convention=lieu.conventions.get())
    else:
        lieu.conventions.update(ended_on=date(2026, 11, 22))


WAYS = ["last person suspended", "account closed", "line of annexe 1 over", "lieu suspended", "convention over"]


@pytest.mark.rule("CTL-9.a")
@pytest.mark.parametrize("how", WAYS)
def test_unfetched_demandes_of_a_lieu_without_anybody_are_shown_to_its_caf(client, lieux, agent, how):
    old, _ = lieux
    demande, other = DemandeFactory(transmise=True, lieu=old), DemandeFactory(recuperee=True, lieu=old)
    client.force_login(agent.user)
    at = "/admin/demandes/demande/?delai=sans-personne"
    assert at not in client.get("/admin/").content.decode().replace("&amp;", "&")
    strand(old, how)
    desk = client.get("/admin/").content.decode()
    assert at in desk
    assert "demande dans un lieu sans personne" in desk
    listed = client.get(at).content.decode()
    assert demande.reference in listed
    assert other.reference not in listed
    client.force_login(AgentFactory(essonne=True).user)
    assert at not in client.get("/admin/").content.decode()
    assert demande.reference not in client.get(at).content.decode()


@pytest.mark.rule("CTL-9.b")
@pytest.mark.parametrize("how", WAYS)
def test_they_are_given_to_another_lieu_or_put_back(client, lieux, agent, how):
    old, new = lieux
    first, second = [DemandeFactory(transmise=True, lieu=old, at=NOW) for _ in range(2)]
    client.force_login(agent.user)
    assert client.post(BACK, {"objet": first.pk}).status_code == 409  # somebody is there
    strand(old, how)
    assert client.post(PAGE, {"objet": first.pk, "lieu": new.pk}).status_code == 302
    assert "Remettre à orienter" in client.get(f"/admin/demandes/demande/{second.pk}/change/").content.decode()
    assert client.post(BACK, {"objet": second.pk}).status_code == 302
    assert states() == [("transmise", "RPE prompt"), ("a-orienter", None)]
    second.refresh_from_db()
    assert second.transmission is None
    assert client.post(BACK, {"objet": second.pk}).status_code == 409
    [line] = Entry.objects.filter(object_id=str(second.uuid), object_kind="demandes.demande")
    assert (line.event, line.actor) == ("demande.reprise", f"user:{agent.user.uuid}")


@pytest.mark.rule("CTL-9.b")
def test_put_back_it_does_not_return_to_the_lieu_without_anybody(lieux, agent):
    old, new = lieux
    SuspensionFactory(convention=new.conventions.get())
    demande = DemandeFactory(transmise=True, lieu=old, lieu_voulu=old)
    strand(old, "last person suspended")
    orientation.put_back(demande_ids=[demande.pk], by=agent.user, now=NOW)
    assert transmission.transmit_waiting_all(now=NOW) == 0
    assert states() == [("a-orienter", None)]


@pytest.mark.rule("ING-6.b")
@pytest.mark.rule("ING-6.c")
def test_one_that_waits_is_given_from_its_own_page_and_its_family_told(client, lieux, agent):
    _, new = lieux
    demande = DemandeFactory()
    client.force_login(agent.user)
    page = f"/admin/demandes/demande/{demande.pk}/acte/confier/"
    assert "Choisissez un lieu" in client.get(page).content.decode()
    assert client.post(page, {"lieu": new.pk}).status_code == 302
    assert states() == [("transmise", "RPE prompt")]
    assert Message.objects.get(kind="demandes.orientee").recipient == f"demande:{demande.uuid}"
    assert not Message.objects.filter(kind="demandes.reprise").exists()


@pytest.mark.rule("ING-6.c")
def test_one_that_waited_goes_to_its_lieu_once_somebody_is_there_and_its_family_is_told():
    lieu = LieuFactory(nom="RPE seul")
    demande = DemandeFactory()
    assert transmission.transmit_waiting_all(now=NOW) == 0
    HabilitationFactory(lieu=lieu)
    assert transmission.transmit_waiting_all(now=NOW) == 1
    assert states() == [("transmise", "RPE seul")]
    assert Message.objects.get(kind="demandes.orientee").recipient == f"demande:{demande.uuid}"
