"""A lieu picks up its demandes: all or nothing, on record first, in whole files (ACC-1, ACC-2, TEL-1 to TEL-3)."""

import contextlib
import csv
import io
import threading
import uuid
import zipfile
from datetime import UTC, date, datetime, timedelta

import pikepdf
import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection, connections
from django.urls import reverse
from lxml import etree

from demandes.documents import xml_reader
from demandes.models import Attribution, Demande, Remise
from demandes.services import handover
from demandes.workflow import Etat
from extranet.core.errors import Gone, NotFound
from extranet.core.journal.models import Entry
from habilitations.models import Habilitation
from tests.factories import (
    AgentFactory,
    DemandeFactory,
    HabilitationFactory,
    LieuFactory,
    SuspensionFactory,
    SuspensionHabilitationFactory,
    UserFactory,
    rewrite,
)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ADDRESS = "/espace/demandes/telechargement/"


@pytest.fixture
def lieu(db, time_machine):
    time_machine.move_to(NOW, tick=False)
    return LieuFactory(code="RPE-77-CHATELET")


@pytest.fixture
def person(lieu):
    return HabilitationFactory(lieu=lieu).user


@pytest.fixture
def page(client, person):
    client.force_login(person)
    return client


def waiting(lieu, count=1, **about):
    return [DemandeFactory(transmise=True, lieu=lieu, **about) for _ in range(count)]


def post(page, demandes=(), form="xml", **more):
    ids = [str(getattr(demande, "uuid", demande)) for demande in demandes]
    return page.post(ADDRESS, {"format": form, "demande": ids, **more}, HTTP_USER_AGENT="Essai/1")


def states():
    return list(Demande.objects.order_by("pk").values_list("state", flat=True))


def nothing_happened():
    return (
        not Remise.objects.exclude(mode="liste").exists()
        and not Entry.objects.filter(event="demande.recuperee").exists()
    )


def lines_of(content):
    """The table as a spreadsheet in French reads it."""
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";"))


def references_of(form, content):
    if form == "zip":
        bundle = zipfile.ZipFile(io.BytesIO(content))
        assert bundle.testzip() is None
        names = {name.rpartition(".")[0].removeprefix("demande-") for name in bundle.namelist()}
        assert len(bundle.namelist()) == 2 * len(names)
        return names
    if form == "csv":
        return {line["Référence"] for line in lines_of(content)}
    if form == "pdf":
        with pikepdf.open(io.BytesIO(content)) as document:
            content = document.attachments["demandes.xml"].get_file().read_bytes()
    root = etree.fromstring(content)
    xml_reader.schema().assertValid(root)
    return {node.get("reference") for node in root}


@pytest.mark.rule("ACC-2.a")
@pytest.mark.rule("TEL-1.a")
@pytest.mark.rule("TEL-1.c")
@pytest.mark.rule("TEL-1.b")
@pytest.mark.parametrize("form", ["xml", "pdf", "zip", "csv"])
@pytest.mark.parametrize("chosen", ["one", "many", "all that wait"])
def test_a_download_gives_what_was_chosen_and_says_who_when_and_from_where(page, person, lieu, form, chosen):
    known = DemandeFactory(recuperee=True, lieu=lieu)
    demandes = [*waiting(lieu, 3), known]
    wanted = {"one": demandes[:1], "many": demandes, "all that wait": demandes[:3]}[chosen]
    asked = {"selection": "a-recuperer"} if chosen == "all that wait" else {"demandes": wanted}
    answer = post(page, form=form, **asked)
    assert (answer.status_code, answer["Cache-Control"]) == (200, "private, no-store")
    assert answer["Content-Disposition"].startswith("attachment; ")
    assert references_of(form, answer.content) == {demande.reference for demande in wanted}
    now_fetched = Demande.objects.filter(state=Etat.RECUPEREE).exclude(pk=known.pk)
    assert {demande.reference for demande in now_fetched} == {
        demande.reference for demande in wanted if demande != known
    }
    taken = Attribution.objects.filter(demande__in=now_fetched)
    assert set(taken.values_list("picked_up_at", "picked_up_by", "seen_at")) == {(NOW, person.pk, NOW)}
    assert known.attributions.get().picked_up_by != person
    lines = Remise.objects.values_list("reference", "user_id", "lieu_id", "mode", "adresse_reseau", "appareil", "at")
    assert set(lines) == {
        (demande.reference, person.pk, lieu.pk, form, "127.0.0.1", "Essai/1", NOW) for demande in wanted
    }


@pytest.mark.rule("TEL-1.b")
def test_a_table_says_all_of_a_demande_and_holds_no_formula(page, lieu):
    [demande] = waiting(lieu)
    texts = ("=1+1", "+33", "-2", "@SOMME(A1)", " =HYPERLINK(1)", "\uff1d1", "Ligne ; « deux »\nsuite")
    rewrite(
        demande,
        nom=texts[0],
        prenom="Élodie",
        creneau=texts[4],
        ville=texts[5],
        message=texts[6],
        enfants=[{"prenom": texts[3], "date_naissance": "2025-01-02"}, {"prenom": "", "date_prevue": "2027-01-02"}],
    )
    [line] = lines_of(post(page, [demande], "csv").content)
    assert [value for value in line.values() if value.strip()[:1] in "=+-@\uff1d" and value] == []
    assert line["Nom"] == f"Élodie {texts[0]}"
    assert line["Moment qui convient"] == f"'{texts[4]}"
    assert line["Les enfants"] == "'@SOMME(A1) : né(e) le 2 janvier 2025 ; Enfant 2 : attendu(e) pour le 2 janvier 2027"
    assert line["Son message"] == texts[6]
    assert line["Téléphone"].startswith("06")
    assert line["À détruire au plus tard le"] == f"{demande.last_day:%d/%m/%Y}"


@pytest.mark.rule("TEL-1.c")
def test_a_later_download_is_recorded_and_leaves_the_first_as_it_was(page, person, lieu, client):
    [demande] = waiting(lieu)
    post(page, [demande])
    colleague = HabilitationFactory(lieu=lieu).user
    client.force_login(colleague)
    assert post(client, [demande], "pdf").status_code == 200
    assert client.get(reverse("demandes:detail", args=[demande.uuid])).status_code == 200
    demande.refresh_from_db()
    assert (demande.state, demande.attributions.get().picked_up_by) == (Etat.RECUPEREE, person)
    modes = list(Remise.objects.order_by("pk").values_list("user_id", "mode"))
    assert modes == [(person.pk, "xml"), (colleague.pk, "pdf"), (colleague.pk, "ecran")]
    assert Entry.objects.filter(event="demande.recuperee").count() == 1


@pytest.mark.rule("ACC-2.a")
@pytest.mark.rule("TEL-1.d")
def test_seen_on_screen_is_on_record_and_not_picked_up(page, lieu):
    [demande] = waiting(lieu)
    address = reverse("demandes:detail", args=[demande.uuid])
    assert page.head(address).status_code == 405
    assert page.get(address).status_code == 200
    assert states() == [Etat.TRANSMISE]
    assert [line.mode for line in Remise.objects.all()] == ["ecran"]


@pytest.mark.rule("ACC-1.a")
@pytest.mark.rule("TEL-1.b")
@pytest.mark.parametrize("form", ["xml", "pdf", "zip", "csv"])
@pytest.mark.parametrize("foreign", ["of another lieu", "that waits for a lieu", "unknown"])
def test_one_foreign_demande_refuses_the_whole_batch(page, lieu, form, foreign):
    own = waiting(lieu, 2)
    other = {
        "of another lieu": lambda: DemandeFactory(transmise=True).uuid,
        "that waits for a lieu": lambda: DemandeFactory().uuid,
        "unknown": uuid.uuid4,
    }[foreign]()
    before = states()
    assert post(page, [own[0], other, own[1]], form).status_code == 404
    assert page.get(reverse("demandes:detail", args=[other])).status_code == 404
    assert states() == before
    assert nothing_happened()


@pytest.mark.rule("ACC-1.a")
@pytest.mark.rule("CNS-1.b")
def test_one_destroyed_demande_is_gone_and_takes_the_batch_with_it(page, lieu):
    own = waiting(lieu)
    for gone in (DemandeFactory(purgee=True, lieu=lieu), DemandeFactory(echue=True, lieu=lieu)):
        assert post(page, [*own, gone]).status_code == 410
    assert post(page, [gone, DemandeFactory(purgee=True)]).status_code == 404  # nothing told of what is foreign
    assert nothing_happened()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"format": "xml"}, "Cochez au moins une demande."),
        ({"format": "exe", "selection": "a-recuperer"}, "Ce format n’existe pas."),
        ({"selection": "a-recuperer"}, "Choisissez un format."),
        ({"format": "xml", "demande": ["pas-un-uuid"]}, "Une des demandes choisies n’existe pas."),
        ({"format": "xml", "demande": ["\x00"]}, "Une des demandes choisies n’existe pas."),
        ({"format": "xml", "selection": "tout"}, "choix"),
        ({"format": "xml", "demande": [str(uuid.UUID(int=n)) for n in range(201)]}, "Choisissez 200 demandes au plus."),
    ],
)
def test_a_request_that_makes_no_sense_is_answered_in_words(page, lieu, data, sentence):
    waiting(lieu)
    answer = page.post(ADDRESS, data)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert nothing_happened()


@pytest.mark.rule("TEL-1.f")
def test_ten_thousand_ids_are_refused_as_a_whole_and_a_get_is_none_of_it(page, lieu):
    waiting(lieu)
    answer = post(page, [uuid.UUID(int=n) for n in range(10_000)])
    assert answer.status_code == 400
    assert "n’a pas été comprise" in answer.content.decode()
    for method in (page.get, page.head, page.put):
        assert method(ADDRESS).status_code == 405
    assert states() == [Etat.TRANSMISE]
    assert nothing_happened()


@pytest.mark.rule("TEL-1.a")
def test_all_that_waits_goes_by_two_hundred_and_says_so(page, lieu, monkeypatch):
    assert (
        "n’attend d’être récupérée"
        in page.post(ADDRESS, {"format": "xml", "selection": "a-recuperer"}, follow=True).content.decode()
    )
    monkeypatch.setattr(handover, "MOST", 2)
    waiting(lieu, 3)
    assert len(references_of("xml", post(page, selection="a-recuperer").content)) == 2
    assert "recommencez pour la suite" in page.get("/espace/demandes/").content.decode()
    assert states().count(Etat.TRANSMISE) == 1


@pytest.mark.rule("TEL-1.f")
@pytest.mark.parametrize("form", ["pdf", "zip"])
def test_a_rendering_that_fails_changes_nothing(page, lieu, form, settings, tmp_path):
    demandes = waiting(lieu, 2)
    (tmp_path / "demandes" / "pdf").mkdir(parents=True)
    (tmp_path / "demandes" / "pdf" / "demandes.html").write_text("{% broken %}")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path, *settings.TEMPLATES[0]["DIRS"]]}]
    page.raise_request_exception = False
    assert post(page, demandes, form).status_code == 500
    assert states() == [Etat.TRANSMISE] * 2
    assert nothing_happened()


@pytest.mark.rule("ACC-2.a")
@pytest.mark.django_db(transaction=True)
def test_the_record_is_committed_before_the_first_byte_leaves(page, lieu, rf):
    [demande] = waiting(lieu)
    seen = []

    def committed():
        seen.append((Remise.objects.count(), Demande.objects.get().state))
        connections.close_all()

    def start_response(status, headers, exc_info=None):
        assert status.startswith("200")
        elsewhere = threading.Thread(target=committed)
        elsewhere.start()
        elsewhere.join()

    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in page.cookies.items())
    token = "a" * 32
    request = rf.post(
        ADDRESS,
        {"format": "xml", "demande": str(demande.uuid)},
        HTTP_COOKIE=f"{cookies}; csrftoken={token}",
        HTTP_X_CSRFTOKEN=token,
    )
    body = b"".join(WSGIHandler()(request.environ, start_response))
    assert references_of("xml", body) == {demande.reference}
    assert seen == [(1, Etat.RECUPEREE)]


@pytest.mark.rule("TEL-1.c")
@pytest.mark.django_db(transaction=True)
def test_two_first_downloads_at_once_make_one_pick_up_and_two_records(lieu):
    persons = [HabilitationFactory(lieu=lieu).user for _ in range(2)]
    origin = handover.Origin()
    for _ in range(10):
        demandes = waiting(lieu, 3)
        start, given = threading.Barrier(2), []

        def download(person, wanted, start=start, given=given):
            start.wait(timeout=60)
            with contextlib.closing(connection):
                given.append(handover.fetch(wanted, form="xml", by=person, now=NOW, origin=origin).content)

        wanted = [demande.uuid for demande in demandes]
        threads = [
            threading.Thread(target=download, args=args) for args in zip(persons, (wanted, wanted[::-1]), strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(given) == 2
        assert given[0] == given[1]
        for demande in Demande.objects.filter(uuid__in=wanted):
            [line] = Entry.objects.filter(event="demande.recuperee", object_id=str(demande.uuid))
            assert line.actor == f"user:{demande.attributions.get().picked_up_by.uuid}"
            assert Remise.objects.filter(demande_uuid=demande.uuid).count() == 2


@pytest.mark.rule("ACC-1.a")
@pytest.mark.rule("ACC-6.a")
@pytest.mark.rule("ACC-6.b")
@pytest.mark.rule("CON-5.c")
@pytest.mark.rule("CON-6.b")
@pytest.mark.parametrize("end", ["suspended", "account closed", "convention over", "convention suspended"])
def test_who_may_no_longer_act_loses_access_at_the_next_request(page, person, lieu, end, time_machine):
    [demande] = waiting(lieu)
    assert page.get(reverse("demandes:detail", args=[demande.uuid])).status_code == 200
    convention = lieu.conventions.get()
    if end == "suspended":
        SuspensionHabilitationFactory(habilitation=Habilitation.objects.get(user=person))
    elif end == "account closed":
        type(person).objects.filter(pk=person.pk).update(is_active=False)
    elif end == "convention suspended":
        SuspensionFactory(convention=convention)
    else:
        type(convention).objects.filter(pk=convention.pk).update(ended_on=date(2026, 11, 23))
        time_machine.move_to(datetime(2026, 11, 23, 22, 59, 59, tzinfo=UTC), tick=False)
        page.force_login(person)  # the day is long, the session is not
        assert page.get(reverse("demandes:detail", args=[demande.uuid])).status_code == 200
        time_machine.move_to(datetime(2026, 11, 23, 23, 0, tzinfo=UTC), tick=False)
    expected = 302 if end == "account closed" else 404
    before = Remise.objects.count()
    assert page.get(reverse("demandes:detail", args=[demande.uuid])).status_code == expected
    assert post(page, [demande]).status_code == expected
    post(page, selection="a-recuperer")
    assert demande.reference not in page.get("/espace/demandes/").content.decode()
    assert (Remise.objects.count(), states()) == (before, [Etat.TRANSMISE])


@pytest.mark.rule("ACC-1.a")
@pytest.mark.rule("ACC-3.a")
def test_agents_and_strangers_have_no_way_in(client, lieu):
    [demande] = waiting(lieu)
    detail = reverse("demandes:detail", args=[demande.uuid])
    assert "/compte/connexion/" in post(client, [demande]).headers["Location"]
    for user, status in ((AgentFactory().user, 403), (AgentFactory(cnaf=True).user, 403), (UserFactory(), 404)):
        client.force_login(user)
        assert client.get(detail).status_code == status
        assert post(client, [demande]).status_code == status
    assert nothing_happened()
    with pytest.raises(NotFound):
        handover.fetch([demande.uuid], form="pdf", by=user, now=NOW, origin=handover.Origin())
    with pytest.raises(Gone):
        handover.fetch(
            [demande.uuid],
            form="pdf",
            by=HabilitationFactory(lieu=lieu).user,
            now=NOW + timedelta(days=182),
            origin=handover.Origin(),
        )
