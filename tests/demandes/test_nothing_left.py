"""A family's whole life in the portal, with a canary in each of its fields: at six months none is left (CNS-1)."""

import io
import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.urls import reverse

from bench.deliveries import delivery, record
from demandes.contenu import valeurs
from demandes.models import Demande, Dossier, Livraison, Note, Suivi
from demandes.services import applying, deliveries, destruction, files, inbox
from extranet.core.documents.models import StoredFile
from extranet.core.errors import NoKey
from extranet.core.outbox import services as outbox
from extranet.portal import integrity, sweep
from habilitations import queries as habilitations
from tests.factories import HabilitationFactory, LieuFactory, contenu_of

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
# 00:00 in Paris of the day after the six months, summer time.
MIDNIGHT = datetime(2027, 5, 23, 22, 0, tzinfo=UTC)


@pytest.fixture
def person(db):
    return HabilitationFactory(lieu=LieuFactory(code="RPE-77-CHATELET")).user


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    return tmp_path


CANARIES = {
    "nom": "Kanariova",
    "prenom": "Zibeline",
    "courriel": "kanari.zibeline@famille.test",
    "telephone": "+33698761234",
    "code_postal": "29253",
    "ville": "Batzenmer",
    "creneau": "Apres la traite de 18 h 42",
    "message": "Notre phrase de canari, tres privee",
    "enfants": "Ornithorynque",
    "besoin": "06:41",
    "note": "Ce que la famille a dit au canari",
}
FULL = record(
    1,
    NOW,
    reference="ME-CANARI",
    nom=CANARIES["nom"],
    prenom=CANARIES["prenom"],
    contact="<courriel>{courriel}</courriel><telephone>{telephone}</telephone>".format(**CANARIES),
    enfants=f"<enfant><prenom>{CANARIES['enfants']}</prenom><date-naissance>2025-02-28</date-naissance></enfant>",
    horaires=f'<horaires><jour nom="lundi" de="{CANARIES["besoin"]}" a="12:00"/></horaires>',
    tail="<besoin-rendez-vous>interprete</besoin-rendez-vous><message>{message}</message>".format(**CANARIES),
).replace(
    "<code-postal>77820</code-postal><commune>Le Châtelet-en-Brie</commune></adresse>",
    "<code-postal>{code_postal}</code-postal><commune>{ville}</commune></adresse><allocataire>true</allocataire>"
    "<contact-prefere>courriel</contact-prefere><creneau>{creneau}</creneau>".format(**CANARIES),
)
REFERENCE_DATA = ("territory_",)  # published: its postal codes are nobody's


def found_in_tables():
    """(table, canary) for each value found in the text of any row of any table, sessions and history included."""
    found = set()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.startswith(REFERENCE_DATA):
                continue
            cursor.execute(f"SELECT t::text FROM {connection.ops.quote_name(table)} t")
            rows = "\n".join(row for (row,) in cursor.fetchall())
            rows += bytes.fromhex("".join(re.findall(r"\\\\x([0-9a-f]*)", rows))).decode(errors="replace")
            if table == "django_session":  # packed: what it says is unpacked
                rows = str([session.get_decoded() for session in Session.objects.all()])
            found |= {(table, name) for name, value in CANARIES.items() if value in rows}
    return found


def found_in_files(folder):
    return {
        (str(path.relative_to(folder)), name)
        for path in folder.rglob("*")
        if path.is_file()
        for name, value in CANARIES.items()
        if value.encode() in path.read_bytes()
    }


@pytest.mark.rule("CNS-1.a")
@pytest.mark.rule("CNS-1.c")
@pytest.mark.rule("CNS-10.a")
@pytest.mark.rule("CNS-10.b")
@pytest.mark.rule("ING-4.c")
@pytest.mark.rule("ING-5.c")
@pytest.mark.rule("RGP-2.a")
@pytest.mark.skipif(
    settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"), reason="reads rows as PostgreSQL's text"
)
def test_after_six_months_no_table_and_no_file_holds_a_family_value(
    client, person, data_folder, smtp_sink, time_machine, caplog
):
    """A whole life by delivery and by form: received, notified, seen, fetched, late, refused, sent again; destroyed."""
    lieu = habilitations.lieux_of(person, NOW).get()
    time_machine.move_to(NOW, tick=False)
    old_child = FULL.replace("ME-CANARI", "ME-ECARTE").replace("2025-02-28", "2010-01-01")
    records = [
        FULL,
        FULL.replace("ME-CANARI", "ME-AUTRE"),
        FULL.replace("ME-CANARI", "ME-SANS").replace("77100", "01001"),
    ]
    entree = deliveries.folder("entree")
    for name, content in (
        ("bonne.xml", "".join(delivery(iter([*records, old_child]), NOW))),
        ("tronquee.xml", "".join(delivery(iter(records), NOW))[:-9]),
    ):
        (entree.parent / "written").write_text(content, encoding="utf-8")
        os.utime(entree.parent / "written", (1, 1))
        (entree.parent / "written").rename(entree / name)
    inbox.take_inbox(now=NOW)
    for livraison in Livraison.objects.all():
        applying.ingest(livraison.pk, now=NOW)
    assert found_in_files(data_folder)
    [withdrawn, demande] = Demande.objects.filter(lieu=lieu).order_by("reference")
    assert Demande.objects.get(lieu=None).reference == "ME-SANS"
    assert_every_family_field_is_filled(contenu_of(demande))
    assert found_in_tables() == set()  # sealed, whatever the state (CNS-10.a)

    client.force_login(person)
    outbox.send_due(now=NOW)
    for one in (demande, withdrawn):
        client.get(reverse("demandes:detail", args=[one.uuid]))
        for form in ("xml", "pdf", "zip", "csv"):
            client.post("/espace/demandes/telechargement/", {"format": form, "demande": str(one.uuid)})
    client.get("/espace/demandes/", {"q": CANARIES["nom"]})
    for one in (demande, withdrawn):
        written = {"texte": CANARIES["note"]}
        assert client.post(reverse("demandes:acte", args=[one.uuid, "note"]), written).status_code == 302
        call = {"joint": "non", "rappeler_on": "2026-11-25"}
        assert client.post(reverse("demandes:acte", args=[one.uuid, "appel"]), call).status_code == 302
    client.post(reverse("demandes:cloture", args=[demande.uuid]), {"issue": "injoignable"})
    asked = [
        files.ask(uuids, form="zip", by=person, now=NOW) for uuids in ([demande.uuid, withdrawn.uuid], [demande.uuid])
    ]
    assert all(files.make(one.uuid, now=NOW) for one in asked)
    assert StoredFile.objects.filter(nature="telechargement").count() == 2
    destruction.withdraw(withdrawn, now=NOW)
    assert StoredFile.objects.filter(nature="telechargement").count() == 1
    assert found_in_tables() == set()
    kept = Dossier.objects.values_list("demande__uuid", "jour", "scelle").get(demande=demande)  # as a copy keeps it
    assert CANARIES["message"] == Dossier.opened(*kept, kept[1]).message
    [note] = Note.objects.filter(dossier__demande=demande)
    assert (note.open(NOW.date()), Note.objects.count(), Suivi.objects.count()) == (CANARIES["note"], 1, 1)

    for days in (1, 7, 16, 100):
        assert -1 not in sweep.run(now=NOW + timedelta(days=days)).values()
        outbox.send_due(now=NOW + timedelta(days=days))
    assert found_in_files(data_folder) == set()  # delivery files first (ING-5)
    assert Dossier.objects.filter(demande=demande).exists()
    assert -1 not in sweep.run(now=MIDNIGHT).values()
    outbox.send_due(now=MIDNIGHT)
    assert (found_in_tables(), found_in_files(data_folder)) == (set(), set())
    assert not any(model.objects.exists() for model in (Dossier, Note, Suivi))
    assert not list(Path(settings.KEYS_DIR).glob(f"{kept[1]}*"))
    with pytest.raises(NoKey):  # not even a copy, by whoever forgets the date
        Dossier.opened(*kept, kept[1])
    with pytest.raises(NoKey):
        note.open(kept[1])
    assert not [name for name, value in CANARIES.items() if value in caplog.text]
    assert integrity.faults(MIDNIGHT) == []
    # What stays is neutral, and the same delivery brings nothing back.
    again = "".join(delivery(iter([FULL]), MIDNIGHT)) + "\n"
    livraison = deliveries.register(
        io.BytesIO(again.encode()), nom="encore.xml", origine=Livraison.Origine.DEPOT, now=MIDNIGHT, ring=False
    )
    applying.ingest(livraison.pk, now=MIDNIGHT)
    livraison.refresh_from_db()
    assert (livraison.ecartees, Dossier.objects.count()) == (1, 0)
    assert {table for table, _ in found_in_tables()} == set()


def assert_every_family_field_is_filled(contenu):
    """A field that the canaries do not reach would prove nothing."""
    for name, value in valeurs(contenu).items():
        assert value not in (None, "", [], {}), name
        if name in CANARIES:
            assert CANARIES[name] in (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)), name
    holders = {m.__name__ for m in apps.get_models() if getattr(getattr(m, "Donnees", None), "famille", ())}
    assert holders == {"Dossier", "Livraison", "Note", "Telechargement"}
