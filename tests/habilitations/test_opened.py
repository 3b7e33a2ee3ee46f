"""Who learns that an account was opened (ACT-3)."""

import pytest

from extranet.core.accounts import services as accounts
from extranet.core.outbox.services import send_due
from tests.factories import NOW, HabilitationFactory, LieuFactory

pytestmark = pytest.mark.django_db


@pytest.mark.rule("ACT-3.d")
def test_the_person_and_the_lieu_s_others_are_told_that_the_account_was_opened(smtp_sink):
    lieu = LieuFactory(nom="RPE des Tilleuls")
    new = HabilitationFactory(lieu=lieu, user__email="neuve@tilleuls.test", user__password_chosen_at=None).user
    HabilitationFactory(lieu=lieu, user__email="ana@tilleuls.test")
    HabilitationFactory(lieu=lieu, user__email="partie@tilleuls.test", suspendue=True)
    HabilitationFactory(user__email="ailleurs@lieu.test")
    accounts.choose_password(new, "quatre mots sans lien", now=NOW)
    send_due(now=NOW)
    assert sorted(mail["To"] for mail in smtp_sink.mails) == ["ana@tilleuls.test", "neuve@tilleuls.test"]
