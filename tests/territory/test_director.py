"""Who signs for a Caf, as its papers name it (CON-2)."""

import pytest
from django.db import IntegrityError, transaction

from extranet.core.journal.models import Entry
from extranet.territory.models import Caf

pytestmark = [pytest.mark.django_db, pytest.mark.rule("CON-2.i")]
URL = "/admin/territory/caf/caf-77/acte/direction/"
TYPED = {
    "directeur_civilite": "Mme",
    "directeur_prenom": "Claude",
    "directeur_nom": "Exemple",
    "directeur_qualite": "directrice",
}
NOBODY = dict.fromkeys(TYPED, "")


@pytest.mark.parametrize(("role", "caf"), [("superviseur", "caf-77"), ("cnaf", None)])
def test_it_is_named_on_a_page_and_taken_away_again(login, role, caf):
    client = login(role, caf)
    assert Caf.objects.get(pk="caf-77").directeur == ""
    assert URL in client.get("/admin/territory/caf/caf-77/change/").content.decode()
    answer = client.post(URL, TYPED, follow=True)
    assert "La direction est enregistrée." in answer.content.decode()
    assert "Direction modifiée" in answer.content.decode()
    named = Caf.objects.get(pk="caf-77")
    assert (named.directeur, named.directeur_qualite) == ("Madame Claude Exemple", "directrice")
    assert 'value="Exemple"' in client.get(URL).content.decode()
    assert client.post(URL, NOBODY).status_code == 302
    assert Caf.objects.get(pk="caf-77").directeur == ""
    assert Entry.objects.filter(event="caf.direction", actor=f"user:{client.user.uuid}").count() == 2


@pytest.mark.parametrize("missing", TYPED)
def test_a_name_in_part_is_refused_beside_what_is_missing_and_what_was_typed_is_kept(login, missing):
    answer = login("superviseur").post(URL, TYPED | {missing: ""})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [missing]
    for name, value in TYPED.items():
        assert name == missing or value in answer.content.decode()
    assert not Entry.objects.exists()
    with pytest.raises(IntegrityError), transaction.atomic():
        Caf.objects.filter(pk="caf-77").update(**TYPED | {missing: ""})


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("directeur_nom", "Ex\x07emple", "pas permis"),
        ("directeur_prenom", "C" * 101, "100 caractères"),
        ("directeur_civilite", "Dr", "choix"),
    ],
)
def test_what_cannot_be_a_name_is_refused(login, field, typed, words):
    answer = login("superviseur").post(URL, TYPED | {field: typed})
    assert answer.status_code == 422
    assert words in " ".join(answer.context["form"].errors[field])


@pytest.mark.parametrize("role", ["gestionnaire", "lecteur"])
def test_only_a_superviseur_or_the_cnaf_names_it_and_only_in_its_caf(login, role):
    client = login(role)
    assert URL not in client.get("/admin/territory/caf/caf-77/change/").content.decode()
    assert client.post(URL, TYPED).status_code == 403
    assert login("superviseur").post(URL.replace("caf-77", "caf-91"), TYPED).status_code == 404
    assert Caf.objects.exclude(directeur_nom="").count() == 0
