"""The project. Celery's app is loaded with Django so that a bell can be rung from any process."""

from extranet.celery import app as celery_app

__all__ = ["celery_app"]
