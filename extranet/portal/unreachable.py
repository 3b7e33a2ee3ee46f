"""NOT-2.b: whose mails do not arrive, and what to do about it, as agents of one Caf see it (ACC-3:
nothing of families).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import BigIntegerField, Exists, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce
from django.urls import reverse

from conventions.models import Gestionnaire, Lieu, PersonneInscrite
from demandes.models import Demande
from demandes.workflow import ALIVE
from extranet.core.outbox.models import Message
from extranet.territory.models import Agent, Caf
from habilitations.models import DemandeHabilitation, Habilitation, SuspensionHabilitation

RECENT = timedelta(days=30)
STAYED = timedelta(days=1)
FAMILY = "demande:"


@dataclass(frozen=True, slots=True)
class Unreachable:
    """One line of the list. `adresse` is empty for a family."""

    qui: str
    adresse: str
    depuis: datetime
    raison: str
    faire: str
    lien: str


def _lost(now: datetime) -> QuerySet[Any]:
    """Refused or come back lately (`lost_at`), and nothing accepted for the same addressee since; for one that came
    back, nothing that has stayed away for a day: servers that accept and then return say so within hours.
    """
    since = Message.objects.filter(
        recipient=OuterRef("recipient"), sent_at__gt=OuterRef("lost_at"), bounced_at__isnull=True
    )
    refused = Q(failed_at__gte=now - RECENT) & ~Q(cause="") & ~Exists(since)
    came_back = Q(bounced_at__gte=now - RECENT) & ~Exists(since.filter(sent_at__lte=now - STAYED))
    return Message.objects.annotate(lost_at=Coalesce("failed_at", "bounced_at")).filter(refused | came_back)


def count(agent: Agent, now: datetime) -> int:
    """How many addressees that this agent sees."""
    return len(professionals(agent, now)) + families(agent, now).count()


def professionals(agent: Agent, now: datetime) -> list[Unreachable]:
    """Persons, lieux, gestionnaires, applicants and mailboxes of the agent's Caf; all for the Cnaf.
    The latest first.
    """
    last: dict[str, dict[str, Message]] = {}
    for message in _lost(now).exclude(recipient__startswith=FAMILY).order_by("lost_at"):
        prefix, _, identifier = message.recipient.partition(":")
        last.setdefault(prefix, {})[identifier] = message
    found = [line for prefix, messages in last.items() for line in READERS[prefix](messages, _caf(agent))]
    # A person is written to under several names.
    latest = {(line.lien, line.adresse): line for line in sorted(found, key=lambda line: line.depuis)}
    return sorted(latest.values(), key=lambda line: line.depuis, reverse=True)


def _caf(agent: Agent) -> str | None:
    return None if agent.role == Agent.Role.CNAF else agent.caf_id


def _own(rows: QuerySet, path: str, caf: str | None) -> QuerySet:
    return rows if caf is None else rows.filter(**{path: caf})


def _line(message: Message, who: str, address: str, todo: str, where: str, pk: Any) -> Unreachable:
    link = reverse(f"admin:{where}_change", args=[pk])
    return _unreachable(message, who, address, todo, link)


def _unreachable(message: Message, who: str, address: str, todo: str, link: str) -> Unreachable:
    since = message.failed_at or message.bounced_at
    assert since, "a message that was neither refused nor returned is no address that cannot be reached"
    if message.bounced_at and _kind(message.reply) == "7":
        todo = f"L’adresse est sans doute bonne : demandez que sa messagerie accepte {settings.DEFAULT_FROM_EMAIL}."
    return Unreachable(who, address, since, reason(message), todo, link)


def reason(message: Message) -> str:
    """Why, in words."""
    reply = message.reply
    if message.bounced_at:
        return f"Le courriel est revenu : {_RETURNED.get(_kind(reply), 'il n’a pas pu être remis')} (réponse {reply})."
    if reply == "adresse":
        return "Cette adresse est impossible : il y a une faute de frappe."
    if message.cause == Message.Cause.SERVER:
        return f"Le serveur d’envoi refuse ce courriel depuis deux jours (réponse {reply})."
    if reply.startswith("4"):
        return f"Sa messagerie remet le courriel à plus tard depuis deux jours (réponse {reply})."
    return f"Sa messagerie refuse cette adresse (réponse {reply})."


# By the second figure of the code of what came back (RFC 3463).
_RETURNED = {
    "1": "cette adresse n’existe pas, ou plus",
    "2": "sa boîte est pleine ou fermée",
    "4": "sa messagerie n’a pas répondu à temps",
    "7": "sa messagerie refuse nos courriels",
}


def _kind(code: str) -> str:
    return code.split(".")[1] if code.count(".") == 2 else ""


def _persons(
    lines: QuerySet[Habilitation], caf: str | None, message_of: Callable[[Habilitation], Message]
) -> Iterable[Unreachable]:
    suspended = SuspensionHabilitation.objects.filter(habilitation=OuterRef("pk"), until_at=None)
    lines = _own(lines.filter(~Exists(suspended), user__is_active=True), "personne__lieu__caf", caf)
    for line in lines.select_related("user", "personne__lieu").order_by("pk"):
        yield _line(
            message_of(line),
            f"{line.user.get_full_name()}, {line.lieu.nom}",
            line.user.email,
            "Vérifiez l’adresse avec le lieu. Si elle est fausse, suspendez cet accès : une autre adresse demande un "
            "avenant. Si elle est bonne, la boîte est peut-être pleine : joignez la personne, puis renvoyez-lui un mot "
            "de passe si elle n’en a pas.",
            "habilitations_habilitation",
            line.pk,
        )


def _named(messages: dict[str, Message], caf: str | None) -> Iterable[Unreachable]:
    """Written to under the name of annexe 1."""
    lines = Habilitation.objects.filter(personne__uuid__in=messages)
    return _persons(lines, caf, lambda line: messages[str(line.personne.uuid)])


def _users(messages: dict[str, Message], caf: str | None) -> Iterable[Unreachable]:
    lines = Habilitation.objects.filter(user__in=[int(pk) for pk in messages])
    yield from _persons(lines, caf, lambda line: messages[str(line.user_id)])
    agents = Agent.objects.filter(user__in=[int(pk) for pk in messages], user__is_active=True)
    for agent in _own(agents, "caf", caf).select_related("user", "caf").order_by("pk"):
        link = reverse("admin:territory_caf_change", args=[agent.caf_id]) if agent.caf_id else ""
        yield _unreachable(
            messages[str(agent.user_id)],
            f"{agent.user.get_full_name() or 'Agent'}, {agent.caf or 'Cnaf'}",
            agent.user.email,
            "Prévenez votre collègue et la Cnaf, qui gère les comptes des agents.",
            link,
        )


def _lieux(messages: dict[str, Message], caf: str | None) -> Iterable[Unreachable]:
    for lieu in _own(Lieu.objects.filter(uuid__in=messages), "caf", caf):
        todo = "Appelez le lieu. Une autre adresse demande un avenant."
        yield _line(messages[str(lieu.uuid)], lieu.nom, lieu.courriel, todo, "conventions_lieu", lieu.pk)


def _gestionnaires(messages: dict[str, Message], caf: str | None) -> Iterable[Unreachable]:
    for one in _own(Gestionnaire.objects.filter(uuid__in=messages), "caf", caf):
        yield _line(
            messages[str(one.uuid)],
            one.nom,
            one.courriel_registre or one.courriel,
            "Cherchez son adresse au registre public ou sur l’acte signé, et indiquez-la comme courriel officiel.",
            "conventions_gestionnaire",
            one.pk,
        )


def _inscrites(messages: dict[str, Message], caf: str | None) -> Iterable[Unreachable]:
    """Who was told that annexe 1 names it no more, or no more by this address (CON-7.d)."""
    rows = PersonneInscrite.objects.filter(uuid__in=messages, closed_by__isnull=False).select_related("lieu")
    for one in _own(rows, "lieu__caf", caf):
        yield _line(
            messages[str(one.uuid)],
            f"{one}, {one.lieu.nom}",
            one.courriel,
            "Son accès a pris fin : demandez au lieu de l’en prévenir.",
            "conventions_avenant",
            one.closed_by_id,
        )


def _applicants(messages: dict[str, Message], caf: str | None) -> Iterable[Unreachable]:
    rows = DemandeHabilitation.objects.filter(uuid__in=messages).select_related("version")
    for demande in _own(rows, "caf", caf):
        yield _line(
            messages[str(demande.uuid)],
            f"{demande.version.lieu_nom}, demande {demande.reference}",
            demande.version.lieu_courriel,
            "Appelez le lieu : l’accusé de réception, votre demande de complément ou votre réponse ne lui est pas "
            "parvenu.",
            "habilitations_demandehabilitation",
            demande.pk,
        )


def _cafs(messages: dict[str, Message], caf: str | None) -> Iterable[Unreachable]:
    for one in _own(Caf.objects.filter(pk__in=messages), "pk", caf):
        todo = "Corrigez la boîte aux lettres du service : elle reçoit les alertes de la Caf."
        yield _line(messages[one.pk], one.nom, one.courriel_generique, todo, "territory_caf", one.pk)


def _nobody(messages: dict[str, Message], caf: str | None) -> Iterable[Unreachable]:
    """Who asked for a password is named by a digest, and who was suspended has nothing to receive any more."""
    return ()


READERS: dict[str, Callable[[dict[str, Message], str | None], Iterable[Unreachable]]] = {
    "user": _users,
    "personne": _named,
    "perdu": _nobody,
    "habilitation": _nobody,
    "lieu": _lieux,
    "gestionnaire": _gestionnaires,
    "inscrite": _inscrites,
    "demande-habilitation": _applicants,
    "caf": _cafs,
}


def families(agent: Agent, now: datetime) -> QuerySet[Demande]:
    """Living demandes of the agent's Caf whose family a mail did not reach, with `depuis`; never its address.

    The keys that the few lost mails name, not the question: the rows are read by them instead of all that live.
    """
    marked = (
        _lost(now)
        .filter(recipient__startswith=FAMILY)
        .annotate(demande=Cast(KT("about__demande"), BigIntegerField()))
        .order_by()
    )
    last = marked.filter(demande=OuterRef("pk")).values("demande").annotate(at=Max("lost_at")).values("at")
    named = set(marked.values_list("demande", flat=True))
    rows = _own(Demande.objects.filter(pk__in=named, state__in=ALIVE), "caf", _caf(agent))
    return rows.select_related("lieu").annotate(depuis=Subquery(last)).order_by("-depuis", "pk")
