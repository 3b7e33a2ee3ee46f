"""Liveness and readiness for whoever operates the portal (RGP-5)."""

from datetime import datetime, timedelta

from celery import current_app
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from kombu.exceptions import OperationalError

from demandes import queries
from demandes.services import destruction, dossiers, inbox
from extranet.core import breaker, clock
from extranet.core.dates import paris_date
from extranet.core.outbox import services as outbox
from extranet.core.vault import days
from extranet.portal import sweep

WORKER_SEEN = timedelta(minutes=3)
OLDEST_MAIL = timedelta(minutes=15)


def worker_key(queue: str) -> str:
    """Where the last sign of life of a queue's workers is noted."""
    return f"health:worker:{queue}"


def note_worker(queue: str, now: datetime) -> None:
    """A worker of `queue` is alive at `now`."""
    cache.set(worker_key(queue), now, timeout=None)


@never_cache
@login_not_required
def vivant(request: HttpRequest) -> HttpResponse:
    """The web process answers."""
    return HttpResponse("vivant", content_type="text/plain; charset=utf-8")


@never_cache
@login_not_required
def pret(request: HttpRequest) -> JsonResponse:
    """Each part with its state; 503 when one is not right."""
    found = checks(clock.now())
    ready = all(check["ok"] for check in found.values())
    response = JsonResponse({"pret": ready, "controles": found}, status=200 if ready else 503)
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django would log an error; the answer is the message
    return response


def checks(now: datetime) -> dict[str, dict[str, object]]:
    """Name → ok and a few words, nothing personal."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Exception:
        return {"base": {"ok": False, "detail": "injoignable"}}
    oldest = outbox.waiting(now).order_by("due_at").values_list("due_at", flat=True).first()
    return {
        "base": {"ok": True, "detail": connection.vendor},
        "courtier": _broker(),
        "travailleur": _workers(now),
        "courriels": {
            "ok": not oldest or now - oldest < OLDEST_MAIL,
            "detail": oldest.isoformat() if oldest else "à jour",
        },
        "envoi": _sending(now),
        "obligations": _obligations(now),
        "destructions": _destructions(now),
        "cles": _keys(now),
        "livraisons": _deliveries(now),
    }


def _workers(now: datetime) -> dict[str, object]:
    """Each kind of work has a worker that was seen lately."""
    seen = {queue: cache.get(worker_key(queue)) for queue in settings.QUEUES}
    missing = [queue for queue, last in seen.items() if last is None or now - last >= WORKER_SEEN]
    return {"ok": not missing, "detail": f"non vu : {', '.join(missing)}" if missing else "à jour"}


def _deliveries(now: datetime) -> dict[str, object]:
    """RGP-5.b: nothing that arrived has been left for two periods;
    what was refused lately is told, and is not stale.
    """
    try:
        still = inbox.standing_still(now=now)
    except OSError:
        return {"ok": False, "detail": "dossier des livraisons inaccessible"}
    refused = queries.refused_deliveries(now).count()
    detail = f"{still.arrived} à prendre, {still.claimed} à enregistrer, {still.unapplied} à appliquer, sans suite"
    return {"ok": not still, "detail": f"{detail if still else 'à jour'} ; {refused} refusées ou mises à part"}


def _destructions(now: datetime) -> dict[str, object]:
    """CNS-6: none is late by more than a day, and none waits for an operator."""
    if brake := destruction.held(now=now):
        why = "l’horloge d’une machine a sauté" if brake.leapt else f"un jour ordinaire en compte {brake.usual}"
        typed = "python manage.py purge_dossiers --dry-run"
        return {"ok": False, "detail": f"{brake.due} attendent un opérateur ({why}) : {typed}"}
    late = queries.due_for_destruction(paris_date(now - timedelta(days=1))).count()
    return {"ok": late == 0, "detail": f"{late} en attente de plus d’un jour"}


def _keys(now: datetime) -> dict[str, object]:
    """CNS-10.c: each day to come has its key, in each place; days that are over have none."""
    trouble = dossiers.trouble(now=now)
    if trouble:
        lost = [why for why, _ in trouble.values() if why != "not mirrored"]
        concerned = sum(count for why, count in trouble.values() if why != "not mirrored")
        said = f"{len(lost)} clés manquantes ou abîmées, {concerned} dossiers concernés"
        return {"ok": False, "detail": f"{said} ; {len(trouble) - len(lost)} sans double"}
    over = len(days.overdue(paris_date(now)))
    if over and destruction.keys_held(now=now):
        typed = "python manage.py purge_dossiers --dry-run"
        return {"ok": False, "detail": f"{over} clés de jours passés attendent un opérateur : {typed}"}
    return {"ok": not over, "detail": f"{over} clés de jours passés à détruire" if over else "à jour"}


def _obligations(now: datetime) -> dict[str, object]:
    """RGP-5: each has run within two of its periods."""
    seen = {one: cache.get(sweep.heartbeat_key(one.name)) for one in sweep.OBLIGATIONS}
    stale = [one.name for one, last in seen.items() if last is None or now - last > 2 * one.period]
    return {"ok": not stale, "detail": f"en retard : {', '.join(stale)}" if stale else "à jour"}


def _sending(now: datetime) -> dict[str, object]:
    """NOT-2.a: what the mail server refuses us, or the portal cannot write."""
    found = outbox.trouble(now)
    if found is None:
        return {"ok": True, "detail": "à jour"}
    said = f" ({', '.join(found.replies)})" if found.replies else ""
    detail = f"serveur de courriel{said} : {found.server} en attente ; portail : {found.portal} en erreur"
    return {"ok": False, "detail": detail}


def _broker() -> dict[str, object]:
    broker = breaker.of(current_app.conf.broker_url)
    if broker.lets_through():
        try:
            with current_app.connection_for_write() as connection:
                connection.ensure_connection(max_retries=0)
        except (OperationalError, OSError):
            broker.note_silence()
        else:
            broker.note_answer()
            return {"ok": True, "detail": current_app.conf.broker_url.partition(":")[0]}
    return {"ok": False, "detail": "injoignable"}
