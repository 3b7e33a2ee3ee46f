"""A lieu suspended as a precaution, and its suspension lifted (CON-5)."""

from conventions.forms.precaution import (
    PrecautionForm,
)
from conventions.models import Convention
from conventions.services import precaution
from extranet.core import clock
from extranet.territory.acts import Act


def may_be_suspended(convention: Convention) -> bool:
    """In force today, and not suspended."""
    begun = convention.in_force_from is not None and convention.in_force_from <= clock.today()
    over = convention.ended_on is not None and convention.ended_on < clock.today()
    return begun and not over and convention.open_suspension is None


ACTS = (
    Act(
        slug="suspendre",
        label="Suspendre le lieu",
        right="suspend",
        form=PrecautionForm,
        danger=True,
        available=may_be_suspended,
        run=lambda convention, data, by, now: precaution.suspend(
            convention_uuid=convention.uuid, by=by, now=now, **data
        ),
        done="Le lieu est suspendu.",
        explain="Dès maintenant, personne de ce lieu ne voit plus aucune demande, et il n’en reçoit plus. La "
        "convention reste en vigueur.",
    ),
    Act(
        slug="lever-la-suspension",
        label="Lever la suspension",
        right="lift",
        undoes=True,
        available=lambda convention: convention.open_suspension is not None,
        obstacle=lambda convention, by, now: precaution.lift_obstacle(convention, by),
        run=lambda convention, data, by, now: precaution.lift(convention_uuid=convention.uuid, by=by, now=now),
        done="La suspension est levée.",
        explain="Les personnes habilitées de ce lieu retrouvent leurs accès, et il reçoit de nouveau des demandes.",
    ),
)

WORDS = {
    "convention.suspendue": "Lieu suspendu par précaution",
    "convention.suspension-levee": "Suspension du lieu levée",
}
