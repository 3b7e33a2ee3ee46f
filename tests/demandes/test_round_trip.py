"""A thousand demandes drawn at random: what families type is kept, and comes back the same by XML."""

import io
import unicodedata
from datetime import date, timedelta
from itertools import accumulate

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from demandes.contenu import valeurs
from demandes.documents import xml_reader, xml_writer
from demandes.documents.reading import ATYPIQUES, CONTACTS, MODES, REGULARITES, RENDEZ_VOUS
from demandes.forms import UNSURE
from demandes.models import Demande, Livraison
from demandes.services import applying, deliveries, intake
from demandes.views.family import FILLED, _Filled
from demandes.views.place import Place
from extranet.core.dates import paris_date
from extranet.core.typed import is_address
from extranet.core.web.drafts import Draft
from extranet.core.words import JOURS
from extranet.territory.queries import commune_by_code
from tests.factories import NOW

TODAY = paris_date(NOW)


def days(first, last):
    return st.integers(first, last).map(lambda count: str(TODAY + timedelta(days=count)))


# Every letter, mark, digit and sign, of whatever script; what the rules refuse is left to the tests of refusals.
LETTERS = st.characters(categories=["L", "N", "P", "S", "Zs"], exclude_characters="\u00ad\u2060\ufeff\u200b")
LINE = st.text(LETTERS, min_size=1, max_size=30).map(str.strip).filter(bool)
LINES = st.text(LETTERS | st.sampled_from("\n\t"), max_size=200).map(str.strip)
QUARTERS = [f"{hour:02}:{minute:02}" for hour in range(24) for minute in (0, 15, 30, 45)]


PHONES = st.sampled_from(
    [("01 60.68-00 01", "+33160680001"), ("0692000001", "+262692000001"), ("+32 470 12 34 56", "+32470123456")]
)


@st.composite
def typed(draw, text):
    """`text` as a keyboard or a copy may bring it, and as it is meant."""
    meant = unicodedata.normalize("NFC", draw(text))
    ways = [
        meant,
        f" {meant}\u3000",
        unicodedata.normalize("NFD", meant),
        f"{meant}\u00ad",
        meant.replace("\n", "\r\n"),
    ]
    return draw(st.sampled_from(ways)), meant


def day(first, last):
    """A day as a browser's field sends it, or as people write it, and as it is kept."""
    dates = days(first, last).map(date.fromisoformat)
    return st.tuples(dates, st.sampled_from(["%Y-%m-%d", "%d/%m/%Y"])).map(
        lambda one: (f"{one[0]:{one[1]}}", str(one[0]))
    )


def choice(names):
    """One of the radio buttons; none of them, or the one that says that it does not matter."""
    return st.sampled_from([*((name, name) for name in names), ("", ""), (UNSURE, "")])


@st.composite
def hours(draw):
    """The same hours each chosen day, or one or two ranges of each, apart from each other."""
    chosen = sorted(draw(st.sets(st.sampled_from(JOURS))), key=JOURS.index)
    quarters = st.tuples(*[st.integers(1, 23)] * 4).map(accumulate)
    times = quarters.map(lambda four: [QUARTERS[rank] for rank in four])
    if draw(st.booleans()):
        de, a = draw(times)[:2] if chosen else ("", "")
        return {"jours": chosen, "de": [de], "a": [a]}, [[jour, de, a] for jour in chosen]
    rows, meant = {"par_jour": ["1"]}, []
    for jour in chosen:
        ranges = draw(times)[: draw(st.sampled_from([2, 4]))]
        rows |= {f"{jour}-{name}": [hour] for name, hour in zip(("de", "a", "puis_de", "puis_a"), ranges, strict=False)}
        meant += [[jour, *ranges[at : at + 2]] for at in range(0, len(ranges), 2)]
    return rows, meant


@st.composite
def children(draw):
    """One to four, and at times a row that was left empty."""
    rows, meant = [], []
    for _ in range(draw(st.integers(1, 4))):
        name, said = draw(typed(LINE) | st.just(("", "")))
        situation, known = draw(st.sampled_from([("ne", "date_naissance"), ("attendu", "date_prevue")]))
        written, kept_as = draw(day(-2100, 0) if situation == "ne" else day(-40, 500))
        rows.append({"prenom": name, "situation": situation, "date": written})
        meant.append(({"prenom": said} if said else {}) | {known: kept_as})
    rows += [{}] * draw(st.integers(0, 1))
    counts = {"enfants-TOTAL_FORMS": [str(len(rows))], "enfants-INITIAL_FORMS": ["0"]}
    return counts | {f"enfants-{n}-{k}": [v] for n, row in enumerate(rows) for k, v in row.items()}, meant


@st.composite
def demandes(draw):
    """What a family may type, by name as the steps send it, and what it means by it: modes, then the dossier."""
    names = {"contact_prefere": CONTACTS, "rendez_vous": RENDEZ_VOUS, "regularite": REGULARITES}
    one = {name: draw(choice(known)) for name, known in names.items()}
    by_telephone = any(meant.startswith("telephone") for _, meant in one.values())
    one |= {
        "nom": draw(typed(LINE)),
        "prenom": draw(typed(LINE)),
        "ville": draw(typed(LINE)),
        "creneau": draw(typed(LINE) | st.just(("", ""))),
        "message": draw(typed(LINES)),
        "courriel": draw(st.emails().filter(is_address).map(lambda address: (f" {address}", address))),
        "telephone": draw(PHONES if by_telephone else PHONES | st.just(("", ""))),
        "code_postal": draw(st.integers(0, 99_999).map(lambda code: (f"{code:05}", f"{code:05}"))),
        "allocataire": draw(st.sampled_from([("oui", True), ("non", False), ("", None), (UNSURE, None)])),
        "a_partir_du": draw(day(-20, 1000)),
    }
    ticked = draw(st.sets(st.sampled_from([*MODES, UNSURE]), min_size=1))
    modes = [name for name in (*MODES, UNSURE) if name in ticked]
    atypiques = draw(st.lists(st.sampled_from(list(ATYPIQUES)), unique=True))
    (when, horaires), (rows, enfants) = draw(hours()), draw(children())
    sent = {name: [written] for name, (written, _) in one.items()} | when | rows
    said = {name: meant for name, (_, meant) in one.items()}
    besoin = {name: said.pop(name) for name in ("a_partir_du", "regularite")}
    said |= {"enfants": enfants, "besoin": besoin | {"horaires": horaires, "atypiques": atypiques}}
    return sent | {"modes": modes, "atypiques": atypiques}, list(MODES) if UNSURE in modes else modes, said


def kept(source):
    """What is kept of each, by reference, in the order of their arrival."""
    rows = Demande.objects.filter(source=source).select_related("dossier", "commune", "lieu", "transmission")
    return list(rows.order_by("pk"))


def facts(demande):
    """All that a lieu is told of it."""
    return valeurs(demande.dossier.open(TODAY)), demande.modes, demande.commune_id, demande.deposee_le


def drawn(count):
    """As many different demandes, the same in each run."""
    found = []

    @settings(max_examples=count, deadline=None, database=None, derandomize=True, suppress_health_check=[*HealthCheck])
    @given(demandes())
    def draw(one):
        found.append(one)

    draw()
    return found


@pytest.mark.rule("TEL-3.a")
@pytest.mark.rule("ING-3.b")
def test_what_families_send_comes_back_the_same_by_xml(db):
    said = drawn(1_000)
    places = [Place(commune_by_code(code), [], None) for code in ("77100", "91228", "75101")]
    for number, (written, _, _) in enumerate(said):
        filled = _Filled(Draft(typed=written), places[number % len(places)], NOW)
        assert filled.recue, [list(filled.errors(step)) for step in FILLED]
        intake.receive(filled.recue, lieu=None, nonce=f"essai-{number}", now=NOW, places=filled.places)
    sent = kept("formulaire")
    for demande, (_, modes, meant) in zip(sent, said, strict=True):
        assert facts(demande)[:2] == (meant, modes)
    written = xml_writer.write(sent, NOW)
    etree.XMLSchema(file=str(xml_reader.SCHEMA)).assertValid(etree.fromstring(written))
    livraison = deliveries.register(
        io.BytesIO(written), nom="l.xml", origine=Livraison.Origine.DEPOT, now=NOW, ring=False
    )
    applying.ingest(livraison.pk, now=NOW)
    delivered = kept("monenfant")
    assert not livraison.rejets.exists()
    assert [one.reference for one in delivered] == [one.reference for one in sent]
    for one, other in zip(sent, delivered, strict=True):
        assert facts(one) == facts(other)
    assert xml_writer.write(delivered, NOW) == written
