"""Rows written many at once are read back as they were given, whatever they hold."""

from datetime import UTC, datetime

import pytest

from demandes.workflow import Etat
from extranet.core import bulk
from extranet.core.journal.models import Entry

AT = datetime(2026, 11, 23, 9, 0, 0, 123456, tzinfo=UTC)
TEXTS = ["usual", "", "tab\tand\\back\\slash", "\\N", "\\.", "line\nfeed\rreturn", "é’\u00a0👶", Etat.TRANSMISE]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_what_it_was(db, text):
    rows = [(text, {"said": text}), ("next", {"rank": 2, "none": None})]
    same = {"at": AT, "event": text, "object_kind": "", "actor": "systeme", "caf": "caf-77"}
    bulk.insert_values(Entry, ("object_id", "details"), rows, **same)
    first, second = Entry.objects.order_by("pk")
    assert (first.object_id, first.event, first.at, first.caf) == (text, text, AT, "caf-77")
    assert (first.details, second.details) == ({"said": text}, {"rank": 2, "none": None})
    assert second.object_id == "next"
