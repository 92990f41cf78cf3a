"""A training on disk: found again, gone on with after an interruption, and never the wrong one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import usl_core as usl
from usl_core.errors import Cancelled
from usl_core.types import Features, ImageSet, Views
from usl_core.uslt.params import UsltParams
from usl_core.uslt.records import TrainingRecord
from usl_core.validation import unit_rows

PARAMS = UsltParams(n_epochs=5, batch_size=128)
DEMO = usl.load_demo("shapes")


def record(cache: Path, **changes) -> TrainingRecord:
    return TrainingRecord(DEMO.features, **{"budget": 12, "params": PARAMS, "cache_dir": cache, **changes})


def stop_after(epoch: int):
    def told(report):
        if report.epoch == epoch:
            raise Cancelled("enough")

    return told


def same(one, other) -> bool:
    fields = [field.name for field in dataclasses.fields(one) if field.name != "seconds"]
    return all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in fields)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return record(tmp_path_factory.mktemp("whole")).train(DEMO.neighbors)


def test_a_finished_training_is_read_back_as_it_was(tmp_path, whole):
    mine = record(tmp_path)
    assert mine.load() is None
    mine.train(DEMO.neighbors)
    read = record(tmp_path).load()
    assert read.notes == whole.notes
    assert all(map(same, read.history, whole.history))
    assert all(np.array_equal(read.state[name], whole.state[name]) for name in whole.state)
    assert mine.epochs() == [], "the pieces are gone once the whole is there"
    told = []
    again = record(tmp_path).train(DEMO.neighbors, on_epoch=told.append)
    assert told == []
    assert same(again.last, whole.last)


def test_an_interrupted_training_goes_on_and_ends_the_same(tmp_path, whole):
    with pytest.raises(Cancelled):
        record(tmp_path).train(DEMO.neighbors, on_epoch=stop_after(3))
    assert [report.epoch for report in record(tmp_path).epochs()] == [1, 2, 3]
    assert [report.epoch for report in record(tmp_path).epochs(after=2)] == [3]
    told = []
    resumed = record(tmp_path).train(DEMO.neighbors, on_epoch=lambda report: told.append(report.epoch))
    assert told == [4, 5]
    assert all(map(same, resumed.history, whole.history))
    assert all(np.array_equal(resumed.state[name], whole.state[name]) for name in whole.state)


@pytest.mark.parametrize("damage", ["cut off", "gone"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, whole, damage):
    with pytest.raises(Cancelled):
        record(tmp_path).train(DEMO.neighbors, on_epoch=stop_after(3))
    newest = max(tmp_path.glob("uslt-states.partial/*/*/weight.npy"), key=lambda path: path.stat().st_mtime_ns)
    assert newest.parent.name == "000001"  # epoch 3 lies in the odd slot
    if damage == "gone":
        newest.unlink()
    else:
        newest.write_bytes(newest.read_bytes()[:50])
    told = []
    resumed = record(tmp_path).train(DEMO.neighbors, on_epoch=lambda report: told.append(report.epoch))
    assert told == [3, 4, 5]
    assert all(map(same, resumed.history, whole.history))


def test_without_any_checkpoint_it_begins_anew(tmp_path, whole):
    with pytest.raises(Cancelled):
        record(tmp_path).train(DEMO.neighbors, on_epoch=stop_after(2))
    for path in tmp_path.glob("uslt-states.partial/*/*/meta.json"):
        path.unlink()
    told = []
    resumed = record(tmp_path).train(DEMO.neighbors, on_epoch=lambda report: told.append(report.epoch))
    assert told == [1, 2, 3, 4, 5]
    assert all(map(same, resumed.history, whole.history))


def test_forgetting_throws_an_unfinished_training_away(tmp_path):
    with pytest.raises(Cancelled):
        record(tmp_path).train(DEMO.neighbors, on_epoch=stop_after(2))
    record(tmp_path).forget_epochs()
    assert record(tmp_path).epochs() == []


@pytest.mark.parametrize(
    "change",
    [
        {"budget": 13},
        {"seed": 1},
        {"params": dataclasses.replace(PARAMS, adjust_strength=4.0)},
        {"labelled": [3]},
        {"vetoed": [3]},
        {"views_key": "other"},
        {"features": usl.load_demo("digits").features},
    ],
)
def test_whatever_the_training_depends_on_is_in_its_key(tmp_path, change):
    features = change.pop("features", DEMO.features)
    other = TrainingRecord(features, **{"budget": 12, "params": PARAMS, "cache_dir": tmp_path, **change})
    assert other.key != record(tmp_path).key


@pytest.mark.parametrize("mode", ["equal features", "equal files"])
def test_a_training_picks_no_copies_while_anything_else_is_left(tmp_path, mode):
    rng = np.random.default_rng(0)
    picture = rng.permutation(np.concatenate([np.arange(30), np.arange(10)]))
    values = unit_rows(rng.normal(size=(30, 16)))[picture]
    if mode == "equal files":
        values = unit_rows(values + 1e-4 * rng.normal(size=values.shape))
    digests = tuple(f"{p if mode == 'equal files' else row}" for row, p in enumerate(picture))
    images = ImageSet(root=Path("x"), paths=tuple(f"{row}.png" for row in range(40)), digests=digests, fingerprint=mode)
    features = Features(values=values, fingerprint=mode, encoder="none", images=images)
    labelled, vetoed = (np.flatnonzero(picture == p)[:1].tolist() for p in (0, 1))
    params = UsltParams(n_epochs=2, n_views=0)

    def picked(budget: int) -> tuple[list[int], tuple[str, ...]]:
        made = TrainingRecord(features, budget, params, labelled=labelled, vetoed=vetoed, cache_dir=tmp_path).train()
        assert all(len(set(epoch.picks.tolist())) == budget for epoch in made.history)
        return picture[made.last.picks].tolist(), made.notes

    pictures, notes = picked(28)
    assert sorted(pictures) == list(range(2, 30))
    assert not any("copies" in note for note in notes)
    pictures, notes = picked(32)
    assert set(pictures) >= set(range(2, 30))
    assert any(note.startswith("copies had to be picked: 4") for note in notes)


def test_other_views_than_those_of_the_key_are_refused(tmp_path):
    views = Views(values=np.zeros((1, 1, 1), dtype=np.float32), fingerprint="other")
    with pytest.raises(ValueError, match="not the views"):
        record(tmp_path).train(DEMO.neighbors, views)
