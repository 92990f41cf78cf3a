"""The file of a review: killed writers, two owners, backups, and everything that a file may be instead."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from usl_core import UslError
from usl_core.review import actions, backups, document, labelling, store
from usl_core.review.owners import owner_path
from usl_core.review.store import Owner, SessionHeld, SessionLost, open_session
from usl_core.review.timeline import Timeline

from .made import made

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def timeline() -> Timeline:
    one = made()
    picks = one.session.pick_rows(one.images).tolist()
    found = Timeline(session=one.session)
    found = found.did(actions.veto(found.session, one.pool, picks[:1]), 5.0)
    found = found.did(labelling.label(found.session, one.images, picks[1:3], "ant"), 6.0)
    return found.did(labelling.note(found.session, one.images, picks[3:4], "odd \udc80 ☃"), 7.0).undo()


def noted(timeline: Timeline, text: str) -> Timeline:
    return timeline.did(labelling.note(timeline.session, made().images, [0], text), 8.0)


def opened(**more: Any) -> tuple[store.SessionFile, store.Loaded]:
    return open_session("/some/folder", Owner.new("a tab"), **more)


# ---------------------------------------------------------------- what was saved comes back


def test_what_was_saved_comes_back(timeline):
    file, loaded = opened()
    assert loaded == store.Loaded(timeline=None)
    file.save(timeline)
    file.close()
    assert opened()[1] == store.Loaded(timeline=timeline)


def test_it_can_be_taken_elsewhere(timeline, tmp_path):
    store.export_session(timeline, tmp_path / "mine.json")
    assert store.import_session(tmp_path / "mine.json") == timeline
    with pytest.raises(UslError, match=r"none\.json is no readable review"):
        store.import_session(tmp_path / "none.json")


def test_reviews_lie_where_the_variable_says_and_sources_do_not_meet(tmp_path, monkeypatch):
    monkeypatch.setenv("USL_SESSIONS_DIR", str(tmp_path))
    names = ["/a/photos", "/b/photos", "demo:digits", "../..", "\udc80", "a" * 400, "C:\\photos", "/", ""]
    paths = {store.session_path(name) for name in names}
    assert len(paths) == len(names)
    assert all(path.parent == tmp_path and len(path.name) < 80 and path.name.isascii() for path in paths)


_WRITER = """
import sys
from tests.core.review.made import made
from usl_core.review import labelling, store
from usl_core.review.timeline import Timeline
one = made()
file, _ = store.open_session("/some/folder", store.Owner.new("writer"))
timeline = Timeline(session=one.session)
for number in range(100_000):
    timeline = timeline.did(labelling.note(timeline.session, one.images, [0], f"note {number}"))
    file.save(timeline)
    print(number, flush=True)
"""


def test_a_killed_writer_loses_at_most_the_last_action():
    for stop_at in (3, 60):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) == stop_at:
                os.kill(writer.pid, signal.SIGKILL)
                break
        last = max([stop_at, *(int(line) for line in writer.stdout)])
        writer.wait()
        file, loaded = opened()  # its owner is gone, so nobody is in the way
        assert loaded.timeline is not None
        assert not loaded.said
        assert loaded.timeline.session.notes["made/000.png"] in (f"note {last}", f"note {last + 1}")
        file.close()


# ---------------------------------------------------------------- owners


def test_a_second_opener_is_told_who_has_it_and_may_take_over(timeline):
    file, _ = opened()
    file.save(timeline)
    with pytest.raises(SessionHeld, match=r"a tab on .* has this review open since .*take it over") as held:
        open_session("/some/folder", Owner.new("another"))
    assert held.value.holder.token == file.owner.token
    second, loaded = open_session("/some/folder", Owner.new("another"), take_over=True)
    assert loaded.timeline == timeline
    with pytest.raises(SessionLost, match=r"another took this review over at .*; export it") as lost:
        file.save(noted(timeline, "mine"))
    assert lost.value.holder.token == second.owner.token
    file.close()  # leaves it to the second
    second.save(noted(timeline, "theirs"))
    second.close()
    again = opened()[1].timeline
    assert again is not None
    assert again.session.notes["made/000.png"] == "theirs"


def test_the_same_owner_may_open_it_again(timeline):
    owner = Owner.new()
    open_session("/some/folder", owner)[0].save(timeline)
    assert open_session("/some/folder", owner)[1].timeline == timeline


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"token": 1}', "\udc80"])
def test_an_owner_that_cannot_be_read_is_nobody(timeline, text):
    file, _ = opened()
    file.save(timeline)
    owner_path(file.path).write_text(text, errors="surrogatepass")
    assert opened()[1].timeline == timeline


def test_of_many_that_open_at_once_one_gets_it(timeline):
    opened()[0].save(timeline)
    owner_path(store.session_path("/some/folder")).unlink()

    def attempt(number: int) -> bool:
        try:
            open_session("/some/folder", Owner.new(f"tab {number}"))
        except SessionHeld:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(24))) == 1


def test_of_many_that_take_over_the_last_may_write(timeline):
    files = [opened(take_over=True)[0] for _ in range(5)]

    def attempt(file: store.SessionFile) -> bool:
        try:
            file.save(timeline)
        except SessionLost:
            return False
        return True

    with ThreadPoolExecutor(5) as pool:
        assert list(pool.map(attempt, files)) == [False] * 4 + [True]


# ---------------------------------------------------------------- backups


def test_ten_backups_are_kept_and_made_now_and_then(timeline, monkeypatch):
    monkeypatch.setattr(store, "BACKUP_SAVES", 3)
    file, _ = opened()
    for number in range(40):
        file.save(noted(timeline, f"note {number}"))
    kept = [store.import_session(path).session.notes["made/000.png"] for path in file.backups()]
    assert kept == [f"note {number}" for number in range(38, 8, -3)]
    assert len(kept) == backups.BACKUPS == 10


def test_opening_makes_a_backup_once(timeline):
    file, _ = opened()
    file.save(timeline)
    file.close()
    for _ in range(3):
        file, _ = opened()
        file.close()
    assert [store.import_session(path) for path in file.backups()] == [timeline]


@pytest.mark.parametrize("keep", [0, 1, 100, -2])
def test_a_truncated_file_falls_back_to_the_newest_whole_backup(timeline, keep):
    file, _ = opened()
    file.save(timeline)
    file.close()
    file, _ = opened()
    file.save(noted(timeline, "lost"))
    file.close()
    damaged = file.path.read_bytes()[:keep]
    file.path.write_bytes(damaged)
    newer = file.path.with_suffix(".backups") / f"{10**19:020d}.json"
    newer.write_bytes(damaged)
    again, loaded = opened()
    assert loaded.timeline == timeline
    assert "damaged or cut off" in loaded.said[0]
    assert "The backup of" in loaded.said[0]
    aside = list(file.path.parent.glob("*.damaged-*.json"))
    assert [path.read_bytes() for path in aside] == [damaged]
    again.close()
    assert opened()[1] == store.Loaded(timeline=timeline)


def test_without_a_backup_nothing_is_removed(timeline):
    file, _ = opened()
    file.save(timeline)
    file.close()
    file.path.write_bytes(b'{"kind"')
    with pytest.raises(UslError, match=r"damaged or cut off .*there is no whole backup of it"):
        opened()
    assert file.path.read_bytes() == b'{"kind"'


def test_a_newer_format_is_not_taken_for_damage(timeline):
    file, _ = opened()
    file.save(timeline)
    file.close()
    opened()[0].close()
    text = file.path.read_text().replace('"format":1', '"format":2')
    file.path.write_text(text)
    with pytest.raises(UslError, match="format 2, and this version reads format 1"):
        opened()
    assert file.path.read_text() == text


def test_a_disk_that_takes_nothing_is_named(timeline, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UslError, match="cannot be written"):
        opened(directory=tmp_path / "file")


# ---------------------------------------------------------------- what a file may be instead

_DELETE = object()
BAD: list[tuple[tuple[str | int, ...], Any, str]] = [
    (("kind",), "something", "is no review that this program saved"),
    (("format",), "1", "format must be of type int"),
    (("format",), 0, "format must be at least 1"),
    (("session",), [], "session must be of type dict"),
    (("session", "name"), _DELETE, "session.name is missing"),
    (("session", "name"), 3, "session.name must be of type str"),
    (("session", "n_images"), -1, "session.n_images must be at least 0"),
    (("session", "n_images"), True, "session.n_images must be of type int"),
    (("session", "known"), "###", "session.known must be base64"),
    (("session", "known"), "AAAA", "must hold 4 bytes per image but holds 3"),
    (("session", "slots"), {}, "session.slots must be of type list"),
    (("session", "slots", 0), "a path", "session.slots.0 must be of type dict"),
    (("session", "slots", 0, "path"), None, "session.slots.0.path must be of type str"),
    (("session", "slots", 0, "accepted"), 1, "session.slots.0.accepted must be true or false"),
    (("session", "slots", 0, "origin"), "magic", "session.slots.0.origin must be one of method"),
    (("session", "slots", 0, "cluster"), -2, "session.slots.0.cluster must be at least -1"),
    (("session", "slots", 0, "path"), made().session.picks[3], "session.slots must not hold anything twice"),
    (("session", "slots", 0, "path"), made().session.picks[0], "session.slots must not hold what is vetoed"),
    (("session", "slots", 1, "accepted"), False, "session.slots must be accepted where they have a label"),
    (("session", "vetoed"), ["a", "a"], "session.vetoed must not hold anything twice"),
    (("session", "labels"), {"a": "zebra"}, "session.labels must hold names of class_names but hold 'zebra' of 'a'"),
    (("session", "labels"), {"a": 3}, "session.labels.a must be of type str"),
    (("session", "labels"), {"<b>\n\u202e" + "x" * 999: 3}, r"session.labels.<b>\\u000a\\u202exxx"),
    (("session", "class_names"), ["ant", "ant"], "session.class_names must not hold anything twice"),
    (("session", "call", "method", "name"), "best", "session.call.method.name must be one of random"),
    (("session", "call", "method", "params", "n_neighbors"), 0, "session.call.method.params do not fit UslParams"),
    (("session", "call", "method", "params", "more"), 0, "session.call.method.params do not fit UslParams"),
    (("session", "call", "budget"), 2, "session.slots must be at most the budget, 2"),
    (("session", "call", "when"), float("1e999"), "session.call.when must be a number"),
    (("session", "call", "accuracy"), 2, "session.call.accuracy must be a number in"),
    (("session", "call", "near_duplicates"), 0, "near_duplicates must be null or a cosine"),
    (("past", 0, "changes", "colour"), {}, "past.0.changes.colour is no field of a review"),
    (("past", 0, "changes", "slots"), {"head": 99, "tail": 0, "middle": []}, "past.0 does not lead to a review"),
    (("past", 0, "changes", "slots"), {"head": 0, "tail": 0}, "past.0.changes.slots.middle is missing"),
    (("past",), [{"said": "", "when": 0, "changes": {}}] * 201, "past must hold at most 200 steps but holds 201"),
]


@pytest.mark.parametrize(("where", "value", "message"), BAD, ids=[".".join(map(str, at)) for at, *_ in BAD])
def test_every_wrong_field_is_refused_by_name(timeline, where, value, message):
    whole = json.loads(document.written(timeline))
    inside = whole
    for key in where[:-1]:
        inside = inside[key]
    if value is _DELETE:
        del inside[where[-1]]
    else:
        inside[where[-1]] = value
    with pytest.raises(UslError, match=message) as refused:
        document.read(json.dumps(whole).encode(), "a/file.json")
    assert str(refused.value).startswith("a/file.json")
    assert len(str(refused.value)) < 1000


@pytest.mark.parametrize(
    "data", [b"", b"null", b"[" * 100_000, b"1" * 10_000, b"\xff\xfe\x00", b"PK\x03\x04", b'{"kind": NaN}']
)
def test_what_is_no_review_is_refused(data):
    with pytest.raises(UslError, match=r"file is no (readable )?review"):
        document.read(data, "file")


_ANYTHING = [None, True, -1, 1.5, 10**30, "", "\ud800", [], {}, [1], {"a": 1}, float("nan"), float("inf")]


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield (*at, key)
        yield from _places(value[key], (*at, key))


def test_whatever_stands_in_a_field_is_refused_or_makes_a_review(timeline):
    """A review that is read can be undone to its beginning and written again."""
    text, rng = document.written(timeline).decode(), random.Random(0)
    places = list(_places(json.loads(text)))
    for _ in range(400):
        whole = inside = json.loads(text)
        *way, last = rng.choice(places)
        for key in way:
            inside = inside[key]
        inside[last] = rng.choice(_ANYTHING)
        try:
            found = document.read(json.dumps(whole).encode(), "file")
        except UslError:
            continue
        while found.past:
            found = found.undo()
        assert document.read(document.written(found), "file") == found


def test_a_huge_file_is_not_read(tmp_path):
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(store.MAX_BYTES + 1)
    with pytest.raises(UslError, match=r"huge\.json is no readable review"):
        store.import_session(tmp_path / "huge.json")
    with pytest.raises(UslError, match="is no readable review"):
        store.import_session(tmp_path)


def test_a_byte_order_mark_is_passed_over(timeline):
    assert document.read(b"\xef\xbb\xbf" + document.written(timeline), "file") == timeline


def test_every_field_has_a_place_in_the_file():
    one = made().session
    assert document.read(document.written(Timeline(session=replace(one, rounds=()))), "file").session == one
