"""What letters, ends and prestataires may say: the tables refuse the rest (CON-4, CON-5, CON-9)."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction

from conventions.models import Courrier, DemandeEngagement, Engagement, Prestataire, Resiliation
from extranet.core.documents import store
from tests.factories import NOW, AgentFactory, LieuFactory, a_pdf

pytestmark = pytest.mark.django_db
DAY = date(2026, 10, 1)


@pytest.fixture
def convention():
    return LieuFactory().conventions.get()


@pytest.fixture
def agent():
    return AgentFactory().user


@pytest.fixture
def paper():
    return store.keep(a_pdf(), media_type="application/pdf", nature="courrier", now=NOW)


def letter(convention, agent, numero="1A 000 000 0001", **changes):
    given = {"partie": "gestionnaire", "posted_on": DAY, "recorded_at": NOW, "recorded_by": agent}
    return Courrier.objects.create(convention=convention, numero=numero, **given | changes)


def refused(name, rows, **changes):
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        rows.update(**changes)


@pytest.mark.rule("CON-4.a")
@pytest.mark.rule("CON-4.b")
def test_a_letter_is_posted_then_presented_then_delivered_and_delivered_only_when_handed_over(convention, agent):
    letter(convention, agent, presented_on=DAY + timedelta(days=2))
    rows = Courrier.objects.all()
    refused("posted_presented_delivered", rows, presented_on=DAY - timedelta(days=1))
    refused("posted_presented_delivered", rows, issue="remise", delivered_on=DAY + timedelta(days=1))
    refused("delivered_when_handed_over", rows, delivered_on=DAY + timedelta(days=2))
    refused("delivered_when_handed_over", rows, issue="remise")
    refused("delivered_when_handed_over", rows, issue="non-reclamee", delivered_on=DAY + timedelta(days=3))
    refused("a_breach_is_the_caf_s", rows, objet="manquement")
    rows.update(issue="remise", delivered_on=DAY + timedelta(days=2))
    with pytest.raises(IntegrityError), transaction.atomic():
        letter(convention, agent)  # the number of another


@pytest.mark.rule("CON-4.e")
@pytest.mark.rule("CON-4.f")
@pytest.mark.rule("CON-5.a")
def test_one_end_stands_a_breach_has_its_reason_a_decision_its_author_a_withdrawal_its_paper(convention, agent, paper):
    def end(numero, **changes):
        given = {"nature": "anniversaire", "ends_on": date(2027, 1, 15), "recorded_at": NOW, "recorded_by": agent}
        courrier = letter(convention, agent, numero)
        return Resiliation.objects.create(convention=convention, courrier=courrier, **given | changes)

    first = Resiliation.objects.filter(pk=end("1").pk)
    with pytest.raises(IntegrityError, match="one_standing_resiliation"), transaction.atomic():
        end("2")
    refused("a_breach_has_its_reason", first, nature="manquement")
    refused("a_decision_has_its_author_and_reason", first, decided_at=NOW, decided_by=agent)
    refused("a_decision_has_its_author_and_reason", first, decision="Fin de mois.")
    first.update(decided_at=NOW, decided_by=agent, decision="Fin de mois.")
    refused("withdrawn_by_a_paper_of_both", first, withdrawn_on=DAY)
    first.update(withdrawn_on=DAY, withdrawal=paper)
    end("3", nature="manquement", motif="Données divulguées.")


@pytest.mark.rule("CON-9.a")
@pytest.mark.rule("CON-9.b")
def test_a_prestataire_s_engagement_is_dated_and_demanded_once_at_a_time(convention, agent, paper):
    made = Prestataire.objects.create(lieu=convention.lieu, nom="Logiciels du Lac", from_on=DAY)
    rows = Prestataire.objects.all()
    with pytest.raises(IntegrityError, match="one_open_prestataire_of_a_name"), transaction.atomic():
        Prestataire.objects.create(lieu=convention.lieu, nom="Logiciels du Lac", from_on=DAY)
    refused("prestataire_ends_after_start", rows, until_on=DAY - timedelta(days=1))
    given = {"prestataire": made, "scan": paper, "signed_on": DAY, "received_at": NOW, "received_by": agent}
    Engagement.objects.create(**given)
    with pytest.raises(IntegrityError, match="one_engagement_to_verify_a_prestataire"), transaction.atomic():
        Engagement.objects.create(**given)
    refused("a_verified_engagement_says_by_whom", Engagement.objects.all(), decided_at=NOW)
    refused("a_verified_engagement_says_by_whom", Engagement.objects.all(), motif_refus="Illisible.")
    asked = {"prestataire": made, "asked_at": NOW, "asked_by": agent, "due_on": DAY}
    DemandeEngagement.objects.create(**asked)
    with pytest.raises(IntegrityError, match="one_open_demand_a_prestataire"), transaction.atomic():
        DemandeEngagement.objects.create(**asked)
    refused("answered_after_it_was_asked", DemandeEngagement.objects.all(), answered_at=NOW - timedelta(days=1))
