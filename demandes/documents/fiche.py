"""The figures of a lieu in tables: one writing for its page, its yearly sheet and its spreadsheet (SUI-2)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from conventions.models import Lieu
from demandes.documents.reading import MODES
from demandes.figures import Chiffres, Compte
from demandes.rules import Prise
from demandes.workflow import Issue
from extranet.core.dates import paris_date
from extranet.core.documents import ods
from extranet.core.documents.pdf import render
from extranet.core.languages import date_longue
from extranet.core.words import COURTS, jours
from extranet.territory.queries import search_key

TRAITS = {
    "atypique": "avec des horaires atypiques",
    "urgente": "urgentes",
    "accessibilite": "avec un besoin d’accessibilité",
}
AUCUNE = "Pas encore de réponse"
MEDIAN = "la moitié en ce temps ou moins, à compter du courriel"


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table: a name and numbers a line. `parts`: what the bars beside it are made of, by column; a `note` says
    how it is counted.
    """

    titre: str
    colonnes: tuple[str, ...]
    lignes: Sequence[tuple[str, Sequence[int | str]]]
    note: str = ""
    parts: tuple[int, ...] = field(default=(0,))

    @property
    def large(self) -> bool:
        """It has medians too, for which the paper has no room."""
        return len(self.colonnes) > 5


def titles(chiffres: Chiffres) -> list[tuple[str, str, str]]:
    """The figures that come first: name, figure, how to read it."""
    en_temps, en_retard = chiffres.prises[Prise.A_TEMPS], chiffres.prises[Prise.EN_RETARD]
    due = en_temps + en_retard
    part = f"{100 * en_temps // due}\u00a0% de celles qui devaient l’être" if due else "aucune ne devait encore l’être"
    return [
        ("Demandes reçues", str(chiffres.recues), ""),
        ("Récupérées à temps", str(en_temps), part),
        ("En retard", str(en_retard), "récupérées après le quinzième jour, ou jamais"),
        ("Délai médian pour récupérer", jours(chiffres.jours_prise), MEDIAN),
        ("Délai médian pour répondre", jours(chiffres.jours_reponse), MEDIAN),
    ]


def tables(chiffres: Chiffres) -> list[Table]:
    """All of them, in the order of the page."""
    found = [_prises(chiffres), _mois(chiffres), _issues(chiffres)]
    if sans := chiffres.issues[Issue.SANS_SOLUTION]:
        lines = [(label, (chiffres.besoins[trait],)) for trait, label in TRAITS.items()]
        note = f"Sur {sans} demande{'s' if sans > 1 else ''} sans solution ; une même demande peut compter deux fois."
        found.append(Table("Besoins sans solution à ce jour", ("Besoin", "Demandes"), lines, note))
    modes = [(str(label), chiffres.modes[mode.replace("-", "_")]) for mode, label in MODES.items()]
    communes = sorted(chiffres.communes.items(), key=lambda one: (-one[1].recues, search_key(one[0])))
    return [
        *found,
        _split("Par mode d’accueil", "Mode", modes, "Une demande peut en nommer plusieurs."),
        _split("Par commune", "Commune", communes),
    ]


HEADS = ("Reçues", "À temps", "En retard", "Autres", "Récupérées en", "Répondues en")


def _split(titre: str, by: str, comptes: Iterable[tuple[str, Compte]], note: str = "") -> Table:
    """SUI-2.a: what was received, picked up in time and late, and the median days, by something."""
    return Table(titre, (by, *HEADS), [(name, _figures(compte)) for name, compte in comptes], note, parts=(1, 2, 3))


def _figures(compte: Compte) -> tuple[int | str, ...]:
    prises = compte.prises
    others = prises[Prise.EN_COURS] + prises[Prise.PARTIE]
    medians = (jours(compte.jours_prise), jours(compte.jours_reponse))
    return (compte.recues, prises[Prise.A_TEMPS], prises[Prise.EN_RETARD], others, *medians)


def _prises(chiffres: Chiffres) -> Table:
    prises = chiffres.prises
    late = chiffres.recuperees - prises[Prise.A_TEMPS]
    lines = {
        "Récupérées à temps": prises[Prise.A_TEMPS],
        "Récupérées en retard": late,
        "Non récupérées, en retard": prises[Prise.EN_RETARD] - late,
        "À récupérer": prises[Prise.EN_COURS],
        "Parties avant": prises[Prise.PARTIE],
    }
    note = (
        "À temps : le quinzième jour au plus tard après le courriel. Parties : retirées par la famille, confiées à un "
    )
    note += "autre lieu ou détruites, sans avoir été en retard."
    return Table("Récupération", ("Demandes", "Nombre"), [(name, (count,)) for name, count in lines.items()], note)


def _mois(chiffres: Chiffres) -> Table:
    lines = [(f"{COURTS[month.month - 1]} {month.year}", compte) for month, compte in chiffres.mois.items()]
    note = "Par mois d’arrivée au lieu. Autres : encore à récupérer dans les temps, ou parties avant."
    return _split("Par mois", "Mois", lines, note)


def _issues(chiffres: Chiffres) -> Table:
    names = {issue: str(issue.label).replace("orientée vers", "vers").capitalize() for issue in Issue}
    lines = [(name, (chiffres.issues[issue],)) for issue, name in names.items()]
    return Table("Réponses aux familles", ("Issue", "Demandes"), [*lines, (AUCUNE, (chiffres.issues[""],))])


def write_pdf(lieu: Lieu, chiffres: Chiffres, now: datetime) -> bytes:
    """SUI-2.b: the yearly activity sheet."""
    values = _about(lieu, chiffres, now)
    return render("demandes/pdf/fiche.html", values, title=f"Activité {chiffres.periode.code} – {lieu}", now=now)


def write_ods(lieu: Lieu, chiffres: Chiffres, now: datetime) -> bytes:
    """SUI-2.b: the same as a spreadsheet, a table a sheet."""
    said = _about(lieu, chiffres, now)
    first: list[list[str | int]] = [["Activité du lieu", str(lieu)], ["Période", str(said["periode"])]]
    first += [["Établie le", str(said["edite_le"])]]
    first += [[name, int(figure) if figure.isdigit() else figure] for name, figure, _ in titles(chiffres)]
    feuilles: list[ods.Feuille] = [("Activité", first, ["aide", "large"])]
    for table in tables(chiffres):
        rows: list[list[str | int]] = [list(table.colonnes)]
        rows += [[name, *numbers] for name, numbers in table.lignes]
        feuilles.append((table.titre, rows, ["large"] * len(table.colonnes)))
    return ods.write(feuilles)


def period_in_words(chiffres: Chiffres, today: date) -> str:
    """« du 1er janvier au 31 décembre 2026 »: never past today."""
    periode = chiffres.periode
    return f"du {date_longue(periode.first)} au {date_longue(min(periode.last, today))}"


def _about(lieu: Lieu, chiffres: Chiffres, now: datetime) -> dict[str, object]:
    made = tables(chiffres)
    return {
        "lieu": lieu,
        "annee": chiffres.periode.code,
        "periode": period_in_words(chiffres, paris_date(now)),
        "titres": titles(chiffres),
        "tables": made[:-1],
        "communes": made[-1],
        "edite_le": date_longue(paris_date(now)),
    }
