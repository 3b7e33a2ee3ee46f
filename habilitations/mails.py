"""What each mail about applications and access says.

No subject holds what somebody typed, nor does any mail to an address that nobody has verified (RGP-2, DEM-4.f): else
the public form would carry strangers' texts to strangers.
"""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from extranet.core.accounts.services import issue_password
from extranet.core.dates import paris_date
from extranet.core.outbox.kinds import Mail, addressee, link, mail
from extranet.core.outbox.models import Message
from habilitations import queries
from habilitations.models import Complement, DemandeHabilitation, Habilitation, TransfertDemande
from habilitations.workflow import EtatDemandeHabilitation


@addressee("demande-habilitation")
def applicants(identifiers: Collection[str], now: datetime) -> dict[str, str]:
    """The mailboxes of the lieux that applied."""
    wanted = [uuid.UUID(identifier) for identifier in identifiers]
    rows = DemandeHabilitation.objects.filter(uuid__in=wanted).values_list("uuid", "version__lieu_courriel")
    return {str(identifier): address for identifier, address in rows}


def _mail(message: Message, subject: str, **context: Any) -> Mail:
    app, _, name = message.kind.partition(".")
    return Mail(subject, f"{app}/courriels/{name}", context)


def _applications(messages: Sequence[Message], now: datetime) -> dict[Any, DemandeHabilitation | None]:
    rows = DemandeHabilitation.objects.select_related("caf", "version").prefetch_related("version__communes__commune")
    found = rows.in_bulk([message.about["demande"] for message in messages])
    return {message.pk: found.get(message.about["demande"]) for message in messages}


@mail("habilitations.accuse", when="un lieu valide sa demande d’habilitation", to="le lieu", load=_applications)
def accuse(message: Message, now: datetime) -> Mail | None:
    """HAB-3."""
    if (demande := message.loaded) is None:
        return None
    recue_le = paris_date(demande.submitted_at)
    return _mail(message, f"Demande d’habilitation {demande.reference} reçue", demande=demande, recue_le=recue_le)


def _to_examine(message: Message) -> DemandeHabilitation | None:
    """The application, while it waits for the Caf that is told of it."""
    demande: DemandeHabilitation | None = message.loaded
    if demande is None or demande.state != EtatDemandeHabilitation.DEPOSEE or demande.caf_id != message.about["caf"]:
        return None
    return demande


@mail(
    "habilitations.a-examiner",
    when="un lieu valide sa demande d’habilitation, ou une autre Caf la transmet",
    to="agents de la Caf et sa boîte de service",
    load=_applications,
)
def a_examiner(message: Message, now: datetime) -> Mail | None:
    """HAB-3.f: what was chosen from lists; the rest is read where one has logged in."""
    if (demande := _to_examine(message)) is None:
        return None
    return _mail(
        message,
        f"Demande d’habilitation {demande.reference} à examiner",
        demande=demande,
        communes=sorted(str(line.commune) for line in demande.latest.communes.all()),
        lien=link("admin:habilitations_demandehabilitation_change", demande.pk),
    )


@mail(
    "habilitations.completee",
    when="un lieu répond à une demande de complément",
    to="agents de la Caf et sa boîte de service",
    load=_applications,
)
def completee(message: Message, now: datetime) -> Mail | None:
    """HAB-6.d."""
    if (demande := _to_examine(message)) is None:
        return None
    lien = link("admin:habilitations_demandehabilitation_change", demande.pk)
    return _mail(message, f"Demande d’habilitation {demande.reference} complétée", demande=demande, lien=lien)


def _complements(messages: Sequence[Message], now: datetime) -> dict[Any, Complement | None]:
    rows = Complement.objects.select_related("demande__caf")
    found = rows.in_bulk([message.about["complement"] for message in messages])
    return {message.pk: found.get(message.about["complement"]) for message in messages}


@mail("habilitations.complement", when="la Caf demande un complément", to="le lieu", load=_complements)
def complement(message: Message, now: datetime) -> Mail | None:
    """HAB-6.c, HAB-6.d: the words of the agent, and the link that opens the form again once."""
    asked: Complement | None = message.loaded
    if asked is None or asked.closed_at:
        return None
    return _mail(
        message,
        f"Demande d’habilitation {asked.demande.reference} : un complément est attendu",
        complement=asked,
        demande=asked.demande,
        lien=link("habilitations:complement", queries.complement_token(asked.uuid)),
    )


def _transferts(messages: Sequence[Message], now: datetime) -> dict[Any, TransfertDemande | None]:
    rows = TransfertDemande.objects.select_related("demande", "from_caf", "to_caf")
    found = rows.in_bulk([message.about["transfert"] for message in messages])
    return {message.pk: found.get(message.about["transfert"]) for message in messages}


@mail("habilitations.transferee", when="la Caf transmet une demande à une autre Caf", to="le lieu", load=_transferts)
def transferee(message: Message, now: datetime) -> Mail | None:
    """HAB-3.g."""
    if (transfert := message.loaded) is None:
        return None
    return _mail(
        message, f"Demande d’habilitation {transfert.demande.reference} transmise à une autre Caf", transfert=transfert
    )


@mail("habilitations.refusee", when="la Caf refuse une demande d’habilitation", to="le lieu", load=_applications)
def refusee(message: Message, now: datetime) -> Mail | None:
    """HAB-6."""
    if (demande := message.loaded) is None:
        return None
    return _mail(message, f"Votre demande d’habilitation {demande.reference} n’est pas retenue", demande=demande)


def _lines(messages: Sequence[Message], now: datetime) -> dict[Any, list[Habilitation]]:
    """Of each message the lines that are still open: neither suspended, nor their line of annexe 1 over."""
    named = {message.pk: message.about.get("habilitations") or [message.about["habilitation"]] for message in messages}
    rows = queries.with_fonction(queries.active(now), now)
    rows = rows.select_related("user", "personne__lieu__caf", "personne__lieu__gestionnaire")
    found = rows.in_bulk([pk for pks in named.values() for pk in pks])
    return {message: [found[pk] for pk in sorted(pks) if pk in found] for message, pks in named.items()}


@mail("habilitations.activation", when="la Caf ouvre l’accès d’une personne", to="la personne", load=_lines)
def activation(message: Message, now: datetime) -> Mail | None:
    """ACT-1, ACT-2: the password is made here; a person who has its own already gets none."""
    if not message.loaded:
        return None
    [line] = message.loaded
    new = line.user.password_chosen_at is None
    return _mail(
        message,
        "Votre accès à l’espace des lieux d’information",
        ligne=line,
        mot_de_passe=issue_password(line.user, "activation", now=now) if new else "",
        lien=link("account_login"),
        confidentialite=link("portal:confidentialite"),
    )


@mail(
    "habilitations.acces-ouverts",
    when="la Caf ouvre l’accès de personnes d’un lieu",
    to="le gestionnaire",
    load=_lines,
)
def acces_ouverts(message: Message, now: datetime) -> Mail | None:
    """ACT-1.e: to the address of the public register or the signed act."""
    lines: list[Habilitation] = message.loaded
    if not lines:
        return None
    who = f"{len(lines)} personnes ont" if len(lines) > 1 else "Une personne a"
    subject = f"{who} maintenant accès à des demandes de familles"
    return _mail(message, subject, lignes=lines, lieu=lines[0].lieu)


@mail(
    "habilitations.compte-ouvert",
    when="une personne a choisi son mot de passe",
    to="les autres personnes du lieu",
    load=_lines,
)
def compte_ouvert(message: Message, now: datetime) -> Mail | None:
    """ACT-3."""
    if not message.loaded:
        return None
    return _mail(message, "Un accès vient de s’ouvrir pour votre lieu d’information", ligne=message.loaded[0])
