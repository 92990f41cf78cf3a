"""The index: it follows the entries, mends itself, and says so where it cannot be used."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usl_core.cache import index as index_module
from usl_core.cache.contents import INDEX, INDEX_ASIDE, INDEX_LOGS, find_item, keys_of, look_through
from usl_core.cache.index import INDEXED, Unavailable, forget_removed, opened
from usl_core.cache.pruning import prune, remove_if_damaged
from usl_core.cache.store import FORMAT_VERSION, Store
from usl_core.fingerprints import fingerprint

ROOT = Path(__file__).resolve().parents[3]
DIGESTS = [bytes([number]) * 15 + bytes([number % 2]) for number in range(100)]  # half of them end in a zero
Entries = dict[str, tuple[str, list[bytes]]]
HELD: Entries = {"one": ("a", DIGESTS[:5]), "two": ("a", DIGESTS[5:8]), "three": ("b", DIGESTS[:3])}


def fill(root: Path, entries: Entries = HELD) -> None:
    with opened(root) as index:
        index.update(entries, entries.get)


def fill_and_search(root: Path) -> None:
    """What is damaged shows in one or the other."""
    fill(root)
    found(root, "a", DIGESTS)


def found(root: Path, encoder: str, digests: list[bytes]) -> list[str]:
    with opened(root) as index:
        return sorted(index.holding(encoder, digests))


def test_entries_are_found_by_what_they_hold(tmp_path):
    fill(tmp_path)
    assert found(tmp_path, "a", [DIGESTS[0]]) == ["one"]
    assert found(tmp_path, "a", DIGESTS) == ["one", "two"]
    assert found(tmp_path, "b", DIGESTS) == ["three"]
    assert found(tmp_path, "b", [DIGESTS[4]]) == found(tmp_path, "c", DIGESTS) == found(tmp_path, "a", []) == []
    assert [path.name for path in tmp_path.iterdir()] == [INDEX], "nothing stays open"


def test_only_what_is_new_is_read(tmp_path):
    fill(tmp_path)
    read: list[str] = []
    with opened(tmp_path) as index:
        index.update([*HELD, "four"], lambda key: (read.append(key), ("a", [DIGESTS[9]]))[1])
    assert read == ["four"]


def test_what_cannot_be_read_is_asked_for_again(tmp_path):
    with opened(tmp_path) as index:
        index.update(["bad"], lambda key: None)
        assert index.holding("a", DIGESTS) == []
        index.update(["bad"], lambda key: ("a", [DIGESTS[0]]))
        assert index.holding("a", DIGESTS) == ["bad"]


@settings(max_examples=20)
@given(changes=st.lists(st.tuples(st.sets(st.sampled_from("uvwxyz")), st.sets(st.sampled_from("uvwxyz"))), max_size=4))
def test_it_knows_what_a_dictionary_knows(tmp_path_factory, changes):
    """Entries come and go, and some hold the same; what one holds never changes, as in the cache."""
    root = tmp_path_factory.mktemp("index")
    all_of_them = {key: ("ab"[at % 2], DIGESTS[at * 2 : at * 2 + 6]) for at, key in enumerate("uvwxyz")}
    there: Entries = {}
    for gone, new in changes:
        there = {key: all_of_them[key] for key in sorted({*there, *new} - gone)}
        with opened(root) as index:
            index.update(there, there.get)
            for encoder in "ab":
                for digest in DIGESTS[:18]:
                    holders = [key for key, (of, held) in there.items() if of == encoder and digest in held]
                    assert sorted(index.holding(encoder, [digest])) == holders


# ---------------------------------------------------------------- damage


def other_schema(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 77")
        connection.commit()


def without_tables(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("DROP TABLE digests; DROP TABLE entries")


def of_somebody_else(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("CREATE TABLE entries (something TEXT)")


DAMAGES = {
    "garbage": lambda file: file.write_bytes(b"no database at all " * 500),
    "truncated": lambda file: file.write_bytes(file.read_bytes()[: len(file.read_bytes()) // 2]),
    "truncated in the header": lambda file: file.write_bytes(file.read_bytes()[:50]),
    "pages overwritten": lambda file: file.write_bytes(file.read_bytes()[:4096] + os.urandom(len(file.read_bytes()) - 4096)),
    "another schema": other_schema,
    "without its tables": without_tables,
    "of somebody else": of_somebody_else,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_index_is_set_aside_and_made_anew(tmp_path, damage, caplog):
    fill(tmp_path)
    DAMAGES[damage](tmp_path / INDEX)
    harmed = (tmp_path / INDEX).read_bytes()
    with pytest.raises(Unavailable) as caught:
        fill_and_search(tmp_path)
    assert caught.value.is_set_aside
    assert damage == "of somebody else" or (tmp_path / INDEX_ASIDE).read_bytes() == harmed
    assert "set aside" in caplog.text
    fill(tmp_path)
    assert found(tmp_path, "a", DIGESTS) == ["one", "two"]
    total = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert look_through(tmp_path).index == look_through(tmp_path).size == total
    DAMAGES[damage](tmp_path / INDEX)
    with pytest.raises(Unavailable):
        fill_and_search(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["locks", INDEX_ASIDE], "no more than one is kept"


def test_an_empty_or_missing_file_is_filled(tmp_path):
    (tmp_path / INDEX).touch()
    fill(tmp_path)
    assert found(tmp_path, "a", DIGESTS) == ["one", "two"]
    (tmp_path / INDEX).unlink()
    fill(tmp_path)
    assert found(tmp_path, "a", DIGESTS) == ["one", "two"]
    assert not (tmp_path / INDEX_ASIDE).exists()


def test_stale_logs_of_another_database(tmp_path):
    """As they are left when somebody deletes the index of a process that was killed."""
    fill(tmp_path)
    for name in INDEX_LOGS:
        (tmp_path / name).write_bytes(os.urandom(5000))
    (tmp_path / INDEX).unlink()
    for _ in range(3):
        try:
            fill(tmp_path)
        except Unavailable:
            continue
        break
    assert found(tmp_path, "a", DIGESTS) == ["one", "two"]


# ---------------------------------------------------------------- where it cannot be used


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "BUSY_SECONDS", 0.05)


_LOCKING = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()
"""


def test_one_that_another_process_never_lets_go_of_stays_where_it_is(tmp_path, impatient):
    fill(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", _LOCKING, str(tmp_path / INDEX)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(Unavailable) as caught:
            fill(tmp_path, {**HELD, "four": ("a", DIGESTS[10:12])})
        assert not caught.value.is_set_aside
        assert found(tmp_path, "a", DIGESTS) == ["one", "two"], "it can still be read"
        other.communicate("\n")
    fill(tmp_path, {**HELD, "four": ("a", DIGESTS[10:12])})
    assert found(tmp_path, "a", DIGESTS) == ["four", "one", "two"]


@pytest.mark.parametrize("code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR_LOCK, sqlite3.SQLITE_FULL])
def test_what_the_system_refuses_is_no_damage(tmp_path, monkeypatch, code):
    fill(tmp_path)
    refused = sqlite3.OperationalError("refused")
    refused.sqlite_errorcode = code

    def refuse(connection):
        raise refused

    monkeypatch.setattr(index_module, "_prepare", refuse)
    with pytest.raises(Unavailable) as caught:
        fill(tmp_path)
    assert not caught.value.is_set_aside
    monkeypatch.undo()
    assert found(tmp_path, "a", DIGESTS) == ["one", "two"]


@pytest.mark.parametrize("trouble", ["no sqlite", "folder", "no root"])
def test_where_there_can_be_none(tmp_path, monkeypatch, trouble):
    if trouble == "no sqlite":
        monkeypatch.setitem(sys.modules, "sqlite3", None)
    elif trouble == "folder":
        (tmp_path / INDEX).mkdir()
    with pytest.raises(Unavailable) as caught:
        fill(tmp_path / "missing" if trouble == "no root" else tmp_path)
    assert not caught.value.is_set_aside


def test_an_error_of_who_uses_it_passes_and_changes_nothing(tmp_path):
    def fails(key):
        raise KeyError(key)

    fill(tmp_path)
    with pytest.raises(KeyError), opened(tmp_path) as index:
        index.update([*HELD, "four"], fails)
    assert found(tmp_path, "a", DIGESTS) == ["one", "two"]


# ---------------------------------------------------------------- several at once

_FILLING = """
import sys
from pathlib import Path
from usl_core.cache.index import opened
number = int(sys.argv[2])
for step in range(1, 11):
    mine = {f"{number}-{at}": ("a", [bytes([number, at]) * 8]) for at in range(step)}
    with opened(Path(sys.argv[1])) as index:
        index.update([*mine, *(key for (key,) in index._connection.execute("SELECT key FROM entries"))], mine.get)
"""


def test_processes_and_threads_that_fill_it_at_once(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", _FILLING, str(tmp_path)]
    processes = [
        subprocess.Popen([*command, str(number)], env=environment, stderr=subprocess.PIPE, text=True) for number in range(3)
    ]
    failures: list[Exception] = []

    def thread(number: int) -> None:
        try:
            for step in range(20):
                found(tmp_path, "a", [bytes([number % 3, step % 10]) * 8])
        except Exception as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=thread, args=(number,)) for number in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    for process in processes:
        assert process.communicate(timeout=60)[1] == ""
    assert failures == []
    # What one did not see of another is forgotten, and read again by who comes next.
    whole = {f"{number}-{at}": ("a", [bytes([number, at]) * 8]) for number in range(3) for at in range(10)}
    fill(tmp_path, whole)
    assert found(tmp_path, "a", [digest for _, (digest,) in whole.values()]) == sorted(whole)


# ---------------------------------------------------------------- its room


def test_it_shrinks_with_the_entries(tmp_path):
    store, rng = Store(tmp_path), np.random.default_rng(0)
    held = {}
    for number in range(20):
        key = fingerprint(number)
        store.save(INDEXED, key, {"a": np.zeros(10)})
        held[key] = ("a", [rng.bytes(16) for _ in range(1000)])
    fill(tmp_path, held)
    large = look_through(tmp_path).index
    assert large > 20_000 * 16
    items = look_through(tmp_path).items
    assert look_through(tmp_path).other == 0
    done = prune(tmp_path, items[:19])
    assert len(done.removed) == 19
    assert look_through(tmp_path).index < large / 5
    (kept,) = keys_of(tmp_path, INDEXED)
    assert found(tmp_path, "a", held[kept][1][:100]) == [kept]


def test_pruning_never_takes_it_from_who_uses_it(tmp_path):
    store = Store(tmp_path)
    store.save(INDEXED, fingerprint(1), {"a": np.zeros(10)})
    fill(tmp_path, {fingerprint(1): ("a", DIGESTS)})
    with opened(tmp_path) as index:
        prune(tmp_path, look_through(tmp_path).items)
        assert index.holding("a", DIGESTS) == []
        index.update(["x"], {"x": ("a", DIGESTS)}.get)
        assert index.holding("a", DIGESTS) == ["x"]
    assert found(tmp_path, "a", DIGESTS) == ["x"]


def test_nothing_is_made_where_nothing_was_indexed(tmp_path):
    forget_removed(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_trouble_while_forgetting_stops_nobody(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    (tmp_path / INDEX).write_bytes(b"garbage " * 1000)
    forget_removed(tmp_path)
    assert "still names entries" in caplog.text


# ---------------------------------------------------------------- one damaged entry


def test_only_what_is_damaged_is_removed(tmp_path):
    store, key = Store(tmp_path), fingerprint(1)
    store.save(INDEXED, key, {"a": np.zeros(10)})
    assert find_item(tmp_path, INDEXED, key) is not None
    assert not remove_if_damaged(tmp_path, INDEXED, key, FORMAT_VERSION)
    assert not remove_if_damaged(tmp_path, INDEXED, key, FORMAT_VERSION + 1), "it is another program's"
    assert not remove_if_damaged(tmp_path, INDEXED, fingerprint(2), FORMAT_VERSION)
    (tmp_path / INDEXED / key / "a.npy").write_bytes(b"damaged")
    assert remove_if_damaged(tmp_path, INDEXED, key, FORMAT_VERSION)
    assert keys_of(tmp_path, INDEXED) == []


def test_what_is_no_entry_is_not_removed_however_it_is_called(tmp_path):
    folder = tmp_path / INDEXED / fingerprint(1)
    folder.mkdir(parents=True)
    (folder / "letter.txt").write_text("dear")
    assert not remove_if_damaged(tmp_path, INDEXED, folder.name, FORMAT_VERSION)
    assert (folder / "letter.txt").exists()
