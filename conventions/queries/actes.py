"""Actes, their papers and their signatures, and what they lack."""

from datetime import date

from django.db.models import QuerySet

from conventions import rules
from conventions.models import Acte, Convention, Gestionnaire, Lieu, Partie, Piece, Reprise, Signature
from extranet.core.documents.models import StoredFile
from extranet.core.words import date_courte


def founding_acte(convention: Convention) -> Acte:
    """The acte by which the convention was made (its avenants come after it)."""
    return convention.actes.filter(nature=Acte.Nature.CONVENTION).latest("rang")


def reprise_of(acte: Acte) -> Reprise | None:
    """CON-13: what says that the convention founded by `acte` was taken over from paper; None for any other acte."""
    founds = acte.nature == Acte.Nature.CONVENTION
    return Reprise.objects.filter(convention=acte.convention_id).first() if founds else None


def signatures_without_file(convention: Convention) -> QuerySet[Signature]:
    """CON-13.a: signatures of a convention taken over whose signed document has not followed yet."""
    founding = Signature.objects.filter(piece__acte__convention=convention, piece__acte__nature=Acte.Nature.CONVENTION)
    return founding.filter(superseded_at=None, scan=None)


def replaced_papers(convention: Convention) -> QuerySet[Acte]:
    """CON-12.a: the papers that a correction replaced, each with its reason."""
    replaced = convention.actes.filter(nature=Acte.Nature.CONVENTION).exclude(motif_correction="")
    return replaced.prefetch_related("pieces__signatures").order_by("rang")


def pieces_of(acte: Acte) -> list[Piece]:
    """The papers of an acte, in the order of `rules.PIECES`, with their file."""
    order = rules.PIECES[acte.nature]
    return sorted(acte.pieces.select_related("pdf"), key=lambda piece: order.index(piece.nature))


def publishable(acte: Acte) -> StoredFile | None:
    """CON-14: the text of an acte signed by both, without the persons of annexe 1; None where the portal has none."""
    piece = acte.pieces.filter(publiable__isnull=False).select_related("publiable").first()
    return piece.publiable if piece and acte.effective_on else None


def signatures_of(acte: Acte) -> QuerySet[Signature]:
    """The signatures that stand, corrected ones left out."""
    standing = Signature.objects.filter(piece__acte=acte, superseded_at=None)
    return standing.select_related("scan", "recorded_by", "piece").order_by("piece__nature", "partie")


def superseded_of(acte: Acte) -> QuerySet[Signature]:
    """CON-2.k: the signatures that a correction replaced."""
    replaced = Signature.objects.filter(piece__acte=acte).exclude(superseded_at=None)
    return replaced.select_related("scan", "piece").order_by("superseded_at")


def signed_dates(acte: Acte) -> dict[tuple[str, str], date]:
    """(party, piece) → date, of the signatures that stand."""
    standing = Signature.objects.filter(piece__acte=acte, superseded_at=None)
    rows = standing.values_list("partie", "piece__nature", "signed_on")
    return {(partie, piece): signed_on for partie, piece, signed_on in rows}


def avenants_of(convention: Convention) -> QuerySet[Acte]:
    """The avenants of a convention, the first one first, abandoned ones among them."""
    return convention.actes.filter(nature=Acte.Nature.AVENANT).select_related("prepared_by").order_by("rang")


def days_of_change(convention: Convention) -> list[Acte]:
    """CON-8.a: the actes that have taken effect, in the order of their dates: each day on which annexe 1 changed."""
    return list(convention.actes.exclude(effective_on=None).order_by("effective_on", "rang"))


def out_of_order(acte: Acte, day: date) -> str:
    """CON-7.d: why `acte` cannot have its effect on `day`; empty where it can. Actes follow each other, and what is
    said of a lieu or a gestionnaire is not moved past what was said of it since.
    """
    others = Acte.objects.filter(convention=acte.convention)
    earlier = others.filter(rang__lt=acte.rang, effective_on__gt=day).order_by("-effective_on").first()
    later = others.filter(rang__gt=acte.rang, effective_on__lt=day).order_by("effective_on").first()
    if found := earlier or later:
        assert found.effective_on is not None
        return (
            f"L’acte « {found.titre} » de cette convention a pris effet le {date_courte(found.effective_on)} : "
            f"{'celui-ci vient après lui' if earlier else 'celui-ci vient avant lui'}, et ne peut pas prendre effet "
            f"le {date_courte(day)}."
        )
    owners: dict[str, Lieu | Gestionnaire] = {
        "lieu": acte.convention.lieu,
        "gestionnaire": acte.convention.gestionnaire,
    }
    for name in acte.identite:
        own = owners[name].identites.filter(opened_by=acte).order_by("pk").last()
        since = owners[name].identites.exclude(opened_by=acte).filter(from_on__lt=day)
        if own and since.filter(pk__gt=own.pk).exists():
            return f"L’identité du {name} a changé de nouveau avant cette date."
    return ""


def faults_of(acte: Acte) -> list[str]:
    """CON-2: what an agent has to mend before anyone relies on this acte, in sentences."""
    faults = []
    if early := signed_too_early(acte):
        faults.append(
            f"Le gestionnaire a signé le {date_courte(early)}, avant que l’acte qui l’y autorise ne soit exécutoire "
            f"({_executory_in_words(acte)}). Faites signer de nouveau, puis corrigez la signature."
        )
    if acte.convention.gestionnaire.nature in rules.PUBLIC_BODIES:
        faults += _not_executory(acte)
    return faults


def _not_executory(acte: Acte) -> list[str]:
    """CON-2.c, CON-2.f: what is not recorded of the act that a public body needs before it signs."""
    if not acte.deliberation_on:
        return [
            "L’acte qui autorise le gestionnaire à signer (décision ou délibération, avec ses dates de réception par "
            "la préfecture et de publication) n’est pas enregistré."
        ]
    needs = "L’acte qui autorise le gestionnaire à signer n’est exécutoire qu’une fois reçu par la préfecture et publié"
    match bool(acte.deliberation_received_on), bool(acte.deliberation_published_on):
        case True, True:
            return []
        case True, False:
            return [f"{needs} : sa date de publication n’est pas enregistrée."]
        case False, True:
            return [f"{needs} : sa date de réception par la préfecture n’est pas enregistrée."]
    return [f"{needs} : ces deux dates ne sont pas enregistrées."]


def signed_too_early(acte: Acte) -> date | None:
    """CON-2.e, CON-2.f: the first day on which the gestionnaire signed before the act that allows it took effect."""
    received, published = acte.deliberation_received_on, acte.deliberation_published_on
    days = [day for (partie, _), day in signed_dates(acte).items() if partie == Partie.GESTIONNAIRE]
    return min((day for day in days if rules.signed_too_early(day, received, published)), default=None)


def _executory_in_words(acte: Acte) -> str:
    received, published = acte.deliberation_received_on, acte.deliberation_published_on
    words = [f"reçu par la préfecture le {date_courte(received)}"] if received else []
    words += [f"publié le {date_courte(published)}"] if published else []
    return ", ".join(words)
