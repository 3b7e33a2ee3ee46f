"""Every situation that tests are given can exist in the portal."""

from typing import Any

import pytest
from factory.declarations import Trait  # type: ignore[attr-defined]
from factory.django import DjangoModelFactory

from tests import factories

FACTORIES = [
    made
    for made in vars(factories).values()
    if isinstance(made, type) and issubclass(made, DjangoModelFactory) and made is not DjangoModelFactory
]
SITUATIONS = [
    pytest.param(made, trait, id=f"{made.__name__}-{trait}")
    for made in FACTORIES
    for trait in ["", *(name for name, what in made._meta.parameters.items() if isinstance(what, Trait))]
]


@pytest.mark.django_db
@pytest.mark.parametrize(("made", "trait"), SITUATIONS)
def test_each_trait_makes_a_row_that_keeps_the_constraints(made: Any, trait: str) -> None:
    row = made(**{trait: True} if trait else {})
    row.refresh_from_db()
    row.validate_constraints()
