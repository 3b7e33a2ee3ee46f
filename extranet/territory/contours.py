"""Small maps of communes, from the contours in `data/contours/`: one file a département, read when it is asked."""

import csv
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from extranet.territory.models import Commune

FOLDER = Path(__file__).parent / "data" / "contours"
WIDTH = 320.0
MOST = 200  # contours on one page

Point = tuple[float, float]
Ring = list[Point]
Place = Callable[[Point], Point]


@dataclass(frozen=True, slots=True)
class Carte:
    """A map in units of its own: départements behind, communes on them with their names; `absentes` have no contour."""

    largeur: float
    hauteur: float
    fond: list[str]
    communes: list[tuple[str, str]]
    absentes: list[str]


def carte_of(communes: Collection[Commune]) -> Carte | None:
    """HAB-6: where these communes are in their départements; None where there is nothing to draw, or too much."""
    if not 0 < len(communes) <= MOST:
        return None
    departements = sorted({commune.departement_id for commune in communes})
    behind = [ring for code in departements for ring in _rings(code, code)]
    if not behind:
        return None
    place = _projection(behind)
    drawn = [(str(one), _path(_rings(one.departement_id, one.pk), place)) for one in communes]
    west, south, east, north = _bounds(behind)
    height = place((east, south))[1]
    return Carte(
        largeur=WIDTH,
        hauteur=round(height, 1),
        fond=[_path(_rings(code, code), place) for code in departements],
        communes=[(nom, path) for nom, path in drawn if path],
        absentes=[nom for nom, path in drawn if not path],
    )


@lru_cache(maxsize=8)
def _contours(departement: str) -> dict[str, str]:
    path = FOLDER / f"{departement}.csv"
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {row["code"]: row["contour"] for row in csv.DictReader(file)}


def centres(folder: Path = FOLDER) -> dict[str, Point]:
    """DEM-2.c: commune → longitude and latitude of the middle of its contour; those without contour are left out."""
    found = {}
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if len(row["code"]) == len("75056") and (rings := _read(row["contour"])):
                    west, south, east, north = _bounds(rings)
                    found[row["code"]] = ((west + east) / 2, (south + north) / 2)
    return found


def _rings(departement: str, code: str) -> list[Ring]:
    return _read(_contours(departement).get(code, ""))


def _read(contour: str) -> list[Ring]:
    """Longitudes and latitudes: a ring is its first point, then steps, in thousandths of a degree."""
    rings = []
    for text in filter(None, contour.split("/")):
        steps, x, y = list(map(int, text.split())), 0, 0
        ring: Ring = []
        for dx, dy in zip(steps[::2], steps[1::2], strict=True):
            x, y = x + dx, y + dy
            ring.append((x / 1000, y / 1000))
        rings.append(ring)
    return rings


def _bounds(rings: list[Ring]) -> tuple[float, float, float, float]:
    longitudes, latitudes = zip(*(point for ring in rings for point in ring), strict=True)
    return min(longitudes), min(latitudes), max(longitudes), max(latitudes)


def _projection(rings: list[Ring]) -> Place:
    west, south, east, north = _bounds(rings)
    narrow = math.cos(math.radians((south + north) / 2))
    scale = WIDTH / ((east - west) * narrow)
    return lambda point: ((point[0] - west) * narrow * scale, (north - point[1]) * scale)


def _path(rings: list[Ring], place: Place) -> str:
    parts = []
    for ring in rings:
        points = dict.fromkeys(f"{x:.1f} {y:.1f}" for x, y in map(place, ring))
        parts.append(f"M{'L'.join(points)}Z")
    return "".join(parts)
