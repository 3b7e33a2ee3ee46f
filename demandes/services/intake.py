"""Taking one demande in, from the family's form, and correcting it (DEM-1, DEM-3, DEM-4)."""

import secrets
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from conventions.models import Lieu
from demandes import rules
from demandes.contenu import Contenu, texte, valeurs
from demandes.documents.recue import Recue
from demandes.models import Demande
from demandes.services import checking, dossiers, transmission
from demandes.services.transmission import Places
from demandes.workflow import NOT_PICKED_UP
from extranet.core.dates import paris_date
from extranet.core.errors import Refused, WrongState
from extranet.core.journal import services as journal
from extranet.core.languages import SOURCE
from extranet.core.outbox import services as outbox

TOO_LATE = _("Le lieu d’information a récupéré votre demande entre-temps : dites-lui ce qui a changé.")
LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


def preview(recue: Recue, commune: Any, langue: str) -> tuple[Demande, Contenu]:
    """What the summary page shows: a demande and what its dossier will say, cleaned, that nothing has kept."""
    clean, _cleaning = checking.cleaned(recue)
    return Demande(commune=commune, langue=langue, deposee_le=clean.deposee_le, **checking.modes(clean)), clean


@transaction.atomic
def receive(
    recue: Recue,
    *,
    lieu: Lieu | None,
    nonce: str,
    now: datetime,
    places: Places | None = None,
    langue: str = SOURCE,
) -> Demande:
    """Take one demande of the form in and transmit it (DEM-4). The same `nonce` again gives the demande that it made.

    `places`, where the caller has just read them. Refused carries the code of each field that cannot be taken.
    """
    if known := Demande.objects.filter(nonce=nonce).first():
        return known
    done = checking.check(recue, now, places or Places.of(now, commune=recue.commune))
    if done.faults:
        raise Refused({name: motif.code for name, motif in done.faults.items()})
    if lieu is not None and done.voulu is None:
        raise Refused({"": "lieu-perdu"})
    last_day = rules.last_day_of_dossier(now, now)
    try:
        with transaction.atomic():
            demande = Demande.objects.create(
                source=Demande.Source.FORMULAIRE,
                reference=_new_reference(),
                nonce=nonce,
                langue=langue,
                content=checking.digest(done.recue, texte(done.recue)),
                caf_id=done.caf,
                commune_id=done.recue.commune,
                lieu_voulu=lieu,
                deposee_le=now,
                received_at=now,
                last_day=last_day,
                **checking.modes(done.recue),
            )
    except IntegrityError:  # the same sending, a moment before
        return Demande.objects.get(nonce=nonce)
    dossiers.keep(demande, done.recue)
    journal.record("demande.recue", demande, by="famille", at=now, origine=demande.source)
    _acknowledge(demande, done.recue.courriel, now, key=str(demande.uuid))
    if lieu is not None:
        transmission.transmit(Demande.objects.filter(pk=demande.pk), lieu_id=lieu.pk, now=now)
        demande.refresh_from_db()
    return demande


@transaction.atomic
def correct(demande: Demande, recue: Recue, *, now: datetime, places: Places) -> None:
    """DEM-4.c: the family puts `recue` for what its demande says, until it is picked up. Commune and lieu stay.

    Once more with the same changes nothing. `content` stays too: it is what the source said, so that the same record
    of a delivery is no news. Raises Refused, WrongState.
    """
    demande = Demande.objects.select_for_update(of=("self",)).get(pk=demande.pk)
    if demande.state not in NOT_PICKED_UP:
        raise WrongState(TOO_LATE)
    done = checking.check(recue, now, places)
    if done.faults:
        raise Refused({name: motif.code for name, motif in done.faults.items()})
    before, modes = demande.dossier.open(paris_date(now)), checking.modes(done.recue)
    if valeurs(before) == valeurs(done.recue) and all(getattr(demande, mode) == is_so for mode, is_so in modes.items()):
        return
    dossiers.keep(demande, done.recue)
    Demande.objects.filter(pk=demande.pk).update(modifiee_le=now, **modes)
    journal.record("demande.corrigee", demande, by="famille", at=now)
    if done.recue.courriel != before.courriel:  # whoever mistyped the address has not had the link
        _acknowledge(demande, done.recue.courriel, now, key=f"{demande.uuid}:{now:%Y%m%d%H%M%S}")


def _new_reference() -> str:
    letters = "".join(secrets.choice(LETTERS) for _ in range(8))
    return f"F-{letters[:4]}-{letters[4:]}"


def _acknowledge(demande: Demande, courriel: str, now: datetime, *, key: str) -> None:
    if outbox.may_acknowledge(courriel, now):
        outbox.post("demandes.accuse", key=key, to=[f"demande:{demande.uuid}"], now=now, demande=demande.pk)
