"""What each mail about applications and access says.

No subject holds what somebody typed, nor does any mail to an address that nobody has verified (RGP-2, DEM-4.f): else
the public form would carry strangers' texts to strangers.
"""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from conventions.models import Acte, PersonneInscrite
from conventions.rules import PUBLIC_BODIES
from extranet.core.accounts.models import User
from extranet.core.accounts.services import issue_password
from extranet.core.dates import paris_date
from extranet.core.outbox.kinds import Mail, addressee, link, mail, objects_of
from extranet.core.outbox.models import Message
from extranet.territory.mails import ALERTED
from habilitations import queries, rules
from habilitations.models import Complement, DemandeHabilitation, Echange, Habilitation, TransfertDemande
from habilitations.workflow import EtatDemandeHabilitation


@addressee("demande-habilitation")
def applicants(identifiers: Collection[str], now: datetime) -> dict[str, str]:
    """The mailboxes of the lieux that applied."""
    wanted = [uuid.UUID(identifier) for identifier in identifiers]
    rows = DemandeHabilitation.objects.filter(uuid__in=wanted).values_list("uuid", "version__lieu_courriel")
    return {str(identifier): address for identifier, address in rows}


@addressee("personne")
def named(identifiers: Collection[str], now: datetime) -> dict[str, str]:
    """Persons of an annexe 1 who may enter now; nobody else is written to under that name."""
    rows = queries.entering(now).filter(personne__uuid__in=[uuid.UUID(one) for one in identifiers])
    return {str(name): address for name, address in rows.values_list("personne__uuid", "user__email")}


def _mail(message: Message, subject: str, **context: Any) -> Mail:
    app, _, name = message.kind.partition(".")
    return Mail(subject, f"{app}/courriels/{name}", context)


_applications = objects_of(
    "demande",
    lambda now: DemandeHabilitation.objects.select_related("caf", "version", "convention").prefetch_related(
        "version__communes__commune"
    ),
)


@mail("habilitations.accuse", when="un lieu valide sa demande d’habilitation", to="le lieu", load=_applications)
def accuse(message: Message, now: datetime) -> Mail | None:
    """HAB-3."""
    if (demande := message.loaded) is None:
        return None
    return _mail(
        message,
        f"Demande d’habilitation {demande.reference} reçue",
        demande=demande,
        recue_le=paris_date(demande.submitted_at),
        lien=_follow(demande),
    )


def _to_examine(message: Message) -> DemandeHabilitation | None:
    """The application, while it waits for the Caf that is told of it."""
    demande: DemandeHabilitation | None = message.loaded
    if demande is None or demande.state != EtatDemandeHabilitation.DEPOSEE or demande.caf_id != message.about["caf"]:
        return None
    return demande


@mail(
    "habilitations.a-examiner",
    when="un lieu valide sa demande d’habilitation, ou une autre Caf la transmet",
    to=ALERTED,
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
    to=ALERTED,
    load=_applications,
)
def completee(message: Message, now: datetime) -> Mail | None:
    """HAB-6.d."""
    if (demande := _to_examine(message)) is None:
        return None
    lien = link("admin:habilitations_demandehabilitation_change", demande.pk)
    return _mail(message, f"Demande d’habilitation {demande.reference} complétée", demande=demande, lien=lien)


_complements = objects_of("complement", lambda now: Complement.objects.select_related("demande__caf"))


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


_transferts = objects_of(
    "transfert", lambda now: TransfertDemande.objects.select_related("demande", "from_caf", "to_caf")
)


@mail("habilitations.transferee", when="la Caf transmet une demande à une autre Caf", to="le lieu", load=_transferts)
def transferee(message: Message, now: datetime) -> Mail | None:
    """HAB-3.g."""
    if (transfert := message.loaded) is None:
        return None
    return _mail(
        message,
        f"Demande d’habilitation {transfert.demande.reference} transmise à une autre Caf",
        transfert=transfert,
        lien=_follow(transfert.demande),
    )


def _follow(demande: DemandeHabilitation) -> str:
    """HAB-3.h: its private link."""
    return link("habilitations:suivi", queries.link_token(demande.uuid))


@mail("habilitations.acceptee", when="la Caf accepte une demande d’habilitation", to="le lieu", load=_applications)
def acceptee(message: Message, now: datetime) -> Mail | None:
    """HAB-7: the decision, and what has to be done now."""
    demande: DemandeHabilitation | None = message.loaded
    if demande is None or demande.convention is None or demande.decided_at is None:
        return None
    signer = queries.signer_on_paper(demande.convention)
    return _mail(
        message,
        f"Demande d’habilitation {demande.reference} acceptée",
        demande=demande,
        acceptee_le=paris_date(demande.decided_at),
        public=signer.nature in PUBLIC_BODIES,
        signataire=signer,
        ecarts=queries.named_otherwise(demande),
        lien=_follow(demande),
    )


@mail("habilitations.refusee", when="la Caf refuse une demande d’habilitation", to="le lieu", load=_applications)
def refusee(message: Message, now: datetime) -> Mail | None:
    """HAB-6."""
    if (demande := message.loaded) is None:
        return None
    subject = f"Votre demande d’habilitation {demande.reference} n’est pas retenue"
    return _mail(message, subject, demande=demande, lien=_follow(demande))


def _lines(messages: Sequence[Message], now: datetime) -> dict[Any, list[Any]]:
    """Of each message the lines that are still open: not suspended, and with a line of annexe 1 today (`inscrite`)."""
    named = {message.pk: message.about.get("habilitations") or [message.about["habilitation"]] for message in messages}
    rows: QuerySet[Any] = queries.with_inscription(queries.active(now), now)
    rows = rows.select_related("user", "personne__lieu__caf", "personne__lieu__gestionnaire")
    found = rows.in_bulk([pk for pks in named.values() for pk in pks])
    inscrites = PersonneInscrite.objects.select_related("opened_by__convention__reprise")
    held = inscrites.in_bulk([line.inscription for line in found.values()])
    for line in found.values():
        line.inscrite = held[line.inscription]
    return {message: [found[pk] for pk in sorted(pks) if pk in found] for message, pks in named.items()}


def _given_in(acte: Acte) -> str:
    """ACT-1.f: where its gestionnaire gave the data of a person whom `acte` names."""
    convention = acte.convention
    if acte.nature == Acte.Nature.AVENANT:
        return f"dans l’{acte.titre} à la convention {convention.numero}"
    if hasattr(convention, "reprise"):
        return "dans la convention que votre Caf a reprise"
    # Another paper in place of the first (CON-12) may name whom the application did not.
    return f"dans la convention {convention.numero}" if acte.rang else "dans sa demande d’habilitation"


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
        donnees_par=_given_in(line.inscrite.opened_by),
        confidentialite=link("portal:confidentialite"),
    )


@mail(
    "habilitations.acces-ouverts",
    when="la Caf ouvre l’accès de personnes d’un lieu",
    to="le gestionnaire",
    load=_lines,
)
def acces_ouverts(message: Message, now: datetime) -> Mail | None:
    """ACT-1.e: to the address of the public register or the signed act; as annexe 1 names them, and the account where
    that is called otherwise.
    """
    lines = message.loaded
    if not lines:
        return None
    for line in lines:
        nom, compte = str(line.inscrite), line.user.get_full_name()
        line.compte = "" if queries.same_name(nom, compte) else compte
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


_echanges = objects_of("echange", lambda now: Echange.objects.select_related("lieu"))


@mail(
    "habilitations.message-lieu",
    when="une personne d’un lieu écrit à sa Caf",
    to=ALERTED,
    load=_echanges,
)
def message_lieu(message: Message, now: datetime) -> Mail | None:
    """CTL-5: that there is something to read, and where; nothing of what was written."""
    if (echange := message.loaded) is None:
        return None
    lien = link("admin:habilitations_echange_change", echange.pk)
    return _mail(message, "Un lieu d’information vous a écrit", echange=echange, lien=lien)


@mail("habilitations.message-caf", when="la Caf répond à un message du lieu", to="personnes du lieu", load=_echanges)
def message_caf(message: Message, now: datetime) -> Mail | None:
    """CTL-5."""
    if (echange := message.loaded) is None:
        return None
    lien = link("habilitations:echange", echange.uuid)
    return _mail(message, "Votre Caf vous a répondu", echange=echange, lien=lien)


@addressee("habilitation")
def suspended_persons(identifiers: Collection[str], now: datetime) -> dict[str, str]:
    """ACC-6.d: the address of a person whose right has just been suspended, its account closed or not."""
    wanted = [uuid.UUID(identifier) for identifier in identifiers]
    rows = Habilitation.objects.filter(uuid__in=wanted).values_list("uuid", "user__email")
    return {str(name): address for name, address in rows}


# Of each message its line, open or not, with its last use.
_any_lines = objects_of(
    "habilitation", lambda now: queries.with_use(Habilitation.objects.select_related("user", "personne__lieu__caf"))
)


@mail(
    "habilitations.inutilisee",
    when="une personne ne s’est pas connectée depuis 165 jours",
    to="la personne",
    load=_any_lines,
)
def inutilisee(message: Message, now: datetime) -> Mail | None:
    """ACC-6.d: nothing to who has logged in since, or whose access is closed."""
    line = message.loaded
    if line is None or not queries.unused(now, rules.WARNED).filter(pk=line.pk).exists():
        return None
    used_on = paris_date(line.used_at)
    return _mail(
        message,
        "Votre accès va être suspendu, faute d’usage",
        ligne=line,
        jour=rules.closes_on(used_on),
        depuis=used_on,
        lien=link("account_login"),
        perdu=link("account_reset_password"),
    )


@mail(
    "habilitations.suspendue",
    when="le portail suspend un accès inutilisé depuis 180 jours",
    to="la personne",
    load=_any_lines,
)
def suspendue(message: Message, now: datetime) -> Mail | None:
    """ACC-6.d: nothing when an agent has opened it again meanwhile."""
    if message.loaded is None or message.loaded.open_suspension is None:
        return None
    return _mail(message, "Votre accès est suspendu, faute d’usage", ligne=message.loaded)


@mail(
    "habilitations.suspendue-caf",
    when="le portail suspend un accès inutilisé depuis 180 jours",
    to=ALERTED,
    load=_any_lines,
)
def suspendue_caf(message: Message, now: datetime) -> Mail | None:
    """ACC-6.d: with the way back, for a person who is still there."""
    if message.loaded is None or message.loaded.open_suspension is None:
        return None
    lien = link("admin:habilitations_habilitation_change", message.loaded.pk)
    return _mail(message, "Un accès inutilisé vient d’être suspendu", ligne=message.loaded, lien=lien)


@mail(
    "habilitations.nouveau-mot-de-passe",
    when="la Caf fait choisir un nouveau mot de passe à toutes les personnes d’un lieu",
    to="les personnes du lieu",
)
def nouveau_mot_de_passe(message: Message, now: datetime) -> Mail | None:
    """CON-5.d; nothing where one was chosen since."""
    user = User.objects.get(pk=message.recipient.partition(":")[2])
    if user.password_chosen_at and user.password_chosen_at >= message.created_at:
        return None
    text = issue_password(user, "perte", now=now)
    return _mail(
        message,
        "Choisissez un nouveau mot de passe",
        mot_de_passe=text,
        lien=link("account_login"),
        perdu=link("account_reset_password"),
    )
