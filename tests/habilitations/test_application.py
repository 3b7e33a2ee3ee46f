"""A lieu applies, through the real pages: what is refused, what is kept, what is sent (HAB-1 to HAB-4)."""

import re
import threading

import pytest
from django.core.signing import Signer
from django.db import connection
from django.test import Client
from lxml import html

from extranet.core.dates import paris_date
from extranet.core.errors import Refused
from extranet.core.outbox.models import Message
from extranet.core.outbox.services import send_due
from extranet.core.words import date_longue
from habilitations.models import DemandeHabilitation
from habilitations.services.applications import submit
from tests.conftest import text_of
from tests.factories import NOW, AgentFactory

pytestmark = pytest.mark.django_db
URL = "/habilitations/nouvelle/"
LIEU = {
    "caf": "caf-77",
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


WHOLE = LIEU | GESTIONNAIRE | {"communes": ["77100", "77288"]} | people(PERSONNE)


def post(client, step, changes=None, **buttons):
    return client.post(URL, WHOLE | (changes or {}) | {"etape": str(step)} | buttons)


def shown(response):
    """Name → value of each field that the page would send again, seen or hidden."""
    (form,) = (form for form in html.document_fromstring(response.content).forms if form.method == "POST")
    return {name: (form.fields[name] or "").strip("\n") for name in form.fields.keys()}  # noqa: SIM118 -- not a dict


def said_beside(answer, name):
    page = html.document_fromstring(answer.content.decode())
    [block] = page.xpath(f"(//*[@name='{name}'])[last()]/ancestor::div[contains(@class, 'champ--erreur')]")
    return " ".join(block.xpath(".//ul[contains(@class, 'errorlist')]//text()"))


NEVER = [("a\x07b", "pas permis"), ("a\u202eb", "pas permis"), ("a\u2028b", "pas permis"), ("a\x00b", "pas permis")]
LINE = [("", "obligatoire"), ("   ", "obligatoire"), ("\u200b", "obligatoire"), ("é" * 300, "caractères"), *NEVER]
LINES = ["lieu_nom", "lieu_adresse", "lieu_ville", "gestionnaire_nom", "gestionnaire_adresse", "gestionnaire_ville"]
LINES += ["representant_nom", "representant_prenom", "representant_qualite"]
LINES += [f"personnes-0-{name}" for name in ("nom", "prenom", "service", "fonction")]
ADDRESS = [("", "obligatoire"), ("é" * 250 + "@x.test", "caractères"), ("rpe@x.test\x00", "nul")]
ADDRESS += [
    (v, "adresse") for v in ("rpe", "rpe@", "rpe@x.test\r\nBcc: y@z.test", "a@b.test, c@d.test", "Rpe <a@b.test>")
]
POSTAL = [("", "obligatoire"), ("778200", "5 caractères")]
POSTAL += [(value, "cinq chiffres") for value in ("7782", "77 82", "ABCDE", "٧٧٨٢٠")]
CHOICE = [("", "obligatoire"), ("banque", "choix valide"), ("\x00", "choix valide")]
WRONG = dict.fromkeys(LINES, LINE) | {
    "caf": [("", "obligatoire"), ("caf-999", "choix"), ("caf-77' OR 1=1", "choix"), ("\x00", "nul")],
    "lieu_nature": CHOICE,
    "lieu_code_postal": POSTAL,
    "lieu_telephone": [("", "obligatoire"), ("1" * 30, "20 caractères")]
    + [(value, "dix chiffres") for value in ("12", "01 60 00 00 0a", "0000000000")],
    "lieu_courriel": ADDRESS,
    "lieu_site": [(value, "adresse d’un site") for value in ("javascript:alert(1)", "ftp://x.test", "pas un site", "https://")]
    + [("https://x.test/" + "a" * 200, "200 caractères")],
    "gestionnaire_nature": CHOICE,
    "gestionnaire_siren": [("", "obligatoire"), ("2" * 30, "20 caractères")]
    + [(value, "SIREN") for value in ("217701003", "21770100", "2177010021", "٢١٧٧٠١٠٠٢", "000000000", "21770100B")],
    "gestionnaire_code_postal": POSTAL,
    "representant_civilite": CHOICE,
    "personnes-0-civilite": CHOICE,
    "personnes-0-courriel": ADDRESS,
}  # fmt: skip
STEPS = {"caf": 1, "lieu": 1, "gestionnaire": 2, "representant": 2, "personnes": 4}


@pytest.mark.rule("HAB-1.a")
@pytest.mark.rule("HAB-1.b")
@pytest.mark.rule("HAB-1.c")
@pytest.mark.parametrize(("name", "value", "words"), [(name, *row) for name, rows in WRONG.items() for row in rows])
def test_what_is_wrong_is_said_beside_the_field_and_what_was_typed_is_kept(client, name, value, words):
    for button in ({}, {"valider": "1", "envoi": Signer().sign("x" * 22)}):  # step by step, and straight to the end
        answer = post(client, STEPS[re.match("[a-z]+", name).group()], {name: value}, **button)
        assert answer.status_code == 422
        assert words in said_beside(answer, name)
        kept = {key: text for key, text in WHOLE.items() if isinstance(text, str) and key != name}
        assert kept.items() <= shown(answer).items()
        assert set(WHOLE["communes"]) == communes_of(answer) or name == "caf"
    assert not DemandeHabilitation.objects.exists()
    assert not Message.objects.exists()


def communes_of(answer):
    return set(html.document_fromstring(answer.content).xpath("//input[@name='communes']/@value"))


def test_hostile_text_is_shown_as_text(client):
    answer = post(client, 1, {"lieu_nom": '"><script>alert(1)</script>', "lieu_ville": ""})
    assert "<script>alert" not in answer.content.decode()
    assert "&lt;script&gt;alert(1)" in answer.content.decode()


TAMPERED = [
    *({"etape": step} for step in ("", "0", "5", "9", "12", "١", "\x00")),
    *({"personnes-TOTAL_FORMS": total} for total in ("", "x", "0", "-1", "99999", "9" * 5000, "٣", "\x00")),
    *({"communes": codes} for codes in (["x" * 5000], ["77100", "\x00"], ["é"])),
    *(
        {"etape": "3", button: value}
        for button in ("ajouter", "ajouter-epci", "retirer")
        for value in ("\x00", "²", "x")
    ),
    {"etape": "3", "chercher": "1", "q": "\x00%_'"},
    {"etape": "3", "chercher": "1", "q": "melun", "caf": "\x00"},
    {"personnes-INITIAL_FORMS": "7"},
    {"aller": "7"},
    {"caf": "\x00"},
]


@pytest.mark.parametrize("changes", TAMPERED)
def test_a_page_that_was_tampered_with_is_asked_again(client, changes):
    for button in ({}, {"valider": "1", "envoi": "forged"}, {"etape": "4", "ajouter": "personnes"}):
        assert client.post(URL, WHOLE | {"etape": "4"} | changes | button).status_code in (200, 422)
    assert not DemandeHabilitation.objects.exists()


@pytest.mark.rule("HAB-2.a")
@pytest.mark.parametrize("communes", [["91228"], ["77100", "91228"], ["77100", "00000"], ["97701"], ["77100", ""], []])
def test_only_communes_of_the_chosen_caf_pass_whatever_the_page_sends(client, communes):
    for step in (3, 4):
        answer = post(client, step, {"communes": communes}, valider="1", envoi=Signer().sign("y" * 22))
        assert answer.status_code == 422
        assert "territoire de cette Caf" in said(answer)
    assert not DemandeHabilitation.objects.exists()
    values = {name: value for name, value in (LIEU | GESTIONNAIRE).items() if name != "caf"}
    with pytest.raises(Refused):
        submit(values=values | {"caf_id": "caf-77"}, communes=communes, personnes=[PERSONNE], nonce="n", now=NOW)


def said(answer):
    return html.document_fromstring(answer.content.decode()).xpath("string(//*[@role='alert'])")


@pytest.mark.rule("HAB-2.a")
def test_after_another_caf_is_chosen_the_communes_of_the_first_one_are_taken_away_and_one_can_go_on(client):
    answer = post(client, 2, {"caf": "caf-91"})
    assert "qui ne sont pas du territoire de cette Caf sont retirées" in said(answer)
    assert communes_of(answer) == set()
    answer = post(client, 3, {"caf": "caf-91", "communes": list(communes_of(answer))}, ajouter="91228")
    assert communes_of(answer) == {"91228"}
    assert post(client, 3, {"caf": "caf-91", "communes": ["91228"]}).status_code == 200


@pytest.mark.rule("HAB-2.a")
@pytest.mark.rule("HAB-2.b")
@pytest.mark.rule("HAB-2.c")
def test_communes_are_found_added_by_epci_trimmed_and_limited_to_the_caf(client):
    page = post(client, 3, {"communes": []}, chercher="1", q="CHATELET EN B").content.decode()
    assert "Ajouter Le Châtelet-en-Brie (77)" in page
    assert "Évry" not in post(client, 3, {"communes": []}, chercher="1", q="evry-courcouronnes").content.decode()
    siren = re.search(r'name="ajouter-epci" value="(\d+)"', post(client, 3, chercher="1", q="Brie des Rivières").content.decode()).group(1)  # fmt: skip
    page = post(client, 3, {"communes": []}, **{"ajouter-epci": siren}).content.decode()
    codes = re.findall(r'type="hidden" name="communes" value="(\w+)"', page)
    assert "31 communes choisies" in page
    assert len(codes) == 31
    assert "30 communes choisies" in post(client, 3, {"communes": codes}, retirer=codes[0]).content.decode()


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
    assert found in post(client, 3, {"caf": caf, "communes": []}, chercher="1", q=q).content.decode()


@pytest.mark.rule("HAB-4.a")
def test_two_persons_cannot_share_an_address_by_case_either(client):
    two = people(PERSONNE, PERSONNE | {"nom": "Grand", "courriel": "ALIX@Tilleuls.test"})
    for button in ({}, {"valider": "1", "envoi": Signer().sign("z" * 22)}):
        answer = post(client, 4, two, **button)
        assert answer.status_code == 422
        assert "chacune a besoin de la sienne" in answer.content.decode()
    assert not DemandeHabilitation.objects.exists()


@pytest.mark.rule("HAB-1.c")
def test_there_is_at_least_one_person_and_a_row_left_empty_is_nobody(client):
    empty = dict.fromkeys(PERSONNE, "") | {"civilite": "Mme"}
    answer = post(client, 4, people(empty))
    assert answer.status_code == 422
    assert "Indiquez au moins une personne" in said(answer)
    summary = post(client, 4, people(PERSONNE, empty))
    assert "Envoyer la demande" in summary.content.decode()
    envoi = shown(summary)["envoi"]
    assert post(client, 5, people(PERSONNE, empty), valider="1", envoi=envoi).status_code == 302
    assert DemandeHabilitation.objects.get().personnes.count() == 1


def test_a_row_is_added_without_reproach_up_to_ten(client):
    more = post(client, 4, people(PERSONNE | {"nom": ""}), ajouter="personnes")
    assert shown(more)["personnes-1-nom"] == ""
    assert shown(more)["personnes-0-courriel"] == "alix@tilleuls.test"
    assert "obligatoire." not in more.content.decode()
    ten = post(client, 4, people(*[PERSONNE] * 10), ajouter="personnes").content.decode()
    assert "personnes-10-nom" not in ten
    assert "au plus 10 personnes" in ten


@pytest.mark.rule("HAB-3.a")
def test_everything_is_read_again_and_going_back_loses_nothing(client):
    summary = post(client, 4)
    page = summary.content.decode()
    for value in (*LIEU.values(), *GESTIONNAIRE.values(), *PERSONNE.values()):
        wanted = {"caf-77": "Caf de Seine-et-Marne", "rpe": "elais petite enfance", "commune": "ommune", "Mme": "Madame", "M.": "Alix"}.get(value, value)  # fmt: skip
        assert wanted in page.split("<main")[1], value
    assert not DemandeHabilitation.objects.exists()
    for step in (1, 2, 3, 4):
        back = client.post(URL, WHOLE | {"etape": "5", "aller": str(step)})
        assert back.status_code == 200
        kept = {key: value for key, value in WHOLE.items() if isinstance(value, str) and "_FORMS" not in key}
        assert kept.items() <= shown(back).items(), step
        assert "Ce champ est obligatoire" not in back.content.decode()


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
    nonce = re.search(r'name="envoi" value="([^"]+)"', post(client, 4).content.decode()).group(1)
    answers = [client.post(URL, WHOLE | {"etape": "5", "valider": "1", "envoi": nonce}) for _ in range(2)]
    made = DemandeHabilitation.objects.get()
    assert {answer["Location"] for answer in answers} == {f"/habilitations/envoyee/{made.reference}/"}
    assert made.reference in client.get(answers[0]["Location"]).content.decode()
    assert (made.caf_id, made.gestionnaire_siren, made.lieu_nom) == ("caf-77", "217701002", "RPE des Tilleuls")
    assert set(made.communes.values_list("commune_id", flat=True)) == {"77100", "77288"}
    assert made.personnes.get().courriel == "alix@tilleuls.test"
    send_due(now=made.submitted_at)
    told = sorted(mail["To"] for mail in smtp_sink.mails)
    assert told == ["agent@caf77.test", "rpe@tilleuls.test", "superviseur@caf77.test"]
    assert not any("alix" in mail.as_string() for mail in smtp_sink.mails)
    (mail,) = smtp_sink.to("rpe@tilleuls.test")
    received_on = date_longue(paris_date(made.submitted_at))
    for said in (made.reference, received_on, "Caf de Seine-et-Marne", "deux mois"):
        assert said in text_of(mail)


@pytest.mark.rule("HAB-3.b")
@pytest.mark.django_db(transaction=True)
def test_sent_several_times_at_once_it_is_one_application():
    AgentFactory()
    envoi, answers, start = shown(post(Client(), 4))["envoi"], [], threading.Barrier(3)

    def press():
        start.wait(timeout=10)
        answers.append(post(Client(), 5, valider="1", envoi=envoi))
        connection.close()

    threads = [threading.Thread(target=press) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made = DemandeHabilitation.objects.get()
    assert [answer["Location"] for answer in answers] == [f"/habilitations/envoyee/{made.reference}/"] * 3
    assert (made.personnes.count(), Message.objects.count()) == (1, 2)
