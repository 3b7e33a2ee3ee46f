"""What the portal holds about a family, for that family to keep or carry elsewhere (RGP-3.a; RGPD, art. 15, 20)."""

import json
from contextlib import suppress
from datetime import datetime
from typing import Any

from demandes import queries
from demandes.contenu import Contenu, valeurs
from demandes.models import Attribution, Demande, Note, Remise, Suivi
from extranet.core.dates import PARIS, paris_date
from extranet.core.errors import NoKey
from extranet.core.outbox import kinds


def write(demande: Demande, contenu: Contenu, now: datetime) -> bytes:
    """As JSON, under the names of the published schema where it has them; a note that cannot be read now is null."""
    noms = dict(demande.attributions.values_list("lieu", "lieu__nom"))
    said: dict[str, Any] = {
        "reference": demande.reference,
        "origine": demande.get_source_display(),
        "etat": demande.get_state_display(),
        "langue": demande.langue,
        "commune": {"code_insee": demande.commune_id, "nom": demande.commune.nom},
        "deposee_le": _moment(demande.deposee_le),
        "modifiee_le": _moment(demande.modifiee_le),
        "recue_le": _moment(demande.received_at),
        "traitee_le": _moment(demande.closed_at),
        "a_detruire_avant": demande.last_day.isoformat(),
        "lieux": [_at_a_lieu(one) for one in demande.attributions.select_related("lieu").order_by("pk")],
        "suivi": _followed(demande),
        "notes": [_noted(one, now) for one in queries.notes_of(demande)],
        "acces": [
            {"lieu": noms.get(one.lieu_id or 0), "le": _moment(one.at), "forme": one.get_mode_display()}
            for one in Remise.objects.filter(demande_uuid=demande.uuid).order_by("pk")
        ],
        "courriels": [
            {"quand": kinds.KINDS[kind].when, "envoye_le": _moment(at)}
            for kind, at in queries.mails_to_family(demande)
            if kind in kinds.KINDS
        ],
        "modes": demande.modes,
        **valeurs(contenu),
        "copie_du": _moment(now),
    }
    return json.dumps(said, ensure_ascii=False, indent=2).encode() + b"\n"


def _at_a_lieu(one: Attribution) -> dict[str, Any]:
    return {
        "nom": one.lieu.nom,
        "transmise_le": _moment(one.transmitted_at),
        "recuperee_le": _moment(one.picked_up_at),
        "famille_jointe_le": _moment(one.contacted_at),
        "reponse": one.get_issue_display() or None,
        "reponse_le": _moment(one.answered_at),
        "horaires_atypiques": one.atypique,
        "urgente": one.urgente,
        "besoin_accessibilite": one.accessibilite,
        "partie_le": _moment(one.ended_at),
    }


def _followed(demande: Demande) -> dict[str, Any] | None:
    """The agenda of the lieu that has it; by whom of the lieu is the lieu's."""
    suivi = Suivi.objects.filter(dossier__demande=demande).first()
    if suivi is None:
        return None
    return {
        "appels_sans_reponse": suivi.tentatives,
        "a_rappeler_le": suivi.rappeler_on.isoformat() if suivi.rappeler_on else None,
        "rendez_vous_le": _moment(suivi.rendez_vous_at),
        "rendez_vous": suivi.get_moyen_display() or None,
    }


def _noted(note: Note, now: datetime) -> dict[str, Any]:
    texte = None
    with suppress(NoKey):
        texte = note.open(paris_date(now))
    return {"le": _moment(note.at), "texte": texte}


def _moment(moment: datetime | None) -> str | None:
    return moment.astimezone(PARIS).isoformat(timespec="seconds") if moment else None
