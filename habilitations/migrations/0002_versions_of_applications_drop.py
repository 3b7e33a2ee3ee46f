from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("habilitations", "0001_initial")]

    operations = [
        migrations.DeleteModel("CommuneDemandee"),
        migrations.DeleteModel("PersonneDemandee"),
        migrations.DeleteModel("DemandeHabilitation"),
    ]
