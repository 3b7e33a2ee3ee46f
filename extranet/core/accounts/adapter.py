"""What the portal changes in allauth: accounts are opened by the Caf only, and wrong tries are held (ACT-7)."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal import ratelimit
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from extranet.core import clock
from extranet.core.accounts import factors, services, sessions, throttle
from extranet.core.accounts.models import User
from extranet.core.accounts.person import person
from extranet.core.accounts.sessions import RECEIVED
from extranet.core.accounts.throttle import TOO_MANY
from extranet.core.web.middleware import MUST_CHOOSE, MUST_ENROL


class Adapter(DefaultAccountAdapter):
    """No sign-up; French words for a refused login."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "Cette adresse ou ce mot de passe n’est pas le bon. Un mot de passe reçu par "
        "courriel ne sert qu’une fois et expire : demandez-en un nouveau si besoin.",
        TOO_MANY: "Trop d’essais. Attendez quelques minutes, puis recommencez.",
        "incorrect_password": "Ce mot de passe n’est pas le bon.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_ajax(self, request: HttpRequest) -> bool:
        """Only what the login page asks of a passkey is answered with data, not with a page."""
        match = request.resolver_match
        return bool(match and match.url_name == "mfa_login_webauthn" and request.method == "GET")

    def get_login_stages(self) -> list[str]:
        return [*super().get_login_stages(), "extranet.core.accounts.stages.DeviceStage"]

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        words = {
            "reauthenticate": "Avec votre mot de passe",
            "mfa_reauthenticate": "Avec un code de l’application ou de secours",
            "mfa_reauthenticate:webauthn": "Avec une clé d’accès",
        }
        return [way | {"description": words[way["id"]]} for way in super().get_reauthentication_methods(user)]

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Mails of the portal leave by the outbox only."""

    def send_notification_mail(self, template_prefix: str, user: Any, *args: Any, **kwargs: Any) -> None:
        """What allauth tells of: a second factor was added or taken away, by its person. Without one that it needs,
        the person reaches no other page until it has one again (ACC-4.a).
        """
        if change := factors.CHANGES.get(template_prefix):
            now = clock.now()
            factors.note_change(user, change, by=user, now=now)
            if factors.must_enrol(user, now):
                self.request.session[MUST_ENROL] = True

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """ACT-7: count the try before anything is judged. On a device of one's own, only one's own tries count."""
        email = credentials.get("email", "")
        counted = throttle.counted_as(request, email)
        if throttle.is_held(counted):
            raise self.validation_error(TOO_MANY)
        action = "login_failed_own_device" if throttle.is_own_device(request, email) else "login_failed"
        self._login_failed_rl_usage = ratelimit.consume(request, app="allauth.account", action=action, key=counted)
        if not self._login_failed_rl_usage:
            throttle.note_wrong(counted)
            raise self.validation_error(TOO_MANY)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        throttle.note_wrong(throttle.counted_as(request, credentials.get("email", "")))

    def confirm_password(self, request: HttpRequest, password: str) -> None:
        """The own password of who is logged in; see `confirmation.confirm_password`."""
        user = person(request)
        self.pre_authenticate(request, email=user.email)
        if not user.check_password(password):
            self.authentication_failed(request, email=user.email)
            raise self.validation_error("incorrect_password")
        self._rollback_login_failed_rl_usage()
        throttle.note_right(throttle.counted_as(request, user.email))

    def reauthenticate(self, user: User, password: str) -> bool:
        """Asked by allauth's own page; the same as everywhere."""
        self.confirm_password(self.request, password)
        return True

    def login(self, request: HttpRequest, user: User) -> None:
        """Everything asked at the door was there: a mailed password is used now, and not before (ACT-2.c, ACC-4)."""
        now = clock.now()
        account, secret = request.session.get(RECEIVED) or (None, 0)
        if account == user.pk and not services.spend(user, secret, now=now):
            messages.error(request, "Ce mot de passe a déjà servi, ou il a expiré. Demandez-en un nouveau.")
            request.session.pop(RECEIVED)
            raise ImmediateHttpResponse(redirect("account_login"))
        super().login(request, user)  # which empties the session of somebody else
        User.objects.filter(pk=user.pk).update(last_login=now)  # by the portal's clock, which ACC-6.d reads
        request.session.pop(RECEIVED, None)
        for flag, raised in ((MUST_CHOOSE, account == user.pk), (MUST_ENROL, factors.must_enrol(user, now))):
            if raised:
                request.session[flag] = True
        sessions.opened(request, user, now=now)

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        throttle.note_right(throttle.counted_as(request, user.email))
        response = super().post_login(request, user, **kwargs)
        throttle.remember_device(response, user)
        return response
