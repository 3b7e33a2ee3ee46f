import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conventions", "0001_register"),
        ("documents", "0001_stored_files"),
        ("territory", "0002_conventions_whole"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CopieSignee",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("asked_at", models.DateTimeField(verbose_name="lien envoyé le")),
                ("handed_at", models.DateTimeField(null=True, verbose_name="remise le")),
                ("closed_at", models.DateTimeField(null=True, verbose_name="close le")),
                (
                    "issue",
                    models.CharField(
                        blank=True,
                        choices=[("verifiee", "vérifiée"), ("refusee", "refusée"), ("remplacee", "remplacée")],
                        default="",
                        max_length=20,
                        verbose_name="issue",
                    ),
                ),
                ("motif", models.CharField(blank=True, default="", max_length=500, verbose_name="motif du refus")),
            ],
            options={
                "verbose_name": "copie signée",
                "verbose_name_plural": "copies signées",
            },
        ),
        migrations.CreateModel(
            name="Engagement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("signed_on", models.DateField(verbose_name="signé le")),
                ("received_at", models.DateTimeField(verbose_name="reçu le")),
                ("decided_at", models.DateTimeField(null=True, verbose_name="vérifié le")),
                ("motif_refus", models.CharField(blank=True, max_length=500, verbose_name="motif du refus")),
            ],
            options={
                "verbose_name": "engagement d’un prestataire",
                "verbose_name_plural": "engagements de prestataires",
            },
        ),
        migrations.CreateModel(
            name="Reprise",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("numero", models.CharField(max_length=60, verbose_name="numéro de la convention à la Caf")),
                ("empreinte", models.CharField(max_length=64, verbose_name="empreinte de ce qui a été repris")),
                ("effective_on", models.DateField(null=True, verbose_name="prise d’effet")),
                ("recorded_at", models.DateTimeField(verbose_name="reprise le")),
            ],
            options={
                "verbose_name": "reprise d’une convention",
                "verbose_name_plural": "reprises de conventions",
            },
        ),
        migrations.CreateModel(
            name="TentativeAmiable",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("tried_on", models.DateField(verbose_name="date")),
                ("description", models.TextField(verbose_name="ce qui a été tenté")),
                ("suite", models.TextField(blank=True, verbose_name="ce qui en est sorti")),
                ("recorded_at", models.DateTimeField(verbose_name="enregistrée le")),
            ],
            options={
                "verbose_name": "tentative amiable",
                "verbose_name_plural": "tentatives amiables",
            },
        ),
        migrations.CreateModel(
            name="Avenant",
            fields=[],
            options={
                "verbose_name": "avenant",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("conventions.acte",),
        ),
        migrations.RemoveConstraint(
            model_name="prestataire",
            name="an_engagement_has_its_date",
        ),
        migrations.RemoveConstraint(
            model_name="resiliation",
            name="one_standing_resiliation",
        ),
        migrations.RemoveField(
            model_name="prestataire",
            name="engagement",
        ),
        migrations.RemoveField(
            model_name="prestataire",
            name="signed_on",
        ),
        migrations.AddField(
            model_name="acte",
            name="deliberation_published_on",
            field=models.DateField(null=True, verbose_name="publié le"),
        ),
        migrations.AddField(
            model_name="acte",
            name="deliberation_scan",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="documents.storedfile",
                verbose_name="fichier de l’acte",
            ),
        ),
        migrations.AddField(
            model_name="acte",
            name="identite",
            field=models.JSONField(blank=True, default=dict, verbose_name="identité"),
        ),
        migrations.AddField(
            model_name="acte",
            name="motif_abandon",
            field=models.CharField(blank=True, default="", max_length=300, verbose_name="motif de l’abandon"),
        ),
        migrations.AddField(
            model_name="acte",
            name="motif_correction",
            field=models.CharField(blank=True, default="", max_length=300, verbose_name="motif de la correction"),
        ),
        migrations.AddField(
            model_name="acte",
            name="numero",
            field=models.PositiveSmallIntegerField(default=1, verbose_name="numéro"),
        ),
        migrations.AddField(
            model_name="acte",
            name="originaux",
            field=models.CharField(blank=True, default="", max_length=300, verbose_name="où sont les originaux"),
        ),
        migrations.AddField(
            model_name="courrier",
            name="avis",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="documents.storedfile"
            ),
        ),
        migrations.AddField(
            model_name="courrier",
            name="objet",
            field=models.CharField(
                choices=[
                    ("preavis", "résiliation à l’échéance"),
                    ("manquement", "résiliation pour manquement"),
                    ("mise-en-demeure", "mise en demeure"),
                ],
                default="preavis",
                max_length=20,
                verbose_name="objet",
            ),
        ),
        migrations.AddField(
            model_name="piece",
            name="publiable",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="documents.storedfile"
            ),
        ),
        migrations.AddField(
            model_name="signature",
            name="delegation",
            field=models.CharField(blank=True, default="", max_length=150, verbose_name="délégation de signature"),
        ),
        migrations.AddField(
            model_name="signature",
            name="delegation_on",
            field=models.DateField(null=True, verbose_name="délégation du"),
        ),
        migrations.AlterField(
            model_name="signature",
            name="recorded_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AlterField(
            model_name="signature",
            name="scan",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="documents.storedfile",
                verbose_name="document signé",
            ),
        ),
        migrations.AddConstraint(
            model_name="acte",
            constraint=models.UniqueConstraint(
                condition=models.Q(("nature", "avenant"), ("state", "prepare")),
                fields=("convention",),
                name="one_waiting_avenant",
            ),
        ),
        migrations.AddConstraint(
            model_name="courrier",
            constraint=models.CheckConstraint(
                condition=models.Q(("objet", "preavis"), ("partie", "caf"), _connector="OR"),
                name="a_breach_is_the_caf_s",
            ),
        ),
        migrations.AddConstraint(
            model_name="resiliation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("withdrawn_on", None)),
                fields=("convention", "nature"),
                name="one_standing_resiliation",
            ),
        ),
        migrations.AddConstraint(
            model_name="signature",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("delegation", ""), ("delegation_on", None)),
                    models.Q(models.Q(("delegation", ""), _negated=True), ("delegation_on__isnull", False)),
                    _connector="OR",
                ),
                name="a_delegation_has_its_date",
            ),
        ),
        migrations.AddField(
            model_name="copiesignee",
            name="acte",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="copies", to="conventions.acte"
            ),
        ),
        migrations.AddField(
            model_name="copiesignee",
            name="asked_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="copiesignee",
            name="closed_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="copiesignee",
            name="scan",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="documents.storedfile"
            ),
        ),
        migrations.AddField(
            model_name="engagement",
            name="decided_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="engagement",
            name="prestataire",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="engagements", to="conventions.prestataire"
            ),
        ),
        migrations.AddField(
            model_name="engagement",
            name="received_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="engagement",
            name="scan",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="documents.storedfile",
                verbose_name="document signé",
            ),
        ),
        migrations.AddField(
            model_name="reprise",
            name="caf",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="territory.caf"),
        ),
        migrations.AddField(
            model_name="reprise",
            name="convention",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT, related_name="reprise", to="conventions.convention"
            ),
        ),
        migrations.AddField(
            model_name="reprise",
            name="recorded_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="reprise par",
            ),
        ),
        migrations.AddField(
            model_name="tentativeamiable",
            name="convention",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="tentatives_amiables",
                to="conventions.convention",
            ),
        ),
        migrations.AddField(
            model_name="tentativeamiable",
            name="recorded_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddConstraint(
            model_name="copiesignee",
            constraint=models.UniqueConstraint(
                condition=models.Q(("closed_at", None)), fields=("acte",), name="one_open_link_an_acte"
            ),
        ),
        migrations.AddConstraint(
            model_name="copiesignee",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("handed_at", None), ("scan", None)),
                    models.Q(("handed_at__isnull", False), ("scan__isnull", False)),
                    _connector="OR",
                ),
                name="a_copy_handed_in_has_its_file",
            ),
        ),
        migrations.AddConstraint(
            model_name="copiesignee",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("closed_at", None), ("closed_by", None), ("issue", "")),
                    models.Q(
                        ("closed_at__isnull", False),
                        ("closed_by__isnull", False),
                        models.Q(("issue", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="a_link_closed_has_its_issue",
            ),
        ),
        migrations.AddConstraint(
            model_name="copiesignee",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("issue", "refusee"), ("scan__isnull", False), models.Q(("motif", ""), _negated=True)),
                    models.Q(models.Q(("issue", "refusee"), _negated=True), ("motif", "")),
                    _connector="OR",
                ),
                name="a_copy_refused_has_its_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="engagement",
            constraint=models.UniqueConstraint(
                condition=models.Q(("decided_at", None)),
                fields=("prestataire",),
                name="one_engagement_to_verify_a_prestataire",
            ),
        ),
        migrations.AddConstraint(
            model_name="engagement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_at", None), ("decided_by", None), ("motif_refus", "")),
                    models.Q(("decided_at__isnull", False), ("decided_by__isnull", False)),
                    _connector="OR",
                ),
                name="a_verified_engagement_says_by_whom",
            ),
        ),
        migrations.AddConstraint(
            model_name="reprise",
            constraint=models.UniqueConstraint(fields=("caf", "numero"), name="one_reprise_a_numero_and_caf"),
        ),
    ]
