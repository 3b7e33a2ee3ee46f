"""What a service may answer instead of doing its work; core.web turns each into one page (or API answer)."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext_lazy as _


class Answer(Exception):
    """A refusal with an HTTP status and a sentence for whoever asked; for a program, which of the objects that it
    named are in the way.
    """

    status = 500
    sentence: Any = _("Une erreur est survenue.")

    def __init__(self, sentence: object = "", *, references: Iterable[str] = ()):
        self.sentence, self.references = str(sentence or self.sentence), sorted(references)
        super().__init__(self.sentence)


class NotFound(Answer):
    """It does not exist for this person now."""

    status = 404
    sentence = _("Cette page n’existe pas, ou vous n’y avez pas accès.")


class Forbidden(Answer):
    """It exists for this person, whose role may not do this."""

    status = 403
    sentence = _("Votre rôle ne permet pas cette action.")


class WrongState(Answer):
    """It exists, the role is right, the state forbids it."""

    status = 409
    sentence = _("Cette action n’est plus possible : la situation a changé entre-temps.")


class Gone(Answer):
    """It was there for this person and has been destroyed."""

    status = 410
    sentence = _(
        "Ces données ont été détruites : leur durée de conservation est finie, ou la famille a retiré sa demande."
    )


class Moved(Gone):
    """What this address opened is opened by another one, or by nobody here; it is not destroyed."""

    sentence = _("Cette adresse n’ouvre plus rien.")


class Busy(Answer):
    """Everything that could do it is at work: to be asked again in a moment."""

    status = 503
    sentence = _("Trop de documents sont en préparation. Recommencez dans une minute.")


class NoKey(Answer):
    """The key of a day is missing or damaged, or cannot be made: nothing is lost or written by halves (CNS-10.c)."""

    status = 503
    sentence = _(
        "Ces données ne peuvent pas être lues pour le moment : la clé qui les protège n’est pas disponible. "
        "Elles ne sont pas détruites."
    )


class TooMany(Answer):
    """Asked too often; `retry_after` says in how many seconds it may be asked again."""

    status = 429
    sentence = _("Trop de demandes en peu de temps. Attendez un peu, puis recommencez.")

    def __init__(self, sentence: str = "", *, retry_after: int):
        self.retry_after = retry_after
        super().__init__(sentence)


class Refused(Answer):
    """What was given cannot be taken; `faults` maps a field name (or "") to a sentence, or to a code of the app."""

    status = 422

    def __init__(self, faults: dict[str, str]):
        self.faults = faults
        super().__init__(" ".join(faults.values()))


class Overloaded(Exception):
    """Too much of the same is being done at once: nothing is wrong with what was asked,
    and in a moment it will be done.
    """
