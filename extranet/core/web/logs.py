"""One line a log record, in every process: type and place of an error, never a value,
a token or a query string (RGP-2).
"""

import logging
import logging.config
import numbers
import re
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from traceback import extract_tb
from types import TracebackType
from typing import Any
from uuid import UUID

from django.urls import URLPattern, URLResolver, get_resolver

# What is inside the address of a private link, and anything that looks like an address or a telephone.
_MAIL = re.compile(r"[\w.+'-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"(?<![\w-])(?:\+\d{2,3}|0)[ .-]?\d(?:[ .-]?\d\d){4}(?!\d)")
_QUERY = re.compile(r"\?[^\s\"]+")
_LONG_SEGMENT = re.compile(r"(?<=/)[\w.~:=-]{20,}(?=[/\s\"?]|$)")
# A library's own text of a traceback: its frames, then the line of the error, which may go on for many lines.
_TRACEBACK = re.compile(
    r"Traceback \(most recent call last\):\n(?P<frames>(?:[ \t].*\n)+)(?P<kind>[\w.]*)", re.MULTILINE
)
_FRAME = re.compile(r'^\s+File "([^"]+)", line (\d+), in (\S+)', re.MULTILINE)
_LIBRARIES = ("/site-packages/", "/lib/python")
_WARNING = re.compile(r"^(?:[^\n]*/)?([^/\n]+?):(\d+): (\w+): ")
# Of messages with named values (Celery, access logs), those that tell nothing of what was handled.
_TOLD = {"addr", "description", "dt_ms", "hostname", "id", "method", "name", "path", "protocol", "runtime", "scheme"}
_TOLD |= {"status", "time"}
_PLAIN = (str, numbers.Number, UUID, date, timedelta, type(None))
# Shorter texts of errors are codes and column numbers: masking them would spoil the line and hide nothing.
_SHORT = 4


def configure(config: dict[str, Any]) -> None:
    """What Django calls in every process: the loggers, then all that Python prints by itself."""
    logging.config.dictConfig(config)
    logging.captureWarnings(True)
    if logging.lastResort:  # a logger of a library without any handler
        logging.lastResort.setFormatter(Line())
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)
    sys.unraisablehook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    logging.getLogger("uncaught").critical("uncaught error", exc_info=(kind, error, trace))  # type: ignore[arg-type]


class Line(logging.Formatter):
    """Time, level, logger, message; one line even for a traceback;
    what a message quotes of an error or an object is left out.
    """

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else sys.exc_info()[1]
        text = _without(error, _reduced(_message(record)))
        if record.exc_info and record.exc_info[0]:
            text = f"{text} | {where(record.exc_info)}"
        stamp = self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z")
        return f"{stamp} {record.levelname} {record.name} {mask(text)}"


def _message(record: logging.LogRecord) -> str:
    """The message with its plain values; of anything else, an error first of all, the type."""
    args: Any = record.args
    if isinstance(args, Mapping):
        args = {key: _told(value) if key in _TOLD else "…" for key, value in args.items()}
    elif args:
        args = tuple(_told(value) for value in args)
    try:
        return str(record.msg) % args if args else _text(record.msg)
    except (TypeError, ValueError, KeyError):
        return f"{_text(record.msg)} (values left out)"


def _told(value: Any) -> Any:
    return value if isinstance(value, _PLAIN) else type(value).__name__


def _text(message: Any) -> str:
    return message if isinstance(message, str) else type(message).__name__


def _reduced(text: str) -> str:
    """`text` with what Python itself wrote of a warning or a traceback cut down to type and places."""
    if found := _WARNING.match(text):
        return f"{found[3]} at {found[1]}:{found[2]}"
    found = None
    parts = []
    for found in _TRACEBACK.finditer(text):
        parts.append(f"{found['kind'].rpartition('.')[2]} at {_places(_FRAME.findall(found['frames']))}")
    if found:
        text = text[: text.index("Traceback (most recent call last)")]
    # Libraries go on, on more lines, with the whole of what they could not handle.
    head, *others = text.strip().splitlines() or [""]
    return " | ".join([*([f"{head} …" if others else head] if head else []), *parts])


def _places(frames: Sequence[tuple[str, int | str, str]]) -> str:
    """Where it was raised, then our own code that led there, the nearest first."""
    ours = [frame for frame in frames[:-1] if not any(part in frame[0] for part in _LIBRARIES)]
    shown = [*frames[-1:], *reversed(ours[-8:])]
    return " < ".join(f"{file.rpartition('/')[2]}:{line} {function}" for file, line, function in shown)


def _without(error: BaseException | None, text: str) -> str:
    """`text` without the words of `error` and of those that it comes from."""
    for one in _chain(error):
        said = {str(one), repr(one), *(str(value) for value in one.args)}
        said |= {line for words in said for line in words.splitlines()}
        for words in sorted(said, key=len, reverse=True):
            if len(words) > _SHORT:
                text = text.replace(words, type(one).__name__)
    return text


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def mask(text: str) -> str:
    """`text` on one line without tokens, mail addresses, telephones or query strings."""
    text = _QUERY.sub("?…", " ".join(text.split()))
    return _PHONE.sub("…", _MAIL.sub("…", _mask_tokens(text)))


def where(exc_info: Any) -> str:
    """The error's type, those that it comes from, and the places it went through; its message may quote data."""
    kind, error, trace = exc_info
    kinds = [type(one).__name__ for one in _chain(error)] or [kind.__name__]
    frames = [(frame.filename, frame.lineno or 0, frame.name) for frame in extract_tb(trace)]
    return f"{' from '.join(kinds)} at {_places(frames)}"


# --- tokens of private links ----------------------------------------------------------------------------------------

_routes: re.Pattern[str] | None = None


def _mask_tokens(text: str) -> str:
    """Each part of an address that the URL table names `token` is masked: a new private link needs no line here."""
    global _routes
    if "/" not in text:
        return text
    if _routes is None:
        try:
            before = "|".join(sorted(_before_tokens(get_resolver()))) or "(?!)"
            _routes = re.compile(f'({before})[^/\\s"]+')
        except Exception:  # the table is being read, or cannot be: then every long part of an address goes
            return _LONG_SEGMENT.sub("…", text)
    return _routes.sub(r"\1…", text)


def _before_tokens(resolver: URLResolver, before: str = "/") -> Iterator[str]:
    """What comes before each `<…:token>` of the table, as a regular expression."""
    for entry in resolver.url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _before_tokens(entry, route)
        elif isinstance(entry, URLPattern) and (at := re.search(r"<(?:\w+:)?token>", route)):
            fixed = re.split(r"<[^>]+>", route[: at.start()])
            yield "[^/]+".join(re.escape(part) for part in fixed)
