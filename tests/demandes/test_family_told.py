"""What families, and their lieu, are told after a demande is there: one mail for each real change (ING-7, CNS-2)."""

from datetime import timedelta

import pytest

from bench.deliveries import record
from demandes.models import Demande
from demandes.services import handover, last_days
from demandes.services.transmission import transmit_waiting_all
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from extranet.portal import sweep
from tests.conftest import text_of
from tests.demandes.test_deliveries import NOW, at, file_of, take
from tests.factories import DemandeFactory, HabilitationFactory, LieuFactory

pytestmark = pytest.mark.django_db
HERE, LATER = "RPE des Tilleuls", NOW + timedelta(days=1)


@pytest.fixture
def lieu():
    found = LieuFactory(nom=HERE, code="RPE-77-TILLEULS", telephone="+33160000009")
    HabilitationFactory(lieu=found, user__email="ana@tilleuls.test")
    return found


def asked(rank, **changes):
    """A record of a family that left an address."""
    return record(rank, NOW, contact=f"\n<courriel>famille{rank}@famille.test</courriel>", **changes)


def told(smtp_sink, rank):
    return smtp_sink.to(f"famille{rank}@famille.test")


@pytest.mark.rule("ING-7.c")
def test_families_of_a_delivery_with_an_address_are_told_once_which_lieu_has_their_demande(lieu, smtp_sink):
    take(file_of(asked(1), asked(2, commune="77288"), record(3, NOW)))
    outbox.send_due(now=NOW)
    [mail] = told(smtp_sink, 1)
    first = Demande.objects.get(reference="ME-0000001")
    for part in (text_of(mail), mail.get_body(("html",)).get_content()):
        for said in (
            HERE,
            "01\u00a060\u00a000\u00a000\u00a009",
            first.reference,
            "/demandes/suivi/",
            "/confidentialite/",
        ):
            assert said in part, said
        assert "Fiction" not in part  # nothing that was typed
    assert "monenfant.fr le 23 novembre 2026" in text_of(mail)
    assert not Message.objects.filter(recipient=f"demande:{Demande.objects.get(reference='ME-0000003').uuid}")
    assert told(smtp_sink, 2) == []  # it waits for a lieu
    take(file_of(asked(1), asked(2, commune="77288"), record(3, NOW)), nom="encore.xml", now=LATER)
    take(file_of(asked(1, nom="Autre", extra=f' modifiee-le="{at(0)}"')), nom="change.xml", now=LATER)
    first.refresh_from_db()
    assert first.modifiee_le
    melun = LieuFactory(nom="RPE de Melun", convention__communes=["77288"])
    HabilitationFactory(lieu=melun)
    transmit_waiting_all(now=LATER)
    outbox.send_due(now=LATER)
    assert len(told(smtp_sink, 1)) == 1
    assert ["RPE de Melun" in text_of(one) for one in told(smtp_sink, 2)] == [True]
    change = asked(1, commune="77288", extra=f' modifiee-le="{at(0.01)}"')  # another lieu has it: another mail
    take(file_of(change), nom="ailleurs.xml", now=LATER)
    outbox.send_due(now=LATER)
    assert [HERE in text_of(one) for one in told(smtp_sink, 1)] == [True, False]


@pytest.mark.rule("ING-7.c")
def test_a_record_that_moves_on_in_its_own_delivery_is_told_of_its_last_lieu_only(lieu, smtp_sink):
    HabilitationFactory(lieu=LieuFactory(nom="RPE de Melun", convention__communes=["77288"]))
    take(file_of(asked(1), asked(1, commune="77288", extra=f' modifiee-le="{at(0)}"')))
    outbox.send_due(now=NOW)
    assert ["RPE de Melun" in text_of(one) for one in told(smtp_sink, 1)] == [True]


def test_a_family_is_told_in_its_language_that_its_demande_is_picked_up_and_only_once(lieu, smtp_sink):
    user = HabilitationFactory(lieu=lieu).user
    address = {"dossier__courriel": "lina@famille.test", "dossier__nom": "Secrète"}
    demande = DemandeFactory(transmise=True, lieu=lieu, langue="en", **address)
    for form in ("xml", "pdf"):
        handover.fetch([demande.uuid], form=form, by=user, now=NOW, origin=handover.Origin())
    outbox.send_due(now=NOW)
    [mail] = smtp_sink.to("lina@famille.test")
    assert mail["Subject"] == f"Your request {demande.reference} has reached your information service"
    assert HERE in text_of(mail)
    assert "Secrète" not in mail.as_string()


@pytest.mark.rule("CNS-2.a")
@pytest.mark.rule("NOT-5.a")
def test_a_lieu_is_told_fifteen_days_before_what_goes_in_one_mail_a_day(lieu, smtp_sink):
    today = NOW.date()
    HabilitationFactory(lieu=lieu, user__email="bea@tilleuls.test")
    HabilitationFactory(lieu=LieuFactory(), user__email="ailleurs@lieu.test")
    rows = {days: DemandeFactory(recuperee=True, lieu=lieu, dossier__nom="Secrète") for days in (15, 16, 18, 19)}
    waits = DemandeFactory(transmise=True, lieu=lieu)
    gone = DemandeFactory(retiree=True, lieu=lieu, transmission=None)
    for days, one in [*rows.items(), (15, waits), (15, gone)]:
        Demande.objects.filter(pk=one.pk).update(last_day=today + timedelta(days=days))

    def mails(days):
        smtp_sink.mails.clear()
        now = NOW + timedelta(days=days)
        for hour in (0, 1):
            last_days.warn_lieux(now=now + timedelta(hours=hour))
        outbox.send_due(now=now)
        assert len(smtp_sink.to("ana@tilleuls.test")) == len(smtp_sink.to("bea@tilleuls.test"))
        assert smtp_sink.to("ailleurs@lieu.test") == []
        return [text_of(one).replace("\r\n", "\n") for one in smtp_sink.to("ana@tilleuls.test")]

    [first] = mails(0)
    assert f"{rows[15].reference} : 8 décembre 2026\n" in first
    assert f"{waits.reference} : 8 décembre 2026 (pas encore récupérée" in first
    assert all(one.reference not in first for one in (rows[16], gone))
    assert "Secrète" not in first
    [late] = mails(3)  # after two days without a worker: one mail for all that has come near
    assert [rows[days].reference in late for days in (15, 16, 18, 19)] == [False, True, True, False]
    assert len(mails(4)) == 1
    assert mails(5) == []
    moved = DemandeFactory(transmise=True, lieu=lieu, at=NOW + timedelta(days=5, hours=2))
    Demande.objects.filter(pk=moved.pk).update(last_day=today + timedelta(days=17))
    assert [moved.reference in text for text in mails(6)] == [True]  # another lieu had it until then
    assert mails(7) == []
    assert {"DEM-8", "CNS-2"} <= {one.rule for one in sweep.OBLIGATIONS}
