"""A rule marked ● in docs/rules.md without a test fails a complete run."""

import re
from pathlib import Path

import pytest

RULES = Path(__file__).resolve().parents[2] / "docs" / "rules.md"


def due_rules() -> set[str]:
    """Ids marked ● in the project's copy of the rules."""
    return set(re.findall(r"^- ([A-Z]{3}-\d+) ●", RULES.read_text(encoding="utf-8"), re.MULTILINE))


def pytest_collection_finish(session: pytest.Session) -> None:
    proven = {mark.args[0] for item in session.items for mark in item.iter_markers("rule")}
    session.config.stash[PROVEN] = proven


PROVEN = pytest.StashKey[set[str]]()


def _complete(config: pytest.Config) -> bool:
    return not (config.option.keyword or config.option.markexpr or config.invocation_params.args)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if _complete(session.config) and (missing := due_rules() - session.config.stash.get(PROVEN, set())):
        session.config.stash[MISSING] = missing
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


MISSING = pytest.StashKey[set[str]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if missing := terminalreporter.config.stash.get(MISSING, set()):
        terminalreporter.write_line(f"Rules without a test: {', '.join(sorted(missing))}", red=True)
