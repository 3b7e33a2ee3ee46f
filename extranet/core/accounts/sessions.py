"""ACC-5.b: a person's open sessions, as rows beside those of Django: seen by their person, ended on the server."""

import re
from datetime import datetime, timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from extranet.core.accounts.models import SessionOuverte, User
from extranet.core.errors import NotFound
from extranet.core.journal import services as journal
from extranet.core.web.network import plain

RECEIVED = "accounts.received"
"""In the session of somebody at the door: [account, mailed password] that opened it and is not used yet."""

IDLE, WHOLE = timedelta(minutes=30), timedelta(hours=10)

BROWSERS = [
    ("Edge", r"Edg(e|A|iOS)?/"),
    ("Opera", r"OPR/"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Firefox", r"Firefox/|FxiOS/"),
    ("Chrome", r"Chrome/|CriOS/"),
    ("Safari", r"Safari/"),
]
SYSTEMS = [
    ("un iPhone", r"iPhone"),
    ("un iPad", r"iPad"),
    ("Android", r"Android"),
    ("Windows", r"Windows"),
    ("un Mac", r"Macintosh"),
    ("ChromeOS", r"CrOS"),
    ("Linux", r"Linux"),
]


def device_in_words(agent: str) -> str:
    """« Firefox sur Windows », from what the browser says of itself."""
    browser = next((name for name, sign in BROWSERS if re.search(sign, agent)), "Navigateur inconnu")
    system = next((name for name, sign in SYSTEMS if re.search(sign, agent)), "")
    return f"{browser} sur {system}" if system else browser


def opened(request: HttpRequest, user: User, *, now: datetime) -> None:
    """Note the session that has just been opened."""
    if not request.session.session_key:
        request.session.save()
    facts: dict[str, Any] = {
        "user": user,
        "adresse_reseau": plain(request.META.get("REMOTE_ADDR", "")) or None,
        "appareil": device_in_words(request.headers.get("User-Agent", "")),
        "opened_at": now,
        "seen_at": now,
    }
    SessionOuverte.objects.update_or_create(session_key=request.session.session_key, defaults=facts)


def seen(session_key: str | None, *, now: datetime) -> None:
    """Its last use; called now and then, not at each request."""
    SessionOuverte.objects.filter(session_key=session_key).update(seen_at=now)


def renamed(before: str | None, after: str | None) -> None:
    """The session goes on under another key."""
    SessionOuverte.objects.filter(session_key=before).update(session_key=after)


def sessions_of(user: User, *, now: datetime) -> QuerySet[SessionOuverte]:
    """Those that still open something, the last used first (ACC-5.a)."""
    held = SessionOuverte.objects.filter(user=user, session_key__in=Session.objects.values("session_key"))
    return held.filter(seen_at__gte=now - IDLE, opened_at__gte=now - WHOLE).order_by("-seen_at", "-pk")


@transaction.atomic
def end(user: User, name: str, *, now: datetime) -> None:
    """End one of one's own sessions on the server: its next request is nobody's. NotFound for another's."""
    try:
        found = SessionOuverte.objects.filter(user=user, uuid=name).first()
    except ValidationError:  # no name of anything
        found = None
    if found is None:
        raise NotFound
    _end([found])
    journal.record("compte.session-fermee", user, by=user, at=now)


@transaction.atomic
def end_others(user: User, *, but: str | None, now: datetime) -> None:
    """End all of one's sessions but the present one."""
    if _end(list(SessionOuverte.objects.filter(user=user).exclude(session_key=but or ""))):
        journal.record("compte.sessions-fermees", user, by=user, at=now)


def end_all(user: User) -> None:
    """End all sessions of a person."""
    _end(list(SessionOuverte.objects.filter(user=user)))


def _end(rows: list[SessionOuverte]) -> int:
    Session.objects.filter(pk__in=[row.session_key for row in rows]).delete()
    return SessionOuverte.objects.filter(pk__in=[row.pk for row in rows]).delete()[0]


def forget_ended(*, now: datetime) -> int:
    """Rows of sessions past their end leave with them."""
    ended = Session.objects.filter(expire_date__lt=now).delete()[0]
    alive = Session.objects.values("session_key")
    return ended + SessionOuverte.objects.exclude(session_key__in=alive).delete()[0]
