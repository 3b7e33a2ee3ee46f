"""The way through the application: before it, its titles, the Caf, communes, back from the summary (HAB-1 to HAB-3)."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from lxml import html

from extranet.territory import queries as territory
from extranet.territory.models import Commune, Epci
from habilitations.models import DemandeHabilitation
from habilitations.queries import link_token
from tests.habilitations.test_application import (
    ADDRESSES,
    CHOICE_OF_CAF,
    PERSONNE,
    URL,
    communes_of,
    form_of,
    kept,
    own,
    people,
    post,
    press,
    said,
    said_beside,
    send,
    shown,
    told,
)

pytestmark = pytest.mark.django_db


def page_of(answer):
    return html.document_fromstring(answer.content.decode())


def title_of(answer):
    return page_of(answer).xpath("string(//title)")


@pytest.mark.rule("HAB-1.a")
def test_before_the_form_one_reads_what_to_have_at_hand_and_what_comes_next(client):
    [link] = page_of(client.get("/")).xpath("//nav//a[text()='Devenir lieu d’information']/@href")
    page = page_of(client.get(link))
    words = page.xpath("string(//main)")
    at_hand = ("SIREN", "communes", "courriel", "signera la convention")
    for needed in (*at_hand, "dizaine de minutes", "accusé de réception"):
        assert needed in words
    [first] = page.xpath("//main//a[text()='Commencer la demande']/@href")
    assert "Le lieu (étape 1 sur 6)" in title_of(client.get(first))


@pytest.mark.rule("HAB-3.a")
def test_each_step_has_its_own_title_and_nothing_is_chosen_beforehand(client):
    key = kept(client)
    titles = [title_of(client.get(f"{ADDRESSES[step]}?{key}")) for step in (1, 0, 2, 3, 4, 5)]
    assert [title.split(" – ")[0] for title in titles] == [
        "Le lieu (étape 1 sur 6)",
        "La Caf (étape 2 sur 6)",
        "Le gestionnaire (étape 3 sur 6)",
        "Les communes (étape 4 sur 6)",
        "Les personnes (étape 5 sur 6)",
        "Relire et envoyer (étape 6 sur 6)",
    ]
    first = client.get(URL)
    chosen = {"lieu_nature": first, "caf": press(client, 1, "", own(1, None))}
    chosen |= {name: fresh(client, 2) for name in ("gestionnaire_nature", "representant_civilite")}
    chosen["personnes-0-civilite"] = fresh(client, 4)
    for name, answer in chosen.items():
        assert name in shown(answer)
        assert shown(answer)[name] == "", name


def fresh(client, step):
    """The page of a step that nobody has filled yet, those before it being filled."""
    return client.get(f"{ADDRESSES[step]}?{kept(client, upto=step - 1)}")


def choice(client, **typed):
    """The page of the Caf, after the lieu with `typed`."""
    return press(client, 1, "", own(1, typed))


def offered(answer):
    return page_of(answer).xpath("//button[@name='confirmer']/@value")


@pytest.mark.rule("HAB-1.c")
@pytest.mark.parametrize(
    ("code", "cafs", "words"),
    [
        ("77820", ["caf-77"], "77 – Seine-et-Marne"),
        ("20200", ["caf-2b"], "2B – Haute-Corse"),
        ("97133", ["caf-971"], "977 – Saint-Barthélemy"),
        ("97600", ["caf-976"], "976 – Mayotte"),
        ("77008", ["caf-77"], "77 – Seine-et-Marne"),  # of a CEDEX: no commune has it
        ("20999", ["caf-2a", "caf-2b"], "2A – Corse-du-Sud"),
        ("99999", [], "ne dit pas de quelle Caf il s’agit"),
        ("00000", [], "ne dit pas de quelle Caf il s’agit"),
    ],
)
def test_the_caf_is_found_from_the_postal_code_and_the_list_by_departement_is_there_too(client, code, cafs, words):
    answer = choice(client, lieu_code_postal=code)
    assert offered(answer) == cafs
    assert words in page_of(answer).xpath("string(//main)")
    options = page_of(answer).xpath("//select[@name='caf']/option/text()")
    assert options[:2] == ["Choisissez", "01 – Ain"]
    numbers = [option.split(" ")[0] for option in options]
    assert numbers[19:23] == ["19", "2A", "2B", "21"]
    assert len(options) == 1 + len({caf for caf, _ in territory.cafs_by_departement()})


@pytest.mark.rule("HAB-1.c")
def test_a_postal_code_of_two_departements_offers_both_cafs(client):
    shared = [
        code
        for code in ("01200", "05110", "21340", "26150", "42620", "48150", "52100")
        if len(territory.cafs_of_postal_code(code)) > 1
    ]
    assert shared
    for code in shared:
        assert len(offered(choice(client, lieu_code_postal=code))) == 2


@pytest.mark.rule("HAB-1.c")
@pytest.mark.rule("HAB-2.a")
def test_it_is_confirmed_by_a_button_or_chosen_from_the_list_never_taken_for_granted(client):
    page = choice(client)
    nothing = client.get(client.post(form_of(page).action, {})["Location"])
    assert "Confirmez la Caf, ou choisissez votre département." in said_beside(nothing, "caf")
    confirmed = client.get(client.post(form_of(page).action, {"confirmer": "caf-77", "caf": ""})["Location"])
    assert title_of(confirmed).startswith("Le gestionnaire")
    chosen = client.get(client.post(form_of(page).action, {"caf": "caf-91"})["Location"])
    assert title_of(chosen).startswith("Le gestionnaire")  # the postal code may be wrong: one knows better
    again = client.get(form_of(page).action)
    assert "Garder" not in again.content.decode()
    assert shown(again)["caf"] == "caf-91"


@pytest.mark.rule("HAB-3.a")
@pytest.mark.parametrize(
    ("step", "name", "typed", "kept_as"),
    [
        (1, "lieu", {"lieu_nom": "RPE des Lilas"}, "RPE des Lilas"),
        (0, "caf", {"confirmer": "caf-77"}, "77 – Seine-et-Marne"),
        (2, "gestionnaire", {"representant_nom": "Durand"}, "Durand"),
        (4, "personnes", {"personnes-0-fonction": "directeur"}, "directeur"),
    ],
)
def test_what_is_changed_from_the_summary_leads_back_to_it(client, step, name, typed, kept_as):
    summary = post(client, 4)
    page = client.get(client.post(form_of(summary).action, {"modifier": name})["Location"])
    assert "revenir au résumé" in page.content.decode() or step == 0
    wrong = {key: "" for key in typed if key != "confirmer"}
    if wrong:
        faulty = client.get(client.post(form_of(page).action, own(step, wrong))["Location"])
        assert title_of(faulty).startswith("Erreur : ")
    back = client.get(client.post(form_of(page).action, own(step, None) | typed)["Location"])
    assert title_of(back).startswith("Relire et envoyer")
    assert kept_as in page_of(back).xpath("string(//main)")


@pytest.mark.rule("HAB-3.a")
@pytest.mark.rule("HAB-2.a")
def test_a_commune_added_from_the_summary_and_another_postal_code_are_followed_to_their_end(client):
    summary = post(client, 4)
    page = client.get(client.post(form_of(summary).action, {"modifier": "communes"})["Location"])
    page = client.get(client.post(form_of(page).action, {"ajouter": "77285"})["Location"])
    assert len(communes_of(page)) == 3
    back = client.get(client.post(form_of(page).action, {})["Location"])
    assert title_of(back).startswith("Relire et envoyer")
    page = client.get(client.post(form_of(back).action, {"modifier": "lieu"})["Location"])
    moved = client.get(client.post(form_of(page).action, own(1, {"lieu_code_postal": "91000"}))["Location"])
    assert title_of(moved).startswith("Erreur : La Caf")
    assert "Le code postal 91000 n’est pas du territoire de la Caf de Seine-et-Marne" in said_beside(moved, "caf")
    assert offered(moved) == ["caf-91"]
    straight = send(client, form_of(back).action.partition("?")[2])
    assert "/caf/" in straight["Location"]  # nothing is sent meanwhile
    kept_one = client.get(client.post(form_of(moved).action, {"caf": "caf-77"})["Location"])
    assert title_of(kept_one).startswith("Relire et envoyer")
    page = client.get(client.post(form_of(kept_one).action, {"modifier": "caf"})["Location"])
    other = client.get(client.post(form_of(page).action, {"confirmer": "caf-91"})["Location"])
    assert title_of(other).startswith("Erreur : Les communes")
    assert "ne sont pas du territoire de la Caf de l'Essonne" in said(other)
    assert not DemandeHabilitation.objects.exists()


# --- communes ------------------------------------------------------------------------------------------------------


def shared_epci():
    """An EPCI across two Cafs: its SIREN, one of them, and the communes with their Caf."""
    siren = "200070852"
    rows = list(territory.communes_of_epci(siren).values_list("pk", "caf"))
    assert len({caf for _, caf in rows}) == 2
    return siren, rows[0][1], rows


@pytest.mark.rule("HAB-2.c")
@pytest.mark.rule("HAB-2.a")
def test_an_epci_across_two_cafs_gives_only_the_communes_of_this_one_and_says_so(client):
    siren, caf, rows = shared_epci()
    own_codes = {code for code, of in rows if of == caf}
    key = kept(client, {"caf": caf}, upto=2)
    answer = press(client, 3, key, {"ajouter-epci": siren})
    assert communes_of(answer) == own_codes
    assert f"{len(own_codes)} de ses {len(rows)} communes" in told(answer)
    assert "Celles des autres Caf ne sont pas ajoutées." in told(answer)
    again = press(client, 3, key, {"ajouter-epci": siren})  # twice is once
    assert communes_of(again) == own_codes
    assert f"{len(own_codes)} commune" in page_of(again).xpath("string(//h2[@id='choisies'])")


@pytest.mark.rule("HAB-2.c")
def test_what_is_around_the_lieu_is_proposed_before_anything_is_typed(client):
    page = fresh(client, 3)
    words = page_of(page).xpath("string(//*[@id='trouvees'])")
    assert "Autour de votre lieu" in words
    assert "Ajouter toutes les communes de la CC Brie des Rivières et Châteaux (31)" in words.replace("\xa0", " ")
    assert "Ajouter Le Châtelet-en-Brie (77)" in words
    key = form_of(page).action.partition("?")[2]
    [siren] = page_of(page).xpath("//button[@name='ajouter-epci']/@value")
    assert len(communes_of(press(client, 3, key, {"ajouter-epci": siren}))) == 31
    assert communes_of(press(client, 3, key, {"retirer-tout": "1"})) == set()


@pytest.mark.rule("HAB-2.c")
def test_while_one_types_an_epci_is_proposed_with_what_it_adds(client):
    def proposed(caf, q):
        rows = client.get("/communes/", {"caf": caf, "epci": "1", "q": q}).json()
        return {row["nom"].replace("\xa0", " "): row["code"] for row in rows if row.get("epci")}

    whole = proposed("caf-77", "brie des rivières")
    assert list(whole) == ["Toutes les communes de la CC Brie des Rivières et Châteaux (31)"]
    siren, caf, rows = shared_epci()
    own = sum(of == caf for _, of in rows)
    [name] = [name for name, code in proposed(caf, Epci.objects.get(pk=siren).nom).items() if code == siren]
    assert name.startswith(f"{own} des {len(rows)} communes")
    assert name.endswith("les autres étant d’une autre Caf")
    assert not proposed("caf-91", "brie des rivières")
    assert not any("epci" in row for row in client.get("/communes/", {"q": "brie"}).json())


@pytest.mark.rule("HAB-2.b")
def test_a_commune_twice_is_taken_once_by_whatever_name_it_was_found(client):
    key = kept(client, upto=2)
    found = press(client, 3, key, {"chercher": "1", "q": "BEAUTHEIL"})
    [button] = page_of(found).xpath("//button[@name='ajouter']")
    assert "Ajouter Beautheil-Saints (77) (anciennement Beautheil)" in button.text_content().replace("\xa0", " ")
    for _ in range(2):
        page = press(client, 3, key, {"ajouter": button.get("value"), "q": "Beautheil-Saints (77120)"})
    assert communes_of(page) == {"77433"}
    assert shown(page)["q"] == ""
    again = press(client, 3, key, {"chercher": "1", "q": "saints"})
    assert "77433" not in page_of(again).xpath("//button[@name='ajouter']/@value")
    assert communes_of(press(client, 3, key, {"retirer": "77433"})) == set()


@pytest.mark.rule("HAB-2.b")
@pytest.mark.parametrize(
    "q", ["le ch", "saint", "SÃINT-PÏERRE", "77", "77820", "brie des rivieres", "a", "communaute", ""]
)
def test_searching_among_35_000_communes_takes_a_few_queries_whatever_is_typed(client, q):
    key = kept(client, upto=2)
    client.post(f"{ADDRESSES[3]}?{key}", {"chercher": "1", "q": q})
    for address, most in [(f"{ADDRESSES[3]}?{key}", 8), (f"/communes/?caf=caf-77&epci=1&q={q}", 6)]:
        with CaptureQueriesContext(connection) as seen:
            assert client.get(address).status_code == 200
        assert len(seen) <= most


@pytest.mark.rule("HAB-2.c")
def test_five_hundred_chosen_communes_cost_no_more_queries_than_one(client):
    key = kept(client, upto=2)
    codes = list(Commune.objects.filter(caf="caf-77", actuelle=True).values_list("pk", flat=True)[:500])
    counts = []
    for number in (1, 500):
        same = Client()
        key = kept(same, {"communes": []}, upto=2)
        for siren in set(Commune.objects.filter(pk__in=codes[:number]).values_list("epci", flat=True)):
            press(same, 3, key, {"ajouter-epci": siren})
        with CaptureQueriesContext(connection) as captured:
            page = same.get(f"{ADDRESSES[3]}?{key}")
        counts.append(len(captured))
    assert len(communes_of(page)) >= 480
    assert counts[0] == counts[1]


# --- who sends it, and what people are called ------------------------------------------------------------------------


@pytest.mark.rule("DEM-6.a")
def test_a_program_that_fills_the_hidden_field_gets_the_page_of_a_person_and_nothing_is_kept(client):
    page = client.get(URL)
    assert page_of(page).xpath("//*[@class='piege' and @aria-hidden='true']//input[@name='site_web']")
    key = kept(client)
    press(client, 1, key, own(1, None) | {"site_web": "https://annonce.test"})
    answer = send(client, key)
    assert not DemandeHabilitation.objects.exists()
    sent = client.get(answer["Location"])
    assert "Votre demande est envoyée à la Caf" in sent.content.decode()
    assert "annonce" not in page_of(post(client, 4)).xpath("string(//main)")


NAMES = [
    "O’Neill",
    "O'Neill",
    "Nguyễn",
    "D’Alençon-Šimůnek",
    "Ó",
    "Y",
    "Ng",
    "Łukasz",
    "İpek",
    "Œuvrard",
    "de la Ferté",
]
NAMES += ["Jean-Loup dit Loulou", "Müller (née Ó Súilleabháin)", "Ngũgĩ wa Thiong’o", "王小明", "عائشة", "É" * 100]


@pytest.mark.rule("HAB-1.b")
@pytest.mark.rule("HAB-1.c")
@pytest.mark.parametrize("name", NAMES)
def test_people_are_called_as_they_are(client, name):
    typed = {"representant_nom": name, "representant_prenom": name} | people(PERSONNE | {"nom": name, "prenom": name})
    assert send(client, kept(client, typed)).status_code == 302
    version = DemandeHabilitation.objects.get().version
    person = version.personnes.get()
    assert {version.representant_nom, version.representant_prenom, person.nom, person.prenom} == {name}
    link = f"/habilitations/suivi/{link_token(version.demande.uuid)}/"
    assert name in page_of(client.get(link)).xpath("string(//main)")


@pytest.mark.rule("HAB-1.b")
@pytest.mark.parametrize("typed", ["217 701 002", "217\u00a0701\u00a0002", " 217701002 "])
def test_a_siren_is_read_as_people_write_it(client, typed):
    answer = post(client, 2, {"gestionnaire_siren": typed})
    assert title_of(answer).startswith("Les communes"), said(answer)


def test_a_draft_of_another_browser_or_a_forged_one_leads_nowhere(client):
    key = kept(client)
    for address in ADDRESSES.values():
        assert Client().get(f"{address}?{key}").status_code == 410
    stolen = shown(client.get(f"{ADDRESSES[4]}?{key}"))
    other = Client().post(f"{ADDRESSES[4]}?{key}", stolen)
    assert "brouillon=" in other["Location"]
    assert key not in other["Location"]


@pytest.mark.parametrize("step", [1, CHOICE_OF_CAF, 2, 3, 4])
def test_a_text_without_end_is_refused_beside_its_field_and_breaks_nothing(client, step):
    """Too long for the cache of drafts: the page itself answers, with what was typed."""
    endless = "é" * 150_000
    typed = {1: {"lieu_nom": endless}, CHOICE_OF_CAF: {"caf": endless}, 2: {"representant_nom": endless}}
    typed |= {3: {"q": endless, "chercher": "1"}, 4: {"personnes-0-nom": endless}}
    answer = client.post(f"{ADDRESSES[step]}?{kept(client)}", own(step, None) | typed[step], follow=True)
    assert answer.status_code == (200 if step == 3 else 422)
    if step != 3:
        [name] = typed[step]
        assert said_beside(answer, name)
    assert not DemandeHabilitation.objects.exists()
