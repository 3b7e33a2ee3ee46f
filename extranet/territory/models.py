"""Reference data (communes, EPCI, départements, Cafs) and the agents of the Cafs."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q


@models.CharField.register_lookup
class Prefix(models.Lookup):
    """`column__prefix="abc"` through the index on both engines. For normalised texts only: no wildcard in the value."""

    lookup_name = "prefix"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        column, column_params = self.process_lhs(compiler, connection)
        operator, wildcard = ("GLOB", "*") if connection.vendor == "sqlite" else ("LIKE", "%")
        return f"{column} {operator} %s", (*column_params, f"{self.rhs}{wildcard}")


SILENCE = (
    "Si la Caf ne vous a pas répondu dans les deux mois qui suivent la date de réception, votre demande est considérée "
    "comme refusée. Vous pouvez alors lui demander pourquoi. Rien n’est accepté sans une réponse écrite de la Caf."
)
RECOURS = (
    "Vous pouvez contester cette décision dans les deux mois qui suivent le jour où vous la recevez :\n"
    "- en demandant à la Caf de la revoir, par un courrier ;\n"
    "- ou en saisissant le tribunal.\n"
    "Si vous demandez d’abord à la Caf de la revoir, vous avez de nouveau deux mois pour saisir le tribunal : à partir "
    "de sa réponse ou, si elle ne répond pas, de la fin des deux mois qui suivent votre courrier."
)


class Caf(models.Model):
    """A departmental fund (or the CSS of Mayotte). Its address, mailbox, telephone, texts and director are its own."""

    class Donnees:
        famille = ()
        professionnel = (
            "courriel_generique",
            "telephone",
            "directeur_civilite",
            "directeur_nom",
            "directeur_prenom",
            "directeur_qualite",
        )
        neutre = (
            "code",
            "nom",
            "type",
            "siege",
            "service",
            "adresse",
            "silence",
            "recours",
            "tribunal",
            "quatre_yeux",
            "premier_rappel",
            "second_rappel",
            "second_facteur",
        )

    class Type(models.TextChoices):
        CAF = "caf", "caisse d’allocations familiales"
        CSSM = "cssm", "caisse de sécurité sociale de Mayotte"

    class Civilite(models.TextChoices):
        MADAME = "Mme", "Madame"
        MONSIEUR = "M.", "Monsieur"

    code = models.CharField("code", primary_key=True, max_length=10)
    nom = models.CharField("nom", max_length=80)
    type = models.CharField("type", max_length=4, choices=Type)
    siege = models.CharField("commune du siège", max_length=60, blank=True)
    service = models.CharField("service chargé des lieux d’information", max_length=120, blank=True)
    adresse = models.TextField("adresse postale", max_length=300, blank=True)
    telephone = models.CharField("téléphone", max_length=20, blank=True)
    courriel_generique = models.EmailField("boîte aux lettres du service", blank=True)
    # HAB-3.e, HAB-6.f: what a lieu is told of silence, of remedies and of the court, in the words of the Caf.
    silence = models.TextField("ce que signifie l’absence de réponse", max_length=1000, default=SILENCE)
    recours = models.TextField("voies et délais de recours", max_length=2000, default=RECOURS)
    tribunal = models.TextField("tribunal compétent", max_length=300, blank=True)
    # CON-2: who signs conventions for the Caf; all four, or none.
    directeur_civilite = models.CharField("civilité de la direction", max_length=3, choices=Civilite, blank=True)
    directeur_nom = models.CharField("nom de la direction", max_length=100, blank=True)
    directeur_prenom = models.CharField("prénom de la direction", max_length=100, blank=True)
    directeur_qualite = models.CharField("qualité de la direction", max_length=150, blank=True)
    # ACT-1.c: who accepted a lieu does not open its accesses.
    quatre_yeux = models.BooleanField("deux agents pour accepter et pour ouvrir les accès", default=True)
    # NOT-4.b: days of the fifteen, after the notification.
    premier_rappel = models.PositiveSmallIntegerField("jour du premier rappel", default=7)
    second_rappel = models.PositiveSmallIntegerField("jour du second rappel", default=12, null=True)
    # ACC-4.c: asked of all persons of the Caf's lieux.
    second_facteur = models.BooleanField("second facteur exigé des lieux", default=False)

    class Meta:
        verbose_name = "Caf"
        verbose_name_plural = "Caf"
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(directeur_civilite="", directeur_nom="", directeur_prenom="", directeur_qualite="")
                | ~(Q(directeur_civilite="") | Q(directeur_nom="") | Q(directeur_prenom="") | Q(directeur_qualite="")),
                name="a_director_is_named_whole",
            ),
            models.CheckConstraint(
                condition=Q(premier_rappel__gte=1, premier_rappel__lte=14)
                & (Q(second_rappel=None) | Q(second_rappel__gt=models.F("premier_rappel"), second_rappel__lte=14)),
                name="reminders_within_the_fifteen_days",
            ),
        ]

    def __str__(self) -> str:
        return self.nom

    @property
    def journal_caf(self) -> str:
        return self.pk

    @property
    def lignes_adresse(self) -> list[str]:
        """Its postal address, as an envelope has it."""
        return [line.strip() for line in self.adresse.splitlines() if line.strip()]

    @property
    def directeur(self) -> str:
        """« Madame Claire Dubois », as papers name who directs the Caf; empty while nobody is named."""
        if not self.directeur_nom:
            return ""
        return f"{self.get_directeur_civilite_display()} {self.directeur_prenom} {self.directeur_nom}"


class Departement(models.Model):
    """A département, or an overseas collectivity in the same list of codes."""

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("code", "nom", "nom_avec_de", "region", "caf")

    code = models.CharField("code", primary_key=True, max_length=3)
    nom = models.CharField("nom", max_length=60)
    nom_avec_de = models.CharField("nom avec article", max_length=70)
    region = models.CharField("région", max_length=60)
    caf = models.ForeignKey(
        Caf, verbose_name="Caf", null=True, blank=True, on_delete=models.PROTECT, related_name="departements"
    )

    class Meta:
        verbose_name = "département"
        verbose_name_plural = "départements"
        ordering = ["code"]

    def __str__(self) -> str:
        return f"{self.nom} ({self.code})"


class Epci(models.Model):
    """A group of communes. The EPT of Greater Paris overlap its métropole, without taxation of their own."""

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("siren", "nom", "nom_recherche", "type", "fiscalite_propre", "actuel")

    class Type(models.TextChoices):
        CC = "CC", "communauté de communes"
        CA = "CA", "communauté d’agglomération"
        CU = "CU", "communauté urbaine"
        METRO = "METRO", "métropole"
        MET69 = "MET69", "métropole de Lyon"
        EPT = "EPT", "établissement public territorial"

    siren = models.CharField("SIREN", primary_key=True, max_length=9)
    nom = models.CharField("nom", max_length=100)
    nom_recherche = models.CharField("nom pour la recherche", max_length=100)
    type = models.CharField("type", max_length=5, choices=Type)
    fiscalite_propre = models.BooleanField("à fiscalité propre")
    actuel = models.BooleanField("existe encore", default=True)

    class Meta:
        verbose_name = "EPCI"
        verbose_name_plural = "EPCI"
        ordering = ["nom_recherche", "siren"]

    def __str__(self) -> str:
        return self.nom


class Commune(models.Model):
    """A commune or municipal arrondissement of today, or (`actuelle` false) one that history still points at."""

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = (
            "code_insee",
            "nom",
            "nom_recherche",
            "departement",
            "caf",
            "population",
            "type",
            "parente",
            "epci",
            "ept",
            "longitude",
            "latitude",
            "actuelle",
        )

    class Type(models.TextChoices):
        COMMUNE = "commune", "commune"
        ARRONDISSEMENT = "arrondissement", "arrondissement municipal"

    code_insee = models.CharField("code Insee", primary_key=True, max_length=5)
    nom = models.CharField("nom", max_length=60)
    nom_recherche = models.CharField("nom pour la recherche", max_length=60, db_index=True)
    departement = models.ForeignKey(
        Departement, verbose_name="département", on_delete=models.PROTECT, related_name="communes"
    )
    caf = models.ForeignKey(
        Caf, verbose_name="Caf", null=True, blank=True, on_delete=models.PROTECT, related_name="communes"
    )
    population = models.PositiveIntegerField("population", default=0)
    type = models.CharField("type", max_length=14, choices=Type)
    parente = models.ForeignKey(
        "self",
        verbose_name="commune de l’arrondissement",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="arrondissements",
    )
    epci = models.ForeignKey(
        Epci, verbose_name="EPCI", null=True, blank=True, on_delete=models.PROTECT, related_name="communes"
    )
    ept = models.ForeignKey(
        Epci,
        verbose_name="établissement public territorial",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="communes_ept",
    )
    # The middle of its contour, where there is one; an arrondissement has that of its town (DEM-2.c).
    longitude = models.FloatField("longitude", null=True)
    latitude = models.FloatField("latitude", null=True)
    actuelle = models.BooleanField("existe encore", default=True)

    class Meta:
        verbose_name = "commune"
        verbose_name_plural = "communes"
        ordering = ["nom_recherche", "code_insee"]

    def __str__(self) -> str:
        return f"{self.nom} ({self.departement_id})"

    @property
    def ville(self) -> "Commune":
        """The commune itself, or the city of an arrondissement: who has its duties by law (DEM-2.c)."""
        return self.parente or self

    @property
    def groupement(self) -> "Epci | None":
        """What it may have handed these duties to: its group, in Greater Paris its EPT."""
        return self.ville.ept or self.ville.epci

    @property
    def informs_by_law(self) -> bool:
        """DEM-2.c: CASF L. 214-1-3 is the law of metropolitan communes and of the five overseas départements."""
        return len(self.departement_id) == 2 or self.departement_id in ("971", "972", "973", "974", "976")


class CodePostal(models.Model):
    """One postal code of one commune. Neither side is unique: never a key."""

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("id", "code", "commune")

    code = models.CharField("code postal", max_length=5)
    commune = models.ForeignKey(Commune, verbose_name="commune", on_delete=models.CASCADE, related_name="codes_postaux")

    class Meta:
        verbose_name = "code postal"
        verbose_name_plural = "codes postaux"
        ordering = ["code"]
        constraints = [models.UniqueConstraint(fields=["code", "commune"], name="postal_code_once_a_commune")]
        indexes = [
            # Prefix search: LIKE uses the pattern index on PostgreSQL, GLOB the constraint's own on SQLite.
            models.Index(fields=["code"], name="code_postal_prefix", opclasses=["varchar_pattern_ops"]),
        ]

    def __str__(self) -> str:
        return self.code


class AncienneCommune(models.Model):
    """A code or a name of the past (merged, déléguée, associée), and the commune of today. Some have no known name."""

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("code_ancien", "nom", "nom_recherche", "type", "commune")

    class Type(models.TextChoices):
        DELEGUEE = "commune-deleguee", "commune déléguée"
        ASSOCIEE = "commune-associee", "commune associée"
        ANCIEN_CODE = "ancien-code", "ancien code"

    code_ancien = models.CharField("ancien code", primary_key=True, max_length=5)
    nom = models.CharField("ancien nom", max_length=60, blank=True)
    nom_recherche = models.CharField("nom pour la recherche", max_length=60, blank=True, db_index=True)
    type = models.CharField("type", max_length=16, choices=Type)
    commune = models.ForeignKey(
        Commune, verbose_name="commune actuelle", on_delete=models.CASCADE, related_name="anciennes"
    )

    class Meta:
        verbose_name = "ancienne commune"
        verbose_name_plural = "anciennes communes"
        ordering = ["code_ancien"]

    def __str__(self) -> str:
        return self.nom or self.code_ancien


class NomCherche(models.Model):
    """The index of the search by name: each present or former name of a commune, from each of its words on."""

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("id", "cle", "debut", "commune", "ancien_nom")

    cle = models.CharField("nom à partir d’un de ses mots", max_length=60)
    debut = models.BooleanField("nom entier")
    commune = models.ForeignKey(Commune, verbose_name="commune", on_delete=models.CASCADE, related_name="+")
    ancien_nom = models.CharField("ancien nom", max_length=60, blank=True)

    class Meta:
        verbose_name = "nom de commune cherché"
        verbose_name_plural = "noms de commune cherchés"
        indexes = [
            # LIKE uses the first on PostgreSQL, GLOB the second on SQLite.
            models.Index(fields=["cle"], name="nom_cherche_prefix", opclasses=["varchar_pattern_ops"]),
            models.Index(fields=["cle"], name="nom_cherche"),
        ]

    def __str__(self) -> str:
        return self.cle


class Vintage(models.Model):
    """One row: which version of the files and of the loader the tables hold, so that loading again costs nothing."""

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("id", "digest", "loaded_at")

    digest = models.CharField("empreinte", max_length=64)
    loaded_at = models.DateTimeField("chargé le")

    class Meta:
        verbose_name = "version des données de référence"
        verbose_name_plural = "version des données de référence"

    def __str__(self) -> str:
        return self.digest


class Agent(models.Model):
    """What a user of the back office is: an agent of one Caf with a role, or the Cnaf's staff."""

    class Donnees:
        famille = ()
        professionnel = ("user", "caf", "role", "dpo")
        neutre = ("id", "uuid")

    class Role(models.TextChoices):
        INSTRUCTEUR = "instructeur", "instructeur"
        LECTEUR = "lecteur", "lecteur"
        SUPERVISEUR = "superviseur", "superviseur"
        CNAF = "cnaf", "Cnaf"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, verbose_name="compte", on_delete=models.PROTECT, related_name="+"
    )
    caf = models.ForeignKey(
        Caf, verbose_name="Caf", null=True, blank=True, on_delete=models.PROTECT, related_name="agents"
    )
    role = models.CharField("rôle", max_length=12, choices=Role)
    # ACC-2.g: may read the record of accesses of its Caf, whatever its role.
    dpo = models.BooleanField("délégué à la protection des données", default=False)

    class Meta:
        verbose_name = "agent"
        verbose_name_plural = "agents"
        ordering = ["caf", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(role="cnaf", caf=None) | (~Q(role="cnaf") & Q(caf__isnull=False)),
                name="only_cnaf_has_no_caf",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.caf or 'Cnaf'})"

    @property
    def journal_caf(self) -> str:
        return self.caf_id or ""
