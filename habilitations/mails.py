"""What each mail about applications and access says."""

import uuid
from datetime import datetime
from typing import Any

from extranet.core.accounts.services import issue_password
from extranet.core.dates import paris_date
from extranet.core.outbox.kinds import Mail, addressee, link, mail
from extranet.core.outbox.models import Message
from habilitations import queries
from habilitations.models import DemandeHabilitation, Habilitation
from habilitations.workflow import EtatDemandeHabilitation


@addressee("demande-habilitation")
def applicant(identifier: str) -> str | None:
    """The mailbox of the lieu that applied."""
    rows = DemandeHabilitation.objects.filter(uuid=uuid.UUID(identifier))
    return rows.values_list("lieu_courriel", flat=True).first()


def _mail(message: Message, subject: str, **context: Any) -> Mail:
    app, _, name = message.kind.partition(".")
    return Mail(subject, f"{app}/courriels/{name}", context)


def _application(message: Message) -> DemandeHabilitation:
    return DemandeHabilitation.objects.select_related("caf").get(pk=message.about["demande"])


@mail("habilitations.accuse", when="un lieu valide sa demande d’habilitation", to="le lieu")
def accuse(message: Message, now: datetime) -> Mail:
    """HAB-3."""
    demande = _application(message)
    return _mail(
        message,
        f"Demande d’habilitation {demande.reference} reçue",
        demande=demande,
        recue_le=paris_date(demande.submitted_at),
    )


@mail("habilitations.a-examiner", when="un lieu valide sa demande d’habilitation", to="agents de la Caf")
def a_examiner(message: Message, now: datetime) -> Mail | None:
    """HAB-3."""
    demande = _application(message)
    if demande.state != EtatDemandeHabilitation.DEPOSEE:
        return None
    where = link("admin:habilitations_demandehabilitation_change", demande.pk)
    return _mail(message, f"Une demande d’habilitation à examiner : {demande.lieu_nom}", demande=demande, lien=where)


@mail("habilitations.refusee", when="la Caf refuse une demande d’habilitation", to="le lieu")
def refusee(message: Message, now: datetime) -> Mail:
    """HAB-6."""
    demande = _application(message)
    return _mail(message, f"Votre demande d’habilitation {demande.reference} n’est pas retenue", demande=demande)


def _line(message: Message, now: datetime) -> Habilitation | None:
    """None once that access is closed: suspended, or its line of annexe 1 over."""
    rows = queries.active(now).select_related("user", "lieu__caf", "lieu__gestionnaire", "personne")
    return rows.filter(pk=message.about["habilitation"]).first()


@mail("habilitations.activation", when="la Caf ouvre l’accès d’une personne", to="la personne")
def activation(message: Message, now: datetime) -> Mail | None:
    """ACT-1, ACT-2: the password is made here; a person who has its own already gets none."""
    line = _line(message, now)
    if line is None:
        return None
    new = line.user.password_chosen_at is None
    return _mail(
        message,
        f"Votre accès pour {line.lieu.nom}",
        ligne=line,
        mot_de_passe=issue_password(line.user, "activation", now=now) if new else "",
        lien=link("account_login"),
        confidentialite=link("portal:confidentialite"),
    )


@mail("habilitations.acces-ouverts", when="la Caf ouvre l’accès de personnes d’un lieu", to="le gestionnaire")
def acces_ouverts(message: Message, now: datetime) -> Mail | None:
    """ACT-1.e: to the address of the public register or the signed act."""
    about = message.about
    pks = about.get("habilitations") or [about["habilitation"]]  # the second: posted before several opened at once
    lines = list(queries.active(now).filter(pk__in=pks).select_related("user", "lieu__caf", "personne").order_by("pk"))
    if not lines:
        return None
    who = f"{len(lines)} personnes ont" if len(lines) > 1 else "Une personne a"
    subject = f"{who} maintenant accès aux demandes de {lines[0].lieu.nom}"
    return _mail(message, subject, lignes=lines, lieu=lines[0].lieu)


@mail("habilitations.compte-ouvert", when="une personne a choisi son mot de passe", to="les autres personnes du lieu")
def compte_ouvert(message: Message, now: datetime) -> Mail | None:
    """ACT-3."""
    line = _line(message, now)
    if line is None:
        return None
    return _mail(message, f"Un accès vient de s’ouvrir pour {line.lieu.nom}", ligne=line)
