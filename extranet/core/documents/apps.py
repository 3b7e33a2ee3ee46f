from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    name = "extranet.core.documents"
    label = "documents"
    verbose_name = "fichiers"
