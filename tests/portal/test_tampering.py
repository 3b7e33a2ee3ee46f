"""Who holds the database rewrites its append-only records: the check finds each way (ACC-2)."""

import hashlib
import json
import stat
import uuid
from datetime import timedelta
from io import StringIO

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from demandes.models import Remise
from extranet.core.apart import Incomplete
from extranet.core.journal import anchor, services
from extranet.core.journal.models import Entry, Seal
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from extranet.portal import sweep
from tests.conftest import text_of
from tests.factories import NOW, AgentFactory, UserFactory

TABLES = ("journal_entry", "demandes_remise", "journal_seal", "journal_departure")
STEP = timedelta(minutes=20)


@pytest.fixture(autouse=True)
def data_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def add_lines(at, count=3):
    person = UserFactory()
    for rank in range(count):
        services.record("essai", person, by=person, at=at, rang=rank, texte="été")
        Remise.objects.create(
            at=at,
            user_id=person.pk,
            demande_uuid=uuid.uuid4(),
            reference=f"ME-{rank}",
            lieu_id=1,
            mode="pdf",
            adresse_reseau="2001:db8::1",
            appareil="Essai/1",
        )


@pytest.fixture
def records(db):
    """Two sealed segments a record, kept outside, and lines that wait for the next."""
    for turn in range(2):
        add_lines(NOW + 2 * turn * STEP)
        services.seal(now=NOW + 2 * turn * STEP)
        services.seal(now=NOW + (2 * turn + 1) * STEP)
    add_lines(NOW)
    assert Seal.objects.count() == 4
    assert faults() == []


LATER = NOW + timedelta(hours=8)


def faults():
    return list(services.faults(now=LATER))


def sql(*statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def as_owner(*statements):
    """What the owner of the tables does: the triggers away, the statements,
    the triggers back as if nothing had been.
    """
    sql(*(f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in TABLES))
    sql(*statements)
    sql(*(f"ALTER TABLE {table} ENABLE TRIGGER USER" for table in TABLES))


# --- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.rule("ACC-2.c")
@pytest.mark.parametrize("table", TABLES[:3])
@pytest.mark.parametrize("act", ["TRUNCATE {}", "TRUNCATE {} CASCADE", "DELETE FROM {}", "UPDATE {} SET id = id + 100"])
def test_the_owner_of_the_tables_is_refused_without_taking_a_trigger_away(records, table, act):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        sql(act.format(table))
    assert faults() == []


# --- found ------------------------------------------------------------------------------------------------------------


def emptied():
    as_owner("DELETE FROM journal_entry", "DELETE FROM demandes_remise", "DELETE FROM journal_seal")


def truncated():
    as_owner(f"TRUNCATE {', '.join(TABLES)} RESTART IDENTITY")


def emptied_and_begun_again():
    emptied()
    add_lines(NOW)
    cache.clear()
    for turn in range(2):
        services.seal(now=NOW + (3 + turn) * STEP)


def accesses_emptied():
    as_owner("DELETE FROM demandes_remise")


def accesses_emptied_with_their_seals():
    as_owner("DELETE FROM demandes_remise", "DELETE FROM journal_seal WHERE record = 'demandes_remise'")


def tail_deleted_with_its_seal():
    last = Seal.objects.filter(record="journal_entry").latest("last_id")
    as_owner(f"DELETE FROM journal_entry WHERE id >= {last.first_id}", f"DELETE FROM journal_seal WHERE id = {last.pk}")


def head_deleted():
    first = Seal.objects.filter(record="journal_entry").earliest("last_id")
    as_owner(
        f"DELETE FROM journal_entry WHERE id <= {first.last_id}", f"DELETE FROM journal_seal WHERE id = {first.pk}"
    )


def negative_line():
    sql(
        "INSERT INTO journal_entry "
        "SELECT -7, at, 'faux', object_kind, object_id, actor, caf, details FROM journal_entry LIMIT 1"
    )


def negative_access():
    sql(
        "INSERT INTO demandes_remise (id, at, user_id, demande_uuid, reference, lieu_id, mode, appareil) "
        "SELECT -7, at, user_id, demande_uuid, reference, lieu_id, mode, appareil FROM demandes_remise LIMIT 1"
    )


def line_changed():
    as_owner("UPDATE journal_entry SET details = '{}' WHERE id = (SELECT min(id) FROM journal_entry)")


def access_changed():
    as_owner("UPDATE demandes_remise SET appareil = 'Autre' WHERE id = (SELECT min(id) FROM demandes_remise)")


def line_replaced_by_another():
    as_owner(
        "UPDATE journal_entry SET object_id = '0', at = at - interval '1 day' "
        "WHERE id = (SELECT min(id) FROM journal_entry)"
    )


def rewritten_and_sealed_again():
    """All is known but the key: the whole chain worked out again with a key of one's own."""
    line_changed()
    key, previous = b"x" * 32, ""
    for link in Seal.objects.filter(record="journal_entry").order_by("last_id"):
        lines = Entry.objects.filter(pk__gte=link.first_id, pk__lte=link.last_id).order_by("pk")
        link.previous = previous
        previous, _ = services._digest(link, lines.values_list(*services.columns(Entry)), key)
        as_owner(f"UPDATE journal_seal SET digest = '{previous}', previous = '{link.previous}' WHERE id = {link.pk}")


def rewritten_and_sealed_again_without_a_key():
    line_changed()
    for link in Seal.objects.filter(record="journal_entry"):
        made = hashlib.sha256(json.dumps([link.previous, link.last_id]).encode()).hexdigest()
        as_owner(f"UPDATE journal_seal SET digest = '{made}' WHERE id = {link.pk}")


def rewritten_and_sealed_again_with_the_key():
    """The application's own key: only what is outside tells."""
    line_changed()
    as_owner("DELETE FROM journal_seal WHERE record = 'journal_entry'")
    cache.clear()
    for turn in range(2):
        services.seal(now=NOW + (4 + turn) * STEP)


def less_under_the_seal():
    columns = ",".join(name for name in services.columns(Entry) if name != "actor")
    as_owner(
        f"UPDATE journal_seal SET columns = '{columns}' WHERE record = 'journal_entry'",
        "UPDATE journal_entry SET actor = 'user:0'",
    )


def seal_backdated():
    as_owner("UPDATE journal_seal SET at = at - interval '1 day' WHERE id = (SELECT min(id) FROM journal_seal)")


def seals_forgotten():
    as_owner("DELETE FROM journal_seal")


def guard_taken_away():
    sql("DROP TRIGGER demandes_remise_no_truncate ON demandes_remise")


def guard_switched_off():
    sql("ALTER TABLE journal_entry DISABLE TRIGGER journal_entry_append_only")


def outside_forgotten():
    anchor.anchor_file().unlink()


def outside_shortened():
    path = anchor.anchor_file()
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def key_lost():
    services.KEYS.path.unlink()


ATTACKS = {
    emptied: "journal_entry: the seal of the lines up to",
    truncated: "demandes_remise: the seal of the lines up to",
    emptied_and_begun_again: "journal_entry: the seal of the lines up to",
    accesses_emptied: "demandes_remise: segment",
    accesses_emptied_with_their_seals: "demandes_remise: the seal of the lines up to",
    tail_deleted_with_its_seal: "journal_entry: the seal of the lines up to",
    head_deleted: "does not match its seal",
    negative_line: "journal_entry: 1 lines with a key that no sequence gives",
    negative_access: "demandes_remise: 1 lines with a key that no sequence gives",
    line_changed: "does not match its seal",
    access_changed: "does not match its seal",
    line_replaced_by_another: "does not match its seal",
    rewritten_and_sealed_again: "does not match its seal",
    rewritten_and_sealed_again_without_a_key: "does not match its seal",
    rewritten_and_sealed_again_with_the_key: "journal_entry: ",
    less_under_the_seal: "does not match its seal",
    seal_backdated: "does not match its seal",
    seals_forgotten: "is gone from the database",
    guard_taken_away: "demandes_remise: the trigger that refuses changes is missing",
    guard_switched_off: "journal_entry: the trigger that refuses changes is missing",
    outside_forgotten: "is not in sceaux.jsonl",
    outside_shortened: "is not in sceaux.jsonl",
    key_lost: "is sealed by a key that is not in journal.cles",
}


@pytest.mark.rule("ACC-2.c")
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_each_way_to_rewrite_a_record_is_found(records, attack, time_machine):
    attack()
    time_machine.move_to(LATER, tick=False)
    said = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("check_integrity", stdout=said)
    assert ended.value.code == 1
    assert ATTACKS[attack] in said.getvalue()


@pytest.mark.rule("ACC-2.c")
def test_what_was_found_stays_found_after_the_next_run(records):
    """A run of the seals after the attack covers nothing up."""
    tail_deleted_with_its_seal()
    add_lines(LATER)
    for turn in range(3):
        services.seal(now=LATER + turn * STEP)
    assert any("is gone from the database" in fault for fault in faults())


# --- the key and the file outside
# ---------------------------------------------------------------------------------------


@pytest.mark.rule("ACC-2.c")
def test_the_key_can_be_changed_and_old_seals_stay_proven(records):
    path = services.KEYS.path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open("a") as target:
        target.write("ab" * 32 + "\n")
    add_lines(NOW)
    for turn in range(2):
        services.seal(now=LATER + turn * STEP)
    assert Seal.objects.values("key").distinct().count() == 2
    assert list(services.faults(now=LATER + 2 * STEP)) == []


@pytest.mark.rule("ACC-2.c")
def test_a_line_outside_that_was_cut_by_a_kill_is_written_again(records):
    path = anchor.anchor_file()
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert any("is not in sceaux.jsonl" in fault for fault in faults())
    services.seal(now=LATER)
    assert faults() == []
    assert path.read_bytes().startswith(whole[:-20] + b"\n")
    size = path.stat().st_size
    services.seal(now=LATER + STEP)
    services.seal(now=LATER + 2 * STEP)
    assert path.read_bytes()[:size].count(b"\n") == 5  # nothing is said twice


@pytest.mark.rule("ACC-2.c")
def test_a_record_that_cannot_be_sealed_does_not_hold_back_the_other(records, monkeypatch):
    add_lines(LATER)
    before = set(Seal.objects.values_list("pk", flat=True))

    def cut(execute, statement, params, many, context):
        if "journal_entry" in statement and statement.startswith("SELECT"):
            raise DatabaseError
        return execute(statement, params, many, context)

    services.seal(now=LATER)
    with connection.execute_wrapper(cut), pytest.raises(Incomplete):
        services.seal(now=LATER + STEP)
    assert [link.record for link in Seal.objects.exclude(pk__in=before)] == ["demandes_remise"]


# --- the mail to the Cnaf
# -------------------------------------------------------------------------------------------------


@pytest.mark.rule("ACC-2.c")
def test_once_a_month_the_last_seals_leave_for_the_cnaf(records, smtp_sink, time_machine):
    cnaf, gone = AgentFactory(cnaf=True), AgentFactory(cnaf=True, user__is_active=False)
    AgentFactory()
    heads = services.heads()
    assert {link.record for link in heads} == {"journal_entry", "demandes_remise"}
    for moment in (NOW, NOW + timedelta(days=3), NOW + timedelta(days=20)):
        assert sweep.run(now=moment)["sceaux du mois"] in (0, 1)
        outbox.send_due(now=moment)
    assert set(Message.objects.filter(kind="journal.sceau").values_list("key", "recipient")) == {
        ("2026-11", f"user:{cnaf.user_id}"),
        ("2026-12", f"user:{cnaf.user_id}"),
    }
    assert smtp_sink.to(gone.user.email) == []
    mail, _ = smtp_sink.to(cnaf.user.email)
    assert mail["Subject"] == "Sceaux du journal\u00a0: novembre 2026"
    first = next(link for link in heads if link.record == "demandes_remise")
    for text in (text_of(mail), mail.get_body(("html",)).get_content()):
        assert first.digest in text
        assert (
            "accès aux dossiers\u00a0: 6 lignes scellées, le 23\u00a0novembre 2026".replace("23\u00a0", "23 ") in text
        )
        assert "check_integrity --seal" in text
    said = StringIO()
    time_machine.move_to(LATER, tick=False)
    call_command("check_integrity", "--seal", first.digest, stdout=said)
    assert "in the chain" in said.getvalue()
    accesses_emptied_with_their_seals()
    with pytest.raises(SystemExit):
        call_command("check_integrity", "--seal", first.digest, stdout=said)
    assert "the seal asked for is not in the chain" in said.getvalue()


@pytest.mark.rule("ACC-2.c")
def test_nothing_is_told_before_there_is_a_seal(db):
    AgentFactory(cnaf=True)
    assert sweep.run(now=NOW)["sceaux du mois"] == 0
    assert not Message.objects.exists()
