"""Errors that quote a family: PostgreSQL names the whole row that a constraint refused."""

import gc
import logging
import threading
import traceback
import warnings

CANARIES = {
    "nom": "Nomcanari",
    "prenom": "Prenomcanari",
    "courriel": "canari@famille.test",
    "telephone": "+33699887766",
    "message": "Phrase intime\nsur deux lignes",
}
BORN = "2025-02-28"
# In any text: what of them would tell.
WORDS = ["Nomcanari", "Prenomcanari", "canari", "famille.test", "99887766", "Phrase intime", "deux lignes", BORN]
TOKEN = "JetonTresSecretDeLienPrive0123456789"


def refused_by_the_database() -> None:
    """IntegrityError: « Failing row contains (…) »."""
    from extranet.core.journal.models import Entry

    Entry(event=CANARIES["nom"], details=CANARIES | {"date_naissance": BORN}).save(force_insert=True)


def in_a_thread() -> None:
    """Nobody waits for it."""
    thread = threading.Thread(target=refused_by_the_database)
    thread.start()
    thread.join()


def as_a_warning() -> None:
    """A library's warning names the value that it met."""
    warnings.warn(f"naive value {CANARIES['nom']} {BORN}", RuntimeWarning, stacklevel=1)


def in_a_message() -> None:
    """Code that puts the error's own words into its message, with and without the traceback."""
    logger = logging.getLogger("library")
    try:
        refused_by_the_database()
    except Exception as error:
        logger.error(f"not saved: {error}")
        logger.error("not saved: %s", error)
        logger.error("not saved: %(exc)s", {"exc": str(error)})
        logger.error(error)
        logger.exception("not saved: %r", [CANARIES])
        words = traceback.format_exc()
    logger.error("not saved\n%s", words)
    logging.getLogger("another").error(f"later\n{words}")


class Closing:
    """What fails while it is forgotten."""

    def __del__(self) -> None:
        refused_by_the_database()


def while_forgotten() -> None:
    """An error that Python can raise nowhere."""
    Closing()
    gc.collect()


KINDS = {
    one.__name__: one for one in (refused_by_the_database, in_a_thread, as_a_warning, in_a_message, while_forgotten)
}
