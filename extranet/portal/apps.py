from django.apps import AppConfig
from django.contrib.admin import apps as admin


class PortalConfig(AppConfig):
    default = True
    name = "extranet.portal"
    label = "portal"
    verbose_name = "portail"

    def ready(self) -> None:
        from extranet.portal import mails, tasks  # noqa: F401 -- bells and mails are known in every process


class DeskConfig(admin.AdminConfig):
    """Django's admin, as the agents' desk."""

    default = False
    default_site = "extranet.portal.desk.Desk"
