import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Epci",
            fields=[
                ("siren", models.CharField(max_length=9, primary_key=True, serialize=False, verbose_name="SIREN")),
                ("nom", models.CharField(max_length=100, verbose_name="nom")),
                ("nom_recherche", models.CharField(max_length=100, verbose_name="nom pour la recherche")),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("CC", "communauté de communes"),
                            ("CA", "communauté d’agglomération"),
                            ("CU", "communauté urbaine"),
                            ("METRO", "métropole"),
                            ("MET69", "métropole de Lyon"),
                            ("EPT", "établissement public territorial"),
                        ],
                        max_length=5,
                        verbose_name="type",
                    ),
                ),
                ("fiscalite_propre", models.BooleanField(verbose_name="à fiscalité propre")),
                ("actuel", models.BooleanField(default=True, verbose_name="existe encore")),
            ],
            options={
                "verbose_name": "EPCI",
                "verbose_name_plural": "EPCI",
                "ordering": ["nom_recherche", "siren"],
            },
        ),
        migrations.CreateModel(
            name="Vintage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(max_length=64, verbose_name="empreinte")),
                ("loaded_at", models.DateTimeField(verbose_name="chargé le")),
            ],
            options={
                "verbose_name": "version des données de référence",
                "verbose_name_plural": "version des données de référence",
            },
        ),
        migrations.CreateModel(
            name="Caf",
            fields=[
                ("code", models.CharField(max_length=10, primary_key=True, serialize=False, verbose_name="code")),
                ("nom", models.CharField(max_length=80, verbose_name="nom")),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("caf", "caisse d’allocations familiales"),
                            ("cssm", "caisse de sécurité sociale de Mayotte"),
                        ],
                        max_length=4,
                        verbose_name="type",
                    ),
                ),
                ("siege", models.CharField(blank=True, max_length=60, verbose_name="commune du siège")),
                ("adresse", models.TextField(blank=True, max_length=300, verbose_name="adresse postale")),
                ("telephone", models.CharField(blank=True, max_length=20, verbose_name="téléphone")),
                (
                    "courriel_generique",
                    models.EmailField(blank=True, max_length=254, verbose_name="boîte aux lettres du service"),
                ),
                (
                    "directeur_civilite",
                    models.CharField(
                        blank=True,
                        choices=[("Mme", "Madame"), ("M.", "Monsieur")],
                        max_length=3,
                        verbose_name="civilité de la direction",
                    ),
                ),
                ("directeur_nom", models.CharField(blank=True, max_length=100, verbose_name="nom de la direction")),
                (
                    "directeur_prenom",
                    models.CharField(blank=True, max_length=100, verbose_name="prénom de la direction"),
                ),
                (
                    "directeur_qualite",
                    models.CharField(blank=True, max_length=150, verbose_name="qualité de la direction"),
                ),
                (
                    "quatre_yeux",
                    models.BooleanField(
                        default=True, verbose_name="deux agents pour accepter et pour ouvrir les accès"
                    ),
                ),
            ],
            options={
                "verbose_name": "Caf",
                "verbose_name_plural": "Caf",
                "ordering": ["code"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("directeur_civilite", ""),
                                ("directeur_nom", ""),
                                ("directeur_prenom", ""),
                                ("directeur_qualite", ""),
                            ),
                            models.Q(
                                ("directeur_civilite", ""),
                                ("directeur_nom", ""),
                                ("directeur_prenom", ""),
                                ("directeur_qualite", ""),
                                _connector="OR",
                                _negated=True,
                            ),
                            _connector="OR",
                        ),
                        name="a_director_is_named_whole",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Commune",
            fields=[
                (
                    "code_insee",
                    models.CharField(max_length=5, primary_key=True, serialize=False, verbose_name="code Insee"),
                ),
                ("nom", models.CharField(max_length=60, verbose_name="nom")),
                ("nom_recherche", models.CharField(db_index=True, max_length=60, verbose_name="nom pour la recherche")),
                ("population", models.PositiveIntegerField(default=0, verbose_name="population")),
                (
                    "type",
                    models.CharField(
                        choices=[("commune", "commune"), ("arrondissement", "arrondissement municipal")],
                        max_length=14,
                        verbose_name="type",
                    ),
                ),
                ("actuelle", models.BooleanField(default=True, verbose_name="existe encore")),
                (
                    "caf",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="communes",
                        to="territory.caf",
                        verbose_name="Caf",
                    ),
                ),
                (
                    "parente",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="arrondissements",
                        to="territory.commune",
                        verbose_name="commune de l’arrondissement",
                    ),
                ),
            ],
            options={
                "verbose_name": "commune",
                "verbose_name_plural": "communes",
                "ordering": ["nom_recherche", "code_insee"],
            },
        ),
        migrations.CreateModel(
            name="AncienneCommune",
            fields=[
                (
                    "code_ancien",
                    models.CharField(max_length=5, primary_key=True, serialize=False, verbose_name="ancien code"),
                ),
                ("nom", models.CharField(blank=True, max_length=60, verbose_name="ancien nom")),
                (
                    "nom_recherche",
                    models.CharField(blank=True, db_index=True, max_length=60, verbose_name="nom pour la recherche"),
                ),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("commune-deleguee", "commune déléguée"),
                            ("commune-associee", "commune associée"),
                            ("ancien-code", "ancien code"),
                        ],
                        max_length=16,
                        verbose_name="type",
                    ),
                ),
                (
                    "commune",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="anciennes",
                        to="territory.commune",
                        verbose_name="commune actuelle",
                    ),
                ),
            ],
            options={
                "verbose_name": "ancienne commune",
                "verbose_name_plural": "anciennes communes",
                "ordering": ["code_ancien"],
            },
        ),
        migrations.CreateModel(
            name="Departement",
            fields=[
                ("code", models.CharField(max_length=3, primary_key=True, serialize=False, verbose_name="code")),
                ("nom", models.CharField(max_length=60, verbose_name="nom")),
                ("nom_avec_de", models.CharField(max_length=70, verbose_name="nom avec article")),
                ("region", models.CharField(max_length=60, verbose_name="région")),
                (
                    "caf",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="departements",
                        to="territory.caf",
                        verbose_name="Caf",
                    ),
                ),
            ],
            options={
                "verbose_name": "département",
                "verbose_name_plural": "départements",
                "ordering": ["code"],
            },
        ),
        migrations.AddField(
            model_name="commune",
            name="departement",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="communes",
                to="territory.departement",
                verbose_name="département",
            ),
        ),
        migrations.AddField(
            model_name="commune",
            name="epci",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="communes",
                to="territory.epci",
                verbose_name="EPCI",
            ),
        ),
        migrations.AddField(
            model_name="commune",
            name="ept",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="communes_ept",
                to="territory.epci",
                verbose_name="établissement public territorial",
            ),
        ),
        migrations.CreateModel(
            name="Agent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("instructeur", "instructeur"),
                            ("lecteur", "lecteur"),
                            ("superviseur", "superviseur"),
                            ("cnaf", "Cnaf"),
                        ],
                        max_length=12,
                        verbose_name="rôle",
                    ),
                ),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="compte",
                    ),
                ),
                (
                    "caf",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="agents",
                        to="territory.caf",
                        verbose_name="Caf",
                    ),
                ),
            ],
            options={
                "verbose_name": "agent",
                "verbose_name_plural": "agents",
                "ordering": ["caf", "pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("caf", None), ("role", "cnaf")),
                            models.Q(models.Q(("role", "cnaf"), _negated=True), ("caf__isnull", False)),
                            _connector="OR",
                        ),
                        name="only_cnaf_has_no_caf",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CodePostal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=5, verbose_name="code postal")),
                (
                    "commune",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="codes_postaux",
                        to="territory.commune",
                        verbose_name="commune",
                    ),
                ),
            ],
            options={
                "verbose_name": "code postal",
                "verbose_name_plural": "codes postaux",
                "ordering": ["code"],
                "indexes": [
                    models.Index(fields=["code"], name="code_postal_prefix", opclasses=["varchar_pattern_ops"])
                ],
                "constraints": [models.UniqueConstraint(fields=("code", "commune"), name="postal_code_once_a_commune")],
            },
        ),
        migrations.CreateModel(
            name="NomCherche",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("cle", models.CharField(max_length=60, verbose_name="nom à partir d’un de ses mots")),
                ("debut", models.BooleanField(verbose_name="nom entier")),
                ("ancien_nom", models.CharField(blank=True, max_length=60, verbose_name="ancien nom")),
                (
                    "commune",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="territory.commune",
                        verbose_name="commune",
                    ),
                ),
            ],
            options={
                "verbose_name": "nom de commune cherché",
                "verbose_name_plural": "noms de commune cherchés",
                "indexes": [
                    models.Index(fields=["cle"], name="nom_cherche_prefix", opclasses=["varchar_pattern_ops"]),
                    models.Index(fields=["cle"], name="nom_cherche"),
                ],
            },
        ),
    ]
