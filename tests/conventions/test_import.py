"""Running conventions taken over by file: model, dry run, report, then the same file applied, once (CON-13)."""

import csv
import io
import re
import threading
import zipfile
from datetime import date
from urllib.parse import urlsplit

import pytest
from django.core.cache import caches
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client
from django.urls import reverse

from conventions import queries
from conventions.documents import tableur
from conventions.forms.takeover_file import HEADINGS, example_rows
from conventions.models import Convention, Couverture, Gestionnaire, Lieu, PersonneInscrite, Reprise
from extranet.core.documents import ods
from extranet.core.errors import Refused
from extranet.core.journal.models import Entry
from extranet.core.web import passing
from tests.factories import NOW, AgentFactory, CommuneFactory, siren

pytestmark = pytest.mark.django_db

PAGE = "/admin/conventions/convention/reprise/fichier/"
TITLES = list(HEADINGS.values())
_PARTIES = example_rows()
WHOLE = dict(zip(HEADINGS, _PARTIES[1], strict=True)) | {
    "communes": "Le Châtelet-en-Brie, 77288",
    "numero": "C-1",
    "signataire_caf": "Alex Directeur",
    "qualite_caf": "directeur",
}


def row(number=1, **changes):
    """A convention of its own: number, lieu, SIREN and address."""
    own = {
        "numero": f"C-{number}",
        "lieu_nom": f"RPE n° {number}",
        "gestionnaire_siren": siren(210_000_000 + 10 * number),
        "personne_courriel": f"personne{number}@exemple.fr",
    }
    return list((WHOLE | own | changes).values())


def as_csv(*rows, encoding="utf-8", delimiter=";", titles=None):
    target = io.StringIO(newline="")
    csv.writer(target, delimiter=delimiter).writerows([titles or TITLES, *rows])
    return target.getvalue().encode(encoding)


def as_ods(*rows):
    return ods.write([("Conventions", [TITLES, *rows], ["large"])])


def raw_ods(content, *, mimetype=ods.MEDIA_TYPE, head=ods.HEAD, foot=ods.FOOT, **parts):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", mimetype)
        archive.writestr("content.xml", head + content + foot)
        for name, body in parts.items():
            archive.writestr(name.replace("__", "/") + ".xml", body)
    return target.getvalue()


def upload(content, name="conventions.csv"):
    file = io.BytesIO(content)
    file.name = name
    return file


@pytest.fixture
def agent(time_machine):
    time_machine.move_to(NOW, tick=False)
    CommuneFactory()
    CommuneFactory(melun=True)
    return AgentFactory()


@pytest.fixture
def desk(client, agent):
    client.force_login(agent.user)
    return client


def verify(desk, content):
    response = desk.post(PAGE, {"fichier": upload(content)})
    found = re.search(r'name="cle" value="([^"]+)"', response.content.decode())
    return response, found[1] if found else ""


@pytest.mark.rule("CON-13.b")
@pytest.mark.rule("CON-13.c")
@pytest.mark.rule("CON-13.d")
def test_a_file_is_reported_on_then_the_same_is_applied(desk, agent):
    second = [
        {"numero": "C-1", "personne_civilite": "mme", "personne_nom": "Deux", "personne_prenom": "Lou"}.get(name, "")
        for name in HEADINGS
    ]
    second[-3:] = ["lou@exemple.fr", "Petite enfance", "responsable"]
    content = as_csv(row(1), row(2, lieu_telephone="12"), second, row(3, communes="Atlantis"), row(4))
    before = Entry.objects.count()
    response, key = verify(desk, content)
    page = response.content.decode()
    assert response.status_code == 200
    for said in [
        "Rien n’est encore enregistré",
        "2 conventions peuvent être reprises",
        "2 conventions ne peuvent pas être reprises",
        "Ligne 3, « Téléphone du lieu »",
        "Ligne 5, « Communes »",
        "pas du territoire de cette Caf",
        "Le Châtelet-en-Brie (77100), Melun (77288)",
        "2 personnes",
        "En vigueur depuis le 16 mai 2023",
    ]:
        assert said in page, said
    assert "Atlantis" not in page
    written = [model.objects.count() for model in (Convention, Lieu, Gestionnaire, PersonneInscrite, Reprise)]
    assert (written, Entry.objects.count()) == ([0] * 5, before)
    done = desk.post(PAGE, {"cle": key}).content.decode()
    assert "2 conventions sont reprises" in done
    assert set(Reprise.objects.values_list("numero", flat=True)) == {"C-1", "C-4"}
    first = Reprise.objects.get(numero="C-1").convention
    assert reverse("admin:conventions_convention_change", args=[first.pk]) in done
    assert first.in_force_from == date(2023, 5, 16)
    assert sorted(queries.annexe1(first.lieu, NOW.date())[1].values_list("courriel", flat=True)) == [
        "lou@exemple.fr",
        "personne1@exemple.fr",
    ]


@pytest.mark.rule("CON-13.b")
@pytest.mark.parametrize(
    "made",
    [
        lambda *rows: as_csv(*rows),
        lambda *rows: as_csv(*rows, encoding="utf-8-sig"),
        lambda *rows: as_csv(*rows, encoding="cp1252"),
        lambda *rows: as_csv(*rows, delimiter=","),
        lambda *rows: as_csv(*rows, delimiter="\t"),
        as_ods,
    ],
    ids=["utf8", "bom", "cp1252", "commas", "tabs", "ods"],
)
def test_every_form_of_a_file_says_the_same(desk, made):
    _, key = verify(desk, made(row(1, lieu_nom="L’Œuvre « d’été »")))
    desk.post(PAGE, {"cle": key})
    lieu = Lieu.objects.get()
    assert (lieu.nom, lieu.nature, lieu.telephone) == ("L’Œuvre « d’été »", "rpe", "+33160000001")
    assert set(Couverture.objects.values_list("commune", flat=True)) == {"77100", "77288"}


@pytest.mark.rule("CON-13.e")
def test_the_same_file_again_changes_nothing_and_a_changed_row_is_said(desk):
    _, key = verify(desk, as_csv(row(1), row(2)))
    desk.post(PAGE, {"cle": key})
    page, key = verify(desk, as_ods(row(2), row(1, lieu_nom="Autre"), row(3)))
    text = page.content.decode()
    assert "1 convention déjà reprise est différente dans ce fichier : rien n’y est modifié." in text
    assert "1 convention était déjà reprise, sans changement." in text
    before = dict(Lieu.objects.values_list("pk", "nom"))
    refused = desk.post(PAGE, {"cle": key, "tout": "on"})
    assert refused.status_code == 422
    assert "Rien n’a été repris" in refused.content.decode()
    assert Convention.objects.count() == 2
    desk.post(PAGE, {"cle": key})
    assert Convention.objects.count() == 3
    assert before.items() <= dict(Lieu.objects.values_list("pk", "nom")).items()


@pytest.mark.rule("CON-13.d")
def test_what_waits_for_an_agreement_is_sealed_short_lived_and_that_agent_s_own(desk, client, agent):
    _, key = verify(desk, as_csv(row(1)))
    held = caches["brouillons"]
    stored = held.get(passing._name(key))
    assert b"personne1@exemple.fr" not in stored
    assert passing.read(key, str(AgentFactory().user.uuid)) is None
    client.force_login(AgentFactory().user)
    other = client.post(PAGE, {"cle": key})
    assert other.status_code == 422
    assert "plus d’une heure a passé" in other.content.decode()
    held.delete(passing._name(key))
    client.force_login(agent.user)
    assert client.post(PAGE, {"cle": key}).status_code == 422
    assert not Convention.objects.exists()


FAULTS = [
    ({"numero": ""}, "Numéro de la convention", "À remplir"),
    ({"gestionnaire_siren": "200070778"}, "SIREN du gestionnaire", "SIREN n’est pas valable"),
    ({"signed_caf_on": "24/11/2026"}, "Signée par la Caf le", "dans le futur"),
    ({"signed_caf_on": "45062"}, "Signée par la Caf le", "jj/mm/aaaa"),
    ({"effective_on": "01/01/2023"}, "En vigueur depuis le", "ne prend pas effet avant sa dernière signature"),
    ({"lieu_nature": "café"}, "Nature du lieu", "café"),
    ({"communes": ""}, "Communes", "au moins une commune"),
    ({"communes": "91228"}, "Communes", "n’est pas celui d’une commune de cette Caf"),
    ({"communes": "Évry-Courcouronnes"}, "Communes", "pas du territoire"),
    ({"communes": "77000"}, "Communes", "code postal"),
    ({"communes": "Melun (77100)"}, "Communes", "ne désignent pas la même commune"),
    ({"communes": "CC Brie des Rivières et Châteaux"}, "Communes", "intercommunalité"),
    ({"communes": "200070779"}, "Communes", "intercommunalité"),
    ({"personne_courriel": "pas une adresse"}, "Courriel de la personne", "adresse"),
    ({"lieu_nom": "=HYPERLINK(1)"}, "Nom du lieu", "formule"),
    ({"lieu_nom": "a\u202eb"}, "Nom du lieu", "pas permis"),
    ({"signataire_caf": "", "qualite_caf": ""}, "Signataire pour la Caf", "direction de la Caf n’est pas renseignée"),
]


@pytest.mark.rule("CON-13.c")
@pytest.mark.parametrize(("changes", "column", "said"), FAULTS)
def test_each_fault_names_its_line_its_column_and_what_to_do(desk, changes, column, said):
    response, key = verify(desk, as_csv(row(1), row(2, **changes)))
    text = response.content.decode()
    assert f"Ligne 3, « {column} »" in text
    if said != "café":  # what is written there is not repeated
        assert said in text
    assert "café" not in text
    desk.post(PAGE, {"cle": key})
    assert Reprise.objects.get().numero == "C-1"


@pytest.mark.rule("CON-13.b")
def test_communes_by_name_code_or_both_however_they_are_written(desk):
    _, key = verify(desk, as_csv(row(1, communes="le chatelet en brie\nMELUN (77000); 77288, Melun 77288")))
    desk.post(PAGE, {"cle": key})
    assert set(Couverture.objects.values_list("commune", flat=True)) == {"77100", "77288"}


@pytest.mark.rule("CON-13.c")
def test_a_number_given_to_two_conventions_is_a_fault_of_both_lines(desk):
    response, key = verify(desk, as_csv(row(1), row(2, numero="C-1")))
    assert "ce numéro est-il donné deux fois" in response.content.decode()
    assert not key


WRONG = {
    "empty": (b"", "Ce fichier est vide"),
    "titles": (as_csv(), "aucune convention"),
    "examples": (as_csv(*_PARTIES[1:]), "aucune convention"),
    "columns": (as_csv(["1", "2"], titles=["Numéro", "Ville"]), "Il manque des colonnes"),
    "twice": (as_csv(row(1) + ["x"], titles=[*TITLES, TITLES[1]]), "est là deux fois"),
    "utf16": ("é".encode("utf-16"), "caractères de ce fichier"),
    "bytes": (b"a;\x81\x8d", "caractères de ce fichier"),
    "binary": (b"\x00\x01\x02", "ni un CSV ni un classeur ODS"),
    "quote": (as_csv(row(1)) + b'"jamais ferm', "guillemet"),
    "xls": (b"\xd0\xcf\x11\xe0" + b"0" * 100, "classeur Excel"),
    "5000": (as_csv(*[row(1)] * 5_000), "plus de 3 000 lignes"),
    "big": (b"a;b\n" * 1_100_000, "4 Mo"),
    "wide": (b";".join([b"a"] * 300), "200 colonnes"),
    "cell": (as_csv(row(1, lieu_nom="a" * 20_000)), "10 000 caractères"),
    "xlsx": (raw_ods("", xl__workbook="<a/>"), "classeur Excel"),
    "odt": (raw_ods("", mimetype="application/vnd.oasis.opendocument.text"), "ni un CSV ni un classeur ODS"),
    "cut": (as_ods(row(1))[:900], "abîmé"),
    "malformed": (raw_ods("<table:table><p>"), "abîmé"),
    "protected": (raw_ods("", **{"META-INF__manifest": "<manifest:encryption-data/>"}), "mot de passe"),
    "zip bomb": (raw_ods(" " * 60_000_000), "4 Mo"),
    "columns bomb": (
        raw_ods(
            '<table:table><table:table-row table:number-rows-repeated="99999999"><table:table-cell '
            'table:number-columns-repeated="99999999" office:value-type="string"><text:p>a</text:p></table:table-cell>'
            "</table:table-row></table:table>"
        ),
        "200 colonnes",
    ),
    "rows bomb": (
        raw_ods(
            '<table:table><table:table-row table:number-rows-repeated="99999999"><table:table-cell '
            'office:value-type="string"><text:p>a</text:p></table:table-cell></table:table-row></table:table>'
        ),
        "plus de 3 000 lignes",
    ),
    "entities": (
        raw_ods(
            "<table:table><table:table-row><table:table-cell><text:p>&b;</text:p></table:table-cell></table:table-row>"
            "</table:table>",
            head=ods.HEAD.replace(
                "?><", '?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><', 1
            ),
        ),
        "abîmé",
    ),
}


@pytest.mark.rule("CON-13.b")
@pytest.mark.rule("CON-13.c")
@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_file_of_conventions_is_refused_in_a_sentence(desk, name):
    content, said = WRONG[name]
    response = desk.post(PAGE, {"fichier": upload(content)})
    assert response.status_code == 422
    assert said in response.content.decode()
    assert not Convention.objects.exists()


@pytest.mark.rule("CON-13.b")
def test_cells_of_a_workbook_are_read_as_they_are_meant():
    """Days and numbers by their value, formulas told, comments left out, repeated and empty cells counted."""
    cell = "<table:table-cell {}>{}</table:table-cell>"
    row_of = "<table:table-row>{}</table:table-row>"
    cells = [
        cell.format('office:value-type="date" office:date-value="2023-05-16T00:00:00"', "<text:p>16 mai</text:p>"),
        cell.format('office:value-type="float" office:value="217702885"', "<text:p>217 702 885,00</text:p>"),
        cell.format('table:number-columns-repeated="2"', ""),
        cell.format(
            'office:value-type="string"',
            "<office:annotation><text:p>secret</text:p></office:annotation>"
            "<text:p>a<text:s/>b<text:span>c</text:span></text:p><text:p>d</text:p>",
        ),
        cell.format('office:value-type="float" office:value="2" table:formula="of:=1+1"', "<text:p>2</text:p>"),
        cell.format('table:number-columns-repeated="16000"', ""),
    ]
    empty = '<table:table-row table:number-rows-repeated="3"><table:table-cell/></table:table-row>'
    sheet = f"<table:table>{empty}{row_of.format(''.join(cells))}</table:table><table:table>{row_of}</table:table>"
    [line] = tableur.read(raw_ods(sheet))
    assert line == tableur.Ligne(4, ["2023-05-16", "217702885", "", "", "a bc\nd", "2"], {5})


@pytest.mark.rule("CON-13.b")
def test_the_models_are_filled_and_come_back(desk):
    ods = desk.get("/admin/conventions/convention/reprise/modele.ods").content
    with zipfile.ZipFile(io.BytesIO(ods)) as archive:
        assert archive.infolist()[0].filename == "mimetype"
        content = archive.read("content.xml").decode()
    for said in ("Exemple", "Aide", "Au choix", "jj/mm/aaaa", "Une ligne par personne"):
        assert said in content
    [titles] = tableur.read(ods)
    assert titles.cells == TITLES
    page, key = verify(desk, ods)
    assert (page.status_code, key) == (422, "")
    rows = tableur.read(desk.get("/admin/conventions/convention/reprise/modele.csv").content)
    assert [line.cells for line in rows][0] == TITLES
    filled = [(WHOLE | {"numero": "A", "signataire_caf": "A B", "qualite_caf": "d"})[name] for name in HEADINGS]
    page, key = verify(desk, as_csv(*[line.cells for line in rows[1:]], filled))
    assert "1 convention peut être reprise" in page.content.decode()


@pytest.mark.rule("CON-13.b")
@pytest.mark.parametrize(
    ("who", "status"), [({"lecteur": True}, 403), ({"cnaf": True}, 403), ({"superviseur": True}, 200)]
)
def test_who_may(client, agent, who, status):
    client.force_login(AgentFactory(**who).user)
    for page in ("reprise/", "reprise/fichier/", "reprise/modele.ods", "reprise/modele.csv"):
        assert client.get(f"/admin/conventions/convention/{page}").status_code == status
    listed = "Reprendre par fichier" in client.get("/admin/conventions/convention/").content.decode()
    assert listed is (status == 200)


@pytest.mark.rule("CON-13.e")
@pytest.mark.django_db(transaction=True)
def test_confirmed_twice_at_once_is_done_once(client, agent):
    client.force_login(agent.user)
    _, key = verify(client, as_csv(*map(row, range(1, 6))))
    start, pages = threading.Barrier(4), []

    def confirm():
        try:
            start.wait()
            own = Client()
            own.cookies = client.cookies.copy()
            pages.append(own.post(PAGE, {"cle": key}).content.decode())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=confirm) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(pages) == 4
    assert sum("5 conventions sont reprises" in page for page in pages) == 1
    assert sum("5 conventions étaient déjà reprises" in page for page in pages) == 3
    assert (Convention.objects.count(), Entry.objects.filter(event="convention.reprise").count()) == (5, 5)


@pytest.mark.rule("CON-13.b")
@pytest.mark.rule("CON-13.d")
def test_the_command_reports_then_takes_over(agent, tmp_path, capsys):
    path = tmp_path / "conventions.csv"
    path.write_bytes(as_csv(row(1), row(2)))
    call_command("import_conventions", str(path), "--caf", "caf-77", "--dry-run")
    assert "conventions.csv: reprise=2" in (said := capsys.readouterr().out)
    assert "nothing written" in said
    assert not Convention.objects.exists()
    call_command("import_conventions", str(path), "--caf", "caf-77")
    assert Convention.objects.filter(accepted_by=None).count() == 2
    path.write_bytes(as_csv(row(1), row(2), row(3, lieu_telephone="12 personne secrète")))
    with pytest.raises(SystemExit) as ended:
        call_command("import_conventions", str(path), "--caf", "caf-77")
    assert ended.value.code == 1
    said = capsys.readouterr().out
    assert "inchangee=2" in said
    assert "4: Téléphone du lieu: " in said
    assert "secrète" not in said
    for file, caf in [(path, "caf-00"), (tmp_path / "rien.csv", "caf-77")]:
        with pytest.raises(CommandError) as refused:
            call_command("import_conventions", str(file), "--caf", caf)
        assert refused.value.returncode == 2


@pytest.mark.rule("CON-13.b")
def test_a_file_that_hides_its_size_is_read_no_further(monkeypatch):
    monkeypatch.setattr(tableur, "MAX_UNFOLDED", 1_000)
    with pytest.raises(Refused, match="4 Mo"):
        tableur.read(as_ods(row(1)))


def test_pages_lead_to_each_other(desk):
    listed = desk.get("/admin/conventions/convention/").content.decode()
    found = re.findall(r'href="([^"]*reprise[^"]*)"', listed)
    assert {urlsplit(one).path for one in found} == {"/admin/conventions/convention/reprise/", PAGE}
