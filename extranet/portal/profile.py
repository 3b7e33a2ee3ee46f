"""RGP-3.b: everything that the portal holds about a person with an account, for that person to read.

Whatever names the person by a key is found by itself, in present and future tables; what names it otherwise is in
`OTHERWISE`. Nothing of families is among it: their demandes are named by their reference.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db import models
from django.db.models import Q, QuerySet
from django.utils.text import capfirst

from conventions.models import PersonneInscrite
from demandes.attestations.models import LigneAttestation
from demandes.models import Remise
from extranet.core.accounts.models import User
from extranet.core.dates import PARIS
from extranet.core.journal.models import Entry
from extranet.core.outbox.kinds import KINDS
from extranet.core.outbox.models import Message
from extranet.core.words import date_courte
from habilitations.models import Habilitation, PersonneDemandee, SuspensionHabilitation

SECRETS = {"password", "digest", "session_key", "key", "nonce"}
"""What only proves; shown, it would open or confirm something."""

NAMED = {"lieu", "caf", "convention", "acte", "demande", "habilitation", "attestation", "gestionnaire", "commune"}
"""Relations to what has a name that people know; the others are told by tables of their own."""

INTERNAL = {"user_id", "lieu_id", "is_superuser", "scelle"}


@dataclass(frozen=True, slots=True)
class Section:
    """One table of the page: its title, its columns, its rows in words."""

    titre: str
    colonnes: list[str]
    lignes: list[list[str]]


def _annexe(user: User) -> QuerySet:
    own = Habilitation.objects.filter(user=user).values("personne")
    return PersonneInscrite.objects.filter(Q(personne__in=own) | Q(courriel__iexact=user.email))


OTHERWISE: list[Callable[[User], QuerySet]] = [
    lambda user: User.objects.filter(pk=user.pk),
    _annexe,
    lambda user: SuspensionHabilitation.objects.filter(habilitation__user=user),
    lambda user: PersonneDemandee.objects.filter(courriel__iexact=user.email),
    lambda user: LigneAttestation.objects.filter(attribution__picked_up_by=user),
    lambda user: Remise.objects.filter(user_id=user.pk),
]
"""Rows about a person that no key to its account says."""


def held_about(user: User) -> list[Section]:
    """All of it, table by table; a table without any row about this person is left out."""
    found = [_section(rows(user)) for rows in OTHERWISE]
    for model in _ours():
        for field in model._meta.concrete_fields:
            if field.related_model is User:
                rows = model._default_manager.filter(**{field.name: user})
                found.append(_section(rows, str(field.verbose_name)))
    found += [_factors(user), _mails(user), _journal(user)]
    return [section for section in found if section.lignes]


def _ours() -> Iterable[type[models.Model]]:
    return (model for model in apps.get_models() if hasattr(model, "Donnees") and not model._meta.proxy)


def _section(rows: QuerySet, role: str = "") -> Section:
    meta = rows.model._meta
    fields = [field for field in meta.concrete_fields if _is_shown(field)]
    joined = [field.name for field in fields if field.is_relation]
    held = rows.select_related(*joined).order_by("-pk") if joined else rows.order_by("-pk")
    title = f"{capfirst(str(meta.verbose_name_plural))}{f' ({role})' if role else ''}"
    heads = [capfirst(str(field.verbose_name)) for field in fields]
    return Section(title, heads, [[_said(row, field) for field in fields] for row in held])


def _is_shown(field: models.Field) -> bool:
    """Keys of tables say nothing to anybody, and what another person did is not about this one."""
    if field.is_relation:
        return field.name in NAMED
    return not (field.primary_key or field.name in SECRETS | INTERNAL or isinstance(field, models.UUIDField))


def _said(row: models.Model, field: models.Field) -> str:
    if field.choices:
        return str(getattr(row, f"get_{field.name}_display")())
    return _in_words(getattr(row, field.name))


def _in_words(value: Any) -> str:
    match value:
        case None | "":
            return "—"
        case bool():
            return "oui" if value else "non"
        case datetime():
            local = value.astimezone(PARIS)
            return f"{date_courte(local.date())} à {local:%H:%M}"
        case date():
            return date_courte(value)
    return str(value)


def _factors(user: User) -> Section:
    names = {"totp": "application de codes", "webauthn": "clé d’accès", "recovery_codes": "codes de secours"}
    rows = Authenticator.objects.filter(user=user.pk).order_by("-pk")
    lines = [
        [names[row.type], row.data.get("name", "—"), _in_words(row.created_at), _in_words(row.last_used_at)]
        for row in rows
    ]
    return Section("Seconds facteurs", ["Quoi", "Nom", "Ajouté le", "Dernier usage"], lines)


def _mails(user: User) -> Section:
    rows = Message.objects.filter(recipient=f"user:{user.pk}").order_by("-created_at")
    lines = [[KINDS[row.kind].when, _in_words(row.created_at), _in_words(row.sent_at)] for row in rows]
    return Section("Courriels qui vous ont été adressés (gardés 90 jours)", ["Quand", "Préparé le", "Envoyé le"], lines)


def _journal(user: User) -> Section:
    name = str(user.uuid)
    rows = Entry.objects.filter(Q(actor=f"user:{name}") | Q(object_kind="accounts.user", object_id=name))
    lines = [
        [_in_words(row.at), row.event, "vous" if row.actor == f"user:{name}" else "la Caf ou le portail"]
        for row in rows.order_by("-pk")
    ]
    return Section("Historique : actes faits par vous, ou sur votre compte", ["Date", "Acte", "Par"], lines)
