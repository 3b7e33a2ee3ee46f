"""Each act of an agent leaves a line of the journal, in its name, on the page of the object (CTL-4)."""

import pytest
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from conventions.models import Convention
from extranet.core.journal.models import Entry
from tests.factories import (
    NOW,
    AgentFactory,
    DemandeFactory,
    DemandeHabilitationFactory,
    HabilitationFactory,
    LieuFactory,
    PersonneInscriteFactory,
    SuspensionFactory,
    a_pdf,
)

pytestmark = [pytest.mark.django_db, pytest.mark.rule("CTL-4.a")]


def a_lieu_with_somebody():
    return HabilitationFactory(lieu=LieuFactory()).lieu


def a_paper():
    return LieuFactory(a_signer=True).conventions.get()


def to_open():
    lieu = LieuFactory(gestionnaire__courriel_registre="mairie@commune.test")
    Convention.objects.update(accepted_by=AgentFactory().user)
    return PersonneInscriteFactory(lieu=lieu)


def signed():
    scan = SimpleUploadedFile("signe.pdf", a_pdf(), "application/pdf")
    given = {"partie": "caf", "pieces": "convention,annexe1", "signed_on": "2026-11-02", "qualite": "directrice"}
    return given | {"signataire": "Claude Exemple", "scan": scan}


BOARD = {"nature": "deliberation", "numero": "7", "deliberation_on": "2026-10-02", "deliberation_received_on": ""}
DIRECTOR = {
    "directeur_civilite": "Mme",
    "directeur_prenom": "C",
    "directeur_nom": "E",
    "directeur_qualite": "directrice",
}


def a_paper_to_abandon():
    return LieuFactory(a_signer=True).conventions.get()


def stranded():
    """Nobody in its lieu can pick it up."""
    return DemandeFactory(transmise=True, lieu=LieuFactory(), at=NOW)


ACTS = {
    "demandes_demande/confier": (DemandeFactory, lambda: {"lieu": a_lieu_with_somebody().pk}),
    "habilitations_demandehabilitation/accepter": (DemandeHabilitationFactory, dict),
    "habilitations_demandehabilitation/refuser": (DemandeHabilitationFactory, lambda: {"motif": "Hors territoire."}),
    "habilitations_demandehabilitation/complement": (
        DemandeHabilitationFactory,
        lambda: {"texte": "La délibération ?"},
    ),
    "habilitations_demandehabilitation/transferer": (
        DemandeHabilitationFactory,
        lambda: {"caf": "caf-91", "motif": "Le lieu est dans l’Essonne."},
    ),
    "habilitations_personneaactiver/activer": (to_open, dict),
    "habilitations_habilitation/suspendre": (HabilitationFactory, lambda: {"reason": "départ"}),
    "habilitations_habilitation/renvoyer": (lambda: HabilitationFactory(user__password_chosen_at=None), dict),
    "conventions_convention/signature": (a_paper, signed),
    "conventions_convention/acte-autorisant": (a_paper, lambda: BOARD),
    "conventions_gestionnaire/courriel-officiel": (
        lambda: LieuFactory().gestionnaire,
        lambda: {"courriel": "mairie@ville.test", "source": "site officiel"},
    ),
    "territory_caf/coordonnees": (
        lambda: LieuFactory().caf,
        lambda: {"courriel_generique": "", "adresse": "1 rue Neuve", "telephone": "3230"},
    ),
    "conventions_convention/abandonner": (a_paper_to_abandon, lambda: {"motif": "Erreur de saisie."}),
    "conventions_convention/suspendre": (lambda: LieuFactory().conventions.get(), lambda: {"reason": "Fuite."}),
    "conventions_convention/lever-la-suspension": (lambda: SuspensionFactory().convention, dict),
    "demandes_demande/reprendre": (stranded, dict),
    "territory_caf/quatre-yeux": (lambda: LieuFactory().caf, dict),
    "territory_caf/direction": (lambda: LieuFactory().caf, lambda: DIRECTOR),
}


@pytest.mark.parametrize("act", ACTS)
def test_an_act_is_on_record_and_shown_where_it_was_done(client, time_machine, act):
    time_machine.move_to(NOW, tick=False)
    (model, _, slug), (make, data) = act.partition("/"), ACTS[act]
    made = make()
    agent = AgentFactory(superviseur=True, user__email="sacha.agente@caf77.test")
    client.force_login(agent.user)
    given = data()
    before = set(Entry.objects.values_list("pk", flat=True))
    answer = client.post(reverse(f"admin:{model}_acte", args=[made.pk, slug]), given)
    assert answer.status_code == 302, answer.content.decode()
    lines = Entry.objects.exclude(pk__in=before).filter(actor=f"user:{agent.user.uuid}")
    assert lines.exists()
    assert not any(line.object_id.isdigit() for line in lines)
    if act == "habilitations_demandehabilitation/transferer":  # seen by the other Caf only, from now on
        client.force_login(AgentFactory(essonne=True).user)
    if act != "habilitations_personneaactiver/activer":  # its line is the habilitation's, which it made
        page = client.get(reverse(f"admin:{model}_change", args=[made.pk])).content.decode()
        assert "sacha.agente@caf77.test" in page


def test_every_act_of_the_desk_is_tried_here():
    """A new act needs an example in ACTS: what the object is, and what is typed."""
    offered = {
        f"{model._meta.label_lower.replace('.', '_')}/{act.slug}"
        for model, model_admin in admin.site._registry.items()
        for act in getattr(model_admin, "acts", ())
    }
    assert offered == set(ACTS)
