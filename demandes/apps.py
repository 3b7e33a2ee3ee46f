from django.apps import AppConfig


class DemandesConfig(AppConfig):
    name = "demandes"
    verbose_name = "Demandes"

    def ready(self) -> None:
        from demandes import mails, tasks  # noqa: F401 -- kinds of mail and bells are known in every process
