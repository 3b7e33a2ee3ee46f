"""What survives of a family's request: the demande, at which lieux it was, in which batches."""

import uuid
from datetime import date, datetime

from django.conf import settings
from django.db import models
from django.db.models import Q

from demandes.contenu import Contenu
from demandes.models.livraisons import Livraison
from demandes.rules import Delay
from demandes.workflow import ALIVE, AT_A_LIEU, DEMANDE, LEFT, Etat, Fin, Issue, Motif
from extranet.core import languages
from extranet.territory.limits import until
from extranet.territory.zones import day_at


class Transmission(models.Model):
    """One batch made available to one lieu; the 15 days run from its `notified_at` (NOT-3)."""

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("id", "uuid", "lieu", "livraison", "transmitted_at", "notified_at")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    lieu = models.ForeignKey("conventions.Lieu", models.PROTECT, related_name="+")
    livraison = models.ForeignKey(Livraison, models.PROTECT, related_name="+", null=True)
    transmitted_at = models.DateTimeField("transmise le")
    notified_at = models.DateTimeField("notifiée le", null=True)

    class Meta:
        verbose_name = "transmission"
        constraints = [
            models.UniqueConstraint(fields=["livraison", "lieu"], name="one_transmission_a_lieu_and_livraison")
        ]
        indexes = [models.Index(fields=["notified_at"], name="transmissions_by_notice")]

    def __str__(self) -> str:
        return f"{self.lieu} {self.transmitted_at:%Y-%m-%d}"


class Demande(models.Model):
    """A family's request, addressed to at most one lieu. Neutral: it survives the destruction of its dossier.

    `lieu` and `transmission` name the open attribution, beside the state, for lists; the others are its history.
    """

    class Source(models.TextChoices):
        FORMULAIRE = "formulaire", "formulaire"
        MONENFANT = "monenfant", "monenfant.fr"

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = (
            "id",
            "uuid",
            "source",
            "reference",
            "content",
            "state",
            "caf",
            "commune",
            "lieu",
            "transmission",
            "livraison",
            "lieu_voulu",
            "nonce",
            "rang_lien",
            "langue",
            "deposee_le",
            "modifiee_le",
            "received_at",
            "pick_up_day",
            "last_day",
            "creche_collective",
            "assistante_maternelle",
            "garde_a_domicile",
            "closed_at",
            "destroyed_at",
        )

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    source = models.CharField("origine", max_length=20, choices=Source)
    reference = models.CharField("référence", max_length=64)
    # HMAC of the content, so that the same record again is recognised; blanked with the dossier.
    content = models.CharField(max_length=64, blank=True)
    state = models.CharField("état", max_length=20, choices=Etat, default=DEMANDE.initial, editable=False)
    caf = models.ForeignKey("territory.Caf", models.PROTECT, related_name="+", db_index=False)
    commune = models.ForeignKey("territory.Commune", models.PROTECT, related_name="+", db_index=False)
    lieu = models.ForeignKey("conventions.Lieu", models.PROTECT, related_name="+", db_index=False, null=True)
    transmission = models.ForeignKey(Transmission, models.PROTECT, related_name="demandes", null=True)
    # The delivery that brought it, or changed it last.
    livraison = models.ForeignKey(Livraison, models.PROTECT, related_name="+", db_index=False, null=True)
    # The family's choice where several lieux answer for the commune (ING-6).
    lieu_voulu = models.ForeignKey("conventions.Lieu", models.PROTECT, related_name="+", db_index=False, null=True)
    # One sending of the form, so that a double click makes one demande (DEM-6).
    nonce = models.CharField(max_length=40, null=True, editable=False)
    # How often its private link was replaced: the address that had the former one was corrected (DEM-4.c).
    rang_lien = models.PositiveSmallIntegerField("rang du lien", default=0, db_default=0, editable=False)
    # In which it was made, and its mails are (DEM-9.b).
    langue = models.CharField("langue", max_length=10, choices=languages.choices, default=languages.SOURCE)
    deposee_le = models.DateTimeField("déposée le")
    modifiee_le = models.DateTimeField("modifiée le", null=True)
    received_at = models.DateTimeField("reçue le")
    # The fifteenth day of its present lieu, from the moment that it was told (NOT-3): what lists are in the order of.
    pick_up_day = models.DateField("quinzième jour", null=True)
    last_day = models.DateField("dernier jour de conservation")
    creche_collective = models.BooleanField("crèche collective", default=False)
    assistante_maternelle = models.BooleanField("assistante maternelle", default=False)
    garde_a_domicile = models.BooleanField("garde à domicile", default=False)
    closed_at = models.DateTimeField("traitée le", null=True)
    destroyed_at = models.DateTimeField("détruite le", null=True)

    # What the pages of a lieu show of it, worked out by their views; no columns.
    contenu: Contenu | None = None
    delai: Delay | None = None
    echeance = ""

    class Meta:
        verbose_name = "demande"
        constraints = [
            models.UniqueConstraint(fields=["source", "reference"], name="a_reference_is_one_demande"),
            # DEM-6. Deliveries have none, and pay for no index of it.
            models.UniqueConstraint(
                fields=["nonce"], condition=Q(nonce__isnull=False), name="a_sending_is_one_demande"
            ),
            # DEM-5: a demande that waits has no lieu, one that was transmitted has one.
            models.CheckConstraint(
                condition=Q(state=Etat.A_ORIENTER, lieu=None)
                | Q(state__in=AT_A_LIEU, lieu__isnull=False)
                | Q(state__in=[Etat.PURGEE, Etat.RETIREE]),
                name="lieu_follows_state",
            ),
        ]
        indexes = [
            # A lieu's list is counted, filtered and put in order in here, without its rows.
            models.Index(
                fields=["lieu", "state", "pick_up_day", "last_day", "reference", "id"],
                condition=Q(state__in=AT_A_LIEU),
                name="demandes_of_lieu",
            ),
            models.Index(fields=["pick_up_day"], condition=Q(state=Etat.TRANSMISE), name="demandes_to_pick_up"),
            # Counted by state, and by lieu for the choices of a list, without its rows.
            models.Index(fields=["caf", "state", "lieu"], name="demandes_of_caf"),
            models.Index(fields=["caf", "id"], name="demandes_of_caf_in_order"),
            models.Index(fields=["last_day", "id"], condition=Q(state__in=sorted(ALIVE)), name="demandes_to_destroy"),
            models.Index(fields=["last_day"], condition=Q(state=Etat.PURGEE), name="demandes_destroyed"),
            models.Index(fields=["livraison"], condition=Q(state=Etat.A_ORIENTER), name="demandes_to_transmit"),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def journal_caf(self) -> str:
        """The Caf under which the journal files what concerns this row."""
        return self.caf_id

    @property
    def pick_up_by(self) -> date | None:
        """NOT-3, NOT-4.g: the last day for its lieu to pick it up; None while the lieu has not been told."""
        return min(self.pick_up_day, self.last_day) if self.pick_up_day else None

    def delay(self, now: datetime) -> Delay | None:
        """Where its lieu stands in its fifteen days; None when nothing is to be picked up, or nobody was told yet."""
        if self.state != Etat.TRANSMISE or self.pick_up_by is None:
            return None
        return Delay(self.pick_up_by, day_at(now, self.caf_id))

    @property
    def jusque(self) -> str:
        """NOT-4.i: `pick_up_by` in words, overseas with both times."""
        by = self.pick_up_by
        return until(by, self.caf_id, at_paris=by == self.last_day) if by else ""

    @property
    def modes(self) -> list[str]:
        """The modes of care wanted, as the schema names them."""
        return [mode.replace("_", "-") for mode in MODES if getattr(self, mode)]


MODES = ("creche_collective", "assistante_maternelle", "garde_a_domicile")


class Attribution(models.Model):
    """A demande at a lieu, from its transmission to its end there: what that lieu received and answers for (CNS-3)."""

    class Donnees:
        famille = ()
        professionnel = ("picked_up_by",)
        neutre = (
            "id",
            "demande",
            "lieu",
            "transmission",
            "transmitted_at",
            "picked_up_at",
            "seen_at",
            "ended_at",
            "fin",
            "motif",
            "attest_from",
            "contacted_at",
            "answered_at",
            "issue",
            "atypique",
            "urgente",
            "accessibilite",
        )

    demande = models.ForeignKey(Demande, models.PROTECT, related_name="attributions")
    lieu = models.ForeignKey("conventions.Lieu", models.PROTECT, related_name="+", db_index=False)
    transmission = models.ForeignKey(Transmission, models.PROTECT, related_name="+", db_index=False)
    transmitted_at = models.DateTimeField("transmise le")
    picked_up_at = models.DateTimeField("récupérée le", null=True)
    picked_up_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        db_index=False,
        null=True,
        verbose_name="récupérée par",
    )
    # Its last access there, a name in a list included (ACC-2); `Remise` has them all, for a year.
    seen_at = models.DateTimeField("consultée en dernier le", null=True)
    ended_at = models.DateTimeField("partie le", null=True)
    fin = models.CharField("fin", max_length=20, choices=Fin, blank=True)
    # Why an agent took it from a lieu that had it in time.
    motif = models.CharField("motif", max_length=20, choices=Motif, blank=True)
    # SUI-1: what its lieu did of it. Neutral, so that its figures outlive the dossier. With defaults of the database:
    # a transmission inserts the columns that it knows (`bulk.insert_values`).
    contacted_at = models.DateTimeField("famille jointe le", null=True)
    answered_at = models.DateTimeField("réponse donnée le", null=True)
    issue = models.CharField("issue", max_length=24, choices=Issue, blank=True, db_default="")
    # Traits of a need that was not met (SUI-1.f), set with that outcome only.
    atypique = models.BooleanField("horaires atypiques", default=False, db_default=False)
    urgente = models.BooleanField("besoin urgent", default=False, db_default=False)
    accessibilite = models.BooleanField("besoin d’accessibilité", default=False, db_default=False)
    # The day from which its lieu owes an attestation of it; empty again once that has its line (CNS-3).
    attest_from = models.DateField("à attester à partir du", null=True)

    class Meta:
        verbose_name = "attribution"
        ordering = ["pk"]
        constraints = [
            # DEM-5.a
            models.UniqueConstraint(fields=["demande"], condition=Q(ended_at=None), name="one_lieu_at_a_time"),
            models.CheckConstraint(
                condition=Q(ended_at=None, fin="") | (Q(ended_at__isnull=False) & ~Q(fin="")),
                name="an_end_says_which",
            ),
            # SUI-1.d: an answer says which; SUI-1.f: only an unmet need has traits.
            models.CheckConstraint(
                condition=Q(answered_at=None, issue="") | (Q(answered_at__isnull=False) & ~Q(issue="")),
                name="an_answer_says_which",
            ),
            models.CheckConstraint(
                condition=Q(issue=Issue.SANS_SOLUTION) | Q(atypique=False, urgente=False, accessibilite=False),
                name="traits_of_an_unmet_need",
            ),
        ]
        indexes = [
            # What a lieu received over a year (SUI-2).
            models.Index(fields=["lieu", "transmitted_at"], name="attributions_of_lieu"),
            models.Index(fields=["lieu", "id"], condition=Q(fin__in=LEFT), name="attributions_left"),
            models.Index(fields=["lieu", "id"], condition=Q(attest_from__isnull=False), name="attributions_to_attest"),
            models.Index(
                fields=["lieu", "answered_at"], condition=Q(issue=Issue.SANS_SOLUTION), name="attributions_unmet"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.demande_id} {self.lieu}"
