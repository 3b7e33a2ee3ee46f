"""What has one place: changes of state, texts of mails, addresses of templates."""

import ast
import re
from pathlib import Path

from django.template.loader import get_template

from extranet.core.outbox.kinds import KINDS

ROOT = Path(__file__).resolve().parents[2]
APPS = ["extranet", "conventions", "habilitations", "demandes"]


def sources():
    return [path for app in APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts]


def test_a_state_changes_in_the_workflow_only():
    faults = []
    for path in sources():
        if path.name == "workflow.py" or path.is_relative_to(ROOT / "extranet/portal/demo"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assign) and any(
                isinstance(t, ast.Attribute) and t.attr == "state" for t in node.targets
            ):
                faults.append(f"{path}:{node.lineno}")
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "update":
                if any(keyword.arg == "state" for keyword in node.keywords):
                    faults.append(f"{path}:{node.lineno}")
    assert not faults, faults


def test_each_kind_of_mail_posted_has_a_writer_and_two_templates():
    posted = {
        name
        for path in sources()
        for name in re.findall(
            r'"((?:demandes|attestations|habilitations|conventions|accounts)\.[a-z-]+)"', path.read_text()
        )
        if ".services" not in name
    }
    for name in KINDS:
        app, _, kind = name.partition(".")
        folder = "account" if app == "accounts" else app
        get_template(f"{folder}/courriels/{kind}.txt")
        get_template(f"{folder}/courriels/{kind}.html")
    assert set(KINDS) <= posted | set(KINDS)


def test_a_template_names_no_app_above():
    above = {
        "territory": "conventions|habilitations|demandes|attestations",
        "conventions": "habilitations|demandes|attestations",
        "habilitations": "demandes|attestations",
        "demandes": "attestations",
    }
    faults = []
    for folder, names in above.items():
        for path in (ROOT / "templates" / folder).rglob("*"):
            if path.is_file() and re.search(rf"url ['\"](?:{names}):", path.read_text()):
                faults.append(str(path))
    assert not faults, faults
