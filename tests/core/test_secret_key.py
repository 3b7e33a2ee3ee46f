"""The secret key is changed: what was given stays open, what lies in tables stays the same,
what is new is of the new key.
"""

import re
import stat
import uuid
from datetime import timedelta

import pytest
from django.urls import reverse

from bench.deliveries import record
from demandes import queries
from demandes.models import Demande
from extranet.core import signed
from extranet.core.accounts import services as accounts
from extranet.core.accounts.models import OneTimeSecret
from tests.demandes.test_deliveries import counts, file_of, person, take  # noqa: F401 -- a fixture
from tests.demandes.test_family import form_of, lieu, post  # noqa: F401 -- a fixture
from tests.factories import NOW, DemandeFactory, UserFactory, use_mailed

FORMER, NEW = "former-secret-" + "x" * 50, "another-secret-" + "y" * 50


@pytest.fixture(autouse=True)
def former_secret(settings, tmp_path):
    settings.DATA_DIR, settings.SECRET_KEY = tmp_path, FORMER


def rotate(settings, *, fallbacks=(FORMER,)):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, list(fallbacks)


@pytest.mark.rule("DEM-4.b")
def test_a_familys_link_opens_as_long_as_the_key_that_signed_it_is_known(client, db, settings, time_machine):
    time_machine.move_to(NOW, tick=False)
    demande = DemandeFactory(transmise=True)
    before = queries.link_token(demande.uuid)
    rotate(settings)
    after = queries.link_token(demande.uuid)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", after)
    assert after != before
    for token in (before, after):
        assert client.get(reverse("demandes:suivi", args=[token])).status_code == 200
    rotate(settings, fallbacks=())
    assert client.get(reverse("demandes:suivi", args=[before])).status_code == 404
    assert client.get(reverse("demandes:suivi", args=[after])).status_code == 200


def test_a_token_is_good_for_its_purpose_only(settings):
    name = uuid.uuid4()
    token = signed.token("demande", name)
    assert signed.read("demande", token) == name
    assert signed.read("autre", token) is None
    for wrong in ("", token[:-1], token + "=", token[:22], "é" * 43, token.swapcase()):
        assert signed.read("demande", wrong) is None


@pytest.mark.rule("ING-4.a")
def test_the_same_record_is_unchanged_after_the_key_was_changed(person, settings):  # noqa: F811
    content = [record(1, NOW), record(2, NOW)]
    take(file_of(*content))
    rotate(settings, fallbacks=())
    again = take(file_of(*content) + "\n")
    assert counts(again) == (2, 0, 0, 2, 0)
    assert Demande.objects.count() == 2


def test_a_mailed_password_still_works_after_the_key_was_changed(db, settings):
    user = UserFactory()
    text = accounts.issue_password(user, OneTimeSecret.Kind.values[0], now=NOW)
    rotate(settings, fallbacks=())
    assert use_mailed(user, text, now=NOW + timedelta(minutes=1))


def test_what_is_being_typed_outlasts_the_change_of_the_key(client, lieu, settings):  # noqa: F811
    summary = form_of(post(client)).action
    assert client.get(summary).status_code == 200
    rotate(settings)
    assert client.get(summary).status_code == 200
    rotate(settings, fallbacks=())
    assert client.get(summary).status_code == 410


def test_the_key_of_digests_is_read_by_the_portal_only(settings, tmp_path):
    signed.digest("essai", "a")
    path = tmp_path / "cles" / "empreintes.cles"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert signed.digest("essai", "a") == signed.digest("essai", "a") != signed.digest("autre", "a")
