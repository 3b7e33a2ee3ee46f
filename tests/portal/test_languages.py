"""Families read in their language, everybody else in French (DEM-9)."""

import re
from contextlib import contextmanager

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils import translation
from lxml import html

from demandes import queries
from demandes.models import Demande
from demandes.views import family
from extranet.core import languages
from extranet.core.errors import NoKey
from extranet.core.outbox import services as outbox
from tests.conftest import text_of
from tests.demandes.test_family import (  # noqa: F401 -- a fixture
    FILLED,
    FORMS,
    TYPED,
    URL,
    WHOLE,
    dict_of,
    form_of,
    go,
    own,
    post,
    press,
    shown,
    today,
)
from tests.factories import (
    NOW,
    AgentFactory,
    DemandeFactory,
    HabilitationFactory,
    LieuFactory,
    contenu_of,
)

pytestmark = pytest.mark.django_db
ENGLISH = {"HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.9,fr;q=0.1"}


@pytest.fixture
def lieu(db):
    lieu = LieuFactory(nom="RPE des Tilleuls")
    HabilitationFactory(lieu=lieu, user__email="animatrice@lieu.test")
    return lieu


def texts(page):
    """What a person may read or hear, but what the page says to be French."""
    root = html.document_fromstring(page)
    for one in [
        *root.iter("script", "style"),
        *root.xpath("//*[@lang and @lang != /html/@lang]"),
        *root.xpath("//ul[contains(@class, 'choix')]"),
    ]:
        one.getparent().remove(one)
    found = {" ".join(text.split()) for text in root.itertext()}
    for name in ("aria-label", "placeholder", "alt", "title"):
        found |= {" ".join(value.split()) for value in root.xpath(f"//@{name}")}
    return {text for text in found if re.search(r"[^\W\d_]{2}", text)}


# Names, and what was typed: the same in every language.
DATA = re.compile(
    r"Extranet partenaires|.* – Extranet partenaires monenfant\.fr|Extranet partenaires monenfant\.fr|F-\S+|"
    r"ME-\S+|RPE .*|Le Châtelet-en-Brie.*|.*, \d{5} .*|\S+@\S+|Lou|Ornella|Nous cherchons.*|Zibeline .*|29253 .*|"
    r"\d{5} .*|après la traite|Une phrase.*|Et une autre\.|Cookies|PDF|Caf|cnil\.fr|formulaire\.def.*|"
    r"Message .*Cookies|Sacha Famille.*|hh:mm|\d+\s?minutes|Vaux.*|Paris.*|Moorea.*|"
    r"\d+(-\d+)? (avenue|rue|boulevard).*"
)


def both(client, path, **asked):
    """The page in English, once it is sure that nothing but data is the same in French."""
    answers = {code: client.get(path, asked | {"langue": code}) for code in ("fr", "en")}
    pages = {code: answer.content.decode() for code, answer in answers.items()}
    for code, answer in answers.items():
        assert answer["Content-Language"] == code
        assert f'<html lang="{code}"' in pages[code]
    same = {text for text in texts(pages["fr"]) & texts(pages["en"]) if not DATA.fullmatch(text)}
    assert not same, (path, same)
    return answers["en"]


@pytest.mark.rule("DEM-9.a")
def test_nothing_but_data_is_the_same_in_french_and_in_english(client, lieu):
    LieuFactory(nom="RPE des Mûriers", convention__communes=["77487"])
    LieuFactory(nom="RPE des Ormes", convention__communes=["77487"])
    for path, asked in (
        ("/", {}),
        ("/", {"commune": "77100"}),
        ("/", {"commune": "77487"}),
        ("/", {"commune": "77001"}),
        ("/", {"commune": "75056"}),
        ("/", {"q": "Saint-M"}),
        ("/", {"q": "Vaux"}),
        ("/", {"q": "zzzz"}),
        ("/demandes/nouvelle/", {}),
        ("/demandes/nouvelle/", {"q": "Vaux"}),
        ("/demandes/nouvelle/", {"q": "zzzz"}),
        ("/demandes/nouvelle/", {"commune": "77487"}),
        ("/demandes/nouvelle/", {"commune": "77001"}),
        ("/demandes/nouvelle/", {"commune": "75056"}),
        ("/demandes/nouvelle/", {"commune": "98735"}),
        ("/demandes/nouvelle/", {"commune": "77100"}),
        ("/demandes/retiree/", {}),
        ("/confidentialite/", {}),
        ("/mentions-legales/", {}),
        ("/accessibilite/", {}),
        ("/n-existe-pas/", {}),
        ("/demandes/suivi/AAAA/", {}),
        ("/demandes/nouvelle/?brouillon=AAAAAAAAAAAAAAAA", {"brouillon": "A" * 16}),
    ):
        both(client, path, **asked)


@pytest.mark.rule("DEM-9.a")
def test_the_form_what_is_wrong_the_summary_and_the_link_are_all_in_english(client, lieu):
    wrong = dict.fromkeys(WHOLE, "") | {"jours": ["lundi"], "enfants-0-situation": "ne", "enfants-0-date": "2015-01-01"}
    wrong |= {
        "enfants-TOTAL_FORMS": "2",
        "courriel": "é@x",
        "telephone": "12",
        "code_postal": "x",
        "a_partir_du": "2050-01-01",
    }
    by_day = {"par_jour": "1", "lundi-de": "8", "mardi-de": "09:00", "mardi-a": "08:00", "mardi-puis_de": "07:00"}
    summary = post(client)
    for step in FILLED:
        action = form_of(go(client, summary, aller=step)).action
        both(client, action, **dict_of_query(action))
        for typed in (wrong, dict(TYPED) | {"enfants-TOTAL_FORMS": "1"}, by_day, {}):
            faulty = client.post(action, typed)["Location"].partition("#")[0]
            both(client, faulty, **dict_of_query(faulty))
    for verifier in ("1", "encore"):
        whole = form_of(post(client)).action
        both(client, whole, **dict_of_query(whole), verifier=verifier)
    press(client, client.get(whole), valider="1")
    whole = form_of(post(client)).action  # the same again, from the same browser
    assert "You have already sent" in both(client, whole, **dict_of_query(whole)).content.decode()
    demande = Demande.objects.get()
    assert demande.langue == "en"
    token = queries.link_token(demande.uuid)
    both(client, reverse("demandes:envoyee", args=[token]))
    for state in ("a-orienter", "transmise", "recuperee", "traitee"):
        Demande.objects.update(state=state, lieu=None if state == "a-orienter" else lieu)
        demande.attributions.update(picked_up_at=NOW)
        both(client, reverse("demandes:suivi", args=[token]))
    for state in ("retiree", "purgee"):
        Demande.objects.update(state=state, destroyed_at=NOW)
        assert "23 November 2026" in both(client, reverse("demandes:suivi", args=[token])).content.decode()


@pytest.mark.rule("DEM-9.a")
def test_each_refusal_that_a_family_may_meet_is_in_its_language(lieu, monkeypatch):
    monkeypatch.setattr(family, "BRAKES", {"network": [(0, 3600)], "address": [(0, 3600)]})
    seen = {}
    for code in ("fr", "en"):
        client, strict = Client(), Client(enforce_csrf_checks=True)
        client.cookies["langue"] = strict.cookies["langue"] = code
        answers = [
            strict.post(URL, WHOLE),
            client.put(URL),
            client.get("/?q=a%00"),
            press(client, post(client), valider="1"),
            client.post(URL, WHOLE | {"message": "x" * 3_000_000}),
        ]
        assert [answer.status_code for answer in answers] == [403, 405, 400, 429, 413]
        pages = [answer.content.decode() for answer in answers]
        with translation.override(code):
            pages += [render_to_string(f"erreurs/{status}.html") for status in (404, 409, 410, 422, 429, 500, 503)]
            pages.append(render_to_string("erreurs/503.html", {"sentence": str(NoKey())}))
        assert all(f'<html lang="{code}">' in page for page in pages)
        seen[code] = set().union(*map(texts, pages))
    same = {text for text in seen["fr"] & seen["en"] if not DATA.fullmatch(text)}
    assert not same, same


def dict_of_query(address):
    return dict(pair.split("=") for pair in address.partition("?")[2].partition("#")[0].split("&"))


@pytest.mark.rule("DEM-9.a")
def test_the_switch_keeps_what_was_typed_and_the_choice(client, lieu):
    page = client.get(URL)
    assert page["Content-Language"] == "fr"
    half = {"enfants-0-prenom": "Ornella", "enfants-0-date": "04/01/2026", "enfants-TOTAL_FORMS": "3"}
    answer = client.post(URL, half | {"langue": "en"})
    page = client.get(answer["Location"])
    assert page["Content-Language"] == "en"
    assert "Your child under six" in page.content.decode()
    kept = dict(shown(page))
    assert (kept["enfants-0-prenom"], kept["enfants-TOTAL_FORMS"]) == ("Ornella", "3")
    assert kept["enfants-0-date"] in ("04/01/2026", "2026-01-04")
    assert 'role="alert"' not in page.content.decode()  # nothing is blamed before the family goes on
    assert client.get("/")["Content-Language"] == "en"
    summary = post(client)
    assert "Check your request" in summary.content.decode()
    summary = client.get(press(client, summary, langue="fr")["Location"])
    assert "Relisez votre demande" in summary.content.decode()
    assert dict_of(shown(summary))["pour"] == [str(lieu.uuid)]


@pytest.mark.rule("DEM-9.a")
def test_the_switch_works_while_the_cache_of_drafts_is_silent(client, lieu, settings):
    settings.CACHES = settings.CACHES | {
        "brouillons": settings.CACHES["brouillons"] | {"LOCATION": "redis://127.0.0.1:1"}
    }
    page = client.post(URL, WHOLE | {"langue": "en"})
    assert (page.status_code, page["Content-Language"]) == (200, "en")
    assert dict(shown(page))["enfants-0-prenom"] == "Ornella"
    assert client.cookies["langue"].value == "en"
    summary = press(client, page)
    for step in FORMS:
        summary = press(client, summary, **own(step))
    assert "Check your request" in summary.content.decode()
    assert (
        "Relisez votre demande"
        in client.post(form_of(summary).action, dict_of(shown(summary)) | {"langue": "fr"}).content.decode()
    )


@pytest.mark.rule("DEM-9.a")
def test_the_address_then_the_choice_then_the_browser_decide_and_caches_know(client):
    page = client.get("/", **ENGLISH)
    assert page["Content-Language"] == "en"
    assert {"accept-language", "cookie"} <= {name.strip().lower() for name in page["Vary"].split(",")}
    assert client.get("/", {"langue": "fr"}, **ENGLISH)["Content-Language"] == "fr"
    assert client.get("/", **ENGLISH)["Content-Language"] == "fr"  # kept
    assert client.get("/", {"langue": "xx"}, **ENGLISH)["Content-Language"] == "fr"
    assert Client().get("/", HTTP_ACCEPT_LANGUAGE="de,es;q=0.5")["Content-Language"] == "fr"
    assert translation.get_language() == "fr"  # nothing is left to who comes next in this thread


@pytest.mark.rule("DEM-9.a")
def test_whoever_works_here_reads_french_whatever_the_browser_says(lieu):
    person, agent = Client(**ENGLISH), Client(**ENGLISH)
    person.force_login(lieu_person := HabilitationFactory(lieu=lieu).user)
    agent.force_login(AgentFactory().user)
    demande = DemandeFactory(transmise=True, lieu=lieu, langue="en")
    for client, paths in (
        (person, ["/espace/demandes/", reverse("demandes:detail", args=[demande.uuid]), "/espace/n-existe-pas/"]),
        (agent, ["/admin/", "/admin/demandes/demande/"]),
        (Client(**ENGLISH), ["/compte/connexion/", "/habilitations/nouvelle/"]),
    ):
        client.cookies["langue"] = "en"
        for path in paths:
            answer = client.get(path, {"langue": "en"})
            assert answer["Content-Language"] == "fr", path
            assert 'lang="fr"' in answer.content.decode()[:500]
            assert 'hreflang="en"' not in answer.content.decode()
    assert lieu_person.pk


@pytest.mark.rule("DEM-9.b")
def test_the_link_opens_in_the_language_of_the_demande_unless_another_was_chosen(client):
    demande = DemandeFactory(transmise=True, langue="en")
    path = reverse("demandes:suivi", args=[queries.link_token(demande.uuid)])
    assert Client().get(path)["Content-Language"] == "en"
    assert Client(**ENGLISH).get(path, {"langue": "fr"})["Content-Language"] == "fr"
    Demande.objects.update(langue="fr")
    assert Client(**ENGLISH).get(path)["Content-Language"] == "fr"


@pytest.mark.rule("DEM-9.b")
def test_half_an_address_typed_on_the_link_is_kept_by_the_switch_and_not_blamed(client):
    demande = DemandeFactory(transmise=True)
    path = reverse("demandes:suivi", args=[queries.link_token(demande.uuid)])
    page = client.get(client.post(path, {"courriel": "famil", "langue": "en"})["Location"])
    assert page["Content-Language"] == "en"
    assert 'value="famil"' in page.content.decode()
    assert 'role="alert"' not in page.content.decode()


def mails(demande, smtp_sink, kinds):
    for kind in kinds:
        key = str(demande.transmission.uuid) if demande.transmission else demande.reference
        outbox.post(kind, key=key, to=[f"demande:{demande.uuid}"], now=NOW, demande=demande.pk)
    outbox.send_due(now=NOW)
    return smtp_sink.to(contenu_of(demande).courriel)


@pytest.mark.rule("DEM-9.a")
@pytest.mark.rule("DEM-9.b")
def test_each_mail_to_a_family_is_in_the_language_of_its_demande_and_whole(lieu, smtp_sink, client):
    kinds = ("demandes.accuse", "demandes.orientee", "demandes.retard-famille", "demandes.renouvellement")
    kinds += ("demandes.dernier-jour",)
    found = {}
    for langue in ("fr", "en"):
        demande = DemandeFactory(transmise=True, lieu=lieu, langue=langue, reference=f"ME-{langue}", recuperee=False)
        waiting = DemandeFactory(langue=langue, reference=f"ME-{langue}-2")
        mails(demande, smtp_sink, kinds)
        sent = mails(waiting, smtp_sink, kinds[:1])
        path, address = reverse("demandes:suivi", args=[queries.link_token(demande.uuid)]), contenu_of(demande).courriel
        Demande.objects.filter(pk=demande.pk).update(state="recuperee")
        demande.attributions.update(picked_up_at=NOW)
        mails(demande, smtp_sink, ("demandes.recuperee-famille",))
        assert Client(**ENGLISH).post(path, {"courriel": address}).status_code == 302
        sent += smtp_sink.to(address)
        assert len(sent) == 8
        assert {mail["Content-Language"] for mail in sent} == {langue}
        rich = [mail.get_body(("html",)).get_content() for mail in sent]
        assert all(f'<html lang="{langue}">' in page for page in rich)
        plain = {line for mail in sent for line in text_of(mail).splitlines() if re.search(r"[^\W\d_]{2}", line)}
        found[langue] = {str(mail["Subject"]) for mail in sent} | plain | set().union(*map(texts, rich))
    same = {text for text in found["fr"] & found["en"] if not DATA.fullmatch(text) and "http" not in text}
    assert not same, same
    assert any("23 November 2026" in text for text in found["en"])


@pytest.mark.rule("DEM-9.b")
def test_the_lieu_sees_the_language_and_reads_the_rest_in_french(client, lieu):
    client.force_login(HabilitationFactory(lieu=lieu).user)
    demande = DemandeFactory(transmise=True, lieu=lieu, langue="en")
    said = html.document_fromstring(
        client.get(reverse("demandes:detail", args=[demande.uuid]), **ENGLISH).content.decode()
    )
    [value] = said.xpath("//dt[.='Écrit en']/following-sibling::dd")
    assert value.text_content() == "Anglais"
    assert "Assistante maternelle" in said.text_content()


@pytest.mark.rule("DEM-9.a")
def test_another_language_is_a_file(client, lieu, settings, tmp_path):
    """The folder is the only thing to add: here German, that speaks English for once."""
    (folder,) = settings.LOCALE_PATHS
    assert [code for code, _name in settings.LANGUAGES] == ["fr", *sorted(one.name for one in folder.iterdir())]
    (tmp_path / "de" / "LC_MESSAGES").mkdir(parents=True)
    catalogue = (folder / "en" / "LC_MESSAGES" / "django.mo").read_bytes()
    (tmp_path / "de" / "LC_MESSAGES" / "django.mo").write_bytes(catalogue)
    settings.LOCALE_PATHS = [tmp_path]
    settings.LANGUAGES = [*settings.LANGUAGES, ("de", "Deutsch")]
    page = client.get(URL, HTTP_ACCEPT_LANGUAGE="de-AT")
    assert page["Content-Language"] == "de"
    assert "Your child under six" in page.content.decode()
    assert "Deutsch" in client.get("/", {"langue": "fr"}).content.decode()
    with speaking("de"):
        assert languages.date_longue(NOW.date()) == "23. November 2026"
        assert ("de", "Deutsch") in languages.choices()


@contextmanager
def speaking(code):
    with translation.override(code):
        yield


@pytest.mark.parametrize(
    ("code", "day", "said"),
    [
        ("fr", "2026-12-01", "1er décembre 2026"),
        ("fr", "2026-11-24", "24 novembre 2026"),
        ("en", "2026-12-01", "1 December 2026"),
    ],
)
def test_a_day_in_words(code, day, said):
    with speaking(code):
        assert languages.date_longue(day) == said
