"""Ended sessions leave the database."""

from datetime import datetime

from django.contrib.sessions.models import Session


def forget_ended(*, now: datetime) -> int:
    """Delete the rows of sessions past their end."""
    return Session.objects.filter(expire_date__lt=now).delete()[0]
