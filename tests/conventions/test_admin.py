"""Agents work on the conventions of their own Caf, from the desk."""

from datetime import date
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from conventions import queries
from conventions.models import Acte, Convention, Signature
from tests.factories import AgentFactory, GestionnaireFactory, LieuFactory, PersonneInscriteFactory, a_pdf

pytestmark = pytest.mark.django_db

CHANGE = "admin:conventions_convention_change"
ACT = "admin:conventions_convention_acte"


@pytest.fixture
def convention():
    lieu = LieuFactory(a_signer=True)
    PersonneInscriteFactory(lieu=lieu, courriel="alix@lieu.test")
    return lieu.conventions.get()


@pytest.fixture
def agent(client):
    agent = AgentFactory()
    client.force_login(agent.user)
    return agent


def form(**changes):
    return {
        "partie": "caf",
        "pieces": "convention,annexe1",
        "signed_on": "2026-11-02",
        "signataire": "Gabrielle Roux",
        "qualite": "directrice",
        "scan": SimpleUploadedFile("signe.pdf", a_pdf(), "application/pdf"),
    } | changes


def post(client, convention, slug="signature", **changes):
    return client.post(reverse(ACT, args=[convention.pk, slug]), form(**changes))


@pytest.mark.rule("CON-2.a")
def test_the_form_records_a_signature_that_the_page_then_shows_with_its_file(client, agent, convention):
    assert post(client, convention).status_code == 302
    page = client.get(reverse(CHANGE, args=[convention.pk])).content.decode()
    assert "Gabrielle Roux, directrice" in page
    assert "alix@lieu.test" in page
    assert "n’est pas enregistré" in page  # the act of a communauté de communes
    scan = Signature.objects.first().scan
    got = client.get(reverse("admin:conventions_convention_fichier", args=[convention.pk, scan.pk]))
    assert got["X-Content-Type-Options"] == "nosniff"
    assert got["Content-Disposition"].startswith("attachment;")
    assert b"".join(got.streaming_content).startswith(b"%PDF-")


@pytest.mark.rule("CON-2.b")
@pytest.mark.rule("CON-2.k")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"signed_on": "2999-01-01"}, "Vérifiez l’année"),
        ({"signed_on": "31/02/2026"}, "jj/mm/aaaa"),
        ({"scan": SimpleUploadedFile("a.pdf", b"<html>")}, "pas un PDF"),
        ({"scan": ""}, "Joignez le document signé"),
        ({"signataire": ""}, "obligatoire"),
        ({"partie": "prefet"}, "choix valide"),
    ],
)
def test_a_wrong_form_says_why_and_keeps_what_was_typed(client, agent, convention, changes, words):
    answer = post(client, convention, **changes)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert "directrice" in answer.content.decode()
    assert not Signature.objects.exists()


@pytest.mark.rule("CON-2.c")
def test_the_act_that_allows_the_signature_is_recorded_and_shown(client, agent, convention):
    given = {
        "nature": "deliberation",
        "numero": "2026-41",
        "deliberation_on": "2026-10-02",
        "deliberation_received_on": "2026-10-05",
    }
    assert client.post(reverse(ACT, args=[convention.pk, "acte-autorisant"]), given).status_code == 302
    assert Acte.objects.get().deliberation_received_on == date(2026, 10, 5)
    assert "2026-41" in client.get(reverse(CHANGE, args=[convention.pk])).content.decode()


@pytest.mark.rule("CON-1.b")
def test_the_paper_is_downloaded_and_is_each_time_the_same(client, agent, convention):
    address = reverse("admin:conventions_convention_pdf", args=[convention.pk])
    first, second = (b"".join(client.get(address).streaming_content) for _ in range(2))
    assert first.startswith(b"%PDF-")
    assert first == second
    assert all(piece.pdf_sha256 for piece in queries.pieces_of(queries.founding_acte(convention)))


ADDRESSES = [
    (CHANGE, []),
    ("admin:conventions_convention_pdf", []),
    (ACT, ["signature"]),
    (ACT, ["acte-autorisant"]),
]


@pytest.mark.rule("ACC-3.a")
@pytest.mark.parametrize(("name", "more"), ADDRESSES)
@pytest.mark.parametrize(
    ("person", "expected"), [({}, 200), ({"essonne": True}, 404), ({"lecteur": True}, None), ({"cnaf": True}, None)]
)
def test_each_agent_gets_the_answer_of_its_caf_and_role(client, convention, name, more, person, expected):
    client.force_login(AgentFactory(**person).user)
    if expected is None:  # who may look but not write
        reads = name == CHANGE or (name.endswith("_pdf") and "lecteur" in person)
        expected = 200 if reads else 403
    assert client.get(reverse(name, args=[convention.pk, *more])).status_code == expected


@pytest.mark.rule("ACC-3.a")
def test_a_signed_file_is_reached_through_its_own_convention_only(client, agent, convention):
    post(client, convention)
    scan = Signature.objects.first().scan
    other = LieuFactory().conventions.get()
    name = "admin:conventions_convention_fichier"
    for args in ([other.pk, scan.pk], [convention.pk, uuid4()]):
        assert client.get(reverse(name, args=args)).status_code == 404
    client.force_login(AgentFactory(essonne=True).user)
    assert client.get(reverse(name, args=[convention.pk, scan.pk])).status_code == 404


@pytest.mark.parametrize("model", ["convention", "lieu", "gestionnaire"])
def test_lists_show_the_own_caf_and_cost_the_same_whatever_their_length(
    client, agent, model, django_assert_max_num_queries
):
    LieuFactory(essonne=True, nom="RPE d’ailleurs", gestionnaire__nom="Commune d’ailleurs")
    LieuFactory.create_batch(12)
    address = reverse(f"admin:conventions_{model}_changelist")
    with django_assert_max_num_queries(14):
        page = client.get(address).content.decode()
    assert "ailleurs" not in page
    assert client.get(address, {"q": "petite"}).status_code == 200


@pytest.mark.rule("CON-4.c")
@pytest.mark.rule("CON-4.d")
@pytest.mark.parametrize(
    ("today", "words"),
    [
        ("2026-10-15", "remise au plus tard le 15 oct. 2026"),
        ("2026-10-16", "met fin à la convention le 15 jan. 2028"),
    ],
)
def test_a_convention_in_force_shows_its_term_and_what_a_letter_would_do(client, agent, time_machine, today, words):
    time_machine.move_to(f"{today}T10:00:00+02:00")
    client.force_login(agent.user)
    convention = Convention.objects.get(lieu=LieuFactory())
    page = client.get(reverse(CHANGE, args=[convention.pk])).content.decode()
    assert "en vigueur" in page
    assert "15 jan. 2027" in page
    assert words in page


@pytest.mark.rule("ACT-1.e")
def test_the_official_address_is_corrected_from_the_gestionnaire_s_page(client, agent):
    gestionnaire = GestionnaireFactory()
    address = reverse("admin:conventions_gestionnaire_acte", args=[gestionnaire.pk, "courriel-officiel"])
    assert client.post(address, {"courriel": "pas une adresse", "source": "site"}).status_code == 422
    assert client.post(address, {"courriel": "mairie@ville.test", "source": "site"}).status_code == 302
    gestionnaire.refresh_from_db()
    assert gestionnaire.courriel_registre == "mairie@ville.test"
