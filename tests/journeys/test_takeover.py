"""An agent brings in the running conventions of its Caf before lunch: model, report, agreement, in a real browser."""

import pytest

from conventions.models import Convention, Reprise
from extranet.core.accounts.models import User
from tests.conventions.test_import import as_ods, row
from tests.journeys.test_pages import faults_of, login, site  # noqa: F401 -- a fixture

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.rule("CON-13.b")
@pytest.mark.rule("CON-13.c")
@pytest.mark.rule("CON-13.d")
def test_sixty_conventions_by_lunch(site, new_page, tmp_path):  # noqa: F811
    page = new_page()
    login(page, site, "agent.77@demo.test")
    page.goto(f"{site}/admin/conventions/convention/")
    page.click("text=Reprendre par fichier")
    with page.expect_download() as model:
        page.click("text=classeur ODS")
    assert model.value.suggested_filename == "conventions-a-reprendre.ods"
    file = tmp_path / "conventions.ods"
    file.write_bytes(as_ods(*map(row, range(1, 60)), row(60, lieu_telephone="12")))
    page.set_input_files("[name=fichier]", file)
    page.click("text=Vérifier le fichier")
    assert "59 conventions peuvent être reprises" in page.inner_text("main, #content")
    assert "Ligne 61, « Téléphone du lieu »" in page.inner_text("#content")
    before = Convention.objects.count()
    assert not Reprise.objects.exists()
    faults = faults_of(page, "report")
    page.click("text=Reprendre ces 59 conventions")
    assert "59 conventions sont reprises" in page.inner_text("#content")
    faults += faults_of(page, "what was done")
    assert Convention.objects.count() == before + 59
    page.reload()  # the browser sends it again
    assert Convention.objects.count() == before + 59
    page.click("table a >> nth=0")
    assert "Convention en cours, reprise le" in page.inner_text("#content")
    faults += faults_of(page, "a convention taken over")
    assert User.objects.filter(email__endswith="@exemple.fr").count() == 0  # nobody has access before an activation
    assert not faults, "\n".join(faults)
