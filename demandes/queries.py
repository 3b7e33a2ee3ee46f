"""Reads of demandes: one visibility rule a public (ACC-1, ACC-3, CNS-1)."""

import uuid
from collections.abc import Collection
from contextlib import suppress
from datetime import date, datetime, timedelta
from statistics import median_low
from typing import Any, NamedTuple

from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.utils.translation import gettext as _

from conventions import queries as conventions
from conventions.models import Couverture, Fermeture, Lieu, Prestataire
from conventions.queries import Fin
from demandes import rules
from demandes.contenu import Contenu
from demandes.models import (
    Attribution,
    Demande,
    Dossier,
    JetonLieu,
    Livraison,
    Note,
    Remise,
    Suivi,
    Telechargement,
    Transmission,
)
from demandes.workflow import ALIVE, AT_A_LIEU, LEFT, Etat, EtatLivraison, Issue
from extranet.core import signed
from extranet.core.accounts.models import Jeton, User
from extranet.core.bulk import AnyOf
from extranet.core.dates import paris_date, start_of_day
from extranet.core.errors import Gone, Moved, NoKey, NotFound
from extranet.core.frozen import Frozen
from extranet.core.journal.models import Entry
from extranet.core.languages import date_longue
from extranet.core.outbox.models import Message
from extranet.territory.limits import over
from extranet.territory.models import Commune
from extranet.territory.queries import departements_of, search_key
from habilitations import queries as habilitations

# Ways of access that leave a copy at the lieu.
FILES = [Remise.Mode.PDF, Remise.Mode.XML, Remise.Mode.ZIP, Remise.Mode.CSV, Remise.Mode.FLUX]

# What is to be picked up comes first, in the order of its fifteenth day.
WAITING_FIRST = Case(When(state=Etat.TRANSMISE, then=0), default=1)

# --- a lieu's persons -----------------------------------------------------------------------------------------------


def own_lieux(user: User, now: datetime) -> list[int]:
    """ACC-1: their few keys, not the question: the indexes by lieu are read instead of every row."""
    return list(habilitations.lieux_of(user, now).values_list("pk", flat=True))


def demandes_visible_to(user: User, now: datetime) -> QuerySet[Demande]:
    """ACC-1, CNS-1: at one's lieux under a convention in force, not past the last day, not destroyed."""
    return demandes_at(own_lieux(user, now), paris_date(now))


def demandes_at(lieux: Collection[int], today: date) -> QuerySet[Demande]:
    """`demandes_visible_to`, for whoever has asked already which lieux are one's own."""
    return (
        Demande.objects.filter(lieu__in=lieux, state__in=AT_A_LIEU, last_day__gte=today)
        .select_related("commune", "dossier", "transmission", "lieu")
        .order_by(WAITING_FIRST, F("pick_up_day").asc(nulls_last=True), "last_day", "reference")
    )


def require_visible(user: User, wanted: Collection[uuid.UUID], now: datetime, *, lock: bool = False) -> list[Demande]:
    """The demandes of `wanted`, all of them: 404 when one was never at `user`'s lieux, 410 when one has left them, is
    destroyed or past its day.

    With `lock`, their rows are held, in the order of every other writer, then read: what waited may have changed since.
    """
    visible = demandes_visible_to(user, now).filter(uuid__in=wanted)
    if lock:
        list(visible.select_related(None).order_by("pk").select_for_update().values_list("pk"))
    found = list(visible)
    if len(found) == len(set(wanted)):
        return found
    own = own_lieux(user, now)
    asked = Demande.objects.filter(uuid__in=wanted)
    if asked.filter(Exists(Attribution.objects.filter(demande=OuterRef("pk"), lieu__in=own))).count() < len(
        set(wanted)
    ):
        raise NotFound
    if asked.filter(state__in=ALIVE, last_day__gte=paris_date(now)).exclude(lieu__in=own).exists():
        raise Moved("Cette demande n’est plus confiée à votre lieu : vous n’y avez plus accès.")
    raise Gone


def telechargement_of(user: User, wanted: uuid.UUID) -> Telechargement:
    """TEL-1: a file that this person asked for; 404 when another did."""
    found = Telechargement.objects.select_related("fichier", "user").filter(user=user, uuid=wanted).first()
    if found is None:
        raise NotFound
    return found


def left_from(lieux: list[int], now: datetime) -> QuerySet[Attribution]:
    """What went on without these lieux, the last first, until its day: then their attestation has it. No family."""
    return (
        Attribution.objects.filter(AnyOf(F("lieu"), lieux), fin__in=LEFT, demande__last_day__gte=paris_date(now))
        .exclude(demande__state=Etat.PURGEE)
        .exclude(demande__lieu=F("lieu"))  # it came back
        .select_related("demande__lieu", "lieu", "picked_up_by")
        .order_by("-ended_at", "-pk")
    )


@Frozen
def count_left(lieux: list[int], now: datetime) -> QuerySet[Any]:
    """How many `left_from` lists: one number, or none."""
    one = left_from(lieux, now).order_by().annotate(all=Value(1)).values("all")
    return one.annotate(number=Count("pk")).values_list("number", flat=True)


# What a lieu's list can be narrowed to, beside the states (SUI-1): what is next, first.
A_RAPPELER, RENDEZ_VOUS, BIENTOT_DETRUITES, A_MOI = "a-rappeler", "rendez-vous", "bientot-detruites", "a-moi"


def _open_agenda(lieux: list[int], today: date) -> QuerySet[Suivi]:
    """Of demandes whose outcome has not been said."""
    there = {"dossier__demande__state": Etat.RECUPEREE, "dossier__demande__last_day__gte": today}
    return Suivi.objects.filter(AnyOf(F("lieu"), lieux), **there)


def agenda(kind: str, lieux: list[int], today: date, until: datetime) -> QuerySet[Suivi]:
    """The calls of today and before, or the appointments before `until`, of these lieux, by their index; of demandes
    whose outcome has not been said.
    """
    rows = _open_agenda(lieux, today)
    return rows.filter(rappeler_on__lte=today) if kind == A_RAPPELER else rows.filter(rendez_vous_at__lt=until)


def _shown_until(today: date) -> datetime:
    """When the last day of appointments shown is over."""
    return start_of_day(rules.shown_until(today) + timedelta(days=1))


def narrowed(demandes: QuerySet[Demande], kind: str, user: User, lieux: list[int], today: date) -> QuerySet[Demande]:
    """Those of `demandes` in a state, or in one of the lists above, each in the order in which it is worked through."""
    if kind in (A_RAPPELER, RENDEZ_VOUS):
        first = "dossier__suivi__rappeler_on" if kind == A_RAPPELER else "dossier__suivi__rendez_vous_at"
        there = agenda(kind, lieux, today, _shown_until(today)).values("dossier__demande")
        return demandes.filter(pk__in=there).order_by(first, "last_day", "reference")
    if kind == BIENTOT_DETRUITES:
        soon = demandes.filter(last_day__lte=rules.soon_destroyed_until(today))
        return soon.order_by("last_day", "reference")
    if kind == A_MOI:
        return demandes.filter(dossier__suivi__confiee_a=user, state=Etat.RECUPEREE)
    return demandes.filter(state=kind) if kind else demandes


def counts_for_list(user: User, lieux: list[int], now: datetime) -> dict[str, int]:
    """How many of the demandes of `lieux` are in each state, and in each of the lists above; "" has them all."""
    rows = _counted(lieux=lieux, user=user.pk, now=now, until=_shown_until(paris_date(now)))
    own = [(number, soon) for kind, number, soon in rows if kind in AT_A_LIEU]
    return {kind: number for kind, number, _ in rows} | {
        "": sum(number for number, _ in own),
        BIENTOT_DETRUITES: sum(soon for _, soon in own),
    }


@Frozen
def _counted(lieux: list[int], user: int, now: datetime, until: datetime) -> QuerySet[Any]:
    """State or list, how many, and how many of these are soon destroyed."""
    today = paris_date(now)
    soon = Count("pk", filter=Q(last_day__lte=rules.soon_destroyed_until(today)))
    there = Demande.objects.filter(AnyOf(F("lieu"), lieux), state__in=list(AT_A_LIEU), last_day__gte=today)
    states = there.order_by().values_list("state").annotate(Count("pk"), soon=soon)
    lists = {kind: agenda(kind, lieux, today, until) for kind in (A_RAPPELER, RENDEZ_VOUS)}
    lists[A_MOI] = _open_agenda(lieux, today).filter(confiee_a=user)
    counted = [
        found.order_by().annotate(kind=Value(kind)).values_list("kind").annotate(Count("pk"), soon=Value(0))
        for kind, found in lists.items()
    ]
    return states.union(*counted, all=True)


DEADLINES = {"trois-jours": rules.AT_RISK, "sept-jours": 7}
"""TEL-5.b: how many days are left at most, where a deadline is asked for; « retard »: none."""


def due_within(demandes: QuerySet[Demande], deadline: str, now: datetime) -> QuerySet[Demande]:
    """Those that wait: late (NOT-4.i), or due within some days."""
    waiting, late = demandes.filter(state=Etat.TRANSMISE), over(now, "pick_up_day", "caf")
    if deadline not in DEADLINES:
        return waiting.filter(late)
    return waiting.exclude(late).filter(pick_up_day__lte=paris_date(now) + timedelta(days=DEADLINES[deadline]))


ORDERS = {
    "recentes": ["-deposee_le", "reference"],
    "anciennes": ["deposee_le", "reference"],
    "destruction": ["last_day", "reference"],
}
"""Other orders of a list than by deadline."""


def communes_of(lieux: list[int]) -> list[tuple[str, str]]:
    """The communes that these lieux cover or have covered, the arrondissements of each among them: what their list is
    filtered by, without reading it.
    """
    return sorted(_communes(lieux=lieux), key=lambda one: (search_key(one[1]), one[0]))


@Frozen
def _communes(lieux: list[int]) -> QuerySet[Any]:
    covered = Couverture.objects.filter(AnyOf(F("lieu"), lieux)).order_by().values("commune")
    names = Commune.objects.order_by().values_list("pk", "nom")
    return names.filter(pk__in=covered).union(names.filter(parente__in=covered))  # each by its index: no OR


def unmet_needs(lieux: Collection[int], since: datetime) -> dict[str, int]:
    """SUI-1.f: how many demandes these lieux closed without a solution since then, and with which traits."""
    rows = Attribution.objects.filter(lieu__in=lieux, issue=Issue.SANS_SOLUTION, answered_at__gte=since)
    return rows.aggregate(
        total=Count("pk"),
        atypique=Count("pk", filter=Q(atypique=True)),
        urgente=Count("pk", filter=Q(urgente=True)),
        accessibilite=Count("pk", filter=Q(accessibilite=True)),
    )


def notes_of(demande: Demande) -> QuerySet[Note]:
    """What its lieu wrote down about a family, the last first."""
    return Note.objects.filter(dossier__demande=demande).select_related("author")


def acts_at_its_lieu(demande: Demande) -> QuerySet[Entry]:
    """What the journal says of a demande since its lieu has it, the last first."""
    assert demande.transmission is not None
    since = demande.transmission.transmitted_at
    rows = Entry.objects.filter(object_kind=Demande._meta.label_lower, object_id=str(demande.uuid), at__gte=since)
    return rows.order_by("-at", "-pk")


def files_at_its_lieu(demande: Demande) -> QuerySet[Remise]:
    """The files that its lieu has had of a demande since it has it."""
    assert demande.transmission is not None
    return Remise.objects.filter(
        demande_uuid=demande.uuid,
        lieu_id=demande.transmission.lieu_id,
        mode__in=FILES,
        at__gte=demande.transmission.transmitted_at,
    )


def open_attribution(demande: Demande) -> Attribution:
    """Where a demande that is at a lieu stands there."""
    return Attribution.objects.get(demande=demande, ended_at=None)


def handed_before(demandes: Collection[Demande]) -> set[int]:
    """TEL-6: those of which their present lieu has had a file since it has them."""
    here = {(one.uuid, one.lieu_id): (one.pk, one.transmission.transmitted_at) for one in demandes if one.transmission}
    rows = Remise.objects.filter(demande_uuid__in=[one.uuid for one in demandes], mode__in=FILES)
    found = set[int]()
    for name, lieu, at in rows.values_list("demande_uuid", "lieu_id", "at"):
        pk, since = here.get((name, lieu), (0, at))
        if pk and at >= since:
            found.add(pk)
    return found


# What a lieu received: picked up, opened on screen, or named in a list (ACC-2).
RECEIVED = Q(picked_up_at__isnull=False) | Q(seen_at__isnull=False)


# --- a lieu's software ---------------------------------------------------------------------------------------------


def prestataires_for(user: User, now: datetime) -> QuerySet[Prestataire]:
    """TEL-4.d: those that a token of this person may name: of its lieux, at work today, their engagement on file."""
    engaged = conventions.prestataires_engaged(paris_date(now)).filter(lieu__in=own_lieux(user, now))
    return engaged.select_related("lieu").order_by("lieu__nom", "nom", "pk")


def opened_by(jeton: Jeton, now: datetime) -> JetonLieu | None:
    """TEL-4.c: what a living token of a lieu opens now: its person may act for that lieu, and the prestataire that it
    names, if any, still works for it under its engagement. By date, at each request.
    """
    named = JetonLieu.objects.filter(jeton=jeton, lieu__in=own_lieux(jeton.user, now)).select_related("lieu").first()
    if named and named.prestataire_id is not None:
        engaged = conventions.prestataires_engaged(paris_date(now)).filter(lieu=named.lieu, pk=named.prestataire_id)
        return named if engaged.exists() else None
    return named


def linked(jetons: Collection[Jeton], now: datetime) -> dict[int, JetonLieu]:
    """Of these tokens those of a lieu, by key: which lieu, whose software, and whether they open it now (`ouvre`)."""
    rows = JetonLieu.objects.filter(jeton__in=jetons).select_related("lieu", "prestataire", "jeton__user")
    found = {row.jeton_id: row for row in rows}
    for row in found.values():
        row.ouvre = opens(row, now)
    return found


def opens(made: JetonLieu, now: datetime) -> bool:
    """Whether this token opens its lieu now."""
    return made.is_alive(now) and opened_by(made.jeton, now) is not None


def to_fetch(lieu: Lieu, now: datetime) -> QuerySet[Demande]:
    """TEL-4.a: what its software has to fetch and acknowledge, in the order of its arrival."""
    return Demande.objects.filter(lieu=lieu, state=Etat.TRANSMISE, last_day__gte=paris_date(now)).order_by("pk")


def known_at(lieu: Lieu, references: Collection[str]) -> QuerySet[Demande]:
    """ACC-1.b: what this lieu has or had, of these references."""
    here = Attribution.objects.filter(demande=OuterRef("pk"), lieu=lieu)
    return Demande.objects.filter(Exists(here), reference__in=references).order_by("pk")


# --- a family ------------------------------------------------------------------------------------------------------


def link_of(demande: Demande) -> str:
    """The token of the private link that opens a demande now (DEM-4)."""
    return link_token(demande.uuid, demande.rang_lien)


def link_token(demande: uuid.UUID, rank: int = 0) -> str:
    """That of the first private link of a demande, or of the one that came after so many."""
    return signed.token(_link(rank), demande)


def _link(rank: int) -> str:
    return f"demande.{rank}" if rank else "demande"


def demande_by_token(token: str, now: datetime) -> Demande:
    """The demande of a private link: 404 when the token is not ours, 410 when another link took its place, when the
    dossier is gone or past its day.
    """
    if (name := signed.name_in(token)) is None:
        raise NotFound
    rows = Demande.objects.filter(uuid=name)
    demande = rows.select_related("dossier", "commune", "lieu", "transmission").first()
    ranks = range(demande.rang_lien + 1) if demande else ()
    rank = next((one for one in ranks if signed.read(_link(one), token)), None)
    if demande is None or rank is None:
        raise NotFound
    if rank != demande.rang_lien:
        raise Moved(_("L’adresse de courriel de cette demande a été corrigée : seul son nouveau lien l’ouvre."))
    if demande.state == Etat.RETIREE:
        sentence = _("Cette demande a été retirée le %(jour)s. Ses données ont été détruites aussitôt.")
        raise Gone(sentence % {"jour": _day(demande.destroyed_at)})
    if demande.state == Etat.PURGEE:
        sentence = _("Vos données ont été détruites le %(jour)s, à la fin de leur conservation.")
        raise Gone(sentence % {"jour": _day(demande.destroyed_at)})
    end = end_of(demande, now)
    last_day = min(demande.last_day, end.families_until) if end else demande.last_day
    if last_day < paris_date(now):
        sentence = _("La conservation de vos données a pris fin le %(jour)s.")
        raise Gone(sentence % {"jour": date_longue(last_day)})
    return demande


# CON-6.d: what its lieu has seen goes to no other unless the family says so.
FAMILY_DECIDES = (Etat.RECUPEREE, Etat.TRAITEE)


def end_of(demande: Demande, now: datetime) -> Fin | None:
    """CON-6.d: the end, near or past, of the convention of the lieu that has picked this demande up."""
    if demande.lieu_id is None or demande.state not in FAMILY_DECIDES:
        return None
    return conventions.ends_at(paris_date(now), [demande.lieu_id]).get(demande.lieu_id)


def may_follow(demande: Demande, now: datetime) -> Fin | None:
    """CON-6.d: the end for which the family is asked now whether another lieu should have its demande."""
    end, today = end_of(demande, now), paris_date(now)
    return end if end and end.asked_from <= today <= min(end.families_until, demande.last_day) else None


def ends_with_demandes(day: date) -> list[Fin]:
    """CON-6: the ends, near or past, of lieux that still have demandes."""
    ends = conventions.ends_at(day)
    there = Demande.objects.filter(lieu__in=list(ends), state__in=AT_A_LIEU).order_by()
    return [ends[lieu] for lieu in sorted(there.values_list("lieu", flat=True).distinct())]


def _day(moment: datetime | None) -> str:
    return date_longue(paris_date(moment)) if moment else ""


def is_acknowledged(demande: Demande) -> bool:
    """DEM-4.f: whether a mail to the family is on its way or gone; not the fourth of a day for one address."""
    return Message.objects.filter(kind="demandes.accuse", key=str(demande.uuid)).exists()


def mails_to_family(demande: Demande) -> list[tuple[str, datetime]]:
    """Which kinds of mail have left for its family, and when."""
    sent = Message.objects.filter(recipient=f"demande:{demande.uuid}", sent_at__isnull=False)
    return [(kind, at) for kind, at in sent.order_by("sent_at", "pk").values_list("kind", "sent_at") if at]


def renewal_key(demande: uuid.UUID) -> str:
    """DEM-8.b: the `nonce` of the demande that takes over from this one, so that there is one; a digest, so that once
    both are destroyed nobody can tell which came from which.
    """
    return signed.digest("demandes.renouvellement", str(demande))[:40]


def renewed(demande: Demande) -> bool:
    """DEM-8.b: its family has made a new demande from it."""
    return Demande.objects.filter(nonce=renewal_key(demande.uuid)).exists()


# --- the system ----------------------------------------------------------------------------------------------------


def due_for_destruction(day: date) -> QuerySet[Demande]:
    """CNS-1, CNS-8: past their last day and not destroyed yet."""
    return Demande.objects.filter(state__in=ALIVE, last_day__lt=day).order_by("last_day", "pk")


def usual_day(day: date) -> int:
    """CNS-6.c: how many dossiers a day were destroyed: the median of the last four weeks' days that had any, or 0."""
    rows = Demande.objects.filter(state=Etat.PURGEE, last_day__gte=day - timedelta(days=29), last_day__lt=day)
    counts = rows.order_by().values_list("last_day").annotate(Count("pk"))
    return median_low([count for _, count in counts] or [0])


def waiting_on(day: date) -> QuerySet[Demande]:
    """Demandes that their lieu can still pick up and has not."""
    return _waiting(Demande.objects.all(), day)


def _waiting(among: QuerySet[Demande], day: date) -> QuerySet[Demande]:
    return among.filter(state=Etat.TRANSMISE, last_day__gte=day)


def late_at(now: datetime) -> QuerySet[Demande]:
    """NOT-4: those of `waiting_on` whose fifteenth day is over, as `Demande.delay` says it of one."""
    return waiting_on(paris_date(now)).filter(over(now, "pick_up_day", "caf"))


def closed_when_due(day: date) -> QuerySet[Demande]:
    """NOT-4.j: those of `waiting_on` whose fifteenth day, still to come, is one on which their lieu is closed."""
    due = OuterRef("pick_up_day")
    closed = Fermeture.objects.filter(lieu=OuterRef("lieu"), du__lte=due, au__gte=due)
    return waiting_on(day).filter(Exists(closed), pick_up_day__gte=day)


def stranded(among: QuerySet[Demande], now: datetime) -> QuerySet[Demande]:
    """CTL-9: those of `among` that wait at a lieu (`waiting_on`) where nobody can pick them up: no active person,
    suspended, or ended. Asked once a lieu, not once a demande.
    """
    waiting = _waiting(among, paris_date(now))
    there = list(waiting.order_by().values_list("lieu", flat=True).distinct())
    return waiting.filter(lieu__in=habilitations.without_anybody(there, now))


def relances_of(lieux: QuerySet[Lieu]) -> dict[int, rules.Relances]:
    """NOT-4.b, NOT-4.c: lieu → the days on which it is reminded, and its département."""
    rows = list(lieux.values_list("pk", "caf__premier_rappel", "caf__second_rappel", "code_postal"))
    departements = departements_of([code for *_, code in rows])
    return {
        pk: rules.Relances(tuple(day for day in (first, second) if day), departements.get(code, ""))
        for pk, first, second, code in rows
    }


def departement_of(lieu: Lieu) -> str:
    """The département of a lieu, whose holidays it has; empty where its postal code says none."""
    return departements_of([lieu.code_postal]).get(lieu.code_postal, "")


def transmissions_of(demandes: QuerySet[Demande]) -> QuerySet[Transmission]:
    """The transmissions by which `demandes` are at their lieux."""
    return Transmission.objects.filter(Exists(demandes.filter(transmission=OuterRef("pk")))).select_related("lieu")


def matching(demandes: QuerySet[Demande], text: str, today: date) -> QuerySet[Demande]:
    """Those whose reference or name contains `text`, accents and case ignored. Opened and compared here: a lieu has
    tens to thousands. One that cannot be opened is found by its reference.
    """
    key, found = search_key(text), []
    for pk, name, reference, day, scelle in demandes.values_list(
        "pk", "uuid", "reference", "dossier__jour", "dossier__scelle"
    ):
        if text.upper() in reference.upper():
            found.append(pk)
        elif key:
            with suppress(NoKey):
                said = Dossier.opened(name, day, scelle, today)
                if key in search_key(f"{said.prenom} {said.nom} {said.prenom}"):
                    found.append(pk)
    return demandes.filter(pk__in=found)


# --- a family that asks again ---------------------------------------------------------------------------------------

AGAIN_WITHIN = timedelta(days=30)


class Asked(NamedTuple):
    """DEM-7.a: an earlier demande of the form, and the address that it gave."""

    demande: Demande
    courriel: str


def asked_before(demande: Demande, contenu: Contenu, now: datetime) -> Asked | None:
    """DEM-7.a: the last demande of the same address or telephone, for the same commune and a child of the same day,
    within thirty days before `demande`.

    Found by digests under the keys of the days by which dossiers of these thirty days must go; only what is found is
    opened.
    """
    since, today = now - AGAIN_WITHIN, paris_date(now)
    wanted: dict[str, list[str]] = {"par_courriel": [], "par_telephone": []}
    for day in {rules.last_day_of_dossier(since + timedelta(days=rank), now) for rank in range(AGAIN_WITHIN.days + 1)}:
        with suppress(NoKey):
            for column, mark in Dossier.marks(demande.commune_id, contenu, day).items():
                wanted[column] += [mark] if mark else []
    alike = _alike(**wanted, today=now, since=since)
    if not alike:
        return None
    children = contenu.children_days()
    found = Dossier.objects.filter(pk__in=alike).exclude(demande=demande)
    for dossier in found.select_related("demande").order_by("-demande__received_at")[:20]:
        with suppress(NoKey):
            said = dossier.open(today)
            if said.children_days() & children:
                return Asked(dossier.demande, said.courriel)
    return None


@Frozen
def _alike(par_courriel: list[str], par_telephone: list[str], today: datetime, since: datetime) -> QuerySet[Any]:
    same = Q(AnyOf(F("par_courriel"), par_courriel)) | Q(AnyOf(F("par_telephone"), par_telephone))
    living = {"jour__gte": paris_date(today), "demande__state__in": list(ALIVE), "demande__received_at__gte": since}
    return Dossier.objects.filter(same, **living).order_by().values_list("pk", flat=True)


# --- deliveries -----------------------------------------------------------------------------------------------------

REFUSED_SHOWN = timedelta(days=15)


def refused_deliveries(now: datetime) -> QuerySet[Livraison]:
    """Refused whole or set apart, as long as their bytes are kept: the Cnaf looks at them."""
    return Livraison.objects.filter(state=EtatLivraison.REFUSEE, finished_at__gt=now - REFUSED_SHOWN)
