"""What the portal changes in allauth: accounts are opened by the Caf only."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class Adapter(DefaultAccountAdapter):
    """No sign-up; French words for a refused login."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "Cette adresse ou ce mot de passe n’est pas le bon. Un mot de passe reçu par "
        "courriel ne sert qu’une fois et expire : demandez-en un nouveau si besoin.",
        "too_many_login_attempts": "Trop d’essais. Attendez quelques minutes, puis recommencez.",
        "incorrect_password": "Ce mot de passe n’est pas le bon.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Mails of the portal leave by the outbox only."""
