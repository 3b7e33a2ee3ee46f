"""The Celery app: a doorbell for work that the database already knows (docs/architecture.md)."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "extranet.settings")

app = Celery("extranet")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
