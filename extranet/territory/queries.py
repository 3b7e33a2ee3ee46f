"""Reads of the territory: finding communes and EPCI by typing, resolving codes, and who an agent is."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.contrib.auth.models import AnonymousUser
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, When
from django.db.models.functions import Coalesce

from extranet.core.accounts.models import User
from extranet.territory.models import Agent, AncienneCommune, Caf, CodePostal, Commune, Epci, NomCherche

SHORTEST = 2
SHOWN = 25  # Paris with its arrondissements
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
    communes = {commune.pk: commune for commune in _complete().filter(pk__in=found)}
    matches = []
    for code, ancien_nom in found.items():
        commune = communes[code]
        codes = [row.code for row in commune.codes_postaux.all() if row.code.startswith(postal_code)]
        matches.append(Match(commune, codes[0] if codes else "", ancien_nom, bool(ancien_nom)))
    return matches


def _complete() -> QuerySet[Commune]:
    return Commune.objects.filter(actuelle=True).select_related("departement", "caf").prefetch_related("codes_postaux")


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


def epcis_matching(text: str, departement: str | None = None, *, limit: int = 20) -> list[Epci]:
    """EPCI of today whose name has, for each word of `text`, one that begins so; in `departement` where given."""
    words = search_key(text[:100]).split()
    if len("".join(words)) < SHORTEST:
        return []
    found = Epci.objects.filter(actuel=True)
    for word in words:
        found = found.filter(Q(nom_recherche__prefix=word) | Q(nom_recherche__contains=f" {word}"))
    if departement:
        communes = Commune.objects.filter(Q(epci=OuterRef("pk")) | Q(ept=OuterRef("pk")), departement=departement)
        found = found.filter(Exists(communes))
    return list(found.order_by("nom_recherche", "pk")[:limit])


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
