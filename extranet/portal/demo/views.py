"""The demonstration's mailbox; exists in demonstration mode only."""

from datetime import datetime
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from extranet.portal.demo import mailbox


def _sent_at(mail: EmailMessage) -> datetime | None:
    return parsedate_to_datetime(mail["Date"]) if mail["Date"] else None


def _body(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    return part.get_content() if part else ""


@never_cache
@login_not_required
def courriels(request: HttpRequest) -> HttpResponse:
    """All mails, the newest first; `?a=` narrows to an addressee."""
    wanted = request.GET.get("a", "").strip()[:254]
    found = [
        {"name": name, "to": mail["To"], "subject": mail["Subject"], "date": _sent_at(mail)}
        for name, mail in mailbox.read_all()
        if wanted.lower() in str(mail["To"]).lower()
    ]
    return render(request, "portal/courriels.html", {"courriels": found, "a": wanted})


@never_cache
@login_not_required
def courriel(request: HttpRequest, name: str) -> HttpResponse:
    """One mail, its text."""
    mail = mailbox.read(name)
    if mail is None:
        raise Http404
    return render(request, "portal/courriel.html", {"courriel": mail, "le": _sent_at(mail), "texte": _body(mail)})
