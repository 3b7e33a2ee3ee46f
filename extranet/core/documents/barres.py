"""Bars as SVG draws them: a line each, its parts side by side. What they show stands in a table beside them too."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, LABEL, VALUE, ROW = 400, 180, 36, 26  # of the drawing, of the names, of the numbers, of a line
NAME = 27  # letters of a name


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar; `rank` chooses its tint."""

    rank: int
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Barre:
    """One line: its name as far as there is room, its number, its parts."""

    nom: str
    nombre: int
    y: int
    fin: float
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class Barres:
    """A drawing."""

    hauteur: int
    barres: list[Barre]
    largeur: int = WIDTH


def draw(lines: Sequence[tuple[str, Sequence[int]]]) -> Barres | None:
    """Bars of (name, numbers to be laid side by side), on one scale; None when all are nothing."""
    most = max((sum(numbers) for _, numbers in lines), default=0)
    if not most:
        return None
    scale = (WIDTH - LABEL - VALUE) / most
    made = []
    for rank, (name, numbers) in enumerate(lines):
        parts, x = [], float(LABEL)
        for tint, number in enumerate(numbers):
            if number:
                parts.append(Part(tint, round(x, 1), round(number * scale, 1)))
                x += number * scale
        short = name if len(name) <= NAME else f"{name[: NAME - 1].rstrip()}…"
        made.append(Barre(short, sum(numbers), rank * ROW, round(x + 6, 1), parts))
    return Barres(ROW * len(lines), made)
