"""Keys of days: made once, durable in both places before use, destroyed with their day; values sealed under them."""

import os
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from extranet.core.errors import Gone, NoKey
from extranet.core.vault import days, master, sealing

DAY = date(2027, 5, 23)
BEFORE, AFTER = DAY - timedelta(days=1), DAY + timedelta(days=1)
SECRET = b"Notre phrase de canari"


@pytest.fixture
def places(settings, tmp_path, monkeypatch):
    """The folder of the keys and its mirror."""
    settings.KEYS_DIR, settings.KEYS_MIRROR_DIR = str(tmp_path / "keys"), str(tmp_path / "mirror")
    settings.KEYS_MASTER = "0123456789abcdef" * 4
    for name in ("KEYS_DIR", "KEYS_MIRROR_DIR", "KEYS_MASTER"):
        monkeypatch.setenv(f"EXTRANET_{name}", getattr(settings, name))
    (tmp_path / "mirror").mkdir()
    return tmp_path / "keys", tmp_path / "mirror"


def held(place):
    """Days whose key lies there; nothing else may but the mark and the lock."""
    names = {path.name for path in place.iterdir()} - {days.MARK, days.LOCK}
    assert all(name.endswith(days.KEY) for name in names), names
    return sorted(date.fromisoformat(name.removesuffix(days.KEY)) for name in names)


ENVIRONMENT = {"DJANGO_SETTINGS_MODULE": "extranet.settings"}
SETUP = f"""
import os, signal
from datetime import date
import django
django.setup()
from extranet.core.vault import days, sealing
DAY = date.fromisoformat("{DAY}")
"""


def in_process(code, *, kill_at=""):
    """Run `code` in a process of its own; with `kill_at`, killed before its rank-th call of a function of `os`."""
    start = SETUP
    if kill_at:
        name, rank = kill_at.split(":")
        start += f"""
plain, left = os.{name}, [{rank}]
def deadly(*args, **options):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(*args, **options)
os.{name} = deadly
"""
    done = subprocess.run(
        [sys.executable, "-c", start + code], capture_output=True, text=True, env=os.environ | ENVIRONMENT
    )
    assert done.returncode in (0, -9 if kill_at else 0), done.stderr
    return done


def test_what_is_sealed_opens_until_its_day_is_over_and_for_what_it_is_about_only(places):
    days.make([DAY])
    sealed = sealing.seal(DAY, SECRET, "one")
    assert SECRET not in sealed
    assert sealed != sealing.seal(DAY, SECRET, "one")
    assert sealing.open(DAY, sealed, "one", today=DAY) == SECRET
    assert sealing.open(DAY, memoryview(sealed), "one", today=DAY) == SECRET
    for day, value, about in ((DAY, sealed, "another"), (DAY, sealed[:-1] + b"x", "one"), (DAY, b"", "one")):
        with pytest.raises(NoKey):
            sealing.open(day, value, about, today=DAY)
    with pytest.raises(Gone):  # by date: the key is still there
        sealing.open(DAY, sealed, "one", today=AFTER)
    assert held(places[0]) == [DAY]


@pytest.mark.rule("CNS-10.a")
def test_a_key_is_random_wrapped_and_readable_by_its_owner_only(places):
    days.make([DAY, AFTER])
    for place in places:
        assert held(place) == [DAY, AFTER]
        for path in place.glob(f"*{days.KEY}"):
            assert path.stat().st_mode & 0o777 == 0o600
            assert days.read(DAY).hex() not in path.read_text()
    assert places[0].stat().st_mode & 0o777 == 0o700
    assert len({days.read(DAY), days.read(AFTER)}) == 2
    shutil.copy(places[0] / f"{DAY}{days.KEY}", places[0] / f"{AFTER}{days.KEY}")
    with pytest.raises(days.Lost):  # bound to its day
        days.read(AFTER)


@pytest.mark.rule("CNS-10.c")
def test_ten_processes_that_ask_together_get_one_key(places):
    wanted = [DAY + timedelta(days=count) for count in range(40)]
    code = """
import os
from datetime import timedelta
wanted = [DAY + timedelta(days=count) for count in range(40)]
gate, opened = os.pipe()
for _ in range(10):
    if os.fork() == 0:
        os.close(opened)
        os.read(gate, 1)  # until the last copy of the other end is closed: all begin together
        made = [days.make([day]) for day in wanted]
        said = [days.read(day).hex() for day in wanted]
        os.write(1, " ".join([*said, str(sum(made))]).encode() + b"\\n")  # in one piece
        os._exit(0)
os.close(opened)
assert not any(os.wait()[1] for _ in range(10))
"""
    start = [sys.executable, "-c", SETUP + code]
    ten = subprocess.run(start, env=os.environ | ENVIRONMENT, capture_output=True, text=True)
    assert ten.returncode == 0, ten.stderr
    said = [line.split() for line in ten.stdout.splitlines()]
    assert len(said) == 10
    assert sum(int(made) for *_, made in said) == 40
    assert {tuple(keys) for *keys, _ in said} == {tuple(days.read(day).hex() for day in wanted)}
    assert held(places[0]) == held(places[1]) == wanted
    assert days.faults(wanted) == {}


@pytest.mark.rule("CNS-10.c")
@pytest.mark.parametrize("kill_at", [f"fsync:{rank}" for rank in range(1, 5)] + ["rename:1", "rename:2"])
def test_a_kill_while_a_key_is_made_leaves_none_that_is_read_and_not_mirrored(places, kill_at):
    assert in_process("days.make([DAY])", kill_at=kill_at).returncode == -9
    first, second = (place / f"{DAY}{days.KEY}" for place in places)
    assert second.exists() or not first.exists()
    days.restore()
    days.make([DAY])
    assert days.faults([DAY]) == {}
    sealing.open(DAY, sealing.seal(DAY, SECRET, "one"), "one", today=DAY)


@pytest.mark.rule("CNS-10.b")
@pytest.mark.parametrize("kill_at", ["fsync:1", "fsync:2", "fsync:3", "fsync:4", "unlink:1", "unlink:2", "unlink:3"])
def test_a_kill_while_keys_are_destroyed_is_ended_by_the_next_run_and_opens_nothing_again(places, kill_at):
    days.make([BEFORE, DAY, AFTER])
    sealed = sealing.seal(DAY, SECRET, "one")
    code = f"sealing.destroy(before=date.fromisoformat('{AFTER}'))"
    assert in_process(code, kill_at=kill_at).returncode in (0, -9)
    sealing.destroy(before=AFTER)
    assert held(places[0]) == held(places[1]) == [AFTER]
    assert days.restore() == days.make([DAY]) == 0  # destroyed, not lost
    with pytest.raises(NoKey):
        sealing.open(DAY, sealed, "one", today=DAY)
    assert days.last_destroyed() == DAY


@pytest.mark.rule("CNS-10.b")
def test_a_destroyed_key_is_overwritten_where_it_lay(places):
    days.make([DAY])
    with (places[0] / f"{DAY}{days.KEY}").open("rb") as first, (places[1] / f"{DAY}{days.KEY}").open("rb") as second:
        assert sealing.destroy(before=AFTER) == 1
        assert set(first.read()) == set(second.read()) == {0}
    assert sealing.destroy(before=AFTER) == 0


@pytest.mark.rule("CNS-10.b")
@pytest.mark.rule("CNS-10.c")
def test_a_mirror_that_is_gone_makes_no_key_and_holds_no_destruction_back(places):
    days.make([DAY])
    places[1].rename(places[1].with_name("away"))
    with pytest.raises(OSError):
        days.make([AFTER])
    assert days.faults([DAY, AFTER]) == {DAY: "not mirrored", AFTER: "missing"}
    assert held(places[0]) == [DAY]
    with pytest.raises(OSError):
        sealing.destroy(before=AFTER)
    assert held(places[0]) == []
    places[1].with_name("away").rename(places[1])
    assert days.overdue(AFTER) == [DAY]  # still in the mirror
    assert sealing.destroy(before=AFTER) == 1
    assert held(places[1]) == []


@pytest.mark.rule("CNS-10.c")
def test_a_full_mirror_or_folder_leaves_no_key_by_halves(places, monkeypatch):
    import errno

    plain = os.fsync
    for full in places[::-1]:

        def fsync(descriptor, full=full):
            if os.readlink(f"/proc/self/fd/{descriptor}").startswith(f"{full}/2"):
                raise OSError(errno.ENOSPC, "full")
            plain(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)
        with pytest.raises(OSError):
            days.make([DAY])
        assert held(places[0]) == []
        with pytest.raises(NoKey):
            sealing.seal(DAY, SECRET, "one")
    monkeypatch.setattr(os, "fsync", plain)
    days.restore()
    days.make([DAY])
    assert days.faults([DAY]) == {}


@pytest.mark.rule("CNS-10.c")
@pytest.mark.parametrize("place", [0, 1], ids=["folder", "mirror"])
@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"x"), Path.touch])
def test_a_lost_or_damaged_key_comes_back_from_the_other_place_and_is_never_drawn_again(places, place, damage):
    days.make([DAY])
    sealed = sealing.seal(DAY, SECRET, "one")
    path = places[place] / f"{DAY}{days.KEY}"
    damage(path)
    broken = damage is not Path.touch
    assert days.faults([DAY]) == ({DAY: ("not mirrored" if place else days.faults([DAY])[DAY])} if broken else {})
    assert days.make([DAY]) == 0
    assert days.restore() == broken
    assert days.faults([DAY]) == {}
    assert sealing.open(DAY, sealed, "one", today=DAY) == SECRET


@pytest.mark.rule("CNS-10.c")
def test_a_key_lost_everywhere_is_refused_at_once_by_whoever_has_it_in_memory(places):
    days.make([DAY])
    sealed = sealing.seal(DAY, SECRET, "one")
    for place in places:
        (place / f"{DAY}{days.KEY}").unlink()
    with pytest.raises(NoKey):
        sealing.seal(DAY, SECRET, "one")
    assert days.faults([DAY]) == {DAY: "missing"}
    days.replace(DAY)
    assert sealing.open(DAY, sealing.seal(DAY, SECRET, "one"), "one", today=DAY) == SECRET
    with pytest.raises(NoKey):  # another key does not pass for the lost one
        sealing.open(DAY, sealed, "one", today=DAY)


def test_the_master_key_changes_without_touching_what_is_sealed(places, settings):
    days.make([DAY, AFTER])
    sealed, first = sealing.seal(DAY, SECRET, "one"), settings.KEYS_MASTER
    settings.KEYS_MASTER = f"{first}\n{'ab' * 32}\n"
    with (places[0] / f"{DAY}{days.KEY}").open("rb") as former:
        assert days.rewrap() == (4, [])
        assert set(former.read()) == {0}
    assert days.rewrap() == (0, [])
    settings.KEYS_MASTER = "ab" * 32
    assert days.faults([DAY, AFTER]) == {}
    assert sealing.open(DAY, sealed, "one", today=DAY) == SECRET
    settings.KEYS_MASTER = first
    assert days.faults([DAY]) == {DAY: "damaged"}
    with pytest.raises(master.Unwrappable):
        master.unwrap(DAY, (places[0] / f"{DAY}{days.KEY}").read_bytes())


def test_without_a_master_key_given_one_is_made_once_in_the_data_folder(settings, tmp_path):
    settings.DATA_DIR, settings.KEYS_MASTER = tmp_path, ""
    days.make([DAY])
    assert len((tmp_path / "cles" / "maitre.cles").read_text().split()) == 1
    assert days.faults([DAY]) == {}


def test_a_clock_that_was_ahead_and_came_back_leaves_days_that_can_be_used(places):
    days.make([DAY, AFTER])
    sealing.destroy(before=AFTER + timedelta(days=1))
    assert days.make([AFTER]) == 0
    days.note_present(AFTER)
    assert days.last_destroyed() == DAY
    assert days.make([DAY, AFTER]) == 1
    days.note_present(AFTER)
    assert days.faults([AFTER]) == {}
