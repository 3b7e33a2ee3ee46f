"""ACC-2.g: the record of accesses, as the superviseur and the DPO of a Caf read it. No family data in it."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet

from conventions.models import Lieu
from demandes.models import Remise
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date, start_of_day
from extranet.core.documents.sheet import inert
from extranet.core.web.forms import DateInput
from extranet.territory.models import Agent
from habilitations.models import Habilitation

DAYS = 30


def may_read(agent: Agent | None) -> bool:
    """A superviseur or the DPO of a Caf, of that Caf only."""
    return agent is not None and agent.caf_id is not None and (agent.role == Agent.Role.SUPERVISEUR or agent.dpo)


class AccesForm(forms.Form):
    """Which lines are wanted."""

    lieu = forms.ModelChoiceField(
        label="Lieu", queryset=Lieu.objects.none(), required=False, empty_label="Tous les lieux"
    )
    personne = forms.ModelChoiceField(
        label="Personne", queryset=User.objects.none(), required=False, empty_label="Toutes les personnes"
    )
    depuis = forms.DateField(label="Du", widget=DateInput)
    jusque = forms.DateField(label="Au", widget=DateInput)

    def __init__(self, data: Any, *, agent: Agent, today: date):
        period = {"depuis": today - timedelta(days=DAYS), "jusque": today}
        super().__init__({name: str(day) for name, day in period.items()} | {**data.dict()}, label_suffix="")
        own = Lieu.objects.filter(caf=agent.caf_id)
        self.fields["lieu"].queryset = own.order_by("nom", "pk")  # type: ignore[attr-defined]
        people = Habilitation.objects.filter(personne__lieu__in=own)
        self.fields["personne"].queryset = User.objects.filter(  # type: ignore[attr-defined]
            pk__in=people.values("user")
        ).order_by("nom", "prenom", "pk")
        self.own = own

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        first, last = values.get("depuis"), values.get("jusque")
        if first and last and first > last:
            self.add_error("jusque", "Le dernier jour vient avant le premier.")
        if last and last.year > 9000:
            self.add_error("jusque", "Écrivez une année possible.")
        return values

    def rows(self) -> QuerySet[Remise]:
        """The accesses asked for, the latest first; none while something is to be corrected."""
        if not self.is_valid():
            return Remise.objects.none()
        wanted = self.cleaned_data
        lieux = [wanted["lieu"].pk] if wanted["lieu"] else list(self.own.values_list("pk", flat=True))
        first, after = start_of_day(wanted["depuis"]), start_of_day(wanted["jusque"] + timedelta(days=1))
        rows = Remise.objects.filter(lieu_id__in=lieux, at__gte=first, at__lt=after)
        if wanted["personne"]:
            rows = rows.filter(user_id=wanted["personne"].pk)
        return rows.order_by("-at", "-pk")


@dataclass(frozen=True, slots=True)
class Acces:
    """One line, with the names of today."""

    remise: Remise
    lieu: str
    personne: str
    adresse: str


def named(rows: Iterable[Remise]) -> list[Acces]:
    """Lines with the names of their lieux and persons, in two queries."""
    held = list(rows)
    lieux = dict(Lieu.objects.filter(pk__in={row.lieu_id for row in held}).values_list("pk", "nom"))
    users = User.objects.in_bulk({row.user_id for row in held})
    found = []
    for row in held:
        user = users.get(row.user_id)
        name, address = (user.get_full_name(), user.email) if user else ("—", "")
        found.append(Acces(row, lieux.get(row.lieu_id, "—"), name, address))
    return found


HEAD = ["date", "heure", "lieu", "personne", "courriel", "demande", "forme", "de nouveau", "adresse réseau", "appareil"]


class _Line:
    """What a csv.writer writes to, one line at a time."""

    def write(self, text: str) -> str:
        return text


def as_csv(rows: QuerySet[Remise]) -> Iterator[str]:
    """Line by line, for a spreadsheet: no cell is taken for a formula."""
    writer, batch = csv.writer(_Line(), delimiter=";"), list[Remise]()
    yield "\ufeff" + writer.writerow(HEAD)
    for row in rows.iterator(chunk_size=1_000):
        batch.append(row)
        if len(batch) == 1_000:
            yield from _written(writer, batch)
            batch = []
    yield from _written(writer, batch)


def _written(writer: Any, batch: list[Remise]) -> Iterator[str]:
    for one in named(batch):
        row, at = one.remise, one.remise.at
        cells = [f"{paris_date(at):%d/%m/%Y}", f"{at.astimezone(start_of_day(paris_date(at)).tzinfo):%H:%M:%S}"]
        cells += [one.lieu, one.personne, one.adresse, row.reference, row.get_mode_display()]
        cells += [row.get_encore_display() or "", row.adresse_reseau or "", row.appareil]
        yield writer.writerow([inert(cell) for cell in cells])
