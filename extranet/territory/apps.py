from django.apps import AppConfig


class TerritoryConfig(AppConfig):
    name = "extranet.territory"
    label = "territory"
    verbose_name = "Territoire"
