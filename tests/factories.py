"""Rows for tests, made by the ORM (services have their own tests). Traits name situations of the field, no columns."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import Any

import factory
import pikepdf

from conventions.models import Acte
from conventions.rules import PIECES
from conventions.workflow import EtatActe, EtatConvention
from demandes.contenu import Contenu
from demandes.models import Attribution, Demande, Dossier
from demandes.rules import fifteenth_day, last_day_of_dossier
from demandes.workflow import Etat
from extranet.core.accounts import services as accounts
from extranet.core.dates import paris_date
from extranet.core.vault import days

# The moment of tests that do not care: a Monday, 10:00 in Paris.
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def a_pdf(pages: int = 1) -> bytes:
    """A plain PDF, as a scanner makes them."""
    document, target = pikepdf.new(), BytesIO()
    for _ in range(pages):
        document.add_blank_page()
    document.save(target)
    return target.getvalue()


def use_mailed(user: Any, text: str, *, now: datetime) -> bool:
    """What the door does with a mailed password: finds it, and uses it once all else that is asked is there."""
    found = accounts.received(user, text, now=now)
    return found is not None and accounts.spend(user, found.pk, now=now)


class CafFactory(factory.django.DjangoModelFactory):
    """The Caf de Seine-et-Marne of the reference data. Trait essonne: its neighbour."""

    class Meta:
        model = "territory.Caf"
        django_get_or_create = ("code",)

    class Params:
        essonne = factory.Trait(code="caf-91", nom="Caf de l’Essonne")

    code = "caf-77"
    nom = "Caf de Seine-et-Marne"
    type = "caf"


class DepartementFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = "territory.Departement"
        django_get_or_create = ("code",)

    code = "77"
    nom = "Seine-et-Marne"
    nom_avec_de = "de la Seine-et-Marne"
    region = "Île-de-France"
    caf = factory.SubFactory(CafFactory)


class CommuneFactory(factory.django.DjangoModelFactory):
    """Le Châtelet-en-Brie. Trait melun: another commune of the same Caf; evry: one of the Essonne."""

    class Meta:
        model = "territory.Commune"
        django_get_or_create = ("code_insee",)

    class Params:
        melun = factory.Trait(code_insee="77288", nom="Melun", nom_recherche="melun")
        evry = factory.Trait(
            code_insee="91228",
            nom="Évry-Courcouronnes",
            nom_recherche="evry courcouronnes",
            caf=factory.SubFactory(CafFactory, essonne=True),
            departement=factory.SubFactory(
                DepartementFactory,
                code="91",
                nom="Essonne",
                nom_avec_de="de l’Essonne",
                caf=factory.SubFactory(CafFactory, essonne=True),
            ),
        )

    code_insee = "77100"
    nom = "Le Châtelet-en-Brie"
    nom_recherche = "le chatelet en brie"
    departement = factory.SubFactory(DepartementFactory)
    caf = factory.SubFactory(CafFactory)
    population = 4_500
    type = "commune"


class UserFactory(factory.django.DjangoModelFactory):
    """A person with an account and the password `Demonstration-2026`."""

    class Meta:
        model = "accounts.User"

    class Params:
        ferme = factory.Trait(is_active=False)

    email = factory.Sequence(lambda n: f"personne{n}@lieu.test")
    civilite = "Mme"
    prenom = "Camille"
    nom = factory.Sequence(lambda n: f"Durand-{n}")
    password_chosen_at = NOW - timedelta(days=200)
    password = "Demonstration-2026"

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Any:
        return model_class.objects.create_user(**kwargs)


class AgentFactory(factory.django.DjangoModelFactory):
    """An instructeur of the Caf de Seine-et-Marne. `agent.user` logs in."""

    class Meta:
        model = "territory.Agent"

    class Params:
        superviseur = factory.Trait(role="superviseur")
        lecteur = factory.Trait(role="lecteur")
        essonne = factory.Trait(caf=factory.SubFactory(CafFactory, essonne=True))
        cnaf = factory.Trait(role="cnaf", caf=None)

    user = factory.SubFactory(UserFactory, is_staff=True, email=factory.Sequence(lambda n: f"agent{n}@caf.test"))
    caf = factory.SubFactory(CafFactory)
    role = "instructeur"


class GestionnaireFactory(factory.django.DjangoModelFactory):
    """A communauté de communes. Trait association: no préfecture to go through."""

    class Meta:
        model = "conventions.Gestionnaire"
        skip_postgeneration_save = True

    class Params:
        association = factory.Trait(nature="association", representant_qualite="présidente")

    caf = factory.SubFactory(CafFactory)
    nom = factory.Sequence(lambda n: f"Communauté de communes {n}")
    nature = "epci"
    siren = factory.Sequence(lambda n: siren(200_070_000 + n))
    adresse = "1 place de la Mairie"
    code_postal = "77820"
    ville = "Le Châtelet-en-Brie"
    courriel = "contact@cc.test"
    courriel_registre = "officiel@cc.test"
    representant_civilite = "M."
    representant_nom = "Moreau"
    representant_prenom = "Dominique"
    representant_qualite = "président"

    @factory.post_generation
    def identite(self, create: bool, extracted: Any, **kwargs: Any) -> None:
        say(self)


def say(owner: Any) -> None:
    """What the columns of a lieu or gestionnaire say, as the row that holds since before all that tests speak of."""
    values = {name: getattr(owner, name) for name in owner.identites.model.VALUES}
    owner.identites.create(from_on=date(2024, 1, 1), source="essai", recorded_at=NOW, **values)


def siren(number: int) -> str:
    """The first SIREN with a right key at or after `number`, whose last digit counts for nothing."""
    from conventions.rules import siren_is_valid

    stem = str(number % 100_000_000).rjust(8, "2")
    return next(stem + key for key in "0123456789" if siren_is_valid(stem + key))


def _under_convention(**situation: Any) -> factory.RelatedFactory:
    return factory.RelatedFactory("tests.factories.ConventionFactory", factory_related_name="lieu", **situation)


class LieuFactory(factory.django.DjangoModelFactory):
    """An RPE that covers Le Châtelet-en-Brie under a convention in force since January 2025.

    `convention__communes=["77288"]` covers other communes (their rows must be there).
    """

    class Meta:
        model = "conventions.Lieu"
        skip_postgeneration_save = True

    class Params:
        sans_convention = factory.Trait(convention=None)
        a_signer = factory.Trait(convention=_under_convention(a_signer=True))
        convention_finie = factory.Trait(convention=_under_convention(finie=True))
        suspendue = factory.Trait(convention=_under_convention(suspendue=True))
        essonne = factory.Trait(
            caf=factory.SubFactory(CafFactory, essonne=True),
            convention=_under_convention(communes=["91228"]),
            ville="Évry-Courcouronnes",
        )

    caf = factory.SubFactory(CafFactory)
    gestionnaire = factory.SubFactory(GestionnaireFactory, caf=factory.SelfAttribute("..caf"))
    code = factory.Sequence(lambda n: f"RPE-77-{n}")
    nom = factory.Sequence(lambda n: f"Relais petite enfance {n}")
    nature = "rpe"
    adresse = "12 rue des Écoles"
    code_postal = "77820"
    ville = "Le Châtelet-en-Brie"
    telephone = "+33160000001"
    courriel = factory.Sequence(lambda n: f"rpe{n}@lieu.test")
    created_at = NOW - timedelta(days=700)
    convention = _under_convention()

    @factory.post_generation
    def identite(self, create: bool, extracted: Any, **kwargs: Any) -> None:
        say(self)


class ConventionFactory(factory.django.DjangoModelFactory):
    """A convention in force since 15 January 2025, with its acte and annexe 1."""

    class Meta:
        model = "conventions.Convention"
        skip_postgeneration_save = True

    class Params:
        a_signer = factory.Trait(state=EtatConvention.PREPARATION, in_force_from=None)
        finie = factory.Trait(ended_on=date(2026, 1, 15))
        suspendue = factory.Trait(
            suspension=factory.RelatedFactory("tests.factories.SuspensionFactory", factory_related_name="convention")
        )

    numero = factory.Sequence(lambda n: f"CONV-77-2025-{n:04}")
    lieu = factory.SubFactory(LieuFactory, convention=None)
    gestionnaire = factory.SelfAttribute("lieu.gestionnaire")
    state = EtatConvention.SIGNEE
    created_at = datetime(2025, 1, 6, 9, tzinfo=UTC)
    in_force_from = date(2025, 1, 15)

    @factory.post_generation
    def communes(self, create: bool, codes: list[str] | None, **kwargs: Any) -> None:
        acte = self.actes.create(
            nature=Acte.Nature.CONVENTION,
            state=EtatActe.APPLIQUE if self.in_force_from else EtatActe.PREPARE,
            prepared_at=self.created_at,
            effective_on=self.in_force_from,
        )
        for nature in PIECES[acte.nature]:
            acte.pieces.create(nature=nature, text_version="2026-1")
        if codes is None:
            codes = [CommuneFactory().pk]
        for trait, code in (("melun", "77288"), ("evry", "91228")):
            if code in codes:
                CommuneFactory(**{trait: True})
        for code in codes:
            self.lieu.couvertures.create(
                opened_by=acte, commune_id=code, from_on=self.in_force_from, until_on=self.ended_on
            )


class SuspensionFactory(factory.django.DjangoModelFactory):
    """A whole lieu suspended two days ago. Trait levee: lifted since."""

    class Meta:
        model = "conventions.Suspension"

    class Params:
        levee = factory.Trait(until_at=NOW - timedelta(days=1), lifted_by=factory.SubFactory(UserFactory))

    convention = factory.SubFactory(ConventionFactory)
    from_at = NOW - timedelta(days=2)
    reason = "vérification"
    suspended_by = factory.SubFactory(UserFactory)


class PersonneFactory(factory.django.DjangoModelFactory):
    """Somebody of a lieu, whom no line names yet."""

    class Meta:
        model = "conventions.Personne"

    lieu = factory.SubFactory(LieuFactory)


class PersonneInscriteFactory(factory.django.DjangoModelFactory):
    """A person of the annexe 1 of a lieu, by the acte of its convention."""

    class Meta:
        model = "conventions.PersonneInscrite"

    lieu = factory.SubFactory(LieuFactory)
    personne = factory.SubFactory(PersonneFactory, lieu=factory.SelfAttribute("..lieu"))
    opened_by = factory.LazyAttribute(lambda line: Acte.objects.filter(convention__lieu=line.lieu).earliest("pk"))
    from_on = factory.LazyAttribute(lambda line: line.opened_by.effective_on)
    civilite = "Mme"
    prenom = "Camille"
    nom = factory.Sequence(lambda n: f"Petit-{n}")
    courriel = factory.Sequence(lambda n: f"animatrice{n}@lieu.test")
    service = "Petite enfance"
    fonction = "animatrice"


class HabilitationFactory(factory.django.DjangoModelFactory):
    """A person who may act for a lieu; `habilitation.user` logs in. `inscription__…` is its line of annexe 1."""

    class Meta:
        model = "habilitations.Habilitation"
        skip_postgeneration_save = True

    class Params:
        lieu = factory.SubFactory(LieuFactory)
        inscription = factory.SubFactory(
            PersonneInscriteFactory,
            lieu=factory.SelfAttribute("..lieu"),
            courriel=factory.SelfAttribute("..user.email"),
            nom=factory.SelfAttribute("..user.nom"),
            prenom=factory.SelfAttribute("..user.prenom"),
        )
        suspendue = factory.Trait(
            suspension=factory.RelatedFactory(
                "tests.factories.SuspensionHabilitationFactory", factory_related_name="habilitation"
            )
        )

    user = factory.SubFactory(UserFactory, last_login=NOW - timedelta(days=1))  # comes in now and then (ACC-6.d)
    personne = factory.SelfAttribute("inscription.personne")
    activated_at = datetime(2025, 1, 20, 9, tzinfo=UTC)


class SuspensionHabilitationFactory(factory.django.DjangoModelFactory):
    """A person suspended the day before. Trait levee: lifted since."""

    class Meta:
        model = "habilitations.SuspensionHabilitation"

    class Params:
        levee = factory.Trait(until_at=NOW - timedelta(hours=1), lifted_by=factory.SubFactory(UserFactory))

    habilitation = factory.SubFactory(HabilitationFactory)
    from_at = NOW - timedelta(days=1)
    reason = "départ"
    suspended_by = factory.SubFactory(UserFactory)


class DemandeHabilitationFactory(factory.django.DjangoModelFactory):
    """An application that waits for an agent of the Caf de Seine-et-Marne, in its first version (`version__…`)."""

    class Meta:
        model = "habilitations.DemandeHabilitation"
        skip_postgeneration_save = True

    class Params:
        refusee = factory.Trait(state="refusee", decided_at=NOW, motif="Hors du territoire.")
        complement = factory.Trait(state="complement")
        essonne = factory.Trait(caf=factory.SubFactory(CafFactory, essonne=True))

    reference = factory.Sequence(lambda n: f"HAB-2026-{n:06}")
    caf = factory.SubFactory(CafFactory)
    submitted_at = NOW - timedelta(days=3)

    @factory.post_generation
    def version(self, create: bool, extracted: Any, **given: Any) -> None:
        self.version = VersionDemandeFactory(demande=self, **given)
        self.save(update_fields=["version"])


class VersionDemandeFactory(factory.django.DjangoModelFactory):
    """What a lieu sent: one commune, one person."""

    class Meta:
        model = "habilitations.VersionDemande"
        skip_postgeneration_save = True

    demande = factory.SubFactory(DemandeHabilitationFactory)
    numero = factory.LazyAttribute(lambda made: made.demande.versions.count() + 1)
    nonce = factory.Sequence(lambda n: f"{n:040}")
    sent_at = factory.SelfAttribute("demande.submitted_at")
    lieu_nom = "RPE du Châtelet"
    lieu_nature = "rpe"
    lieu_adresse = "12 rue des Écoles"
    lieu_code_postal = "77820"
    lieu_ville = "Le Châtelet-en-Brie"
    lieu_telephone = "+33160000001"
    lieu_courriel = "rpe@lieu.test"
    gestionnaire_nom = "Commune du Châtelet-en-Brie"
    gestionnaire_nature = "commune"
    gestionnaire_siren = factory.Sequence(lambda n: siren(210_077_000 + n))
    gestionnaire_adresse = "1 place de la Mairie"
    gestionnaire_code_postal = "77820"
    gestionnaire_ville = "Le Châtelet-en-Brie"
    representant_civilite = "Mme"
    representant_nom = "Martin"
    representant_prenom = "Camille"
    representant_qualite = "maire"

    @factory.post_generation
    def annexe(self, create: bool, extracted: Any, **kwargs: Any) -> None:
        self.communes.create(commune=CommuneFactory())
        self.personnes.create(
            civilite="Mme",
            nom="Petit",
            prenom="Alix",
            courriel=f"alix.{self.demande.reference.lower()}@lieu.test",
            service="Petite enfance",
            fonction="animatrice",
        )


class ComplementFactory(factory.django.DjangoModelFactory):
    """A complement that the lieu has not answered yet. Trait remplace: another has come in its place."""

    class Meta:
        model = "habilitations.Complement"

    class Params:
        remplace = factory.Trait(closed_at=NOW)

    demande = factory.SubFactory(DemandeHabilitationFactory, complement=True)
    texte = "Précisez la fonction de chaque personne."
    asked_at = NOW - timedelta(days=1)
    asked_by = factory.LazyFunction(lambda: AgentFactory().user)


class TransmissionFactory(factory.django.DjangoModelFactory):
    """A batch made available on the day of tests, its mail accepted at once. Trait non_notifiee: no mail has left."""

    class Meta:
        model = "demandes.Transmission"

    class Params:
        non_notifiee = factory.Trait(notified_at=None)

    lieu = factory.SubFactory(LieuFactory)
    transmitted_at = NOW
    notified_at = factory.SelfAttribute("transmitted_at")


def _fifteenth(batch: Any) -> date | None:
    return fifteenth_day(batch.notified_at) if batch and batch.notified_at else None


def _batch(**situation: Any) -> factory.SubFactory:
    same = {"lieu": factory.SelfAttribute("..lieu"), "transmitted_at": factory.SelfAttribute("..at")}
    return factory.SubFactory(TransmissionFactory, **same, **situation)


class DemandeFactory(factory.django.DjangoModelFactory):
    """A family's request with its dossier, deposited an hour ago, waiting for a lieu; with a lieu, its attribution."""

    class Meta:
        model = "demandes.Demande"
        skip_postgeneration_save = True

    class Params:
        at = NOW - timedelta(hours=1)
        transmise = factory.Trait(
            state=Etat.TRANSMISE,
            lieu=factory.SubFactory(LieuFactory),
            transmission=_batch(),
        )
        non_notifiee = factory.Trait(transmise=True, transmission=_batch(non_notifiee=True))
        recuperee = factory.Trait(transmise=True, state=Etat.RECUPEREE)
        traitee = factory.Trait(recuperee=True, state=Etat.TRAITEE, closed_at=NOW)
        a_relancer = factory.Trait(transmise=True, at=NOW - timedelta(days=7))
        en_retard = factory.Trait(transmise=True, at=NOW - timedelta(days=16))
        presque_six_mois = factory.Trait(transmise=True, at=datetime(2026, 5, 23, 10, tzinfo=UTC))
        echue = factory.Trait(transmise=True, at=datetime(2026, 5, 22, 10, tzinfo=UTC))
        purgee = factory.Trait(echue=True, state=Etat.PURGEE, destroyed_at=NOW, content="", dossier=None)
        retiree = factory.Trait(state=Etat.RETIREE, destroyed_at=NOW, content="", dossier=None)

    source = "monenfant"
    reference = factory.Sequence(lambda n: f"ME-2026-{n:06}")
    content = factory.Sequence(lambda n: f"{n:064x}")
    caf = factory.LazyAttribute(lambda demande: demande.lieu.caf if demande.lieu else CafFactory())
    commune = factory.SubFactory(CommuneFactory)
    lieu = None
    transmission = None
    deposee_le = factory.SelfAttribute("at")
    received_at = factory.SelfAttribute("at")
    pick_up_day = factory.LazyAttribute(lambda demande: _fifteenth(demande.transmission))
    last_day = factory.LazyAttribute(lambda demande: last_day_of_dossier(demande.deposee_le, demande.received_at))
    assistante_maternelle = True
    dossier = factory.RelatedFactory("tests.factories.DossierFactory", factory_related_name="demande")

    @factory.post_generation
    def attribution(self, create: bool, extracted: Any, **about: Any) -> None:
        """Picked up where its state says so (`attribution__picked_up_at` says when), ended where it is destroyed.

        `attribution=False`: none.
        """
        if self.transmission is None or extracted is False:
            return
        if self.state in (Etat.RECUPEREE, Etat.TRAITEE):
            about = {"picked_up_at": self.transmission.transmitted_at, "picked_up_by": UserFactory()} | about
        fin = {Etat.PURGEE: "detruite", Etat.RETIREE: "retiree"}.get(self.state, "")
        if fin == "detruite":
            about = {"attest_from": paris_date(self.destroyed_at)} | about
        AttributionFactory(demande=self, fin=fin, ended_at=self.destroyed_at, **about)


class AttributionFactory(factory.django.DjangoModelFactory):
    """A demande at the lieu that its row names, never looked at there."""

    class Meta:
        model = "demandes.Attribution"

    demande = factory.SubFactory(DemandeFactory, transmise=True, attribution=False)
    lieu = factory.SelfAttribute("demande.lieu")
    transmission = factory.SelfAttribute("demande.transmission")
    transmitted_at = factory.SelfAttribute("transmission.transmitted_at")
    seen_at = factory.SelfAttribute("picked_up_at")
    picked_up_at = None


def contenu_of(demande: Demande | None = None, **about: Any) -> Contenu:
    """What the dossier of `demande`, or of the only one `about`, says; on its last day."""
    dossier = Dossier.objects.select_related("demande").get(**({"demande": demande} if demande else about))
    return dossier.open(dossier.jour)


def rewrite(demande: Demande, **changes: Any) -> None:
    """Other words in its dossier, under the same key."""
    said = replace(contenu_of(demande), **changes)
    sealed = Dossier.sealed(demande.uuid, said, demande.last_day)
    Dossier.objects.filter(demande=demande).update(scelle=sealed)


class DossierFactory(factory.django.DjangoModelFactory):
    """What the family said."""

    class Meta:
        model = "demandes.Dossier"

    @classmethod
    def _create(cls, model_class: Any, *, demande: Demande, **said: Any) -> Dossier:
        try:
            days.read(demande.last_day)
        except days.Lost:  # of a day that is over, too
            days.replace(demande.last_day)
        sealed = Dossier.sealed(demande.uuid, Contenu(**said), demande.last_day)
        return super()._create(model_class, demande=demande, jour=demande.last_day, scelle=sealed)

    demande = factory.SubFactory(DemandeFactory, dossier=None)
    nom = factory.Sequence(lambda n: f"Famille-{n}")
    prenom = "Sacha"
    courriel = factory.Sequence(lambda n: f"famille{n}@famille.test")
    telephone = factory.Sequence(lambda n: f"+336000{n % 100_000:05}")
    code_postal = "77820"
    ville = "Le Châtelet-en-Brie"
    enfants = factory.LazyFunction(lambda: [{"prenom": "Lou", "date_naissance": "2025-06-01"}])
    besoin = factory.LazyFunction(
        lambda: {"a_partir_du": "2027-01-04", "regularite": "regulier", "horaires": [], "atypiques": []}
    )
    message = "Nous cherchons pour trois jours par semaine."


class SuiviFactory(factory.django.DjangoModelFactory):
    """What the lieu of `demande` has on its agenda for it: nothing yet."""

    class Meta:
        model = "demandes.Suivi"
        exclude = ["demande"]

    demande = factory.SubFactory(DemandeFactory, recuperee=True)
    dossier = factory.LazyAttribute(lambda made: Dossier.objects.get(demande=made.demande))
    lieu = factory.SelfAttribute("demande.lieu")


class NoteFactory(factory.django.DjangoModelFactory):
    """A note of its lieu on the family of `demande`, that says `texte`."""

    class Meta:
        model = "demandes.Note"

    @classmethod
    def _create(cls, model_class: Any, *, demande: Demande, texte: str, **about: Any) -> Any:
        note = model_class(dossier=Dossier.objects.get(demande=demande), **about)
        note.seal(texte)
        note.save()
        return note

    demande = factory.SubFactory(DemandeFactory, recuperee=True)
    author = factory.SubFactory(UserFactory)
    at = NOW
    texte = "La famille préfère le matin."


def picked_up(state: str = "recuperee", at: datetime = NOW) -> None:
    """The lieux have picked up all that there is."""
    Demande.objects.update(state=state)
    Attribution.objects.update(picked_up_at=at)
