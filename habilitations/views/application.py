"""A lieu applies: four steps, a summary, then sending. What is typed travels in the pages; nothing is kept before."""

import secrets
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.signing import BadSignature, Signer
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from extranet.core import clock
from extranet.core.errors import Refused
from extranet.core.web import brakes
from extranet.core.web.brakes import DAY, HOUR
from extranet.core.web.forms import PhoneField
from extranet.core.words import telephone
from extranet.territory import queries as territory
from extranet.territory.models import Caf, Commune
from habilitations.forms import MOST, CommunesForm, GestionnaireForm, LieuForm, PersonneForm, Personnes
from habilitations.services import applications

STEPS = ["Le lieu", "Le gestionnaire", "Les communes", "Les personnes", "Relire et envoyer"]
# Buttons and technical fields: what is not carried from page to page.
NOT_CARRIED = frozenset(
    {"csrfmiddlewaretoken", "etape", "aller", "chercher", "ajouter", "retirer", "ajouter-epci", "valider", "envoi", "q"}
)


@never_cache
@login_not_required
@require_http_methods(["GET", "POST"])
@brakes.sending("habilitation", network=[(10, HOUR), (30, DAY)], address=[(3, DAY)], field="lieu_courriel")
def nouvelle(request: HttpRequest) -> HttpResponse:
    """One address; the step that the page shows is in its form."""
    if request.method == "GET":
        return _page(request, QueryDict(mutable=True), 1)
    data = request.POST.copy()
    step = int(data["etape"]) if data.get("etape") in ("1", "2", "3", "4", "5") else 1
    _number_the_persons(data, one_more=step == 4 and "ajouter" in data)
    if "valider" in data:
        return _send(request, data)
    if data.get("aller", "") in ("1", "2", "3", "4"):
        return _page(request, data, int(data["aller"]))
    if step == 3 and (caf := _caf(data)) and (answer := _change_communes(request, data, caf)):
        return answer
    if step == 4 and "ajouter" in data:
        return _page(request, data, 4)
    return _page(request, data, min(step, 4), check=True)


def _forms(data: QueryDict, bound: bool) -> dict[int, Any]:
    values = data if bound else None
    return {
        1: LieuForm(values),
        2: GestionnaireForm(values),
        3: CommunesForm(values),
        4: Personnes(values, prefix="personnes"),
    }


def _page(request: HttpRequest, data: QueryDict, step: int, *, check: bool = False, **more: Any) -> HttpResponse:
    """The page of a step with what was typed; with `check`, the next one when this one and those before are right."""
    status = 200
    forms = _forms(data, True)
    if check:
        wrong = next((n for n in range(1, step + 1) if not _is_right(n, forms, data)), None)
        if wrong is None:
            step, check = step + 1, False
        else:
            step, status = wrong, 422
            if wrong == 3:
                more["erreur"] = "Choisissez au moins une commune du territoire de cette Caf."
    communes = _chosen(data)
    if step == 3 and len(communes) < len(set(data.getlist("communes"))):
        # Another Caf's, chosen before going back to change the Caf: they could not be seen, nor taken away.
        more["erreur"] = "Les communes qui ne sont pas du territoire de cette Caf sont retirées de votre choix."
        data.setlist("communes", [commune.pk for commune in communes])
    typed = check or any(name.startswith(PREFIXES[step]) for name in data)
    form = forms.get(step) if typed else _forms(data, False).get(step)
    if typed and not check and step == 4:
        form = _people_as_typed(data)
    elif typed and not check and form is not None:
        form.is_valid()
        form.errors.clear()
    context = {
        "etapes": STEPS,
        "etape": step,
        "form": form,
        "portes": _carried(data, step),
        "communes": communes,
        "caf": _caf(data),
        **more,
    }
    if step == 5:
        context |= {"sections": _summary(forms, data), "envoi": Signer().sign(secrets.token_urlsafe(16))}
    return render(request, "habilitations/nouvelle.html", context, status=status)


PREFIXES = {
    1: ("caf", "lieu_"),
    2: ("gestionnaire_", "representant_"),
    3: ("communes",),
    4: ("personnes-",),
    5: ("caf", "lieu_"),
}


def _is_right(step: int, forms: dict[int, Any], data: QueryDict) -> bool:
    if step == 3:
        codes, caf = data.getlist("communes"), _caf(data)
        return bool(codes) and caf is not None and len(_chosen(data)) == len(set(codes))
    return bool(forms[step].is_valid())


def _carried(data: QueryDict, step: int) -> list[tuple[str, str]]:
    """What other steps hold, as (name, value), for hidden fields."""
    own = PREFIXES[step] if step < 5 else ()
    return [
        (name, value)
        for name in data
        if name not in NOT_CARRIED and not (own and name.startswith(own) and step != 3)
        for value in data.getlist(name)
    ]


def _caf(data: QueryDict) -> Caf | None:
    return Caf.objects.filter(pk=_code(data.get("caf", ""))).first()


def _code(typed: str) -> str:
    """A key that a page sent, or nothing: a database refuses some characters."""
    return typed if typed.isascii() and typed.isprintable() else ""


def _chosen(data: QueryDict) -> list[Commune]:
    """The chosen communes that are of the chosen Caf (HAB-2)."""
    codes = [_code(code) for code in data.getlist("communes")[:2_000]]
    rows = Commune.objects.filter(pk__in=codes, caf=_code(data.get("caf", "")), actuelle=True)
    return list(rows.select_related("departement").order_by("nom", "pk"))


def _change_communes(request: HttpRequest, data: QueryDict, caf: Caf) -> HttpResponse | None:
    """Search, add, add a whole EPCI, take away; None when the page was simply sent on."""
    codes = list(dict.fromkeys(data.getlist("communes")))
    if added := data.get("ajouter"):
        codes += [added]
    elif (siren := data.get("ajouter-epci", "")).isdecimal():
        codes += list(territory.communes_of_epci(_code(siren)).filter(caf=caf).values_list("pk", flat=True))
    elif gone := data.get("retirer"):
        codes = [code for code in codes if code != gone]
    elif "chercher" in data:
        text = data.get("q", "").strip()
        found = [match for match in territory.communes_matching(text, caf=caf.pk) if match.commune.pk not in codes]
        epcis = territory.epcis_matching(text)
        own = [epci for epci in epcis if territory.communes_of_epci(epci.pk).filter(caf=caf).exists()]
        return _page(request, data, 3, trouvees=found, epcis=own, q=text, cherche=True)
    else:
        return None
    data.setlist("communes", list(dict.fromkeys(codes)))
    data.pop("q", None)
    return _page(request, data, 3)


def _number_the_persons(data: QueryDict, *, one_more: bool) -> None:
    """How many rows of persons the page has: the count travels with it, and may come back as anything."""
    total = data.get("personnes-TOTAL_FORMS", "")
    rows = int(total) if total in COUNTS else 1
    data["personnes-TOTAL_FORMS"] = str(min(rows + one_more, MOST))
    data["personnes-INITIAL_FORMS"] = "0"


COUNTS = frozenset(map(str, range(1, 100)))


def _people_as_typed(data: QueryDict) -> Any:
    """The persons with what was typed, not judged yet."""
    rows = range(int(data["personnes-TOTAL_FORMS"]))
    typed = [{name: data.get(f"personnes-{rank}-{name}", "") for name in PersonneForm.base_fields} for rank in rows]
    return Personnes(prefix="personnes", initial=typed)


def _summary(forms: dict[int, Any], data: QueryDict) -> list[tuple[str, int, list[tuple[str, str]]]]:
    """(title, step, lines) of everything that will be sent."""
    sections = []
    for step, title in ((1, "Le lieu"), (2, "Le gestionnaire")):
        forms[step].is_valid()
        lines = [(str(f.label), _said(f, forms[step].cleaned_data.get(f.name))) for f in forms[step]]
        sections.append((title, step, lines))
    sections.append(("Les communes", 3, [("", ", ".join(str(commune) for commune in _chosen(data)))]))
    people = []
    if forms[4].is_valid():
        people = [
            (f"{line['prenom']} {line['nom']}", f"{line['courriel']}, {line['fonction']}, {line['service']}")
            for line in forms[4].personnes()
        ]
    sections.append(("Les personnes à habiliter", 4, people))
    return sections


def _said(field: Any, value: Any) -> str:
    choices = dict(getattr(field.field, "choices", [])) if not isinstance(value, Caf) else {}
    if isinstance(field.field, PhoneField):
        return telephone(value)
    return str(choices.get(value, value or ""))


def _send(request: HttpRequest, data: QueryDict) -> HttpResponse:
    forms = _forms(data, True)
    if wrong := next((n for n in range(1, 5) if not _is_right(n, forms, data)), None):
        return _page(request, data, wrong, check=True)
    try:
        nonce = Signer().unsign(data.get("envoi", ""))
    except BadSignature:
        return _page(request, data, 4, check=True)
    values = {**forms[1].cleaned_data, **forms[2].cleaned_data}
    caf = values.pop("caf")
    try:
        made = applications.submit(
            values=values | {"caf_id": caf.pk},
            communes=data.getlist("communes"),
            personnes=forms[4].personnes(),
            nonce=nonce,
            now=clock.now(),
        )
    except Refused as refusal:
        return _page(request, data, 3 if "communes" in refusal.faults else 4, erreur=refusal.sentence)
    return redirect("habilitations:envoyee", reference=made.reference)


@never_cache
@login_not_required
@require_GET
def envoyee(request: HttpRequest, reference: str) -> HttpResponse:
    """Said once it is sent: the reference, and what comes next. Nothing of the application is shown again."""
    if not reference.startswith("H-") or len(reference) > 20:
        raise Http404
    return render(request, "habilitations/envoyee.html", {"reference": reference})
