"""Each act of an agent leaves a line of the journal, in its name, on the page of the object (CTL-4)."""

import uuid
from datetime import date

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from conventions.forms.avenants import AvenantForm
from conventions.forms.correction import CorrectionForm
from conventions.models import Convention, Courrier, Prestataire
from conventions.queries import founding_acte
from conventions.services import fins
from demandes.models import JetonLieu
from demandes.services import jetons
from extranet.core.documents import store
from extranet.core.journal.models import Entry
from habilitations.services import echanges
from tests.factories import (
    NOW,
    AgentFactory,
    DemandeFactory,
    DemandeHabilitationFactory,
    HabilitationFactory,
    LieuFactory,
    PersonneInscriteFactory,
    SuspensionFactory,
    SuspensionHabilitationFactory,
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


def a_token():
    """Of the software of a lieu."""
    line = HabilitationFactory(lieu=LieuFactory())
    jetons.create(lieu=line.lieu.uuid, prestataire=None, nom="Logiciel", days=30, by=line.user, now=NOW)
    return JetonLieu.objects.get()


def a_paper_to_abandon():
    return LieuFactory(a_signer=True).conventions.get()


def a_copy():
    """Handed in by the link, to be verified."""
    convention = a_paper()
    kept = store.keep(a_pdf(), media_type="application/pdf", nature="scan", now=NOW)
    acte = founding_acte(convention)
    acte.copies.create(asked_at=NOW, asked_by=AgentFactory().user, handed_at=NOW, scan=kept)
    return convention


def corrected():
    """The paper of a convention as its form shows it, with a person and a reason."""
    form = CorrectionForm(obj=Convention.objects.get())
    typed = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    person = {"civilite": "Mme", "prenom": "Alix", "nom": "Petit", "courriel": "alix@lieu.test"}
    person |= {"service": "Petite enfance", "fonction": "animatrice"}
    named = {f"personne_0_{name}": value for name, value in person.items()}
    return {name: value or "" for name, value in typed.items()} | named | {"motif": "Personne oubliée."}


def stranded():
    """Nobody in its lieu can pick it up."""
    return DemandeFactory(transmise=True, lieu=LieuFactory(), at=NOW)


def with_factor(line):
    """A habilitation or an agent whose person has codes from an application."""
    Authenticator.objects.create(user=line.user, type=Authenticator.Type.TOTP, data={})
    return line


def an_exchange():
    line = HabilitationFactory()
    about = {"lieu": line.lieu.uuid, "sujet": "question", "texte": "Bonjour", "fichiers": [], "nonce": uuid.uuid4()}
    return echanges.open_echange(**about, by=line.user, now=NOW)


def an_avenant():
    acte = LieuFactory().conventions.get().actes.create(nature="avenant", rang=1, prepared_at=NOW)
    for nature in ("avenant", "annexe1"):
        acte.pieces.create(nature=nature, text_version="essai")
    return acte


def an_avenant_handed_in():
    acte = an_avenant()
    kept = store.keep(a_pdf(), media_type="application/pdf", nature="scan", now=NOW)
    acte.copies.create(asked_at=NOW, asked_by=AgentFactory().user, handed_at=NOW, scan=kept)
    return acte


def another_name():
    """What the page of an avenant sends back of a lieu whose name is changed."""
    page = AvenantForm(Convention.objects.latest("pk"))
    held = {
        f"{one.prefix}-{name}": value for one in (page.lieu, page.gestionnaire) for name, value in one.initial.items()
    }
    return held | {"lieu-nom": "Autre nom", "preparer": "1"}


def lettered(**about):
    """A convention in force with a letter of its gestionnaire, delivered in time."""
    given = {"partie": "gestionnaire", "numero": "1A00000000001", "posted_on": date(2026, 10, 1), "issue": "remise"}
    given |= {"delivered_on": date(2026, 10, 5), "recorded_at": NOW, "recorded_by": AgentFactory().user}
    convention = LieuFactory().conventions.get()
    convention.courriers.create(**given | about)
    return convention


def ending():
    """Its end is recorded, by a letter."""
    convention = lettered()
    letter = Courrier.objects.get()
    fins.end_at_anniversary(courrier_uuid=letter.uuid, ends_on=date(2027, 1, 15), by=letter.recorded_by, now=NOW)
    return convention


def a_pdf_of(field, **given):
    return lambda: given | {field: SimpleUploadedFile("lettre.pdf", a_pdf(), "application/pdf")}


def about_the_letter(**given):
    return lambda: given | {"courrier": Courrier.objects.get().uuid}


LETTER = {"objet": "preavis", "partie": "caf", "numero": "1A00000000001", "posted_on": "2026-11-02"}


def a_scan():
    return {"scan": SimpleUploadedFile("signe.pdf", a_pdf(), "application/pdf")}


def taken_over():
    """From paper, without its files."""
    convention = LieuFactory().conventions.get()
    who = AgentFactory().user
    for piece in convention.actes.get().pieces.all():
        for partie in ("gestionnaire", "caf"):
            piece.signatures.create(partie=partie, signed_on=NOW.date(), recorded_at=NOW, recorded_by=who)
    return convention


def a_prestataire():
    return Prestataire.objects.create(lieu=LieuFactory(), nom="Logiciels du Lac", from_on=NOW.date().replace(month=1))


def deposited():
    """Its engagement waits to be verified."""
    made = a_prestataire()
    scan = store.keep(a_pdf(), media_type="application/pdf", nature="engagement", now=NOW)
    made.engagements.create(scan=scan, signed_on=NOW.date(), received_at=NOW, received_by=AgentFactory().user)
    return made


ACTS = {
    "conventions_convention/avenant": (lambda: LieuFactory().conventions.get(), another_name),
    "conventions_avenant/signature": (
        an_avenant,
        lambda: signed() | {"pieces": "avenant,annexe1", "signed_on": NOW.date().isoformat()},
    ),
    "conventions_avenant/envoyer-lien": (an_avenant, dict),
    "conventions_avenant/verifier-copie": (
        an_avenant_handed_in,
        lambda: signed() | {"pieces": "avenant,annexe1", "signed_on": NOW.date().isoformat()},
    ),
    "conventions_avenant/refuser-copie": (an_avenant_handed_in, lambda: {"motif": "Une page manque."}),
    "conventions_avenant/acte-autorisant": (an_avenant, lambda: BOARD),
    "conventions_avenant/abandonner": (an_avenant, lambda: {"motif": "Commune oubliée."}),
    "demandes_demande/confier": (DemandeFactory, lambda: {"lieu": a_lieu_with_somebody().pk}),
    "habilitations_demandehabilitation/accepter": (DemandeHabilitationFactory, dict),
    "habilitations_demandehabilitation/refuser": (DemandeHabilitationFactory, lambda: {"motif": "Hors territoire."}),
    "habilitations_demandehabilitation/complement": (
        DemandeHabilitationFactory,
        lambda: {"texte": "La délibération ?", "attendu_le": "2026-12-15"},
    ),
    "habilitations_demandehabilitation/transferer": (
        DemandeHabilitationFactory,
        lambda: {"caf": "caf-91", "motif": "Le lieu est dans l’Essonne."},
    ),
    "habilitations_demandehabilitation/donnees": (DemandeHabilitationFactory, lambda: {"personne": "representant"}),
    "habilitations_demandehabilitation/corriger": (
        DemandeHabilitationFactory,
        lambda: {"personne": "representant", "nom": "Neuve", "motif": "Élection."},
    ),
    "habilitations_demandehabilitation/effacer": (
        lambda: DemandeHabilitationFactory(refusee=True, decided_by=AgentFactory().user),
        lambda: {"personne": "representant"},
    ),
    "habilitations_personneaactiver/activer": (to_open, dict),
    "habilitations_habilitation/suspendre": (HabilitationFactory, lambda: {"reason": "départ"}),
    "habilitations_habilitation/renvoyer": (lambda: HabilitationFactory(user__password_chosen_at=None), dict),
    "conventions_convention/signature": (a_paper, signed),
    "conventions_convention/acte-autorisant": (a_paper, lambda: BOARD),
    "conventions_convention/originaux": (a_paper, lambda: {"originaux": "Bureau 12"}),
    "conventions_convention/envoyer-lien": (a_paper, dict),
    "conventions_convention/verifier-copie": (a_copy, lambda: signed() | {"signed_on": "2026-11-23"}),
    "conventions_convention/refuser-copie": (a_copy, lambda: {"motif": "Une page manque."}),
    "conventions_convention/corriger": (a_paper_to_abandon, corrected),
    "conventions_lieu/presentation": (
        LieuFactory,
        lambda: {"horaires": "Le lundi", "site": "https://relais.exemple.fr", "courriel": "accueil@relais.test"},
    ),
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
    "conventions_convention/courrier": (lambda: LieuFactory().conventions.get(), a_pdf_of("scan", **LETTER)),
    "conventions_convention/suite-d-un-courrier": (
        lambda: lettered(issue="", delivered_on=None),
        about_the_letter(issue="non-reclamee"),
    ),
    "conventions_convention/fin-a-l-echeance": (lettered, about_the_letter(ends_on="2027-01-15")),
    "conventions_convention/resilier-pour-manquement": (
        lambda: lettered(objet="manquement", partie="caf"),
        about_the_letter(motif="Fuite."),
    ),
    "conventions_convention/retirer-la-resiliation": (ending, a_pdf_of("withdrawal", withdrawn_on="2026-11-20")),
    "conventions_convention/tentative-amiable": (
        lambda: LieuFactory().conventions.get(),
        lambda: {"tried_on": "2026-11-20", "description": "Rencontre en mairie."},
    ),
    "conventions_convention/nouveaux-mots-de-passe": (lambda: a_lieu_with_somebody().conventions.get(), dict),
    "demandes_demande/reprendre": (stranded, dict),
    "demandes_jetonlieu/revoquer": (a_token, dict),
    "habilitations_echange/repondre": (an_exchange, lambda: {"texte": "C’est noté.", "nonce": uuid.uuid4()}),
    "habilitations_echange/terminer": (an_exchange, dict),
    "habilitations_habilitation/lever": (lambda: SuspensionHabilitationFactory().habilitation, dict),
    "habilitations_habilitation/second-facteur": (lambda: with_factor(HabilitationFactory()), dict),
    "territory_agent/dpo": (AgentFactory, dict),
    "territory_agent/dpo-retirer": (lambda: AgentFactory(dpo=True), dict),
    "territory_agent/second-facteur": (lambda: with_factor(AgentFactory()), dict),
    "territory_caf/second-facteur": (lambda: LieuFactory().caf, dict),
    "territory_caf/rappels": (lambda: LieuFactory().caf, lambda: {"premier_rappel": 5, "second_rappel": ""}),
    "territory_caf/textes": (lambda: LieuFactory().caf, lambda: {"silence": "A", "recours": "B", "tribunal": "C"}),
    "territory_caf/quatre-yeux": (lambda: LieuFactory().caf, dict),
    "conventions_convention/document-signe": (taken_over, lambda: {"pieces": ["convention", "annexe1"], **a_scan()}),
    "conventions_convention/prestataire": (
        lambda: LieuFactory().conventions.get(),
        lambda: {"nom": "Logiciels du Lac", "from_on": "2026-01-05"},
    ),
    "conventions_prestataire/demander": (a_prestataire, lambda: {"due_on": "2026-12-15"}),
    "conventions_prestataire/engagement": (a_prestataire, lambda: {"signed_on": "2026-11-02", **a_scan()}),
    "conventions_prestataire/accepter": (deposited, dict),
    "conventions_prestataire/refuser": (deposited, lambda: {"motif": "Il n’est pas signé."}),
    "conventions_prestataire/fin": (a_prestataire, lambda: {"until_on": "2026-11-02"}),
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
    done = 200 if slug == "donnees" else 302  # a file, or back to the object
    assert answer.status_code == done, answer.content.decode()
    lines = Entry.objects.exclude(pk__in=before).filter(actor=f"user:{agent.user.uuid}")
    assert lines.exists()
    assert not any(line.object_id.isdigit() for line in lines)
    if act == "habilitations_demandehabilitation/transferer":  # seen by the other Caf only, from now on
        client.force_login(AgentFactory(essonne=True).user)
    if act not in ("habilitations_personneaactiver/activer", "conventions_convention/prestataire"):  # of what it made
        page = client.get(reverse(f"admin:{model}_change", args=[made.pk])).content.decode()
        assert "sacha.agente@caf77.test" in page


def test_every_act_of_the_desk_is_tried_here():
    """A new act needs an example in ACTS: what the object is, and what is typed."""
    offered = {
        f"{model._meta.label_lower.replace('.', '_')}/{act.slug}"
        for model, model_admin in admin.site._registry.items()
        for act in getattr(model_admin, "acts_here", ())
    }
    assert offered == set(ACTS)
