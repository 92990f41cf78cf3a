"""What of a training lies in memory and in open files: the last epoch, and the numbers of all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import usl_core as usl
from usl_core.errors import UslError
from usl_core.types import Features, ImageSet, Neighbors
from usl_core.uslt import records
from usl_core.uslt.history import NUMBERS, History, column, history_csv
from usl_core.uslt.params import UsltParams
from usl_core.uslt.records import TrainingRecord
from usl_core.uslt.train import train_uslt
from usl_core.validation import unit_rows


def many(n: int, k: int = 3) -> tuple[Features, Neighbors]:
    """Rows at random, and neighbours at random."""
    rng = np.random.default_rng(0)
    names = tuple(map(str, range(n)))
    images = ImageSet(root=Path("x"), paths=names, digests=names, fingerprint=f"{n}")
    features = Features(values=unit_rows(rng.normal(size=(n, 4))), fingerprint=f"{n}", encoder="none", images=images)
    return features, Neighbors(indices=rng.integers(0, n, (n, k), dtype=np.int32), distances=np.ones((n, k), np.float32))


def test_without_a_record_the_newest_epochs_are_kept_whole():
    features, graph = many(500)
    params = UsltParams(n_epochs=6, n_neighbors=3, n_views=0)
    reports = []
    each = 500 * 8 + 10 * 8
    history = train_uslt(features, 10, params, neighbors=graph, on_epoch=reports.append, keep_bytes=2 * each).history
    assert [history[at] is reports[at] for at in (-2, -1)] == [True, True]
    assert train_uslt(features, 10, params, neighbors=graph, keep_bytes=0).last.picks.tolist() == reports[-1].picks.tolist()
    with pytest.raises(
        UslError, match="assignments of epoch 4 are no longer in memory; take what you need of them in on_epoch"
    ):
        history[3].clusters
    for name in NUMBERS:
        assert np.array_equal(column(history, name), [getattr(report, name) for report in reports], equal_nan=True)
    assert history_csv(history) == history_csv(reports)
    assert len(history[1:3]) == 2
    assert isinstance(history[:0], History)


@pytest.mark.parametrize("per_entry", [1, 4, 100])
def test_with_a_record_every_epoch_can_be_looked_at(tmp_path, monkeypatch, per_entry):
    features, graph = many(200)
    monkeypatch.setattr(records, "REPLAY_BYTES", per_entry * (200 + 5) * 8)
    params = UsltParams(n_epochs=10, n_neighbors=3, n_views=0)
    reports = list(train_uslt(features, 5, params, neighbors=graph).history)
    trained = TrainingRecord(features, 5, params, cache_dir=tmp_path).train(graph)
    read = TrainingRecord(features, 5, params, cache_dir=tmp_path).load()
    for history in (trained.history, read.history):
        assert len(history) == 10
        for found, expected in zip(history, reports, strict=True):
            assert found.epoch == expected.epoch
            assert found.n_alive == expected.n_alive
            for name in ("clusters", "confidence", "picks"):
                assert np.array_equal(getattr(found, name), getattr(expected, name))
    record = TrainingRecord(features, 5, params, cache_dir=tmp_path)
    record.forget()
    assert record.load() is None
    assert not list(tmp_path.glob("uslt*/*"))
    with pytest.raises(UslError, match="epoch 2 of this training is no longer in the cache; train anew to look at it"):
        read.history[1].clusters


def test_memory_does_not_grow_with_the_epochs(tmp_path, monkeypatch):
    n, each = 40_000, 8 * 40_000
    features, graph = many(n)
    monkeypatch.setattr(records, "REPLAY_BYTES", 4 * each)

    def peak(n_epochs: int) -> int:
        params = UsltParams(n_epochs=n_epochs, n_neighbors=3, n_views=0, n_heads=1, batch_size=5000)
        record = TrainingRecord(features, 5, params, cache_dir=tmp_path)
        tracemalloc.start()
        try:
            trained = record.train(graph)
            assert len(trained.history) == n_epochs
            assert len(record.load().history[0].clusters) == n
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1)  # what is imported on first use
    assert peak(24) - peak(6) < 8 * each, "18 epochs more, of which 4 are held until they are written"


OPEN_FILES = """
import json, os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.core.uslt.test_history import many
from usl_core.cache import entries
from usl_core.errors import Cancelled, UslError
from usl_core.uslt.params import UsltParams
from usl_core.uslt.records import TrainingRecord

entries.COPIED_BYTES = 0  # as if every array were large: it is mapped
cache = Path(sys.argv[2])
features, graph = many(60)
params = UsltParams(n_epochs=100, n_neighbors=3, n_views=0, n_heads=1, batch_size=60)


def record():
    return TrainingRecord(features, 5, params, cache_dir=cache)


def n_open():
    return len(os.listdir("/proc/self/fd"))


def stop(report):
    if report.epoch == 70:
        raise Cancelled("enough")


try:
    record().train(graph, on_epoch=stop)
except Cancelled:
    pass
before = n_open()
sessions = [record().epochs() for _ in range(20)]
looked = [sessions[0][at].n_alive for at in range(70)]
unfinished = n_open() - before
taken = []
try:
    while True:
        taken.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
try:
    record().train(graph)
    said = "nothing"
except UslError as error:
    said = str(error)
for number in taken:
    os.close(number)
told = []
record().train(graph, on_epoch=lambda report: told.append(report.epoch))
finished = [record().load() for _ in range(5)]
print(json.dumps({
    "seen": [len(session) for session in sessions], "looked": looked, "unfinished": unfinished, "said": said, "told": told,
    "finished": n_open() - before, "each": len(finished[0].state) + 3, "epochs": [len(one.history) for one in finished],
}))
"""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_many_sessions_open_few_files_and_too_many_open_files_lose_nothing(tmp_path):
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (250, 250))\n{OPEN_FILES}"
    words = [sys.executable, "-c", limited, str(Path(__file__).parents[3]), str(tmp_path)]
    done = subprocess.run(words, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["seen"] == [70] * 20
    assert min(said["looked"]) >= 1
    assert said["unfinished"] <= 3, "sessions keep numbers, not files"
    assert "Too many open files" in said["said"]
    assert said["told"] == list(range(71, 101)), "it goes on where it stopped"
    assert said["epochs"] == [100] * 5
    assert said["finished"] <= 5 * said["each"] + 3, "of a finished training the last epoch and the state"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_a_small_training_is_read_back_without_open_files(tmp_path):
    demo = usl.load_demo("digits")
    record = TrainingRecord(demo.features, 12, UsltParams(n_epochs=3, n_views=0), cache_dir=tmp_path)
    record.train(demo.neighbors)
    before = len(list(Path("/proc/self/fd").iterdir()))
    held = [record.load() for _ in range(10)]
    assert len(held[0].history) == 3
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1  # the locks of the cache, all in one file
