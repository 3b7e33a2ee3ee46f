"""What the documents say is what the code does."""

import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command, get_commands

from extranet.portal.management.commands import print_tables

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.rule("DEM-5.b")
def test_the_states_on_paper_are_those_of_the_code():
    printed = StringIO()
    call_command("print_states", stdout=printed)
    assert (ROOT / "docs/etats.md").read_text(encoding="utf-8") == printed.getvalue()


def test_the_tables_on_paper_are_those_of_the_models():
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    assert page == print_tables.written_into(page), "python manage.py print_tables --write"
    printed = StringIO()
    call_command("print_tables", stdout=printed)
    assert printed.getvalue().strip() in page


def test_the_readme_names_commands_variables_and_files_that_exist():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.split("### Commands")[1].split("##")[0]
    named = set(re.findall(r"^\| `([a-z_]+)[ `]|, `([a-z_]+) ", table, re.MULTILINE))
    named = {name for pair in named for name in pair if name}
    assert {"ingest_deliveries", "sweep", "check_integrity"} <= named <= get_commands().keys()
    settings = "".join(path.read_text() for path in [*ROOT.glob("extranet/settings/*.py"), *ROOT.glob("deploy/*.py")])
    for variable in re.findall(r"`([A-Z][A-Z_]{3,})`", readme.split("### Environment")[1].split("###")[0]):
        assert variable in settings or variable in {"DATABASE_URL"}, variable
    for target in re.findall(r"\]\(((?!http)[^)#]+)\)", readme):
        assert (ROOT / target).exists(), target
