"""Where the register's addressees live, and what its mails say. No subject holds what somebody typed (RGP-2)."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from conventions import queries, rules
from conventions.models import (
    Acte,
    Convention,
    CopieSignee,
    DemandeEngagement,
    Engagement,
    Gestionnaire,
    Lieu,
    PersonneInscrite,
    Resiliation,
)
from conventions.workflow import EtatActe
from extranet.core.dates import paris_date
from extranet.core.outbox.kinds import Mail, addressee, link, mail, objects_of
from extranet.core.outbox.models import Message
from extranet.territory.mails import ALERTED


@addressee("lieu")
def lieux(identifiers: Collection[str], now: datetime) -> dict[str, str]:
    """The lieux' own mailboxes."""
    rows = Lieu.objects.filter(uuid__in=identifiers).values_list("uuid", "courriel")
    return {str(identifier): address for identifier, address in rows}


@addressee("gestionnaire")
def gestionnaires(identifiers: Collection[str], now: datetime) -> dict[str, str]:
    """ACT-1: the official address where it is known, else the one it gave."""
    rows = Gestionnaire.objects.filter(uuid__in=identifiers).values_list("uuid", "courriel_registre", "courriel")
    return {str(identifier): official or given for identifier, official, given in rows}


@addressee("inscrite")
def inscrites(identifiers: Collection[str], now: datetime) -> dict[str, str]:
    """The address of a line of annexe 1, over or not."""
    rows = PersonneInscrite.objects.filter(uuid__in=[UUID(one) for one in identifiers]).values_list("uuid", "courriel")
    return {str(identifier): address for identifier, address in rows}


_copies = objects_of("copie", lambda now: CopieSignee.objects.select_related("acte__convention__lieu__caf"))


def _about(copie: CopieSignee) -> dict[str, Any]:
    caf = copie.acte.convention.lieu.caf
    return {
        "convention": copie.acte.convention,
        "avenant": copie.acte.nature == Acte.Nature.AVENANT,
        "corrigee": queries.replaced_papers(copie.acte.convention).exists() and not copie.acte.effective_on,
        "caf": caf,
        "caf_adresse": ", ".join(caf.lignes_adresse),
    }


def _to_hand_in(message: Message, now: datetime) -> CopieSignee | None:
    """The link, while it still serves."""
    copie: CopieSignee | None = message.loaded
    if copie is None or copie.handed_at or not queries.leads_to_paper(copie, paris_date(now)):
        return None
    return copie


def _with_link(copie: CopieSignee) -> dict[str, Any]:
    return _about(copie) | {"lien": link("conventions:a-signer", queries.copy_token(copie))}


@mail(
    "conventions.a-signer",
    when="la Caf accepte une demande d’habilitation, ou envoie de nouveau le document à signer",
    to="le lieu et le gestionnaire",
    load=_copies,
)
def a_signer(message: Message, now: datetime) -> Mail | None:
    """CON-15.a: what to do now, with the link to the paper."""
    if (copie := _to_hand_in(message, now)) is None:
        return None
    subject = f"Convention {copie.acte.convention.numero} : un document à signer"
    return Mail(subject, "conventions/courriels/a-signer", _with_link(copie))


@mail(
    "conventions.avenant-pret",
    when="la Caf prépare un avenant, ou l’envoie de nouveau à signer",
    to="le lieu et le gestionnaire",
    load=_copies,
)
def avenant_pret(message: Message, now: datetime) -> Mail | None:
    """CON-7.b, CON-15.a: what it would change, what to do now, with the link to the paper."""
    if (copie := _to_hand_in(message, now)) is None:
        return None
    subject = f"{copie.acte.titre.capitalize()} à la convention {copie.acte.convention.numero} à signer"
    context = _with_link(copie) | {"acte": copie.acte, "changements": queries.changes_of(copie.acte)}
    return Mail(subject, "conventions/courriels/avenant-pret", context)


@mail(
    "conventions.copie-refusee",
    when="la Caf ne retient pas la copie signée remise par le lien",
    to="le lieu et le gestionnaire",
    load=_copies,
)
def copie_refusee(message: Message, now: datetime) -> Mail | None:
    """CON-15.b: why, and another link."""
    if (copie := _to_hand_in(message, now)) is None:
        return None
    refused = copie.acte.copies.filter(issue=CopieSignee.Issue.REFUSEE).latest("closed_at", "pk")
    subject = f"Convention {copie.acte.convention.numero} : la copie signée est à renvoyer"
    context = _with_link(copie) | {"motif": refused.motif}
    return Mail(subject, "conventions/courriels/copie-refusee", context)


@mail(
    "conventions.copie-remise",
    when="une copie signée est remise par le lien",
    to=ALERTED,
    load=_copies,
)
def copie_remise(message: Message, now: datetime) -> Mail | None:
    """CON-15.b: it waits for an agent."""
    copie: CopieSignee | None = message.loaded
    if copie is None or copie.closed_at:
        return None
    acte, convention = copie.acte, copie.acte.convention
    of_avenant = acte.nature == Acte.Nature.AVENANT
    page, row = ("avenant", acte.pk) if of_avenant else ("convention", convention.pk)
    lien = link(f"admin:conventions_{page}_change", row)
    subject = f"Convention {convention.numero} : une copie signée à vérifier"
    return Mail(subject, "conventions/courriels/copie-remise", _about(copie) | {"lien": lien})


# --- engagements of prestataires (CON-9) ----------------------------------------------------------------------------


_demandes = objects_of(
    "demande", lambda now: queries.engagements_awaited(paris_date(now)).select_related("prestataire__lieu__caf")
)


def _awaited(message: Message, subject: str, now: datetime) -> Mail | None:
    """None once the document is there, or deposited."""
    asked: DemandeEngagement | None = message.loaded
    if asked is None:
        return None
    late = asked.is_late(now)
    name = message.kind.partition(".")[2]
    context = {"demande": asked, "prestataire": asked.prestataire, "en_retard": late, "lien": _own_page()}
    return Mail(subject, f"conventions/courriels/{name}", context)


def _own_page() -> str:
    """The lieu's page of its convention."""
    return link("habilitations:convention")


@mail(
    "conventions.engagement-demande",
    when="la Caf demande l’engagement d’un prestataire",
    to="le lieu et ses personnes habilitées",
    load=_demandes,
)
def engagement_demande(message: Message, now: datetime) -> Mail | None:
    """CON-9.b."""
    return _awaited(message, "Un document est attendu d’un prestataire de votre lieu", now)


@mail(
    "conventions.engagement-rappel",
    when="l’engagement d’un prestataire n’est pas là le jour où il est attendu, puis chaque semaine",
    to="le lieu et ses personnes habilitées",
    load=_demandes,
)
def engagement_rappel(message: Message, now: datetime) -> Mail | None:
    """CON-9.b."""
    return _awaited(message, "Rappel : un document est attendu d’un prestataire de votre lieu", now)


_engagements = objects_of("engagement", lambda now: Engagement.objects.select_related("prestataire__lieu__caf"))


@mail(
    "conventions.engagement-depose",
    when="un lieu dépose l’engagement d’un prestataire",
    to=ALERTED,
    load=_engagements,
)
def engagement_depose(message: Message, now: datetime) -> Mail | None:
    """CON-9.b: while nobody has verified it."""
    kept: Engagement | None = message.loaded
    if kept is None or kept.decided_at:
        return None
    lien = link("admin:conventions_prestataire_change", kept.prestataire_id)
    context = {"prestataire": kept.prestataire, "lien": lien}
    return Mail("Un engagement de prestataire est à vérifier", "conventions/courriels/engagement-depose", context)


@mail(
    "conventions.engagement-refuse",
    when="la Caf n’accepte pas le document déposé",
    to="le lieu et ses personnes habilitées",
    load=_engagements,
)
def engagement_refuse(message: Message, now: datetime) -> Mail | None:
    """CON-9.b."""
    kept: Engagement | None = message.loaded
    if kept is None or not kept.motif_refus:
        return None
    context = {"engagement": kept, "prestataire": kept.prestataire, "lien": _own_page()}
    return Mail("Un document déposé n’est pas accepté", "conventions/courriels/engagement-refuse", context)


# --- avenants (CON-7) ----------------------------------------------------------------------------------------------


_avenants = objects_of(
    "acte", lambda now: Acte.objects.select_related("convention__lieu__caf", "convention__gestionnaire")
)


def _about_avenant(message: Message, state: str, subject: str, name: str) -> Mail | None:
    """A mail about an avenant, while it is still in `state`."""
    acte: Acte | None = message.loaded
    if acte is None or acte.state != state:
        return None
    convention = acte.convention
    return Mail(
        f"{acte.titre.capitalize()} à la convention {convention.numero} {subject}",
        f"conventions/courriels/{name}",
        {
            "acte": acte,
            "convention": convention,
            "caf": convention.lieu.caf,
            "changements": queries.changes_of(acte),
            "lien": link("habilitations:convention"),
        },
    )


@mail(
    "conventions.avenant-applique",
    when="la dernière signature d’un avenant est enregistrée",
    to="le lieu et le gestionnaire",
    load=_avenants,
)
def avenant_applique(message: Message, now: datetime) -> Mail | None:
    """CON-7.d: since when, and what has changed."""
    return _about_avenant(message, EtatActe.APPLIQUE, "en vigueur", "avenant-applique")


@mail(
    "conventions.avenant-abandonne",
    when="la Caf abandonne un avenant qui attendait ses signatures",
    to="le lieu et le gestionnaire",
    load=_avenants,
)
def avenant_abandonne(message: Message, now: datetime) -> Mail | None:
    """CON-7: its paper is not to be signed any more."""
    return _about_avenant(message, EtatActe.ABANDONNE, "abandonné", "avenant-abandonne")


_lignes = objects_of("ligne", lambda now: PersonneInscrite.objects.select_related("lieu__caf", "closed_by__convention"))


@mail(
    "conventions.plus-inscrite",
    when="un avenant retire une personne de l’annexe 1, ou change son adresse",
    to="la personne",
    load=_lignes,
)
def plus_inscrite(message: Message, now: datetime) -> Mail | None:
    """CON-7.d, ACT-6.b: this address opens nothing for this lieu any more; another line may name the person."""
    line: PersonneInscrite | None = message.loaded
    if line is None or line.until_on is None or line.closed_by is None:
        return None
    after = line.personne.inscriptions.filter(opened_by=line.closed_by).exclude(courriel=line.courriel).first()
    return Mail(
        "Votre accès à l’espace des lieux d’information change"
        if after
        else "Votre accès à l’espace des lieux d’information prend fin",
        "conventions/courriels/plus-inscrite",
        {"ligne": line, "suite": after, "lieu": line.lieu, "caf": line.lieu.caf},
    )


# --- ends (CON-4 to CON-6) ----------------------------------------------------------------------------------------


def _conventions(messages: Sequence[Message], now: datetime) -> dict[Any, list[Convention]]:
    """Of each reminder, what of it still holds: in force, no end recorded, and no later reminder due since."""
    today = paris_date(now)
    rows = Convention.objects.filter(queries.in_force(today), ended_on=None).select_related("lieu", "gestionnaire")
    found = rows.in_bulk([int(pk) for message in messages for pk in message.about["conventions"]])
    kept: dict[Any, list[Convention]] = {}
    for message in messages:
        said = message.about["conventions"].items()
        kept[message.pk] = [
            found[int(pk)] for pk, told in said if int(pk) in found and _due(found[int(pk)], told, today)
        ]
    return kept


def _due(convention: Convention, told: list[Any], today: date) -> bool:
    assert convention.in_force_from is not None
    term = rules.next_anniversary(convention.in_force_from, today)
    return [rules.notice_reminder_due(term, today, ()), term.isoformat()] == list(told)


@mail(
    "conventions.preavis",
    when="cinq mois, quatre mois et trois mois et demi avant l’échéance d’une convention",
    to=ALERTED,
    load=_conventions,
)
def preavis(message: Message, now: datetime) -> Mail | None:
    """CON-4.g: until when a letter ends the year under way, and by when to post it."""
    today, lines = paris_date(now), []
    for convention in message.loaded:
        term = rules.next_anniversary(convention.in_force_from, today)
        last_day = rules.last_day_of_notice(term)
        lines.append(
            {
                "convention": convention,
                "term": term,
                "last_day": last_day,
                "post_by": max(rules.advised_posting_day(last_day), today),
                "lien": link("admin:conventions_convention_change", convention.pk),
            }
        )
    if not lines:
        return None
    lines.sort(key=lambda line: (line["last_day"], line["convention"].numero))
    many = len(lines) > 1
    subject = f"{len(lines)} conventions : dernier jour du préavis" if many else "Convention : dernier jour du préavis"
    return Mail(subject, "conventions/courriels/preavis", {"lignes": lines})


_resiliations = objects_of(
    "resiliation",
    lambda now: Resiliation.objects.select_related("convention__lieu__caf", "convention__gestionnaire", "courrier"),
)


@mail(
    "conventions.resiliation",
    when="la Caf enregistre la fin d’une convention",
    to="boîte du lieu, gestionnaire",
    load=_resiliations,
)
def resiliation(message: Message, now: datetime) -> Mail | None:
    """CON-4.c, CON-5.a: the last day, as it was worked out, and what follows. The letter is the notification."""
    ended: Resiliation | None = message.loaded
    if ended is None or ended.withdrawn_on or ended.ends_on != ended.convention.ended_on:
        return None
    context = {
        "resiliation": ended,
        "convention": ended.convention,
        "lieu": ended.convention.lieu,
        "caf": ended.convention.lieu.caf,
        "manquement": ended.nature == Resiliation.Nature.MANQUEMENT,
        "consultation": rules.families_have_until(ended.ends_on, paris_date(ended.recorded_at)) - rules.LAST_DAYS,
    }
    return Mail("Fin de votre convention", "conventions/courriels/resiliation", context)
