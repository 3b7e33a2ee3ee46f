"""What is out of order for a while (database down, disk full) is answered 503, when to come back,
and nothing half done.
"""

import errno
import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from extranet.core.errors import Overloaded
from extranet.core.web import views
from extranet.core.web.middleware import answer

RETRY_AFTER = 30  # seconds
# No space, over quota, read-only, a disk that fails, no more open files: none of it is the visitor's fault or a bug.
OF_THE_MACHINE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.EFBIG}
)
# SQLite reports a wrong statement as OperationalError too; these are about the file, the disk or another writer.
OF_THE_FILE = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_BUSY", "SQLITE_LOCKED")


def is_outage(error: BaseException | None) -> bool:
    """True when the same request may well succeed later; also for what was raised because of such an error."""
    while error is not None:
        if _is_of_the_machine(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_of_the_machine(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in OF_THE_MACHINE
    if isinstance(error, OperationalError):
        name = getattr(error.__cause__, "sqlite_errorname", None)
        return name is None or name.startswith(OF_THE_FILE)
    return isinstance(error, InterfaceError | Overloaded)  # the first: the connection broke in the middle


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: 503 for an outage, else 500."""
    return _come_back(request) if is_outage(sys.exc_info()[1]) else views.server_error(request)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400: 503 for an outage (a session that could not be written is a bad request to Django), else 400."""
    return _come_back(request) if is_outage(exception) else views.bad_request(request, exception)


def _come_back(request: HttpRequest) -> HttpResponse:
    """503 with Retry-After. Needs neither database, session nor disk."""
    if request.path.startswith("/api/"):
        response = answer(request, 503, "")
    else:
        response = HttpResponse(render_to_string("erreurs/503.html"), status=503)
    response["Retry-After"] = str(RETRY_AFTER)
    response["Cache-Control"] = "no-store"
    return response
