from django.apps import AppConfig


class HabilitationsConfig(AppConfig):
    name = "habilitations"
    verbose_name = "habilitations"

    def ready(self) -> None:
        from habilitations import mails, tasks  # noqa: F401 -- kinds of mail and bells are known in every process
