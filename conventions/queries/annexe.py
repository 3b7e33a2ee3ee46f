"""Annexe 1 and identities as they stood on a day, or as an acte makes them."""

from dataclasses import dataclass
from datetime import date

from django.db.models import Q, QuerySet

from conventions.models import (
    IN_EFFECT,
    Acte,
    Convention,
    Couverture,
    Gestionnaire,
    IdentiteGestionnaire,
    IdentiteLieu,
    Lieu,
    PersonneInscrite,
)
from conventions.queries.actes import founding_acte
from conventions.queries.register import held, in_force
from conventions.workflow import EtatActe


def annexe1(lieu: Lieu, day: date) -> tuple[QuerySet[Couverture], QuerySet[PersonneInscrite]]:
    """CON-8: communes and persons as they stood on `day`, under the convention in force that day."""
    own = held(day) & in_force(day, "opened_by__convention__")
    return (
        lieu.couvertures.filter(own).select_related("commune", "opened_by").order_by("commune__nom_recherche"),
        lieu.inscriptions.filter(own).select_related("opened_by").order_by("nom", "prenom"),
    )


@dataclass(frozen=True, slots=True)
class Tableau:
    """CON-8.a: a convention as it stood on a day; nothing where it was not in force."""

    day: date
    in_force: bool
    communes: list[Couverture]
    personnes: list[PersonneInscrite]
    lieu: IdentiteLieu | None
    gestionnaire: IdentiteGestionnaire | None


def standing_on(convention: Convention, day: date) -> Tableau:
    """CON-8.a: annexe 1 of `convention` and both identities on `day`, each line with the acte behind it."""
    if not Convention.objects.filter(in_force(day), pk=convention.pk).exists():
        return Tableau(day, False, [], [], None, None)
    communes, personnes = annexe1(convention.lieu, day)
    lieu, gestionnaire = _known_on(convention.lieu, day), _known_on(convention.gestionnaire, day)
    assert isinstance(lieu, IdentiteLieu)
    assert isinstance(gestionnaire, IdentiteGestionnaire)
    return Tableau(day, True, list(communes), list(personnes), lieu, gestionnaire)


def _known_on(owner: Lieu | Gestionnaire, day: date) -> IdentiteLieu | IdentiteGestionnaire:
    """`identity_on`, or the first identity known where the portal knew none yet on `day` (a convention taken over)."""
    rows = owner.identites.select_related("opened_by")
    return identity_on(owner, day) if rows.filter(from_on__lte=day).exists() else rows.earliest("from_on", "pk")


def identity_on(owner: Lieu | Gestionnaire, day: date) -> IdentiteLieu | IdentiteGestionnaire:
    """CON-8.b: what was said of a lieu or of a gestionnaire on `day`; of two changes on one day, the later."""
    held = owner.identites.filter(Q(until_on=None) | Q(until_on__gte=day), from_on__lte=day)
    return held.select_related("opened_by").latest("from_on", "pk")


def lines_of(acte: Acte) -> tuple[QuerySet[Couverture], QuerySet[PersonneInscrite]]:
    """The communes and persons that an acte brings into annexe 1, in force or waiting for the signatures."""
    return (
        acte.couvertures_ouvertes.select_related("commune__departement").order_by("commune__nom_recherche", "commune"),
        acte.personneinscrites_ouvertes.order_by("nom", "prenom", "pk"),
    )


def annexe1_of(convention: Convention) -> tuple[QuerySet[Couverture], QuerySet[PersonneInscrite]]:
    """CON-8: every line of a convention, over, holding or waiting for signatures, by whichever of its actes.

    Not those of a paper that another has replaced, nor what an abandoned avenant would have brought: they never held.
    """
    own = Q(opened_by__convention=convention) & (
        ~Q(opened_by__state=EtatActe.ABANDONNE) | Q(opened_by=founding_acte(convention))
    )
    return (
        Couverture.objects.filter(own)
        .select_related("commune")
        .order_by("commune__nom_recherche", "commune", "from_on"),
        PersonneInscrite.objects.filter(own).order_by("nom", "prenom", "from_on", "pk"),
    )


def annexe1_today(convention: Convention) -> tuple[QuerySet[Couverture], QuerySet[PersonneInscrite]]:
    """CON-7.b: the lines of a convention that hold, and that an avenant may end."""
    held = IN_EFFECT & Q(opened_by__convention=convention)
    return (
        Couverture.objects.filter(held).select_related("commune__departement").order_by("commune__nom_recherche"),
        PersonneInscrite.objects.filter(held).select_related("personne").order_by("nom", "prenom", "pk"),
    )


def resulting_annexe(acte: Acte) -> tuple[QuerySet[Couverture], QuerySet[PersonneInscrite]]:
    """CON-7.c: annexe 1 as an avenant that waits leaves it: what holds and it does not end, and what it brings."""
    stays = IN_EFFECT & ~Q(closed_by=acte) & Q(opened_by__convention=acte.convention)
    return (
        Couverture.objects.filter(stays | Q(opened_by=acte))
        .select_related("commune__departement")
        .order_by("commune__nom_recherche", "commune"),
        PersonneInscrite.objects.filter(stays | Q(opened_by=acte)).order_by("nom", "prenom", "pk"),
    )


@dataclass(frozen=True, slots=True)
class Dit:
    """One thing that an avenant says of the lieu or of the gestionnaire, and what was said before it."""

    owner: str
    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Changements:
    """CON-7.b: what an avenant changes; of a person both lines, as it was named and as it is to be."""

    communes_added: list[Couverture]
    communes_removed: list[Couverture]
    personnes_added: list[PersonneInscrite]
    personnes_removed: list[PersonneInscrite]
    personnes_changed: list[tuple[PersonneInscrite, PersonneInscrite]]
    identite: list[Dit]

    @property
    def nouvelles_adresses(self) -> list[PersonneInscrite]:
        """ACT-6.b: persons named by another address, whose access is to be opened."""
        return [after for before, after in self.personnes_changed if before.courriel != after.courriel]

    @property
    def phrases(self) -> list[str]:
        """Each change in words, as a mail or a page says it."""
        return [
            *(f"{one.commune} est ajoutée aux communes couvertes" for one in self.communes_added),
            *(f"{one.commune} est retirée des communes couvertes" for one in self.communes_removed),
            *(f"{one.en_toutes_lettres} : personne ajoutée" for one in self.personnes_added),
            *(f"{one.en_toutes_lettres} : personne retirée" for one in self.personnes_removed),
            *(_person_changed(before, after) for before, after in self.personnes_changed),
            *(
                f"{OWNERS[one.owner]}, {one.label} : « {one.before} » devient « {one.after} »"
                if one.before
                else f"{OWNERS[one.owner]}, {one.label} : « {one.after} »"
                for one in self.identite
            ),
        ]


OWNERS = {"lieu": "Lieu d’information", "gestionnaire": "Gestionnaire"}


def _person_changed(before: PersonneInscrite, after: PersonneInscrite) -> str:
    named = {"civilite", "nom", "prenom", "courriel", "service", "fonction"}
    fields = [field for field in PersonneInscrite._meta.concrete_fields if field.name in named]
    said = [(field.verbose_name, getattr(before, field.name), getattr(after, field.name)) for field in fields]
    changed = [f"{label} « {old} » devient « {new} »" for label, old, new in said if old != new]
    return f"{before} : {', '.join(changed)}"


def changes_of(acte: Acte) -> Changements:
    """What `acte`, an avenant that is not abandoned, changes, each kind in the order of its paper."""
    opened_communes, opened_personnes = lines_of(acte)
    closed_communes = acte.couvertures_fermees.select_related("commune__departement")
    closed = {line.personne_id: line for line in acte.personneinscrites_fermees.order_by("nom", "prenom", "pk")}
    opened = {line.personne_id: line for line in opened_personnes}
    return Changements(
        communes_added=list(opened_communes),
        communes_removed=list(closed_communes.order_by("commune__nom_recherche", "commune")),
        personnes_added=[line for personne, line in opened.items() if personne not in closed],
        personnes_removed=[line for personne, line in closed.items() if personne not in opened],
        personnes_changed=[(closed[one], line) for one, line in opened.items() if one in closed],
        identite=_said(acte),
    )


def _said(acte: Acte) -> list[Dit]:
    kinds = {"lieu": IdentiteLieu, "gestionnaire": IdentiteGestionnaire}
    said = []
    for owner, values in acte.identite.items():
        for field in kinds[owner]._meta.concrete_fields:
            if field.name in values:
                before, after = (str(dict(field.flatchoices).get(value, value)) for value in values[field.name])
                said.append(Dit(owner, str(field.verbose_name), before, after))
    return said
