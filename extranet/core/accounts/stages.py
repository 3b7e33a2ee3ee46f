"""What is asked at the door after the password, beside allauth's own stage for second factors."""

from allauth.account.stages import LoginStage
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect

from extranet.core import clock
from extranet.core.accounts import devices, factors, throttle
from extranet.core.accounts.models import User
from extranet.core.accounts.sessions import RECEIVED


class DeviceStage(LoginStage):
    """ACC-4.d: a device not seen before, of a person without second factor.

    A mailed password is such a code already: it was sent to the same mailbox, and serves once.
    """

    key = "appareil"
    urlname = "accounts:appareil"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        user = self.login.user
        if not isinstance(user, User) or not settings.SECOND_FACTOR_ASKED or self._is_known(user):
            return None, True
        self.ask(user)
        return redirect(self.urlname), True

    def _is_known(self, user: User) -> bool:
        mailed = (self.request.session.get(RECEIVED) or [None])[0] == user.pk
        return mailed or throttle.is_trusted_device(self.request, user) or factors.factors_of(user).exists()

    def ask(self, user: User) -> None:
        """A code by mail; past five an hour none, which the page says."""
        asked = devices.ask(user, now=clock.now())
        self.state["code"] = str(asked.uuid) if asked else ""
