"""Reads: who may act for which lieu, and what waits for an agent."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from django.core.signing import BadSignature, Signer
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.utils.text import capfirst

from conventions import queries as conventions
from conventions.models import Lieu, PersonneInscrite
from conventions.rules import siren_is_valid
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.errors import Gone, NotFound
from extranet.core.words import telephone
from extranet.territory.models import Commune
from extranet.territory.queries import agent_of
from habilitations.models import (
    Complement,
    DemandeHabilitation,
    Habilitation,
    PersonneDemandee,
    SuspensionHabilitation,
    VersionDemande,
)
from habilitations.rules import is_public_provider
from habilitations.workflow import EtatDemandeHabilitation

LINK_SERVED = "Ce lien a déjà servi : votre complément est arrivé à la Caf."
LINK_REPLACED = "Ce lien ne sert plus : la Caf vous a écrit de nouveau, a transmis votre demande ou a pris sa décision."


def _open(now: datetime) -> QuerySet[Habilitation]:
    suspended = SuspensionHabilitation.objects.filter(conventions.withheld(now), habilitation=OuterRef("pk"))
    return Habilitation.objects.filter(~Exists(suspended), user__is_active=True)


def active(now: datetime) -> QuerySet[Habilitation]:
    """ACC-6, CON-7: not suspended, account open, and named today in the annexe 1 of a convention in force.

    Whatever gives access starts from here; whether the whole lieu is suspended is asked beside it (`lieux_of`).
    """
    lines = conventions.named_on(paris_date(now)).filter(personne=OuterRef("personne"))
    return _open(now).filter(Exists(lines))


def entering(now: datetime) -> QuerySet[Habilitation]:
    """CON-5.c: `active`, of lieux that are not suspended."""
    return active(now).filter(personne__lieu__in=conventions.lieux_in_force(now))


def bound(now: datetime) -> QuerySet[Habilitation]:
    """CON-6: `active`, and those named to the end of a convention that nothing followed: they answer for its copies."""
    day = paris_date(now)
    named = conventions.named_on(day).filter(personne=OuterRef("personne"))
    to_the_end = conventions.named_to_the_end(day).filter(personne=OuterRef("personne"))
    return _open(now).filter(Exists(named) | Exists(to_the_end))


def lieux_of(user: User, now: datetime) -> QuerySet[Lieu]:
    """ACC-1, ACC-6: lieux that `user` may act for: named in annexe 1 today, not suspended, convention in force."""
    return conventions.lieux_in_force(now).filter(pk__in=active(now).filter(user=user).values("personne__lieu"))


def lieux_to_attest(user: User, now: datetime) -> QuerySet[Lieu]:
    """CON-6: lieux for which `user` may sign an attestation, even after the convention's end."""
    return Lieu.objects.filter(pk__in=bound(now).filter(user=user).values("personne__lieu"))


def persons_of(lieu_id: int, now: datetime) -> QuerySet[Habilitation]:
    """NOT-1: active persons of a lieu, to be told of its demandes."""
    return active(now).filter(personne__lieu=lieu_id).order_by("pk")


def persons_by_lieu(lieux: Collection[int], now: datetime) -> dict[int, list[int]]:
    """`persons_of` for many: lieu → accounts; a lieu without any is not in it."""
    found: dict[int, list[int]] = {}
    rows = active(now).filter(personne__lieu__in=lieux).order_by("pk")
    for lieu, user in rows.values_list("personne__lieu", "user"):
        found.setdefault(lieu, []).append(user)
    return found


def signers_of(lieu_id: int, now: datetime) -> QuerySet[Habilitation]:
    """CON-6, CNS-3: persons of a lieu, to be told of the copies that it has to destroy, even after its convention."""
    return bound(now).filter(personne__lieu=lieu_id).order_by("pk")


def lieux_without_anybody(now: datetime) -> QuerySet[Lieu]:
    """CTL-9: lieux in which nobody can pick up a demande: no active person, suspended, or no convention in force."""
    served = conventions.lieux_in_force(now).filter(Exists(active(now).filter(personne__lieu=OuterRef("pk"))))
    return Lieu.objects.exclude(pk__in=served.values("pk"))


def qualite_of(user: User, lieu: Lieu, now: datetime) -> str:
    """The function under which `user` is named in annexe 1 of `lieu`, or was to the end of its convention."""
    own, day = bound(now).filter(user=user, personne__lieu=lieu).values("personne"), paris_date(now)
    for lines in (conventions.named_on(day), conventions.named_to_the_end(day)):
        if line := lines.filter(personne__in=own).order_by("-from_on", "-pk").first():
            return line.fonction
    return ""


def with_fonction(rows: QuerySet[Habilitation], now: datetime) -> QuerySet[Habilitation]:
    """Each with its `fonction` in annexe 1 today."""
    lines = conventions.named_on(paris_date(now)).filter(personne=OuterRef("personne")).order_by("-from_on", "-pk")
    return rows.annotate(fonction=Subquery(lines.values("fonction")[:1]))


def to_activate(now: datetime) -> QuerySet[PersonneInscrite]:
    """ACT-1: persons of an annexe 1 in force without habilitation yet."""
    return conventions.personnes_in_force(now).exclude(personne__in=Habilitation.objects.values("personne"))


def applications_waiting() -> QuerySet[DemandeHabilitation]:
    """HAB-6: applications that an agent has to look at."""
    return DemandeHabilitation.objects.filter(state=EtatDemandeHabilitation.DEPOSEE)


def applications_visible_to(user: User) -> QuerySet[DemandeHabilitation]:
    """HAB-6: applications addressed to the agent's Caf, and to no other: not the Cnaf's to see."""
    agent = agent_of(user)
    return DemandeHabilitation.objects.filter(caf=agent.caf_id) if agent else DemandeHabilitation.objects.none()


def communes_elsewhere(demande: DemandeHabilitation) -> list[Commune]:
    """HAB-2.a: communes of the last version that are not, or no longer, of the territory of its Caf."""
    asked = Commune.objects.filter(pk__in=demande.latest.communes.values("commune"))
    return list(asked.exclude(caf=demande.caf_id, actuelle=True).order_by("nom_recherche", "pk"))


def warnings_about(demande: DemandeHabilitation, now: datetime) -> list[str]:
    """HAB-6: what an agent should look at before deciding."""
    found, version = list[str](), demande.latest
    if not siren_is_valid(version.gestionnaire_siren):
        found.append("La clé du SIREN n’est pas bonne.")
    if elsewhere := communes_elsewhere(demande):
        names = ", ".join(str(commune) for commune in elsewhere)
        found.append(f"Hors du territoire de votre Caf, à faire corriger par un complément : {names}.")
    codes = list(version.communes.values_list("commune_id", flat=True))
    held = conventions.covering(now).filter(commune__in=codes).order_by("lieu__nom", "lieu", "commune__nom_recherche")
    for _, lines in groupby(held.select_related("commune", "lieu"), key=lambda line: line.lieu_id):
        same = list(lines)
        found.append(f"{same[0].lieu.nom} couvre déjà {', '.join(line.commune.nom for line in same)}.")
    addresses = [version.lieu_courriel, *version.personnes.values_list("courriel", flat=True)]
    found += [f"{a} est une messagerie grand public." for a in dict.fromkeys(addresses) if is_public_provider(a)]
    known = active(now).filter(user__email__in=addresses).select_related("user", "personne__lieu").order_by("pk")
    found += [f"{line.user.email} est déjà habilitée pour {line.lieu.nom}." for line in known]
    return found


# --- the link of a complement ---------------------------------------------------------------------------------------


_LINKS = Signer(salt="habilitations.complement", sep=".")


def complement_token(complement: UUID) -> str:
    """The token of its one-time link: the identifier, signed. Nothing to store, nothing to steal from a table."""
    return _LINKS.sign(complement.hex)


def complement_by_token(token: str) -> Complement:
    """HAB-6.d: the complement of a link, open or answered: 404 when the token is not ours, 410 when something has come
    in its place.
    """
    try:
        identifier = UUID(hex=_LINKS.unsign(token))
    except (BadSignature, ValueError) as error:
        raise NotFound from error
    asked = (
        Complement.objects.filter(uuid=identifier).select_related("demande__caf", "demande__version", "version").first()
    )
    if asked is None:
        raise NotFound
    if asked.closed_at and asked.version is None:
        raise Gone(LINK_REPLACED)
    return asked


# --- versions of an application -------------------------------------------------------------------------------------


def versions_of(demande: DemandeHabilitation) -> list[VersionDemande]:
    """HAB-6.d: everything the lieu sent, the last version first, in a constant number of queries."""
    rows = demande.versions.order_by("-numero").select_related("complement__asked_by")
    return list(rows.prefetch_related("communes__commune", "personnes"))


@dataclass(frozen=True, slots=True)
class Ligne:
    """A line of a version; `before` what stood there in the version before it, None where nothing has changed."""

    label: str
    value: str
    before: str | None


def compared(version: VersionDemande, earlier: VersionDemande | None) -> list[tuple[str, list[Ligne]]]:
    """HAB-6.d: the parts of a version, each line with what it took the place of in the one before."""
    return [
        ("Le lieu", _columns(version, earlier, "lieu_")),
        ("Le gestionnaire", _columns(version, earlier, ("gestionnaire_", "representant_"))),
        ("Les communes", _communes(version, earlier)),
        ("Les personnes à habiliter", _personnes(version, earlier)),
    ]


def _columns(version: VersionDemande, earlier: VersionDemande | None, starts: str | tuple[str, ...]) -> list[Ligne]:
    lines = []
    for field in version._meta.concrete_fields:
        if field.name.startswith(starts):
            now, before = _said(version, field), _said(earlier, field) if earlier else None
            lines.append(Ligne(capfirst(str(field.verbose_name)), now, before if before != now else None))
    return lines


def _said(version: VersionDemande, field: Any) -> str:
    value = getattr(version, field.name)
    if field.choices:
        return str(dict(field.flatchoices)[value])
    return telephone(value) if field.name == "lieu_telephone" else value


def _communes(version: VersionDemande, earlier: VersionDemande | None) -> list[Ligne]:
    now = {line.commune_id: str(line.commune) for line in version.communes.all()}
    lines = [Ligne(f"{len(now)} communes" if len(now) > 1 else "Commune", ", ".join(sorted(now.values())), None)]
    before = {line.commune_id: str(line.commune) for line in earlier.communes.all()} if earlier else now
    if added := sorted(now[code] for code in now.keys() - before.keys()):
        lines.append(Ligne("Ajoutées", ", ".join(added), ""))
    if gone := sorted(before[code] for code in before.keys() - now.keys()):
        lines.append(Ligne("Retirées", "", ", ".join(gone)))
    return lines


def _personnes(version: VersionDemande, earlier: VersionDemande | None) -> list[Ligne]:
    now = {one.courriel: one for one in version.personnes.all()}
    before = {one.courriel: one for one in earlier.personnes.all()} if earlier else now
    lines = []
    for courriel, one in now.items():
        was = before.get(courriel)
        changed = was is None or was.donnee != one.donnee
        lines.append(Ligne(courriel, _described(one), (_described(was) if was else "") if changed else None))
    return lines + [Ligne(courriel, "", _described(before[courriel])) for courriel in before.keys() - now.keys()]


def _described(one: PersonneDemandee) -> str:
    return f"{one.get_civilite_display()} {one.prenom} {one.nom}, {one.fonction}, {one.service}"
