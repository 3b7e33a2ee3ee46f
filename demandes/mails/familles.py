"""To a family, in the language of its demande (DEM-9.b)."""

import uuid
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from conventions import rules as conventions_rules
from demandes import queries
from demandes.mails.common import demandes_of, written
from demandes.models import Demande, Dossier
from demandes.workflow import ALIVE, Etat
from extranet.core.dates import paris_date
from extranet.core.outbox.kinds import Mail, addressee, link, mail
from extranet.core.outbox.models import Message


@addressee("demande")
def families(identifiers: Collection[str], now: datetime) -> dict[str, str]:
    """Families' addresses while their dossiers exist."""
    wanted = [uuid.UUID(identifier) for identifier in identifiers]
    today = paris_date(now)
    rows = Dossier.objects.filter(demande__uuid__in=wanted, jour__gte=today)
    return {
        str(identifier): Dossier.opened(identifier, day, scelle, today).courriel
        for identifier, day, scelle in rows.values_list("demande__uuid", "jour", "scelle")
    }


def _demande(message: Message, now: datetime, states: frozenset[Etat]) -> Demande | None:
    demande: Demande | None = message.loaded
    return demande if demande and demande.state in states and demande.last_day >= paris_date(now) else None


PICKED_UP = frozenset(queries.FAMILY_DECIDES)


def _with_link(message: Message, demande: Demande, subject: Promise, **context: Any) -> Mail:
    """With its lieu, its private link and the page of rights."""
    return _to_family(
        message,
        demande.langue,
        subject,
        demande.reference,
        demande=demande,
        lieu=demande.lieu,
        lien=link("demandes:suivi", queries.link_of(demande)),
        confidentialite=link("portal:confidentialite"),
        **context,
    )


def _to_family(message: Message, langue: str, subject: Promise, reference: str, **context: Any) -> Mail:
    """DEM-9.b: in the language of its demande."""
    with translation.override(langue):
        said = written(message, str(subject) % {"reference": reference}, reference=reference, **context)
    return replace(said, langue=langue)


@mail("demandes.accuse", when="une famille valide sa demande", to="famille", load=demandes_of)
def accuse(message: Message, now: datetime) -> Mail | None:
    """DEM-4: reference, private link, rights; nothing that the family typed. DEM-7.a: that it had asked before."""
    demande = _demande(message, now, ALIVE)
    if demande is None:
        return None
    subject = _("Votre demande %(reference)s est enregistrée")
    return _with_link(message, demande, subject, deja=_asked_before(message, now))


def _asked_before(message: Message, now: datetime) -> dict[str, Any] | None:
    """DEM-7.a: the earlier demande, while it is there. Its own address reads this, and its own link."""
    earlier = Demande.objects.filter(pk=message.about.get("deja"), state__in=ALIVE).first()
    if earlier is None or earlier.last_day < paris_date(now):
        return None
    return {"demande": earlier, "lien": link("demandes:suivi", queries.link_of(earlier))}


@mail(
    "demandes.deja",
    when="la même personne demande encore pour la même commune et le même enfant, sous une autre adresse",
    to="famille, à l’adresse de sa première demande",
    load=demandes_of,
)
def deja(message: Message, now: datetime) -> Mail | None:
    """DEM-7.a: said where the first demande was made from, of the second nothing but its day."""
    demande, before = _demande(message, now, ALIVE), _asked_before(message, now)
    if demande is None or before is None:
        return None
    first = before["demande"]
    subject = _("Une autre demande a été envoyée après la demande %(reference)s")
    return _to_family(message, first.langue, subject, first.reference, nouvelle=demande, deja=before)


@mail(
    "demandes.orientee",
    when="une demande livrée par monenfant.fr est transmise à son lieu ; la Caf, le portail ou la famille confie une "
    "demande à un lieu",
    to="famille",
    load=demandes_of,
)
def orientee(message: Message, now: datetime) -> Mail | None:
    """ING-6.c, ING-7.c: which lieu has it, reference, private link, rights. Its key is the transmission: one that went
    on since has its own mail.
    """
    demande = _demande(message, now, ALIVE)
    if demande is None or demande.transmission is None or str(demande.transmission.uuid) != message.key:
        return None
    delivered = demande.source == Demande.Source.MONENFANT
    return _with_link(message, demande, _("Un lieu d’information va vous répondre"), livree=delivered)


@mail("demandes.recuperee-famille", when="le lieu récupère la demande", to="famille", load=demandes_of)
def recuperee_famille(message: Message, now: datetime) -> Mail | None:
    """The lieu has read it, or is about to: whom to call. Its key is the transmission, as of `orientee`."""
    demande = _demande(message, now, PICKED_UP)
    if demande is None or demande.transmission is None or str(demande.transmission.uuid) != message.key:
        return None
    return _with_link(message, demande, _("Votre demande %(reference)s est arrivée à votre lieu d’information"))


@mail("demandes.retard-famille", when="seizième jour sans récupération", to="famille", load=demandes_of)
def retard_famille(message: Message, now: datetime) -> Mail | None:
    """NOT-4: whom the family can turn to."""
    demande = _demande(message, now, frozenset({Etat.TRANSMISE}))
    if demande is None:
        return None
    return _with_link(message, demande, _("Votre demande attend une réponse"))


@mail(
    "demandes.renouvellement",
    when="quinze jours avant la destruction de la demande",
    to="famille, une seule fois",
    load=demandes_of,
)
def renouvellement(message: Message, now: datetime) -> Mail | None:
    """DEM-8.a: whether it still looks, and the day of destruction. Not where it goes earlier, with its lieu (CON-6.e):
    of that the family is told apart.
    """
    demande = _demande(message, now, ALIVE)
    end = queries.end_of(demande, now) if demande else None
    if demande is None or (end and end.families_until < demande.last_day) or queries.renewed(demande):
        return None
    return _with_link(message, demande, _("Votre demande %(reference)s sera bientôt détruite : cherchez-vous encore ?"))


@mail("demandes.dernier-jour", when="dernier jour de la demande", to="famille", load=demandes_of)
def dernier_jour(message: Message, now: datetime) -> Mail | None:
    """CNS-1: that its data go tonight, said on the day and while there is an address; also to whoever has renewed."""
    demande = _demande(message, now, ALIVE)
    if demande is None:
        return None
    return _to_family(
        message,
        demande.langue,
        _("Votre demande %(reference)s est détruite ce soir"),
        demande.reference,
        demande=demande,
        recuperee=demande.state in PICKED_UP,
        nouvelle=link("demandes:nouvelle"),
    )


@mail("demandes.retrait-famille", when="une famille retire sa demande", to="famille, une seule fois et tout de suite")
def retrait_famille(message: Message, now: datetime) -> Mail:
    """DEM-4.d: said while its address is still in hand; nothing of it is kept (`destruction.withdraw_and_confirm`)."""
    about = message.about
    subject = _("Votre demande %(reference)s est retirée")
    return _to_family(message, about["langue"], subject, about["reference"], lieu_prevenu=about["recuperee"])


@mail(
    "demandes.fin-famille",
    when="quinze jours avant la fin de la convention du lieu, et le dernier jour",
    to="famille",
    load=demandes_of,
)
def fin_famille(message: Message, now: datetime) -> Mail | None:
    """CON-6.d: whether another lieu should have its demande; the link leads to the page whose act sends it."""
    demande = _demande(message, now, frozenset(queries.FAMILY_DECIDES))
    end = queries.may_follow(demande, now) if demande else None
    if demande is None or end is None or end.convention != message.about["convention"]:
        return None
    until = min(end.families_until, demande.last_day)
    if conventions_rules.consultation_due(until, paris_date(now), ()) != message.about["rang"]:
        return None
    return _to_family(
        message,
        demande.langue,
        _("Votre demande %(reference)s : choisir un autre lieu"),
        demande.reference,
        demande=demande,
        lieu=demande.lieu,
        fin=end.ends_on,
        jusque=until,
        passee=end.ends_on < paris_date(now),
        lien=link("demandes:autre-lieu", queries.link_of(demande)),
    )
