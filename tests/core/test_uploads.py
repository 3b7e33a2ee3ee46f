"""A corpus of made PDFs: what opens anywhere and does nothing is taken, whatever else is refused (CON-2)."""

import io

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name

from extranet.core.documents import pdf, seal, store
from extranet.core.documents.uploads import MAX_BYTES
from extranet.core.errors import Refused
from tests.factories import NOW


def made(change=lambda document: None, pages=1, **options):
    document = pikepdf.new()
    for _ in range(pages):
        document.add_blank_page()
    change(document)
    target = io.BytesIO()
    document.save(target, **options)
    return target.getvalue()


def raw(trailer, *objects):
    """A file written by hand: objects 1 and 2 are the pages, `objects` follow from 3 on; the trailer is free."""
    bodies = [b"<</Type/Pages/Count 1/Kids[2 0 R]>>", b"<</Type/Page/Parent 1 0 R/MediaBox[0 0 9 9]>>", *objects]
    text, places = b"%PDF-1.7\n", []
    for number, body in enumerate(bodies, start=1):
        places.append(len(text))
        text += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(bodies) + 1
    return text + (
        b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<</Size %d%b>>\nstartxref\n%d\n%%%%EOF\n"
        % (size, table, size, trailer, len(text))
    )


CATALOGUE = b"/Root 3 0 R"


def with_annotation(**fields):
    def change(document):
        note = Dictionary(Rect=[0, 0, 9, 9], **fields)
        document.pages[0].Annots = Array([document.make_indirect(note)])

    return change


def with_link(**action):
    return with_annotation(Type=Name.Annot, Subtype=Name.Link, A=Dictionary(**action))


def in_catalogue(**entries):
    def change(document):
        for key, value in entries.items():
            document.Root[f"/{key}"] = value

    return change


def anywhere(**fields):
    """A dictionary that nothing shows."""
    return in_catalogue(PieceInfo=Dictionary(Private=Array([Dictionary(**fields)])))


def with_outline(document):
    with document.open_outline() as outline:
        outline.root += [pikepdf.OutlineItem("Article 1", 0), pikepdf.OutlineItem("Annexe 1", 0)]


def with_filled_form(document):
    field = document.make_indirect(
        Dictionary(Type=Name.Annot, Subtype=Name.Widget, FT=Name.Tx, T="nom", V="Martin", Rect=[0, 0, 9, 9])
    )
    document.pages[0].Annots = Array([field])
    document.Root.AcroForm = Dictionary(Fields=Array([field]))


def with_blending(document):
    document.pages[0].Resources = Dictionary(ExtGState=Dictionary(GS0=Dictionary(BM=Name.Screen)))


PLAIN = {
    "blank": made(),
    "two hundred pages": made(pages=200),
    "object streams": made(with_outline, object_stream_mode=pikepdf.ObjectStreamMode.generate),
    "bookmarks": made(with_outline),
    "a link to an address": made(with_link(S=Name.URI, URI="https://www.example.org/")),
    "a link to a page": made(with_link(S=Name.GoTo, D=Array([0, Name.Fit]))),
    "opens at its first page": made(in_catalogue(OpenAction=Array([0, Name.Fit]))),
    "a reviewer's note": made(with_annotation(Type=Name.Annot, Subtype=Name.Text, Contents="Relu")),
    "a form that was filled": made(with_filled_form),
    "blended colours": made(with_blending),
    "tagged for assistive technology": pdf.convert("<h1>Acte</h1><p><a href='https://a.test/'>Signé</a>", title="Acte"),
    "signed electronically": seal.seal(pdf.convert("<p>Signé", title="Acte"), reason="Essai", now=NOW),
    "written by hand": raw(CATALOGUE, b"<</Type/Catalog/Pages 1 0 R>>"),
}
SCRIPT = b"<</S/JavaScript/JS(app.alert\\(1\\))>>"
FILE = Dictionary(F="virus.exe", EF=Dictionary(F=pikepdf.Dictionary(Length=0)))
ACTIVE = {
    "a file by an annotation, without any type": made(
        with_annotation(Subtype=Name.FileAttachment, FS=Dictionary(F="a"))
    ),
    "a file by a note": made(with_annotation(Subtype=Name.Text, FS=FILE)),
    "an associated file, without any type": made(in_catalogue(AF=Array([Dictionary(F="virus.exe")]))),
    "a file specification alone": made(anywhere(F="virus.exe", EF=Dictionary())),
    "a collection of files": made(in_catalogue(Collection=Dictionary(View=Name.T))),
    "a script in a catalogue inside the trailer": raw(b"/Root<</Type/Catalog/Pages 1 0 R/OpenAction%b>>" % SCRIPT),
    "a script in the trailer": raw(CATALOGUE + b"/Info<</X%b>>" % SCRIPT, b"<</Type/Catalog/Pages 1 0 R>>"),
    "a script by an escaped name": raw(
        CATALOGUE, b"<</Type/Catalog/Pages 1 0 R/OpenAction<</S/J#61vaScript/J#53(x)>>>>"
    ),
    "a script by a reference": raw(CATALOGUE, b"<</Type/Catalog/Pages 1 0 R/OpenAction 4 0 R>>", SCRIPT),
    "a script when it is closed": made(in_catalogue(AA=Dictionary(WC=Dictionary(S=Name.GoTo)))),
    "an address at opening": made(in_catalogue(OpenAction=Dictionary(S=Name.URI, URI="https://a.test/"))),
    "a second action": made(with_link(S=Name.URI, URI="https://a.test/", Next=Array([Dictionary(S=Name.Inconnue)]))),
    "an action that nobody knows": made(with_link(S=Name.Inconnue)),
    "an annotation that nobody knows": made(with_annotation(Subtype=Name.Inconnue)),
    "an annotation without a kind": made(with_annotation(Contents="x")),
    "bytes elsewhere": raw(
        CATALOGUE, b"<</Type/Catalog/Pages 1 0 R>>", b"<</Length 0/F(autre.bin)>>stream\n\nendstream"
    ),
    "a page of another file": raw(
        CATALOGUE,
        b"<</Type/Catalog/Pages 1 0 R>>",
        b"<</Subtype/Form/BBox[0 0 9 9]/Length 0/Ref<</F(autre.pdf)/Page 0>>>>stream\n\nendstream",
    ),
    **{
        f"action {kind}": made(with_link(S=Name(f"/{kind}"), F="autre.pdf"))
        for kind in ("GoToR", "GoToE", "Launch", "Movie", "Rendition", "Sound", "SubmitForm", "ImportData", "Hide")
    },
    **{
        f"annotation {kind}": made(with_annotation(Type=Name.Annot, Subtype=Name(f"/{kind}")))
        for kind in ("Movie", "Screen", "Sound", "3D", "RichMedia", "FileAttachment")
    },
    **{
        f"{kind}, out of reach": made(anywhere(S=Name(f"/{kind}"))) for kind in ("GoToR", "GoToE", "Movie", "Rendition")
    },
}
LOCKED = {"secret": pikepdf.Encryption(user="x", owner="y"), "restricted": pikepdf.Encryption(user="", owner="y")}


def refusal(data):
    with pytest.raises(Refused) as refused:
        store.checked_pdf(io.BytesIO(data))
    return refused.value.faults["fichier"]


@pytest.mark.rule("CON-2.b")
@pytest.mark.parametrize("name", PLAIN)
def test_what_opens_anywhere_and_does_nothing_is_taken_as_it_is(name):
    assert store.checked_pdf(io.BytesIO(PLAIN[name])) == PLAIN[name]


@pytest.mark.rule("CON-2.b")
@pytest.mark.parametrize("name", ACTIVE)
def test_what_may_run_or_holds_a_file_is_refused_with_what_to_do(name):
    sentence = refusal(ACTIVE[name])
    assert "Imprimez-le au format PDF" in sentence


@pytest.mark.rule("CON-2.b")
@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        *(pytest.param(made(encryption=lock), "sans protection", id=name) for name, lock in LOCKED.items()),
        pytest.param(made(pages=201), "plus de 200 pages", id="too long"),
        pytest.param(made() + b"\n" * MAX_BYTES, "dépasse 10 Mo", id="too big"),
        pytest.param(b"\xff\xd8\xff\xe0" + b"x" * 50, "n’est pas un PDF", id="a photograph"),
        pytest.param(made()[:-40], "abîmé", id="cut"),
    ],
)
def test_each_other_refusal_says_why_and_what_to_do(data, sentence):
    assert sentence in refusal(data)
