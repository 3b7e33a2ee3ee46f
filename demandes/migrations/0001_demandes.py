import uuid

import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models

import extranet.core.languages


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("conventions", "0001_register"),
        ("territory", "0001_reference_data_and_agents"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ClockMark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("boot", models.CharField(max_length=40, unique=True, verbose_name="démarrage")),
                ("started_at", models.DateTimeField(verbose_name="démarrée le")),
                ("seen_at", models.DateTimeField(verbose_name="vue le")),
                ("leapt_at", models.DateTimeField(null=True, verbose_name="saut constaté le")),
            ],
            options={
                "verbose_name": "repère d’horloge",
                "verbose_name_plural": "repères d’horloge",
            },
        ),
        migrations.CreateModel(
            name="Remise",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(verbose_name="date")),
                ("user_id", models.BigIntegerField(verbose_name="personne")),
                ("demande_uuid", models.UUIDField(db_index=True, verbose_name="demande")),
                ("reference", models.CharField(max_length=64, verbose_name="référence")),
                ("lieu_id", models.BigIntegerField(verbose_name="lieu")),
                (
                    "mode",
                    models.CharField(
                        choices=[
                            ("liste", "nom vu dans la liste"),
                            ("ecran", "affichée"),
                            ("pdf", "PDF"),
                            ("xml", "XML"),
                            ("zip", "ZIP"),
                            ("flux", "flux"),
                        ],
                        max_length=10,
                        verbose_name="forme",
                    ),
                ),
                ("adresse_reseau", models.GenericIPAddressField(null=True, verbose_name="adresse réseau")),
                ("appareil", models.CharField(blank=True, max_length=200, verbose_name="appareil")),
            ],
            options={
                "verbose_name": "accès à un dossier",
                "verbose_name_plural": "accès aux dossiers",
            },
        ),
        migrations.CreateModel(
            name="Demande",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "source",
                    models.CharField(
                        choices=[("formulaire", "formulaire"), ("monenfant", "monenfant.fr")],
                        max_length=20,
                        verbose_name="origine",
                    ),
                ),
                ("reference", models.CharField(max_length=64, verbose_name="référence")),
                ("content", models.CharField(blank=True, max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("a-orienter", "à orienter"),
                            ("transmise", "à récupérer"),
                            ("recuperee", "récupérée"),
                            ("traitee", "traitée"),
                            ("purgee", "détruite"),
                            ("retiree", "retirée par la famille"),
                        ],
                        default="a-orienter",
                        editable=False,
                        max_length=20,
                        verbose_name="état",
                    ),
                ),
                ("nonce", models.CharField(editable=False, max_length=40, null=True)),
                (
                    "langue",
                    models.CharField(
                        choices=extranet.core.languages.choices, default="fr", max_length=10, verbose_name="langue"
                    ),
                ),
                ("deposee_le", models.DateTimeField(verbose_name="déposée le")),
                ("modifiee_le", models.DateTimeField(null=True, verbose_name="modifiée le")),
                ("received_at", models.DateTimeField(verbose_name="reçue le")),
                ("pick_up_day", models.DateField(null=True, verbose_name="quinzième jour")),
                ("last_day", models.DateField(verbose_name="dernier jour de conservation")),
                ("creche_collective", models.BooleanField(default=False, verbose_name="crèche collective")),
                ("assistante_maternelle", models.BooleanField(default=False, verbose_name="assistante maternelle")),
                ("garde_a_domicile", models.BooleanField(default=False, verbose_name="garde à domicile")),
                ("closed_at", models.DateTimeField(null=True, verbose_name="traitée le")),
                ("destroyed_at", models.DateTimeField(null=True, verbose_name="détruite le")),
                (
                    "caf",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="territory.caf",
                    ),
                ),
                (
                    "commune",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="territory.commune",
                    ),
                ),
                (
                    "lieu",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="conventions.lieu",
                    ),
                ),
                (
                    "lieu_voulu",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="conventions.lieu",
                    ),
                ),
            ],
            options={
                "verbose_name": "demande",
            },
        ),
        migrations.CreateModel(
            name="Dossier",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("jour", models.DateField(db_index=True, verbose_name="jour de la clé")),
                ("scelle", models.BinaryField(verbose_name="contenu scellé")),
                (
                    "demande",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="dossier", to="demandes.demande"
                    ),
                ),
            ],
            options={
                "verbose_name": "dossier",
            },
        ),
        migrations.CreateModel(
            name="Livraison",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("nom", models.CharField(max_length=255, verbose_name="nom du fichier")),
                ("sha256", models.CharField(max_length=64, null=True, unique=True, verbose_name="empreinte SHA-256")),
                (
                    "origine",
                    models.CharField(
                        choices=[
                            ("dossier", "dossier d’arrivée"),
                            ("depot", "déposée par la Cnaf"),
                            ("api", "envoyée par l’API"),
                            ("commande", "donnée en ligne de commande"),
                        ],
                        max_length=20,
                        verbose_name="origine",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("recue", "reçue"), ("traitee", "traitée"), ("refusee", "refusée")],
                        default="recue",
                        editable=False,
                        max_length=20,
                        verbose_name="état",
                    ),
                ),
                ("received_at", models.DateTimeField(verbose_name="reçue le")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="terminée le")),
                ("motif", models.CharField(blank=True, max_length=300, verbose_name="motif du refus")),
                ("lues", models.PositiveIntegerField(default=0, verbose_name="enregistrements lus")),
                ("creees", models.PositiveIntegerField(default=0, verbose_name="demandes créées")),
                ("mises_a_jour", models.PositiveIntegerField(default=0, verbose_name="demandes mises à jour")),
                ("inchangees", models.PositiveIntegerField(default=0, verbose_name="demandes inchangées")),
                ("ecartees", models.PositiveIntegerField(default=0, verbose_name="enregistrements écartés")),
                ("checkpoint", models.PositiveIntegerField(default=0, verbose_name="enregistrements appliqués")),
                ("rung_at", models.DateTimeField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
                ("fichier", models.CharField(blank=True, max_length=300)),
                (
                    "received_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="déposée par",
                    ),
                ),
            ],
            options={
                "verbose_name": "livraison",
            },
        ),
        migrations.AddField(
            model_name="demande",
            name="livraison",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="demandes.livraison",
            ),
        ),
        migrations.CreateModel(
            name="Rejet",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("ligne", models.PositiveIntegerField(verbose_name="ligne")),
                ("reference", models.CharField(blank=True, max_length=64, verbose_name="référence")),
                (
                    "issue",
                    models.CharField(
                        choices=[("ecartee", "écartée"), ("remarque", "acceptée avec remarque")],
                        max_length=20,
                        verbose_name="issue",
                    ),
                ),
                ("motifs", models.JSONField(verbose_name="motifs")),
                (
                    "livraison",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="rejets", to="demandes.livraison"
                    ),
                ),
            ],
            options={
                "verbose_name": "enregistrement à signaler",
                "verbose_name_plural": "enregistrements à signaler",
            },
        ),
        migrations.CreateModel(
            name="Transmission",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("transmitted_at", models.DateTimeField(verbose_name="transmise le")),
                ("notified_at", models.DateTimeField(null=True, verbose_name="notifiée le")),
                (
                    "lieu",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="conventions.lieu"
                    ),
                ),
                (
                    "livraison",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="demandes.livraison",
                    ),
                ),
            ],
            options={
                "verbose_name": "transmission",
            },
        ),
        migrations.AddField(
            model_name="demande",
            name="transmission",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="demandes",
                to="demandes.transmission",
            ),
        ),
        migrations.CreateModel(
            name="Attribution",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("transmitted_at", models.DateTimeField(verbose_name="transmise le")),
                ("picked_up_at", models.DateTimeField(null=True, verbose_name="récupérée le")),
                ("seen_at", models.DateTimeField(null=True, verbose_name="consultée en dernier le")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="partie le")),
                (
                    "fin",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("reattribuee", "confiée à un autre lieu"),
                            ("reprise", "remise à orienter"),
                            ("convention", "fin de la convention du lieu"),
                            ("detruite", "détruite"),
                            ("retiree", "retirée par la famille"),
                        ],
                        max_length=20,
                        verbose_name="fin",
                    ),
                ),
                (
                    "motif",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("famille", "à la demande de la famille"),
                            ("empeche", "le lieu ne peut pas répondre"),
                            ("erreur", "elle lui avait été confiée par erreur"),
                            ("repartition", "répartition entre les lieux de la Caf"),
                        ],
                        max_length=20,
                        verbose_name="motif",
                    ),
                ),
                ("attest_from", models.DateField(null=True, verbose_name="à attester à partir du")),
                (
                    "lieu",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="conventions.lieu",
                    ),
                ),
                (
                    "picked_up_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="récupérée par",
                    ),
                ),
                (
                    "demande",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="attributions", to="demandes.demande"
                    ),
                ),
                (
                    "transmission",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="demandes.transmission",
                    ),
                ),
            ],
            options={
                "verbose_name": "attribution",
                "ordering": ["pk"],
            },
        ),
        migrations.AddConstraint(
            model_name="livraison",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "lues",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    models.F("creees"), "+", models.F("mises_a_jour")
                                ),
                                "+",
                                models.F("inchangees"),
                            ),
                            "+",
                            models.F("ecartees"),
                        ),
                    )
                ),
                name="counts_balance",
            ),
        ),
        migrations.AddConstraint(
            model_name="livraison",
            constraint=models.UniqueConstraint(
                condition=models.Q(("fichier", ""), _negated=True), fields=("fichier",), name="one_livraison_a_file"
            ),
        ),
        migrations.AddIndex(
            model_name="transmission",
            index=models.Index(fields=["notified_at"], name="transmissions_by_notice"),
        ),
        migrations.AddConstraint(
            model_name="transmission",
            constraint=models.UniqueConstraint(
                fields=("livraison", "lieu"), name="one_transmission_a_lieu_and_livraison"
            ),
        ),
        migrations.AddIndex(
            model_name="demande",
            index=models.Index(
                condition=models.Q(("state__in", ["transmise", "recuperee", "traitee"])),
                fields=["lieu", "state", "pick_up_day", "last_day", "reference", "id"],
                name="demandes_of_lieu",
            ),
        ),
        migrations.AddIndex(
            model_name="demande",
            index=models.Index(
                condition=models.Q(("state", "transmise")), fields=["pick_up_day"], name="demandes_to_pick_up"
            ),
        ),
        migrations.AddIndex(
            model_name="demande",
            index=models.Index(fields=["caf", "state"], name="demandes_of_caf"),
        ),
        migrations.AddIndex(
            model_name="demande",
            index=models.Index(fields=["caf", "id"], name="demandes_of_caf_in_order"),
        ),
        migrations.AddIndex(
            model_name="demande",
            index=models.Index(fields=["caf", "received_at", "id"], name="demandes_of_caf_by_arrival"),
        ),
        migrations.AddIndex(
            model_name="demande",
            index=models.Index(fields=["received_at", "id"], name="demandes_by_arrival"),
        ),
        migrations.AddIndex(
            model_name="demande",
            index=models.Index(
                condition=models.Q(("state__in", ["a-orienter", "recuperee", "traitee", "transmise"])),
                fields=["last_day", "id"],
                name="demandes_to_destroy",
            ),
        ),
        migrations.AddIndex(
            model_name="demande",
            index=models.Index(condition=models.Q(("state", "purgee")), fields=["last_day"], name="demandes_destroyed"),
        ),
        migrations.AddIndex(
            model_name="demande",
            index=models.Index(
                condition=models.Q(("state", "a-orienter")), fields=["livraison"], name="demandes_to_transmit"
            ),
        ),
        migrations.AddConstraint(
            model_name="demande",
            constraint=models.UniqueConstraint(fields=("source", "reference"), name="a_reference_is_one_demande"),
        ),
        migrations.AddConstraint(
            model_name="demande",
            constraint=models.UniqueConstraint(
                condition=models.Q(("nonce__isnull", False)), fields=("nonce",), name="a_sending_is_one_demande"
            ),
        ),
        migrations.AddConstraint(
            model_name="demande",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("lieu", None), ("state", "a-orienter")),
                    models.Q(("lieu__isnull", False), ("state__in", ["transmise", "recuperee", "traitee"])),
                    ("state__in", ["purgee", "retiree"]),
                    _connector="OR",
                ),
                name="lieu_follows_state",
            ),
        ),
        migrations.AddIndex(
            model_name="attribution",
            index=models.Index(
                condition=models.Q(("fin__in", ["reattribuee", "reprise", "convention"])),
                fields=["lieu", "id"],
                name="attributions_left",
            ),
        ),
        migrations.AddIndex(
            model_name="attribution",
            index=models.Index(
                condition=models.Q(("attest_from__isnull", False)), fields=["lieu", "id"], name="attributions_to_attest"
            ),
        ),
        migrations.AddConstraint(
            model_name="attribution",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)), fields=("demande",), name="one_lieu_at_a_time"
            ),
        ),
        migrations.AddConstraint(
            model_name="attribution",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at", None), ("fin", "")),
                    models.Q(("ended_at__isnull", False), models.Q(("fin", ""), _negated=True)),
                    _connector="OR",
                ),
                name="an_end_says_which",
            ),
        ),
    ]
