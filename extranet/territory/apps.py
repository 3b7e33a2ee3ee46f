from django.apps import AppConfig


class TerritoryConfig(AppConfig):
    name = "extranet.territory"
    label = "territory"
    verbose_name = "Territoire"

    def ready(self) -> None:
        from extranet.territory import mails  # noqa: F401 -- addressees are known in every process
