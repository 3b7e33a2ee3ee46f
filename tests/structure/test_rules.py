"""The gate of rules itself: it fails on what it must, and on nothing else."""

import pytest

from tests.plugins import rules

TEXT = """
## HAB — application

- HAB-1 The form
  - HAB-1.a ● It takes the lieu.
  - HAB-1.b ○ It takes
    more; HAB-9.z ● is only spoken of.
"""


def test_clauses_are_read_with_what_is_true_of_them():
    assert rules.read(TEXT) == {"HAB-1.a": True, "HAB-1.b": False}
    with pytest.raises(ValueError, match="twice"):
        rules.read(TEXT + "  - HAB-1.a ● The same letter again.\n")


def test_a_true_clause_without_a_test_is_named_and_one_not_built_may_go_without():
    clauses = rules.read(TEXT)
    assert rules.unproven(clauses, []) == ["HAB-1.a"]
    assert rules.unproven(clauses, ["HAB-1.b"]) == ["HAB-1.a"]
    assert rules.unproven(clauses, ["HAB-1.a"]) == []


@pytest.mark.parametrize("name", ["HAB-1", "HAB-1.c", "HAB-2.a", "hab-1.a", "HAB-1.a ", ""])
def test_a_mark_that_names_a_whole_rule_or_no_clause_is_a_fault(name):
    assert rules.unknown(rules.read(TEXT), [("test_x", name), ("test_y", "HAB-1.b")]) == [
        f"test_x: {name or 'nothing'}"
    ]


def test_a_run_of_marked_tests_fails_by_the_gate_and_says_which(pytester, monkeypatch):
    pytester.makepyfile("import pytest\n@pytest.mark.rule('HAB-1')\n@pytest.mark.rule('HAB-1.b')\ndef test_x(): pass\n")
    pytester.makeini("[pytest]\ntestpaths = .\nmarkers = rule(clause): x")
    (pytester.path / "rules.md").write_text(TEXT, encoding="utf-8")
    monkeypatch.setattr(rules, "RULES", pytester.path / "rules.md")
    plugins = ("-p", "no:django", "-p", "no:cacheprovider")
    whole = pytester.inline_run(*plugins, plugins=[rules])
    assert (whole.ret, whole.countoutcomes()) == (pytest.ExitCode.TESTS_FAILED, [1, 0, 0])
    [named, missing] = whole.getcalls("pytest_sessionfinish")[0].session.config.stash[rules.FAULTS]
    assert named.endswith("test_x: HAB-1")
    assert missing.endswith("HAB-1.a")
    part = pytester.inline_run(*plugins, "-k", "test_x", plugins=[rules])
    assert [named] == part.getcalls("pytest_sessionfinish")[0].session.config.stash[rules.FAULTS]


def test_the_project_s_own_clauses_are_all_read():
    """A line of docs/rules.md that looks like a clause and is not read would be held by nothing."""
    text = rules.RULES.read_text(encoding="utf-8")
    written = [line for line in text.splitlines() if line.startswith("  - ")]
    assert len(rules.read(text)) == len(written) > 300
