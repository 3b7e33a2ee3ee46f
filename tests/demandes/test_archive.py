"""A ZIP unpacks whole on every system."""

import io
import zipfile

import pytest

from demandes.documents import archive
from demandes.models import Demande
from tests.factories import NOW, DemandeFactory, LieuFactory


@pytest.mark.rule("TEL-1.a")
@pytest.mark.parametrize(
    ("references", "names"),
    [
        (["A1", "B2"], ["A1", "B2"]),
        (["abc", "ABC", "aBc"], ["abc", "ABC-2", "aBc-3"]),
        (["abc", "ABC", "abc-2", "ABC-2"], ["abc", "ABC-3", "abc-2", "ABC-2-2"]),
        ([], []),
    ],
)
def test_names_are_distinct_whatever_the_case(references, names):
    assert list(archive.distinct(references)) == names


@pytest.mark.rule("TEL-1.a")
def test_two_references_that_differ_by_case_are_four_files(db):
    lieu = LieuFactory()
    for reference in ("me-2026-a", "ME-2026-A"):
        DemandeFactory(transmise=True, lieu=lieu, reference=reference)
    demandes = list(Demande.objects.select_related("commune", "dossier", "transmission", "lieu").order_by("pk"))
    with zipfile.ZipFile(io.BytesIO(archive.write(demandes, NOW))) as bundle:
        names = bundle.namelist()
        held = [bundle.read(name) for name in names if name.endswith(".xml")]
    assert len({name.lower() for name in names}) == 4
    assert b"me-2026-a" in held[0]
    assert b"ME-2026-A" in held[1]
