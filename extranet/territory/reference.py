"""Loading the files of `data/` into the tables: one transaction, the same result however often it runs."""

import csv
import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from django.db import transaction
from django.db.models import Model

from extranet.territory import contours, queries
from extranet.territory.models import AncienneCommune, Caf, CodePostal, Commune, Departement, Epci, NomCherche, Vintage
from extranet.territory.queries import search_key

DATA = Path(__file__).parent / "data"
BATCH = 2_000
NATIONAL_NUMBER = "3230"  # of all Cafs

Row = dict[str, str]


def rows(folder: Path, name: str) -> list[Row]:
    """The lines of one file as dictionaries."""
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def digest_of(folder: Path) -> str:
    """Changes with any file, and with the code that reads them or works out the search keys."""
    digest = hashlib.sha256()
    for path in [*sorted(folder.rglob("*.csv")), Path(__file__), Path(queries.__file__), Path(contours.__file__)]:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@transaction.atomic
def load(*, now: datetime, folder: Path = DATA) -> dict[str, int] | None:
    """Upsert everything; None when the tables hold this very version. Communes and EPCI that left stay, marked gone."""
    digest = digest_of(folder)
    if Vintage.objects.filter(digest=digest).exists():
        return None
    cafs = rows(folder, "cafs")
    caf_of = {
        departement: row["code_caf"]
        for row in cafs
        for departement in f"{row['codes_departements']} {row['codes_collectivites_rattachees']}".split()
    }
    counts = {
        "Caf": _load_cafs(cafs, rows(folder, "cafs_sieges")),
        "départements": _load_departements(rows(folder, "departements"), rows(folder, "regions"), caf_of),
    }
    epcis, communes = rows(folder, "epci"), rows(folder, "communes")
    counts["EPCI"] = _load_epcis(epcis)
    counts["communes"] = _load_communes(communes, epcis, caf_of, contours.centres(folder / "contours"))
    counts["codes postaux"] = _load_postal_codes(communes)
    counts["anciennes communes"] = _load_former(rows(folder, "communes_anciennes"))
    _index_names()
    Vintage.objects.all().delete()
    Vintage.objects.create(digest=digest, loaded_at=now)
    return counts


def _upsert(objects: Sequence[Model], *columns: str) -> int:
    """Insert, or update `columns` of the rows that are there."""
    model = type(objects[0])
    model._default_manager.bulk_create(
        objects,
        update_conflicts=True,
        unique_fields=[model._meta.pk.name],
        update_fields=columns,
        batch_size=BATCH,
    )
    return len(objects)


def _load_cafs(cafs: list[Row], seats: list[Row]) -> int:
    """Address and telephone are first values only: afterwards they are the Caf's own (see `services.set_contact`)."""
    addresses = {row["code_caf"]: f"{row['adresse']}\n{row['code_postal']} {row['commune']}" for row in seats}
    objects = [
        Caf(
            code=row["code_caf"],
            nom=row["nom"],
            type=row["type"],
            siege=row["commune_siege"],
            adresse=addresses.get(row["code_caf"], ""),
            telephone=NATIONAL_NUMBER if row["type"] == Caf.Type.CAF else "",
        )
        for row in cafs
    ]
    return _upsert(objects, "nom", "type", "siege")


def _load_departements(departements: list[Row], regions: list[Row], caf_of: dict[str, str]) -> int:
    region = {row["code_region"]: row["nom"] for row in regions}
    objects = [
        Departement(
            code=row["code_departement"],
            nom=row["nom"],
            nom_avec_de=row["nom_avec_de"],
            region=region[row["code_region"]],
            caf_id=caf_of.get(row["code_departement"]),
        )
        for row in departements
    ]
    return _upsert(objects, "nom", "nom_avec_de", "region", "caf")


def _load_epcis(epcis: list[Row]) -> int:
    objects = [
        Epci(
            siren=row["siren"],
            nom=row["nom"],
            nom_recherche=search_key(row["nom"]),
            type=row["type"],
            fiscalite_propre=row["fiscalite_propre"] == "oui",
            actuel=True,
        )
        for row in epcis
    ]
    _mark_gone(Epci, "actuel", (row["siren"] for row in epcis))
    return _upsert(objects, "nom", "nom_recherche", "type", "fiscalite_propre", "actuel")


def _load_communes(
    communes: list[Row], epcis: list[Row], caf_of: dict[str, str], centres: dict[str, contours.Point]
) -> int:
    nowhere = (None, None)
    ept_of = {
        code: row["siren"]
        for row in epcis
        if row["fiscalite_propre"] != "oui"
        for code in row["codes_communes"].split()
    }
    types = {"commune-actuelle": Commune.Type.COMMUNE, "arrondissement-municipal": Commune.Type.ARRONDISSEMENT}
    objects = [
        Commune(
            code_insee=row["code_insee"],
            nom=row["nom"],
            nom_recherche=search_key(row["nom"]),
            departement_id=row["code_departement"],
            caf_id=caf_of.get(row["code_departement"]),
            population=int(row["population"] or 0),
            type=types[row["type"]],
            parente_id=row["code_commune_parente"] or None,
            epci_id=row["siren_epci"] or None,
            ept_id=ept_of.get(row["code_insee"]),
            longitude=place[0],
            latitude=place[1],
            actuelle=True,
        )
        for row in communes
        for place in [centres.get(row["code_commune_parente"] or row["code_insee"], nowhere)]
    ]
    _mark_gone(Commune, "actuelle", (row["code_insee"] for row in communes))
    columns = [field.name for field in Commune._meta.concrete_fields if not field.primary_key]
    return _upsert(objects, *columns)


def _mark_gone(model: type[Model], flag: str, present: Iterable[str]) -> None:
    gone = set(model._default_manager.filter(**{flag: True}).values_list("pk", flat=True)) - set(present)
    model._default_manager.filter(pk__in=gone).update(**{flag: False})


def _load_postal_codes(communes: list[Row]) -> int:
    wanted = {(code, row["code_insee"]) for row in communes for code in row["codes_postaux"].split()}
    held = {(code, commune): pk for pk, code, commune in CodePostal.objects.values_list("pk", "code", "commune")}
    _delete(CodePostal, [held[pair] for pair in held.keys() - wanted])
    new = sorted(wanted - held.keys())
    CodePostal.objects.bulk_create(
        [CodePostal(code=code, commune_id=commune) for code, commune in new], batch_size=BATCH
    )
    return len(wanted)


def _load_former(former: list[Row]) -> int:
    objects = [
        AncienneCommune(
            code_ancien=row["code_ancien"],
            nom=row["nom_ancien"],
            nom_recherche=search_key(row["nom_ancien"]),
            type=row["type"],
            commune_id=row["code_actuel"],
        )
        for row in former
    ]
    held = set(AncienneCommune.objects.values_list("pk", flat=True))
    _delete(AncienneCommune, sorted(held - {row["code_ancien"] for row in former}))
    return _upsert(objects, "nom", "nom_recherche", "type", "commune")


def _index_names() -> None:
    """A present name is found by each of its words, a former one by its beginning only."""
    lines = []
    for code, key in Commune.objects.filter(actuelle=True).values_list("pk", "nom_recherche"):
        words = key.split(" ")
        lines += [
            NomCherche(cle=" ".join(words[rank:]), debut=rank == 0, commune_id=code) for rank in range(len(words))
        ]
    former = AncienneCommune.objects.filter(commune__actuelle=True).exclude(nom_recherche="")
    for code, key, nom in former.values_list("commune", "nom_recherche", "nom"):
        lines.append(NomCherche(cle=key, debut=True, commune_id=code, ancien_nom=nom))
    NomCherche.objects.all().delete()
    NomCherche.objects.bulk_create(lines, batch_size=BATCH)


def _delete(model: type[Model], keys: Sequence[object]) -> None:
    for start in range(0, len(keys), BATCH):
        model._default_manager.filter(pk__in=keys[start : start + BATCH]).delete()
