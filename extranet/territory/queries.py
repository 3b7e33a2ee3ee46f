"""Reads of the territory: finding communes and EPCI by typing, resolving codes, and who an agent is."""

import math
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.contrib.auth.models import AnonymousUser
from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, When
from django.db.models.functions import Coalesce

from extranet.core.accounts.models import User
from extranet.territory.models import Agent, AncienneCommune, Caf, CodePostal, Commune, Departement, Epci, NomCherche

SHORTEST = 2
SHOWN = 25  # Paris with its arrondissements
CITIES = ("13055", "69123", "75056")  # the three that have municipal arrondissements
OVERSEAS = ("97", "98")  # their départements have three figures
_ABBREVIATIONS = {"st": "saint", "ste": "sainte", "sts": "saints", "stes": "saintes"}


@dataclass(frozen=True, slots=True)
class Match:
    """A commune of today, and the former name or code by which it was found."""

    commune: Commune
    code_postal: str = ""
    ancien_nom: str = ""
    former: bool = False


class CodeEntry(NamedTuple):
    """The commune of today of a code, its Caf and, for an arrondissement, its whole town ("" for none)."""

    code: str
    former: bool
    caf: str
    parente: str


def search_key(text: str) -> str:
    """`text` as names are compared: lower case, no accent, single spaces for anything else, "st" read as "saint"."""
    plain = unicodedata.normalize("NFKD", text.lower().replace("œ", "oe").replace("æ", "ae"))
    words = re.findall(r"[a-z0-9]+", "".join(c for c in plain if not unicodedata.combining(c)))
    return " ".join(_ABBREVIATIONS.get(word, word) for word in words)


def communes_matching(text: str, limit: int = SHOWN, *, caf: str | None = None) -> list[Match]:
    """Communes of today whose name, a word of it, former name or postal code begins with `text` (HAB-2, DEM-2).

    The whole name first, then its beginning, then words; the most populated first, a town's arrondissements behind it
    in their order. `caf` keeps one Caf's territory.
    """
    key = search_key(text[:100])
    postal = re.fullmatch(r"\d{2,5}", key) or re.search(r"\b\d{5}\b", key)  # alone, or in a label: "Melun (77000)"
    postal_code = postal.group() if postal else ""
    name = key.replace(postal_code, "", 1).strip() if postal_code else key
    if not key:
        return []
    here: dict[str, Any] = {"commune__caf": caf} if caf else {}
    if postal_code:
        here["commune__in"] = CodePostal.objects.filter(code__prefix=postal_code).values("commune")
    found = _named(name, limit, here) if name else _at(postal_code, limit, here)
    communes = {one.pk: one for one in _complete().filter(pk__in=found).prefetch_related("codes_postaux")}
    matches = []
    for code, ancien_nom in found.items():
        commune = communes[code]
        codes = [row.code for row in commune.codes_postaux.all() if row.code.startswith(postal_code)]
        matches.append(Match(commune, codes[0] if codes else "", ancien_nom, bool(ancien_nom)))
    return matches


def places_matching(text: str, limit: int = SHOWN) -> list[Match]:
    """DEM-2.f: the same, as places where a family can ask: by a whole postal code the arrondissement instead of its
    city, else the city, whose arrondissements are chosen next.
    """
    found = communes_matching(text, limit)
    codes = {match.commune.pk for match in found}
    if re.search(r"\b\d{5}\b", search_key(text[:100])):
        cities = {match.commune.parente_id for match in found}
        return [match for match in found if match.commune.pk not in cities]
    return [match for match in found if match.commune.parente_id not in codes]


def arrondissements_of(commune: Commune) -> list[Commune]:
    """Those of a whole city (Paris, Lyon, Marseille), in their order; none of any other commune."""
    return list(commune.arrondissements.filter(actuelle=True).order_by("pk")) if commune.pk in CITIES else []


def _complete() -> QuerySet[Commune]:
    return Commune.objects.filter(actuelle=True).select_related("departement", "caf")


def _named(name: str, limit: int, here: dict[str, Any]) -> dict[str, str]:
    """Code: former name, in the order of the list."""
    if len(name) < SHORTEST:  # there is a commune named Y
        lines = NomCherche.objects.filter(cle=name, debut=True, **here)
    else:
        lines = NomCherche.objects.filter(cle__prefix=name, **here)
    rank = Case(When(cle=name, debut=True, then=0), When(debut=True, then=1), default=2)
    ordered = lines.order_by(rank, *_TOWNS, "ancien_nom").values_list("commune", "ancien_nom")
    found: dict[str, str] = {}
    for code, ancien_nom in ordered[: 3 * limit]:  # a name of several equal words, or kept by a merged commune
        found.setdefault(code, ancien_nom)
    return dict(list(found.items())[:limit])


def _at(postal_code: str, limit: int, here: dict[str, Any]) -> dict[str, str]:
    places = CodePostal.objects.filter(code__prefix=postal_code, commune__actuelle=True, **here)
    codes = places.order_by(*_TOWNS).values_list("commune", flat=True)
    return dict.fromkeys(list(dict.fromkeys(codes[: 3 * limit]))[:limit], "")


# The most populated towns first, each followed by its arrondissements in their order.
_TOWNS = (
    Coalesce("commune__parente__population", "commune__population").desc(),
    Coalesce("commune__parente", "commune"),
    F("commune__parente").asc(nulls_first=True),
    "commune",
)


def commune_by_code(code: str) -> Match | None:
    """The commune of today for a present or former code (`former` says which); None when there is none."""
    if commune := _complete().filter(pk=code).first():
        return Match(commune)
    if old := AncienneCommune.objects.filter(pk=code, commune__actuelle=True).first():
        return Match(_complete().get(pk=old.commune_id), ancien_nom=old.nom, former=True)
    return None


def codes_index() -> dict[str, CodeEntry]:
    """Every present and former code, for a reader of thousands of records; the caller keeps it."""
    rows = Commune.objects.filter(actuelle=True).values_list("pk", "caf", "parente")
    present = {code: CodeEntry(code, False, caf or "", parente or "") for code, caf, parente in rows}
    former = AncienneCommune.objects.values_list("pk", "commune")
    return {old: present[code]._replace(former=True) for old, code in former if code in present} | present


def communes_of_epci(siren: str) -> QuerySet[Commune]:
    """The communes of an EPCI today, by name; arrondissements are left out, their town is there."""
    of_epci = Commune.objects.filter(Q(epci=siren) | Q(ept=siren), actuelle=True, type=Commune.Type.COMMUNE)
    return of_epci.select_related("departement", "caf").order_by("nom_recherche", "pk")


def epcis_matching(text: str, departement: str | None = None, *, caf: str | None = None, limit: int = 20) -> list[Epci]:
    """EPCI of today whose name has, for each word of `text`, one that begins so; `departement` keeps those with a
    commune in it, `caf` those with one in its territory.
    """
    words = search_key(text[:100]).split()
    if len("".join(words)) < SHORTEST:
        return []
    found = Epci.objects.filter(actuel=True)
    for word in words:
        found = found.filter(Q(nom_recherche__prefix=word) | Q(nom_recherche__contains=f" {word}"))
    if departement:
        communes = Commune.objects.filter(Q(epci=OuterRef("pk")) | Q(ept=OuterRef("pk")), departement=departement)
        found = found.filter(Exists(communes))
    if caf:
        own = Commune.objects.filter(Q(epci=OuterRef("pk")) | Q(ept=OuterRef("pk")), caf=caf, actuelle=True)
        found = found.filter(Exists(own))
    return list(found.order_by("nom_recherche", "pk")[:limit])


def departements_of(postal_codes: Collection[str]) -> dict[str, str]:
    """Postal code → its département: that of most of its communes, the few that reach over a border considered."""
    found: dict[str, str] = {}
    rows = CodePostal.objects.filter(code__in=set(postal_codes)).values_list("code", "commune__departement")
    for code, departement, _ in rows.annotate(n=Count("pk")).order_by("n", "commune__departement"):
        found[code] = departement
    return found


def epcis_at(postal_code: str, caf: str) -> list[Epci]:
    """EPCI of the communes that have this postal code in the territory of `caf`."""
    places = CodePostal.objects.filter(code=postal_code, commune__actuelle=True, commune__caf=caf)
    here = Q(pk__in=places.values("commune__epci")) | Q(pk__in=places.values("commune__ept"))
    return list(Epci.objects.filter(here, actuel=True).order_by("nom_recherche", "pk"))


def shares_of(epcis: Collection[Epci], caf: str) -> dict[str, tuple[int, int]]:
    """EPCI → how many of its communes are in the territory of `caf`, and how many it has, in one query."""
    wanted = {epci.pk for epci in epcis}
    counts = {siren: [0, 0] for siren in wanted}
    rows = Commune.objects.filter(Q(epci__in=wanted) | Q(ept__in=wanted), actuelle=True, type=Commune.Type.COMMUNE)
    for epci, ept, own in rows.values_list("epci", "ept", "caf"):
        for siren in wanted & {epci, ept}:
            counts[siren][0] += own == caf
            counts[siren][1] += 1
    return {siren: (own, whole) for siren, (own, whole) in counts.items()}


def cafs_by_departement() -> list[tuple[str, str]]:
    """(Caf, « 77 – Seine-et-Marne »), by département number; a Caf of several has one line that names them all."""
    named: dict[str, list[str]] = {}
    rows = Departement.objects.exclude(caf=None).values_list("code", "nom", "caf")
    for code, nom, caf in sorted(rows, key=lambda row: row[0].replace("2A", "20A").replace("2B", "20B")):
        named.setdefault(caf, []).append(f"{code} – {nom}")
    return [(caf, ", ".join(names)) for caf, names in named.items()]


def cafs_of_postal_code(code: str) -> list[str]:
    """The Cafs whose territory has this postal code, the one of most inhabitants first; where no commune has it (that
    of a CEDEX), those of the département that its first figures tell.
    """
    places = CodePostal.objects.filter(code=code, commune__actuelle=True).exclude(commune__caf=None)
    found = dict.fromkeys(places.order_by("-commune__population", "commune").values_list("commune__caf", flat=True))
    if found:
        return list(found)
    start = code[:3] if code[:2] in OVERSEAS else code[:2]
    named = ("2A", "2B") if start == "20" else (start,)
    rows = Departement.objects.filter(pk__in=named).exclude(caf=None).order_by("pk")
    return list(dict.fromkeys(rows.values_list("caf", flat=True)))


# --- neighbours -----------------------------------------------------------------------------------------------------

NEIGHBOURS = 6
AROUND = 0.5  # degrees: some forty kilometres each way
KM_A_DEGREE = 111.2


class Voisine(NamedTuple):
    """A commune near another, and how far it is, where both have a known place."""

    commune: Commune
    km: int | None


def nearest(commune: Commune, among: QuerySet[Commune]) -> list[Voisine]:
    """DEM-2.c: the nearest of the same EPCI first, then the nearest, arrondissements of one's own town before all."""
    near = Q(epci=commune.epci_id) if commune.epci_id else Q(pk__in=[])
    east, north = commune.longitude, commune.latitude
    if east is not None and north is not None:
        box = {"longitude__range": (east - AROUND, east + AROUND), "latitude__range": (north - AROUND, north + AROUND)}
        near |= Q(**box)
    found = [Voisine(one, _km(commune, one)) for one in among.filter(near).exclude(pk=commune.pk)]

    def order(voisine: Voisine) -> tuple[bool, float, str]:
        other = voisine.commune
        apart = not commune.epci_id or other.epci_id != commune.epci_id
        unknown = 0 if _of_one_town(commune, other) else math.inf
        return apart, unknown if voisine.km is None else voisine.km, other.nom_recherche

    return sorted(found, key=order)[:NEIGHBOURS]


def _km(one: Commune, other: Commune) -> int | None:
    """Between the middles of two communes; arrondissements of one town are told no distance."""
    west, south, east, north = one.longitude, one.latitude, other.longitude, other.latitude
    if west is None or south is None or east is None or north is None:
        return None
    if _of_one_town(one, other):
        return None
    across = (east - west) * math.cos(math.radians(south))
    return max(1, round(KM_A_DEGREE * math.hypot(across, north - south)))


def _of_one_town(one: Commune, other: Commune) -> bool:
    return one.parente_id is not None and one.parente_id == other.parente_id


# --- agents ---------------------------------------------------------------------------------------------------------


def agent_of(user: User | AnonymousUser) -> Agent | None:
    """What `user` is in the back office; None for anybody else, and for a closed account. Read once a request."""
    if not (user.is_authenticated and user.is_active and user.is_staff):
        return None
    held: Any = user
    if not hasattr(held, "_agent"):
        held._agent = Agent.objects.select_related("caf").filter(user=user.pk).first()
    return held._agent


def role_of(user: User | AnonymousUser) -> str | None:
    """The role of an agent, for `rights.may(role, act)`; None for anybody else."""
    agent = agent_of(user)
    return agent.role if agent else None


def cafs_reachable() -> QuerySet[Caf]:
    """HAB-3.d: the Cafs whose address and telephone are known. Only these take applications: each is acknowledged in
    the name of a service that can be written to and called.
    """
    return Caf.objects.exclude(adresse="").exclude(telephone="")


def cafs_incomplete() -> QuerySet[Caf]:
    """Those that take no application (HAB-3.d), cannot refuse one (HAB-6.f), or sign papers that name nobody (CON-2.i),
    until somebody says what is missing.
    """
    return Caf.objects.filter(Q(adresse="") | Q(telephone="") | Q(tribunal="") | Q(directeur_nom=""))


def cafs_visible_to(user: User | AnonymousUser) -> QuerySet[Caf]:
    """All for the Cnaf, its own for an agent, none for anybody else."""
    agent = agent_of(user)
    if agent is None:
        return Caf.objects.none()
    return Caf.objects.all() if agent.role == Agent.Role.CNAF else Caf.objects.filter(pk=agent.caf_id)


def alerted(caf: str) -> list[str]:
    """NOT-4.e, NOT-4.f: who receives a Caf's alerts, as addressees: its agents who act, and its service mailbox."""
    agents = Agent.objects.filter(caf=caf, user__is_active=True).exclude(role=Agent.Role.LECTEUR).order_by("pk")
    box = Caf.objects.filter(pk=caf).exclude(courriel_generique="").exists()
    return [f"user:{user}" for user in agents.values_list("user", flat=True)] + ([f"caf:{caf}"] if box else [])
