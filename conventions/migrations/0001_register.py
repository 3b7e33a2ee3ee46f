import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("documents", "0001_stored_files"),
        ("territory", "0001_reference_data_and_agents"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Convention",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("numero", models.CharField(max_length=30, unique=True, verbose_name="numéro")),
                (
                    "state",
                    models.CharField(
                        choices=[("preparation", "en préparation"), ("signee", "signée"), ("abandonnee", "abandonnée")],
                        default="preparation",
                        editable=False,
                        max_length=20,
                        verbose_name="état",
                    ),
                ),
                ("created_at", models.DateTimeField(verbose_name="préparée le")),
                ("in_force_from", models.DateField(null=True, verbose_name="prise d’effet")),
                ("ended_on", models.DateField(null=True, verbose_name="dernier jour")),
                (
                    "motif_abandon",
                    models.CharField(blank=True, default="", max_length=300, verbose_name="motif de l’abandon"),
                ),
                (
                    "accepted_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="acceptée par",
                    ),
                ),
            ],
            options={
                "verbose_name": "convention",
            },
        ),
        migrations.CreateModel(
            name="Acte",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "nature",
                    models.CharField(
                        choices=[("convention", "convention"), ("avenant", "avenant")],
                        max_length=20,
                        verbose_name="nature",
                    ),
                ),
                ("rang", models.PositiveSmallIntegerField(default=0, verbose_name="rang")),
                (
                    "state",
                    models.CharField(
                        choices=[("prepare", "préparé"), ("applique", "appliqué"), ("abandonne", "abandonné")],
                        default="prepare",
                        editable=False,
                        max_length=20,
                        verbose_name="état",
                    ),
                ),
                ("prepared_at", models.DateTimeField(verbose_name="préparé le")),
                ("effective_on", models.DateField(null=True, verbose_name="prise d’effet")),
                (
                    "deliberation_nature",
                    models.CharField(blank=True, max_length=30, verbose_name="acte autorisant la signature"),
                ),
                ("deliberation_numero", models.CharField(blank=True, max_length=50, verbose_name="numéro")),
                ("deliberation_on", models.DateField(null=True, verbose_name="date de l’acte")),
                ("deliberation_received_on", models.DateField(null=True, verbose_name="reçu par la préfecture le")),
                (
                    "prepared_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="préparé par",
                    ),
                ),
                (
                    "convention",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="actes", to="conventions.convention"
                    ),
                ),
            ],
            options={
                "verbose_name": "acte",
            },
        ),
        migrations.CreateModel(
            name="Courrier",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "partie",
                    models.CharField(
                        choices=[("gestionnaire", "gestionnaire"), ("caf", "Caf")],
                        max_length=20,
                        verbose_name="envoyé par",
                    ),
                ),
                (
                    "numero",
                    models.CharField(max_length=40, unique=True, verbose_name="numéro de la lettre recommandée"),
                ),
                ("posted_on", models.DateField(verbose_name="postée le")),
                ("presented_on", models.DateField(null=True, verbose_name="présentée le")),
                ("delivered_on", models.DateField(null=True, verbose_name="remise le")),
                (
                    "issue",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("remise", "remise contre signature"),
                            ("refusee", "refusée"),
                            ("non-reclamee", "non réclamée"),
                            ("retournee", "retournée pour une autre raison"),
                        ],
                        max_length=20,
                        verbose_name="issue",
                    ),
                ),
                ("recorded_at", models.DateTimeField(verbose_name="enregistrée le")),
                (
                    "convention",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="courriers",
                        to="conventions.convention",
                    ),
                ),
                (
                    "recorded_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "scan",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="documents.storedfile",
                    ),
                ),
            ],
            options={
                "verbose_name": "lettre recommandée",
                "verbose_name_plural": "lettres recommandées",
            },
        ),
        migrations.CreateModel(
            name="Gestionnaire",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("nom", models.CharField(max_length=200, verbose_name="raison sociale")),
                (
                    "nature",
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
                        verbose_name="nature",
                    ),
                ),
                ("siren", models.CharField(max_length=9, verbose_name="SIREN")),
                ("adresse", models.CharField(max_length=200, verbose_name="adresse du siège")),
                ("code_postal", models.CharField(max_length=5, verbose_name="code postal")),
                ("ville", models.CharField(max_length=100, verbose_name="ville")),
                ("courriel", models.EmailField(blank=True, max_length=254, verbose_name="courriel")),
                ("telephone", models.CharField(blank=True, max_length=20, verbose_name="téléphone")),
                (
                    "courriel_registre",
                    models.EmailField(
                        blank=True, max_length=254, verbose_name="courriel officiel (registre public ou acte signé)"
                    ),
                ),
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
                    "caf",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="territory.caf"
                    ),
                ),
            ],
            options={
                "verbose_name": "gestionnaire",
            },
        ),
        migrations.AddField(
            model_name="convention",
            name="gestionnaire",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="conventions", to="conventions.gestionnaire"
            ),
        ),
        migrations.CreateModel(
            name="IdentiteGestionnaire",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("from_on", models.DateField(verbose_name="depuis le")),
                ("until_on", models.DateField(null=True, verbose_name="jusqu’au")),
                ("source", models.CharField(blank=True, max_length=200, verbose_name="source")),
                ("recorded_at", models.DateTimeField(verbose_name="enregistrée le")),
                ("nom", models.CharField(max_length=200, verbose_name="raison sociale")),
                (
                    "nature",
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
                        verbose_name="nature",
                    ),
                ),
                ("adresse", models.CharField(max_length=200, verbose_name="adresse du siège")),
                ("code_postal", models.CharField(max_length=5, verbose_name="code postal")),
                ("ville", models.CharField(max_length=100, verbose_name="ville")),
                ("courriel", models.EmailField(blank=True, max_length=254, verbose_name="courriel")),
                ("telephone", models.CharField(blank=True, max_length=20, verbose_name="téléphone")),
                (
                    "courriel_registre",
                    models.EmailField(
                        blank=True, max_length=254, verbose_name="courriel officiel (registre public ou acte signé)"
                    ),
                ),
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
                    "gestionnaire",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="identites",
                        to="conventions.gestionnaire",
                    ),
                ),
                (
                    "opened_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="conventions.acte"
                    ),
                ),
                (
                    "recorded_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "identité d’un gestionnaire",
                "verbose_name_plural": "identités de gestionnaires",
            },
        ),
        migrations.CreateModel(
            name="Lieu",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("code", models.CharField(max_length=40, unique=True, verbose_name="code")),
                ("nom", models.CharField(max_length=200, verbose_name="nom")),
                (
                    "nature",
                    models.CharField(
                        choices=[
                            ("rpe", "relais petite enfance"),
                            ("guichet-unique", "guichet unique"),
                            ("point-info", "point d’information petite enfance"),
                            ("autre", "autre service"),
                        ],
                        max_length=20,
                        verbose_name="nature",
                    ),
                ),
                ("adresse", models.CharField(max_length=200, verbose_name="adresse")),
                ("code_postal", models.CharField(max_length=5, verbose_name="code postal")),
                ("ville", models.CharField(max_length=100, verbose_name="ville")),
                ("telephone", models.CharField(max_length=20, verbose_name="téléphone")),
                ("courriel", models.EmailField(max_length=254, verbose_name="courriel")),
                ("site", models.URLField(blank=True, verbose_name="site internet")),
                ("created_at", models.DateTimeField(verbose_name="créé le")),
                (
                    "caf",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="territory.caf"
                    ),
                ),
                (
                    "gestionnaire",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="lieux", to="conventions.gestionnaire"
                    ),
                ),
            ],
            options={
                "verbose_name": "lieu d’information",
                "verbose_name_plural": "lieux d’information",
                "ordering": ["nom", "pk"],
            },
        ),
        migrations.CreateModel(
            name="IdentiteLieu",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("from_on", models.DateField(verbose_name="depuis le")),
                ("until_on", models.DateField(null=True, verbose_name="jusqu’au")),
                ("source", models.CharField(blank=True, max_length=200, verbose_name="source")),
                ("recorded_at", models.DateTimeField(verbose_name="enregistrée le")),
                ("nom", models.CharField(max_length=200, verbose_name="nom")),
                (
                    "nature",
                    models.CharField(
                        choices=[
                            ("rpe", "relais petite enfance"),
                            ("guichet-unique", "guichet unique"),
                            ("point-info", "point d’information petite enfance"),
                            ("autre", "autre service"),
                        ],
                        max_length=20,
                        verbose_name="nature",
                    ),
                ),
                ("adresse", models.CharField(max_length=200, verbose_name="adresse")),
                ("code_postal", models.CharField(max_length=5, verbose_name="code postal")),
                ("ville", models.CharField(max_length=100, verbose_name="ville")),
                ("telephone", models.CharField(max_length=20, verbose_name="téléphone")),
                ("courriel", models.EmailField(max_length=254, verbose_name="courriel")),
                ("site", models.URLField(blank=True, verbose_name="site internet")),
                (
                    "opened_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="conventions.acte"
                    ),
                ),
                (
                    "recorded_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "lieu",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="identites", to="conventions.lieu"
                    ),
                ),
            ],
            options={
                "verbose_name": "identité d’un lieu",
                "verbose_name_plural": "identités de lieux",
            },
        ),
        migrations.CreateModel(
            name="Couverture",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("from_on", models.DateField(null=True, verbose_name="depuis le")),
                ("until_on", models.DateField(null=True, verbose_name="jusqu’au")),
                (
                    "closed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="%(class)ss_fermees",
                        to="conventions.acte",
                    ),
                ),
                (
                    "commune",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="territory.commune"
                    ),
                ),
                (
                    "opened_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="%(class)ss_ouvertes",
                        to="conventions.acte",
                    ),
                ),
                (
                    "lieu",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="couvertures", to="conventions.lieu"
                    ),
                ),
            ],
            options={
                "verbose_name": "commune couverte",
                "verbose_name_plural": "communes couvertes",
            },
        ),
        migrations.AddField(
            model_name="convention",
            name="lieu",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="conventions", to="conventions.lieu"
            ),
        ),
        migrations.CreateModel(
            name="Personne",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "lieu",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="personnes", to="conventions.lieu"
                    ),
                ),
            ],
            options={
                "verbose_name": "personne",
            },
        ),
        migrations.CreateModel(
            name="PersonneInscrite",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("from_on", models.DateField(null=True, verbose_name="depuis le")),
                ("until_on", models.DateField(null=True, verbose_name="jusqu’au")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
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
                    "closed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="%(class)ss_fermees",
                        to="conventions.acte",
                    ),
                ),
                (
                    "lieu",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="inscriptions", to="conventions.lieu"
                    ),
                ),
                (
                    "opened_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="%(class)ss_ouvertes",
                        to="conventions.acte",
                    ),
                ),
                (
                    "personne",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="inscriptions",
                        to="conventions.personne",
                    ),
                ),
            ],
            options={
                "verbose_name": "personne inscrite à l’annexe 1",
                "verbose_name_plural": "personnes inscrites à l’annexe 1",
            },
        ),
        migrations.CreateModel(
            name="Piece",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "nature",
                    models.CharField(
                        choices=[("convention", "convention"), ("avenant", "avenant"), ("annexe1", "annexe 1")],
                        max_length=20,
                        verbose_name="pièce",
                    ),
                ),
                ("text_version", models.CharField(max_length=20, verbose_name="version du texte")),
                ("pdf_sha256", models.CharField(blank=True, max_length=64, verbose_name="empreinte du PDF")),
                (
                    "acte",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="pieces", to="conventions.acte"
                    ),
                ),
                (
                    "pdf",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="documents.storedfile",
                    ),
                ),
            ],
            options={
                "verbose_name": "pièce",
            },
        ),
        migrations.CreateModel(
            name="Prestataire",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("nom", models.CharField(max_length=200, verbose_name="raison sociale")),
                ("signed_on", models.DateField(null=True, verbose_name="engagement signé le")),
                ("from_on", models.DateField(verbose_name="depuis le")),
                ("until_on", models.DateField(null=True, verbose_name="jusqu’au")),
                (
                    "engagement",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="documents.storedfile",
                    ),
                ),
                (
                    "lieu",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="prestataires", to="conventions.lieu"
                    ),
                ),
            ],
            options={
                "verbose_name": "prestataire",
            },
        ),
        migrations.CreateModel(
            name="DemandeEngagement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("asked_at", models.DateTimeField(verbose_name="demandé le")),
                ("due_on", models.DateField(verbose_name="attendu le")),
                ("answered_at", models.DateTimeField(null=True, verbose_name="reçu le")),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "prestataire",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="demandes_engagement",
                        to="conventions.prestataire",
                    ),
                ),
            ],
            options={
                "verbose_name": "demande d’engagement",
                "verbose_name_plural": "demandes d’engagement",
            },
        ),
        migrations.CreateModel(
            name="Resiliation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "nature",
                    models.CharField(
                        choices=[("anniversaire", "à l’échéance"), ("manquement", "pour manquement")],
                        max_length=20,
                        verbose_name="nature",
                    ),
                ),
                ("motif", models.TextField(blank=True, verbose_name="motif")),
                ("ends_on", models.DateField(verbose_name="dernier jour de la convention")),
                ("recorded_at", models.DateTimeField(verbose_name="enregistrée le")),
                ("decided_at", models.DateTimeField(null=True, verbose_name="décidée le")),
                ("decision", models.CharField(blank=True, max_length=500, verbose_name="raison de la décision")),
                ("withdrawn_on", models.DateField(null=True, verbose_name="retirée par les deux parties le")),
                (
                    "convention",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="resiliations",
                        to="conventions.convention",
                    ),
                ),
                (
                    "courrier",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="resiliation",
                        to="conventions.courrier",
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "recorded_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "withdrawal",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="documents.storedfile",
                    ),
                ),
            ],
            options={
                "verbose_name": "résiliation",
            },
        ),
        migrations.CreateModel(
            name="Signature",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "partie",
                    models.CharField(
                        choices=[("gestionnaire", "gestionnaire"), ("caf", "Caf")], max_length=20, verbose_name="partie"
                    ),
                ),
                ("signed_on", models.DateField(verbose_name="signée le")),
                ("signataire", models.CharField(max_length=200, verbose_name="signataire")),
                ("qualite", models.CharField(max_length=150, verbose_name="qualité")),
                ("recorded_at", models.DateTimeField(verbose_name="enregistrée le")),
                ("superseded_at", models.DateTimeField(null=True, verbose_name="remplacée le")),
                ("reason", models.CharField(blank=True, max_length=300, verbose_name="motif de la correction")),
                (
                    "piece",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="signatures", to="conventions.piece"
                    ),
                ),
                (
                    "recorded_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "scan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="documents.storedfile",
                        verbose_name="document signé",
                    ),
                ),
            ],
            options={
                "verbose_name": "signature",
            },
        ),
        migrations.CreateModel(
            name="Suspension",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("from_at", models.DateTimeField(verbose_name="depuis le")),
                ("reason", models.CharField(max_length=300, verbose_name="motif")),
                ("until_at", models.DateTimeField(null=True, verbose_name="jusqu’au")),
                (
                    "convention",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="suspensions",
                        to="conventions.convention",
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
                "verbose_name": "suspension d’un lieu",
                "verbose_name_plural": "suspensions de lieux",
            },
        ),
        migrations.AddConstraint(
            model_name="acte",
            constraint=models.UniqueConstraint(fields=("convention", "rang"), name="one_acte_a_rank"),
        ),
        migrations.AddConstraint(
            model_name="acte",
            constraint=models.UniqueConstraint(
                condition=models.Q(("nature", "convention"), models.Q(("state", "abandonne"), _negated=True)),
                fields=("convention",),
                name="one_founding_acte",
            ),
        ),
        migrations.AddConstraint(
            model_name="acte",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("effective_on__isnull", False), ("state", "applique")),
                    models.Q(models.Q(("state", "applique"), _negated=True), ("effective_on", None)),
                    _connector="OR",
                ),
                name="acte_effective_once_applied",
            ),
        ),
        migrations.AddConstraint(
            model_name="courrier",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("presented_on", None), ("presented_on__gte", models.F("posted_on")), _connector="OR"),
                    models.Q(("delivered_on", None), ("delivered_on__gte", models.F("posted_on")), _connector="OR"),
                    models.Q(
                        ("delivered_on", None),
                        ("presented_on", None),
                        ("delivered_on__gte", models.F("presented_on")),
                        _connector="OR",
                    ),
                ),
                name="posted_presented_delivered",
            ),
        ),
        migrations.AddConstraint(
            model_name="courrier",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("delivered_on__isnull", False), ("issue", "remise")),
                    models.Q(models.Q(("issue", "remise"), _negated=True), ("delivered_on", None)),
                    _connector="OR",
                ),
                name="delivered_when_handed_over",
            ),
        ),
        migrations.AddConstraint(
            model_name="gestionnaire",
            constraint=models.UniqueConstraint(fields=("caf", "siren"), name="one_gestionnaire_a_siren_and_caf"),
        ),
        migrations.AddConstraint(
            model_name="identitegestionnaire",
            constraint=models.CheckConstraint(
                condition=models.Q(("until_on", None), ("until_on__gte", models.F("from_on")), _connector="OR"),
                name="identitegestionnaire_ends_after_start",
            ),
        ),
        migrations.AddConstraint(
            model_name="identitegestionnaire",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("opened_by__isnull", False), models.Q(("source", ""), _negated=True), _connector="OR"
                ),
                name="identitegestionnaire_says_its_source",
            ),
        ),
        migrations.AddConstraint(
            model_name="identitegestionnaire",
            constraint=models.UniqueConstraint(
                condition=models.Q(("until_on", None)),
                fields=("gestionnaire",),
                name="one_open_identity_a_gestionnaire",
            ),
        ),
        migrations.AddConstraint(
            model_name="identitelieu",
            constraint=models.CheckConstraint(
                condition=models.Q(("until_on", None), ("until_on__gte", models.F("from_on")), _connector="OR"),
                name="identitelieu_ends_after_start",
            ),
        ),
        migrations.AddConstraint(
            model_name="identitelieu",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("opened_by__isnull", False), models.Q(("source", ""), _negated=True), _connector="OR"
                ),
                name="identitelieu_says_its_source",
            ),
        ),
        migrations.AddConstraint(
            model_name="identitelieu",
            constraint=models.UniqueConstraint(
                condition=models.Q(("until_on", None)), fields=("lieu",), name="one_open_identity_a_lieu"
            ),
        ),
        migrations.AddConstraint(
            model_name="couverture",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("until_on", None),
                    models.Q(("from_on__isnull", False), ("until_on__gte", models.F("from_on"))),
                    _connector="OR",
                ),
                name="couverture_ends_after_start",
            ),
        ),
        migrations.AddConstraint(
            model_name="couverture",
            constraint=models.UniqueConstraint(
                condition=models.Q(("from_on__isnull", False), ("until_on", None)),
                fields=("lieu", "commune"),
                name="one_open_couverture",
            ),
        ),
        migrations.AddConstraint(
            model_name="convention",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_on", None), models.Q(("state", "abandonnee"), _negated=True)),
                fields=("lieu",),
                name="one_open_convention_a_lieu",
                violation_error_message="Ce lieu a déjà une convention ouverte.",
            ),
        ),
        migrations.AddConstraint(
            model_name="convention",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("in_force_from__isnull", False), ("state", "signee")),
                    models.Q(models.Q(("state", "signee"), _negated=True), ("in_force_from", None)),
                    _connector="OR",
                ),
                name="in_force_once_signed",
            ),
        ),
        migrations.AddConstraint(
            model_name="convention",
            constraint=models.CheckConstraint(
                condition=models.Q(("ended_on", None), ("ended_on__gte", models.F("in_force_from")), _connector="OR"),
                name="convention_ends_after_start",
            ),
        ),
        migrations.AddConstraint(
            model_name="personneinscrite",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("until_on", None),
                    models.Q(("from_on__isnull", False), ("until_on__gte", models.F("from_on"))),
                    _connector="OR",
                ),
                name="personneinscrite_ends_after_start",
            ),
        ),
        migrations.AddConstraint(
            model_name="personneinscrite",
            constraint=models.UniqueConstraint(
                condition=models.Q(("from_on__isnull", False), ("until_on", None)),
                fields=("lieu", "courriel"),
                name="one_open_personne_a_courriel",
            ),
        ),
        migrations.AddConstraint(
            model_name="personneinscrite",
            constraint=models.UniqueConstraint(
                condition=models.Q(("from_on__isnull", False), ("until_on", None)),
                fields=("personne",),
                name="one_open_line_a_personne",
            ),
        ),
        migrations.AddConstraint(
            model_name="piece",
            constraint=models.UniqueConstraint(fields=("acte", "nature"), name="one_piece_of_a_kind"),
        ),
        migrations.AddConstraint(
            model_name="piece",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("pdf", None), ("pdf_sha256", "")),
                    models.Q(("pdf__isnull", False), models.Q(("pdf_sha256", ""), _negated=True)),
                    _connector="OR",
                ),
                name="a_pdf_kept_has_its_hash",
            ),
        ),
        migrations.AddConstraint(
            model_name="prestataire",
            constraint=models.UniqueConstraint(
                condition=models.Q(("until_on", None)), fields=("lieu", "nom"), name="one_open_prestataire_of_a_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="prestataire",
            constraint=models.CheckConstraint(
                condition=models.Q(("until_on", None), ("until_on__gte", models.F("from_on")), _connector="OR"),
                name="prestataire_ends_after_start",
            ),
        ),
        migrations.AddConstraint(
            model_name="prestataire",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("engagement", None), ("signed_on", None)),
                    models.Q(("engagement__isnull", False), ("signed_on__isnull", False)),
                    _connector="OR",
                ),
                name="an_engagement_has_its_date",
            ),
        ),
        migrations.AddConstraint(
            model_name="demandeengagement",
            constraint=models.UniqueConstraint(
                condition=models.Q(("answered_at", None)), fields=("prestataire",), name="one_open_demand_a_prestataire"
            ),
        ),
        migrations.AddConstraint(
            model_name="demandeengagement",
            constraint=models.CheckConstraint(
                condition=models.Q(("answered_at", None), ("answered_at__gte", models.F("asked_at")), _connector="OR"),
                name="answered_after_it_was_asked",
            ),
        ),
        migrations.AddConstraint(
            model_name="resiliation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("withdrawn_on", None)), fields=("convention",), name="one_standing_resiliation"
            ),
        ),
        migrations.AddConstraint(
            model_name="resiliation",
            constraint=models.CheckConstraint(
                condition=models.Q(("motif", ""), ("nature", "manquement"), _negated=True),
                name="a_breach_has_its_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="resiliation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_at", None), ("decided_by", None), ("decision", "")),
                    models.Q(
                        ("decided_at__isnull", False),
                        ("decided_by__isnull", False),
                        models.Q(("decision", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="a_decision_has_its_author_and_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="resiliation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("withdrawal", None), ("withdrawn_on", None)),
                    models.Q(("withdrawal__isnull", False), ("withdrawn_on__isnull", False)),
                    _connector="OR",
                ),
                name="withdrawn_by_a_paper_of_both",
            ),
        ),
        migrations.AddConstraint(
            model_name="signature",
            constraint=models.UniqueConstraint(
                condition=models.Q(("superseded_at", None)), fields=("piece", "partie"), name="one_signature_a_party"
            ),
        ),
        migrations.AddConstraint(
            model_name="suspension",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("lifted_by", None), ("until_at", None)),
                    ("until_at__gte", models.F("from_at")),
                    _connector="OR",
                ),
                name="suspension_lifted_after_its_start",
            ),
        ),
        migrations.AddConstraint(
            model_name="suspension",
            constraint=models.UniqueConstraint(
                condition=models.Q(("until_at", None)), fields=("convention",), name="one_open_suspension_a_convention"
            ),
        ),
    ]
