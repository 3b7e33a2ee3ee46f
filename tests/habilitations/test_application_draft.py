"""What a lieu types between two steps: sealed, never lost while its page is there (decision 0010)."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from lxml import html

from extranet.core.outbox.models import Message
from habilitations.models import DemandeHabilitation
from tests.conftest import verified
from tests.demandes.test_family_draft import cache_is_down, stored
from tests.factories import NOW
from tests.habilitations.test_application import (
    ADDRESSES,
    LIEU,
    PERSONNE,
    URL,
    WHOLE,
    communes_of,
    form_of,
    kept,
    own,
    people,
    post,
    press,
    said,
    shown,
    told,
)

pytestmark = pytest.mark.django_db
WORDS = ["Tilleuls", "tilleuls.test", "217701002", "Lefèvre", "alix", "Alix"]


@pytest.mark.rule("RGP-2.a")
def test_nothing_typed_lies_in_clear_and_only_the_browser_that_wrote_it_opens_it(client):
    key = kept(client)
    there = stored()
    assert key.removeprefix("brouillon=").encode() in there
    assert not [word for word in WORDS if word.encode() in there]
    assert not [word for word in WORDS if word in key + str(client.cookies)]
    for address in ADDRESSES.values():
        assert Client().get(f"{address}?{key}").status_code == 410


@pytest.mark.rule("HAB-3.b")
def test_back_after_sending_leads_to_the_confirmation_and_nothing_typed_is_left(client):
    summary = post(client, 4)
    action, carried = form_of(summary).action, shown(summary)
    before = len(stored())
    sent = client.post(action, carried | {"valider": "1"} | verified())
    assert len(stored()) < before
    assert client.get(action)["Location"] == sent["Location"]
    assert "Tilleuls" not in client.get(f"{URL}?{action.partition('?')[2]}").content.decode()
    assert DemandeHabilitation.objects.count() == 1


def test_without_the_shared_cache_it_is_filled_step_by_step_and_sent(client, settings):
    with cache_is_down(settings):
        page = client.post(URL, own(1, {"lieu_nom": ""}))
        assert (page.status_code, "Indiquez le nom du lieu." in said(page)) == (422, True)
        page = client.post(form_of(page).action, shown(page) | {"lieu_nom": LIEU["lieu_nom"]})
        page = client.post(form_of(page).action, shown(page) | {"confirmer": "caf-77"})
        page = client.post(form_of(page).action, shown(page) | own(2, None))
        for code in WHOLE["communes"]:
            page = client.post(form_of(page).action, shown(page) | {"ajouter": code})
        assert communes_of(page) == set(WHOLE["communes"])
        page = client.post(form_of(page).action, shown(page))
        page = client.post(form_of(page).action, shown(page) | own(4, None))
        assert "Envoyer la demande" in page.content.decode()
        answer = client.post(form_of(page).action, shown(page) | {"valider": "1"} | verified())
        assert answer["Location"].startswith("/habilitations/envoyee/")
    made = DemandeHabilitation.objects.get()
    assert (made.version.lieu_nom, made.version.personnes.count(), made.version.communes.count()) == (
        LIEU["lieu_nom"],
        1,
        2,
    )
    assert Message.objects.exists()


def test_the_cache_emptied_in_the_middle_loses_nothing(client):
    page = client.get(f"{ADDRESSES[4]}?{kept(client, upto=3)}")
    cache.clear()
    summary = client.get(client.post(form_of(page).action, shown(page) | own(4, None))["Location"])
    assert "Envoyer la demande" in summary.content.decode()


def test_a_page_open_for_too_long_keeps_its_own_fields_and_says_that_the_others_are_gone(client, time_machine):
    time_machine.move_to(NOW, tick=False)
    page = client.get(f"{ADDRESSES[4]}?{kept(client, upto=3)}")
    time_machine.move_to(NOW + timedelta(hours=2, seconds=1), tick=False)
    answer = client.post(form_of(page).action, shown(page) | own(4, None))
    first = client.get(answer["Location"])
    assert "ouverte depuis plus d’une heure" in told(first)
    key = answer["Location"].partition("?")[2].partition("&")[0]
    assert shown(client.get(f"{ADDRESSES[4]}?{key}"))["personnes-0-courriel"] == PERSONNE["courriel"]


@pytest.mark.rule("HAB-1.c")
def test_a_person_is_taken_away_without_javascript_and_the_others_keep_what_was_typed(client):
    three = people(
        PERSONNE, PERSONNE | {"nom": "De trop"}, PERSONNE | {"nom": "Grand", "courriel": "grand@tilleuls.test"}
    )
    key = kept(client)
    page = press(client, 4, key, three | {"retirer": "personnes-1"})
    left = shown(page)
    assert (left["personnes-0-nom"], left["personnes-1-nom"], left["personnes-TOTAL_FORMS"]) == ("Petit", "Grand", "2")
    assert "De trop" not in page.content.decode()
    assert not said(page)


@pytest.mark.rule("RGP-1.a")
def test_it_says_at_its_start_who_is_responsible_what_for_how_long_and_the_rights(client):
    page = html.document_fromstring(client.get(URL).content.decode())
    [notice] = page.xpath("//form//*[@aria-labelledby='vos-donnees']")
    assert not notice.xpath("preceding::input[not(@type='hidden')]")
    for words in (
        "Cnaf",
        "Caf que vous choisissez",
        "examiner",
        "convention",
        "gardées",
        "droit",
        "effacer",
        "opposer",
    ):
        assert words in notice.text_content()
