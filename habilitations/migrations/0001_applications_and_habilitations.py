import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("conventions", "0001_register"),
        ("territory", "0001_reference_data_and_agents"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PersonneAActiver",
            fields=[],
            options={
                "verbose_name": "personne à activer",
                "verbose_name_plural": "personnes à activer",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("conventions.personneinscrite",),
        ),
        migrations.CreateModel(
            name="DemandeHabilitation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("reference", models.CharField(max_length=20, unique=True, verbose_name="référence")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("deposee", "à examiner"),
                            ("complement", "complément demandé"),
                            ("acceptee", "acceptée"),
                            ("refusee", "refusée"),
                        ],
                        default="deposee",
                        editable=False,
                        max_length=20,
                        verbose_name="état",
                    ),
                ),
                ("submitted_at", models.DateTimeField(verbose_name="reçue le")),
                ("decided_at", models.DateTimeField(null=True, verbose_name="décidée le")),
                ("motif", models.TextField(blank=True, verbose_name="motif")),
                (
                    "caf",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="territory.caf",
                        verbose_name="Caf",
                    ),
                ),
                (
                    "convention",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="conventions.convention",
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="décidée par",
                    ),
                ),
            ],
            options={
                "verbose_name": "demande d’habilitation",
                "verbose_name_plural": "demandes d’habilitation",
            },
        ),
        migrations.CreateModel(
            name="Habilitation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("activated_at", models.DateTimeField(verbose_name="activée le")),
                (
                    "activated_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "personne",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="conventions.personne"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="compte",
                    ),
                ),
            ],
            options={
                "verbose_name": "habilitation",
            },
        ),
        migrations.CreateModel(
            name="SuspensionHabilitation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("from_at", models.DateTimeField(verbose_name="depuis le")),
                ("reason", models.CharField(max_length=300, verbose_name="motif")),
                ("until_at", models.DateTimeField(null=True, verbose_name="jusqu’au")),
                (
                    "habilitation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="suspensions",
                        to="habilitations.habilitation",
                    ),
                ),
                (
                    "lifted_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="levée par",
                    ),
                ),
                (
                    "suspended_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="suspendue par",
                    ),
                ),
            ],
            options={
                "verbose_name": "suspension d’une personne",
                "verbose_name_plural": "suspensions de personnes",
            },
        ),
        migrations.CreateModel(
            name="TransfertDemande",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("motif", models.TextField(verbose_name="motif")),
                ("transferred_at", models.DateTimeField(verbose_name="transférée le")),
                (
                    "demande",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="transferts",
                        to="habilitations.demandehabilitation",
                    ),
                ),
                (
                    "from_caf",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="territory.caf",
                        verbose_name="Caf d’origine",
                    ),
                ),
                (
                    "to_caf",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="territory.caf",
                        verbose_name="nouvelle Caf",
                    ),
                ),
                (
                    "transferred_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="transférée par",
                    ),
                ),
            ],
            options={
                "verbose_name": "transfert d’une demande d’habilitation",
                "verbose_name_plural": "transferts de demandes d’habilitation",
            },
        ),
        migrations.CreateModel(
            name="VersionDemande",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("numero", models.PositiveSmallIntegerField(verbose_name="numéro")),
                (
                    "nonce",
                    models.CharField(
                        help_text="un envoi répété ne fait qu’une version",
                        max_length=40,
                        unique=True,
                        verbose_name="envoi",
                    ),
                ),
                ("sent_at", models.DateTimeField(verbose_name="envoyée le")),
                ("lieu_nom", models.CharField(max_length=200, verbose_name="nom du lieu")),
                (
                    "lieu_nature",
                    models.CharField(
                        choices=[
                            ("rpe", "relais petite enfance"),
                            ("guichet-unique", "guichet unique"),
                            ("point-info", "point d’information petite enfance"),
                            ("autre", "autre service"),
                        ],
                        max_length=20,
                        verbose_name="nature du lieu",
                    ),
                ),
                ("lieu_adresse", models.CharField(max_length=200, verbose_name="adresse")),
                ("lieu_code_postal", models.CharField(max_length=5, verbose_name="code postal")),
                ("lieu_ville", models.CharField(max_length=100, verbose_name="ville")),
                ("lieu_telephone", models.CharField(max_length=20, verbose_name="téléphone")),
                ("lieu_courriel", models.EmailField(max_length=254, verbose_name="courriel du lieu")),
                ("lieu_site", models.URLField(blank=True, verbose_name="site internet")),
                ("gestionnaire_nom", models.CharField(max_length=200, verbose_name="raison sociale du gestionnaire")),
                (
                    "gestionnaire_nature",
                    models.CharField(
                        choices=[
                            ("commune", "commune"),
                            ("epci", "intercommunalité"),
                            ("ccas", "centre communal ou intercommunal d’action sociale"),
                            ("association", "association"),
                            ("mutuelle", "mutuelle"),
                            ("autre", "autre organisme"),
                        ],
                        max_length=20,
                        verbose_name="nature du gestionnaire",
                    ),
                ),
                ("gestionnaire_siren", models.CharField(max_length=9, verbose_name="SIREN")),
                ("gestionnaire_adresse", models.CharField(max_length=200, verbose_name="adresse du siège")),
                ("gestionnaire_code_postal", models.CharField(max_length=5, verbose_name="code postal du siège")),
                ("gestionnaire_ville", models.CharField(max_length=100, verbose_name="ville du siège")),
                (
                    "representant_civilite",
                    models.CharField(
                        choices=[("Mme", "Madame"), ("M.", "Monsieur")],
                        max_length=3,
                        verbose_name="civilité du représentant légal",
                    ),
                ),
                ("representant_nom", models.CharField(max_length=100, verbose_name="nom du représentant légal")),
                ("representant_prenom", models.CharField(max_length=100, verbose_name="prénom du représentant légal")),
                (
                    "representant_qualite",
                    models.CharField(max_length=150, verbose_name="qualité du représentant légal"),
                ),
                (
                    "demande",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="habilitations.demandehabilitation",
                    ),
                ),
            ],
            options={
                "verbose_name": "version d’une demande d’habilitation",
                "verbose_name_plural": "versions d’une demande d’habilitation",
            },
        ),
        migrations.CreateModel(
            name="PersonneDemandee",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "civilite",
                    models.CharField(
                        choices=[("Mme", "Madame"), ("M.", "Monsieur")], max_length=3, verbose_name="civilité"
                    ),
                ),
                ("nom", models.CharField(max_length=100, verbose_name="nom")),
                ("prenom", models.CharField(max_length=100, verbose_name="prénom")),
                ("courriel", models.EmailField(max_length=254, verbose_name="courriel")),
                ("service", models.CharField(max_length=150, verbose_name="service")),
                ("fonction", models.CharField(max_length=150, verbose_name="fonction")),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="personnes",
                        to="habilitations.versiondemande",
                    ),
                ),
            ],
            options={
                "verbose_name": "personne à habiliter",
                "verbose_name_plural": "personnes à habiliter",
            },
        ),
        migrations.AddField(
            model_name="demandehabilitation",
            name="version",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="+",
                to="habilitations.versiondemande",
                verbose_name="dernière version",
            ),
        ),
        migrations.CreateModel(
            name="Complement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("texte", models.TextField(verbose_name="ce que la Caf demande")),
                ("asked_at", models.DateTimeField(verbose_name="demandé le")),
                ("closed_at", models.DateTimeField(null=True, verbose_name="clos le")),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="demandé par",
                    ),
                ),
                (
                    "demande",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="complements",
                        to="habilitations.demandehabilitation",
                    ),
                ),
                (
                    "version",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.RESTRICT,
                        related_name="complement",
                        to="habilitations.versiondemande",
                        verbose_name="version reçue en réponse",
                    ),
                ),
            ],
            options={
                "verbose_name": "complément demandé",
                "verbose_name_plural": "compléments demandés",
            },
        ),
        migrations.CreateModel(
            name="CommuneDemandee",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "commune",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="territory.commune"
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="communes",
                        to="habilitations.versiondemande",
                    ),
                ),
            ],
            options={
                "verbose_name": "commune demandée",
                "verbose_name_plural": "communes demandées",
            },
        ),
        migrations.AddConstraint(
            model_name="habilitation",
            constraint=models.UniqueConstraint(fields=("user", "personne"), name="one_habilitation_a_person"),
        ),
        migrations.AddConstraint(
            model_name="suspensionhabilitation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("lifted_by", None), ("until_at", None)),
                    ("until_at__gte", models.F("from_at")),
                    _connector="OR",
                ),
                name="suspensionhabilitation_lifted_after_its_start",
            ),
        ),
        migrations.AddConstraint(
            model_name="suspensionhabilitation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("until_at", None)),
                fields=("habilitation",),
                name="one_open_suspension_a_habilitation",
            ),
        ),
        migrations.AddConstraint(
            model_name="versiondemande",
            constraint=models.UniqueConstraint(fields=("demande", "numero"), name="a_version_numbered_once"),
        ),
        migrations.AddConstraint(
            model_name="versiondemande",
            constraint=models.CheckConstraint(
                condition=models.Q(("numero__gte", 1)), name="versions_numbered_from_one"
            ),
        ),
        migrations.AddConstraint(
            model_name="personnedemandee",
            constraint=models.UniqueConstraint(fields=("version", "courriel"), name="an_address_named_once"),
        ),
        migrations.AddIndex(
            model_name="demandehabilitation",
            index=models.Index(fields=["caf", "state", "submitted_at"], name="applications_of_caf"),
        ),
        migrations.AddConstraint(
            model_name="complement",
            constraint=models.UniqueConstraint(
                condition=models.Q(("closed_at", None)), fields=("demande",), name="one_open_complement"
            ),
        ),
        migrations.AddConstraint(
            model_name="complement",
            constraint=models.CheckConstraint(
                condition=models.Q(("version", None), ("closed_at__isnull", False), _connector="OR"),
                name="an_answered_complement_is_closed",
            ),
        ),
        migrations.AddConstraint(
            model_name="communedemandee",
            constraint=models.UniqueConstraint(fields=("version", "commune"), name="a_commune_asked_once"),
        ),
    ]
