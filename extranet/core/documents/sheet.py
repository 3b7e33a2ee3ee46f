"""Tables for spreadsheets, as CSV: what people typed is shown by them and never worked out."""

import csv
import io
from collections.abc import Iterable, Sequence

# By these a spreadsheet knows a formula, also behind blanks, and in their wide forms.
_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def inert(value: object) -> str:
    """`value` as text that no spreadsheet takes for a formula."""
    text = str(value)
    return f"'{text}" if text.lstrip(" \u00a0\ufeff").startswith(_STARTS) or text.startswith(_STARTS) else text


def write(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """The table as spreadsheets in French open it: UTF-8 with its mark, semicolons."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=";")
    writer.writerow(headings)
    writer.writerows([inert(value) for value in row] for row in rows)
    return buffer.getvalue().encode("utf-8-sig")
