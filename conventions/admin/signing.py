"""Signatures of a convention, what allowed them, and its abandonment."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from conventions import queries
from conventions.forms.correction import CorrectionForm
from conventions.forms.signing import (
    AbandonForm,
    DeliberationForm,
    OriginalsForm,
    RefuseCopyForm,
    SignatureForm,
    VerifyForm,
    deliberation_initial,
)
from conventions.models import Acte, Convention
from conventions.services import copies, correction, links, register, signature
from conventions.workflow import CONVENTION, EtatActe, EtatConvention
from extranet.core import clock
from extranet.territory.acts import Act


def is_open(convention: Convention) -> bool:
    """Signatures may still be recorded or corrected."""
    return convention.state != EtatConvention.ABANDONNEE and convention.ended_on is None


class CopyFilter(admin.SimpleListFilter):
    """CON-15.b: conventions whose signed copy waits for an agent."""

    title = "copie signée"
    parameter_name = "copie"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("a-verifier", "à vérifier")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() != "a-verifier":
            return queryset
        return queryset.filter(pk__in=queries.copies_to_verify().values("acte__convention"))


def by_link(acte_of: Callable[[Any], Acte]) -> tuple[Act, ...]:
    """CON-15: what an agent does about the signed copy of an acte, on the page of what `acte_of` finds it from."""

    def waits(obj: Any) -> bool:
        acte = acte_of(obj)
        return acte.state == EtatActe.PREPARE and not acte.convention.is_over(clock.today())

    def has_copy(obj: Any) -> bool:
        return waits(obj) and queries.copy_to_verify(acte_of(obj)) is not None

    return (
        Act(
            slug="verifier-copie",
            label="Vérifier la copie signée",
            right="record_signature",
            form=VerifyForm,
            available=has_copy,
            run=lambda obj, data, by, now: copies.verify(by=by, now=now, **data),
            done="La copie est vérifiée et la signature du gestionnaire enregistrée.",
            explain="Ouvrez d’abord la copie reçue. Vérifiez que c’est bien le document envoyé, complet et signé aux "
            "deux endroits, puis reportez ce que vous y lisez.",
        ),
        Act(
            slug="refuser-copie",
            label="Refuser la copie signée",
            right="record_signature",
            form=RefuseCopyForm,
            preview=True,
            danger=True,
            available=has_copy,
            run=lambda obj, data, by, now: copies.refuse(acte_uuid=acte_of(obj).uuid, by=by, now=now, **data),
            done="La copie est refusée ; un nouveau lien part par courriel.",
            explain="Le motif est envoyé au lieu et au gestionnaire, avec un nouveau lien. La copie refusée reste dans "
            "l’historique.",
        ),
        Act(
            slug="envoyer-lien",
            label="Envoyer le lien de signature",
            right="record_signature",
            preview=True,
            available=waits,
            obstacle=lambda obj, by, now: links.obstacle(acte_of(obj), now),
            run=lambda obj, data, by, now: copies.send_link(acte_uuid=acte_of(obj).uuid, by=by, now=now),
            done="Le lien est envoyé ; le précédent ne sert plus.",
            explain="Le lieu et le gestionnaire reçoivent le document à signer et un lien pour renvoyer la copie "
            "signée.",
        ),
    )


ACTS = (
    Act(
        slug="signature",
        label="Enregistrer une signature",
        right="record_signature",
        form=SignatureForm,
        available=is_open,
        run=lambda convention, data, by, now: signature.record_signature(by=by, now=now, **data),
        done="La signature est enregistrée.",
        explain="La convention prend effet à la date de la dernière des quatre signatures : convention et "
        "annexe 1, par le gestionnaire et par la Caf.",
    ),
    *by_link(queries.founding_acte),
    Act(
        slug="acte-autorisant",
        label="Acte autorisant la signature",
        right="record_deliberation",
        form=DeliberationForm,
        available=is_open,
        initial=lambda convention: deliberation_initial(queries.founding_acte(convention)),
        run=lambda convention, data, by, now: signature.record_deliberation(
            acte_uuid=queries.founding_acte(convention).uuid, by=by, now=now, **data
        ),
        done="L’acte est enregistré.",
        explain="La décision ou la délibération qui autorise le gestionnaire à signer doit être exécutoire avant sa "
        "signature : reçue par la préfecture et publiée.",
    ),
    Act(
        slug="originaux",
        label="Indiquer où sont les originaux",
        right="record_signature",
        form=OriginalsForm,
        available=lambda convention: convention.state != EtatConvention.ABANDONNEE,
        initial=lambda convention: {"originaux": queries.founding_acte(convention).originaux},
        run=lambda convention, data, by, now: signature.record_originals(
            acte_uuid=queries.founding_acte(convention).uuid, by=by, now=now, **data
        ),
        done="Le lieu de conservation des originaux est enregistré.",
    ),
    Act(
        slug="corriger",
        label="Corriger la convention",
        right="correct",
        form=CorrectionForm,
        available=lambda convention: convention.state == EtatConvention.PREPARATION,
        run=lambda convention, data, by, now: correction.correct(
            convention_uuid=convention.uuid, by=by, now=now, **data
        ),
        done="La convention est corrigée : un nouveau document est envoyé à signer.",
        explain="Un nouveau document remplace le premier, qui est gardé avec son motif. Les signatures déjà "
        "enregistrées ne comptent plus : les deux parties signent le nouveau. Le lieu et le gestionnaire le reçoivent "
        "aussitôt par courriel, avec un nouveau lien.",
    ),
    Act(
        slug="abandonner",
        label="Abandonner la convention",
        right="abandon",
        form=AbandonForm,
        danger=True,
        available=lambda convention: CONVENTION.may(convention, "abandon"),
        run=lambda convention, data, by, now: register.abandon(convention_uuid=convention.uuid, by=by, now=now, **data),
        done="La convention est abandonnée.",
        explain="Plus rien ne pourra y être signé. Les documents et les signatures déjà enregistrés restent dans "
        "l’historique, et le lieu peut déposer une nouvelle demande d’habilitation.",
    ),
)

WORDS = {
    "convention.preparee": "Convention préparée",
    "convention.pdf": "Document à signer conservé",
    "convention.signature": "Signature enregistrée",
    "convention.signature-corrigee": "Signature corrigée",
    "convention.lien-envoye": "Document à signer envoyé par courriel",
    "convention.copie-remise": "Copie signée reçue par le lien",
    "convention.copie-verifiee": "Copie signée vérifiée",
    "convention.copie-refusee": "Copie signée refusée, nouveau lien envoyé",
    "convention.deliberation": "Acte autorisant la signature enregistré",
    "convention.originaux": "Lieu de conservation des originaux indiqué",
    "convention.signee": "Toutes les signatures sont là : la convention prend effet",
    "convention.effet-corrige": "Date d’effet corrigée",
    "convention.corrigee": "Convention corrigée : nouveau document à signer",
    "convention.abandonnee": "Convention abandonnée",
}
