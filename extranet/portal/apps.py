from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "extranet.portal"
    label = "portal"
    verbose_name = "portail"

    def ready(self) -> None:
        from extranet.portal import tasks  # noqa: F401 -- bells are known in every process
