"""Applications: what waits, how long they are kept, and the links by which a lieu follows its own."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.signing import BadSignature, Signer
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Greatest

from conventions.workflow import EtatConvention
from extranet.core import signed
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date, start_of_day
from extranet.core.errors import Gone, Moved, NotFound
from extranet.core.journal.models import Entry
from extranet.core.languages import date_longue
from extranet.territory.models import Commune
from extranet.territory.queries import agent_of
from habilitations import rules
from habilitations.models import Complement, DemandeHabilitation, TransfertDemande, VersionDemande
from habilitations.workflow import EtatDemandeHabilitation

LINK_SERVED = "Ce lien a déjà servi : votre complément est arrivé à la Caf."
LINK_REPLACED = "Ce lien ne sert plus : la Caf vous a écrit de nouveau, a transmis votre demande ou a pris sa décision."


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
        raise Moved(LINK_REPLACED)
    return asked


ERASED = "demande-habilitation.effacee"


def with_last_exchange(rows: QuerySet[DemandeHabilitation]) -> QuerySet:
    """HAB-8.a: each with `last_exchange_at`: what the lieu sent, what the Caf asked, a transfer, the decision."""

    def latest(model: Any, moment: str) -> Coalesce:
        found = model.objects.filter(demande=OuterRef("pk")).order_by(f"-{moment}").values(moment)[:1]
        return Coalesce(Subquery(found), F("submitted_at"))

    return rows.annotate(
        last_exchange_at=Greatest(
            "submitted_at",
            Coalesce("decided_at", "submitted_at"),
            latest(VersionDemande, "sent_at"),
            latest(Complement, "asked_at"),
            latest(TransfertDemande, "transferred_at"),
        )
    )


def past_keeping(now: datetime) -> QuerySet[DemandeHabilitation]:
    """HAB-8.a: applications that were not accepted, whose last day is over."""
    until = start_of_day(rules.over_by(paris_date(now)) + timedelta(days=1))
    rows = DemandeHabilitation.objects.exclude(state=EtatDemandeHabilitation.ACCEPTEE)
    return with_last_exchange(rows).filter(last_exchange_at__lt=until)


def kept(rows: QuerySet[DemandeHabilitation], now: datetime) -> QuerySet[DemandeHabilitation]:
    """HAB-8.a: those whose last day is not over: past it they are out of reach, erased already or not."""
    return rows.exclude(pk__in=past_keeping(now).values("pk"))


def last_day_of(demande: DemandeHabilitation) -> date | None:
    """HAB-8.a: when it goes if nothing more happens; None once it is accepted: it is kept with its convention."""
    if demande.state == EtatDemandeHabilitation.ACCEPTEE:
        return None
    row = with_last_exchange(DemandeHabilitation.objects.filter(pk=demande.pk)).get()
    return rules.last_day(paris_date(row.last_exchange_at))


def require_kept(demande: DemandeHabilitation, now: datetime) -> None:
    """Gone (410) once its last day is over (HAB-8.a)."""
    last = last_day_of(demande)
    if last and last < paris_date(now):
        raise Gone(f"La conservation de votre demande d’habilitation a pris fin le {date_longue(last)}.")


def link_token(demande: UUID) -> str:
    """HAB-3.h: the token of its private link."""
    return signed.token("demande-habilitation", demande)


def application_by_token(token: str, now: datetime) -> DemandeHabilitation:
    """HAB-3.h: the application of a private link: 404 when the token is not ours, 410 once it is erased or past its
    last day.
    """
    identifier = signed.read("demande-habilitation", token)
    if identifier is None:
        raise NotFound
    rows = DemandeHabilitation.objects.select_related("caf", "version", "convention")
    if demande := rows.filter(uuid=identifier).first():
        require_kept(demande, now)
        return demande
    label = DemandeHabilitation._meta.label_lower
    if gone := Entry.objects.filter(object_kind=label, object_id=str(identifier), event=ERASED).first():
        raise Gone(f"Votre demande d’habilitation a été effacée le {date_longue(paris_date(gone.at))}.")
    raise NotFound


@dataclass(frozen=True, slots=True)
class Situation:
    """Where an application stands, in the lieu's words: what happened, and what is waited for, from whom."""

    phrase: str
    attendu: str
    complement: str = ""  # the token of the link that answers what the Caf asks


def standing_of(demande: DemandeHabilitation) -> Situation:
    """HAB-3.h: what the portal knows, no more."""
    caf = demande.caf.nom
    if demande.state == EtatDemandeHabilitation.DEPOSEE:
        return Situation(
            f"Votre demande est à la {caf}, qui l’examine.",
            "La Caf doit répondre. Vous n’avez rien à faire pour le moment.",
        )
    if demande.state == EtatDemandeHabilitation.COMPLEMENT:
        asked = demande.complements.get(closed_at=None)
        return Situation(
            f"La {caf} vous a demandé un complément le {date_longue(paris_date(asked.asked_at))}.",
            "La Caf attend votre réponse pour reprendre l’examen.",
            complement_token(asked.uuid),
        )
    if demande.state == EtatDemandeHabilitation.REFUSEE:
        return Situation(f"La {caf} n’a pas retenu votre demande.", "L’examen est terminé : rien n’est plus attendu.")
    return _of_convention(demande)


def _of_convention(demande: DemandeHabilitation) -> Situation:
    phrase, convention = f"La {demande.caf.nom} a accepté votre demande.", demande.convention
    if convention is None or convention.state == EtatConvention.ABANDONNEE:
        return Situation(phrase, "La convention préparée ne sera pas signée. Adressez-vous à la Caf pour la suite.")
    if convention.ended_on:
        day = date_longue(convention.ended_on)
        return Situation(phrase, f"La convention {convention.numero} a pour dernier jour le {day}.")
    if convention.in_force_from:
        day = date_longue(convention.in_force_from)
        return Situation(phrase, f"La convention {convention.numero} est en vigueur depuis le {day}.")
    return Situation(
        phrase,
        f"La convention {convention.numero} est à signer par votre représentant légal et par la Caf. "
        "Les accès s’ouvrent ensuite.",
    )


def facts_of(demande: DemandeHabilitation) -> list[tuple[date, str, str]]:
    """HAB-3.h: what happened, the oldest first: day, sentence, and the words of the Caf where it wrote some."""
    found: list[tuple[datetime, str, str]] = []
    for version in demande.versions.all():
        first = version.numero == 1
        found.append((version.sent_at, "Demande reçue" if first else "Votre complément reçu", ""))
    for asked in demande.complements.all():
        found.append((asked.asked_at, "Complément demandé par la Caf", asked.texte))
    for passed in demande.transferts.select_related("from_caf", "to_caf"):
        sentence = f"Demande transmise par la {passed.from_caf.nom} à la {passed.to_caf.nom}"
        found.append((passed.transferred_at, sentence, passed.motif))
    if demande.decided_at:
        refused = demande.state == EtatDemandeHabilitation.REFUSEE
        found.append((demande.decided_at, "Demande refusée" if refused else "Demande acceptée", demande.motif))
    return [(paris_date(at), sentence, words) for at, sentence, words in sorted(found, key=lambda fact: fact[0])]
