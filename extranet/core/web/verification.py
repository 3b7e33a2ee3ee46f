"""A text read on screen, to be copied or answered: what a person does at once and a program does badly (ACT-5.a).

One field shows both: letters in a picture, and beside it a question in words, for who does not see the picture or
would rather answer. Either answer is good. Nothing is kept: the field carries its own proof, sealed, which serves once
for twenty minutes. It is never the only brake: counting stands beside it.
"""

import base64
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from django import forms
from django.core import signing
from django.core.cache import cache
from django.utils.crypto import constant_time_compare
from django.utils.dates import MONTHS as MONTH_NAMES
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageDraw, ImageFont

from extranet.core import signed

LIFE = 20 * 60
LETTERS = "ABCDEFHJKLMNPRTUVWXYZ"  # no look-alikes
PURPOSE = "web.verification"
FONT = Path(__file__).parent.parent / "documents" / "fonts" / "AtkinsonHyperlegibleNext_700Bold.ttf"

# Words of one language each: as many, in the same order.
UNITS = _(
    "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit "
    "dix-neuf vingt"
)
DAYS, MONTHS = list(WEEKDAYS.values()), list(MONTH_NAMES.values())
KINDS = [
    (_("une couleur"), _("rouge vert jaune violet gris blanc")),
    (_("un animal"), _("chat cheval lapin renard mouton canard")),
    (_("un fruit"), _("pomme poire cerise fraise banane abricot")),
    (_("un meuble"), _("table chaise armoire lit bureau tabouret")),
]
RANKS = _("premier deuxième troisième quatrième")

_random = secrets.SystemRandom()


def _sum() -> tuple[str, list[str]]:
    first, second, units = _random.randint(2, 10), _random.randint(2, 10), str(UNITS).split()
    asked = gettext("combien font %(premier)s plus %(second)s ?")
    total = first + second
    return asked % {"premier": units[first], "second": units[second]}, [str(total), units[total]]


def _following() -> tuple[str, list[str]]:
    days, months = (
        (_("quel jour vient juste après %(nom)s ?"), DAYS),
        (_("quel mois vient juste après %(nom)s ?"), MONTHS),
    )
    asked, row = _random.choice([days, months])
    place = _random.randrange(len(row))
    return str(asked) % {"nom": row[place]}, [str(row[(place + 1) % len(row)])]


def _odd() -> tuple[str, list[str]]:
    (what, words), *others = _random.sample(KINDS, 3)
    good = _random.choice(str(words).split())
    shown = [good, *(_random.choice(str(other).split()) for _kind, other in others)]
    _random.shuffle(shown)
    said = {"un": shown[0], "deux": shown[1], "trois": shown[2], "quoi": what}
    return gettext("parmi %(un)s, %(deux)s et %(trois)s, lequel est %(quoi)s ?") % said, [good]


def _rank() -> tuple[str, list[str]]:
    words = [_random.choice(str(words).split()) for _kind, words in KINDS]
    _random.shuffle(words)
    place = _random.randrange(len(words))
    said = {"rang": str(RANKS).split()[place], "mots": " ".join(words)}
    return gettext("quel est le %(rang)s mot de « %(mots)s » ?") % said, [words[place]]


QUESTIONS: list[Callable[[], tuple[str, list[str]]]] = [_sum, _following, _odd, _rank]


@dataclass(frozen=True, slots=True)
class Verification:
    """What is shown: letters, a question in words, and the sealed proof of what answers them."""

    letters: str
    question: str
    answers: list[str]
    proof: str


def draw() -> Verification:
    """Another one."""
    letters = "".join(_random.choice(LETTERS) for _ in range(5))
    question, answers = _random.choice(QUESTIONS)()
    name = secrets.token_hex(12)
    digests = [_digest(name, text) for text in (letters, *answers)]
    return Verification(letters, question, answers, signing.dumps([name, digests], salt=PURPOSE))


def is_right(proof: str, text: str, *, use: str = "") -> bool:
    """Whether `text` answers that proof. Right or wrong, the proof has served: for one `use` (see `spend`)."""
    try:
        name, digests = signing.loads(proof, salt=PURPOSE, max_age=LIFE)
    except signing.BadSignature:
        return False
    given = _digest(name, text)
    right = any(constant_time_compare(given, known) for known in digests)
    return spend(f"{PURPOSE}:{name}", right, use)


def spend(name: str, right: bool, use: str) -> bool:
    """DEM-6.a: a proof counts once. The same sending may bring it again (a button pressed twice): it is one `use`."""
    kept = signed.digest(PURPOSE, use) if right and use else "-"
    if cache.add(name, kept, LIFE):
        return right
    return kept != "-" and constant_time_compare(kept, cache.get(name) or "")


def _digest(name: str, text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return signed.digest(PURPOSE, f"{name} {''.join(c for c in plain if c.isalnum())}")[:32]


def picture(letters: str) -> str:
    """The letters as a PNG in a data: address: turned, at different heights, with lines across."""
    image = Image.new("L", (280, 90), 255)
    for place, letter in enumerate(letters):
        font = ImageFont.truetype(FONT, _random.randint(46, 56))
        tile = Image.new("L", (72, 84), 0)
        ImageDraw.Draw(tile).text((14, 8), letter, fill=_random.randint(200, 255), font=font)
        turned = tile.rotate(_random.uniform(-22, 22), resample=Image.Resampling.BICUBIC)
        image.paste(40, (4 + place * 52 + _random.randint(-3, 3), _random.randint(-2, 8)), turned)
    lines = ImageDraw.Draw(image)
    for _line in range(4):
        ends = [(0, _random.randint(0, 90)), (280, _random.randint(0, 90))]
        lines.line(ends, fill=_random.randint(60, 140), width=2)
    target = BytesIO()
    image.save(target, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(target.getvalue()).decode()


class VerificationInput(forms.TextInput):
    """The picture, the field, and the proof as a hidden field beside it."""

    template_name = "components/_verification.html"
    shown: Verification

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, "", attrs)
        image = picture(self.shown.letters)
        return context | {"image": image, "proof": self.shown.proof}

    def value_from_datadict(self, data: Any, files: Any, name: str) -> tuple[str, str]:
        return data.get(f"{name}-preuve", ""), data.get(name, "")


class VerificationField(forms.Field):
    """ACT-5.a, without JavaScript, on any public form. A page shown again shows another one."""

    widget = VerificationInput
    default_error_messages = {
        "required": _("Recopiez les lettres de l’image, ou répondez à la question."),
        "wrong": _(
            "Ce n’était pas la bonne réponse, ou la page était ouverte depuis plus de vingt minutes. "
            "Voici une autre image et une autre question."
        ),
    }

    def __init__(self, **kwargs: Any):
        attrs = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}
        super().__init__(label=_("Vérification"), widget=VerificationInput(attrs=attrs), **kwargs)

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> forms.BoundField:
        shown = draw()
        self.widget.shown = shown
        asked = gettext("Recopiez les lettres de l’image, ou répondez à cette question : %(question)s")
        self.help_text = asked % {"question": shown.question}
        return super().get_bound_field(form, field_name)

    def clean(self, value: tuple[str, str]) -> str:
        proof, text = value
        if not text.strip():
            raise forms.ValidationError(self.error_messages["required"], "required")
        if not is_right(proof[:2000], text[:100]):
            raise forms.ValidationError(self.error_messages["wrong"], "wrong")
        return ""
