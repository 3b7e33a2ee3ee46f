"""States of a lieu's application."""

from django.db.models import TextChoices

from extranet.core.workflow import Move, Table


class EtatDemandeHabilitation(TextChoices):
    DEPOSEE = "deposee", "à examiner"
    COMPLEMENT = "complement", "complément demandé"
    ACCEPTEE = "acceptee", "acceptée"
    REFUSEE = "refusee", "refusée"


_E = EtatDemandeHabilitation
DEMANDE_HABILITATION = Table(
    EtatDemandeHabilitation,
    initial=_E.DEPOSEE,
    final={_E.ACCEPTEE, _E.REFUSEE},
    moves=[
        Move(
            "ask_complement",
            frozenset({_E.DEPOSEE, _E.COMPLEMENT}),
            _E.COMPLEMENT,
            "demande-habilitation.complement",
            "{ask_complement}",
        ),
        Move(
            "complete",
            frozenset({_E.COMPLEMENT}),
            _E.DEPOSEE,
            "demande-habilitation.completee",
            "the lieu, by a one-time link",
        ),
        Move(
            "transfer",
            frozenset({_E.DEPOSEE, _E.COMPLEMENT}),
            _E.DEPOSEE,
            "demande-habilitation.transferee",
            "{transfer}, to another Caf, with a reason",
        ),
        Move(
            "accept", frozenset({_E.DEPOSEE, _E.COMPLEMENT}), _E.ACCEPTEE, "demande-habilitation.acceptee", "{accept}"
        ),
        Move("refuse", frozenset({_E.DEPOSEE, _E.COMPLEMENT}), _E.REFUSEE, "demande-habilitation.refusee", "{refuse}"),
    ],
)


class EtatEchange(TextChoices):
    A_REPONDRE = "a-repondre", "la Caf doit répondre"
    REPONDU = "repondu", "la Caf a répondu"
    CLOS = "clos", "terminé"


_M = EtatEchange
ECHANGE = Table(
    EtatEchange,
    initial=_M.A_REPONDRE,
    final=set(),
    moves=[
        Move(
            "write",
            frozenset({_M.A_REPONDRE, _M.REPONDU, _M.CLOS}),
            _M.A_REPONDRE,
            "echange.relance",
            "a person of the lieu, by writing again",
        ),
        Move(
            "answer",
            frozenset({_M.A_REPONDRE, _M.REPONDU, _M.CLOS}),
            _M.REPONDU,
            "echange.repondu",
            "{answer_echange}",
        ),
        Move("close", frozenset({_M.A_REPONDRE, _M.REPONDU}), _M.CLOS, "echange.clos", "{close_echange}"),
    ],
)
