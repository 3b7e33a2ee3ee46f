import uuid

import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="User",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("email", models.EmailField(max_length=254, unique=True, verbose_name="adresse de courriel")),
                (
                    "civilite",
                    models.CharField(
                        blank=True, choices=[("Mme", "Mme"), ("M.", "M.")], max_length=3, verbose_name="civilité"
                    ),
                ),
                ("nom", models.CharField(blank=True, max_length=100, verbose_name="nom")),
                ("prenom", models.CharField(blank=True, max_length=100, verbose_name="prénom")),
                ("is_staff", models.BooleanField(default=False, verbose_name="agent")),
                ("is_active", models.BooleanField(default=True, verbose_name="actif")),
                ("date_joined", models.DateTimeField(auto_now_add=True, verbose_name="créé le")),
                ("password_chosen_at", models.DateTimeField(null=True, verbose_name="mot de passe choisi le")),
                ("suspended_at", models.DateTimeField(null=True, verbose_name="suspendu le")),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "verbose_name": "compte",
                "verbose_name_plural": "comptes",
            },
        ),
        migrations.CreateModel(
            name="Jeton",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("nom", models.CharField(max_length=100, verbose_name="nom")),
                ("prefix", models.CharField(max_length=8, verbose_name="début")),
                ("digest", models.CharField(max_length=64, unique=True, verbose_name="empreinte")),
                (
                    "portee",
                    models.CharField(
                        choices=[("cnaf", "livraisons de monenfant.fr"), ("lieu", "demandes d’un lieu")],
                        max_length=4,
                        verbose_name="portée",
                    ),
                ),
                ("created_at", models.DateTimeField(verbose_name="créé le")),
                ("expires_at", models.DateTimeField(verbose_name="expire le")),
                ("last_used_at", models.DateTimeField(null=True, verbose_name="dernière utilisation")),
                ("revoked_at", models.DateTimeField(null=True, verbose_name="révoqué le")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="jetons",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="compte",
                    ),
                ),
            ],
            options={
                "verbose_name": "jeton",
                "verbose_name_plural": "jetons",
            },
        ),
        migrations.CreateModel(
            name="OneTimeSecret",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("activation", "ouverture du compte"), ("perte", "mot de passe perdu")],
                        max_length=12,
                        verbose_name="pour",
                    ),
                ),
                ("digest", models.CharField(max_length=64, verbose_name="empreinte")),
                ("created_at", models.DateTimeField(verbose_name="créé le")),
                ("expires_at", models.DateTimeField(verbose_name="expire le")),
                ("tries_left", models.PositiveSmallIntegerField(default=10, verbose_name="essais restants")),
                ("used_at", models.DateTimeField(null=True, verbose_name="utilisé le")),
                ("killed_at", models.DateTimeField(null=True, verbose_name="annulé le")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="secrets",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="compte",
                    ),
                ),
            ],
            options={
                "verbose_name": "mot de passe reçu par courriel",
                "verbose_name_plural": "mots de passe reçus par courriel",
            },
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.UniqueConstraint(
                django.db.models.functions.text.Lower("email"), name="one_account_an_address"
            ),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("email", django.db.models.functions.text.Trim(django.db.models.functions.text.Lower("email")))
                ),
                name="address_in_lower_case",
            ),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(("suspended_at", None), ("is_active", False), _connector="OR"),
                name="suspended_is_inactive",
            ),
        ),
    ]
