from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "extranet.core.web"
    label = "web"
    verbose_name = "pages"
