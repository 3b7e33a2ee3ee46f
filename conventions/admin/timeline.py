"""Where a convention stands, from its preparation to its end: what is done, what is under way, what comes (CON-3)."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.urls import reverse

from conventions import queries, rights, rules
from conventions.models import Acte, Convention, CopieSignee, Partie
from conventions.workflow import EtatActe, EtatConvention
from extranet.core.dates import add_months, paris_date
from extranet.core.words import date_courte, echeance
from extranet.territory.acts import Step, to_holders

DONE, NOW, TO_COME, FAULT = "faite", "en-cours", "a-venir", "a-mender"
SAID = {DONE: "fait", NOW: "en cours", TO_COME: "à venir", FAULT: "à mender"}


@dataclass(frozen=True, slots=True)
class Etape:
    """A step: what, when as far as is known, and whether it is past, present or future."""

    titre: str
    etat: str
    jour: date | None = None
    details: list[str] = field(default_factory=list)

    @property
    def dit(self) -> str:
        """The state, for whoever does not see the colours."""
        return SAID[self.etat]


def etapes(convention: Convention, now: datetime) -> list[Etape]:
    """The whole life of a convention, in its order."""
    acte = queries.founding_acte(convention)
    if convention.state == EtatConvention.ABANDONNEE:
        return [*_prepared(convention), Etape("Abandonnée", DONE, details=[convention.motif_abandon])]
    steps = [*_prepared(convention), *_sent(acte), *_allowed(acte), _signed(acte), _verified(acte)]
    return steps + _life(convention, now)


def _prepared(convention: Convention) -> list[Etape]:
    """CON-12.a: each paper that was made; one that another has replaced says why."""
    papers = convention.actes.filter(nature=Acte.Nature.CONVENTION).select_related("prepared_by").order_by("rang")
    steps = []
    for rank, acte in enumerate(papers):
        details = [f"par {acte.prepared_by.get_full_name()}"] if acte.prepared_by else []
        if acte.motif_correction:
            details.append(f"Remplacée ensuite : {acte.motif_correction}")
        steps.append(Etape("Corrigée" if rank else "Préparée", DONE, paris_date(acte.prepared_at), details))
    return steps


def _sent(acte: Acte) -> list[Etape]:
    """CON-15.a: by link, or not yet; what was signed without a link was sent some other way."""
    titre, links = "Document envoyé à signer", list(acte.copies.order_by("asked_at", "pk"))
    if not links:
        return [Etape(titre, NOW, details=["pas encore envoyé par lien"])] if acte.state == EtatActe.PREPARE else []
    return [Etape(titre, DONE, paris_date(links[-1].asked_at), [f"{len(links)} envois"] if len(links) > 1 else [])]


def _allowed(acte: Acte) -> list[Etape]:
    """CON-2.c: for a public body, or where an act is recorded."""
    public = acte.convention.gestionnaire.nature in rules.PUBLIC_BODIES
    if not public and not acte.deliberation_on:
        return []
    titre = "Acte autorisant le gestionnaire à signer"
    if not acte.deliberation_on:
        return [Etape(titre, FAULT if acte.state == EtatActe.APPLIQUE else NOW, details=["pas encore enregistré"])]
    received, published = acte.deliberation_received_on, acte.deliberation_published_on
    details = [f"{acte.acte_autorisant} n° {acte.deliberation_numero} du {date_courte(acte.deliberation_on)}"]
    if not public or (received and published):
        return [Etape(titre, DONE, rules.executory_on(received, published), details)]
    return [Etape(titre, NOW, details=[*details, "pas encore exécutoire : réception et publication à enregistrer"])]


def _signed(acte: Acte) -> Etape:
    """CON-2.j: the four signatures, one by one."""
    dates = queries.signed_dates(acte)
    details = []
    for partie in Partie:
        for piece in queries.pieces_of(acte):
            day = dates.get((partie.value, piece.nature))
            said = f"signée le {date_courte(day)}" if day else "en attente"
            details.append(f"{str(piece).capitalize()}, {partie.label} : {said}")
    whole = rules.effective_date(acte.nature, dates)
    return Etape(f"Signatures ({len(dates)} sur {len(details)})", DONE if whole else NOW, whole, details)


def _verified(acte: Acte) -> Etape:
    """What an agent has checked: a copy that came by the link, and what is wrong with the dates."""
    if queries.copy_to_verify(acte):
        return Etape("Vérification", NOW, details=["Une copie signée reçue par le lien est à vérifier."])
    checked = acte.copies.filter(issue=CopieSignee.Issue.VERIFIEE).order_by("-closed_at").first()
    faults = queries.faults_of(acte)
    if acte.state != EtatActe.APPLIQUE:
        day = paris_date(checked.closed_at) if checked and checked.closed_at else None
        details = [f"Copie du gestionnaire vérifiée le {date_courte(day)}"] if day else []
        return Etape("Vérification", TO_COME, details=details)
    return Etape("Vérification", FAULT if faults else DONE, details=faults or ["Rien à mender."])


def _life(convention: Convention, now: datetime) -> list[Etape]:
    """From the effect to the end: renewals and avenants, what is under way, and the notice or the end that comes."""
    start, end, today = convention.in_force_from, convention.ended_on, paris_date(now)
    if start is None:
        return [Etape("En vigueur", TO_COME, details=["à la date de la dernière des quatre signatures"])]
    over = convention.is_over(today)
    steps = [Etape("Prise d’effet", DONE, start), *_changed(convention, today)]
    if not over:
        steps += [Etape("En vigueur", NOW), *_under_way(convention, now)]
    if end is not None:
        return [*steps, *_ending(convention, end, today)]
    term = rules.next_anniversary(start, today)
    last_day = rules.last_day_of_notice(term)
    words = f"à poster vers le {date_courte(rules.advised_posting_day(last_day))} pour qu’une lettre arrive à temps"
    return [
        *steps,
        Etape("Dernier jour de préavis", DONE if last_day < today else TO_COME, last_day, [words]),
        Etape("Prochain anniversaire", TO_COME, term, ["renouvelée ce jour-là, sauf lettre reçue à temps"]),
    ]


def _changed(convention: Convention, today: date) -> list[Etape]:
    """CON-3.c, CON-7: what has renewed or changed it, by date."""
    steps = [Etape("Anniversaire", DONE, day, ["renouvelée pour un an"]) for day in anniversaries(convention, today)]
    for acte in queries.avenants_of(convention).exclude(effective_on=None):
        steps.append(Etape(acte.titre.capitalize(), DONE, acte.effective_on, ["pris effet"]))
    return sorted(steps, key=lambda step: (step.jour or today, step.titre))


def _under_way(convention: Convention, now: datetime) -> list[Etape]:
    """CON-5, CON-7: what goes on beside it: a suspension, an avenant that waits."""
    steps = []
    if held := queries.suspension_of(convention, now):
        words = "Le lieu ne voit ni ne reçoit de demande ; la convention reste en vigueur."
        steps.append(Etape("Lieu suspendu", NOW, paris_date(held.from_at), [words, f"Motif : {held.reason}"]))
    if acte := _waiting(convention):
        day = date_courte(paris_date(acte.prepared_at))
        wanted = len(Partie) * len(rules.PIECES[acte.nature])
        details = [f"préparé le {day}", f"{len(queries.signed_dates(acte))} signatures sur {wanted}"]
        steps.append(Etape(f"{acte.titre.capitalize()} à signer", NOW, details=details))
    return steps


def _waiting(convention: Convention) -> Acte | None:
    """The avenant that waits for its signatures: one at most."""
    return queries.avenants_of(convention).filter(state=EtatActe.PREPARE).first()


def _ending(convention: Convention, end: date, today: date) -> list[Etape]:
    """CON-6: what comes before and after the last day, and what there is to do about each."""
    over = end < today
    last = Etape("Terminée" if over else "Fin", DONE if over else TO_COME, end, ["dernier jour"])
    if (fin := _end_of(convention, end, today)) is None:
        return [last]

    def at(titre: str, day: date, words: str) -> Etape:
        return Etape(titre, DONE if day <= today else TO_COME, day, [words])

    steps = [
        at(
            "Nouvelles demandes confiées ailleurs",
            end - rules.LAST_DAYS,
            "Elles vont à un autre lieu qui couvre la commune. Si aucun ne la couvre, elles viennent encore ici "
            "jusqu’au dernier jour : d’ici là, faites couvrir ces communes.",
        ),
        at(
            "Consultation des familles",
            fin.asked_from,
            "Celles dont le lieu a récupéré la demande reçoivent un courriel : elles peuvent la confier à un autre "
            f"lieu jusqu’au {date_courte(fin.families_until)}. Le portail leur écrit : rien à faire.",
        ),
        last,
    ]
    due = add_months(end, 1)
    words = (
        "Une personne habilitée du lieu atteste, ce jour-là au plus tard, qu’il ne garde aucune copie. Le portail le "
        "lui demande dès la fin ; la page « Attestations » dit si c’est fait : sinon, relancez le lieu."
    )
    steps.append(Etape("Attestation finale", DONE if due < today else NOW if over else TO_COME, due, [words]))
    return sorted(steps, key=lambda step: step.jour or end)


def _end_of(convention: Convention, end: date, today: date) -> queries.Fin | None:
    """Who is asked, and until when; None where another convention of the lieu goes on."""
    fin = queries.ends_at(max(today, end), [convention.lieu_id]).get(convention.lieu_id)
    return fin if fin and fin.convention == convention.pk else None


def anniversaries(convention: Convention, today: date) -> list[date]:
    """CON-3.c: the days on which it was renewed: those that have come before its last."""
    if convention.in_force_from is None:
        return []
    renewed = rules.anniversaries(convention.in_force_from, today)
    return [day for day in renewed if convention.ended_on is None or day < convention.ended_on]


# --- what comes next ------------------------------------------------------------------------------------------------


def next_date(convention: Convention, today: date) -> tuple[date, str, str] | None:
    """The next date that matters of a convention that both have signed, how far it is, and what to do about it."""
    start, end = convention.in_force_from, convention.ended_on
    if start is None or (end is not None and end < today):
        return None
    if end is not None:
        return _next_date_of_end(convention, end, today)
    term = rules.next_anniversary(start, today)
    last_day = rules.last_day_of_notice(term)
    if today <= last_day:
        posting = rules.advised_posting_day(last_day)
        said = f" (à poster avant le {date_courte(posting)})" if today < posting else ""
        words = (
            f"Pour que la convention s’arrête le {date_courte(term)}, une lettre recommandée de l’une des parties doit "
            f"être remise à l’autre ce jour-là au plus tard{said}. Sans lettre, elle se renouvelle : rien à faire."
        )
        return last_day, echeance(last_day, today), words
    following = rules.next_anniversary(start, term + timedelta(days=1))
    words = (
        f"La convention se renouvelle pour un an : rien à faire. Une lettre remise maintenant y mettrait fin le "
        f"{date_courte(following)}."
    )
    return term, echeance(term, today), words


def _next_date_of_end(convention: Convention, end: date, today: date) -> tuple[date, str, str]:
    """CON-6: the families are asked, then the last day."""
    fin = _end_of(convention, end, today)
    if fin and today < fin.asked_from <= end:
        words = f"Les familles sont consultées ce jour-là. Dernier jour de la convention : {date_courte(end)}."
        return fin.asked_from, echeance(fin.asked_from, today), words
    words = "Dernier jour de la convention."
    if fin:
        words += f" Le lieu atteste ensuite, au plus tard le {date_courte(add_months(end, 1))}, qu’il ne garde rien."
    return end, echeance(end, today), words


def next_step(convention: Convention) -> Step | None:
    """What somebody has to do first, and who."""
    if convention.state == EtatConvention.ABANDONNEE:
        return None
    acte = queries.founding_acte(convention)
    if convention.state == EtatConvention.PREPARATION:
        return step_to_sign(acte)
    if convention.ended_on is not None:
        return None
    if queries.signed_too_early(acte):
        return Step(what="faire signer de nouveau, puis corriger la signature.", acts=("signature",))
    if queries.faults_of(acte):
        return Step(what="enregistrer l’acte qui autorise le gestionnaire à signer.", acts=("acte-autorisant",))
    return None


def also(convention: Convention, now: datetime) -> list[Step]:
    """CON-5, CON-7, CON-2.h: what waits beside: a suspension, an avenant, where the originals are."""
    if convention.in_force_from is None or convention.is_over(paris_date(now)):
        return []
    steps = []
    if held := queries.suspension_of(convention, now):
        since = date_courte(paris_date(held.from_at))
        what = f"lever la suspension du lieu, en cours depuis le {since}, quand sa cause a disparu."
        steps.append(Step(what=what, acts=("lever-la-suspension",)))
    if acte := _waiting(convention):
        step, url = step_to_sign(acte), reverse("admin:conventions_avenant_change", args=[acte.pk])
        who = step.who or to_holders(rights.ACTS["record_signature"])
        steps.append(Step(what=f"pour l’{acte.titre}, {step.what}", who=who, url=url, label="Ouvrir l’avenant"))
    if convention.ended_on is None and not queries.founding_acte(convention).originaux:
        steps.append(Step(what="indiquer où sont conservés les originaux signés.", acts=("originaux",)))
    return steps


def step_to_sign(acte: Acte) -> Step:
    """CON-2, CON-15: what an acte that not both have signed waits for."""
    paper = "l’avenant" if acte.nature == Acte.Nature.AVENANT else "la convention"
    dates = queries.signed_dates(acte)
    missing = [partie for partie in Partie if any((partie.value, piece) not in dates for piece in _pieces(acte))]
    if queries.copy_to_verify(acte):
        return Step(
            what="vérifier la copie signée que le gestionnaire a remise.", acts=("verifier-copie", "refuser-copie")
        )
    if Partie.GESTIONNAIRE in missing and not acte.copies.filter(closed_at=None).exists():
        return Step(what=f"envoyer {paper} à signer au gestionnaire.", acts=("envoyer-lien",))
    if Partie.GESTIONNAIRE in missing:
        return Step(
            what=f"signer {paper} et l’annexe 1, puis renvoyer la copie par le lien reçu ; si la copie arrive par "
            "courrier, enregistrez la signature ici.",
            who="au gestionnaire",
        )
    return Step(what="enregistrer la signature de la Caf.", acts=("signature",))


def _pieces(acte: Acte) -> tuple[str, ...]:
    return rules.PIECES[acte.nature]
