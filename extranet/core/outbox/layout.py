"""A mail's template, rendered within `courriels/base` made once: what surrounds the text is the same in every mail, and
working it out anew costs more than the text.
"""

from functools import lru_cache
from typing import Any

from django.template import Context, Engine, Template
from django.template.loader import get_template, render_to_string
from django.template.loader_tags import BlockNode, ExtendsNode
from django.utils.html import conditional_escape

from extranet.core.languages import SOURCE
from extranet.core.words import tied

BASE = "courriels/base"
OWN = ("content", "pourquoi")  # the blocks that a mail's template may fill
_MARK = "\x00"


def render(name: str, form: str, context: dict[str, Any], langue: str, public_url: str) -> str:
    """`<name>.<form>` (txt, html), as `render_to_string` renders it in this language, which is active; French signs of
    the HTML, which telephones break into short lines, tied to their words.
    """
    text = _filled(name, form, context, langue, public_url)
    return tied(text) if (form, langue) == ("html", SOURCE) else text


def _filled(name: str, form: str, context: dict[str, Any], langue: str, public_url: str) -> str:
    template, blocks = _shape(name, form)
    if blocks is None:  # of another shape
        return render_to_string(f"{name}.{form}", context | {"public_url": public_url})
    made = Context(context, autoescape=form == "html")
    made["public_url"] = public_url
    with made.render_context.push_state(template), made.bind_template(template):
        said = {mark: str(block.nodelist.render(made)) for mark, block in blocks.items()}
    said["sujet"] = conditional_escape(context["sujet"]) if form == "html" else str(context["sujet"])
    return "".join(
        said[part] if mark else part for mark, part in _frame(form, langue, public_url, "pourquoi" in blocks)
    )


@lru_cache(maxsize=256)
def _shape(name: str, form: str) -> tuple[Template, dict[str, BlockNode] | None]:
    """A template and the blocks by which it fills the frame; None when it is not of that shape."""
    template: Template = get_template(f"{name}.{form}").template  # type: ignore[attr-defined]
    first = template.nodelist[0] if template.nodelist else None
    if not isinstance(first, ExtendsNode) or first.parent_name.token != f'"{BASE}.{form}"':
        return template, None
    return template, first.blocks if set(first.blocks) <= set(OWN) else None


@lru_cache(maxsize=64)
def _frame(form: str, langue: str, public_url: str, with_reason: bool) -> list[tuple[bool, str]]:
    """The base in this language, cut where the subject and the blocks of a mail go: whether it is such a place, and its
    name or the text.
    """
    places = OWN if with_reason else OWN[:1]
    filled = "".join(f"{{% block {name} %}}{_MARK}{name}{_MARK}{{% endblock %}}" for name in places)
    source = f'{{% extends "{BASE}.{form}" %}}{filled}'
    context = {"sujet": f"{_MARK}sujet{_MARK}", "public_url": public_url}
    text = Engine.get_default().from_string(source).render(Context(context))
    return [(bool(rank % 2), part) for rank, part in enumerate(text.split(_MARK))]
