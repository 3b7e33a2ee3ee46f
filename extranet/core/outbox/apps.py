from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "extranet.core.outbox"
    label = "outbox"
    verbose_name = "courriels"

    def ready(self) -> None:
        from extranet.core.outbox import tasks  # noqa: F401 -- bells are known in every process
