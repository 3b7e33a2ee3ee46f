"""HAB-6.b: what the portal checks of an application by itself."""

from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from django.db.models import TextChoices

from conventions import queries as conventions
from conventions.models import Gestionnaire, Lieu
from conventions.rules import siren_is_valid
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.territory.models import Commune
from extranet.territory.queries import search_key
from habilitations.models import DemandeHabilitation, PersonneDemandee, VersionDemande
from habilitations.queries.access import active, same_name
from habilitations.queries.applications import communes_elsewhere
from habilitations.queries.signers import gaps, known_gestionnaire, not_taken_over
from habilitations.rules import is_public_provider
from habilitations.workflow import EtatDemandeHabilitation


class Verdict(TextChoices):
    """What a check has found."""

    RIEN = "rien", "rien à signaler"
    REGARDER = "regarder", "à regarder"
    FAUX = "faux", "faux"


@dataclass(frozen=True, slots=True)
class Controle:
    """HAB-6.b: one thing that the portal has looked at in the last version, its verdict, and why."""

    titre: str
    verdict: Verdict
    raisons: list[str]


def checks_of(demande: DemandeHabilitation, now: datetime) -> list[Controle]:
    """HAB-6.b: what the portal has checked, in a constant number of queries."""
    version, today = demande.latest, paris_date(now)
    communes = list(Commune.objects.filter(pk__in=version.communes.values("commune")))
    personnes = list(version.personnes.order_by("pk"))
    return [
        _check_siren(version),
        _check_gestionnaire(demande, version, today),
        _check_twin(demande, version, today),
        _check_territory(demande),
        _check_covered(communes, now),
        _check_seat(demande, version, communes),
        _check_providers(version, personnes),
        _check_known(version, personnes, now),
    ]


def _controle(titre: str, found: list[str], otherwise: str, verdict: Verdict = Verdict.REGARDER) -> Controle:
    return Controle(titre, verdict, found) if found else Controle(titre, Verdict.RIEN, [otherwise])


def _check_siren(version: VersionDemande) -> Controle:
    wrong = [] if siren_is_valid(version.gestionnaire_siren) else ["La clé du SIREN n’est pas bonne."]
    return _controle("SIREN du gestionnaire", wrong, "La clé du SIREN est bonne.", Verdict.FAUX)


def _check_gestionnaire(demande: DemandeHabilitation, version: VersionDemande, today: date) -> Controle:
    """Signing with a SIREN that the Caf knows is usual; said otherwise than it is known, to be looked at (HAB-7.a)."""
    titre = "Gestionnaire connu"
    known = known_gestionnaire(demande)
    if known is None:
        return Controle(titre, Verdict.RIEN, ["Votre Caf n’a encore aucune convention avec ce SIREN."])
    stand = conventions.standing(known, today)
    numeros = dict(stand.order_by("pk").values_list("lieu", "numero"))
    lieux = [f"{nom} ({numeros.get(pk, 'sans convention en cours')})" for pk, nom in _lieux(known)]
    listed = [f"Votre Caf le connaît déjà, pour : {', '.join(lieux)}." if lieux else "Votre Caf le connaît."]
    if numeros:
        found = not_taken_over(demande, today)
    else:
        found = [
            f"{one.label} : votre Caf le connaissait avec « {one.connu} ». La convention portera « {one.demande} », "
            "comme la demande."
            for one in gaps(version, known)
        ]
    return Controle(titre, Verdict.REGARDER if found else Verdict.RIEN, listed + found)


def _lieux(known: Gestionnaire) -> list[tuple[int, str]]:
    return list(known.lieux.order_by("nom", "pk").values_list("pk", "nom"))


def _check_twin(demande: DemandeHabilitation, version: VersionDemande, today: date) -> Controle:
    """The same lieu may have applied twice, or have a convention already, signed or to be signed."""
    others = DemandeHabilitation.objects.filter(caf=demande.caf_id).exclude(pk=demande.pk)
    open_ones = others.filter(state__in=[EtatDemandeHabilitation.DEPOSEE, EtatDemandeHabilitation.COMPLEMENT])
    same = open_ones.filter(version__gestionnaire_siren=version.gestionnaire_siren).order_by("reference")
    found = [
        f"{reference}, pour {nom}, est en cours pour le même gestionnaire."
        for reference, nom in same.values_list("reference", "version__lieu_nom")
    ]
    known = known_gestionnaire(demande)
    stand = conventions.standing(known, today).select_related("lieu").order_by("numero") if known else []
    for one in stand:
        if alike := _alike(version, one.lieu):
            found.append(f"{one.lieu.nom}, du même gestionnaire, a déjà la convention {one.numero} : {alike}.")
    return _controle("Demande en double", found, "Ni autre demande en cours de ce gestionnaire, ni lieu semblable.")


def _alike(version: VersionDemande, lieu: Lieu) -> str:
    """What an application for a lieu has in common with one that stands."""
    where = (version.lieu_adresse, version.lieu_code_postal, version.lieu_ville)
    same = {
        "même nom": (version.lieu_nom, lieu.nom),
        "même adresse": (" ".join(where), f"{lieu.adresse} {lieu.code_postal} {lieu.ville}"),
    }
    return ", ".join(said for said, (one, other) in same.items() if search_key(one) == search_key(other))


def _check_territory(demande: DemandeHabilitation) -> Controle:
    elsewhere = [str(commune) for commune in communes_elsewhere(demande)]
    said = [f"À faire corriger par un complément : {', '.join(elsewhere)}."] if elsewhere else []
    return _controle(
        "Communes de votre territoire", said, "Toutes les communes demandées sont de votre territoire.", Verdict.FAUX
    )


def _check_covered(communes: list[Commune], now: datetime) -> Controle:
    held = conventions.covering(now).filter(commune__in=communes).select_related("commune", "lieu")
    found = []
    rows = held.order_by("lieu__nom", "lieu", "commune__nom_recherche")
    for _, lines in groupby(rows, key=lambda line: line.lieu_id):
        same = list(lines)
        found.append(f"{same[0].lieu.nom} couvre déjà {', '.join(line.commune.nom for line in same)}.")
    return _controle("Communes déjà couvertes", found, "Aucun autre lieu ne couvre ces communes.")


def _check_seat(demande: DemandeHabilitation, version: VersionDemande, communes: list[Commune]) -> Controle:
    """Whether the lieu stands where its postal code says, among what it asks for."""
    code = version.lieu_code_postal
    places = list(Commune.objects.filter(codes_postaux__code=code, actuelle=True).order_by("pk"))
    found = []
    if not places:
        found.append(f"Le code postal {code} n’est celui d’aucune commune.")
    elif all(place.caf_id != demande.caf_id for place in places):
        found.append(f"Le code postal {code} n’est pas du territoire de votre Caf.")
    elif {place.pk for place in places}.isdisjoint(commune.pk for commune in communes):
        found.append(f"Aucune commune du code postal {code}, où est le lieu, n’est demandée.")
    return _controle("Commune du lieu", found, "Le lieu est dans une des communes demandées.")


def _check_providers(version: VersionDemande, personnes: list[PersonneDemandee]) -> Controle:
    addresses = dict.fromkeys([version.lieu_courriel, *(one.courriel for one in personnes)])
    found = [f"{a} est une messagerie grand public." for a in addresses if is_public_provider(a)]
    return _controle("Adresses de messagerie", found, "Aucune adresse de messagerie grand public.")


def _check_known(version: VersionDemande, personnes: list[PersonneDemandee], now: datetime) -> Controle:
    """HAB-4.b: one account serves several lieux; that of somebody else, or of an agent, is a false address."""
    addresses = [version.lieu_courriel.lower(), *(one.courriel for one in personnes)]
    users = {user.email: user for user in User.objects.filter(email__in=addresses).order_by("email")}
    found = [f"{one.email} est l’adresse d’un agent : il en faut une autre." for one in users.values() if one.is_staff]
    false, others = bool(found), set()
    for one in personnes:
        user, nom = users.get(one.courriel), f"{one.prenom} {one.nom}"
        if user is None or user.is_staff or same_name(user.get_full_name(), nom):
            continue
        others.add(user.pk)
        found.append(f"{user.email}, pour {nom}, est déjà le compte de {user.get_full_name()} : vérifiez l’adresse.")
        # Somebody may have changed name; two who share none are two persons.
        false = false or set(search_key(nom).split()).isdisjoint(search_key(user.get_full_name()).split())
    known = active(now).filter(user__email__in=addresses).exclude(user__in=others)
    found += [
        f"{line.user.email} est déjà habilitée pour {line.lieu.nom} : elle gardera le même compte."
        for line in known.select_related("user", "personne__lieu").order_by("pk")
    ]
    verdict = Verdict.FAUX if false else Verdict.REGARDER
    return _controle("Personnes connues ailleurs", found, "Aucune de ces personnes n’est habilitée ailleurs.", verdict)
