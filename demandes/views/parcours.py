"""Where a demande stands, in its family's words: what the portal knows, no more (DEM-4)."""

from datetime import datetime

from django.utils.translation import gettext as _

from demandes import queries
from demandes.models import Demande
from demandes.workflow import Etat
from extranet.core.dates import paris_date
from extranet.core.languages import date_longue
from extranet.core.words import telephone


def step(demande: Demande) -> str:
    """In one sentence."""
    if demande.state == Etat.A_ORIENTER:
        return _("Votre demande n’est pas encore confiée à un lieu d’information : la Caf en choisit un.")
    if demande.state == Etat.TRANSMISE:
        return _("Votre demande est transmise au lieu d’information, qui ne l’a pas encore récupérée.")
    if demande.state == Etat.RECUPEREE:
        return _("Le lieu d’information a récupéré votre demande le %(jour)s.") % {"jour": _picked_up(demande)}
    return _("Le lieu d’information a indiqué qu’il a traité votre demande.")


def _picked_up(demande: Demande) -> str:
    at = queries.open_attribution(demande).picked_up_at
    return date_longue(paris_date(at)) if at else ""


def dates(demande: Demande) -> list[tuple[str, str]]:
    """What happened to it, and on which day."""
    there = queries.open_attribution(demande) if demande.lieu_id else None
    known = [
        (_("Envoyée"), demande.deposee_le),
        (_("Corrigée"), demande.modifiee_le),
        (_("Transmise au lieu"), there and there.transmitted_at),
        (_("Récupérée par le lieu"), there and there.picked_up_at),
        (_("Traitée par le lieu"), demande.closed_at),
    ]
    return [(what, date_longue(paris_date(at))) for what, at in known if at]


def next_step(demande: Demande, now: datetime) -> str:
    """Who acts, within what delay, and what to do if nobody does."""
    caf = demande.caf
    call = _("La %(caf)s répond au %(telephone)s.") % {"caf": caf.nom, "telephone": telephone(caf.telephone)}
    call = f" {call}" if caf.telephone else ""
    delay = demande.delay(now)
    if demande.state == Etat.A_ORIENTER:
        return _("Un courriel vous dira quel lieu vous répond. Sans nouvelles, appelez votre Caf.") + call
    if demande.state == Etat.TRANSMISE and delay and delay.days_late:
        late = _("Il avait jusqu’au %(jour)s pour la récupérer. Appelez-le en donnant votre référence.")
        return late % {"jour": date_longue(delay.last)} + call
    if demande.state == Etat.TRANSMISE and delay:
        until = _("Il a jusqu’au %(jour)s pour la récupérer, puis il vous répond.") % {"jour": date_longue(delay.last)}
    elif demande.state == Etat.TRANSMISE:
        until = _("Il a quinze jours pour la récupérer, puis il vous répond.")
    else:
        return _("Sans nouvelles de lui, appelez-le en donnant votre référence.") + call
    return until + " " + _("S’il ne la récupère pas, vous et la Caf en êtes prévenus par courriel.") + call
