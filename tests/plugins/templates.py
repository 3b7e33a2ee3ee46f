"""A variable that one of our templates names and its page does not give fails the test: else it would show nothing.

Said on purpose: `{% if x %}`, `{% for y in x %}`, `{{ x|default:… }}`. Templates of Django and of others are let alone.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from django.template.base import FilterExpression, Node, Variable, VariableDoesNotExist

OURS = str(Path(__file__).resolve().parents[2] / "templates")
_resolve = Variable.resolve
_found: list[str] = []


def _template_of(frame: FrameType | None) -> str:
    """The file of the innermost tag or variable that is being rendered."""
    while frame is not None:
        node = frame.f_locals.get("self")
        if isinstance(node, Node):
            return str(getattr(node, "origin", ""))
        frame = frame.f_back
    return ""


def resolve(self: Variable, context: Any) -> Any:
    """Django's own, which says what it would have passed over in silence."""
    try:
        return _resolve(self, context)
    except VariableDoesNotExist:
        caller = sys._getframe(1)
        asked = caller.f_locals.get("self")
        if isinstance(asked, FilterExpression) and caller.f_code is FilterExpression.resolve.__code__:
            names = [getattr(function, "_filter_name", "") for function, _ in asked.filters]
            silent = caller.f_locals["ignore_failures"] or "default" in names[:1]
            template = "" if silent else _template_of(caller)
            if template.startswith(OURS):
                _found.append(f"{template.removeprefix(OURS)}: {asked.token}")
                pytest.fail(f"undefined in {_found[-1]}")
        raise


@pytest.fixture(autouse=True)
def undefined(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What was undefined so far, in whichever thread: nothing, at the end of a test."""
    _found.clear()
    monkeypatch.setattr(Variable, "resolve", resolve)
    yield _found
    assert not _found
