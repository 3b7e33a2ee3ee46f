from django.apps import AppConfig


class HabilitationsConfig(AppConfig):
    name = "habilitations"
    verbose_name = "Habilitations"

    def ready(self) -> None:
        from extranet.core.accounts import factors, passwords
        from extranet.core.accounts import services as accounts
        from habilitations import mails, queries  # noqa: F401 -- kinds of mail are known in every process
        from habilitations.services import persons

        if persons.tell_colleagues not in accounts.AFTER_CHOICE:
            accounts.AFTER_CHOICE.append(persons.tell_colleagues)
            passwords.ABOUT.append(persons.words_about)
            factors.ASKED.append(queries.needs_factor)
