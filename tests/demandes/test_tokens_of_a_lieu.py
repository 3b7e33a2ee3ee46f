"""Tokens of a lieu's software: made by its persons, for a declared prestataire, revoked by them or the Caf (TEL-4)."""

import html
import os
import re
import subprocess

import pytest
import time_machine
from django.test import Client

from demandes.models import Demande, JetonLieu
from demandes.services import jetons
from extranet.core import clock
from extranet.core.accounts.models import Jeton
from extranet.core.journal.models import Entry
from tests.demandes.test_flux import engaged, get, made
from tests.demandes.test_tokens import PAGE, PASSWORD, logged_in
from tests.factories import NOW, AgentFactory, DemandeFactory, HabilitationFactory, LieuFactory


@pytest.fixture
def moved(db, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def line(moved):
    return HabilitationFactory(lieu=LieuFactory(nom="RPE Le Châtelet"))


def ask(client, logiciel, nom="Logiciel", jours=90):
    """Through the page and the password."""
    sent = client.post(PAGE, {"nom": nom, "jours": jours, "logiciel": logiciel})
    if sent.status_code != 302:
        return sent
    assert sent["Location"].startswith("/compte/confirmation/?next=")
    assert not Jeton.objects.filter(nom=nom).exists()
    return client.post("/compte/confirmation/", {"password": PASSWORD, "next": PAGE})


@pytest.mark.rule("TEL-4.b")
@pytest.mark.rule("TEL-4.c")
@pytest.mark.rule("TEL-4.d")
def test_a_token_is_made_after_the_password_shown_once_and_names_the_prestataire(line):
    prestataire = engaged(line.lieu)
    client = logged_in(line.user)
    response = ask(client, f"{line.lieu.uuid}/{prestataire.uuid}")
    text = response.context["created"]
    assert text in response.content.decode()
    assert "no-store" in response["Cache-Control"]
    row = JetonLieu.objects.select_related("jeton").get()
    assert (row.lieu, row.prestataire, row.jeton.user, row.jeton.portee) == (line.lieu, prestataire, line.user, "lieu")
    assert text not in client.get(PAGE).content.decode()
    assert text not in str([*Jeton.objects.values(), *Entry.objects.values()])
    assert get(text).status_code == 200
    page = client.get(PAGE).content.decode()
    for said in ("RPE Le Châtelet", prestataire.nom, "23/11/2026 à 10:00"):
        assert said in page
    [created, linked, used] = Entry.objects.filter(object_kind__contains="jeton").order_by("pk")
    assert [created.event, linked.event, used.event] == ["jeton.cree", "jeton-lieu.cree", "jeton.utilise"]
    assert (linked.caf, linked.details) == ("caf-77", {"prestataire": str(prestataire.uuid)})
    # Revoked by its person, at once; a colleague's is not its to revoke.
    path = f"{PAGE}{row.jeton_id}/revocation/"
    assert logged_in(HabilitationFactory(lieu=line.lieu).user).post(path).status_code == 404
    assert client.post(path).status_code == 302
    assert get(text).status_code == 401


@pytest.mark.rule("TEL-4.d")
def test_only_one_s_own_lieux_and_a_prestataire_of_today_with_its_engagement_are_offered(line):
    kept, waiting = engaged(line.lieu), engaged(other := LieuFactory(nom="Ailleurs"))
    client = logged_in(line.user)
    offered = [
        value for _, group in client.get(PAGE).context["form"].fields["logiciel"].choices[1:] for value, _ in group
    ]
    assert offered == [f"{line.lieu.uuid}/{kept.uuid}", f"{line.lieu.uuid}/propre"]
    for wrong in (f"{other.uuid}/propre", f"{other.uuid}/{waiting.uuid}", f"{line.lieu.uuid}/{waiting.uuid}", "", "x"):
        refused = ask(client, wrong)
        assert refused.status_code == 422, wrong
        assert "Choisissez" in refused.content.decode()
    assert ask(client, f"{line.lieu.uuid}/propre").status_code == 200
    assert JetonLieu.objects.get().prestataire is None
    twice = ask(client, f"{line.lieu.uuid}/propre")
    assert twice.status_code == 422
    assert "déjà un jeton" in twice.content.decode()


@pytest.mark.rule("TEL-4.d")
def test_a_prestataire_whose_engagement_is_not_accepted_is_not_offered_nor_taken(line):
    waiting = engaged(line.lieu, accepted=False)
    assert str(waiting.uuid) not in logged_in(line.user).get(PAGE).content.decode()
    assert ask(logged_in(line.user), f"{line.lieu.uuid}/{waiting.uuid}").status_code == 422
    with pytest.raises(Exception, match="engagement"):
        made(line, prestataire=waiting)
    assert not Jeton.objects.exists()


@pytest.mark.rule("TEL-4.c")
def test_the_caf_sees_the_tokens_of_its_lieux_and_revokes_them(line):
    text = made(line)
    row = JetonLieu.objects.get()
    path = f"/admin/demandes/jetonlieu/{row.pk}/"
    assert logged_in(AgentFactory(essonne=True).user).get(f"{path}change/").status_code == 404
    client = logged_in(AgentFactory().user)
    assert "icon-yes" in client.get(f"{path}change/").content.decode()
    assert client.get("/admin/demandes/jetonlieu/?q=Logiciel").content.decode().count("RPE Le Châtelet")
    assert client.post(f"{path}acte/revoquer/").status_code == 302
    assert get(text).status_code == 401
    page = client.get(f"{path}change/").content.decode()
    assert "révoqué le" in page
    assert "icon-no" in page
    assert "Révoqué par la Caf" in page
    assert client.post(f"{path}acte/revoquer/").status_code == 409
    assert "révoqué le 23/11/2026" in logged_in(line.user).get(PAGE).content.decode()


@pytest.mark.rule("TEL-4.a")
@pytest.mark.rule("TEL-4.e")
@pytest.mark.django_db(transaction=True)
def test_the_lines_of_the_developers_page_run_as_they_are_printed(live_server, settings, tmp_path):
    settings.CLOCK_SHIFT = ""
    line, now = HabilitationFactory(lieu=LieuFactory()), clock.now()
    day = now.date().replace(year=now.year + 1)
    demandes = [DemandeFactory(transmise=True, lieu=line.lieu, last_day=day) for _ in range(3)]
    token = jetons.create(lieu=line.lieu.uuid, prestataire=None, nom="a", days=30, by=line.user, now=now)
    page = Client().get("/schemas/flux/", headers={"Host": live_server.url.removeprefix("http://")}).content.decode()
    lines = [html.unescape(one) for one in re.findall(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)]
    assert lines.pop(0).startswith("export JETON=")
    assert [one.partition(" ")[0] for one in lines] == ["curl", "curl", "grep", "curl", "curl"]
    said = []
    for one in lines:
        done = subprocess.run(
            one, shell=True, cwd=tmp_path, env=os.environ | {"JETON": token}, capture_output=True, text=True, check=True
        )
        said.append(done.stdout)
    assert said[-2:] == ['{"recuperees": 3, "deja": 0}', '{"recuperees": 0, "deja": 0}']
    assert set(Demande.objects.filter(pk__in=[one.pk for one in demandes]).values_list("state", flat=True)) == {
        "recuperee"
    }
