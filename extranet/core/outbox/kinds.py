"""What each kind of mail says, and where opaque addressees live: filled by the `mails.py` of each app."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse

from extranet.core.languages import SOURCE
from extranet.core.outbox.models import Message


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail ready to be rendered from `<template>.txt` and `<template>.html`."""

    subject: str
    template: str
    context: dict[str, Any] = field(default_factory=dict)
    langue: str = SOURCE


Loader = Callable[[Sequence[Message], datetime], Mapping[Any, Any]]
Writer = Callable[[Message, datetime], Mail | None]
After = Callable[[Sequence[Message]], None]
Resolver = Callable[[Collection[str], datetime], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A registered kind.

    `load` reads what many messages need at once: message key → what their writer finds in `message.loaded`. The
    writer's None cancels. `after` runs in the transaction that notes that messages were accepted, each with its
    `sent_at`. `liste`: the notifications that professionals sort together (List-Id, RFC 2919); none for families, nor
    for a mail that concerns one person or holds a secret.
    """

    name: str
    write: Writer
    when: str
    to: str
    load: Loader | None
    after: After | None
    liste: str


KINDS: dict[str, Kind] = {}
RESOLVERS: dict[str, Resolver] = {}


def mail(
    name: str, *, when: str, to: str, load: Loader | None = None, after: After | None = None, liste: str = ""
) -> Callable[[Writer], Writer]:
    """Register the writer of kind `name`; `when` and `to` are the French words of the list of automatic mails
    (CTL-7).
    """

    def register(writer: Writer) -> Writer:
        KINDS[name] = Kind(name, writer, when, to, load, after, liste)
        return writer

    return register


def addressee(prefix: str) -> Callable[[Resolver], Resolver]:
    """Register how the addresses of `<prefix>:<id>` are found at sending, many at once:
    id → address, where there is one.
    """

    def register(resolver: Resolver) -> Resolver:
        RESOLVERS[prefix] = resolver
        return resolver

    return register


def objects_of(name: str, rows: Callable[[datetime], QuerySet[Any]]) -> Loader:
    """The loader of messages that are about one object each, `about[name]`: it is read from `rows` of that moment; its
    writer finds None where it is not among them.
    """

    def load(messages: Sequence[Message], now: datetime) -> dict[Any, Any]:
        found = rows(now).in_bulk([message.about[name] for message in messages])
        return {message.pk: found.get(message.about[name]) for message in messages}

    return load


def addresses_of(recipients: Iterable[str], now: datetime) -> dict[str, str]:
    """Opaque addressee → its address now; nothing for those whom nobody can write to any more."""
    by_prefix: dict[str, set[str]] = defaultdict(set)
    for recipient in recipients:
        prefix, _, identifier = recipient.partition(":")
        by_prefix[prefix].add(identifier)
    return {
        f"{prefix}:{identifier}": address
        for prefix, identifiers in by_prefix.items()
        for identifier, address in RESOLVERS[prefix](identifiers, now).items()
        if address
    }


def link(name: str, *args: object) -> str:
    """The absolute address of a page, for a mail."""
    return settings.PUBLIC_URL + (reverse(name, args=args) if args else _page(name))


@lru_cache(maxsize=64)
def _page(name: str) -> str:
    return reverse(name)
