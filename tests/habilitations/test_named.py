"""A person named in an application has its data accessed, corrected, erased by the Caf (HAB-8.b)."""

import json

import pytest
from django.http import Http404

from conventions.models import PersonneInscrite
from extranet.core.errors import Forbidden, Refused, WrongState
from extranet.core.journal.models import Entry
from habilitations import queries
from habilitations.models import PersonneDemandee
from habilitations.services import applications, named
from tests.factories import (
    NOW,
    AgentFactory,
    ComplementFactory,
    DemandeHabilitationFactory,
    HabilitationFactory,
    VersionDemandeFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.rule("HAB-8.b")]


@pytest.fixture(autouse=True)
def _now(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def demande():
    made = DemandeHabilitationFactory()
    made.version.personnes.update(courriel="alix@lieu.test")
    made.version.personnes.create(
        civilite="M.", nom="Resté", prenom="Noé", courriel="noe@lieu.test", service="PE", fonction="agent"
    )
    return made


def act(demande, slug):
    return f"/admin/habilitations/demandehabilitation/{demande.pk}/acte/{slug}/"


def journaled(event, *absent):
    line = Entry.objects.get(event=event)
    for text in absent:
        assert text not in json.dumps(line.details)
    return line


def test_what_the_caf_holds_about_it_is_handed_over_as_a_file_that_reads(client, demande):
    agent = AgentFactory()
    HabilitationFactory(user__email="alix@lieu.test", user__nom="Petit", user__prenom="Alix")
    other = DemandeHabilitationFactory(version__lieu_courriel="Alix@lieu.test", version__lieu_nom="Autre lieu")
    elsewhere = DemandeHabilitationFactory(essonne=True)
    elsewhere.version.personnes.update(courriel="alix@lieu.test")
    client.force_login(agent.user)
    answer = client.post(act(demande, "donnees"), {"personne": "alix@lieu.test"})
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="donnees-{demande.reference}.txt"'
    text = answer.content.decode()
    for words in (demande.reference, "Madame Alix Petit, animatrice, Petite enfance", other.reference, "Autre lieu"):
        assert words in text
    for words in ("Annexe 1 de la convention", "Compte\n- Alix Petit", "Caf de Seine-et-Marne"):
        assert words in text
    for words in (elsewhere.reference, "noe@lieu.test", "&"):
        assert words not in text
    line = Entry.objects.get(event="demande-habilitation.donnees-remises")
    assert (line.actor, "alix" in json.dumps(line.details)) == (f"user:{agent.user.uuid}", False)
    text = client.post(act(demande, "donnees"), {"personne": "representant"}).content.decode()
    assert "Madame Camille Martin, maire" in text
    assert client.post(act(demande, "donnees"), {"personne": "inconnue@lieu.test"}).status_code == 422


def test_a_correction_is_the_next_version_with_its_reason_and_what_was_sent_stays(client, demande):
    agent, complement = AgentFactory(), ComplementFactory(demande=demande)
    client.force_login(agent.user)
    typed = {"personne": "alix@lieu.test", "nom": "Petit-Pré", "courriel": "Alix.Pre@lieu.test", "motif": "Mariage."}
    assert client.post(act(demande, "corriger"), typed).status_code == 302
    first, last = demande.versions.order_by("numero")
    assert {one.courriel for one in first.personnes.all()} == {"alix@lieu.test", "noe@lieu.test"}
    now = {one.courriel: (one.nom, one.prenom, one.fonction) for one in last.personnes.all()}
    assert now == {
        "alix.pre@lieu.test": ("Petit-Pré", "Alix", "animatrice"),
        "noe@lieu.test": ("Resté", "Noé", "agent"),
    }
    assert (last.motif_correction, last.corrected_by, last.lieu) == ("Mariage.", agent.user, first.lieu)
    assert [line.commune_id for line in last.communes.all()] == [line.commune_id for line in first.communes.all()]
    before = demande.state
    demande.refresh_from_db()
    assert (demande.version, demande.state) == (last, before)
    journaled("demande-habilitation.personne-corrigee", "Petit", "alix", "Mariage")
    complement.refresh_from_db()
    assert complement.closed_at is None
    page = client.get(f"/admin/habilitations/demandehabilitation/{demande.pk}/change/").content.decode()
    assert "Version 2, corrigée le" in page
    assert "Mariage." in page
    applications.accept(demande_id=demande.pk, by=agent.user, now=NOW)
    assert PersonneInscrite.objects.filter(nom="Petit-Pré", courriel="alix.pre@lieu.test").exists()


WRONG = [
    ({"nom": "X", "motif": " "}, "motif"),
    ({"motif": "Rien."}, None),
    ({"courriel": "noe@lieu.test", "motif": "Deux."}, "courriel"),
    ({"personne": "representant", "courriel": "x@lieu.test", "motif": "Non."}, "courriel"),
    ({"personne": "qui@lieu.test", "nom": "X", "motif": "Non."}, "personne"),
    ({"courriel": "pas une adresse", "motif": "Non."}, "courriel"),
]


@pytest.mark.parametrize(("typed", "field"), WRONG)
def test_what_cannot_be_corrected_is_said_beside_it_with_what_was_typed(client, demande, typed, field):
    client.force_login(AgentFactory().user)
    answer = client.post(act(demande, "corriger"), {"personne": "alix@lieu.test"} | typed)
    assert answer.status_code == 422
    form = answer.context["form"]
    assert form.errors.get(field) if field else form.non_field_errors()
    assert demande.versions.count() == 1


def test_the_representant_legal_is_corrected_too(demande):
    by = AgentFactory().user
    changes = {"personne": "representant", "motif": "Élection.", "nom": "Neuve", "fonction": "adjointe", "prenom": ""}
    given = named.correct(demande_id=demande.pk, by=by, now=NOW, **changes).gestionnaire
    assert (given.representant_nom, given.representant_prenom) == ("Neuve", "Camille")
    assert given.representant_qualite == "adjointe"


def test_an_erased_person_is_in_no_version_any_more(client, demande):
    second = VersionDemandeFactory(demande=demande)
    second.personnes.update(courriel="alix@lieu.test")
    type(demande).objects.filter(pk=demande.pk).update(version=second)
    client.force_login(AgentFactory().user)
    assert client.post(act(demande, "effacer"), {"personne": "alix@lieu.test"}).status_code == 302
    assert [one.courriel for one in PersonneDemandee.objects.all()] == ["noe@lieu.test"]
    journaled("demande-habilitation.personne-effacee", "alix", "Petit")
    # Nobody is left in the last version: not to be accepted before the lieu names somebody.
    page = client.get(f"/admin/habilitations/demandehabilitation/{demande.pk}/change/").content.decode()
    assert "Plus aucune personne à habiliter" in page
    assert client.post(act(demande, "accepter")).status_code == 409


def test_a_representant_legal_is_erased_from_a_refused_application_only(client, demande):
    agent = AgentFactory()
    client.force_login(agent.user)
    assert client.post(act(demande, "effacer"), {"personne": "representant"}).status_code == 409
    demande.versions.update(lieu_courriel="Alix@lieu.test")
    applications.refuse(demande_id=demande.pk, motif="Non.", by=agent.user, now=NOW)
    for personne in ("representant", "alix@lieu.test"):
        assert client.post(act(demande, "effacer"), {"personne": personne}).status_code == 302
    version = demande.versions.get()
    assert (version.representant_nom, version.representant_prenom, version.lieu_courriel) == ("", "", "")
    assert [whom for whom, _ in queries.named_in(demande)] == ["noe@lieu.test"]
    assert client.get(f"/admin/habilitations/demandehabilitation/{demande.pk}/change/").status_code == 200


SERVICES = {"hand_over": {}, "correct": {"nom": "X", "motif": "Non."}, "erase": {}}


@pytest.mark.parametrize("name", SERVICES)
def test_another_caf_a_lecteur_and_an_accepted_application(demande, name):
    service = getattr(named, name)
    given = {"demande_id": demande.pk, "personne": "alix@lieu.test", "now": NOW} | SERVICES[name]
    with pytest.raises(Http404):
        service(by=AgentFactory(essonne=True).user, **given)
    with pytest.raises(Http404):
        service(by=AgentFactory(cnaf=True).user, **given)
    with pytest.raises(Forbidden):
        service(by=AgentFactory(lecteur=True).user, **given)
    agent = AgentFactory().user
    with pytest.raises(Refused):
        service(by=agent, **given | {"personne": "qui@lieu.test"})
    applications.accept(demande_id=demande.pk, by=agent, now=NOW)
    if name != "hand_over":
        with pytest.raises(WrongState):
            service(by=agent, **given)
    assert demande.versions.get().personnes.count() == 2
