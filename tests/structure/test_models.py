"""What the schema must keep to: the ladder by foreign keys, each field classed, each admin scoped."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import models

from extranet.territory.scoping import CafScopedAdmin

LADDER = [
    "documents",
    "outbox",
    "journal",
    "accounts",
    "web",
    "territory",
    "conventions",
    "habilitations",
    "demandes",
    "attestations",
    "portal",
]
OURS = [model for label in LADDER for model in apps.get_app_config(label).get_models()]


def rung(model):
    return LADDER.index(model._meta.app_label)


def test_foreign_keys_point_down_and_leave_no_way_back():
    faults = []
    for model in OURS:
        if model._meta.proxy:
            continue
        for field in model._meta.get_fields():
            if not isinstance(field, models.ForeignKey) or field.related_model._meta.app_label not in LADDER:
                continue
            target = field.related_model
            if rung(target) > rung(model):
                faults.append(f"{model.__name__}.{field.name} points up to {target.__name__}")
            if target._meta.app_label != model._meta.app_label and not field.remote_field.hidden:
                faults.append(f"{model.__name__}.{field.name}: related_name must be '+'")
    assert not faults, faults


@pytest.mark.rule("CNS-1.f")
@pytest.mark.parametrize("model", [m for m in OURS if not m._meta.proxy], ids=lambda model: model.__name__)
def test_each_field_is_classed_family_professional_or_neutral(model):
    data = model.Donnees
    classed = [*data.famille, *data.professionnel, *data.neutre]
    assert sorted(classed) == sorted(field.name for field in model._meta.concrete_fields)


@pytest.mark.rule("CNS-1.c")
def test_family_data_are_only_in_what_is_destroyed():
    holders = {model.__name__ for model in OURS if not model._meta.proxy and model.Donnees.famille}
    assert holders <= {"Dossier", "Livraison", "Note", "Telechargement"}


@pytest.mark.rule("ACC-3.a")
def test_no_admin_shows_a_dossier():
    assert "Dossier" not in {model.__name__ for model in admin.site._registry}


@pytest.mark.rule("ACC-3.a")
@pytest.mark.rule("HAB-6.a")
def test_each_registered_admin_is_limited_to_one_caf():
    for model, model_admin in admin.site._registry.items():
        assert isinstance(model_admin, CafScopedAdmin), model
        for inline in model_admin.inlines:
            assert issubclass(inline, admin.options.InlineModelAdmin)
            assert hasattr(inline, "caf_path"), inline
