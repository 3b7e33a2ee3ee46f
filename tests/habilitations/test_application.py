"""A lieu applies, through the real pages: what is refused, what is kept, what is sent (HAB-1 to HAB-4)."""

import re
import threading

import pytest
from django.db import connection
from django.test import Client
from lxml import html

from conventions.rules import PersonneDonnee
from extranet.core.dates import paris_date
from extranet.core.errors import Refused
from extranet.core.languages import date_longue
from extranet.core.outbox.models import Message
from extranet.core.outbox.services import send_due
from habilitations.models import DemandeHabilitation
from habilitations.queries import link_token
from habilitations.services.applications import submit
from tests.conftest import text_of, verified
from tests.factories import NOW, AgentFactory, DemandeHabilitationFactory

pytestmark = pytest.mark.django_db
URL = "/habilitations/nouvelle/"
CAF = {"caf": "caf-77"}
LIEU = {
    "lieu_nom": "RPE des Tilleuls",
    "lieu_nature": "rpe",
    "lieu_adresse": "12 rue des Écoles",
    "lieu_code_postal": "77820",
    "lieu_ville": "Le Châtelet-en-Brie",
    "lieu_telephone": "01 60 00 00 01",
    "lieu_courriel": "rpe@tilleuls.test",
    "lieu_site": "https://tilleuls.test/rpe",
}
GESTIONNAIRE = {
    "gestionnaire_nom": "Commune du Châtelet-en-Brie",
    "gestionnaire_nature": "commune",
    "gestionnaire_siren": "217701002",
    "gestionnaire_adresse": "1 place de la Mairie",
    "gestionnaire_code_postal": "77820",
    "gestionnaire_ville": "Le Châtelet-en-Brie",
    "representant_civilite": "Mme",
    "representant_nom": "O’Brien-Lefèvre",
    "representant_prenom": "Zoé",
    "representant_qualite": "maire",
}
PERSONNE = {
    "civilite": "M.",
    "nom": "Petit",
    "prenom": "Alix",
    "courriel": "alix@tilleuls.test",
    "service": "Petite enfance",
    "fonction": "animateur",
}


def people(*persons):
    typed = {"personnes-TOTAL_FORMS": str(len(persons)), "personnes-INITIAL_FORMS": "0"}
    for rank, person in enumerate(persons):
        typed |= {f"personnes-{rank}-{name}": value for name, value in person.items()}
    return typed


WHOLE = LIEU | CAF | GESTIONNAIRE | {"communes": ["77100", "77288"]} | people(PERSONNE)


ADDRESSES = {n: URL + name for n, name in enumerate(["", "gestionnaire/", "communes/", "personnes/", "relire/"], 1)}


CHOICE_OF_CAF = 0  # the page between the first two
ADDRESSES[CHOICE_OF_CAF] = URL + "caf/"


def own(step, changes):
    """What the page of a step has."""
    typed = WHOLE | (changes or {})
    starts = {0: ("caf",), 1: ("lieu_",), 2: ("gestionnaire_", "representant_"), 4: ("personnes-",)}.get(step, ("-",))
    return {name: value for name, value in typed.items() if name.startswith(starts)}


def kept(client, changes=None, upto=4):
    """The address of a draft that has each step, right or not, unjudged: one goes from page to page by "Revenir"."""
    key = ""
    for step in range(1, upto + 1):
        if step == 3:
            for code in (changes or {}).get("communes", WHOLE["communes"]):
                key = query_of(client.post(f"{ADDRESSES[3]}?{key}", {"ajouter": code}))
        else:
            key = query_of(client.post(f"{ADDRESSES[step]}?{key}", own(step, changes) | {"aller": "lieu"}))
        if step == 1:
            typed = own(CHOICE_OF_CAF, changes) | {"aller": "lieu"}
            key = query_of(client.post(f"{ADDRESSES[CHOICE_OF_CAF]}?{key}", typed))
    return key


def query_of(answer):
    assert answer.status_code == 302
    return answer["Location"].partition("?")[2].partition("#")[0].replace("&revoir=1", "")


def post(client, step, changes=None, **buttons):
    """The page that this step's own leads to, those before it being filled: always the answer to a GET."""
    key = kept(client, changes, step - 1 if step else 1)
    return press(client, step, key, own(step, changes) | buttons)


def press(client, step, key, data):
    answer = client.post(f"{ADDRESSES[step]}?{key}", data)
    assert answer.status_code == 302
    return client.get(answer["Location"])


def send(client, key):
    return client.post(f"{ADDRESSES[5]}?{key}", {"valider": "1"} | verified())


def shown(response):
    """Name → value of each field that the page would send again, seen or hidden."""
    (form,) = (form for form in html.document_fromstring(response.content).forms if form.method == "POST")
    return {name: (form.fields[name] or "").strip("\n") for name in form.fields.keys()}  # noqa: SIM118 -- not a dict


def said_beside(answer, name):
    page = html.document_fromstring(answer.content.decode())
    [block] = page.xpath(f"(//*[@name='{name}'])[last()]/ancestor::div[contains(@class, 'champ--erreur')]")
    return " ".join(block.xpath(".//ul[contains(@class, 'errorlist')]//text()"))


NEVER = [("a\x07b", "pas permis"), ("a\u202eb", "pas permis"), ("a\u2028b", "pas permis"), ("a\x00b", "pas permis")]
LINE = [("", "Indiquez"), ("   ", "Indiquez"), ("\u200b", "Indiquez"), ("é" * 300, "caractères"), *NEVER]
LINES = ["lieu_nom", "lieu_adresse", "lieu_ville", "gestionnaire_nom", "gestionnaire_adresse", "gestionnaire_ville"]
LINES += ["representant_nom", "representant_prenom", "representant_qualite"]
LINES += [f"personnes-0-{name}" for name in ("nom", "prenom", "service", "fonction")]
ADDRESS = [("", "Indiquez"), ("é" * 250 + "@x.test", "caractères"), ("rpe@x.test\x00", "complète")]
ADDRESS += [
    (v, "adresse") for v in ("rpe", "rpe@", "rpe@x.test\r\nBcc: y@z.test", "a@b.test, c@d.test", "Rpe <a@b.test>")
]
POSTAL = [("", "Indiquez"), ("778200", "cinq chiffres")]
POSTAL += [(value, "cinq chiffres") for value in ("7782", "77 82", "ABCDE", "٧٧٨٢٠")]
CHOICE = [("", "Choisissez"), ("banque", "choix valide"), ("\x00", "choix valide")]
WRONG = dict.fromkeys(LINES, LINE) | {
    "caf": [("", "Confirmez"), ("caf-999", "choix"), ("caf-77' OR 1=1", "choix"), ("\x00", "choix")],
    "lieu_nature": CHOICE,
    "lieu_code_postal": POSTAL,
    "lieu_telephone": [("", "Indiquez"), ("1" * 30, "20 caractères")]
    + [(value, "dix chiffres") for value in ("12", "01 60 00 00 0a", "0000000000")],
    "lieu_courriel": ADDRESS,
    "lieu_site": [(value, "adresse d’un site") for value in ("javascript:alert(1)", "ftp://x.test", "pas un site", "https://")]
    + [("https://x.test/" + "a" * 200, "200 caractères")],
    "gestionnaire_nature": CHOICE,
    "gestionnaire_siren": [("", "Indiquez"), ("2" * 30, "20 caractères")]
    + [(value, "SIREN") for value in ("217701003", "21770100", "2177010021", "٢١٧٧٠١٠٠٢", "000000000", "21770100B")],
    "gestionnaire_code_postal": POSTAL,
    "representant_civilite": CHOICE,
    "personnes-0-civilite": CHOICE,
    "personnes-0-courriel": ADDRESS,
}  # fmt: skip
STEPS = {"caf": CHOICE_OF_CAF, "lieu": 1, "gestionnaire": 2, "representant": 2, "personnes": 4}


@pytest.mark.rule("HAB-1.a")
@pytest.mark.rule("HAB-1.b")
@pytest.mark.rule("HAB-1.c")
@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_beside_the_field_and_what_was_typed_is_kept(client, name):
    step = STEPS[re.match("[a-z]+", name).group()]
    right, key = own(step, None), kept(client)
    for value, words in WRONG[name]:
        wrong = own(step, {name: value})
        here = press(client, step, key, wrong)
        left = query_of(client.post(f"{ADDRESSES[step]}?{key}", wrong | {"aller": "lieu"}))
        straight = send(client, left)  # to the end, from wherever one came
        for answer in (here, client.get(straight["Location"])):
            assert answer.status_code == 200, value
            assert words in said_beside(answer, name), value
            assert words.lower() in said(answer).lower(), value
            assert "<title>Erreur : " in answer.content.decode(), value
            mine = {key: text for key, text in right.items() if key != name}
            assert mine.items() <= shown(answer).items(), value
    assert not DemandeHabilitation.objects.exists()
    assert not Message.objects.exists()


def communes_of(answer):
    return set(html.document_fromstring(answer.content).xpath("//button[@name='retirer']/@value"))


def test_hostile_text_is_shown_as_text(client):
    answer = post(client, 1, {"lieu_nom": '"><script>alert(1)</script>', "lieu_ville": ""})
    assert "<script>alert" not in answer.content.decode()
    assert "&lt;script&gt;alert(1)" in answer.content.decode()


TAMPERED = [
    *((4, {"personnes-TOTAL_FORMS": total}) for total in ("", "x", "0", "-1", "99999", "9" * 5000, "٣", "\x00")),
    *((3, {button: "\x00"}) for button in ("ajouter", "ajouter-epci", "retirer")),
    *((3, {button: value}) for button in ("ajouter", "ajouter-epci", "retirer") for value in ("²", "x", "é" * 5000)),
    (3, {"chercher": "1", "q": "\x00%_'"}),
    (3, {"communes": ["x" * 5000, "\x00"]}),
    (4, {"personnes-INITIAL_FORMS": "7"}),
    (4, {"retirer": "personnes-9"}),
    (2, {"aller": "7"}),
    (2, {"scelle": "forgé"}),
    (5, {"modifier": "ailleurs"}),
    *((CHOICE_OF_CAF, {name: value}) for name in ("caf", "confirmer") for value in ("\x00", "caf-999", "é" * 5000)),
]  # fmt: skip


@pytest.mark.parametrize(("step", "changes"), TAMPERED)
def test_a_page_that_was_tampered_with_is_asked_again(client, step, changes):
    key = kept(client)
    for button in ({}, {"ajouter": "personnes"} if step == 4 else {}):
        assert press(client, step, key, own(step, None) | changes | button).status_code == 200
    assert not DemandeHabilitation.objects.exists()
    for forged in ("", "brouillon=", "brouillon=x", "brouillon=" + "A" * 16):
        answer = client.get(f"{ADDRESSES[step]}?{forged}")
        assert answer.status_code == (410 if "AAA" in forged else 200 if step == 1 else 302)
    assert client.get(f"{URL}ailleurs/?{key}").status_code == 404


@pytest.mark.rule("HAB-2.a")
@pytest.mark.parametrize(
    ("communes", "taken"),
    [(["91228"], []), (["77100", "91228"], ["77100"]), (["77100", "00000"], ["77100"]), (["97701"], []), ([], [])],
)
def test_only_communes_of_the_chosen_caf_pass_whatever_the_page_sends(client, communes, taken):
    key = kept(client, {"communes": communes})
    page = client.get(f"{ADDRESSES[3]}?{key}")
    assert communes_of(page) == set(taken)
    for answer in (client.get(send(client, key)["Location"]), press(client, 3, key, {})):
        assert ("territoire de cette Caf" in said(answer)) == (not taken)
    if not taken:
        assert not DemandeHabilitation.objects.exists()
    version = DemandeHabilitationFactory().version
    with pytest.raises(Refused):
        submit(
            caf="caf-77",
            lieu=version.lieu,
            gestionnaire=version.gestionnaire,
            communes=["77100", "91228"],
            personnes=[PersonneDonnee(**PERSONNE)],
            nonce="n",
            now=NOW,
        )


@pytest.mark.rule("HAB-2.a")
def test_a_commune_of_another_caf_that_a_page_sends_is_said_not_to_be_taken(client):
    key = kept(client, upto=2)
    answer = press(client, 3, key, {"ajouter": "91228"})
    assert "qui ne sont pas du territoire de cette Caf sont retirées" in told(answer)
    assert communes_of(answer) == set()


def said(answer):
    return html.document_fromstring(answer.content.decode()).xpath("string(//*[@role='alert'])")


def told(answer):
    return html.document_fromstring(answer.content.decode()).xpath("string(//*[@role='status'])")


@pytest.mark.rule("HAB-2.a")
def test_after_another_caf_is_chosen_the_communes_of_the_first_one_are_taken_away_and_one_can_go_on(client):
    key = kept(client)
    press(client, CHOICE_OF_CAF, key, {"caf": "caf-91"})
    straight = client.get(send(client, key)["Location"])  # one who goes on to the end is led back there
    assert "Melun (77) ne sont pas du territoire de la Caf de l'Essonne" in said(straight)
    for answer in (client.get(f"{ADDRESSES[3]}?{key}"), straight):
        assert "Melun (77) ne sont pas du territoire de la Caf de l'Essonne" in said_beside(answer, "q")
        assert communes_of(answer) == set()
    assert not DemandeHabilitation.objects.exists()
    answer = press(client, 3, key, {"ajouter": "91228"})
    assert "champ--erreur" not in answer.content.decode()
    assert communes_of(answer) == {"91228"}
    assert "Qui répondra aux familles" in press(client, 3, key, {}).content.decode()


@pytest.mark.rule("HAB-2.a")
@pytest.mark.rule("HAB-2.b")
@pytest.mark.rule("HAB-2.c")
def test_communes_are_found_added_by_epci_trimmed_and_limited_to_the_caf(client):
    key = kept(client, upto=2)
    page = press(client, 3, key, {"chercher": "1", "q": "CHATELET EN B"}).content.decode()
    assert "Ajouter Le Châtelet-en-Brie (77)" in page
    assert "Évry" not in press(client, 3, key, {"chercher": "1", "q": "evry-courcouronnes"}).content.decode()
    found = press(client, 3, key, {"chercher": "1", "q": "Brie des Rivières"}).content.decode()
    siren = re.search(r'name="ajouter-epci" value="(\d+)"', found).group(1)
    page = press(client, 3, key, {"ajouter-epci": siren})
    codes = communes_of(page)
    assert "31 communes choisies" in page.content.decode()
    assert len(codes) == 31
    assert "30 communes choisies" in press(client, 3, key, {"retirer": min(codes)}).content.decode()


@pytest.mark.rule("HAB-2.b")
@pytest.mark.rule("HAB-2.d")
@pytest.mark.parametrize(
    ("caf", "q", "found"),
    [
        ("caf-77", "77820", "Ajouter Le Châtelet-en-Brie (77)"),
        ("caf-77", "beautheil", "Ajouter Beautheil-Saints (77)"),
        ("caf-77", "ST PIERRE LES NEM", "Ajouter Saint-Pierre-lès-Nemours (77)"),
        ("caf-75", "paris", "Ajouter Paris (75)"),
        ("caf-75", "75011", "Ajouter Paris 11e Arrondissement (75)"),
        ("caf-91", "77820", "Rien de tel sur le territoire de cette Caf"),
    ],
)
def test_a_commune_is_found_by_what_one_types(client, caf, q, found):
    assert found in post(client, 3, {"caf": caf}, chercher="1", q=q).content.decode()


@pytest.mark.rule("HAB-4.a")
def test_two_persons_cannot_share_an_address_by_case_either(client):
    two = people(PERSONNE, PERSONNE | {"nom": "Grand", "courriel": "ALIX@Tilleuls.test"})
    straight = send(client, kept(client, two))
    for answer in (post(client, 4, two), client.get(straight["Location"])):
        assert "chacune a besoin de la sienne" in answer.content.decode()
    assert not DemandeHabilitation.objects.exists()


@pytest.mark.rule("HAB-1.c")
def test_there_is_at_least_one_person_and_a_row_left_empty_is_nobody(client):
    empty = dict.fromkeys(PERSONNE, "")
    answer = post(client, 4, people(empty))
    assert "Indiquez au moins une personne" in said(answer)
    summary = post(client, 4, people(PERSONNE, empty))
    assert "Envoyer la demande" in summary.content.decode()
    assert client.post(form_of(summary).action, {"valider": "1"} | verified()).status_code == 302
    assert DemandeHabilitation.objects.get().version.personnes.count() == 1


def form_of(answer):
    (form,) = (form for form in html.document_fromstring(answer.content.decode()).forms if form.method == "POST")
    return form


def test_a_row_is_added_without_reproach_up_to_ten(client):
    more = post(client, 4, people(PERSONNE | {"nom": ""}), ajouter="personnes")
    assert shown(more)["personnes-1-nom"] == ""
    assert shown(more)["personnes-0-courriel"] == "alix@tilleuls.test"
    assert not said(more)
    assert "Indiquez" not in more.content.decode()
    ten = post(client, 4, people(*[PERSONNE] * 10), ajouter="personnes").content.decode()
    assert "personnes-10-nom" not in ten
    assert "au plus dix personnes" in ten


@pytest.mark.rule("HAB-3.a")
def test_everything_is_read_again_and_going_back_loses_nothing(client):
    summary = post(client, 4)
    page = summary.content.decode().replace("\xa0", " ")
    words = {"caf-77": "Caf de Seine-et-Marne", "rpe": "elais petite enfance", "commune": "ommune"}
    words |= {"Mme": "Madame", "M.": "Alix"}
    for value in (*LIEU.values(), *GESTIONNAIRE.values(), *PERSONNE.values()):
        assert words.get(value, value) in page.split("<main")[1], value
    assert not DemandeHabilitation.objects.exists()
    for step, name in [(1, "lieu"), (0, "caf"), (2, "gestionnaire"), (3, "communes"), (4, "personnes")]:
        back = client.get(client.post(form_of(summary).action, {"modifier": name})["Location"])
        assert back.status_code == 200
        typed = {key: value for key, value in own(step, None).items() if "_FORMS" not in key}
        assert typed.items() <= shown(back).items(), step
        assert step != 3 or communes_of(back) == set(WHOLE["communes"])
        assert not said(back)


@pytest.mark.rule("HAB-1.a")
@pytest.mark.rule("HAB-1.b")
@pytest.mark.rule("HAB-1.c")
@pytest.mark.rule("HAB-3.b")
@pytest.mark.rule("HAB-3.c")
@pytest.mark.rule("HAB-3.f")
def test_it_is_sent_once_acknowledged_and_told_to_the_agents_of_that_caf(client, smtp_sink):
    AgentFactory(user__email="agent@caf77.test")
    AgentFactory(user__email="superviseur@caf77.test", superviseur=True)
    AgentFactory(user__email="lecteur@caf77.test", lecteur=True)
    AgentFactory(user__email="parti@caf77.test", user__ferme=True)
    AgentFactory(user__email="cnaf@caf.test", cnaf=True)
    AgentFactory(user__email="agent@caf91.test", essonne=True)
    summary = post(client, 4)
    sent = shown(summary) | {"valider": "1"} | verified()
    answers = [client.post(form_of(summary).action, sent) for _ in range(2)]
    made = DemandeHabilitation.objects.get()
    assert {answer["Location"] for answer in answers} == {f"/habilitations/envoyee/{link_token(made.uuid)}/"}
    assert made.reference in client.get(answers[0]["Location"]).content.decode()
    assert (made.caf_id, made.version.gestionnaire_siren, made.version.lieu_nom) == (
        "caf-77",
        "217701002",
        "RPE des Tilleuls",
    )
    assert set(made.version.communes.values_list("commune_id", flat=True)) == {"77100", "77288"}
    assert made.version.personnes.get().courriel == "alix@tilleuls.test"
    send_due(now=made.submitted_at)
    told = sorted(mail["To"] for mail in smtp_sink.mails)
    assert told == ["agent@caf77.test", "rpe@tilleuls.test", "superviseur@caf77.test"]
    assert not any("alix" in mail.as_string() for mail in smtp_sink.mails)
    (mail,) = smtp_sink.to("rpe@tilleuls.test")
    received_on = date_longue(paris_date(made.submitted_at))
    for said in (made.reference, received_on, "Caf de Seine-et-Marne", "deux mois"):
        assert said in text_of(mail)


@pytest.mark.rule("DEM-6.a")
def test_an_application_without_the_browsers_work_is_asked_a_question(client):
    AgentFactory()
    summary = post(client, 4)
    asked = client.get(client.post(form_of(summary).action, shown(summary) | {"valider": "1"})["Location"])
    assert 'name="verification"' in asked.content.decode()
    wrong = shown(asked) | {"valider": "1"} | verified() | {"verification": "faux"}
    again = client.get(client.post(form_of(asked).action, wrong)["Location"])
    assert "pas la bonne réponse" in said(again)
    assert not DemandeHabilitation.objects.exists()
    assert client.post(form_of(again).action, shown(again) | {"valider": "1"} | verified(1)).status_code == 302
    assert DemandeHabilitation.objects.count() == 1


@pytest.mark.rule("HAB-3.b")
@pytest.mark.django_db(transaction=True)
def test_sent_several_times_at_once_it_is_one_application():
    AgentFactory()
    client, answers, start = Client(), [], threading.Barrier(3)
    summary = post(client, 4)
    sent = shown(summary) | {"valider": "1"} | verified()

    def again():
        same = Client()
        same.cookies = client.cookies
        start.wait(timeout=60)
        answers.append(same.post(form_of(summary).action, sent))
        connection.close()

    threads = [threading.Thread(target=again) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made = DemandeHabilitation.objects.get()
    assert [answer["Location"] for answer in answers] == [f"/habilitations/envoyee/{link_token(made.uuid)}/"] * 3
    assert (made.version.personnes.count(), Message.objects.count()) == (1, 2)
