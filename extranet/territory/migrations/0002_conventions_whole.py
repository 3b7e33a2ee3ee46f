from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("territory", "0001_reference_data_and_agents"),
    ]

    operations = [
        migrations.AddField(
            model_name="agent",
            name="dpo",
            field=models.BooleanField(default=False, verbose_name="délégué à la protection des données"),
        ),
        migrations.AddField(
            model_name="caf",
            name="premier_rappel",
            field=models.PositiveSmallIntegerField(default=7, verbose_name="jour du premier rappel"),
        ),
        migrations.AddField(
            model_name="caf",
            name="recours",
            field=models.TextField(
                default="Vous pouvez contester cette décision dans les deux mois qui suivent le jour où vous la recevez :\n- en demandant à la Caf de la revoir, par un courrier ;\n- ou en saisissant le tribunal.\nSi vous demandez d’abord à la Caf de la revoir, vous avez de nouveau deux mois pour saisir le tribunal : à partir de sa réponse ou, si elle ne répond pas, de la fin des deux mois qui suivent votre courrier.",
                max_length=2000,
                verbose_name="voies et délais de recours",
            ),
        ),
        migrations.AddField(
            model_name="caf",
            name="second_facteur",
            field=models.BooleanField(default=False, verbose_name="second facteur exigé des lieux"),
        ),
        migrations.AddField(
            model_name="caf",
            name="second_rappel",
            field=models.PositiveSmallIntegerField(default=12, null=True, verbose_name="jour du second rappel"),
        ),
        migrations.AddField(
            model_name="caf",
            name="service",
            field=models.CharField(blank=True, max_length=120, verbose_name="service chargé des lieux d’information"),
        ),
        migrations.AddField(
            model_name="caf",
            name="silence",
            field=models.TextField(
                default="Si la Caf ne vous a pas répondu dans les deux mois qui suivent la date de réception, votre demande est considérée comme refusée. Vous pouvez alors lui demander pourquoi. Rien n’est accepté sans une réponse écrite de la Caf.",
                max_length=1000,
                verbose_name="ce que signifie l’absence de réponse",
            ),
        ),
        migrations.AddField(
            model_name="caf",
            name="tribunal",
            field=models.TextField(blank=True, max_length=300, verbose_name="tribunal compétent"),
        ),
        migrations.AddConstraint(
            model_name="caf",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("premier_rappel__gte", 1),
                    ("premier_rappel__lte", 14),
                    models.Q(
                        ("second_rappel", None),
                        models.Q(("second_rappel__gt", models.F("premier_rappel")), ("second_rappel__lte", 14)),
                        _connector="OR",
                    ),
                ),
                name="reminders_within_the_fifteen_days",
            ),
        ),
    ]
