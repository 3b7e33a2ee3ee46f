"""Rules and tests keep each other honest: a clause marked ● in docs/rules.md has a test, a mark names a clause."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

RULES = Path(__file__).resolve().parents[2] / "docs" / "rules.md"
CLAUSE = re.compile(r"^ +- ([A-Z]{3}-\d+\.[a-z]) ([●○]) ", re.MULTILINE)


def read(text: str) -> dict[str, bool]:
    """Clause id → is it true today (●)."""
    found = CLAUSE.findall(text)
    clauses = {name: mark == "●" for name, mark in found}
    if len(clauses) != len(found):
        raise ValueError("docs/rules.md gives one letter twice")
    return clauses


def unproven(clauses: dict[str, bool], named: Iterable[str]) -> list[str]:
    """Clauses said to be true that no test names."""
    return sorted({name for name, true in clauses.items() if true} - set(named))


def unknown(clauses: dict[str, bool], marks: Iterable[tuple[str, str]]) -> list[str]:
    """Marks (test, name) that name a whole rule, or no clause at all."""
    return [f"{test}: {name or 'nothing'}" for test, name in marks if name not in clauses]


def _marks(items: Iterable[pytest.Item]) -> list[tuple[str, str]]:
    return [
        (item.nodeid, name)
        for item in items
        for mark in item.iter_markers("rule")
        for name in (mark.args or ("",))  # an empty mark names nothing
    ]


def _complete(config: pytest.Config) -> bool:
    """Was every test asked for? Otherwise a clause without a test tells nothing."""
    chosen = config.option
    narrowed = chosen.keyword or chosen.markexpr or chosen.deselect or chosen.ignore or chosen.ignore_glob
    return config.args_source == pytest.Config.ArgsSource.TESTPATHS and not (
        narrowed or getattr(chosen, "lf", False) or getattr(chosen, "stepwise", False)
    )


MARKS = pytest.StashKey[list[tuple[str, str]]]()
FAULTS = pytest.StashKey[list[str]]()


def pytest_collection_finish(session: pytest.Session) -> None:
    marks = session.config.stash[MARKS] = _marks(session.items)
    if hasattr(session.config, "workeroutput"):  # a worker of xdist: each collects everything, the controller judges
        session.config.workeroutput["marks"] = marks


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    node.config.stash[MARKS] = [tuple(mark) for mark in getattr(node, "workeroutput", {}).get("marks", [])]


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if hasattr(session.config, "workeroutput"):
        return
    clauses, marks = read(RULES.read_text(encoding="utf-8")), session.config.stash.get(MARKS, [])
    faults = [f"Not a clause of docs/rules.md: {fault}" for fault in unknown(clauses, marks)]
    if _complete(session.config):
        faults += [f"Marked ● without a test: {name}" for name in unproven(clauses, [name for _, name in marks])]
    session.config.stash[FAULTS] = faults
    if faults:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for fault in terminalreporter.config.stash.get(FAULTS, []):
        terminalreporter.write_line(fault, red=True)
