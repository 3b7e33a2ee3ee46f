"""The files handed to a lieu: whole, valid, archivable, and text whatever a family wrote (TEL-2, TEL-3)."""

import contextlib
import io
import threading
from datetime import UTC, datetime, timedelta
from time import monotonic

import pikepdf
import pypdf
import pytest
from django.db import connection, transaction
from django.urls import reverse
from lxml import etree

from bench.deliveries import delivery, record
from demandes.documents import xml_reader
from demandes.models import Demande, Livraison
from demandes.services import applying, deliveries, handover
from tests.factories import DemandeFactory, HabilitationFactory, LieuFactory, contenu_of, rewrite

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ADDRESS = "/espace/demandes/telechargement/"
HOSTILE = {
    "markup": "<script>alert(1)</script><img src=x onerror=alert(2)>{{ settings }}{% now %}&amp;",
    "a very long word": "x" * 2_000,
    "right to left": "نبحث عن حضانة قريبة من البيت، شكرا " * 40,
    "emoji": "Bébé 👶🏽 arrive 👨‍👩‍👧‍👦 bientôt 🎉 " * 50,
    "line feeds": "ligne\r\n" * 250,
}


@pytest.fixture
def lieu(db, time_machine):
    time_machine.move_to(NOW, tick=False)
    return LieuFactory(code="RPE-77-CHATELET")


@pytest.fixture
def person(lieu):
    return HabilitationFactory(lieu=lieu).user


@pytest.fixture
def page(client, person):
    client.force_login(person)
    return client


def waiting(lieu, count=1, **about):
    return [DemandeFactory(transmise=True, lieu=lieu, **about) for _ in range(count)]


def post(page, demandes=(), form="xml", **more):
    ids = [str(getattr(demande, "uuid", demande)) for demande in demandes]
    return page.post(ADDRESS, {"format": form, "demande": ids, **more}, HTTP_USER_AGENT="Essai/1")


FULL = record(
    1,
    NOW,
    reference="ME-COMPLETE",
    extra=f' modifiee-le="{(NOW - timedelta(hours=1)).isoformat()}"',
    lieu='<lieu code="RPE-77-CHATELET"/>',
    nom="D’Échaudé &amp; Fils",
    prenom="Zoé &lt;i&gt;",
    contact="<courriel>zoe@famille.test</courriel><telephone>+33612345678</telephone>",
    enfants="<enfant><prenom>Lou</prenom><date-naissance>2025-02-28</date-naissance></enfant>"
    "<enfant><date-prevue>2027-02-01</date-prevue></enfant>",
    modes="<mode>creche-collective</mode><mode>assistante-maternelle</mode><mode>garde-a-domicile</mode>",
    horaires="<regularite>urgent</regularite>"
    '<horaires><jour nom="lundi" de="08:00" a="12:00"/><jour nom="dimanche" de="20:00" a="24:00"/></horaires>'
    "<atypiques><atypique>matin-tot</atypique><atypique>nuit</atypique></atypiques>",
    tail="<besoin-rendez-vous>langue-des-signes</besoin-rendez-vous>"
    "<message>Deux lignes,\n  dont une décalée.</message>",
).replace(
    "</adresse>",
    "</adresse><allocataire>false</allocataire><contact-prefere>telephone</contact-prefere>"
    "<creneau>Après 18 h</creneau>",
)


@pytest.mark.rule("TEL-2.b")
@pytest.mark.rule("TEL-3.a")
def test_what_a_lieu_fetches_says_what_monenfant_sent_and_by_which_day_it_must_go(page, lieu, tmp_path):
    given = "".join(delivery(iter([FULL]), NOW)).encode()
    livraison = deliveries.register(
        io.BytesIO(given), nom="une.xml", origine=Livraison.Origine.DEPOT, now=NOW, ring=False
    )
    applying.ingest(livraison.pk, now=NOW)
    [demande] = Demande.objects.all()
    xml = post(page, [demande]).content
    root = etree.fromstring(xml)
    xml_reader.schema().assertValid(root)
    [transmission] = root.iter("{*}transmission")
    assert transmission.get("a-detruire-avant") == "2027-05-23"
    assert transmission.get("lieu") == "RPE-77-CHATELET"
    # Read as deliveries are, without what only the portal adds, it is the same record.
    transmission.getparent().remove(transmission)
    (tmp_path / "in.xml").write_bytes(given)
    (tmp_path / "out.xml").write_bytes(etree.tostring(root))
    [came], [left] = (list(xml_reader.records(tmp_path / name)) for name in ("in.xml", "out.xml"))
    assert came.recue is not None
    assert came.recue == left.recue


@pytest.mark.rule("TEL-2.a")
@pytest.mark.rule("TEL-2.b")
def test_the_pdf_of_a_usual_demande_is_one_page_with_its_xml_and_its_day_of_destruction(page, lieu):
    [demande] = waiting(lieu)
    data = post(page, [demande], "pdf").content
    with pikepdf.open(io.BytesIO(data)) as document:
        with document.open_metadata() as read:
            assert (read["pdfaid:part"], read["pdfuaid:part"]) == ("3", "1")
            assert contenu_of(demande).nom not in read["dc:title"]
        assert bool(document.Root.MarkInfo.Marked)
        assert len(document.pages) == 1
        attached = document.attachments["demandes.xml"].get_file().read_bytes()
    assert attached == post(page, [demande]).content
    words = pypdf.PdfReader(io.BytesIO(data)).pages[0].extract_text()
    assert "À détruire, avec toutes ses copies, au plus tard le 23 mai 2027" in " ".join(words.split())


@pytest.mark.rule("TEL-3.a")
@pytest.mark.parametrize("message", HOSTILE.values(), ids=HOSTILE)
def test_whatever_a_family_writes_is_text_in_every_form(page, lieu, message):
    text = message[:2_000].strip()
    name = f"<b>{'N' * 90}</b>"[:100]
    [demande] = waiting(lieu, dossier__message=text, dossier__nom=name, dossier__creneau="<i>soir</i>")
    screen = page.get(reverse("demandes:detail", args=[demande.uuid])).content.decode()
    for forbidden in ("<script>alert", "<img src=x", "<b>N", "<i>soir"):
        assert forbidden not in screen
    assert "&lt;b&gt;N" in page.get("/espace/demandes/").content.decode()
    data = post(page, [demande], "pdf").content
    xml = etree.fromstring(post(page, [demande]).content)
    xml_reader.schema().assertValid(xml)
    assert next(xml.iter("{*}message")).text == text
    assert next(xml.iter("{*}nom")).text == name
    document = pypdf.PdfReader(io.BytesIO(data))
    words = "".join("".join(sheet.extract_text() for sheet in document.pages).split())
    assert all(word in words for word in (name, "<i>soir</i>", *text.split()) if word.isascii())
    assert len(document.pages) <= 8


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="one writer at a time")
def test_a_download_that_waits_for_a_change_gives_what_it_changed_and_no_mixture(page, person, lieu):
    [demande] = waiting(lieu, dossier__nom="Avant")
    handed = []

    def download():
        with contextlib.closing(connection):
            handed.append(handover.fetch([demande.uuid], form="xml", by=person, now=NOW, origin=handover.Origin()))

    thread = threading.Thread(target=download)
    with transaction.atomic():
        Demande.objects.select_for_update().get(pk=demande.pk)
        thread.start()
        with connection.cursor() as cursor:
            held_back, end = False, monotonic() + 20
            while not held_back:
                assert thread.is_alive()
                assert monotonic() < end
                cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
                [held_back] = cursor.fetchone()
        Demande.objects.filter(pk=demande.pk).update(creche_collective=True)
        rewrite(demande, nom="Après")
    thread.join()
    root = etree.fromstring(handed[0].content)
    assert [node.text for node in root.iter("{*}nom", "{*}mode")] == [
        "Après",
        "creche-collective",
        "assistante-maternelle",
    ]
