"""Persons whom conventions name, and their access; every act goes through a service."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from conventions.models import Convention
from extranet.core import clock
from extranet.core.accounts import factors
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.words import date_courte
from extranet.territory.acts import Act, ActsMixin, Step, offer, offer_step, to_holders
from habilitations import queries, rights, rules
from habilitations.models import Habilitation, PersonneAActiver
from habilitations.services import activation, passwords, persons


class RaisonForm(forms.Form):
    """Why an access is closed."""

    reason = forms.CharField(label="Motif", max_length=200)


def holder_words(personne: PersonneAActiver) -> list[str]:
    """HAB-4.b: said beside a person whose address is somebody else's account."""
    if (user := queries.other_holder(personne.courriel, str(personne))) is None:
        return []
    return [f"{personne.courriel} est déjà le compte de {user.get_full_name()} : vérifiez l’adresse."]


@admin.register(PersonneAActiver)
class PersonneAActiverAdmin(ActsMixin):
    """ACT-1: whom a signed convention names and who has no access yet."""

    caf_path = "lieu__caf"
    rights = rights
    list_display = ["nom", "prenom", "fonction", "courriel", "lieu", "from_on"]
    list_filter = ["lieu"]
    search_fields = ["nom", "prenom", "courriel", "lieu__nom"]
    search_help_text = "Nom, adresse ou lieu"
    list_select_related = ["lieu"]
    ordering = ["from_on", "nom"]
    fields = [
        "civilite",
        "nom",
        "prenom",
        "courriel",
        "service",
        "fonction",
        "compte",
        "lieu",
        "from_on",
        "courriel_officiel",
    ]
    acts = [
        Act(
            slug="activer",
            label="Ouvrir l’accès",
            right="activate",
            several=True,
            words=holder_words,
            obstacle=lambda personne, by, now: activation.obstacle(personne, by=by, now=now),
            run=lambda personnes, data, by, now: activation.activate_all(
                personne_ids=[personne.pk for personne in personnes], by=by, now=now
            ),
            done="C’est fait : chaque personne reçoit un courriel pour entrer, et le gestionnaire est prévenu.",
            explain="Chaque personne reçoit l’information sur ses données et, si elle n’a pas encore de compte, un mot "
            "de passe provisoire ; le gestionnaire apprend qui a maintenant accès.",
        )
    ]

    @admin.display(description="compte de cette adresse")
    def compte(self, personne: PersonneAActiver) -> str:
        if said := holder_words(personne):
            return said[0]
        known = User.objects.filter(email=personne.courriel.lower()).exists()
        return "cette personne en a déjà un" if known else "aucun : il sera créé"

    @admin.display(description="courriel officiel du gestionnaire")
    def courriel_officiel(self, personne: PersonneAActiver) -> str:
        gestionnaire = personne.opened_by.convention.gestionnaire
        url = reverse("admin:conventions_gestionnaire_change", args=[gestionnaire.pk])
        said = gestionnaire.courriel_registre or "à indiquer avant d’ouvrir l’accès"
        return format_html('{} (<a href="{}">{}</a>)', said, url, gestionnaire.nom)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PersonneAActiver]:
        rows = super().get_queryset(request)
        # The page of somebody just activated stays, so that the act ends somewhere.
        if request.resolver_match and (request.resolver_match.url_name or "").endswith("_changelist"):
            return rows.filter(pk__in=queries.to_activate(clock.now()).values("pk"))
        return rows


class AccesFilter(admin.SimpleListFilter):
    """Who can enter today."""

    title = "accès"
    parameter_name = "acces"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("ouvert", "ouvert"), ("ferme", "fermé")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Habilitation]) -> QuerySet[Habilitation]:
        held = queries.entering(clock.now()).values("pk")
        if self.value() == "ouvert":
            return queryset.filter(pk__in=held)
        return queryset.exclude(pk__in=held) if self.value() == "ferme" else queryset


class UsageFilter(admin.SimpleListFilter):
    """ACC-6.c: open accesses that nobody uses."""

    title = "usage"
    parameter_name = "usage"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("90", "inutilisé depuis 90 jours"), ("165", "suspendu dans les 15 jours")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Habilitation]) -> QuerySet[Habilitation]:
        since = {"90": rules.SHOWN, "165": rules.WARNED}.get(self.value() or "")
        return queryset.filter(pk__in=queries.unused(clock.now(), since).values("pk")) if since else queryset


@admin.register(Habilitation)
class HabilitationAdmin(ActsMixin):
    """Who has access to what."""

    caf_path = "personne__lieu__caf"
    rights = rights
    list_display = ["personne_nom", "adresse", "lieu", "acces", "activee", "derniere"]
    list_filter = [AccesFilter, UsageFilter, "personne__lieu"]
    search_fields = ["user__nom", "user__prenom", "user__email", "personne__lieu__nom"]
    search_help_text = "Nom, adresse ou lieu"
    list_select_related = ["user", "personne__lieu"]
    ordering = ["personne__lieu__nom", "user__nom"]
    fields = [
        "personne_nom",
        "adresse",
        "lieu",
        "acces",
        "activated_at",
        "mot_de_passe",
        "facteur",
        "derniere",
        "suspension",
    ]
    journal_words = {
        "habilitation.activee": "accès ouvert",
        "habilitation.suspendue": "suspendue",
        "habilitation.retablie": "suspension levée",
        "habilitation.mot-de-passe-renvoye": "mot de passe renvoyé",
        "habilitation.second-facteur-retire": "second facteur retiré",
    }
    acts = [
        Act(
            slug="renvoyer",
            label="Renvoyer un mot de passe",
            right="resend",
            available=lambda line: line.open_suspension is None and line.user.password_chosen_at is None,
            obstacle=lambda line, by, now: persons.resend_obstacle(line, now),
            run=lambda line, data, by, now: persons.resend(habilitation_id=line.pk, by=by, now=now),
            done="Un nouveau mot de passe part par courriel.",
            explain="Personne à la Caf ne voit ce mot de passe.",
        ),
        Act(
            slug="second-facteur",
            label="Retirer le second facteur",
            right="reset_factor",
            danger=True,
            available=lambda line: line.avec_facteur,
            explain="Pour un téléphone perdu, une fois la personne reconnue de vive voix. Application, clés et codes "
            "de secours sont retirés, ses sessions se ferment, et un courriel le lui dit.",
            obstacle=lambda line, by, now: persons.factor_obstacle(line, now),
            run=lambda line, data, by, now: persons.reset_factor(habilitation_id=line.pk, by=by, now=now),
            done="Le second facteur est retiré. La personne est prévenue.",
        ),
        Act(
            slug="suspendre",
            label="Suspendre l’accès",
            right="suspend",
            form=RaisonForm,
            danger=True,
            available=lambda line: line.open_suspension is None,
            run=lambda line, data, by, now: persons.suspend(habilitation_id=line.pk, by=by, now=now, **data),
            done="L’accès est fermé.",
        ),
        Act(
            slug="lever",
            label="Lever la suspension",
            right="lift",
            available=lambda line: line.open_suspension is not None,
            obstacle=lambda line, by, now: persons.lift_obstacle(line, now),
            explain="L’accès se rouvre tout de suite et la personne en est prévenue par courriel. Si son compte était "
            "fermé, ce courriel porte un nouveau mot de passe, que personne à la Caf ne voit.",
            run=lambda line, data, by, now: persons.lift(habilitation_id=line.pk, by=by, now=now),
            done="La suspension est levée. La personne est prévenue.",
        ),
    ]

    @admin.display(description="personne", ordering="user__nom")
    def personne_nom(self, line: Habilitation) -> str:
        return line.user.get_full_name()

    @admin.display(description="activée le", ordering="activated_at")
    def activee(self, line: Habilitation) -> str:
        return date_courte(paris_date(line.activated_at))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Habilitation]:
        rows = super().get_queryset(request).prefetch_related("personne__inscriptions", "suspensions__suspended_by")
        entering = queries.entering(clock.now()).filter(pk=OuterRef("pk"))
        factor = factors.factors_of_many(OuterRef("user"))
        rows = queries.with_use(rows)
        return rows.annotate(ouvert=Exists(entering), avec_facteur=Exists(factor))

    @admin.display(description="second facteur", boolean=True)
    def facteur(self, line: Any) -> bool:
        return line.avec_facteur

    @admin.display(description="lieu", ordering="personne__lieu__nom")
    def lieu(self, line: Habilitation) -> str:
        return line.lieu.nom

    @admin.display(description="accès")
    def acces(self, line: Any) -> str:
        if suspension := line.open_suspension:
            return f"suspendu le {date_courte(paris_date(suspension.from_at))}"
        if line.ouvert:
            return "ouvert"
        own = [one for one in line.personne.inscriptions.all() if one.courriel.lower() == line.user.email]
        ends = [one.until_on for one in own if one.from_on]
        if ends and None not in ends and max(ends) < clock.today():
            return f"inscription terminée le {date_courte(max(ends))}"
        return "lieu suspendu ou sans convention en vigueur" if line.user.is_active else "compte fermé"

    @admin.display(description="suspension")
    def suspension(self, line: Habilitation) -> str:
        if (one := line.open_suspension) is None:
            return "—"
        by = one.suspended_by.get_full_name() if one.suspended_by else "le portail"
        return f"{date_courte(paris_date(one.from_at))}, par {by} : {one.reason}"

    @admin.display(description="adresse", ordering="user__email")
    def adresse(self, line: Habilitation) -> str:
        return line.user.email

    @admin.display(description="mot de passe choisi", boolean=True)
    def mot_de_passe(self, line: Habilitation) -> bool:
        return line.user.password_chosen_at is not None

    @admin.display(description="dernière connexion", ordering="user__last_login")
    def derniere(self, line: Any) -> str:
        said = date_courte(paris_date(line.user.last_login)) if line.user.last_login else "jamais"
        used_on = paris_date(line.used_at)
        if not line.ouvert or not rules.disuse(used_on, clock.today()):
            return said
        return f"{said} (inutilisé : suspension le {date_courte(rules.closes_on(used_on))})"


def accesses_to_open(convention: Convention) -> Step | None:
    """ACT-1: once it is in force, whom it names and who cannot enter yet."""
    waiting = queries.to_activate(clock.now()).filter(opened_by__convention=convention).count()
    if not waiting:
        return None
    what = "ouvrir l’accès d’une personne" if waiting == 1 else f"ouvrir les accès de {waiting} personnes"
    if convention.lieu.caf.quatre_yeux and (first := convention.accepted_by):
        did = "repris la convention" if hasattr(convention, "reprise") else "accepté la demande"
        what += f" (pas par {first.get_full_name()}, qui a {did})"
    page = reverse("admin:habilitations_personneaactiver_changelist")
    return Step(
        what=f"{what}.",
        who=to_holders(rights.ACTS["activate"]),
        url=f"{page}?lieu={convention.lieu_id}",
        label="Personnes à activer",
    )


offer_step("conventions.convention", accesses_to_open)
offer(
    "conventions.convention",
    Act(
        slug="nouveaux-mots-de-passe",
        label="Faire choisir de nouveaux mots de passe",
        right="renew_passwords",
        available=lambda convention: queries.signers_of(convention.lieu_id, clock.now()).exists(),
        run=lambda convention, data, by, now: passwords.renew(convention_uuid=convention.uuid, by=by, now=now),
        done="C’est fait : chaque personne du lieu reçoit un courriel pour choisir un nouveau mot de passe.",
        explain="Les mots de passe de toutes les personnes de ce lieu cessent aussitôt d’ouvrir, leurs sessions "
        "sont fermées et les jetons de leurs logiciels révoqués. Chacune reçoit par courriel un mot de passe "
        "provisoire, pour choisir le sien. Personne à la Caf ne voit ces mots de passe.",
        danger=True,
    ),
)
