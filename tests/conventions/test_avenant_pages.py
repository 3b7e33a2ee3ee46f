"""An agent prepares an avenant on a page laid out by part, reads it again, and follows it on its own page (CON-7)."""

from datetime import date, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from lxml import html

from conventions.models import Acte, PersonneInscrite
from extranet.core.outbox.models import Message
from tests.factories import NOW, AgentFactory, CommuneFactory, LieuFactory, PersonneInscriteFactory, a_pdf

pytestmark = pytest.mark.django_db
SAM = {"civilite": "M.", "nom": "Roux", "prenom": "Sam", "courriel": "Sam@lieu.test", "service": "Petite enfance"}


@pytest.fixture
def desk(client, time_machine):
    time_machine.move_to(NOW, tick=False)
    client.force_login(AgentFactory().user)
    return client


@pytest.fixture
def lieu():
    CommuneFactory(melun=True)
    CommuneFactory(evry=True)
    lieu = LieuFactory()
    PersonneInscriteFactory(lieu=lieu, nom="Petit", prenom="Alix", courriel="alix@lieu.test")
    PersonneInscriteFactory(lieu=lieu, nom="Durand", prenom="Noé", courriel="noe@lieu.test")
    return lieu


def address(lieu):
    return reverse("admin:conventions_convention_avenant", args=[lieu.conventions.get().pk])


def fields(page):
    """What the browser would send back of this page."""
    form = next(one for one in html.fromstring(page.content.decode()).forms if one.method == "POST" and not one.action)
    for one in form.iter("input"):
        if one.get("type") not in ("checkbox", "radio", "submit"):
            one.set("value", one.get("value", ""))
    values = {}
    for name, value in form.form_values():
        values.setdefault(name, []).append(value)
    return values


def new(**given):
    return {f"nouvelles-0-{name}": value for name, value in (SAM | {"fonction": "animateur"} | given).items()}


def of(line, **given):
    return {f"personne-{line.personne.uuid}-{name}": value for name, value in given.items()}


def words(page):
    main = html.fromstring(page.content.decode()).get_element_by_id("content-main")
    return " ".join(main.text_content().split())


@pytest.mark.rule("CON-7.b")
def test_what_is_left_as_it_is_changes_nothing_and_what_is_typed_is_read_again_then_prepared(desk, lieu):
    alix, noe = PersonneInscrite.objects.order_by("pk")
    page = desk.get(address(lieu))
    typed = fields(page)
    empty = desk.post(address(lieu), typed | {"relire": "1"})
    assert empty.status_code == 422
    assert "Indiquez au moins un changement" in words(empty)
    found = desk.post(address(lieu), typed | {"q": "melun", "chercher": "1"})
    assert "Ajouter Melun (77)" in words(found)
    elsewhere = desk.post(address(lieu), typed | {"q": "evry courcouronnes", "chercher": "1"})
    assert "Rien de tel à ajouter sur le territoire de votre Caf" in words(elsewhere)
    chosen = desk.post(address(lieu), fields(found) | {"ajouter-commune": "77288"} | new())
    typed = fields(chosen) | of(alix, retirer="on", nom="") | of(noe, fonction="responsable")
    typed |= {"gestionnaire-representant_nom": "Nouveau"}
    read = desk.post(address(lieu), typed | {"relire": "1"})
    assert read.status_code == 200
    for sentence in (
        "Melun (77) est ajoutée aux communes couvertes",
        "Madame Alix Petit, animatrice, alix@lieu.test : personne retirée",
        "Noé Durand : fonction « animatrice » devient « responsable »",
        "Gestionnaire, nom du représentant légal : « Moreau » devient « Nouveau »",
        "L’annexe 1 comptera alors 2 communes et 2 personnes",
        "Courriel qui partira",
        "le lieu et le gestionnaire (2 adresses)",
    ):
        assert sentence in words(read)
    assert not Acte.objects.filter(nature="avenant").exists()
    assert not Message.objects.exists()
    kept = fields(desk.post(address(lieu), fields(read) | {"modifier": "1"}))
    assert kept["nouvelles-0-prenom"] == ["Sam"]
    assert kept["ajoutees"] == ["77288"]
    done = desk.post(address(lieu), fields(read) | {"preparer": "1"})
    acte = Acte.objects.get(nature="avenant")
    assert done["Location"] == reverse("admin:conventions_avenant_change", args=[acte.pk])
    assert acte.identite == {"gestionnaire": {"representant_nom": ["Moreau", "Nouveau"]}}
    sheet = words(desk.get(done["Location"]))
    assert "signer l’avenant et l’annexe 1" in sheet
    assert "Madame Alix Petit, animatrice, alix@lieu.test : personne retirée" in sheet
    assert "Avenant préparé" in sheet
    convention = words(desk.get(reverse("admin:conventions_convention_change", args=[lieu.conventions.get().pk])))
    assert "L’avenant n° 1 attend ses signatures" in convention
    assert desk.get(address(lieu)).status_code == 409


@pytest.mark.rule("CON-7.b")
@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (new(courriel="pas une adresse"), "écrivez une adresse complète"),
        (new(courriel="alix@LIEU.test"), "Deux personnes ne peuvent pas avoir la même adresse"),
        (new(fonction="") | {"lieu-code_postal": "7"}, "un code postal a cinq chiffres"),
        (new(nom="Ro\u202eux"), "caractères qui ne sont pas permis"),
        ({"retirees": ["77100"]}, "au moins une commune"),
        ({"lieu-site": "javascript:alert(1)"}, "l’adresse d’un site"),
        ({"gestionnaire-telephone": "12"}, "un numéro à dix chiffres"),
    ],
)
def test_a_fault_is_said_beside_it_and_what_was_typed_is_kept(desk, lieu, typed, sentence):
    answer = desk.post(address(lieu), fields(desk.get(address(lieu))) | typed | {"relire": "1"})
    assert answer.status_code == 422
    assert sentence in words(answer)
    kept = fields(answer)
    for name, value in typed.items():
        if "\u202e" not in value:
            assert kept[name] == ([value] if isinstance(value, str) else value)
    assert not Acte.objects.filter(nature="avenant").exists()


def test_rows_are_added_and_taken_away_and_whatever_comes_back_is_read(desk, lieu):
    page = desk.post(address(lieu), fields(desk.get(address(lieu))) | new() | {"ajouter": "nouvelles"})
    assert len(html.fromstring(page.content.decode()).find_class("rangee")) == 2
    page = desk.post(address(lieu), fields(page) | {"retirer": "nouvelles-0"})
    assert fields(page)["nouvelles-0-nom"] == [""]
    odd = {"ajoutees": ["91228", "xx", "77100"], "retirees": ["99999"], "nouvelles-TOTAL_FORMS": "x", "relire": "1"}
    assert desk.post(address(lieu), odd).status_code == 422
    assert desk.post(address(lieu), fields(page) | {"ajouter-epci": "²", "oter-commune": "x"}).status_code == 200


@pytest.mark.rule("CON-7.c")
@pytest.mark.rule("CON-7.d")
def test_it_is_signed_with_the_form_of_a_convention_and_its_page_says_what_comes_next(desk, lieu):
    typed = fields(desk.get(address(lieu))) | {"ajoutees": ["77288"]}
    desk.post(address(lieu), typed | {"preparer": "1"})
    acte = Acte.objects.get(nature="avenant")
    paper = desk.get(reverse("admin:conventions_avenant_pdf", args=[acte.pk]))
    assert b"".join(paper.streaming_content).startswith(b"%PDF-")
    act = reverse("admin:conventions_avenant_acte", args=[acte.pk, "signature"])
    assert "L’avenant et l’annexe 1" in words(desk.get(act))

    def sign(partie, **given):
        scan = SimpleUploadedFile("signe.pdf", a_pdf(), "application/pdf")
        data = {"partie": partie, "pieces": "avenant,annexe1", "signed_on": NOW.date().isoformat(), "scan": scan}
        return desk.post(act, data | {"signataire": "Gabrielle Roux", "qualite": "directrice"} | given)

    assert sign("gestionnaire", pieces="convention,annexe1").status_code == 422
    assert sign("gestionnaire").status_code == 302
    page = words(desk.get(reverse("admin:conventions_avenant_change", args=[acte.pk])))
    assert "enregistrer la signature de la Caf" in page
    assert sign("caf").status_code == 302
    acte.refresh_from_db()
    assert acte.effective_on == NOW.date()
    page = words(desk.get(reverse("admin:conventions_avenant_change", args=[acte.pk])))
    assert "en vigueur" in page
    assert "Prochaine étape" not in page
    assert page.count("Signature enregistrée") == 2
    scan = acte.pieces.first().signatures.first().scan_id
    convention = lieu.conventions.get()
    there = reverse("admin:conventions_convention_fichier", args=[convention.pk, scan])
    assert desk.get(there).status_code == 200
    assert "motif de la correction" in words(desk.get(act)).lower()
    assert desk.get(reverse("admin:conventions_avenant_acte", args=[acte.pk, "abandonner"])).status_code == 409


@pytest.mark.rule("CON-7.b")
def test_it_is_abandoned_with_a_reason_after_the_mail_has_been_read(desk, lieu):
    desk.post(address(lieu), fields(desk.get(address(lieu))) | {"ajoutees": ["77288"], "preparer": "1"})
    acte = Acte.objects.get(nature="avenant")
    act = reverse("admin:conventions_avenant_acte", args=[acte.pk, "abandonner"])
    assert "Ne signez plus le document" in words(desk.get(act))
    assert desk.post(act, {"motif": ""}).status_code == 422
    assert desk.post(act, {"motif": "Commune oubliée"}).status_code == 302
    page = words(desk.get(reverse("admin:conventions_avenant_change", args=[acte.pk])))
    assert "Commune oubliée" in page
    assert Message.objects.filter(kind="conventions.avenant-abandonne").count() == 2
    assert desk.get(address(lieu)).status_code == 200


@pytest.mark.rule("CON-8.a")
def test_annexe_1_is_shown_as_it_stood_with_the_acte_behind_each_line(desk, lieu):
    convention = lieu.conventions.get()
    alix, _ = PersonneInscrite.objects.order_by("pk")
    acte = convention.actes.create(
        nature="avenant", rang=1, state="applique", prepared_at=NOW, effective_on=date(2026, 3, 1)
    )
    lieu.couvertures.update(until_on=date(2026, 2, 28), closed_by=acte)
    lieu.couvertures.create(opened_by=acte, commune_id="77288", from_on=date(2026, 3, 1))
    page = reverse("admin:conventions_convention_annexe", args=[convention.pk])
    before, after = (words(desk.get(page, {"au": day})) for day in ("2026-02-28", "2026-03-01"))
    assert "par la convention : Le Châtelet-en-Brie (77)" in before
    assert "Melun" not in before
    assert "Depuis le 1er mars 2026, par l’avenant n° 1 : Melun (77)" in after.replace("\xa0", " ")
    assert "Alix Petit" in before
    assert "Châtelet" not in after.split("Communes couvertes")[1].split("Personnes inscrites")[0]
    assert "n’était pas en vigueur" in words(desk.get(page, {"au": "2025-01-14"}))
    assert "Melun" in words(desk.get(page))  # today
    for wrong in ("", "31/02/2026", "demain", "0001-01-01"):
        assert desk.get(page, {"au": wrong}).status_code == 422
    sheet = words(desk.get(reverse("admin:conventions_convention_change", args=[convention.pk])))
    assert "au 1 mars 2026 (avenant n° 1)" in sheet.replace("\xa0", " ")
    assert (NOW - timedelta(days=1)).date() > acte.effective_on
