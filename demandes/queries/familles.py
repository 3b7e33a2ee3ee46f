"""What a family sees of its demande by its private link, and who has asked before (DEM-4, DEM-7, DEM-8)."""

import uuid
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from conventions import queries as conventions
from conventions.queries import Fin
from demandes import rules
from demandes.contenu import Contenu
from demandes.models import (
    Demande,
    Dossier,
)
from demandes.workflow import ALIVE, AT_A_LIEU, Etat
from extranet.core import signed
from extranet.core.bulk import AnyOf
from extranet.core.dates import paris_date
from extranet.core.errors import Gone, Moved, NoKey, NotFound
from extranet.core.frozen import Frozen
from extranet.core.languages import date_longue
from extranet.core.outbox.models import Message


def link_of(demande: Demande) -> str:
    """The token of the private link that opens a demande now (DEM-4)."""
    return link_token(demande.uuid, demande.rang_lien)


def link_token(demande: uuid.UUID, rank: int = 0) -> str:
    """That of the first private link of a demande, or of the one that came after so many."""
    return signed.token(_link(rank), demande)


def _link(rank: int) -> str:
    return f"demande.{rank}" if rank else "demande"


def demande_by_token(token: str, now: datetime) -> Demande:
    """The demande of a private link: 404 when the token is not ours, 410 when another link took its place, when the
    dossier is gone or past its day.
    """
    if (name := signed.name_in(token)) is None:
        raise NotFound
    rows = Demande.objects.filter(uuid=name)
    demande = rows.select_related("dossier", "commune", "lieu", "transmission").first()
    ranks = range(demande.rang_lien + 1) if demande else ()
    rank = next((one for one in ranks if signed.read(_link(one), token)), None)
    if demande is None or rank is None:
        raise NotFound
    if rank != demande.rang_lien:
        raise Moved(_("L’adresse de courriel de cette demande a été corrigée : seul son nouveau lien l’ouvre."))
    if demande.state == Etat.RETIREE:
        sentence = _("Cette demande a été retirée le %(jour)s. Ses données ont été détruites aussitôt.")
        raise Gone(sentence % {"jour": _day(demande.destroyed_at)})
    if demande.state == Etat.PURGEE:
        sentence = _("Vos données ont été détruites le %(jour)s, à la fin de leur conservation.")
        raise Gone(sentence % {"jour": _day(demande.destroyed_at)})
    end = end_of(demande, now)
    last_day = min(demande.last_day, end.families_until) if end else demande.last_day
    if last_day < paris_date(now):
        sentence = _("La conservation de vos données a pris fin le %(jour)s.")
        raise Gone(sentence % {"jour": date_longue(last_day)})
    return demande


# CON-6.d: what its lieu has seen goes to no other unless the family says so.
FAMILY_DECIDES = (Etat.RECUPEREE, Etat.TRAITEE)


def end_of(demande: Demande, now: datetime) -> Fin | None:
    """CON-6.d: the end, near or past, of the convention of the lieu that has picked this demande up."""
    if demande.lieu_id is None or demande.state not in FAMILY_DECIDES:
        return None
    return conventions.ends_at(paris_date(now), [demande.lieu_id]).get(demande.lieu_id)


def may_follow(demande: Demande, now: datetime) -> Fin | None:
    """CON-6.d: the end for which the family is asked now whether another lieu should have its demande."""
    end, today = end_of(demande, now), paris_date(now)
    return end if end and end.asked_from <= today <= min(end.families_until, demande.last_day) else None


def ends_with_demandes(day: date) -> list[Fin]:
    """CON-6: the ends, near or past, of lieux that still have demandes."""
    ends = conventions.ends_at(day)
    there = Demande.objects.filter(lieu__in=list(ends), state__in=AT_A_LIEU).order_by()
    return [ends[lieu] for lieu in sorted(there.values_list("lieu", flat=True).distinct())]


def _day(moment: datetime | None) -> str:
    return date_longue(paris_date(moment)) if moment else ""


def is_acknowledged(demande: Demande) -> bool:
    """DEM-4.f: whether a mail to the family is on its way or gone; not the fourth of a day for one address."""
    return Message.objects.filter(kind="demandes.accuse", key=str(demande.uuid)).exists()


def mails_to_family(demande: Demande) -> list[tuple[str, datetime]]:
    """Which kinds of mail have left for its family, and when."""
    sent = Message.objects.filter(recipient=f"demande:{demande.uuid}", sent_at__isnull=False)
    return [(kind, at) for kind, at in sent.order_by("sent_at", "pk").values_list("kind", "sent_at") if at]


def renewal_key(demande: uuid.UUID) -> str:
    """DEM-8.b: the `nonce` of the demande that takes over from this one, so that there is one; a digest, so that once
    both are destroyed nobody can tell which came from which.
    """
    return signed.digest("demandes.renouvellement", str(demande))[:40]


def renewed(demande: Demande) -> bool:
    """DEM-8.b: its family has made a new demande from it."""
    return Demande.objects.filter(nonce=renewal_key(demande.uuid)).exists()


# --- a family that asks again ---------------------------------------------------------------------------------------

AGAIN_WITHIN = timedelta(days=30)


class Asked(NamedTuple):
    """DEM-7.a: an earlier demande of the form, and the address that it gave."""

    demande: Demande
    courriel: str


def asked_before(demande: Demande, contenu: Contenu, now: datetime) -> Asked | None:
    """DEM-7.a: the last demande of the same address or telephone, for the same commune and a child of the same day,
    within thirty days before `demande`.

    Found by digests under the keys of the days by which dossiers of these thirty days must go; only what is found is
    opened.
    """
    since, today = now - AGAIN_WITHIN, paris_date(now)
    wanted: dict[str, list[str]] = {"par_courriel": [], "par_telephone": []}
    for day in {rules.last_day_of_dossier(since + timedelta(days=rank), now) for rank in range(AGAIN_WITHIN.days + 1)}:
        with suppress(NoKey):
            for column, mark in Dossier.marks(demande.commune_id, contenu, day).items():
                wanted[column] += [mark] if mark else []
    alike = _alike(**wanted, today=now, since=since)
    if not alike:
        return None
    children = contenu.children_days()
    found = Dossier.objects.filter(pk__in=alike).exclude(demande=demande)
    for dossier in found.select_related("demande").order_by("-demande__received_at")[:20]:
        with suppress(NoKey):
            said = dossier.open(today)
            if said.children_days() & children:
                return Asked(dossier.demande, said.courriel)
    return None


@Frozen
def _alike(par_courriel: list[str], par_telephone: list[str], today: datetime, since: datetime) -> QuerySet[Any]:
    same = Q(AnyOf(F("par_courriel"), par_courriel)) | Q(AnyOf(F("par_telephone"), par_telephone))
    living = {"jour__gte": paris_date(today), "demande__state__in": list(ALIVE), "demande__received_at__gte": since}
    return Dossier.objects.filter(same, **living).order_by().values_list("pk", flat=True)
