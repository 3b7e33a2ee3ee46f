"""What the portal changes in allauth: accounts are opened by the Caf only, and wrong tries are held (ACT-7)."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal import ratelimit
from django.http import HttpRequest, HttpResponse

from extranet.core.accounts import throttle
from extranet.core.accounts.models import User
from extranet.core.accounts.person import person
from extranet.core.accounts.throttle import TOO_MANY
from extranet.core.web.middleware import MUST_CHOOSE


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
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Mails of the portal leave by the outbox only."""

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
        must_choose = request.session.get(MUST_CHOOSE)
        super().login(request, user)  # which empties the session of somebody else
        if must_choose:
            request.session[MUST_CHOOSE] = True

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        throttle.note_right(throttle.counted_as(request, user.email))
        response = super().post_login(request, user, **kwargs)
        throttle.remember_device(response, user.email)
        return response
