"""PDF both archivable and accessible, closed to the outside, sealed; files kept as they were."""

import io
import socket
import subprocess
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pikepdf
import pypdf
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from extranet.core.documents import pdf, seal, store
from extranet.core.documents.models import StoredFile
from extranet.core.errors import Refused

NOW = datetime(2027, 3, 1, 9, 30, tzinfo=UTC)
PAGE = """<!doctype html><html lang="fr"><head><title>ignoré</title><style>
@font-face { font-family: Page; src: url(fonts/AtkinsonHyperlegibleNext_400Regular.ttf) }
body { font-family: Page }</style></head><body>
<h1>Demande reçue</h1><p>Éléonore cherche une crèche à Évry — dès lundi.</p>
<table><thead><tr><th>Jour</th><th>De</th></tr></thead><tbody><tr><th>lundi</th><td>8 h</td></tr></tbody></table>
</body></html>"""
XML = pdf.Attached("demande.xml", "<demande nom='Éléonore'/>".encode(), "application/xml", "La demande", "Data")


@pytest.fixture(autouse=True)
def data_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.SEAL_KEY_FILE = settings.SEAL_CERT_FILE = ""
    return tmp_path


@pytest.fixture(scope="module")
def made() -> bytes:
    return pdf.convert(PAGE, title="Demande AB-12", attachments=[XML], now=NOW)


def qpdf_check(data: bytes, folder: Path) -> subprocess.CompletedProcess:
    (folder / "checked.pdf").write_bytes(data)
    return subprocess.run(["qpdf", "--check", folder / "checked.pdf"], capture_output=True, text=True, check=False)


# --- rendering ----------------------------------------------------------------------------------------------------


@pytest.mark.rule("TEL-2.a")
def test_a_pdf_is_sound_and_its_text_can_be_read(made, tmp_path):
    assert qpdf_check(made, tmp_path).returncode == 0
    assert "Éléonore cherche une crèche à Évry" in pypdf.PdfReader(io.BytesIO(made)).pages[0].extract_text()


@pytest.mark.rule("TEL-2.a")
def test_a_pdf_carries_both_marks_in_one_block_of_metadata(made):
    with pikepdf.open(io.BytesIO(made)) as document:
        raw = document.Root.Metadata.read_bytes()
        assert raw.count(b"<rdf:RDF") == 1
        with document.open_metadata() as read:
            assert (read["pdfaid:part"], read["pdfaid:conformance"], read["pdfuaid:part"]) == ("3", "A", "1")
            assert read["dc:title"] == "Demande AB-12"
        assert b"pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/" in raw
        assert document.docinfo["/Title"] == "Demande AB-12"


@pytest.mark.rule("TEL-2.a")
def test_a_pdf_is_tagged_has_its_language_and_says_what_table_headers_head(made):
    with pikepdf.open(io.BytesIO(made)) as document:
        assert bool(document.Root.MarkInfo.Marked)
        assert bool(document.Root.ViewerPreferences.DisplayDocTitle)
        assert document.Root.Lang == "fr"
        elements = [found for found in document.objects if isinstance(found, pikepdf.Dictionary)]
        scopes = [str(found.A.Scope) for found in elements if found.get("/S") == "/TH"]
        assert sorted(scopes) == ["/Column", "/Column", "/Row"]


@pytest.mark.rule("TEL-2.a")
def test_the_attached_file_comes_out_as_it_went_in(made):
    with pikepdf.open(io.BytesIO(made)) as document:
        ((name, spec),) = document.attachments.items()
        assert name == "demande.xml"
        assert spec.get_file().read_bytes() == XML.data
        assert spec.get_file().mime_type == "application/xml"
        assert spec.relationship == pikepdf.Name.Data
        assert [linked.objgen for linked in document.Root.AF] == [spec.obj.objgen]


def test_a_template_is_rendered_with_its_values_escaped(settings, tmp_path):
    (tmp_path / "page.html").write_text("<!doctype html><html lang=fr><body><p>{{ nom }}</p></body></html>")
    settings.TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [tmp_path]}]
    made = pdf.render("page.html", {"nom": "<h1>Zoé</h1>"}, title="Essai")
    assert "<h1>Zoé</h1>" in pypdf.PdfReader(io.BytesIO(made)).pages[0].extract_text()


@pytest.mark.parametrize(
    "hostile",
    [
        '<img src="{}">',
        '<link rel="stylesheet" href="{}">',
        '<link rel="attachment" href="{}">',
        '<a rel="attachment" href="{}">lire</a>',
        "<style>@import url({});</style>",
        "<style>@font-face {{ font-family: X; src: url({}) }} p {{ font-family: X }}</style>",
        '<object data="{}"></object>',
        '<svg width="9" height="9"><image href="{}" width="9" height="9"/></svg>',
        '<base href="{}"><img src="x">',
    ],
)
def test_a_page_can_load_nothing_from_the_network_or_the_disk(hostile, tmp_path):
    secret = tmp_path / "secret.css"
    secret.write_text("SECRET body { background: url(x) } p::after { content: 'SECRET' }")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        outside = f"http://127.0.0.1:{server.getsockname()[1]}/x.css"
        for address in (secret.as_uri(), outside, "file:///etc/passwd", "fonts/../../../../etc/passwd", "/etc/passwd"):
            made = pdf.convert(f"<!doctype html><p>Texte</p>{hostile.format(address)}", title="Essai")
            with pikepdf.open(io.BytesIO(made)) as document:
                streams = [found for found in document.objects if isinstance(found, pikepdf.Stream)]
                assert not document.attachments
                assert not any(b"SECRET" in found.read_bytes() or b"root:" in found.read_bytes() for found in streams)
            assert "SECRET" not in pypdf.PdfReader(io.BytesIO(made)).pages[0].extract_text()
        with pytest.raises(TimeoutError):
            server.accept()


# --- seal ---------------------------------------------------------------------------------------------------------


@pytest.mark.rule("CNS-4.c")
def test_a_sealed_pdf_is_intact_and_dated_by_the_portal(made, tmp_path):
    sealed = seal.seal(made, reason="Attestation de destruction", now=NOW)
    assert seal.is_intact(sealed)
    assert qpdf_check(sealed, tmp_path).returncode == 0
    (field,) = pypdf.PdfReader(io.BytesIO(sealed)).get_fields().values()
    assert field["/V"]["/M"].startswith("D:20270301093000")
    assert field["/V"]["/Reason"] == "Attestation de destruction"
    with pikepdf.open(io.BytesIO(sealed)) as document:
        (widget,) = document.pages[-1].Annots
        assert widget.TU == seal.LABEL
        numbers = pikepdf.NumberTree(document.Root.StructTreeRoot.ParentTree)
        assert str(numbers[int(widget.StructParent)].S) == "/Form"
        assert document.attachments["demande.xml"].get_file().read_bytes() == XML.data


@pytest.mark.rule("CNS-4.c")
def test_a_byte_changed_added_or_taken_away_breaks_the_seal(made):
    sealed = seal.seal(made, reason="Essai", now=NOW)
    hole = sealed.rindex(b"/Contents <")
    for place in (20, len(sealed) // 3, hole - 400, hole + 400, len(sealed) - 60):
        changed = bytearray(sealed)
        changed[place] ^= 1
        assert not seal.is_intact(bytes(changed)), place
    assert not seal.is_intact(sealed + b"\n")
    assert not seal.is_intact(sealed[:-10])
    assert not seal.is_intact(made)
    assert not seal.is_intact(b"%PDF-1.7\n")


@pytest.mark.rule("CNS-4.c")
def test_a_seal_of_another_instance_is_not_ours(made, settings, tmp_path):
    settings.DATA_DIR = tmp_path / "ailleurs"
    foreign = seal.seal(made, reason="Essai", now=NOW)
    settings.DATA_DIR = tmp_path
    assert not seal.is_intact(foreign)


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path):
    key, certificate = seal.ensure_key()
    first = key.read_bytes(), certificate.read_bytes()
    assert seal.ensure_key() == (key, certificate)
    assert (key.read_bytes(), certificate.read_bytes()) == first
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.parent.stat().st_mode & 0o777 == 0o700


def test_what_a_former_key_sealed_stays_proven_when_its_certificate_is_kept(made, settings, tmp_path):
    old = seal.seal(made, reason="Essai", now=NOW)
    former = seal.ensure_key()[1].read_bytes()
    settings.DATA_DIR = tmp_path / "nouvelle"
    key, certificate = seal.ensure_key()
    both = tmp_path / "certificats.pem"
    both.write_bytes(certificate.read_bytes() + former)
    settings.SEAL_KEY_FILE, settings.SEAL_CERT_FILE = str(key), str(both)
    assert seal.is_intact(old)
    assert seal.is_intact(seal.seal(made, reason="Essai", now=NOW))


@pytest.mark.parametrize(
    ("key", "certificate", "sentence"),
    [
        pytest.param("sceau.key", "", "EXTRANET_SEAL_CERT_FILE", id="no certificate"),
        pytest.param("absente", "sceau.crt", "EXTRANET_SEAL_KEY_FILE", id="no such key"),
        pytest.param("sceau.crt", "sceau.crt", "illisible", id="not a key"),
        pytest.param("autre/cles/sceau.key", "sceau.crt", "n’est pas celui", id="another key's certificate"),
    ],
)
def test_a_wrong_key_file_is_named_before_anything_is_sealed(made, settings, tmp_path, key, certificate, sentence):
    settings.DATA_DIR = tmp_path / "cles" / "autre"
    seal.ensure_key()
    settings.DATA_DIR = tmp_path
    folder = seal.ensure_key()[0].parent
    settings.SEAL_KEY_FILE = str(folder / key)
    settings.SEAL_CERT_FILE = str(folder / certificate) if certificate else ""
    with pytest.raises(ImproperlyConfigured, match=sentence):
        seal.seal(made, reason="Essai", now=NOW)


# --- uploads ------------------------------------------------------------------------------------------------------


def saved(change=lambda document: None, **options) -> bytes:
    document = pikepdf.new()
    document.add_blank_page()
    change(document)
    target = io.BytesIO()
    document.save(target, **options)
    return target.getvalue()


def with_script(document):
    document.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")


def with_launch(document):
    action = pikepdf.Dictionary(S=pikepdf.Name.Launch, F="cmd.exe")
    link = pikepdf.Dictionary(Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Link, Rect=[0, 0, 9, 9], A=action)
    document.pages[0].Annots = pikepdf.Array([link])


def with_attachment(document):
    document.attachments["virus.exe"] = b"MZ"


def with_201_pages(document):
    for _ in range(200):
        document.add_blank_page()


def packed(inner: bytes) -> bytes:
    """A sound file with one more object, written inside a compressed stream of objects."""
    data = zlib.compress(b"9 0 " + inner, 9)
    bodies = {
        1: b"<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length %d>>stream\n%b\nendstream" % (len(data), data),
        2: b"<</Type/Catalog/Pages 4 0 R/X 9 0 R>>",
        4: b"<</Type/Pages/Count 1/Kids[5 0 R]>>",
        5: b"<</Type/Page/Parent 4 0 R/MediaBox[0 0 9 9]>>",
    }
    made, places = b"%PDF-1.5\n", {}
    for number, body in bodies.items():
        places[number] = len(made)
        made += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    places[3] = len(made)
    rows = b"".join(bytes([number in places]) + places.get(number, 0).to_bytes(3, "big") + b"\0" for number in range(9))
    rows += bytes([2, 0, 0, 1, 0])
    table = b"<</Type/XRef/Size 10/W[1 3 1]/Root 2 0 R/Length %d>>stream\n%b\nendstream" % (len(rows), rows)
    return made + b"3 0 obj\n%b\nendobj\nstartxref\n%d\n%%%%EOF\n" % (table, places[3])


def sound() -> bytes:
    return saved()


@pytest.mark.rule("CON-2.b")
@pytest.mark.parametrize("data", [sound(), packed(b"[1 2 3]"), pdf.convert("<p>Signé", title="Acte")])
def test_a_plain_pdf_is_taken_as_it_is(data):
    assert store.checked_pdf(io.BytesIO(data)) == data


@pytest.mark.rule("CON-2.b")
@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        pytest.param(b"", "n’est pas un PDF", id="empty"),
        pytest.param(b"PK\x03\x04" + b"x" * 100, "n’est pas un PDF", id="a word processor's file"),
        pytest.param(b"<html>%PDF-1.7", "n’est pas un PDF", id="two kinds at once"),
        pytest.param(b"%PDF-1.7\n" + b"x" * 500, "abîmé", id="only the first bytes"),
        pytest.param(sound()[: len(sound()) // 2], "abîmé", id="cut in the middle"),
        pytest.param(b"%PDF-1.7\n" + b"0" * (10 * 1024 * 1024), "10 Mo", id="too big"),
        pytest.param(
            saved(encryption=pikepdf.Encryption(user="secret", owner="secret")), "mot de passe", id="locked to open"
        ),
        pytest.param(saved(encryption=pikepdf.Encryption(user="", owner="secret")), "restrictions", id="restricted"),
        pytest.param(saved(with_script), "programme", id="a script at opening"),
        pytest.param(saved(with_launch), "programme", id="a link that starts a program"),
        pytest.param(saved(with_attachment), "fichier joint", id="a file inside"),
        pytest.param(saved(with_201_pages), "200 pages", id="too long"),
        pytest.param(packed(b"[[<</S/JavaScript/JS(x)>>]]"), "programme", id="a script out of the pages' reach"),
        pytest.param(packed(b" " * 3_000_000 + b"<</S/JavaScript>>"), "abîmé", id="unfolds into the memory"),
        pytest.param(packed(b"[" + b"0 " * 1_000_001 + b"]"), "abîmé", id="a million values"),
        pytest.param(packed(b"[" * 600), "abîmé", id="nested without end"),
    ],
)
def test_an_upload_that_is_not_a_plain_pdf_is_refused_with_what_to_do(data, sentence):
    with pytest.raises(Refused) as refusal:
        store.checked_pdf(io.BytesIO(data), field="scan")
    assert sentence in refusal.value.faults["scan"]


# --- kept files ---------------------------------------------------------------------------------------------------


@pytest.mark.rule("CON-1.b")
@pytest.mark.rule("CON-2.b")
@pytest.mark.django_db(transaction=True)
def test_a_kept_file_comes_back_byte_for_byte_and_only_its_owner_reads_it(tmp_path):
    stored = store.keep(io.BytesIO(b"acte" * 1000), media_type="application/pdf", nature="acte", now=NOW)
    stored.refresh_from_db()
    assert store.read(stored) == b"acte" * 1000
    assert (stored.size, stored.path.stat().st_mode & 0o777) == (4000, 0o600)
    assert stored.path == tmp_path / "fichiers" / str(stored.pk)[:2] / str(stored.pk)
    assert list(stored.path.parent.iterdir()) == [stored.path]


@pytest.mark.rule("CON-1.b")
@pytest.mark.django_db(transaction=True)
def test_a_kept_file_that_was_changed_or_lost_is_not_handed_over():
    changed = store.keep(b"acte", media_type="application/pdf", nature="acte", now=NOW)
    lost = store.keep(b"acte", media_type="application/pdf", nature="acte", now=NOW)
    store.keep(b"sain", media_type="application/pdf", nature="acte", now=NOW)
    changed.path.write_bytes(b"Acte")
    lost.path.unlink()
    for stored in (changed, lost):
        with pytest.raises(store.Damaged):
            store.open_file(stored)
    assert len(list(store.damaged())) == 2


def roll_back(act):
    with transaction.atomic():
        done = act()
        transaction.set_rollback(True)
    return done


@pytest.mark.django_db(transaction=True)
def test_what_was_rolled_back_leaves_no_row_and_its_bytes_are_swept_a_day_later():
    kept = store.keep(b"acte", media_type="application/pdf", nature="acte", now=NOW)
    lost = roll_back(lambda: store.keep(b"perdu", media_type="application/pdf", nature="acte", now=NOW))
    assert list(StoredFile.objects.all()) == [kept]
    assert lost.path.exists()
    assert store.sweep_orphans(now=NOW + timedelta(hours=1)) == 0
    assert store.sweep_orphans(now=NOW + timedelta(hours=25)) == 1
    assert (kept.path.exists(), lost.path.exists()) == (True, False)


@pytest.mark.django_db(transaction=True)
def test_bytes_are_destroyed_with_the_commit_and_stay_when_it_fails():
    path = store.keep(b"acte", media_type="application/pdf", nature="acte", now=NOW).path
    roll_back(lambda: store.destroy(StoredFile.objects.get()))
    assert store.read(StoredFile.objects.get()) == b"acte"
    with transaction.atomic():
        store.destroy(StoredFile.objects.get())
        assert path.exists()
    assert (StoredFile.objects.count(), path.exists()) == (0, False)
