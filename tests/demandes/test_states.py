"""Six states, one gate (DEM-5)."""

from datetime import UTC, datetime

import pytest

from demandes.models import Demande
from demandes.workflow import ALIVE, DEMANDE, Etat
from extranet.core.journal.models import Entry
from tests.factories import DemandeFactory, HabilitationFactory

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ALLOWED = {
    ("a-orienter", "transmit"): "transmise",
    ("transmise", "take_back"): "a-orienter",
    ("transmise", "reassign"): "transmise",
    ("recuperee", "reassign"): "transmise",
    ("recuperee", "follow"): "transmise",
    ("traitee", "follow"): "transmise",
    ("transmise", "pick_up"): "recuperee",
    ("recuperee", "close"): "traitee",
    ("traitee", "reopen"): "recuperee",
    **{(state.value, "withdraw"): "retiree" for state in ALIVE},
    **{(state.value, "destroy"): "purgee" for state in ALIVE},
}


@pytest.mark.rule("DEM-5.b")
@pytest.mark.rule("DEM-5.c")
@pytest.mark.parametrize("state", list(Etat))
@pytest.mark.parametrize("act", list(DEMANDE.moves))
def test_only_the_moves_of_the_table_pass_and_each_leaves_a_line(db, state, act):
    demande = DemandeFactory(transmise=True)
    lieu = demande.lieu if state != Etat.A_ORIENTER else None
    Demande.objects.filter(pk=demande.pk).update(state=state, lieu=lieu)
    demande.refresh_from_db()
    changes = {"lieu": HabilitationFactory().lieu} if act in ("transmit", "reassign", "follow") else {}
    changes |= {"lieu": None} if act == "take_back" else {}
    moved = DEMANDE.apply(demande, act, by="systeme", now=NOW, **changes)
    expected = ALLOWED.get((state.value, act))
    demande.refresh_from_db()
    assert moved is (expected is not None)
    assert demande.state == (expected or state)
    lines = Entry.objects.filter(object_id=str(demande.uuid), event=DEMANDE.moves[act].event, at=NOW)
    assert lines.count() == int(moved)
    if moved:
        assert (lines.get().actor, lines.get().details) == ("systeme", {"de": state.value, "a": expected})
