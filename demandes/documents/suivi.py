"""What a lieu reads of a demande at a glance: ages, the day of an appointment, what was done. In words, French only."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.utils.dateformat import format as written

from demandes.models import Remise
from demandes.workflow import Issue
from extranet.core.accounts.models import User
from extranet.core.dates import PARIS, add_months
from extranet.core.journal.models import Entry
from extranet.core.languages import date_longue
from extranet.core.words import NBSP


def age(enfant: dict[str, str], today: date) -> str:
    """« 12 jours », « 8 mois », « 2 ans et 3 mois », « attendu en mars 2027 »."""
    if not (said := enfant.get("date_naissance")):
        return f"attendu en {written(date.fromisoformat(enfant['date_prevue']), 'F Y')}"
    born = date.fromisoformat(said)
    months = (today.year - born.year) * 12 + today.month - born.month
    months -= add_months(born, months) > today
    if months < 1:
        days = max(0, (today - born).days)
        return f"{days}{NBSP}jour{'s' if days > 1 else ''}"
    if months < 24:
        return f"{months}{NBSP}mois"
    years, rest = divmod(months, 12)
    return f"{years}{NBSP}ans" + (f" et {rest}{NBSP}mois" if rest else "")


def hour(local: datetime) -> str:
    """« 14 h », « 9 h 05 »."""
    return f"{local.hour}{NBSP}h" + (f"{NBSP}{local:%M}" if local.minute else "")


def appointment(at: datetime, today: date, clock: ZoneInfo = PARIS) -> str:
    """« aujourd’hui à 14 h », « demain à 9 h 30 », « le 3 décembre 2026 à 14 h », as it is said on `today` where
    `clock` is.
    """
    local = at.astimezone(clock)
    day = local.date()
    near = {0: "aujourd’hui", 1: "demain"}.get((day - today).days)
    return f"{near or f'le {date_longue(day)}'} à {hour(local)}"


def call(day: date, today: date) -> str:
    """« aujourd’hui », « demain », « le 3 décembre 2026 », « depuis le 20 novembre 2026 », as it is said on `today`."""
    near = {0: "aujourd’hui", 1: "demain"}.get((day - today).days)
    return near or f"{'depuis ' if day < today else ''}le {date_longue(day)}"


# Of the journal; a pick-up is told by the file or the act that it was.
ACTS = {
    "suivi.famille-jointe": "Famille jointe",
    "suivi.sans-reponse": "Appel sans réponse",
    "suivi.rendez-vous": "Rendez-vous pris",
    "suivi.rendez-vous-annule": "Rendez-vous annulé",
    "suivi.confiee": "Confiée à une personne du lieu",
    "suivi.confiee-a-personne": "Confiée à personne en particulier",
    "suivi.note": "Note ajoutée",
    "suivi.note-retiree": "Note retirée",
    "demande.rouverte": "Réponse annulée : de nouveau à suivre",
}


@dataclass(frozen=True, slots=True)
class Fait:
    """One thing that was done at the lieu."""

    at: datetime
    quoi: str
    qui: str


def faits(acts: Iterable[Entry], files: Iterable[Remise]) -> list[Fait]:
    """What was done of a demande at its lieu, the last first."""
    found = [(one.at, one.actor, _said(one)) for one in acts if one.event in ACTS or one.event == "suivi.issue"]
    fetched = list(files)
    users = User.objects.filter(pk__in={one.user_id for one in fetched}) | User.objects.filter(
        uuid__in={actor.removeprefix("user:") for _, actor, _ in found if actor.startswith("user:")}
    )
    names = {f"user:{user.uuid}": user.get_full_name() for user in users}
    keys = {user.pk: f"user:{user.uuid}" for user in users}
    found += [(one.at, keys.get(one.user_id, ""), _fetched(one)) for one in fetched]
    return [Fait(at, what, names.get(actor, "")) for at, actor, what in sorted(found, key=_when, reverse=True)]


def _when(one: tuple[datetime, str, str]) -> datetime:
    return one[0]


def _said(act: Entry) -> str:
    if act.event == "suivi.issue":
        return f"Traitée : {Issue(act.details['issue']).label}"
    return ACTS[act.event]


def _fetched(file: Remise) -> str:
    if file.mode == Remise.Mode.FLUX:
        return "Transmise au logiciel du lieu"
    again = f" de nouveau ({file.get_encore_display()})" if file.encore else ""
    return f"Téléchargée{again} en {file.get_mode_display()}"
