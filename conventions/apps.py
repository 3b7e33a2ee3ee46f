from django.apps import AppConfig


class ConventionsConfig(AppConfig):
    name = "conventions"
    verbose_name = "Conventions"

    def ready(self) -> None:
        from conventions import mails, tasks  # noqa: F401 -- kinds of mail and bells are known in every process
