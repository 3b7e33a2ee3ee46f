"""Who may do what: a table of acts and roles an app, asked by screens (`may`) and by writes (`check`) alike."""

from collections.abc import Callable, Mapping

from extranet.core.errors import Forbidden

Acts = Mapping[str, frozenset[str]]


def of(acts: Acts) -> tuple[Callable[[str | None, str], bool], Callable[[str | None, str], None]]:
    """`may(role, act)` and `check(role, act)` of one table; no role, no right. An act that the table lacks is a
    KeyError.
    """

    def may(role: str | None, act: str) -> bool:
        return role in acts[act]

    def check(role: str | None, act: str) -> None:
        if not may(role, act):
            raise Forbidden

    return may, check
