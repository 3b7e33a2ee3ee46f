"""One line a log record, no personal data: the path without its tokens, never a query string or a body (RGP-2)."""

import logging
import re
from traceback import extract_tb
from typing import Any

# Private links and identifiers in addresses, and anything that looks like an address or a telephone.
_TOKEN = re.compile(r"(/(?:suivi|complement)/)[^/\s\"]+")
_MAIL = re.compile(r"[\w.+'-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"(?<![\w-])(?:\+\d{2,3}|0)[ .-]?\d(?:[ .-]?\d\d){4}(?!\d)")
_QUERY = re.compile(r"\?[^\s\"]+")


class Line(logging.Formatter):
    """Time, level, logger, message; personal data masked; one line even for a traceback (types and places only)."""

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if record.exc_info and record.exc_info[0]:
            text = f"{text} | {where(record.exc_info)}"
        stamp = self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z")
        return f"{stamp} {record.levelname} {record.name} {mask(text)}"


def mask(text: str) -> str:
    """`text` on one line without tokens, mail addresses, telephones or query strings."""
    text = _TOKEN.sub(r"\1…", text.replace("\n", " ⏎ "))
    return _PHONE.sub("…", _MAIL.sub("…", _QUERY.sub("?…", text)))


def where(exc_info: Any) -> str:
    """The error's type and the places it went through; its message may quote data and is left out."""
    kind, _, trace = exc_info
    places = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in extract_tb(trace)]
    return f"{kind.__name__} at " + " < ".join(reversed(places[-12:]))
