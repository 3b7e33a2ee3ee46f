"""A family asks through the real pages: what is refused, what is kept, what is sent (DEM-1 to DEM-3)."""

import threading
from datetime import date

import pytest
from django.db import connection
from django.test import Client
from lxml import html

from conventions.models import Convention
from demandes.contenu import Contenu, champs
from demandes.documents import xml_writer
from demandes.documents.xml_reader import schema
from demandes.models import Demande, Dossier
from extranet.core.outbox.models import Message
from extranet.core.outbox.services import send_due
from tests.factories import NOW, HabilitationFactory, LieuFactory, contenu_of

pytestmark = pytest.mark.django_db
URL = "/demandes/nouvelle/?commune=77100"
TYPED = {
    "prenom": "Zibeline",
    "nom": "O’Kanari-Lefèvre",
    "courriel": "zibeline@famille.test",
    "telephone": "06 98 76 12 34",
    "code_postal": "29253",
    "ville": "Île-de-Batz",
    "allocataire": "oui",
    "contact_prefere": "telephone",
    "creneau": "après la traite",
    "modes": ["creche-collective", "garde-a-domicile"],
    "a_partir_du": "2027-01-04",
    "regularite": "regulier",
    "jours": ["lundi", "jeudi"],
    "de": "08:30",
    "a": "17:15",
    "atypiques": ["soir"],
    "rendez_vous": "interprete",
    "message": "Une phrase <b>très</b> privée.\nEt une autre.",
}
RELIRE = "/demandes/nouvelle/relire/?commune=77100"
CHILD = {"prenom": "Ornella", "situation": "ne", "date": "2025-06-01"}


def expected(day):
    return CHILD | {"prenom": "", "situation": "attendu", "date": day}


def born(day):
    return CHILD | {"prenom": "", "date": day}


def children(*rows):
    counts = {"enfants-TOTAL_FORMS": str(len(rows)), "enfants-INITIAL_FORMS": "0"}
    rows = [dict.fromkeys(CHILD, "") | row for row in rows]
    return counts | {f"enfants-{n}-{name}": value for n, row in enumerate(rows) for name, value in row.items()}


WHOLE = TYPED | children(CHILD)


@pytest.fixture(autouse=True)
def today(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def lieu(db):
    lieu = LieuFactory()
    HabilitationFactory(lieu=lieu, user__email="animatrice@lieu.test")
    return lieu


def post(client, changes=None, where=URL, **buttons):
    """The page that what was typed leads to: always the answer to a GET."""
    answer = client.post(where, WHOLE | (changes or {}) | buttons)
    assert answer.status_code == 302
    return client.get(answer["Location"])


def form_of(answer):
    (form,) = (form for form in html.document_fromstring(answer.content.decode()).forms if form.method == "POST")
    return form


def shown(answer):
    """(name, value) of what the page would send again, seen or hidden."""
    rows = [(n, "" if value == "on" else value.removeprefix("\n")) for n, value in form_of(answer).form_values()]
    return {row for row in rows if row[0] != "csrfmiddlewaretoken"}  # lxml says "on" for a chosen empty value


def press(client, page, **buttons):
    """A button of the page that `page` answered."""
    return client.post(form_of(page).action, dict_of(shown(page)) | buttons)


def go(client, page, **buttons):
    return client.get(press(client, page, **buttons)["Location"])


def pairs(values, but=""):
    rows = {(n, v) for n, vs in values.items() if n != but for v in (vs if isinstance(vs, list) else [vs]) if v}
    return {(n, v) for n, v in rows if not n.endswith("_FORMS")}


def said_beside(answer, name):
    page = html.document_fromstring(answer.content.decode())
    [block] = page.xpath(f"(//*[@name='{name}'])[1]/ancestor::div[contains(@class, 'champ--erreur')]")
    return " ".join(block.xpath(".//ul[contains(@class, 'errorlist')]//text()"))


def send(client, changes=None, where=URL):
    """From the summary of what was typed."""
    summary = post(client, changes, where)
    assert "Relisez votre demande" in summary.content.decode(), said(summary)
    return press(client, summary, valider="1")


def said(answer):
    return html.document_fromstring(answer.content.decode()).xpath("string(//*[@role='alert'])")


def nothing_is_written():
    return not (Demande.objects.exists() or Dossier.objects.exists() or Message.objects.exists())


NOT_TEXT = [("a\x07b", "pas permis"), ("a\u202eb", "pas permis"), ("a\nb", "pas permis"), ("a\x00b", "pas permis")]
ANY_TEXT = [("é" * 300, "caractères"), ("a\ufffeb", "pas permis"), *NOT_TEXT]


def name(words):
    return [("", words), ("   ", words), ("\u200b\u00ad", words), *ANY_TEXT]


WRONG = {
    "prenom": name("Indiquez votre prénom."),
    "nom": name("Indiquez votre nom."),
    "ville": name("Indiquez la commune où vous habitez."),
    "creneau": ANY_TEXT,
    "courriel": [
        *((value, "adresse") for value in ("lina", "lina@", "@x.test", "a@b.test, c@d.test")),
        *((value, "adresse") for value in ("a..b@c.test", "a@localhost")),
        *((value, "adresse") for value in ("a@b.test\r\nBcc: x@y.test", "é@b.test", "a@fâmille.test", '"a b"@c.test')),
        ("", "Indiquez votre adresse de courriel."),
        ("a" * 60 + "@" + "b." * 120 + "test", "caractères"),
        ("a@b.test\x00", "nul"),
    ],
    "telephone": [
        ("", "Indiquez un numéro"),
        *((v, "dix chiffres") for v in ("12", "06 00 00 00 0a", "0000000000", "+33 6 00", "+0612345678")),
        ("a\x00", "nul"),
        ("6" * 40, "20 caractères"),
    ],
    "code_postal": [("", "Indiquez le code postal"), ("778200", "5 caractères")]
    + [(v, "cinq chiffres") for v in ("7782", "77 20", "ABCDE", "٧٧٨٢٠")],
    "allocataire": [("peut-être", "choix valide")],
    "contact_prefere": [("pigeon", "choix valide")],
    "regularite": [("souvent", "choix valide")],
    "rendez_vous": [("avocat", "choix valide")],
    "modes": [
        ([], "Cochez au moins un mode"),
        *((value, "choix valide") for value in (["hotel"], ["creche-collective", "x\x00"])),
    ],
    "jours": [(["lundredi"], "choix valide"), ([], "Cochez les jours")],
    "atypiques": [(["aube"], "choix valide")],
    "de": [("25:00", "heure"), ("huit", "heure"), ("", "Indiquez une heure")],
    "a": [("24:30", "heure"), ("", "Indiquez une heure"), ("08:30", "après"), ("07:00", "après")],
    "a_partir_du": [("", "Indiquez à partir de quand")]
    + [(v, "par exemple") for v in ("31/02/2027", "demain", "2027-13-01", "99999-01-01", "٠١/٠٣/٢٠٢٧x")]
    + [(v, "trop loin") for v in ("2026-10-22", "2029-11-24", "9999-12-31", "0001-01-01")],
    "message": [("é" * 2001, "caractères"), *((v, "pas permis") for v in ("a\x00b", "a\u202eb", "a\x1bb"))],
    "enfants-0-prenom": ANY_TEXT,
    "enfants-0-situation": [("", "déjà né ou attendu"), ("perdu", "choix valide")],
    "enfants-0-date": [("2020-11-23", "six ans ou plus"), ("1900-01-01", "six ans ou plus")]
    + [("2026-11-24", "à venir"), ("9999-12-31", "à venir"), ("31/02/2025", "date valide"), ("", "date de naissance")],
}  # fmt: skip


@pytest.mark.rule("DEM-1.a")
@pytest.mark.rule("DEM-3.h")
@pytest.mark.parametrize(("name", "value", "words"), [(name, *row) for name, rows in WRONG.items() for row in rows])
def test_what_is_wrong_is_said_beside_the_field_and_what_was_typed_is_kept(client, lieu, name, value, words):
    kept = client.post(URL, WHOLE | {name: value, "changer": "1"})["Location"].partition("brouillon=")[2]
    straight = client.post(f"{RELIRE}&brouillon={kept}", {"valider": "1", "pour": str(lieu.uuid)})  # to the end
    for answer in (post(client, {name: value}), client.get(straight["Location"])):
        assert answer.status_code == 200
        assert words in said_beside(answer, name)
        assert words in said(answer) or words.lower() in said(answer)
        assert "<title>Erreur : " in answer.content.decode()
        assert pairs(WHOLE, but=name) <= shown(answer)
    assert nothing_is_written()


@pytest.mark.rule("DEM-1.a")
@pytest.mark.rule("DEM-3.b")
@pytest.mark.rule("DEM-3.d")
@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{}], "au moins un enfant"),
        ([CHILD, expected("2026-10-11")], "six semaines"),
        ([CHILD, expected("2028-05-24")], "dix-huit mois"),
        ([CHILD, expected("9999-12-31")], "dix-huit mois"),
        ([CHILD, {"prenom": "Sans date", "situation": "ne"}], "date de naissance"),
        ([CHILD, {"prenom": "Sans rien"}], "déjà né ou attendu"),
        ([CHILD, {"date": "2025-06-01"}], "déjà né ou attendu"),
        ([CHILD, born("2015-01-01")], "Votre demande reste possible pour les plus jeunes"),
    ],
)
def test_a_child_that_cannot_be_is_refused_and_the_family_goes_on_without_it(client, lieu, rows, words):
    answer = post(client, children(*rows))
    assert answer.status_code == 200
    assert words in said(answer)
    assert pairs(TYPED | children(*rows)) <= shown(answer)
    assert nothing_is_written()
    assert send(client, children(CHILD, {})).status_code == 302
    assert contenu_of().enfants == [{"prenom": "Ornella", "date_naissance": "2025-06-01"}]


@pytest.mark.rule("DEM-1.a")
@pytest.mark.rule("DEM-3.a")
@pytest.mark.rule("DEM-3.b")
@pytest.mark.rule("DEM-3.e")
@pytest.mark.rule("DEM-3.h")
@pytest.mark.rule("TEL-3.a")
@pytest.mark.parametrize(
    "changes",
    [
        children(expected("2026-10-12")),  # six weeks past
        children(expected("23/05/2028")),  # eighteen months ahead
        children(born("2020-11-24")),  # six tomorrow
        children(*[CHILD] * 10),
        {"telephone": ""} | dict.fromkeys(["allocataire", "contact_prefere", "creneau", "regularite", "message"], ""),
        {"jours": [], "de": "", "a": "", "atypiques": [], "rendez_vous": "", "allocataire": "non"},
        {"a_partir_du": "2026-10-23", "telephone": "+33 6.00-00 00 01"},
        {"a_partir_du": "23/11/2029", "telephone": "0692 00 00 01"},
        {"nom": "N" * 100, "prenom": "e\u0301" * 50, "creneau": "c" * 200, "telephone": "+32 470 12 34 56"},
        {"message": "ligne\r\n" * 333 + "fi"},
        {"nom": "<script>alert(1)</script>", "ville": "' OR 1=1 --"},
        {"creneau": "{{ 7*7 }}", "courriel": "a+b'c@x-y.test"},
    ],
)  # fmt: skip
def test_what_is_taken_is_kept_as_text_and_gives_valid_xml(client, lieu, changes):
    assert b"<script>alert" not in post(client, changes).content
    assert send(client, changes).status_code == 302
    demande = Demande.objects.select_related("dossier", "lieu", "transmission", "commune").get()
    assert (demande.state, demande.lieu) == ("transmise", lieu)
    schema().assertValid(html.etree.fromstring(xml_writer.write([demande], NOW)))
    assert len(contenu_of(demande).enfants) == int(changes.get("enfants-TOTAL_FORMS", 1))
    if "nom" in changes:
        assert contenu_of(demande).nom == changes["nom"]


ASKED = {
    "prenom", "nom", "courriel", "telephone", "code_postal", "ville", "allocataire", "contact_prefere", "creneau",
    "modes", "a_partir_du", "regularite", "jours", "de", "a", "atypiques", "rendez_vous", "message"
} | {"enfants-0-prenom", "enfants-0-situation", "enfants-0-date"}  # fmt: skip


@pytest.mark.rule("DEM-3.a")
@pytest.mark.rule("DEM-3.b")
@pytest.mark.rule("DEM-3.e")
@pytest.mark.rule("DEM-3.h")
@pytest.mark.rule("DEM-3.i")
@pytest.mark.rule("DEM-3.j")
def test_nothing_else_is_asked_and_it_says_what_it_is_for(client, lieu):
    page = html.document_fromstring(client.get(URL).content.decode())
    names = set(page.xpath("//form[@method='post']//*[self::input or self::select or self::textarea]/@name"))
    hidden = {"csrfmiddlewaretoken", "site_web"} | {name for name in names if name.endswith("_FORMS")}
    assert names - hidden == ASKED
    text = page.text_content()
    for sentence in ("pas une inscription", "aucune place n’est promise", "pas d’informations de santé", "six mois"):
        assert sentence in text
    assert champs(Contenu).keys() == {name for name in ASKED if "-" not in name} - {
        "modes", "a_partir_du", "regularite", "jours", "de", "a", "atypiques"
    } | {"besoin", "enfants"}  # fmt: skip


@pytest.mark.rule("DEM-2.d")
def test_several_lieux_are_shown_and_the_chosen_one_receives(client, lieu):
    other = LieuFactory(nom="Guichet unique du Châtelet", adresse="3 rue du Lavoir", telephone="+33160000009")
    HabilitationFactory(lieu=other)
    page = html.document_fromstring(client.get(URL).content.decode())
    text = page.xpath("string(//main)").replace("\xa0", " ")
    for word in (lieu.nom, other.nom, other.adresse, "01 60 00 00 09"):
        assert word in text
    assert not page.xpath("//main//input")
    for wrong in ("x", str(lieu.gestionnaire.uuid)):
        assert "Choisissez celui" in client.get(URL, {"commune": "77100", "lieu": wrong}).content.decode()
    assert send(client, where=f"{URL}&lieu={other.uuid}").status_code == 302
    demande = Demande.objects.get()
    assert (demande.lieu, demande.lieu_voulu) == (other, other)


@pytest.mark.rule("DEM-2.a")
@pytest.mark.parametrize("query", ["commune=", "commune=00000", "commune=%C3%A9" * 9, "q=%27%25_"])
def test_an_unknown_commune_is_asked_again(client, query):
    for answer in (client.get(f"/demandes/nouvelle/?{query}"), post(client, where=f"/demandes/nouvelle/?{query}")):
        assert answer.status_code == 200
        assert "Où cherchez-vous" in answer.content.decode()
    assert nothing_is_written()


@pytest.mark.rule("DEM-2.a")
def test_a_commune_is_found_by_its_name_or_code_and_an_unknown_one_is_said_so(client, lieu):
    found = client.get("/demandes/nouvelle/?q=CHATELET EN BRIE")
    assert (found.status_code, found["Location"]) == (302, URL)
    assert "commune=77100" in client.get("/demandes/nouvelle/?q=77820").content.decode()
    answer = client.get("/demandes/nouvelle/", {"q": "<b>Nulle-part"}).content.decode()
    assert "Aucune commune ne correspond à « &lt;b&gt;Nulle-part »" in answer


@pytest.mark.rule("DEM-4.a")
def test_everything_is_read_again_going_back_loses_nothing_and_a_row_is_added_without_reproach(client, lieu):
    summary = post(client)
    text = " ".join(html.document_fromstring(summary.content.decode()).xpath("string(//main)").split())
    for words in ("Zibeline O’Kanari-Lefèvre", "29253 Île-de-Batz", "lundi de 08:30 à 17:15", "4 janvier 2027"):
        assert words in text
    for words in (lieu.nom[1:], "Crèche collective, Garde à domicile", "né(e) le 1er juin 2025", "Un interprète"):
        assert words in text
    assert "après la traite" in text
    assert "<b>très</b>" not in summary.content.decode()
    assert nothing_is_written()
    back = go(client, summary, modifier="vous")
    assert pairs(WHOLE) <= shown(back)
    assert not said(back)
    more = post(client, {"nom": ""}, ajouter="enfants")
    assert not said(more)
    assert 'name="enfants-1-prenom"' in more.content.decode()
    assert pairs(WHOLE, but="nom") <= shown(more)


def dict_of(rows):
    found = {}
    for name, value in rows:
        found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize(
    "changes",
    [{"enfants-TOTAL_FORMS": total} for total in ("", "x", "-1", "0", "9" * 5000, "٣", "1e3", "\x00")]
    + [{"enfants-INITIAL_FORMS": "7"}, {"scelle": "\x00" * 20}, {"scelle": "court"}, {"valider": "1", "inconnu": "x"}],
)
def test_a_page_that_was_tampered_with_is_read_again(client, lieu, changes):
    for button in ({}, {"ajouter": "enfants"}, {"retirer": "enfants-7"}, {"retirer": "\x00"}):
        answer = post(client, {"pour": str(lieu.uuid)} | changes, **button)
        assert answer.status_code == 200
        assert pairs(WHOLE) <= shown(go(client, answer, modifier="besoin") if not button else answer)
    assert nothing_is_written()


@pytest.mark.rule("DEM-4.a")
def test_a_lieu_that_the_family_has_not_read_receives_nothing(client, lieu):
    summary = post(client)
    Convention.objects.filter(lieu=lieu).update(ended_on=date(2026, 11, 22))
    other = LieuFactory(nom="Guichet unique du Châtelet")
    HabilitationFactory(lieu=other)
    again = go(client, summary, valider="1")
    assert again.status_code == 200
    assert "au guichet unique du Châtelet" in again.content.decode()
    assert nothing_is_written()
    assert press(client, again, valider="1").status_code == 302
    assert Demande.objects.get().lieu == other


@pytest.mark.rule("DEM-6.d")
@pytest.mark.django_db(transaction=True)
def test_sent_twice_at_once_it_is_one_demande_and_one_mail_each(smtp_sink):
    lieu = LieuFactory()
    HabilitationFactory(lieu=lieu, user__email="animatrice@lieu.test")
    client, answers, start = Client(), [], threading.Barrier(3)
    summary = post(client)

    def again():
        same = Client()
        same.cookies = client.cookies
        start.wait(timeout=10)
        answers.append(press(same, summary, valider="1"))
        connection.close()

    threads = [threading.Thread(target=again) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [302] * 3
    assert len({answer["Location"] for answer in answers}) == 1
    assert (Demande.objects.count(), Dossier.objects.count()) == (1, 1)
    send_due(now=NOW)
    assert sorted(mail["To"] for mail in smtp_sink.mails) == ["animatrice@lieu.test", "zibeline@famille.test"]


@pytest.mark.rule("DEM-3.c")
def test_a_child_expected_by_birth_or_adoption_is_taken_and_the_form_names_both(client, lieu):
    page = client.get("/demandes/nouvelle/?commune=77100").content.decode().replace("\xa0", " ")
    assert "adoption" in page.lower()
    assert send(client, children(expected("2027-02-01"))).status_code == 302
    assert contenu_of().enfants == [{"date_prevue": "2027-02-01"}]
