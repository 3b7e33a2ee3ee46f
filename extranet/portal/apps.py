from django.apps import AppConfig
from django.contrib.admin import apps as admin


class PortalConfig(AppConfig):
    default = True
    name = "extranet.portal"
    label = "portal"
    verbose_name = "portail"

    def ready(self) -> None:
        from extranet.core.journal.models import NEEDED_SINCE, Entry
        from extranet.portal import mails, proof, tasks  # noqa: F401 -- bells and mails are known in every process

        NEEDED_SINCE[Entry] = proof.needed_since


class DeskConfig(admin.AdminConfig):
    """Django's admin, as the agents' desk."""

    default = False
    default_site = "extranet.portal.desk.Desk"
