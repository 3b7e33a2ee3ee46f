from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "extranet.core.accounts"
    label = "accounts"
    verbose_name = "comptes"

    def ready(self) -> None:
        from extranet.core.accounts import mails  # noqa: F401 -- kinds of mail are known in every process
