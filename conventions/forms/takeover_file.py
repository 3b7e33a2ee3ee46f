"""Running conventions by the lines of a file: its columns, what is wrong and where, what becomes of each (CON-13)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django import forms

from conventions.documents import tableur
from conventions.documents.tableur import Ligne
from conventions.forms.fields import DateField
from conventions.forms.takeover import PersonneForm, RepriseForm, under
from conventions.models import Civilite, Convention, NatureGestionnaire, NatureLieu
from conventions.rules import ConventionReprise, PersonneDonnee
from conventions.services import takeover
from conventions.services.takeover import Verdict
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.errors import Refused
from extranet.territory.models import Caf, Commune
from extranet.territory.queries import search_key

COLUMNS: dict[str, forms.Field] = RepriseForm.base_fields | {
    f"personne_{name}": field for name, field in PersonneForm.base_fields.items()
}
HEADINGS = {name: str(field.label) for name, field in COLUMNS.items()}
_BY_HEADING = {search_key(heading): name for name, heading in HEADINGS.items()}
_OPTIONAL = {name for name, field in COLUMNS.items() if not field.required}
EXAMPLE = "EXEMPLE"


@dataclass(frozen=True, slots=True)
class Faute:
    """Where something is wrong in a file, and what: never what is written there."""

    ligne: int
    colonne: str
    phrase: str


@dataclass(frozen=True, slots=True)
class Lue:
    """A convention of a file: its first line, its number, and what it gives, or what keeps it from being taken."""

    ligne: int
    numero: str
    given: ConventionReprise | None
    fautes: list[Faute]


@dataclass(frozen=True, slots=True)
class Fichier:
    """What was read of a file, and the headings that are none of the model's."""

    lues: list[Lue]
    ignorees: list[str]


def read_file(lines: Sequence[Ligne], caf: Caf) -> Fichier:
    """CON-13.b, CON-13.c: the conventions of a file; its first line is the headings, further persons of a convention
    stand on further lines with its number. Refused when columns are missing or there twice.
    """
    columns, ignored = _columns(lines[0])
    groups: dict[str, list[tuple[int, dict[str, str], list[Faute]]]] = {}
    for line in lines[1:]:
        values = {name: _cell(line, rank) for rank, name in columns.items()}
        if values["numero"].upper().startswith(EXAMPLE) or not any(values.values()):
            continue
        faults = [
            Faute(line.numero, HEADINGS[name], "Cette cellule contient une formule : collez-y sa valeur.")
            for rank, name in columns.items()
            if rank in line.formules
        ]
        # Without a number each line stands for itself, and says so.
        groups.setdefault(values["numero"] or f"\n{line.numero}", []).append((line.numero, values, faults))
    if not groups:
        raise Refused({"fichier": "Ce fichier ne contient aucune convention sous ses titres de colonnes."})
    # One form of each kind for all lines: to make one takes longer than to read a line.
    form, person = RepriseForm(caf=caf), PersonneForm()
    return Fichier([_convention(rows, form, person) for rows in groups.values()], ignored)


def _columns(titles: Ligne) -> tuple[dict[int, str], list[str]]:
    """Rank → field of each known column, and the headings that are not."""
    columns, ignored = dict[int, str](), list[str]()
    for rank, heading in enumerate(titles.cells):
        name = _BY_HEADING.get(search_key(heading))
        if name in columns.values():
            raise Refused({"fichier": f"La colonne « {HEADINGS[str(name)]} » est là deux fois."})
        if name:
            columns[rank] = name
        elif heading:
            ignored.append(heading[:60])
    missing = [HEADINGS[name] for name in COLUMNS if name not in columns.values() and name not in _OPTIONAL]
    if missing:
        known = "" if columns else " La première ligne doit être celle des titres du modèle."
        names = ", ".join(f"« {name} »" for name in missing[:8]) + (" et d’autres" if len(missing) > 8 else "")
        raise Refused({"fichier": f"Il manque des colonnes : {names}.{known}"})
    return columns, ignored


def _cell(line: Ligne, rank: int) -> str:
    return line.cells[rank] if rank < len(line.cells) else ""


def _convention(rows: list[tuple[int, dict[str, str], list[Faute]]], form: RepriseForm, person: PersonneForm) -> Lue:
    """What the lines of one number say together: the convention on the first, a person on each."""
    first, values, _ = rows[0]
    faults = [fault for _, _, own in rows for fault in own]
    for number, more, _ in rows[1:]:
        faults += [
            Faute(
                number,
                HEADINGS[name],
                f"Autre valeur qu’à la ligne {first}, qui porte le même numéro : ce numéro est-il donné deux fois ?",
            )
            for name in RepriseForm.base_fields
            if more.get(name) and more[name] != values.get(name)
        ][:1]
    _bind(form, values)
    faults += _faults_of(form, first, "")
    personnes = []
    for number, more, _ in rows:
        _bind(person, under("personne_", more))
        faults += _faults_of(person, number, "personne_")
        if not person.errors:
            personnes.append(PersonneDonnee(**person.cleaned_data))
    given = form.given(personnes) if not faults else None
    return Lue(first, values["numero"][:60], given, faults)


def _bind(form: forms.Form, values: Mapping[str, str]) -> None:
    """Read another line by the same form."""
    form.data, form.is_bound = _mended(values), True
    form.full_clean()


def _faults_of(form: forms.Form, ligne: int, prefix: str) -> list[Faute]:
    return [
        Faute(ligne, HEADINGS.get(prefix + name, ""), str(sentence))
        for name, sentences in form.errors.items()
        for sentence in sentences
    ]


_CHOICES = {
    search_key(word): str(value)
    for choices in (NatureLieu.choices, NatureGestionnaire.choices, Civilite.choices)
    for value, label in choices
    for word in (str(value), str(label))
} | {"m": "M.", "ram": "rpe", "cias": "ccas", "intercommunalite": "epci", "mairie": "commune"}
_CHOSEN = ("nature", "civilite")


def _mended(values: Mapping[str, str]) -> dict[str, str]:
    """Cells as forms take them: what is chosen in its own words, zeros that spreadsheets take from numbers put back."""
    mended = dict(values)
    for name, value in values.items():
        if name.endswith(_CHOSEN):
            mended[name] = _CHOICES.get(search_key(value), value)
        elif (
            name.endswith("code_postal")
            and re.fullmatch(r"\d{4}", value)
            or name.endswith("telephone")
            and re.fullmatch(r"[1-9]\d{8}", value)
        ):
            mended[name] = f"0{value}"
    return mended


# --- what becomes of a file -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sort:
    """What becomes of one convention of a file, and why."""

    lue: Lue
    fate: str
    fautes: list[Faute]
    remarque: str = ""
    communes: tuple[str, ...] = ()
    convention: Convention | None = None


@dataclass(frozen=True, slots=True)
class Rapport:
    """CON-13.c: each convention of a file, in its order, and the headings that were left aside."""

    sorts: list[Sort]
    ignorees: list[str]

    def of(self, *fates: str) -> list[Sort]:
        """Those that met one of these fates."""
        return [sort for sort in self.sorts if sort.fate in fates]


def read_report(data: bytes, caf: Caf, *, by: User | None, now: datetime, apply: bool, whole: bool = False) -> Rapport:
    """CON-13.b–e: the same reading for the dry run, which writes nothing, and for what is applied. Refused as `read`.

    `whole`: where one cannot be taken, none is.
    """
    fichier = read_file(tableur.read(data), caf)
    given = [lue.given for lue in fichier.lues if lue.given]
    bad = len(given) < len(fichier.lues)
    if apply and not (whole and bad):
        verdicts = iter(takeover.take_over(caf=caf.pk, given=given, by=by, now=now, whole=whole))
    else:
        verdicts = iter(takeover.examine(caf.pk, given, paris_date(now)))
    noms = dict(Commune.objects.filter(caf=caf, actuelle=True).values_list("pk", "nom"))
    return Rapport([_sort(lue, next(verdicts) if lue.given else None, noms) for lue in fichier.lues], fichier.ignorees)


def _sort(lue: Lue, verdict: Verdict | None, noms: Mapping[str, str]) -> Sort:
    if lue.given is None or verdict is None:
        return Sort(lue, "refusee", lue.fautes)
    if verdict.fate in ("refusee", "modifiee"):
        heading = HEADINGS.get(verdict.field, HEADINGS["personne_courriel"] if verdict.field else "")
        return Sort(lue, verdict.fate, [Faute(lue.ligne, heading, verdict.why)], convention=verdict.convention)
    communes = tuple(f"{noms[code]} ({code})" for code in lue.given.communes)
    return Sort(lue, verdict.fate, [], verdict.why, communes, verdict.convention)


# --- the model to fill ----------------------------------------------------------------------------------------------

_EXAMPLES: dict[str, str] = {
    "numero": "EXEMPLE-1",
    "lieu_nom": "RPE Les Lucioles",
    "lieu_nature": "relais petite enfance",
    "lieu_adresse": "12 rue des Écoles",
    "lieu_code_postal": "77820",
    "lieu_ville": "Le Châtelet-en-Brie",
    "lieu_telephone": "01 60 00 00 01",
    "lieu_courriel": "rpe@exemple.fr",
    "lieu_site": "https://www.exemple.fr",
    "gestionnaire_nom": "Communauté de communes d’Exemple",
    "gestionnaire_nature": "intercommunalité",
    "gestionnaire_siren": "200 070 779",
    "gestionnaire_adresse": "1 place de la Mairie",
    "gestionnaire_code_postal": "77820",
    "gestionnaire_ville": "Le Châtelet-en-Brie",
    "courriel_officiel": "contact@exemple.fr",
    "representant_civilite": "Madame",
    "representant_nom": "Modèle",
    "representant_prenom": "Camille",
    "representant_qualite": "présidente",
    "signed_gestionnaire_on": "02/05/2023",
    "signed_caf_on": "16/05/2023",
    "communes": "Le Châtelet-en-Brie, Blandy, 77288",
    "personne_civilite": "Monsieur",
    "personne_nom": "Essai",
    "personne_prenom": "Dominique",
    "personne_courriel": "dominique.essai@exemple.fr",
    "personne_service": "Petite enfance",
    "personne_fonction": "animateur",
}
_SECOND = {
    "numero": "EXEMPLE-1",
    "personne_civilite": "Madame",
    "personne_nom": "Fictive",
    "personne_prenom": "Alix",
    "personne_courriel": "alix.fictive@exemple.fr",
    "personne_service": "Petite enfance",
    "personne_fonction": "responsable",
}


REPEATED = "répétez le numéro, laissez vides les autres colonnes de la convention."
SKIPPED = "Les lignes dont le numéro commence par EXEMPLE sont laissées de côté."
AGAIN = (
    "La même ligne ne change rien ; une ligne modifiée est signalée, sans être appliquée : un changement passe par "
    "avenant."
)


def example_rows() -> list[list[str]]:
    """The headings, then a convention with its two persons; its number begins with EXEMPLE: it is never taken."""
    return [list(HEADINGS.values()), *([row.get(name, "") for name in HEADINGS] for row in (_EXAMPLES, _SECOND))]


def help_rows() -> list[list[str]]:
    """What to write in each column."""
    rows = [["Colonne", "À remplir", "Comment"]]
    for name, field in COLUMNS.items():
        choices: Iterable[tuple[str, str]] = getattr(field, "choices", ())
        said = [str(field.help_text)] if field.help_text else []
        if words := [str(label) for value, label in choices if value]:
            said.append(f"Au choix : {', '.join(words)}.")
        if isinstance(field, DateField):
            said.append("Sous la forme jj/mm/aaaa.")
        rows.append([HEADINGS[name], "facultatif" if name in _OPTIONAL else "oui", " ".join(said)])
    return [
        *rows,
        ["", "", ""],
        ["Plusieurs personnes", "", f"Une ligne par personne : {REPEATED}"],
        ["Ce qui est lu", "", f"La première feuille seulement. {SKIPPED}"],
        ["Une convention déjà reprise", "", AGAIN],
    ]
