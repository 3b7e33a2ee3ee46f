from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from extranet.core import clock
from extranet.core.accounts.models import User
from extranet.portal.demo import data
from extranet.territory.queries import communes_of_epci


class Command(BaseCommand):
    help = "Load the demonstration's made-up data, once. Refuses in production."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--size", choices=["small", "large"], default="small")

    def handle(self, *, size: str, **options: Any) -> None:
        if settings.ENVIRONMENT == "production":
            raise CommandError("load_demo refuses to run in production", returncode=2)
        if User.objects.filter(email="cnaf@demo.test").exists():
            self.stdout.write("demonstration data: already there")
            return
        epci = list(communes_of_epci(data.EPCI).values_list("pk", flat=True))
        with transaction.atomic():
            counts = data.load(now=clock.now(), epci=epci, size=size)
        self.stdout.write("demonstration data: " + ", ".join(f"{n} {what}" for what, n in counts.items()))
