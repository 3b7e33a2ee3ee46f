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
from extranet.core import clock
from extranet.core.dates import paris_date
from extranet.core.outbox import services as outbox
from extranet.portal import sweep

WORKER = "health:worker"
WORKER_SEEN = timedelta(minutes=3)
OLDEST_MAIL = timedelta(minutes=15)


def note_worker(now: datetime) -> None:
    """A worker is alive at `now`."""
    cache.set(WORKER, now, timeout=None)


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
    return JsonResponse({"pret": ready, "controles": found}, status=200 if ready else 503)


def checks(now: datetime) -> dict[str, dict[str, object]]:
    """Name → ok and a few words, nothing personal."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Exception:
        return {"base": {"ok": False, "detail": "injoignable"}}
    seen = cache.get(WORKER)
    oldest = outbox.waiting(now).order_by("due_at").values_list("due_at", flat=True).first()
    late = queries.due_for_destruction(paris_date(now - timedelta(days=1))).count()
    return {
        "base": {"ok": True, "detail": connection.vendor},
        "courtier": _broker(),
        "travailleur": {
            "ok": bool(seen and now - seen < WORKER_SEEN),
            "detail": seen.isoformat() if seen else "jamais vu",
        },
        "courriels": {
            "ok": not oldest or now - oldest < OLDEST_MAIL,
            "detail": oldest.isoformat() if oldest else "à jour",
        },
        "envoi": _sending(now),
        "obligations": _obligations(now),
        "destructions": {"ok": late == 0, "detail": f"{late} en attente de plus d’un jour"},
    }


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
    try:
        with current_app.connection_for_write(connect_timeout=2) as broker:
            broker.ensure_connection(max_retries=1, timeout=2)
    except (OperationalError, OSError):
        return {"ok": False, "detail": "injoignable"}
    return {"ok": True, "detail": settings.CELERY_BROKER_URL.partition(":")[0]}
