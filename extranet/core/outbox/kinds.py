"""What each kind of mail says, and where opaque addressees live: filled by the `mails.py` of each app."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse

from extranet.core.outbox.models import Message


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail ready to be rendered from `<template>.txt` and `<template>.html`."""

    subject: str
    template: str
    context: dict[str, Any] = field(default_factory=dict)


Writer = Callable[[Message, datetime], Mail | None]
After = Callable[[Message, datetime], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """A registered kind: its writer (None cancels), and what happens in the transaction that notes its sending."""

    name: str
    write: Writer
    when: str
    to: str
    after: After | None


KINDS: dict[str, Kind] = {}
RESOLVERS: dict[str, Callable[[str], str | None]] = {}


def mail(name: str, *, when: str, to: str, after: After | None = None) -> Callable[[Writer], Writer]:
    """Register the writer of kind `name`; `when` and `to` are the French words of the list of automatic mails (CTL-7)."""

    def register(writer: Writer) -> Writer:
        KINDS[name] = Kind(name, writer, when, to, after)
        return writer

    return register


def addressee(prefix: str) -> Callable[[Callable[[str], str | None]], Callable[[str], str | None]]:
    """Register how the address of `<prefix>:<id>` is found at sending; None when there is nobody to write to any more."""

    def register(resolver: Callable[[str], str | None]) -> Callable[[str], str | None]:
        RESOLVERS[prefix] = resolver
        return resolver

    return register


def address_of(recipient: str) -> str | None:
    """The address of an opaque addressee now, or None."""
    prefix, _, identifier = recipient.partition(":")
    return RESOLVERS[prefix](identifier) or None


def link(name: str, *args: object) -> str:
    """The absolute address of a page, for a mail."""
    return settings.PUBLIC_URL + reverse(name, args=args)
