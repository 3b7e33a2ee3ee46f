"""What has one place: changes of state, texts of mails, addresses of templates."""

import ast
import re
from pathlib import Path

from django.apps import apps
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


KIND = re.compile("(?:accounts|attestations|conventions|demandes|habilitations|journal)\\.[a-z-]+")
NO_POSTING = {"mail", "digest", "keys", "include", "record", "record_rows"}


def posted():
    """Kinds that are handed to a call by place, or stand first in a row of many."""
    for path in sources():
        tree = ast.parse(path.read_text())
        named = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            given = []
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "attr", getattr(node.func, "id", "")) not in NO_POSTING
            ):
                given = node.args
            elif isinstance(node, ast.Tuple) and len(node.elts) == 4:
                given = node.elts[:1]
            values = (named.get(one.id) if isinstance(one, ast.Name) else one for one in given)
            for one in values:
                if isinstance(one, ast.Constant) and KIND.fullmatch(str(one.value)):
                    yield one.value


def test_each_kind_of_mail_is_posted_somewhere_and_each_posted_one_has_a_writer_and_two_templates():
    labels = {model._meta.label_lower for model in apps.get_models()}
    assert set(posted()) - (labels - set(KINDS)) == set(KINDS)
    for name in KINDS:
        app, _, kind = name.partition(".")
        folder = "account" if app == "accounts" else app
        get_template(f"{folder}/courriels/{kind}.txt")
        get_template(f"{folder}/courriels/{kind}.html")


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
