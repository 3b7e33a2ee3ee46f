"""NOT-2.b: whose mails do not arrive, and what to do about it, as agents of one Caf see it (ACC-3:
nothing of families).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import BigIntegerField, Exists, Max, OuterRef, QuerySet, Subquery
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.urls import reverse

from conventions.models import Gestionnaire, Lieu
from demandes.models import Demande
from demandes.workflow import ALIVE
from extranet.core.outbox.models import Message
from extranet.territory.models import Agent, Caf
from habilitations.models import DemandeHabilitation, Habilitation, SuspensionHabilitation

RECENT = timedelta(days=30)
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


def _failed(now: datetime) -> QuerySet[Message]:
    """Failed lately, and nothing accepted for the same addressee since."""
    since = Message.objects.filter(recipient=OuterRef("recipient"), sent_at__gt=OuterRef("failed_at"))
    return Message.objects.filter(~Exists(since), failed_at__gte=now - RECENT).exclude(cause="")


def count(agent: Agent, now: datetime) -> int:
    """How many addressees that this agent sees."""
    return len(professionals(agent, now)) + families(agent, now).count()


def professionals(agent: Agent, now: datetime) -> list[Unreachable]:
    """Persons, lieux, gestionnaires, applicants and mailboxes of the agent's Caf; all for the Cnaf.
    The latest first.
    """
    last: dict[str, dict[str, Message]] = {}
    for message in _failed(now).exclude(recipient__startswith=FAMILY).order_by("failed_at"):
        prefix, _, identifier = message.recipient.partition(":")
        last.setdefault(prefix, {})[identifier] = message
    found = [line for prefix, messages in last.items() for line in READERS[prefix](messages, _caf(agent))]
    return sorted(found, key=lambda line: line.depuis, reverse=True)


def _caf(agent: Agent) -> str | None:
    return None if agent.role == Agent.Role.CNAF else agent.caf_id


def _own(rows: QuerySet, path: str, caf: str | None) -> QuerySet:
    return rows if caf is None else rows.filter(**{path: caf})


def _line(message: Message, who: str, address: str, todo: str, where: str, pk: Any) -> Unreachable:
    link = reverse(f"admin:{where}_change", args=[pk])
    return Unreachable(who, address, _since(message), reason(message.cause, message.reply), todo, link)


def _since(message: Message) -> datetime:
    assert message.failed_at, "a message that has not failed is no address that cannot be reached"
    return message.failed_at


def reason(cause: str, reply: str) -> str:
    """Why, in words."""
    if reply == "adresse":
        return "Cette adresse est impossible : il y a une faute de frappe."
    if cause == Message.Cause.SERVER:
        return f"Le serveur d’envoi refuse ce courriel depuis deux jours (réponse {reply})."
    if reply.startswith("4"):
        return f"Sa messagerie remet le courriel à plus tard depuis deux jours (réponse {reply})."
    return f"Sa messagerie refuse cette adresse (réponse {reply})."


def _users(messages: dict[str, Message], caf: str | None) -> Iterable[Unreachable]:
    suspended = SuspensionHabilitation.objects.filter(habilitation=OuterRef("pk"), until_at=None)
    lines = Habilitation.objects.filter(~Exists(suspended), user__in=[int(pk) for pk in messages], user__is_active=True)
    for line in _own(lines, "personne__lieu__caf", caf).select_related("user", "personne__lieu").order_by("pk"):
        yield _line(
            messages[str(line.user_id)],
            f"{line.user.get_full_name()}, {line.lieu.nom}",
            line.user.email,
            "Vérifiez l’adresse avec le lieu. Si elle est fausse, suspendez cet accès : une autre adresse demande un "
            "avenant. Si elle est bonne, la boîte est peut-être pleine : joignez la personne, puis renvoyez-lui un mot "
            "de passe si elle n’en a pas.",
            "habilitations_habilitation",
            line.pk,
        )
    agents = Agent.objects.filter(user__in=[int(pk) for pk in messages], user__is_active=True)
    for agent in _own(agents, "caf", caf).select_related("user", "caf").order_by("pk"):
        link = reverse("admin:territory_caf_change", args=[agent.caf_id]) if agent.caf_id else ""
        message = messages[str(agent.user_id)]
        yield Unreachable(
            f"{agent.user.get_full_name() or 'Agent'}, {agent.caf or 'Cnaf'}",
            agent.user.email,
            _since(message),
            reason(message.cause, message.reply),
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


READERS: dict[str, Callable[[dict[str, Message], str | None], Iterable[Unreachable]]] = {
    "user": _users,
    "lieu": _lieux,
    "gestionnaire": _gestionnaires,
    "demande-habilitation": _applicants,
    "caf": _cafs,
}


def families(agent: Agent, now: datetime) -> QuerySet[Demande]:
    """Living demandes of the agent's Caf whose family a mail did not reach, with `depuis`; never its address."""
    marked = (
        _failed(now)
        .filter(recipient__startswith=FAMILY)
        .annotate(demande=Cast(KT("about__demande"), BigIntegerField()))
        .order_by()
    )
    last = marked.filter(demande=OuterRef("pk")).values("demande").annotate(at=Max("failed_at")).values("at")
    rows = _own(Demande.objects.filter(pk__in=marked.values("demande"), state__in=ALIVE), "caf", _caf(agent))
    return rows.select_related("lieu").annotate(depuis=Subquery(last)).order_by("-depuis", "pk")
