"""Taking one demande in, from the family's form, and correcting it (DEM-1, DEM-3, DEM-4)."""

import secrets
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from conventions.models import Lieu
from demandes import queries, rules
from demandes.contenu import Contenu, texte, valeurs
from demandes.documents.recue import Recue
from demandes.models import Demande
from demandes.queries import Asked
from demandes.services import checking, dossiers, transmission
from demandes.services.transmission import Places
from demandes.workflow import DEMANDE, NOT_PICKED_UP
from extranet.core.dates import paris_date
from extranet.core.errors import Refused, WrongState
from extranet.core.frozen import Frozen
from extranet.core.journal import services as journal
from extranet.core.languages import SOURCE
from extranet.core.outbox import services as outbox

TOO_LATE = _("Le lieu d’information a récupéré votre demande entre-temps : dites-lui ce qui a changé.")
LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


def preview(recue: Recue, commune: Any, langue: str) -> tuple[Demande, Contenu]:
    """What the summary page shows: a demande and what its dossier will say, cleaned, that nothing has kept."""
    clean, _cleaning = checking.cleaned(recue)
    return Demande(commune=commune, langue=langue, deposee_le=clean.deposee_le, **checking.modes(clean)), clean


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
    try:
        with transaction.atomic():
            if known := _sent(nonce=nonce):
                return Demande.objects.get(pk=known[0])
            return _receive(recue, lieu, nonce, now, places, langue)
    except IntegrityError:  # the same sending, a moment before
        return Demande.objects.get(nonce=nonce)


@Frozen
def _sent(nonce: str) -> QuerySet[Any]:
    return Demande.objects.filter(nonce=nonce).order_by().values_list("pk", flat=True)


def _receive(recue: Recue, lieu: Lieu | None, nonce: str, now: datetime, places: Places | None, langue: str) -> Demande:
    """Written at its lieu at once, each row by one statement, its mails together."""
    done = checking.check(recue, now, places or Places.of(now, commune=recue.commune))
    if done.faults:
        raise Refused({name: motif.code for name, motif in done.faults.items()})
    if lieu is not None and done.voulu is None:
        raise Refused({"": "lieu-perdu"})
    opening = transmission.open_for_new(lieu, now) if lieu else None
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
        last_day=rules.last_day_of_dossier(now, now),
        **checking.modes(done.recue),
        **(opening.place if opening else {}),
    )
    before = queries.asked_before(demande, done.recue, now)
    dossiers.keep_new(demande, done.recue)
    lines = [journal.entry("demande.recue", demande, by="famille", at=now, origine=demande.source)]
    if opening:
        transmission.open_attributions([(demande.pk, demande.lieu_id, demande.transmission_id)], now)
        lines.append(DEMANDE.entered(demande, "transmit", by="systeme", now=now))
    journal.record_many(lines)
    told = _acknowledgement(demande, done.recue.courriel, now, key=str(demande.uuid), before=before)
    outbox.post_many([*told, *(opening.mails if opening else [])], now=now)
    return demande


@transaction.atomic
def correct(demande: Demande, recue: Recue, *, now: datetime, places: Places) -> Demande:
    """DEM-4.c: the family puts `recue` for what its demande says, until it is picked up. Commune and lieu stay.

    Another address has another link: whoever the first one belongs to may have read its mail. Once more with the same
    changes nothing. `content` stays too: it is what the source said, so that the same record of a delivery is no news.
    Raises Refused, WrongState.
    """
    demande = Demande.objects.select_for_update(of=("self",)).get(pk=demande.pk)
    if demande.state not in NOT_PICKED_UP:
        raise WrongState(TOO_LATE)
    done = checking.check(recue, now, places)
    if done.faults:
        raise Refused({name: motif.code for name, motif in done.faults.items()})
    before, modes = demande.dossier.open(paris_date(now)), checking.modes(done.recue)
    if valeurs(before) == valeurs(done.recue) and all(getattr(demande, mode) == is_so for mode, is_so in modes.items()):
        return demande
    dossiers.keep(demande, done.recue)
    another = done.recue.courriel != before.courriel
    demande.rang_lien += bool(another and before.courriel)
    Demande.objects.filter(pk=demande.pk).update(modifiee_le=now, rang_lien=demande.rang_lien, **modes)
    journal.record("demande.corrigee", demande, by="famille", at=now)
    if another:
        key = f"{demande.uuid}:{now:%Y%m%d%H%M%S}"
        outbox.post_many(_acknowledgement(demande, done.recue.courriel, now, key=key), now=now)
    return demande


def _new_reference() -> str:
    letters = "".join(secrets.choice(LETTERS) for _ in range(8))
    return f"F-{letters[:4]}-{letters[4:]}"


def _acknowledgement(
    demande: Demande, courriel: str, now: datetime, *, key: str, before: Asked | None = None
) -> list[outbox.Row]:
    """DEM-4.b. DEM-7.a: who had asked `before` is told so at the address of that demande, and nowhere else: whoever
    types the address, the telephone and the child of somebody else learns nothing.
    """
    same = before is not None and before.courriel.lower() == courriel.lower()
    rows: list[outbox.Row] = []
    if outbox.may_acknowledge(courriel, now):
        about: dict[str, object] = {"demande": demande.pk}
        if before and same:
            about["deja"] = before.demande.pk
        rows.append(("demandes.accuse", key, f"demande:{demande.uuid}", about))
    if before and not same and outbox.may_acknowledge(before.courriel, now):
        both: dict[str, object] = {"demande": demande.pk, "deja": before.demande.pk}
        rows.append(("demandes.deja", key, f"demande:{before.demande.uuid}", both))
    return rows
