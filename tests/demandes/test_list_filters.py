"""A lieu's list narrowed, counted and walked through page by page (TEL-5); what is to be done today (SUI-1)."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conventions.models import Lieu
from demandes import queries, rules
from demandes.documents import suivi as mots
from demandes.models import Attribution, Demande, Dossier, Suivi
from extranet.territory.models import Commune
from tests.factories import NOW, DemandeFactory, HabilitationFactory, LieuFactory, SuiviFactory

pytestmark = pytest.mark.django_db
URL = "/espace/demandes/"
TODAY = date(2026, 11, 23)


@pytest.fixture
def lieu(client, time_machine):
    time_machine.move_to(NOW, tick=False)
    habilitation = HabilitationFactory()
    client.force_login(habilitation.user)
    return habilitation.lieu


def shown(page):
    return set(re.findall(r"<p class=\"discret\">(ME-2026-\d+)", page))


def said_count(page):
    return int(re.search(r'aria-live="polite">(\d+) demande', page).group(1))


def tabs(page):
    """Value → count, as the choice of lists says them; those of today must say the same."""
    said = {value: int(n) for value, n in re.findall(r'<option value="([\w-]*)"[^>]*>[^<]+ \((\d+)\)</option>', page)}
    for value, number in re.findall(r'href="\?etat=([\w-]+)"[^>]*><strong>(\d+)</strong>', page):
        assert said[value] == int(number), value
    return said


def walk(client, **filters):
    """What all pages show, once each, going from one to the next by its button; and the count of the first."""
    page, found, number = client.post(URL, filters, follow=True).content.decode(), [], 1
    count = said_count(page)
    while True:
        found += sorted(shown(page))
        assert said_count(page) == count
        if not (following := re.search(r'name="page" value="(\d+)" formaction="[^"]+">Page suivante', page)):
            return count, found
        number += 1
        assert int(following.group(1)) == number
        page = client.post(URL, filters | {"page": number}, follow=True).content.decode()


@pytest.mark.rule("SUI-1.a")
@pytest.mark.parametrize(
    ("kind", "inside", "outside"),
    [
        (
            "a-rappeler",
            [{"rappeler_on": TODAY}, {"rappeler_on": TODAY - timedelta(days=9)}],
            [{"rappeler_on": TODAY + timedelta(days=1)}, {}],
        ),
        (
            "rendez-vous",
            [{"rendez_vous_at": NOW - timedelta(days=1)}, {"rendez_vous_at": NOW + timedelta(days=7, hours=13)}],
            [{"rendez_vous_at": NOW + timedelta(days=7, hours=14)}, {}],  # the eighth day begins in Paris
        ),
        (
            "bientot-detruites",
            [{"last_day": TODAY}, {"last_day": TODAY + timedelta(days=15)}],
            [{"last_day": TODAY + timedelta(days=16)}, {}],
        ),
    ],
)
def test_what_is_to_be_done_today_is_told_by_dates(client, lieu, kind, inside, outside):
    def make(about, state="recuperee"):
        days = {"last_day": about.pop("last_day")} if "last_day" in about else {}
        demande = DemandeFactory(**{state: True}, lieu=lieu, **days)
        SuiviFactory(demande=demande, moyen="lieu" if "rendez_vous_at" in about else "", **about)
        return demande.reference

    wanted = {make(dict(about)) for about in inside}
    for about in outside:
        make(dict(about))
    if kind != "bientot-detruites":
        make(dict(inside[0]), state="traitee")  # its outcome is said
        SuiviFactory(demande=DemandeFactory(recuperee=True), moyen="", rappeler_on=TODAY)  # of another lieu
    page = client.get(URL, {"etat": kind}).content.decode()
    assert shown(page) == wanted
    assert tabs(page)[kind] == said_count(page) == 2


@pytest.mark.rule("TEL-5.b")
def test_it_is_filtered_by_commune_mode_dates_and_deadline_together_with_a_state(client, lieu):
    made = {
        "late": DemandeFactory(en_retard=True, lieu=lieu),
        "near": DemandeFactory(transmise=True, lieu=lieu, at=NOW - timedelta(days=12)),
        "week": DemandeFactory(transmise=True, lieu=lieu, at=NOW - timedelta(days=9)),
        "far": DemandeFactory(transmise=True, lieu=lieu, at=NOW - timedelta(days=1)),
        "done": DemandeFactory(traitee=True, lieu=lieu, at=NOW - timedelta(days=40), creche_collective=True),
    }
    Demande.objects.filter(pk=made["far"].pk).update(assistante_maternelle=False, garde_a_domicile=True)
    names = {demande.reference: name for name, demande in made.items()}
    for filters, wanted in (
        ({"echeance": "retard"}, {"late"}),
        ({"echeance": "trois-jours"}, {"near"}),
        ({"echeance": "sept-jours"}, {"near", "week"}),
        ({"mode": "garde-a-domicile"}, {"far"}),
        ({"mode": "creche-collective"}, {"done"}),
        ({"mode": "assistante-maternelle", "etat": "transmise"}, {"late", "near", "week"}),
        ({"depuis": "2026-11-14"}, {"week", "far"}),
        ({"depuis": "2026-11-11", "jusque": "2026-11-11"}, {"near"}),
        ({"jusque": "2026-11-11"}, {"late", "near", "done"}),
        ({"commune": "01001"}, set(made)),  # not one of the lieu's: no filter
        ({"echeance": "demain", "mode": "x", "depuis": "hier", "jusque": "9999-12-31", "tri": "x"}, set(made)),
    ):
        for page in (client.get(URL, filters), client.post(URL, filters, follow=True)):
            text = page.content.decode()
            assert {names[one] for one in shown(text)} == wanted, filters
            assert said_count(text) == len(wanted)
    order = client.get(URL, {"tri": "anciennes"}).content.decode()
    places = [order.index(made[name].reference) for name in ("done", "late", "near", "week", "far")]
    assert places == sorted(places)
    assert "garde-a-domicile" in client.get(URL, {"mode": "garde-a-domicile"}).content.decode().split('name="ici"')[1]


@pytest.mark.rule("TEL-5.b")
def test_a_commune_of_the_lieu_is_a_filter_and_only_its_demandes_are_shown(client, lieu):
    other = LieuFactory()
    HabilitationFactory(lieu=other)
    here, there = DemandeFactory(transmise=True, lieu=lieu), DemandeFactory(transmise=True, lieu=lieu)
    Demande.objects.filter(pk=there.pk).update(commune="77288")
    lieu.couvertures.create(commune_id="77288", from_on=date(2025, 1, 15), opened_by=lieu.couvertures.get().opened_by)
    assert shown(client.get(URL, {"commune": "77288"}).content.decode()) == {there.reference}
    assert shown(client.get(URL, {"commune": here.commune_id}).content.decode()) == {here.reference}


@pytest.mark.rule("TEL-5.c")
def test_counts_are_those_of_all_pages_whatever_the_filter_and_of_this_lieu_only(client, lieu):
    stranger = HabilitationFactory().lieu
    for where in (lieu, stranger):
        DemandeFactory.create_batch(31, transmise=True, lieu=where, creche_collective=True)
        DemandeFactory.create_batch(27, recuperee=True, lieu=where)
        DemandeFactory.create_batch(2, traitee=True, lieu=where)
        for demande in Demande.objects.filter(lieu=where, state="recuperee")[:26]:
            SuiviFactory(demande=demande, rappeler_on=TODAY)
    assert tabs(client.get(URL).content.decode()) == {
        "": 60,
        "transmise": 31,
        "a-rappeler": 26,
        "rendez-vous": 0,
        "bientot-detruites": 0,
        "a-moi": 0,
        "recuperee": 27,
        "traitee": 2,
    }
    own = Demande.objects.filter(lieu=lieu)
    for filters, wanted in (
        ({}, own),
        ({"etat": "transmise"}, own.filter(state="transmise")),
        ({"etat": "a-rappeler"}, own.filter(dossier__suivi__rappeler_on=TODAY)),
        ({"mode": "creche-collective", "tri": "recentes"}, own.filter(creche_collective=True)),
        ({"q": "famille"}, own),
    ):
        count, found = walk(client, **filters)
        assert (count, len(found), set(found)) == (
            wanted.count(),
            wanted.count(),
            set(wanted.values_list("reference", flat=True)),
        ), filters


def read(node):
    """(table, rows read) for each node of a plan that reads one, those that it threw away included."""
    if (table := node.get("Relation Name", "")).startswith("demandes_"):
        away = sum(value for name, value in node.items() if name.startswith("Rows Removed"))
        yield table, node["Actual Loops"] * (node["Actual Rows"] + away)
    for below in node.get("Plans", []):
        yield from read(below)


def multiply(demande, count):
    """`count` more demandes like this one, with its dossier, agenda and attribution, as SQL makes them: at once."""
    with connection.cursor() as cursor:

        def copied(model, source, **others):
            fields = [field.column for field in model._meta.concrete_fields if field.column != "id"]
            values = ", ".join(others.get(name, f"t.{name}") for name in fields)
            table = model._meta.db_table
            cursor.execute(f"INSERT INTO {table} ({', '.join(fields)}) SELECT {values} FROM {table} t, {source}")

        series = f"generate_series(1, {count}) n WHERE t.id = {demande.pk}"
        copied(Demande, series, uuid="gen_random_uuid()", reference="'X-' || n")
        new, agenda = "demandes_demande d WHERE d.reference LIKE 'X-%' AND", Suivi.objects.get(dossier__demande=demande)
        copied(Attribution, f"{new} t.demande_id = {demande.pk}", demande_id="d.id")
        copied(Dossier, f"{new} t.demande_id = {demande.pk}", demande_id="d.id")
        dossiers = f"demandes_dossier o WHERE o.id > {agenda.dossier_id} AND t.id = {agenda.pk}"
        copied(Suivi, dossiers, dossier_id="o.id")
        cursor.execute("ANALYZE demandes_demande, demandes_dossier, demandes_suivi, demandes_attribution")


@pytest.mark.rule("TEL-5.c")
@pytest.mark.skipif(connection.vendor != "postgresql", reason="reads PostgreSQL's plans")
def test_a_list_reads_the_rows_of_its_lieu_and_no_other(client, lieu):
    SuiviFactory(demande=DemandeFactory(recuperee=True, lieu=lieu), rappeler_on=TODAY)
    crowd = DemandeFactory(recuperee=True, lieu=LieuFactory())
    SuiviFactory(demande=crowd, rappeler_on=TODAY)
    multiply(crowd, 3_000)
    client.get(URL)
    asked = set()
    for filters in ({}, {"etat": "a-rappeler"}, {"etat": "a-moi"}, {"mode": "garde-a-domicile", "tri": "recentes"}):
        with CaptureQueriesContext(connection) as seen:
            client.get(URL, filters)
        asked |= {one["sql"] for one in seen if re.search(r"FROM \"?demandes_", one["sql"])}
    assert len(asked) > 8
    with connection.cursor() as cursor:
        for sql in asked:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
            [(plans,)] = cursor.fetchall()
            found = [(table, rows) for table, rows in read(plans[0]["Plan"]) if table != "demandes_remise"]
            assert all(rows <= 2 for _, rows in found), (sql, found)


@pytest.mark.rule("TEL-5.b")
def test_what_is_ticked_is_kept_from_page_to_page_and_until_it_is_forgotten(client, lieu):
    DemandeFactory.create_batch(30, recuperee=True, lieu=lieu)
    first = client.get(URL).content.decode()
    ticked = re.findall(r'type="checkbox" name="demande" value="([\w-]+)"', first)[:2]
    second = client.post(URL, {"page": "2", "demande": [*ticked, "x", "<b>"]}, follow=True).content.decode()
    assert "2 demandes cochées sur d’autres pages" in second
    assert [one for one in ticked if f'type="hidden" name="demande" value="{one}"' in second] == ticked
    assert "2 demandes cochées sur d’autres pages" in client.get(f"{URL}?page=2").content.decode()
    assert "sur d’autres pages" not in client.get(f"{URL}?etat=recuperee").content.decode()  # another list
    back = client.post(URL, {"page": "1", "demande": ticked}, follow=True).content.decode()
    assert back.count(" checked>") == 2
    assert "sur d’autres pages" not in back
    forgotten = client.post(URL, {"page": "2", "demande": ticked, "oublier": "1"}, follow=True).content.decode()
    assert "cochée" not in forgotten.replace("Demandes cochées", "")
    gesture = {"sans-reponse": ticked[0], "demande": ticked, "ici": "1"}
    assert client.post("/espace/demandes/suite/", gesture, follow=True).content.decode().count(" checked>") == 2
    done = {"pour": "cochees", "issue": "hors-champ", "demande": ticked, "ici": "1"}
    assert " checked>" not in client.post("/espace/demandes/suite/", done, follow=True).content.decode()


@pytest.mark.rule("SUI-1.e")
def test_a_family_that_did_not_answer_is_to_be_called_again_from_the_list(client, lieu):
    demande = DemandeFactory(transmise=True, lieu=lieu)
    foreign = DemandeFactory(transmise=True)
    sent = client.post("/espace/demandes/suite/", {"sans-reponse": str(demande.uuid), "etat": "transmise"})
    assert sent["Location"] == f"{URL}?etat=transmise"
    assert Suivi.objects.get().rappeler_on == date(2026, 11, 24)
    assert client.post("/espace/demandes/suite/", {"sans-reponse": str(foreign.uuid)}).status_code == 404


@pytest.mark.parametrize(
    ("enfant", "words"),
    [
        ({"date_naissance": "2026-11-23"}, "0 jour"),
        ({"date_naissance": "2026-11-22"}, "1 jour"),
        ({"date_naissance": "2026-10-24"}, "30 jours"),
        ({"date_naissance": "2026-10-23"}, "1 mois"),
        ({"date_naissance": "2026-03-24"}, "7 mois"),
        ({"date_naissance": "2026-03-23"}, "8 mois"),
        ({"date_naissance": "2024-11-24"}, "23 mois"),
        ({"date_naissance": "2024-11-23"}, "2 ans"),
        ({"date_naissance": "2024-08-23"}, "2 ans et 3 mois"),
        ({"date_naissance": "2024-02-29"}, "2 ans et 8 mois"),
        ({"date_prevue": "2027-03-02"}, "attendu en mars 2027"),
    ],
)
def test_the_age_of_a_child_in_words(enfant, words):
    assert mots.age(enfant, TODAY).replace("\u00a0", " ") == words


@pytest.mark.rule("SUI-1.a")
def test_a_call_is_due_on_the_next_day_worked_in_the_lieu_s_departement(client, lieu, time_machine):
    assert rules.next_call(date(2026, 12, 24)) == date(2026, 12, 28)
    assert rules.next_call(date(2027, 3, 25), "67") == date(2027, 3, 30)  # Good Friday, then Easter
    Lieu.objects.filter(pk=lieu.pk).update(code_postal="67000")
    day = datetime(2027, 3, 25, 9, tzinfo=UTC)
    time_machine.move_to(day, tick=False)
    client.force_login(HabilitationFactory(lieu=lieu).user)
    demande = DemandeFactory(recuperee=True, lieu=lieu, at=day - timedelta(days=2))
    client.post("/espace/demandes/suite/", {"sans-reponse": str(demande.uuid)})
    assert Suivi.objects.get().rappeler_on == date(2027, 3, 30)


@pytest.mark.rule("TEL-5.b")
def test_communes_are_in_the_order_of_the_alphabet(lieu):
    named = Commune.objects.filter(
        departement="77",
        nom__in=["Échouboulains", "Égligny", "Champagne-sur-Seine", "Châtenoy", "Chaumes-en-Brie", "Vaux-le-Pénil"],
    )
    act = lieu.couvertures.get().opened_by
    for one in named:
        lieu.couvertures.create(commune=one, from_on=date(2025, 1, 15), opened_by=act)
    names = [name for _, name in queries.communes_of([lieu.pk])]
    assert [name for name in names if name in {one.nom for one in named}] == [
        "Champagne-sur-Seine",
        "Châtenoy",
        "Chaumes-en-Brie",
        "Échouboulains",
        "Égligny",
        "Vaux-le-Pénil",
    ]
