from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from tests.portal.forced import errors


class Command(BaseCommand):
    help = "Fail on a family's data."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=errors.KINDS)

    def handle(self, *, kind: str, **options: Any) -> None:
        errors.KINDS[kind]()
