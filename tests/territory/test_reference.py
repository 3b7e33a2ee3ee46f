import pytest
from django.core.management import call_command

from extranet.territory import reference
from extranet.territory.models import AncienneCommune, Caf, CodePostal, Commune, Departement, Epci, Vintage
from extranet.territory.queries import commune_by_code, communes_matching
from tests.territory.conftest import NOW, edit

COUNTS = {Caf: 101, Departement: 109, Epci: 1266, Commune: 35_014, CodePostal: 35_539, AncienneCommune: 4_824}


pytestmark = pytest.mark.django_db


def test_loading_again_gives_exactly_the_files(capsys):
    held = Vintage.objects.get().digest
    call_command("load_reference_data")
    assert capsys.readouterr().out == "reference data: up to date\n"
    Vintage.objects.update(digest="another version")
    call_command("load_reference_data")
    assert "35014 communes" in capsys.readouterr().out
    assert {model: model.objects.count() for model in COUNTS} == COUNTS
    assert Vintage.objects.get().digest == held
    assert Commune.objects.filter(type="arrondissement").count() == 45
    assert not Commune.objects.filter(caf=None).exclude(departement__caf=None).exists()
    assert str(Commune.objects.get(pk="77100").caf) == "Caf de Seine-et-Marne"


def test_a_new_version_renames_merges_and_keeps_what_history_and_cafs_hold(files):
    Caf.objects.filter(pk="caf-77").update(adresse="1 rue Neuve", courriel_generique="petite.enfance@caf77.test")

    def change(row):
        if row["code_insee"] == "77288":
            row["nom"], row["codes_postaux"] = "Melun-sur-Seine", "77007"
        return row["code_insee"] != "77165"

    edit(files, "communes", change)
    with (files / "communes_anciennes.csv").open("a") as file:
        file.write("77165,Les Écrennes,ancien-code,77100,non\n")
    reference.load(now=NOW, folder=files)
    assert Commune.objects.get(pk="77288").nom == "Melun-sur-Seine"
    assert [match.commune.pk for match in communes_matching("melun-sur")] == ["77288"]
    assert "77288" not in [match.commune.pk for match in communes_matching("77000")]
    assert Commune.objects.get(pk="77165").actuelle is False
    assert (commune_by_code("77165").commune.pk, commune_by_code("77165").former) == ("77100", True)
    assert [match.ancien_nom for match in communes_matching("les ecrennes")] == ["Les Écrennes"]
    caf = Caf.objects.get(pk="caf-77")
    assert (caf.adresse, caf.courriel_generique) == ("1 rue Neuve", "petite.enfance@caf77.test")


def test_a_broken_file_changes_nothing(files):
    edit(files, "departements", lambda row: row.update(nom="X"))
    edit(files, "communes", lambda row: row.update(population="many"))
    with pytest.raises(ValueError, match="many"):
        reference.load(now=NOW, folder=files)
    assert not Departement.objects.filter(nom="X").exists()
