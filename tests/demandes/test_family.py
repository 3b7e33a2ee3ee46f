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
from demandes.views.family import FILLED, FORMS
from extranet.core.outbox.models import Message
from extranet.core.outbox.services import send_due
from tests.factories import NOW, HabilitationFactory, LieuFactory, contenu_of
from tests.proof import solved

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


def step_of(name):
    """The step that asks for a field."""
    return next((step for step, form in FORMS.items() if name in form.names()), "enfants")


def own(step, typed=None):
    """What is typed on a step."""
    return {name: value for name, value in (typed or WHOLE).items() if step_of(name) == step}


def post(client, changes=None, where=URL, **buttons):
    """The page that what was typed, step by step, leads to: always the answer to a GET; `buttons` of the first step."""
    typed = WHOLE | (changes or {})
    answer = client.post(where, own("enfants", typed) | buttons)
    for step in () if buttons else FORMS:
        address = answer["Location"].partition("#")[0]
        if f"/{step}/" not in address or "revoir" in address:
            break
        answer = client.post(address, own(step, typed))
    return follow(client, answer)


def follow(client, answer):
    assert answer.status_code == 302
    return client.get(answer["Location"])


def scelle(page):
    return {name: value for name, value in dict_of(shown(page)).items() if name == "scelle"}


def all_shown(client, page):
    """(name, value) of what each step shows again, from the one of `page` on, or from the summary."""
    rows = set()
    for step in FILLED:
        rows |= shown(go(client, page, aller=step))
    return rows


def form_of(answer):
    (form,) = (form for form in html.document_fromstring(answer.content.decode()).forms if form.method == "POST")
    return form


def shown(answer):
    """(name, value) of what the page would send again, seen or hidden."""
    rows = [(n, "" if value == "on" else value.removeprefix("\n")) for n, value in form_of(answer).form_values()]
    return {row for row in rows if row[0] != "csrfmiddlewaretoken"}  # lxml says "on" for a chosen empty value


def press(client, page, **buttons):
    """A button of the page that `page` answered."""
    proof = solved(page.content.decode()) if "valider" in buttons else {}
    return client.post(form_of(page).action, dict_of(shown(page)) | buttons | proof)


def go(client, page, **buttons):
    return client.get(press(client, page, **buttons)["Location"])


def pairs(values, but=""):
    rows = {(n, v) for n, vs in values.items() if n != but for v in (vs if isinstance(vs, list) else [vs]) if v}
    return {(n, v) for n, v in rows if not n.endswith("_FORMS")}


def said_beside(answer, name):
    page = html.document_fromstring(answer.content.decode())
    [block] = page.xpath(f"(//*[@name='{name}'])[1]/ancestor::div[contains(@class, 'champ--erreur')]")
    [sentence] = block.xpath(".//ul[contains(@class, 'errorlist')]/li")  # one thing at a time
    return sentence.text_content()


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
        *((value, "prenom.nom@exemple.fr") for value in ("lina", "lina@", "@x.test", "a@b.test, c@d.test")),
        *((value, "adresse") for value in ("a..b@c.test", "a@localhost")),
        *((value, "adresse") for value in ("a@b.test\r\nBcc: x@y.test", "é@b.test", "a@fâmille.test", '"a b"@c.test')),
        ("", "Indiquez votre adresse de courriel."),
        ("a" * 60 + "@" + "b." * 120 + "test", "caractères"),
        ("a@b.test\x00", "exemple.fr"),
    ],
    "telephone": [
        ("", "Indiquez un numéro"),
        *((v, "dix chiffres") for v in ("12", "06 00 00 00 0a", "0000000000", "+33 6 00", "+0612345678")),
        ("a\x00", "nul"),
        ("6" * 40, "au plus 20 caractères"),
    ],
    "code_postal": [("", "Indiquez le code postal"), ("778200", "cinq chiffres")]
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
    "de": [("25:00", "exemple 08:30"), ("huit", "exemple 08:30"), ("", "Indiquez une heure")],
    "a": [("24:30", "exemple 08:30"), ("", "Indiquez une heure"), ("08:30", "après"), ("07:00", "après")],
    "a_partir_du": [("", "Indiquez à partir de quand")]
    + [(v, "par exemple") for v in ("31/02/2027", "demain", "2027-13-01", "99999-01-01", "٠١/٠٣/٢٠٢٧x")]
    + [(v, "et dans trois ans") for v in ("2026-10-22", "2029-11-24", "9999-12-31", "0001-01-01")],
    "message": [("é" * 2001, "au plus 2000 caractères (il y en a 2001)")]
    + [(v, "pas permis") for v in ("a\x00b", "a\u202eb", "a\x1bb")],
    "enfants-0-prenom": ANY_TEXT,
    "enfants-0-situation": [("", "déjà né ou attendu"), ("perdu", "choix valide")],
    "enfants-0-date": [("2020-11-23", "six ans ou plus"), ("1900-01-01", "six ans ou plus")]
    + [("2026-11-24", "à venir"), ("9999-12-31", "à venir"), ("31/02/2025", "date valide"), ("", "date de naissance")],
}  # fmt: skip


@pytest.mark.rule("DEM-1.a")
@pytest.mark.rule("DEM-3.h")
@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_beside_the_field_and_what_was_typed_is_kept(client, lieu, name):
    step = step_of(name)
    page = go(client, post(client), aller=step)
    for value, words in WRONG[name]:
        sent = own(step, WHOLE | {name: value}) | scelle(page)
        answer = follow(client, client.post(form_of(page).action, sent))
        says_what_is_wrong(answer, step, name, words)
    assert pairs(WHOLE, but=name) <= all_shown(client, answer)
    unjudged = follow(client, client.post(form_of(page).action, sent | {"aller": "enfants"}))
    assert not said(unjudged)
    key = form_of(unjudged).action.partition("brouillon=")[2]
    straight = client.post(f"{RELIRE}&brouillon={key}", {"valider": "1", "pour": str(lieu.uuid)})  # to the end
    says_what_is_wrong(follow(client, straight), step, name, words)
    assert nothing_is_written()


def says_what_is_wrong(answer, step, name, words):
    assert answer.status_code == 200
    assert words in said_beside(answer, name)
    [line] = html.document_fromstring(answer.content.decode()).xpath("//*[@role='alert']//li/a/text()")
    assert words in line or words.lower() in line
    assert line.count("\xa0:") <= 1
    assert "<title>Erreur : " in answer.content.decode()
    assert pairs(own(step), but=name) <= shown(answer)


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
    assert pairs(children(*rows)) <= shown(answer)
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
    first = client.get(URL)
    pages = [html.document_fromstring(go(client, first, aller=step).content.decode()) for step in FILLED]
    field = "//form[@method='post']//*[self::input or self::select or self::textarea]"
    names = {name for page in pages for name in page.xpath(f"{field}/@name")}
    assert not [page.xpath(f"{field}[@checked or @selected]") for page in pages if page.xpath(f"{field}[@checked]")]
    hidden = {"csrfmiddlewaretoken", "site_web", "scelle"} | {name for name in names if name.endswith("_FORMS")}
    assert names - hidden == ASKED
    text = " ".join(page.text_content() for page in pages)
    for sentence in ("pas une inscription", "aucune place n’est promise", "pas d’informations de santé", "six mois"):
        assert sentence in text
    assert champs(Contenu).keys() == {name for name in ASKED if "-" not in name} - {
        "modes", "a_partir_du", "regularite", "jours", "de", "a", "atypiques"
    } | {"besoin", "enfants"}  # fmt: skip


@pytest.mark.rule("DEM-2.d")
def test_several_lieux_are_shown_and_the_chosen_one_receives(client, lieu):
    named = {"nom": "Guichet unique du Châtelet", "adresse": "3 rue du Lavoir", "telephone": "+33160000009"}
    other = LieuFactory(nature="guichet-unique", **named)
    HabilitationFactory(lieu=other)
    page = html.document_fromstring(client.get(URL).content.decode())
    text = page.xpath("string(//main)").replace("\xa0", " ")
    for word in (lieu.nom, other.nom, other.adresse, "01 60 00 00 09", "répondre au Châtelet-en-Brie ?"):
        assert word in text
    differences = [card.xpath("string(p[1])") for card in page.xpath("//article")]
    assert "demande une place en crèche" in differences[0]  # the guichet comes first, by name
    assert "assistantes maternelles" in differences[1]
    assert not page.xpath("//main//input")
    for wrong in ("x", str(lieu.gestionnaire.uuid)):
        assert "Choisissez celui" in client.get(URL, {"commune": "77100", "lieu": wrong}).content.decode()
    assert send(client, where=f"{URL}&lieu={other.uuid}").status_code == 302
    demande = Demande.objects.get()
    assert (demande.lieu, demande.lieu_voulu) == (other, other)


@pytest.mark.rule("DEM-2.d")
def test_a_poster_leads_to_its_lieu_the_other_can_be_chosen_and_who_is_left_when_it_stops(client, lieu):
    other = LieuFactory(nom="Guichet unique du Châtelet")
    poster = f"/demandes/nouvelle/?lieu={lieu.uuid}"  # without a commune: the family chooses its own
    assert "Où cherchez-vous" in client.get(poster).content.decode()
    page = client.get(client.get(f"{poster}&q=Châtelet en Brie")["Location"])
    assert f"{lieu.nom[1:]} vous répondra" in page.content.decode()
    several = html.document_fromstring(client.get(f"{poster}&q=77820").content.decode())
    assert f"?commune=77100&lieu={lieu.uuid}" in several.xpath("//ul[@class='choix-communes']//a/@href")
    choice = go(client, page, changer="lieu", **own("enfants"))
    [link] = html.document_fromstring(choice.content.decode()).xpath(f"//a[contains(@href, '{other.uuid}')]/@href")
    chosen = client.get(f"/demandes/nouvelle/{link}")
    assert "Le guichet unique du Châtelet vous répondra" in chosen.content.decode()
    assert pairs(own("enfants")) <= shown(chosen)  # nothing typed is lost
    Convention.objects.filter(lieu=lieu).update(ended_on=date(2026, 11, 22))
    left = client.get(f"{URL}&lieu={lieu.uuid}").content.decode()
    assert "Le guichet unique du Châtelet vous répondra" in left
    assert "Changer de lieu" not in left


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
    back = go(client, summary, aller="vous")
    assert pairs(own("vous")) <= shown(back)
    assert not said(back)
    assert pairs(WHOLE) <= all_shown(client, back)
    assert "Relisez votre demande" in go(client, back).content.decode()  # and each part leads back to the whole
    more = post(client, {"enfants-0-date": ""}, ajouter="enfants")
    assert not said(more)
    assert 'name="enfants-1-prenom"' in more.content.decode()
    assert pairs(own("enfants"), but="enfants-0-date") <= shown(more)


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
        page = follow(client, client.post(URL, own("enfants") | {"pour": str(lieu.uuid)} | changes | button))
        assert page.status_code == 200
        assert pairs(own("enfants")) <= shown(go(client, page, aller="enfants"))
    summary = post(client)
    for odd in ({"heures": "\x00"}, {"comme": "lundredi"}, {"aller": "relire"}, {"jours": ["x"], "heures": "par-jour"}):
        page = follow(client, client.post(form_of(go(client, summary, aller="horaires")).action, own("horaires") | odd))
        assert page.status_code == 200
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
        start.wait(timeout=60)
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


@pytest.mark.rule("DEM-3.g")
def test_hours_are_typed_once_for_the_chosen_days_then_changed_day_by_day(client, lieu):
    page = go(client, post(client), aller="horaires")  # Monday and Thursday, from 08:30 to 17:15
    page = go(client, page, heures="par-jour")
    each = {"lundi-de": "08:30", "lundi-a": "17:15", "jeudi-de": "08:30", "jeudi-a": "17:15", "par_jour": "1"}
    assert pairs(each) <= shown(page)
    assert "jours" not in dict_of(shown(page))
    page = go(client, page, **{"jeudi-a": "12:00", "comme": "mardi"})
    assert pairs(each | {"mardi-de": "08:30", "mardi-a": "17:15", "jeudi-a": "12:00"}) <= shown(page)
    page = go(client, page, comme="lundi")  # nothing above it
    whole = {"lundi-puis_de": "18:00", "lundi-puis_a": "19:00"}
    summary = go(client, page, **whole)
    said_so = "lundi de 08:30 à 17:15 ; lundi de 18:00 à 19:00 ; mardi de 08:30 à 17:15 ; jeudi de 08:30 à 12:00"
    assert said_so in summary.content.decode()
    assert press(client, summary, valider="1").status_code == 302
    hours = [["lundi", "08:30", "17:15"], ["lundi", "18:00", "19:00"], ["mardi", "08:30", "17:15"]]
    demande = Demande.objects.select_related("dossier", "lieu", "transmission", "commune").get()
    assert contenu_of(demande).besoin["horaires"] == [*hours, ["jeudi", "08:30", "12:00"]]
    schema().assertValid(html.etree.fromstring(xml_writer.write([demande], NOW)))
    same = go(client, go(client, post(client), aller="horaires"), heures="par-jour")
    back = go(client, same, **{"jeudi-de": "", "jeudi-a": "", "vendredi-de": "10:00", "heures": "memes"})
    assert pairs({"jours": ["lundi", "vendredi"], "de": "08:30", "a": "17:15"}) <= shown(back)
    assert not said(back)


BY_DAY = {"par_jour": "1", "lundi-de": "08:30", "lundi-a": "12:00"}


@pytest.mark.rule("DEM-3.g")
def test_hours_of_a_day_that_cannot_be_are_said_beside_it(client, lieu):
    page = go(client, post(client), aller="horaires")
    for name, value, words in (
        ("lundi-a", "", "Indiquez une heure"),
        ("lundi-de", "12:00", None),
        ("lundi-a", "08:00", "L’heure de fin"),
        ("lundi-puis_de", "11:00", "Indiquez une heure"),
        ("mardi-a", "25:00", "exemple 08:30"),
        ("dimanche-puis_a", "11:00", "Indiquez une heure"),
    ):
        sent = own("horaires") | {"jours": []} | BY_DAY | {name: value} | scelle(page)
        answer = follow(client, client.post(form_of(page).action, sent))
        wrong = {"lundi-de": "lundi-a", "lundi-puis_de": "lundi-puis_a", "dimanche-puis_a": "dimanche-puis_de"}
        assert (words or "L’heure de fin") in said_beside(answer, wrong.get(name, name))
    cut = BY_DAY | {"lundi-puis_de": "11:00", "lundi-puis_a": "13:00"}
    sent = own("horaires") | {"jours": []} | cut | scelle(page)
    assert "Cette heure vient après" in said_beside(
        follow(client, client.post(form_of(page).action, sent)), "lundi-puis_de"
    )
    assert nothing_is_written()
