"""What a family types, between two pages: sealed, short-lived, never lost while its page is there (decision 0010)."""

import base64
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache, caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from lxml import html

from demandes.models import Demande
from extranet.core.dates import PARIS
from tests.demandes.test_family import (  # noqa: F401 -- fixtures
    CHILD,
    URL,
    WHOLE,
    all_shown,
    born,
    children,
    dict_of,
    form_of,
    go,
    lieu,
    nothing_is_written,
    own,
    pairs,
    post,
    press,
    said,
    scelle,
    shown,
    today,
)
from tests.factories import NOW, HabilitationFactory, LieuFactory, contenu_of

pytestmark = pytest.mark.django_db
WORDS = ["Zibeline", "Kanari", "zibeline@", "98 76 12 34", "29253", "Batz", "traite", "privée", "Ornella"]


def stored():
    """Everything that the shared cache holds, as bytes."""
    redis = caches["brouillons"]._cache.get_client()
    return b"\n".join(key + b" " + (redis.get(key) if redis.type(key) == b"string" else b"") for key in redis.keys("*"))


@contextmanager
def cache_is_down(settings):
    """A port where nobody listens."""
    up = settings.CACHES
    settings.CACHES = {name: conf | {"LOCATION": "redis://127.0.0.1:1/0"} for name, conf in up.items()}
    try:
        yield
    finally:
        settings.CACHES = up


def key_of(page):
    return form_of(page).action.partition("brouillon=")[2]


@pytest.mark.rule("RGP-2.a")
def test_nothing_typed_lies_in_clear_in_the_cache_a_session_a_cookie_or_an_address(client, lieu):  # noqa: F811
    summary = post(client)
    kept = stored()
    assert key_of(summary).encode() in kept  # something was kept
    cookies = " ".join(morsel.value for morsel in client.cookies.values())
    for word in WORDS:
        for text in (word.encode(), base64.b64encode(word.encode() * 3)[4:-4], word.encode().hex().encode()):
            assert text not in kept, word
        assert word not in cookies, word
        assert word not in form_of(summary).action, word
        assert word not in dict_of(shown(summary))["scelle"][0], word
    assert not Session.objects.exists()
    assert client.cookies["brouillon"]["httponly"]
    assert client.cookies["brouillon"]["max-age"] <= 7200


@pytest.mark.rule("RGP-2.a")
def test_only_the_browser_that_wrote_it_opens_it(client, lieu):  # noqa: F811
    summary = post(client)
    carried = dict_of(shown(summary))
    for other in (Client(), Client()):
        other.cookies["brouillon"] = "A" * 43
        for address in (form_of(summary).action, f"{URL}&brouillon={key_of(summary)}"):
            answer = other.get(address)
            assert answer.status_code == 410
            assert not [word for word in WORDS if word in answer.content.decode()]
        assert other.post(form_of(summary).action, carried | {"valider": "1"}).status_code == 410
    fresh = client.get(URL)  # and the same browser without the address finds an empty form
    assert not [word for word in WORDS if word in fresh.content.decode()]
    assert nothing_is_written()


def test_it_is_gone_after_two_hours_and_the_page_still_has_its_fields(client, lieu, time_machine):  # noqa: F811
    filled = go(client, post(client), aller="vous")
    summary = post(client)
    redis = caches["brouillons"]._cache.get_client()
    assert all(0 < redis.ttl(key) <= 7200 for key in redis.keys("*brouillon*"))
    time_machine.move_to(NOW + timedelta(hours=2, seconds=1), tick=False)
    for page in (filled, summary):
        gone = client.get(form_of(page).action)
        assert gone.status_code == 410
        assert "effacé au bout de deux heures" in gone.content.decode()
        [again] = html.document_fromstring(gone.content.decode()).xpath("//a[text()='Recommencer']/@href")
        assert again == form_of(page).action.partition("&brouillon")[0]  # the commune is known still
        assert "vous répondra pour Le Châtelet-en-Brie" in client.get(again, follow=True).content.decode()
    assert press(client, summary, valider="1").status_code == 410
    again = client.get(press(client, filled)["Location"])  # its own step is kept, those before are asked again
    assert "remplissez aussi cette étape" in again.content.decode()
    again = go(client, again, **own("enfants"))
    assert "remplissez aussi cette étape" not in again.content.decode()
    for step in ("besoin", "horaires"):
        again = go(client, again, **own(step))
    assert pairs(own("vous")) <= shown(again)


@pytest.mark.rule("DEM-6.d")
def test_once_sent_nothing_typed_is_kept_and_going_back_leads_to_the_confirmation(client, lieu):  # noqa: F811
    summary = post(client)
    before = len(stored())
    sent = press(client, summary, valider="1")
    assert len(stored()) < before
    assert press(client, summary, valider="1")["Location"] == sent["Location"]  # pressed twice
    assert client.get(form_of(summary).action)["Location"] == sent["Location"]  # Back
    form = client.get(f"{URL}&brouillon={key_of(summary)}")
    assert not [word for word in WORDS if word in form.content.decode()]
    assert Demande.objects.count() == 1
    other = post(client, {"creneau": "le soir"}, where=form_of(form).action)  # another one, from the same page
    assert press(client, other, valider="1").status_code == 302
    assert Demande.objects.count() == 2


@pytest.mark.rule("DEM-3.b")
def test_what_was_right_in_the_evening_is_looked_at_again_after_midnight(client, lieu, time_machine):  # noqa: F811
    time_machine.move_to(datetime(2026, 11, 23, 23, 30, tzinfo=PARIS), tick=False)
    summary = post(client, children(CHILD, born("2020-11-24")))
    assert "Relisez votre demande" in summary.content.decode()
    time_machine.move_to(datetime(2026, 11, 24, 0, 30, tzinfo=PARIS), tick=False)
    for page in (go(client, summary, valider="1"), client.get(form_of(summary).action, follow=True)):
        assert said(page).count("six ans ou plus") == 1
        assert pairs(children(CHILD, born("2020-11-24"))) <= shown(page)
    assert not Demande.objects.exists()


def test_what_is_sent_is_what_the_page_said_in_each_window(client, lieu):  # noqa: F811
    first = post(client, {"creneau": "le matin"})
    second = go(client, go(client, first, aller="reponse"), creneau="le soir")
    for page in (first, second):
        assert press(client, page, valider="1").status_code == 302
    assert {contenu_of(one).creneau for one in Demande.objects.all()} == {"le matin", "le soir"}


def test_without_the_shared_cache_the_pages_carry_it_and_the_demande_is_sent(client, lieu, settings):  # noqa: F811
    kept = post(client)
    with cache_is_down(settings):
        more = client.post(URL, own("enfants") | {"ajouter": "enfants"})
        assert 'name="enfants-1-prenom"' in more.content.decode()
        besoin = client.post(URL, own("enfants"))
        vous = press(client, press(client, besoin, **own("besoin")), **own("horaires"))
        wrong = press(client, vous, **(own("vous") | {"nom": ""}))
        assert (wrong.status_code, "Indiquez votre nom." in said(wrong)) == (422, True)
        assert pairs(own("vous"), but="nom") <= shown(wrong)
        summary = press(client, press(client, wrong, nom="Kanari"), **own("reponse"))
        assert "Relisez votre demande" in summary.content.decode()
        back = press(client, summary, aller="vous")
        assert pairs(own("vous"), but="nom") <= shown(back)
        asked = client.post(form_of(summary).action, dict_of(shown(summary)))  # without the browser's work
        assert "Recopiez les lettres" in asked.content.decode()
        later = client.get(form_of(kept).action)
        assert (later.status_code, later["Retry-After"]) == (503, "10")
        assert "Rechargez cette page" in later.content.decode()
        assert "/demandes/envoyee/" in press(client, summary, valider="1")["Location"]
        assert "/demandes/envoyee/" in press(client, kept, valider="1")["Location"]
    assert Demande.objects.count() == 2


def test_the_cache_emptied_in_the_middle_loses_nothing(client, lieu):  # noqa: F811
    summary = post(client)
    cache.clear()
    back = go(client, summary, aller="besoin")
    assert pairs(own("besoin")) <= shown(back)
    cache.clear()
    assert press(client, summary, valider="1").status_code == 302
    assert Demande.objects.count() == 1


@pytest.mark.parametrize("length", [100_000, 400_000])
def test_what_is_far_too_long_is_said_so_and_kept_in_its_page_only(client, lieu, length):  # noqa: F811
    page = go(client, post(client), aller="reponse")
    answer = client.post(form_of(page).action, own("reponse") | scelle(page) | {"message": "é" * length}, follow=True)
    assert "caractères" in said(answer)
    assert "é" * length in answer.content.decode()
    assert len(stored()) < 250_000


@pytest.mark.rule("DEM-2.a")
def test_another_commune_is_chosen_without_losing_what_was_typed(client, lieu):  # noqa: F811
    HabilitationFactory(lieu=LieuFactory(nom="RPE de Melun", convention__communes=["77288"]))
    choose = go(client, go(client, post(client), aller="enfants"), changer="1")
    [form] = [form for form in html.document_fromstring(choose.content.decode()).forms if form.get("role") == "search"]
    found = client.get("/demandes/nouvelle/", dict(form.form_values()) | {"q": "melun"})
    page = client.get(found["Location"])
    assert "RPE de Melun" in page.content.decode()
    assert pairs(WHOLE) <= all_shown(client, page)


@pytest.mark.rule("DEM-3.f")
def test_who_does_not_know_the_mode_yet_is_told_about_all_three(client, lieu):  # noqa: F811
    for modes in (["ne-sait-pas"], ["creche-collective", "ne-sait-pas"]):
        summary = post(client, {"modes": modes, "creneau": str(modes)})
        assert "Crèche collective, Assistante maternelle, Garde à domicile" in summary.content.decode()
        assert press(client, summary, valider="1").status_code == 302
    wanted = ["creche-collective", "assistante-maternelle", "garde-a-domicile"]
    assert [list(demande.modes) for demande in Demande.objects.all()] == [wanted, wanted]


@pytest.mark.rule("DEM-3.a")
@pytest.mark.parametrize("chosen", [{"contact_prefere": "telephone"}, {"rendez_vous": "telephone-seulement"}])
def test_by_telephone_needs_a_number(client, lieu, chosen):  # noqa: F811
    other = {"contact_prefere": "", "rendez_vous": "", "telephone": ""}
    wrong = post(client, other | chosen)
    assert "indiquez un numéro" in said(wrong)
    [aide] = html.document_fromstring(wrong.content.decode()).xpath("//*[@id='id_telephone_helptext']")
    assert "Nécessaire si vous préférez être joint par téléphone" in aide.text_content()
    assert not said(post(client, other))
    assert not said(post(client, other | chosen | {"telephone": "06 00 00 00 01"}))


@pytest.mark.rule("DEM-1.b")
def test_a_child_is_taken_away_without_javascript_and_the_others_keep_what_was_typed(client, lieu):  # noqa: F811
    rows = children(CHILD, {"prenom": "Zoé"}, born("2024-02-01"))
    answer = client.post(URL, rows | {"retirer": "enfants-1"})
    assert answer["Location"].endswith("#enfants-0")
    page = client.get(answer["Location"])
    assert pairs(children(CHILD, born("2024-02-01"))) <= shown(page)
    assert "enfants-2-" not in page.content.decode()
    assert client.post(URL, rows | {"ajouter": "enfants"})["Location"].endswith("#enfants-3")
    last = go(client, page, retirer="enfants-1")
    last = go(client, last, retirer="enfants-0")  # the only one: an empty row is left
    assert dict_of(shown(last))["enfants-TOTAL_FORMS"] == ["1"]
    assert "Ornella" not in last.content.decode()
    assert not said(last)


@pytest.mark.rule("DEM-1.b")
def test_what_is_to_be_corrected_is_said_in_the_order_of_the_page_with_links_to_the_fields(client, lieu):  # noqa: F811
    by_day = {"par_jour": "1", "jours": [], "mardi-de": "08:00", "mercredi-de": "9", "mercredi-a": "12:00"}
    links, sentences = [], []
    for page in (
        post(client, children({"prenom": "Zoé"}, CHILD | {"date": "2026-11-24"})),
        post(client, {"a_partir_du": "demain", "modes": []}),
        post(client, by_day),
        post(client, {"nom": "", "ville": ""}),
    ):
        page = html.document_fromstring(page.content.decode())
        own = page.xpath("//*[@role='alert']//a/@href")
        order = [element.get("id") for element in page.xpath("//*[@id]")]
        assert sorted(own, key=lambda link: order.index(link[1:])) == own
        links += own
        sentences += [link.text_content() for link in page.xpath("//*[@role='alert']//a")]
    assert links == [
        "#id_enfants-0-situation_0",
        "#id_enfants-0-date",
        "#id_enfants-1-date",
        "#id_modes_0",
        "#id_a_partir_du",
        "#id_mardi-a",
        "#id_mercredi-de",
        "#id_nom",
        "#id_ville",
    ]
    assert sentences == [
        "Enfant 1\xa0: dites si cet enfant est déjà né ou attendu.",
        "Enfant 1\xa0: indiquez sa date de naissance, ou la date prévue.",
        "Enfant 2, sa date de naissance ou sa date prévue\xa0: cette date est à venir. "
        "Choisissez « Attendu(e) », ou corrigez-la.",
        "Cochez au moins un mode d’accueil, ou « Je ne sais pas encore ».",
        "À partir de quand\xa0: écrivez une date, par exemple 01/03/2027.",
        "Mardi, à\xa0: indiquez une heure, même approximative.",
        "Mercredi, de\xa0: écrivez une heure, par exemple 08:30.",
        "Indiquez votre nom.",
        "Indiquez la commune où vous habitez.",
    ]


@pytest.mark.rule("RGP-1.a")
def test_the_form_says_at_its_start_who_is_responsible_what_for_how_long_and_the_rights(client, lieu):  # noqa: F811
    page = html.document_fromstring(client.get(URL).content.decode())
    [notice] = page.xpath("//form//*[@aria-labelledby='vos-donnees']")
    assert not notice.xpath("preceding::input[not(@type='hidden')]")
    [folded] = notice.xpath("details")
    seen = notice.text_content().replace(folded.text_content(), "")
    for words in ("Cnaf", "Caf de Seine-et-Marne", lieu.nom[1:], "Responsables", "Vos données et vos droits"):
        assert words in seen  # without unfolding anything
    for words in (
        "Cnaf",
        "Caf de Seine-et-Marne",
        lieu.nom[1:],
        "modes d’accueil",
        "six mois",
        "droit",
        "effacer",
        "opposer",
    ):
        assert words in notice.text_content()


def test_a_place_is_read_once_a_page(client, lieu):  # noqa: F811
    """Most of a sending is the writing itself: 31 queries before, 52 ms for the summary page alone."""
    summary = post(client)
    with CaptureQueriesContext(connection) as read:
        assert client.get(form_of(summary).action).status_code == 200
    assert len(read) <= 4, "\n".join(query["sql"][:120] for query in read)
    with CaptureQueriesContext(connection) as written:
        assert press(client, summary, valider="1").status_code == 302
    assert len(written) <= 27, "\n".join(query["sql"][:120] for query in written)
