"""All persons of a lieu choose a new password: sessions end, a mail says what to do, no agent sees one (CON-5.d)."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from extranet.core.accounts.services import alive_secrets, issue_password
from extranet.core.journal.models import Entry
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from tests.conftest import text_of
from tests.factories import NOW, AgentFactory, HabilitationFactory, LieuFactory


@pytest.mark.django_db(transaction=True)
@pytest.mark.rule("CON-5.d")
def test_sessions_end_old_passwords_close_and_each_person_chooses_its_own(client, time_machine, smtp_sink):
    time_machine.move_to(NOW, tick=False)
    lieu = LieuFactory()
    first, second = (HabilitationFactory(lieu=lieu).user for _ in range(2))
    stranger = HabilitationFactory(lieu=LieuFactory()).user
    mailed = issue_password(second, "perte", now=NOW)
    theirs = {user: Client() for user in (first, stranger)}
    for user, own in theirs.items():
        own.force_login(user)
    convention = lieu.conventions.get()
    act = reverse("admin:conventions_convention_acte", args=[convention.pk, "nouveaux-mots-de-passe"])
    client.force_login(AgentFactory(lecteur=True).user)
    assert client.post(act).status_code == 403
    client.force_login(AgentFactory().user)
    asked = client.get(act).content.decode()
    answer = client.post(act, follow=True).content.decode()
    assert "chaque personne du lieu" in answer

    for user, status in ((first, 302), (stranger, 200)):
        assert theirs[user].get(reverse("demandes:liste")).status_code == status
    for user in (first, second):
        user.refresh_from_db()
        assert not user.check_password("Demonstration-2026")
        assert not alive_secrets(user, NOW).exists()
    outbox.send_due(now=NOW, within=None)
    told = {mail["To"]: text_of(mail) for mail in smtp_sink.mails}
    assert told.keys() == {first.email, second.email}
    given = re.search(r"provisoire : (\S{8})\s", told[second.email])[1]
    assert given != mailed
    seen = asked + answer + str(list(Entry.objects.values())) + str(list(Message.objects.values()))
    assert given not in seen

    client.logout()
    login = reverse("account_login")
    client.post(login, {"login": second.email, "password": mailed})
    assert client.get(reverse("demandes:liste")).status_code == 302  # the one mailed before opens nothing
    client.post(login, {"login": second.email, "password": given})
    assert client.get(reverse("demandes:liste"))["Location"].startswith(reverse("accounts:premiere"))
