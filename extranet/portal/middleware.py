"""What the first request after midnight sees to, whatever becomes of the workers."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse

from demandes.services import destruction
from extranet.core import clock
from extranet.core.dates import paris_date
from extranet.core.vault import days, sealing

logger = logging.getLogger(__name__)

AGAIN = timedelta(minutes=10)


class EndOfDay:
    """CNS-10.c: each web process destroys the keys of the days that are over before it answers anything on a new day.

    What cannot be done is tried again after ten minutes; no page waits for it or fails with it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response
        self.next: datetime | None = None

    def __call__(self, request: HttpRequest) -> HttpResponse:
        now = clock.now()
        if self.next is None or now >= self.next or paris_date(now) != paris_date(self.next - AGAIN):
            self.next = now + AGAIN
            self._see_to_keys(now)
        return self.get_response(request)

    def _see_to_keys(self, now: datetime) -> None:
        today = paris_date(now)
        sealing.forget(before=today)
        try:
            if days.overdue(today):
                destruction.note_clock(clock.reading())
                destruction.destroy_keys(now=now)
        except Exception:
            logger.exception("keys of days before %s not destroyed", today)
