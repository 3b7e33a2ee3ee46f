"""Who asks again is told so where only itself reads it (DEM-7), and a program is told nothing but to work (DEM-6.a)."""

import base64
import json
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client

from demandes.models import Demande, Dossier
from extranet.core.outbox.models import Message
from extranet.core.outbox.services import send_due
from extranet.core.vault import sealing
from tests.conftest import text_of, verified
from tests.demandes.test_family import (  # noqa: F401 -- fixtures
    CHILD,
    URL,
    born,
    children,
    dict_of,
    follow,
    form_of,
    lieu,
    nothing_is_written,
    post,
    press,
    send,
    shown,
    today,
)
from tests.demandes.test_family_link import page_of
from tests.factories import NOW, HabilitationFactory, LieuFactory
from tests.proof import solved

pytestmark = pytest.mark.django_db
ON_PAGE, IN_MAIL = "Vous avez déjà envoyé une demande", "Vous aviez déjà fait une demande"


def mails_of_second(client, smtp_sink, changes=None, where=URL):
    """What is mailed once a second demande is sent, by address."""
    send_due(now=NOW)
    before = len(smtp_sink.mails)
    assert send(client, changes, where=where).status_code == 302
    send_due(now=NOW)
    return {mail["To"]: text_of(mail) for mail in smtp_sink.mails[before:]}


@pytest.mark.rule("DEM-7.a")
def test_who_asks_again_is_told_on_the_page_of_the_same_browser_and_goes_on(client, lieu):  # noqa: F811
    first = post(client)
    assert ON_PAGE not in first.content.decode()
    press(client, first, valider="1")
    again = post(client, {"telephone": "", "contact_prefere": ""})
    assert f"{ON_PAGE} pour Le Châtelet-en-Brie" in again.content.decode()
    for changes in (children(born("2024-01-01")), {"courriel": "autre@famille.test", "telephone": "06 00 00 00 99"}):
        assert ON_PAGE not in post(client, changes).content.decode()
    assert ON_PAGE not in post(Client()).content.decode(), "who types what another has sent learns nothing"
    assert press(client, again, valider="1").status_code == 302
    assert Demande.objects.count() == 2


@pytest.mark.rule("DEM-7.a")
@pytest.mark.rule("DEM-4.f")
def test_from_any_browser_it_is_told_by_mail_at_the_first_address_only(lieu, smtp_sink):  # noqa: F811
    assert send(Client()).status_code == 302
    link = page_of(Demande.objects.get())
    own = mails_of_second(Client(), smtp_sink)["zibeline@famille.test"]
    assert IN_MAIL in own
    assert link in own
    other = mails_of_second(Client(), smtp_sink, {"courriel": "autre@famille.test"})  # the same telephone
    assert IN_MAIL not in other["autre@famille.test"]
    assert link not in other["autre@famille.test"]
    assert IN_MAIL in other["zibeline@famille.test"]
    assert "autre@famille.test" not in other["zibeline@famille.test"]
    assert not [mail for mail in mails_of_second(Client(), smtp_sink).values() if IN_MAIL in mail], "three a day"


@pytest.mark.rule("DEM-7.a")
@pytest.mark.parametrize("apart", ["commune", "child", "person", "thirty days", "withdrawn"])
def test_another_commune_child_or_person_or_a_month_later_is_not_again(lieu, smtp_sink, time_machine, apart):  # noqa: F811
    HabilitationFactory(lieu=LieuFactory(convention__communes=["77288"]))
    assert send(Client()).status_code == 302
    changes, where = None, URL
    if apart == "commune":
        where = URL.replace("77100", "77288")
    elif apart == "child":
        changes = children(born("2024-01-01"))
    elif apart == "person":
        changes = {"courriel": "autre@famille.test", "telephone": "06 00 00 00 99"}
    elif apart == "thirty days":
        time_machine.move_to(NOW + timedelta(days=30, seconds=1), tick=False)
    else:
        Client().post(page_of(Demande.objects.get()), {"courriel": "zibeline@famille.test"})
    assert send(Client(), changes, where=where).status_code == 302
    assert not Message.objects.filter(about__has_key="deja").exists()
    if apart == "thirty days":
        return
    time_machine.move_to(NOW + timedelta(days=29), tick=False)
    changes = children({"prenom": "Zoé", "situation": "ne", "date": "2024-01-01"}, CHILD)  # one child of two is enough
    if apart not in ("withdrawn",):
        assert send(Client(), changes).status_code == 302
        assert Message.objects.filter(about__has_key="deja").exists()


@pytest.mark.rule("DEM-7.a")
@pytest.mark.rule("CNS-10.a")
def test_what_recognises_a_person_dies_with_the_key_of_the_day(lieu, time_machine):  # noqa: F811
    assert send(Client()).status_code == 302
    kept = Dossier.objects.get()
    mark, said = kept.par_courriel, f"par_courriel|77100|{kept.open(NOW.date()).courriel}"
    assert mark == sealing.digest(kept.jour, said)
    sealing.destroy(before=kept.jour + timedelta(days=1))
    with pytest.raises(sealing.NoKey):
        sealing.digest(kept.jour, said)


# --- DEM-6.a --------------------------------------------------------------------------------------------------------


def sent(client, page, proof):
    return client.post(form_of(page).action, dict_of(shown(page)) | {"valider": "1"} | proof)


@pytest.mark.rule("DEM-6.a")
def test_nothing_is_sent_without_a_proof_and_the_question_takes_its_place(client, lieu):  # noqa: F811
    summary = post(client)
    assert 'name="verification"' not in summary.content.decode()
    for proof in ({}, {"altcha": "x"}, {"altcha": base64.b64encode(b"[1]").decode()}, {"altcha": "e30="}):
        asked = follow(client, sent(client, summary, proof))
        assert 'name="verification"' in asked.content.decode()
        assert 'role="alert"' not in asked.content.decode()
    wrong = follow(client, sent(client, asked, verified() | {"verification": "faux"}))
    assert "Ce n’était pas la bonne réponse" in wrong.content.decode()
    assert "<title>Erreur : " in wrong.content.decode().replace("\xa0", " ")
    assert nothing_is_written()
    right = verified(answer=1)
    answers = [sent(client, wrong, right) for _ in range(2)]  # pressed twice
    assert {answer["Location"].split("/")[2] for answer in answers} == {"envoyee"}
    assert Demande.objects.count() == 1
    other = post(client, {"creneau": "le soir"})
    assert "verifier" in sent(client, other, right)["Location"], "an answer counts for one sending"


@pytest.mark.rule("DEM-6.a")
def test_a_solved_proof_counts_for_one_sending_however_it_is_written(client, lieu, time_machine):  # noqa: F811
    summary, late = post(client), post(client, {"creneau": "plus tard"})
    proof = solved(summary.content.decode())
    assert "/envoyee/" in sent(client, summary, proof)["Location"]
    said = json.loads(base64.b64decode(proof["altcha"]))
    written = [proof["altcha"], base64.b64encode(json.dumps(said, indent=1).encode()).decode()]
    other = post(client, {"creneau": "le soir"})
    for one in (*written, base64.b64encode(json.dumps(said | {"number": said["number"] + 1}).encode()).decode()):
        assert "verifier" in sent(client, other, {"altcha": one})["Location"]
    proof = solved(late.content.decode())
    time_machine.move_to(NOW + timedelta(minutes=20, seconds=2), tick=False)
    assert "verifier" in sent(client, late, proof)["Location"]
    assert Demande.objects.count() == 1
    cache.clear()
