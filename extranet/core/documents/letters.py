"""Which letters the fonts of the papers have (fonts/README.md), and which way a text is read."""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

FONTS = Path(__file__).parent / "fonts"
USUAL = re.compile("[\u0000-\u017f\u2000-\u206f\u20ac]*")  # looked up in no font: nearly every text


def are_missing(texts: Iterable[str]) -> bool:
    """Whether `texts` hold letters that no font has: a paper draws boxes for them."""
    said = {letter for text in texts if not USUAL.fullmatch(text) for letter in text}
    return any(ord(one) not in _held() and unicodedata.category(one) not in ("Cc", "Cf") for one in said)


def reads_leftwards(text: str) -> bool:
    """Whether a paragraph is written from right to left, as its first letter says."""
    return next((way in ("R", "AL") for way in map(unicodedata.bidirectional, text) if way in ("L", "R", "AL")), False)


@cache
def _held() -> frozenset[int]:
    from fontTools.ttLib import TTFont

    return frozenset().union(*(TTFont(path, lazy=True).getBestCmap() for path in FONTS.glob("*.ttf")))
