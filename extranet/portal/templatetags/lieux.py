"""What every page that shows a lieu to families says of it by today's date, whichever view shows it."""

from django import template

from conventions.models import Fermeture, Lieu
from conventions.models.fermetures import Fermetures
from extranet.core import clock

register = template.Library()


@register.simple_tag
def fermetures_de(lieu: Lieu) -> Fermetures:
    """NOT-4.j: the closures of a lieu that families are told of today."""
    return Fermeture.objects.filter(lieu=lieu).shown_on(clock.today())
