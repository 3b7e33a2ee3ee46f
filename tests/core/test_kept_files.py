"""Loops over files: one that fails is seen, the rest goes on."""

import os
from datetime import timedelta

import pytest

from extranet.core.apart import Incomplete
from extranet.core.documents import store
from extranet.core.documents.models import StoredFile
from tests.factories import NOW


@pytest.mark.rule("CNS-6.b")
def test_a_stray_file_that_cannot_be_deleted_stops_no_other(db, settings, tmp_path, caplog):
    settings.DATA_DIR = tmp_path
    kept = store.keep(b"acte", media_type="application/pdf", nature="acte", now=NOW)
    folder = kept.path.parent
    (folder / "0-dossier").mkdir()  # cannot be unlinked
    for name in ("nom quelconque", "trop-court.part"):
        (folder / name).write_bytes(b"x")
    for path in folder.iterdir():
        os.utime(path, (0, 0))
    with pytest.raises(Incomplete) as some:
        store.sweep_orphans(now=NOW + timedelta(days=3))
    assert (some.value.done, len(some.value.failed)) == (2, 1)
    assert sorted(path.name for path in folder.iterdir()) == ["0-dossier", str(kept.pk)]
    assert "file without record " in caplog.text
    assert store.read(StoredFile.objects.get()) == b"acte"


def test_a_kept_file_out_of_reach_is_named_and_the_others_are_proven(db, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    first, second = (store.keep(b"acte", media_type="application/pdf", nature="acte", now=NOW) for _ in range(2))
    first.path.unlink()
    first.path.mkdir()
    second.path.write_bytes(b"autre")
    assert len(list(store.damaged())) == 2
