"""The guard of the tests itself: a variable that a template of ours names and nobody gives."""

import contextlib

import pytest
from django.contrib import admin
from django.template import Context, Engine, Origin, Template

from tests.plugins.templates import OURS


def rendered(text, folder=OURS, **context):
    template = Template(text, origin=Origin(f"{folder}/essai.html"), engine=Engine.get_default())
    return template.render(Context(context))


@pytest.mark.parametrize(
    "text",
    [
        "{{ absent }}",
        "{{ lieu.absent }}",
        "{{ absent|upper }}",
        "{% if lieu %}{{ absent }}{% endif %}",
        "{% with x=absent %}{{ x }}{% endwith %}",
        "{% load affichage %}{{ absent|date_courte }}",
    ],
)
def test_it_fails_where_it_is_undefined_in_ours_even_past_a_catch_all(undefined, text):
    with pytest.raises(pytest.fail.Exception, match="absent"):
        with contextlib.suppress(Exception):
            rendered(text, lieu={"nom": "RPE"})
    assert len(undefined) == 1
    undefined.clear()


@pytest.mark.parametrize(
    "text",
    [
        "{% if absent %}{% endif %}",
        "{% for x in absent %}{% endfor %}",
        "{{ absent|default:'' }}",
        "{{ nul|default_if_none:'' }}",
    ],
)
def test_it_lets_through_what_is_said_on_purpose(text):
    assert rendered(text, nul=None) == ""


def test_it_lets_templates_of_others_alone():
    assert rendered("{{ absent|default_if_none:'x' }}", folder=admin.__path__[0]) == ""
