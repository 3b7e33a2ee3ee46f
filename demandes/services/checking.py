"""The rules that every demande is held against, from the form and from deliveries (DEM-1, DEM-3, ING-3)."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from demandes import rules
from demandes.documents.motifs import Motif
from demandes.documents.recue import CRENEAU, MESSAGE, NOM, Cleaning, Recue
from demandes.models import MODES
from demandes.services.transmission import Places
from extranet.core import signed
from extranet.core.dates import paris_date
from extranet.core.typed import e164

AHEAD = timedelta(hours=1)


@dataclass(slots=True)
class Checked:
    """A record after the rules: cleaned values, where it belongs, faults by field, and remarks."""

    recue: Recue
    caf: str = ""
    voulu: int | None = None
    last_day: date = date.min
    """Of what it becomes, where nothing is known by its reference."""
    faults: dict[str, Motif] = field(default_factory=dict)
    remarks: list[Motif] = field(default_factory=list)


def check(recue: Recue, now: datetime, places: Places) -> Checked:
    """Clean a copy of `recue` and hold it against every rule. It is taken in when there is no fault."""
    return check_own(replace(recue), now, places)


def check_own(recue: Recue, now: datetime, places: Places) -> Checked:
    """`check`, without a copy: `recue` itself is cleaned, once."""
    cleaning = _clean(recue)
    done = Checked(recue, faults=cleaning.faults, remarks=cleaning.remarks)
    _check_dates(done, now)
    _check_place(done, places)
    _check_need(done)
    if not (recue.courriel or recue.telephone):
        done.faults.setdefault("courriel", Motif("injoignable"))
    return done


def cleaned(recue: Recue) -> tuple[Recue, Cleaning]:
    """A copy with its texts cleaned, and what that changed or refuses."""
    recue = replace(recue)
    return recue, _clean(recue)


def _clean(recue: Recue) -> Cleaning:
    cleaning = Cleaning()
    text = cleaning.text
    recue.nom = text("nom", recue.nom, NOM)
    recue.prenom = text("prenom", recue.prenom, NOM)
    recue.ville = text("ville", recue.ville, NOM)
    recue.creneau = text("creneau", recue.creneau, CRENEAU)
    recue.message = text("message", recue.message, MESSAGE, lines=True)
    recue.courriel = recue.courriel.strip()
    if recue.telephone:
        recue.telephone = e164(recue.telephone)
        if not recue.telephone:
            cleaning.faults["telephone"] = Motif("telephone")
    recue.enfants = [
        {key: text("enfants", value, NOM) if key == "prenom" else value for key, value in enfant.items() if value}
        for enfant in recue.enfants
    ]
    return cleaning


def _check_dates(done: Checked, now: datetime) -> None:
    recue = done.recue
    if recue.deposee_le > now + AHEAD or (recue.modifiee_le and recue.modifiee_le > now + AHEAD):
        done.faults["date"] = Motif("date-a-venir")
    elif recue.modifiee_le and recue.modifiee_le < recue.deposee_le:
        done.faults["date"] = Motif("date-avant-depot")
    else:
        done.last_day = rules.last_day_of_dossier(recue.deposee_le, now)
        if done.last_day < paris_date(now):
            done.faults["date"] = Motif("trop-ancienne")


def _check_place(done: Checked, places: Places) -> None:
    recue = done.recue
    place = places.codes.get(recue.commune)
    if place is None:
        done.faults["commune"] = Motif("commune-inconnue")
        return
    if not place.caf:
        done.faults["commune"] = Motif("commune-sans-caf")
        return
    if place.former:
        done.remarks.append(Motif("ancienne-commune", {"commune": place.code}))
    recue.commune, done.caf = place.code, place.caf
    if recue.lieu:
        done.voulu = places.lieu_by_code.get(recue.lieu)
        if done.voulu not in places.covering(recue.commune):
            done.voulu = None
            done.remarks.append(Motif("lieu"))


def _check_need(done: Checked) -> None:
    recue, day = done.recue, paris_date(done.recue.deposee_le)
    if not set(recue.modes) <= MODE_NAMES.keys() or not recue.modes:
        done.faults["modes"] = Motif("modes")
    _check_children(done, day)
    if not rules.is_plausible_start(date.fromisoformat(str(recue.besoin["a_partir_du"])), day):
        done.faults["a_partir_du"] = Motif("debut")
    hours: Any = recue.besoin.get("horaires") or ()
    days = [jour for jour, _, _ in hours]
    if any(days.count(jour) > 2 for jour in days):
        done.faults["horaires"] = Motif("plages")
    elif rules.overlaps([tuple(plage) for plage in hours]):
        done.faults["horaires"] = Motif("horaires")


def _check_children(done: Checked, day: date) -> None:
    recue = done.recue
    kept = []
    for enfant in recue.enfants:
        if born := enfant.get("date_naissance"):
            if date.fromisoformat(born) > day:
                done.faults["enfants"] = Motif("naissance-a-venir")
            elif rules.is_under_six(date.fromisoformat(born), day):
                kept.append(enfant)
        elif rules.is_plausible_due_date(date.fromisoformat(enfant["date_prevue"]), day):
            kept.append(enfant)
        else:
            done.faults["enfants"] = Motif("date-prevue")
    if not kept:
        done.faults.setdefault("enfants", Motif("sans-enfant"))
    elif len(kept) < len(recue.enfants) and "enfants" not in done.faults:
        done.remarks.append(Motif("six-ans"))
    recue.enfants = kept


MODE_NAMES = {mode.replace("_", "-"): mode for mode in MODES}


def digest(recue: Recue, said: str) -> str:
    """HMAC of what a record says (`said`, its `contenu.texte`) and where, dates of handling left out.

    A bare hash of a name and a number could be guessed.
    """
    return signed.digest("demande.contenu", f"{recue.commune}|{recue.lieu}|{','.join(sorted(recue.modes))}|{said}")


def modes(recue: Recue) -> dict[str, bool]:
    """The modes of care wanted, by column."""
    return {mode: name in recue.modes for name, mode in MODE_NAMES.items()}
