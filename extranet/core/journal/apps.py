from django.apps import AppConfig


class JournalConfig(AppConfig):
    name = "extranet.core.journal"
    label = "journal"
    verbose_name = "journal"
