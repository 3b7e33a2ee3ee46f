"""A copy fit for publication: the persons of annexe 1 are in no part of the file (CON-14)."""

from datetime import date
from io import BytesIO

import pikepdf
import pypdf
import pytest
from django.urls import reverse

from conventions import queries
from conventions.documents import convention as document
from conventions.services import register, signature
from tests.factories import NOW, AgentFactory, LieuFactory, PersonneInscriteFactory, a_pdf

pytestmark = [pytest.mark.django_db, pytest.mark.rule("CON-14.a")]
SECRET = ("Quetzalcoatl", "Xiomara", "xiomara.q@lieu.test", "ludothécaire", "Zénith")


@pytest.fixture
def agent(client, time_machine):
    time_machine.move_to(NOW, tick=False)
    agent = AgentFactory()
    client.force_login(agent.user)
    return agent


@pytest.fixture
def convention(agent):
    lieu = LieuFactory(a_signer=True, convention__created_at=NOW, courriel="Xiomara.Q@lieu.test")
    nom, prenom, courriel, fonction, service = SECRET
    PersonneInscriteFactory(lieu=lieu, nom=nom, prenom=prenom, courriel=courriel, fonction=fonction, service=service)
    return lieu.conventions.get()


def sign(convention, agent):
    acte = queries.founding_acte(convention)
    for partie, signataire in (("gestionnaire", "Dominique Moreau"), ("caf", "Gabrielle Roux")):
        signature.record_signature(
            acte_uuid=acte.uuid,
            partie=partie,
            pieces=["convention", "annexe1"],
            signed_on=date(2026, 11, 23),
            signataire=signataire,
            qualite="qualité",
            scan=BytesIO(a_pdf()),
            by=agent.user,
            now=NOW,
        )


def everything_in(content):
    """Every string and stream of the file, whatever its place, beside the words of its pages."""
    with pikepdf.open(BytesIO(content)) as pdf:
        assert not pdf.attachments
        streams = [one.read_bytes() for one in pdf.objects if isinstance(one, pikepdf.Stream)]
        target = BytesIO()
        pdf.save(target, qdf=True, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    words = " ".join(page.extract_text() for page in pypdf.PdfReader(BytesIO(content)).pages)
    raw = b" ".join([content, target.getvalue(), *streams])
    return words, raw


def test_names_and_addresses_are_nowhere_in_the_file_and_the_signatures_are(client, agent, convention, monkeypatch):
    address = reverse("admin:conventions_convention_publication", args=[convention.pk])
    paper = register.keep_pdf(queries.founding_acte(convention), now=NOW)
    assert client.get(address).status_code == 409  # not before both have signed
    sign(convention, agent)
    monkeypatch.setattr(document, "TEMPLATE", "the text of a later version")  # what was signed is what is published
    answer = client.get(address)
    assert answer.status_code == 200
    assert "publication.pdf" in answer["Content-Disposition"]
    words, raw = everything_in(answer.content)
    signed, _ = everything_in(paper.path.read_bytes())
    assert all(one in signed for one in SECRET)  # the parser would find them
    for one in SECRET:
        assert one.lower() not in words.lower()
        for coding in ("utf-8", "utf-16-be", "latin-1"):
            assert one.encode(coding) not in raw
            assert one.encode(coding).hex().encode() not in raw.lower()
    for said in ("Copie destinée à la publication", "Article 21", "Le Châtelet-en-Brie", "Gabrielle Roux"):
        assert said in " ".join(words.split()).replace("-\n", "-"), said
    assert words.count("Signé le 23 novembre 2026") == 4
    page = client.get(reverse("admin:conventions_convention_change", args=[convention.pk])).content.decode()
    assert address in page


def test_a_convention_that_the_portal_has_not_written_has_none(client, agent):
    convention = LieuFactory().conventions.get()
    answer = client.get(reverse("admin:conventions_convention_publication", args=[convention.pk]))
    assert answer.status_code == 409
    assert "pas été rédigé par le portail" in answer.content.decode()
