"""What an agent says of a lieu of its Caf to families, as the lieu's own persons can (DEM-2.e)."""

from conventions.services import presentation
from extranet.territory.acts import Act, offer
from habilitations.forms import PresentationForm

offer(
    "conventions.lieu",
    Act(
        slug="presentation",
        label="Indiquer horaires, site et courriel",
        right="present_lieu",
        form=PresentationForm,
        initial=lambda lieu: {
            "horaires": lieu.horaires,
            "site": lieu.site_public,
            "courriel": lieu.courriel_public,
        },
        run=lambda lieu, data, by, now: presentation.present_for(lieu=lieu.uuid, by=by, now=now, **data),
        done="Les familles voient ces informations dès maintenant.",
        explain="Toutes les familles peuvent les lire. Le lieu les tient aussi lui-même, dans son espace.",
    ),
)
