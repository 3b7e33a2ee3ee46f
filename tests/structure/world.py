"""Rows of every kind for every public, so that each address can be asked for by each (test_permissions)."""

from datetime import date, timedelta
from io import BytesIO
from types import SimpleNamespace
from uuid import uuid4

from django.test import Client
from django.urls import reverse

from conventions.models import Acte, Avenant, Courrier, Engagement, Prestataire, Signature
from conventions.queries import copy_token, founding_acte
from demandes.attestations.models import Attestation, Bilan
from demandes.models import JetonLieu, Livraison, Telechargement
from demandes.queries import link_token
from demandes.services import jetons
from extranet.core.accounts import services as accounts
from extranet.core.documents import store
from extranet.core.web.middleware import MUST_CHOOSE
from habilitations.queries import complement_token
from habilitations.queries import link_token as application_token
from habilitations.services import echanges, keeping
from tests.factories import (
    NOW,
    AgentFactory,
    ComplementFactory,
    DemandeFactory,
    DemandeHabilitationFactory,
    HabilitationFactory,
    LieuFactory,
    NoteFactory,
    PersonneInscriteFactory,
    SuiviFactory,
    a_pdf,
)


class World:
    """`people` by public, `objects` of the first lieu by admin model."""

    def __init__(self):
        self.lieu, self.other = LieuFactory(), LieuFactory()
        essonne = LieuFactory(essonne=True)
        line = HabilitationFactory(lieu=self.lieu)
        stranger = HabilitationFactory(lieu=self.other)
        pending = HabilitationFactory(lieu=self.lieu)
        HabilitationFactory(lieu=essonne)
        DemandeFactory(transmise=True, lieu=self.other)
        DemandeFactory(transmise=True, lieu=essonne)
        DemandeHabilitationFactory(essonne=True)
        self.waiting = DemandeFactory()
        self.demande = DemandeFactory(recuperee=True, lieu=self.lieu)
        self.destroyed = DemandeFactory(purgee=True, lieu=self.lieu)
        when = NOW + timedelta(days=3)
        SuiviFactory(demande=self.demande, rendez_vous_at=when, moyen="lieu")
        self.note = NoteFactory(demande=self.demande)
        self.scan = self._file()
        self.attestation = Attestation.objects.create(lieu=self.lieu, opened_at=NOW, due_on=date(2026, 12, 22))
        self.signed = Attestation.objects.create(
            lieu=self.lieu, opened_at=NOW, due_on=date(2026, 12, 22), state="signee", signed_at=NOW, pdf=self._file()
        )
        self.bilan = Bilan.objects.create(lieu=self.lieu, annee=2025, opened_at=NOW, due_on=date(2026, 3, 31))
        self.confirmed = Bilan.objects.create(
            lieu=self.lieu,
            annee=2024,
            opened_at=NOW,
            due_on=date(2025, 3, 31),
            state="confirme",
            confirmed_at=NOW,
            pdf=self._file(),
        )
        self.livraison = Livraison.objects.create(
            nom="l.xml", sha256="0" * 64, origine="depot", received_at=NOW, state="traitee", finished_at=NOW
        )
        self.convention = self.lieu.conventions.get()
        acte = founding_acte(self.convention)
        self.signature = self._signature(acte, self.scan)
        self.avenant = Avenant.objects.create(convention=self.convention, nature="avenant", rang=1, prepared_at=NOW)
        for nature in ("avenant", "annexe1"):
            self.avenant.pieces.create(nature=nature, text_version="essai")
        self.elsewhere = self._signature(Acte.objects.get(convention__lieu=self.other), self._file())
        self.echange, self.joint = self._echange(line)
        _, self.joint_elsewhere = self._echange(stranger)
        agents = {
            "instructeur": AgentFactory(),
            "autre-caf": AgentFactory(essonne=True),
            "lecteur": AgentFactory(lecteur=True),
            "superviseur": AgentFactory(superviseur=True),
            "cnaf": AgentFactory(cnaf=True),
        }
        self.people = {name: agent.user for name, agent in agents.items()}
        self.people |= {"personne": line.user, "autre-lieu": stranger.user, "premiere": pending.user}
        self.engagement, foreign = self._engagement(self.lieu), self._engagement(self.other)
        self.objects = {
            "demandes_demande": self.waiting,
            "attestations_attestation": self.signed,
            "attestations_bilan": self.confirmed,
            "demandes_livraison": self.livraison,
            "demandes_jetonlieu": self._jeton_of(line),
            "habilitations_demandehabilitation": DemandeHabilitationFactory(),
            "habilitations_personneaactiver": PersonneInscriteFactory(lieu=self.lieu),
            "habilitations_habilitation": line,
            "habilitations_echange": self.echange,
            "conventions_convention": self.convention,
            "conventions_avenant": self.avenant,
            "conventions_lieu": self.lieu,
            "conventions_gestionnaire": self.lieu.gestionnaire,
            "conventions_prestataire": self.engagement.prestataire,
            "territory_caf": self.lieu.caf,
            "territory_agent": agents["instructeur"],
            "territory_commune": SimpleNamespace(pk="77100"),
            "territory_epci": SimpleNamespace(pk="200070779"),
            "territory_departement": SimpleNamespace(pk="77"),
        }
        self.applied = application_token(DemandeHabilitationFactory().uuid)
        self.arguments = {
            "demandes:envoyee": [link_token(self.demande.uuid)],
            "demandes:suivi": [link_token(self.demande.uuid)],
            "demandes:suivi[destroyed]": [link_token(self.destroyed.uuid)],
            "demandes:etape": ["relire"],
            "demandes:etape[unknown]": ["ailleurs"],
            "demandes:envoyee[forged]": [link_token(self.demande.uuid)[:-4] + "AAAA"],
            "demandes:suivi[forged]": [link_token(self.demande.uuid)[:-4] + "AAAA"],
            "habilitations:etape": ["communes"],
            "habilitations:etape[unknown]": ["ailleurs"],
            "habilitations:complement": [complement_token(ComplementFactory().uuid)],
            "habilitations:complement[replaced]": [complement_token(ComplementFactory(remplace=True).uuid)],
            "habilitations:complement[forged]": [complement_token(uuid4())],
            "conventions:a-signer": [self._link()],
            "conventions:a-signer[replaced]": [self._link(closed_at=NOW, issue="remplacee")],
            "conventions:a-signer[forged]": [self._link()[:-4] + "AAAA"],
            "conventions:document": [self._link()],
            "conventions:document[replaced]": [self._link(closed_at=NOW, issue="remplacee")],
            "conventions:document[forged]": [self._link()[:-4] + "AAAA"],
            "habilitations:envoyee": [self.applied],
            "habilitations:envoyee[forged]": [self.applied[:-4] + "AAAA"],
            "habilitations:suivi": [self.applied],
            "habilitations:suivi[forged]": [self.applied[:-4] + "AAAA"],
            "habilitations:suivi[erased]": [application_token(self._erased().uuid)],
            "habilitations:avenant": [self.avenant.uuid],
            "habilitations:lieu": [self.lieu.uuid],
            "habilitations:fermetures": [self.lieu.uuid],
            "habilitations:affiche": [self.lieu.uuid],
            "habilitations:fermeture": [self._closure(line).uuid],
            "demandes:detail": [self.demande.uuid],
            "demandes:detail[destroyed]": [self.destroyed.uuid],
            "demandes:cloture": [self.demande.uuid],
            "demandes:annulation": [self.demande.uuid],
            "demandes:calendrier": [self.demande.uuid],
            "demandes:calendrier[destroyed]": [self.destroyed.uuid],
            "demandes:retrait-note": [self.demande.uuid, self.note.uuid],
            **{f"demandes:acte[{name}]": [self.demande.uuid, name] for name in ("appel", "rdv", "confier", "note")},
            "demandes:acte[unknown]": [self.demande.uuid, "rien"],
            "demandes:acte[destroyed]": [self.destroyed.uuid, "appel"],
            "attestations:attestation": [self.attestation.uuid],
            "attestations:attestation[signed]": [self.signed.uuid],
            "attestations:bilan": [self.bilan.uuid],
            "attestations:bilan[confirmed]": [self.confirmed.uuid],
            "attestations:bilan-pdf": [self.bilan.uuid],
            "attestations:bilan-pdf[confirmed]": [self.confirmed.uuid],
            "demandes:fiche-ods": [self.lieu.uuid, 2026],
            "demandes:fiche-pdf": [self.other.uuid, 2026],
            "demandes:fichier": [self._asked(line.user).uuid],
            "attestations:pdf": [self.attestation.uuid],
            "attestations:pdf[signed]": [self.signed.uuid],
            "demandes:api-livraison": [self.livraison.uuid],
            "demandes:api-rapport": [self.livraison.uuid],
            "demandes:jeton-revocation": [self._token(self.people["cnaf"])],
            "demandes:jeton-revocation[other]": [self._token(AgentFactory(cnaf=True).user)],
            "demandes:jeton-revocation[lieu]": [self._token_of(line)],
            "habilitations:echange": [self.echange.uuid],
            "habilitations:echange_fichier": [self.echange.uuid, self.joint.pk],
            "habilitations:echange_fichier[elsewhere]": [self.echange.uuid, self.joint_elsewhere.pk],
            "admin:habilitations_echange_fichier": [self.echange.pk, self.joint.pk],
            "admin:habilitations_echange_fichier[elsewhere]": [self.echange.pk, self.joint_elsewhere.pk],
            "habilitations:engagement": [self.engagement.prestataire.uuid],
            "admin:conventions_prestataire_engagement": [self.engagement.prestataire.pk, self.engagement.uuid],
            "admin:conventions_prestataire_engagement[elsewhere]": [self.engagement.prestataire.pk, foreign.uuid],
            "mfa_remove_webauthn": [1],
            "mfa_edit_webauthn": [1],
            "admin:app_list": ["demandes"],
            "admin:conventions_convention_fichier": [self.convention.pk, self.signature.scan_id],
            "admin:conventions_convention_courrier": [self.convention.pk, self._letter(self.convention)],
            "admin:conventions_convention_courrier[elsewhere]": [
                self.convention.pk,
                self._letter(self.other.conventions.get()),
            ],
            "admin:conventions_convention_lettre": [self.convention.pk, "manquement"],
            "admin:conventions_convention_lettre[unknown]": [self.convention.pk, "rien"],
            "admin:dossier-de-manquement": [self.convention.pk],
            "demandes:autre-lieu": [link_token(self.demande.uuid)],
            "demandes:autre-lieu[destroyed]": [link_token(self.destroyed.uuid)],
            "demandes:autre-lieu[forged]": [link_token(self.demande.uuid)[:-4] + "AAAA"],
            "admin:conventions_convention_fichier[elsewhere]": [self.convention.pk, self.elsewhere.scan_id],
        }

    def _link(self, **closed):
        """To a paper to sign, of a lieu in preparation of its own."""
        acte = Acte.objects.get(convention__lieu=LieuFactory(a_signer=True))
        agent = AgentFactory().user
        by = {"closed_by": agent} if closed else {}
        return copy_token(acte.copies.create(asked_at=NOW, asked_by=agent, **closed, **by))

    def _erased(self):
        made = DemandeHabilitationFactory(submitted_at=NOW - timedelta(days=200))
        assert keeping.erase(demande_id=made.pk, now=NOW)
        return made

    def _asked(self, user):
        """A file that waits for a worker."""
        later = NOW + timedelta(hours=1)
        return Telechargement.objects.create(
            user=user, forme="pdf", demandes=[self.demande.pk], asked_at=NOW, expires_at=later
        )

    def _token(self, user):
        accounts.create_token(user, portee="cnaf", nom="essai", now=NOW)
        return accounts.tokens_of(user).get().pk

    def _jeton_of(self, line):
        jetons.create(lieu=line.lieu.uuid, prestataire=None, nom="essai", days=30, by=line.user, now=NOW)
        return JetonLieu.objects.get()

    def _token_of(self, line):
        return JetonLieu.objects.get(jeton__user=line.user).jeton_id

    def _echange(self, line):
        about = {"lieu": line.lieu.uuid, "sujet": "question", "texte": "Bonjour", "nonce": uuid4()}
        made = echanges.open_echange(
            **about, fichiers=[echanges.Joint("a.pdf", BytesIO(a_pdf()))], by=line.user, now=NOW
        )
        return made, made.messages.get().pieces.get().fichier

    def _file(self):
        return store.keep(a_pdf(), media_type="application/pdf", nature="signature", now=NOW)

    def _engagement(self, lieu):
        """What a lieu deposited for a prestataire, to be verified."""
        made = Prestataire.objects.create(lieu=lieu, nom="Logiciels du Lac", from_on=date(2025, 2, 1))
        about = {"signed_on": date(2025, 2, 1), "received_at": NOW, "received_by": AgentFactory().user}
        return Engagement.objects.create(prestataire=made, scan=self._file(), **about)

    def _closure(self, line):
        about = {"du": date(2026, 12, 21), "au": date(2027, 1, 1), "declared_at": NOW, "declared_by": line.user}
        return self.lieu.fermetures.create(motif="conges", **about)

    def _letter(self, convention):
        made = Courrier.objects.create(
            convention=convention,
            partie="caf",
            numero=f"1A{convention.pk:011}",
            posted_on=date(2026, 11, 2),
            scan=self._file(),
            recorded_at=NOW,
            recorded_by=AgentFactory().user,
        )
        return made.scan_id

    def _signature(self, acte, scan):
        return Signature.objects.create(
            piece=acte.pieces.get(nature="convention"),
            partie="caf",
            signed_on=date(2025, 1, 15),
            signataire="Alex Directeur",
            qualite="directeur",
            scan=scan,
            recorded_at=NOW - timedelta(days=1),
            recorded_by=AgentFactory().user,
        )

    def client(self, public):
        client = Client()
        if user := self.people.get(public):
            client.force_login(user)
        if public == "premiere":
            session = client.session
            session[MUST_CHOOSE] = True
            session.save()
        return client

    def address(self, name, variant):
        if name == "admin:autre":
            return "/admin/auth/user/"
        full = f"{name}[{variant}]" if variant else name
        if full in self.arguments:
            return reverse(name, args=self.arguments[full])
        model = next((model for model in self.objects if name.startswith(f"admin:{model}")), "")
        door = name.removeprefix(f"admin:{model}").lstrip("_") if model else ""
        if not model or door in ("changelist", "add"):
            return reverse(name)
        if door.startswith("reprise"):
            return reverse(name)
        pk = self.objects[model].pk
        if door == "acte":
            return reverse(name, args=[pk, variant])
        if door == "actes":
            return f"{reverse(name, args=[variant])}?objet={pk}"
        if not door:
            return reverse(f"admin:{model}_change", args=[pk]).removesuffix("change/")
        return reverse(name, args=[pk])

    def data(self, name):
        if name.endswith("_actes"):
            return {"objet": self.objects[name.removeprefix("admin:").removesuffix("_actes")].pk}
        if name in ("demandes:telechargement", "demandes:geste", "demandes:reouverture"):
            return {"format": "xml", "demande": str(self.demande.uuid), "issue": "injoignable"}
        if name in ("demandes:acte", "demandes:cloture"):
            typed = {"joint": "oui", "jour": "2026-12-01", "heure": "10:00", "moyen": "lieu", "texte": "Une note"}
            return typed | {"issue": "injoignable"}
        return {}
