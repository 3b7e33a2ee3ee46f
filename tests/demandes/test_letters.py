"""A family writes in its own letters: the paper draws them as text, and says what it cannot draw (TEL-2)."""

import io
import logging
from datetime import UTC, datetime

import pypdf
import pytest

from demandes.documents import pdf
from demandes.models import Demande
from extranet.core.documents import letters
from tests.factories import DemandeFactory

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
WRITTEN = {
    "latin": "Łódź, Ștefan, Đặng Thị Hương, İpek, Ŵŷn, Ærø, Þór, Œuvre, Ǣ, Ọlá, ñandú",
    "grec": "Γειά σας, αναζητώ βρεφονηπιακό σταθμό",
    "cyrillique": "Здравствуйте, шукаю ясла поруч. Ґудзик, Ђорђе, Қазақ",
    "arabe": "نبحث عن حضانة قريبة من البيت، شكرا",
    "hébreu": "אנחנו מחפשים גן ילדים",
    "arménien, géorgien, lao": "Բարեւ ձեզ გამარჯობა ສະບາຍດີ",
}
DRAWN = {
    "tamil": "வணக்கம், குழந்தை காப்பகம் தேவை",
    "bengali": "আমরা একটি শিশু যত্ন কেন্দ্র খুঁজছি",
    "hindi": "हम बच्चों की देखभाल केंद्र खोज रहे हैं",
    "panjabi, cingalais": "ਸਤ ਸ੍ਰੀ ਅਕਾਲ ආයුබෝවන්",
    "thaï, khmer": "สวัสดีครับ ជំរាបសួរ យើងកំពុងស្វែងរក",
    "amharique": "ሰላም እንዴት ነህ",
    "chinois, japonais": "您好，我们在找托儿所。保育園を探しています 謝謝您",
    "émoji": "Bébé 👶🏽 arrive 👨‍👩‍👧‍👦 bientôt 🎉 ❤️ 🇫🇷 😀",
}
BOXES = "Des caractères ne peuvent pas être imprimés ici"


@pytest.fixture
def paper(db, caplog):
    caplog.set_level(logging.WARNING, "weasyprint")

    def made(message):
        demande = DemandeFactory(transmise=True, dossier__message=message)
        data = pdf.write([Demande.objects.select_related("dossier", "commune", "lieu").get(pk=demande.pk)], NOW)
        document = pypdf.PdfReader(io.BytesIO(data))
        assert len(document.pages) == 1
        words = document.pages[0].extract_text().replace("\0", "")  # pypdf, beside a box
        return document, "".join(words.split())

    return made


@pytest.mark.rule("TEL-2.a")
def test_what_a_family_writes_in_its_letters_is_drawn_and_stays_text(paper, caplog):
    document, words = paper("\n".join([*WRITTEN.values(), *DRAWN.values()]))
    assert not [record for record in caplog.records if ".notdef" in record.message]
    assert "".join(BOXES.split()) not in words
    for name in (WRITTEN, DRAWN):
        assert not letters.are_missing(name.values())
    for script, text in WRITTEN.items():
        assert "".join(text.split()) in words, script
    fonts = {font["/BaseFont"] for font in fonts_of(document)}
    assert len(fonts) > 10  # each in the file itself
    assert all("/FontFile2" in font["/DescendantFonts"][0]["/FontDescriptor"] for font in fonts_of(document))


@pytest.mark.rule("TEL-2.a")
def test_what_no_font_has_is_said_and_usual_papers_carry_nothing_for_it(paper, caplog):
    _, words = paper("아이를 돌봐 주세요")
    assert "".join(BOXES.split()) in words
    caplog.clear()
    document, words = paper("Nous cherchons « une place » à l’année – merci… 5 €")
    assert "".join(BOXES.split()) not in words
    assert {font["/BaseFont"].partition("+")[2].partition("-")[0] for font in fonts_of(document)} <= {
        "Atkinson",
        "Secours",
    }


@pytest.mark.rule("TEL-2.a")
def test_a_message_is_laid_out_the_way_it_is_read():
    ways = {"« سلام": True, "Bonjour سلام": False, "123": False, "": False}
    assert {text: letters.reads_leftwards(text) for text in ways} == ways


def fonts_of(document):
    return [font.get_object() for font in document.pages[0]["/Resources"]["/Font"].values()]
