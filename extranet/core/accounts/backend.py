"""Logging in with an address and a password, one's own or one received by mail."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest

from extranet.core import clock
from extranet.core.accounts import services
from extranet.core.accounts.models import User
from extranet.core.accounts.sessions import RECEIVED


class AddressBackend(ModelBackend):
    """One password hash and one hash of mailed passwords for every attempt, known address or not (ACT-5)."""

    def authenticate(  # type: ignore[override]
        self, request: HttpRequest | None, email: str = "", password: str = "", username: str = "", **kwargs: Any
    ) -> User | None:
        now = clock.now()
        user = User.objects.filter(email=(email or username or "").strip().lower()).first()
        if user:
            own = user.check_password(password)
        else:
            make_password(password)
            own = False
        active = user if user and user.is_active else None
        received = services.received(active, password, now=now)
        if not active or not (own or received):
            services.note_wrong_try(active, now=now)
            return None
        if request is not None and hasattr(request, "session"):
            request.session.pop(RECEIVED, None)
            if received:  # used once everything else that is asked at the door is there (ACC-4)
                request.session[RECEIVED] = [active.pk, received.pk]
        return active
