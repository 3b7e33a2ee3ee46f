"""Rows of every kind for every public, so that each address can be asked for by each (test_permissions)."""

from datetime import date, timedelta
from types import SimpleNamespace
from uuid import uuid4

from django.test import Client
from django.urls import reverse

from conventions.models import Acte, Signature
from demandes.attestations.models import Attestation
from demandes.models import Livraison
from demandes.queries import link_token
from extranet.core.accounts import services as accounts
from extranet.core.documents import store
from extranet.core.web.middleware import MUST_CHOOSE
from habilitations.queries import complement_token
from tests.factories import (
    NOW,
    AgentFactory,
    ComplementFactory,
    DemandeFactory,
    DemandeHabilitationFactory,
    HabilitationFactory,
    LieuFactory,
    PersonneInscriteFactory,
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
        self.scan = self._file()
        self.attestation = Attestation.objects.create(lieu=self.lieu, opened_at=NOW, due_on=date(2026, 12, 22))
        self.signed = Attestation.objects.create(
            lieu=self.lieu, opened_at=NOW, due_on=date(2026, 12, 22), state="signee", signed_at=NOW, pdf=self._file()
        )
        self.livraison = Livraison.objects.create(
            nom="l.xml", sha256="0" * 64, origine="depot", received_at=NOW, state="traitee", finished_at=NOW
        )
        self.convention = self.lieu.conventions.get()
        acte = Acte.objects.get(convention=self.convention)
        self.signature = self._signature(acte, self.scan)
        self.elsewhere = self._signature(Acte.objects.get(convention__lieu=self.other), self._file())
        agents = {
            "instructeur": AgentFactory(),
            "autre-caf": AgentFactory(essonne=True),
            "lecteur": AgentFactory(lecteur=True),
            "superviseur": AgentFactory(superviseur=True),
            "cnaf": AgentFactory(cnaf=True),
        }
        self.people = {name: agent.user for name, agent in agents.items()}
        self.people |= {"personne": line.user, "autre-lieu": stranger.user, "premiere": pending.user}
        self.objects = {
            "demandes_demande": self.waiting,
            "attestations_attestation": self.signed,
            "demandes_livraison": self.livraison,
            "habilitations_demandehabilitation": DemandeHabilitationFactory(),
            "habilitations_personneaactiver": PersonneInscriteFactory(lieu=self.lieu),
            "habilitations_habilitation": line,
            "conventions_convention": self.convention,
            "conventions_lieu": self.lieu,
            "conventions_gestionnaire": self.lieu.gestionnaire,
            "territory_caf": self.lieu.caf,
            "territory_agent": agents["instructeur"],
            "territory_commune": SimpleNamespace(pk="77100"),
            "territory_epci": SimpleNamespace(pk="200070779"),
            "territory_departement": SimpleNamespace(pk="77"),
        }
        self.arguments = {
            "demandes:envoyee": [link_token(self.demande.uuid)],
            "demandes:suivi": [link_token(self.demande.uuid)],
            "demandes:suivi[destroyed]": [link_token(self.destroyed.uuid)],
            "demandes:envoyee[forged]": [link_token(self.demande.uuid)[:-4] + "AAAA"],
            "demandes:suivi[forged]": [link_token(self.demande.uuid)[:-4] + "AAAA"],
            "habilitations:etape": ["communes"],
            "habilitations:etape[unknown]": ["ailleurs"],
            "habilitations:complement": [complement_token(ComplementFactory().uuid)],
            "habilitations:complement[replaced]": [complement_token(ComplementFactory(remplace=True).uuid)],
            "habilitations:complement[forged]": [complement_token(uuid4())],
            "habilitations:envoyee": ["H-2026-ABCDEF"],
            "habilitations:envoyee[forged]": ["X-2026-ABCDEF"],
            "demandes:detail": [self.demande.uuid],
            "demandes:detail[destroyed]": [self.destroyed.uuid],
            "demandes:cloture": [self.demande.uuid],
            "attestations:attestation": [self.attestation.uuid],
            "attestations:attestation[signed]": [self.signed.uuid],
            "attestations:pdf": [self.attestation.uuid],
            "attestations:pdf[signed]": [self.signed.uuid],
            "demandes:api-livraison": [self.livraison.uuid],
            "demandes:api-rapport": [self.livraison.uuid],
            "demandes:jeton-revocation": [self._token(self.people["cnaf"])],
            "demandes:jeton-revocation[other]": [self._token(AgentFactory(cnaf=True).user)],
            "mfa_remove_webauthn": [1],
            "mfa_edit_webauthn": [1],
            "admin:app_list": ["demandes"],
            "admin:conventions_convention_fichier": [self.convention.pk, self.signature.scan_id],
            "admin:conventions_convention_fichier[elsewhere]": [self.convention.pk, self.elsewhere.scan_id],
        }

    def _token(self, user):
        accounts.create_token(user, portee="cnaf", nom="essai", now=NOW)
        return accounts.tokens_of(user).get().pk

    def _file(self):
        return store.keep(a_pdf(), media_type="application/pdf", nature="signature", now=NOW)

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
        return {"format": "xml", "demande": str(self.demande.uuid)} if name == "demandes:telechargement" else {}
