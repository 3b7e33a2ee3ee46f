"""The tables of docs/architecture.md, from the models: what each holds, and the keys that lead from it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import models

PAGE = Path("docs/architecture.md")
BEGIN, END = "<!-- tables -->\n", "<!-- end of tables -->"


def document() -> str:
    """All apps with tables of their own, from the bottom to the top."""
    return "\n".join(line for app in reversed(list(apps.get_app_configs())) for line in _part(app))


def written_into(page: str) -> str:
    """`page` with the tables between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{document()}\n{END}{after}"


def _tables(app: AppConfig) -> list[type[models.Model]]:
    """Ours: each of their fields is classed."""
    return [model for model in app.get_models() if hasattr(model, "Donnees") and not model._meta.proxy]


def _keys(model: type[models.Model]) -> list[models.ForeignKey]:
    return [field for field in model._meta.local_fields if isinstance(field, models.ForeignKey)]


def _part(app: AppConfig) -> Iterator[str]:
    if not (tables := _tables(app)):
        return
    yield from (f"### {app.name}", "")
    if arrows := [_arrow(model, key) for model in tables for key in _keys(model)]:
        yield from ("```mermaid", "erDiagram", *arrows, "```", "")
    yield from ("| table | holds | keys |", "|---|---|---|")
    for model in tables:
        keys = ", ".join(f"`{key.name}`" for key in _keys(model))
        yield f"| `{model.__name__}` | {_said(model)} | {keys} |"
    yield ""


def _arrow(model: type[models.Model], key: models.ForeignKey) -> str:
    many = "|o" if isinstance(key, models.OneToOneField) else "}o"
    one = "o|" if key.null else "||"
    return f"  {model.__name__} {many}--{one} {key.related_model.__name__} : {key.name}"


def _said(model: type[models.Model]) -> str:
    first, _, _ = (model.__doc__ or "").partition("\n\n")
    return " ".join(first.split())


class Command(BaseCommand):
    help = "Print the tables of docs/architecture.md; with --write, put them in their place in it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--write", action="store_true", help=f"change {PAGE}")

    def handle(self, *args: Any, write: bool, **options: Any) -> None:
        page = Path(settings.BASE_DIR) / PAGE
        if write:
            page.write_text(written_into(page.read_text(encoding="utf-8")), encoding="utf-8")
        else:
            self.stdout.write(document())
