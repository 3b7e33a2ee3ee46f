"""What families send, ready to be posted: the summary of each, with the work of its browser done."""

from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlencode

from django.test import Client

from demandes.views import family
from tests.demandes.test_family import dict_of, form_of, post, shown
from tests.proof import solved

FORM = "application/x-www-form-urlencoded"


class Summary(NamedTuple):
    """Where it is posted, and the body that a browser sends."""

    path: str
    body: str


def counted_never_reached() -> None:
    """Brakes count what the bench sends, and hold nothing."""
    family.BRAKES = {"network": [(10**9, 3600), (10**9, 86400)], "address": [(10, 86400)]}


def summary(client: Client, rank: int, now: datetime) -> Summary:
    """That of a family of its own."""
    dates = {"a_partir_du": now.date().replace(month=12, day=28).isoformat()}
    own = {"courriel": f"famille{rank}-{now:%s}@famille.test", "telephone": f"06{rank:08}"}
    page = post(client, dates | own)
    form = form_of(page)
    fields = dict_of(shown(page)) | {"valider": "1"} | solved(page.content.decode())
    fields["csrfmiddlewaretoken"] = form.fields["csrfmiddlewaretoken"]
    return Summary(form.action, urlencode(fields, doseq=True))
