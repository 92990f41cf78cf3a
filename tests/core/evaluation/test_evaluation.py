"""`evaluate`: every number against a plain loop, nothing done twice, nothing lost, and the same on any number of processes."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import usl_core as usl
from usl_core.errors import Cancelled, UslError
from usl_core.evaluation import evaluate as module
from usl_core.evaluation import workers
from usl_core.evaluation.cells import Cell, Trial
from usl_core.evaluation.evaluate import COLUMNS, Evaluation, evaluation
from usl_core.evaluation.scores import calibration_error, scores_of
from usl_core.selection.k_center import KCenterParams
from usl_core.types import Features

ASKED = {"methods": ("random", "usl"), "budgets": (5, 12), "seeds": (0, 3), "learners": ("1-nn", "linear")}


@pytest.fixture(scope="module")
def features() -> Features:
    """Every ninth of the digits."""
    demo = usl.load_demo("digits").features
    images = demo.images
    rows = np.arange(0, len(images), 9)
    return dataclasses.replace(
        demo,
        values=demo.values[rows],
        fingerprint="every ninth",
        images=dataclasses.replace(
            images,
            paths=tuple(images.paths[row] for row in rows),
            digests=tuple(images.digests[row] for row in rows),
            labels=images.labels[rows],
            fingerprint="every ninth",
        ),
    )


# ---------------------------------------------------------------- scores


def test_scores_by_hand():
    probabilities = np.array([[0.7, 0.3, 0], [0.4, 0.6, 0], [0.9, 0.1, 0], [0.2, 0.8, 0]], dtype=np.float32)
    found = scores_of(probabilities, np.array([0, 0, 1, 1]))
    assert found.accuracy == 0.5
    assert found.class_accuracy[:2] == (0.5, 0.5)
    assert np.isnan(found.class_accuracy[2])
    assert found.macro_accuracy == 0.5
    # bins of a fifteenth: 0.6, 0.7, 0.8 and 0.9 lie in four; right, wrong, wrong, right
    assert found.calibration_error == pytest.approx((0.3 + 0.6 + 0.9 + 0.2) / 4, abs=1e-6)


def test_macro_accuracy_gives_every_class_the_same_say():
    sure = np.eye(2, dtype=np.float32)
    found = scores_of(sure[[0] * 9 + [0]], np.array([0] * 9 + [1]))
    assert (found.accuracy, found.macro_accuracy) == (0.9, 0.5)


def test_who_is_right_as_often_as_sure_is_calibrated():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.5, 1, 20_000)
    labels = (rng.random(20_000) >= p).astype(int)
    assert calibration_error(np.column_stack([p, 1 - p]).astype(np.float32), labels) < 0.02
    assert calibration_error(np.eye(2, dtype=np.float32)[[0, 0, 1]], np.array([1, 1, 0])) == 1
    by_loop = 0.0
    for low in np.arange(15) / 15:
        inside = (p > low) & (p <= low + 1 / 15)
        if inside.any():
            by_loop += abs((labels[inside] == 0).mean() - p[inside].mean()) * inside.mean()
    found = calibration_error(np.column_stack([p, 1 - p]), labels)
    assert found == pytest.approx(by_loop, abs=1e-6)


# ---------------------------------------------------------------- numbers


def test_every_row_is_that_of_a_plain_loop(features, tmp_path):
    frame = usl.evaluate(features, **ASKED, cache_dir=tmp_path, n_workers=1)
    assert list(frame.columns) == list(COLUMNS)
    assert len(frame) == 16
    labels = features.images.labels
    for line in frame.itertuples():
        picks = usl.select(features, line.budget, line.method, seed=line.seed, labels=labels).indices
        assert line.picks == tuple(picks)
        known = np.full(len(features), -1)
        known[picks] = labels[picks]
        guess = usl.learn(features, known, line.learner, n_classes=10, seed=line.seed).argmax(axis=1)
        others = known < 0
        assert line.accuracy == pytest.approx((guess == labels)[others].mean())
        assert line.n_tested == others.sum()
        assert line.classes_covered == len(set(labels[picks]))
        by_class = [(guess == labels)[others & (labels == one)].mean() for one in range(10)]
        assert line.class_accuracy == pytest.approx(by_class)
        assert line.macro_accuracy == pytest.approx(np.mean(by_class))
    order = frame[["learner", "method", "budget", "seed"]].drop_duplicates().itertuples(index=False, name=None)
    assert list(order) == [
        (learner, method, budget, seed)
        for learner in ASKED["learners"]
        for method in ASKED["methods"]
        for budget in ASKED["budgets"]
        for seed in ASKED["seeds"]
    ]


def test_copies_of_picks_are_no_test(features):
    values = np.concatenate([features.values[:20], features.values[:20]])
    labels = np.concatenate([features.images.labels[:20]] * 2)
    trial = Trial(
        **{"features": values, "labels": labels.astype(np.int64), "n_classes": 10, "copies": np.tile(np.arange(20), 2)},
        **{"params": {}, "learner_params": {}, "neighbors": usl.find_neighbors(values, 5)},
    )
    (line,) = trial.lines(Cell("random", 5, 0), ["1-nn"])
    assert line["n_tested"] == 30
    with pytest.raises(UslError, match=r"^random, m = 20, seed 0: every image is picked or a copy"):
        trial.lines(Cell("random", 20, 0), ["1-nn"])


def test_copies_are_found_in_features_and_files(features, tmp_path):
    images = features.images
    same = dataclasses.replace(features, images=dataclasses.replace(images, digests=("one",) * 100 + images.digests[100:]))
    frame = usl.evaluate(same, methods=["random"], budgets=[1], seeds=range(4), learners=["1-nn"], cache_dir=tmp_path)
    n = len(features)
    assert set(frame.n_tested) <= {n - 1, n - 100}
    assert {line.n_tested == n - 100 for line in frame.itertuples() if line.picks[0] < 100} <= {True}


def test_held_out_images_are_tested_in_place_of_the_others(features, tmp_path):
    rows = np.arange(0, len(features), 2)
    held = features.values[rows]
    labels = features.images.labels
    frame = usl.evaluate(
        *(features.values, labels, ["random"], [10], [0], ["1-nn"]),
        held_out=held,
        held_out_labels=labels[rows],
        cache_dir=tmp_path,
    )
    line = frame.iloc[0]
    known = np.full(len(features), -1)
    known[list(line.picks)] = labels[list(line.picks)]
    guess = usl.learn(features.values, known, "1-nn", targets=held).argmax(axis=1)
    assert line.n_tested == len(rows)
    assert line.accuracy == pytest.approx((guess == labels[rows]).mean())


def test_classes_of_held_out_images_are_matched_by_name(features, tmp_path):
    images = features.images
    names = images.class_names
    turned = dataclasses.replace(images, labels=(9 - images.labels).astype(np.int32), class_names=names[::-1])
    held = dataclasses.replace(features, fingerprint="turned", images=turned)
    asked = {"methods": ["random"], "budgets": [10], "seeds": [0], "learners": ["1-nn"], "cache_dir": tmp_path}
    same = usl.evaluate(features, **asked, held_out=features).accuracy.tolist()
    assert usl.evaluate(features, **asked, held_out=held).accuracy.tolist() == same
    other = dataclasses.replace(held, images=dataclasses.replace(turned, class_names=("ten", *names[1:])))
    with pytest.raises(UslError, match="class 'ten', which no image to select from has"):
        evaluation(features, held_out=other)


# ---------------------------------------------------------------- kept


def test_what_is_known_is_not_done_again(features, tmp_path, monkeypatch):
    small = {**ASKED, "budgets": (5,), "learners": ("1-nn",)}
    first = usl.evaluate(features, **small, cache_dir=tmp_path, n_workers=1)
    done: list[tuple[Cell, tuple[str, ...]]] = []
    real = Trial.lines

    def counted(self, cell, learners, on_progress=None):
        done.append((cell, tuple(learners)))
        return real(self, cell, learners, on_progress)

    monkeypatch.setattr(Trial, "lines", counted)
    whole = usl.evaluate(features, **ASKED, cache_dir=tmp_path, n_workers=1)
    assert {(cell.budget, learners) for cell, learners in done} == {(5, ("linear",)), (12, ("1-nn", "linear"))}
    assert len(done) == 8
    kept = whole[(whole.budget == 5) & (whole.learner == "1-nn")].reset_index(drop=True)
    assert kept.equals(first)
    done.clear()
    again = usl.evaluate(features, **ASKED, cache_dir=tmp_path, n_workers=1)
    assert not done
    assert again.equals(whole)
    assert evaluation(features, **small, cache_dir=tmp_path).known().equals(first)


@pytest.mark.parametrize(
    "change",
    [
        {"labels": np.arange(200) % 10},
        {"params": {"usl": usl.UslParams(n_neighbors=5), "random": None}},
        {"near_duplicates": 0.999},
        {"seeds": (1,)},
        {"learner_params": {"propagation": "other"}},
    ],
)
def test_other_questions_have_other_answers(features, tmp_path, change):
    asked = {"methods": ("usl",), "budgets": (5,), "seeds": (0,), "learners": ("1-nn",)}
    usl.evaluate(features, **asked, cache_dir=tmp_path)
    changed = {**asked, **change, "cache_dir": tmp_path}
    if "learner_params" in change:  # of a learner that is not asked: it makes no difference
        assert len(evaluation(features, **changed).known()) == 1
    else:
        assert len(evaluation(features, **changed).known()) == 0


def test_a_method_that_picks_otherwise_than_before_is_asked_again(features, tmp_path, monkeypatch):
    asked = {"methods": ["usl", "random"], "budgets": [5], "seeds": [0], "learners": ["1-nn"], "cache_dir": tmp_path}
    usl.evaluate(features, **asked)
    cards = [dataclasses.replace(card, algorithm=2) if card.name == "usl" else card for card in usl.method_cards()]
    monkeypatch.setattr(module, "method_cards", lambda: cards)
    assert evaluation(features, **asked).known().method.tolist() == ["random"]


def test_an_interrupted_evaluation_goes_on(features, tmp_path):
    seen: list[str] = []

    def stop(share: float, note: str) -> None:
        seen.append(note)
        if share > 0.5:
            raise Cancelled

    asked = evaluation(features, **ASKED, cache_dir=tmp_path)
    with pytest.raises(Cancelled):
        asked.run(stop, n_workers=1)
    n_known = len(asked.known())
    assert 4 <= n_known < 16
    shares: list[float] = []
    frame = asked.run(lambda share, note: shares.append(share), n_workers=1)
    assert len(frame) == 16
    assert shares[0] >= n_known / 16 - 1e-9 or shares[0] == 0  # the search of neighbours comes first
    assert shares == sorted(shares)


# ---------------------------------------------------------------- processes


def test_the_numbers_are_the_same_on_processes(features, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_ALONE_SECONDS", 0.0)
    asked = {**ASKED, "methods": ("random", "usl", "kmeans-center"), "learners": ("1-nn", "linear", "propagation")}
    here = usl.evaluate(features, **asked, cache_dir=tmp_path / "one", n_workers=1)
    told: list[float] = []
    beside = usl.evaluate(
        features, **asked, cache_dir=tmp_path / "two", n_workers=2, on_progress=lambda share, note: told.append(share)
    )
    assert beside.drop(columns="calibration_error").equals(here.drop(columns="calibration_error"))
    np.testing.assert_allclose(beside.calibration_error, here.calibration_error, atol=1e-6)
    assert told == sorted(told)


def test_where_there_can_be_no_processes_all_is_computed_here(features, tmp_path, monkeypatch, caplog):
    import loky

    def refused(**options: object) -> None:
        raise OSError("no semaphores")

    monkeypatch.setattr(workers, "_ALONE_SECONDS", 0.0)
    monkeypatch.setattr(loky, "ProcessPoolExecutor", refused)
    assert len(usl.evaluate(features, **ASKED, cache_dir=tmp_path, n_workers=2)) == 16
    assert caplog.messages == ["there can be no processes beside this one (no semaphores), so everything is computed here"]


def test_a_cell_that_fails_in_a_process_says_which(features, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_ALONE_SECONDS", 0.0)
    labels = np.zeros(len(features), dtype=int)
    asked = evaluation(features, labels, ["random"], [5], [0, 1], ["1-nn"], near_duplicates=2.0, cache_dir=tmp_path)
    with pytest.raises(UslError, match=r"^random, m = 5, seed [01]: near_duplicates .cosine. must be in"):
        asked.run(n_workers=2)


def test_cancelling_ends_the_processes_at_once(features, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_ALONE_SECONDS", 0.0)
    asked = evaluation(features, methods=["usl"], budgets=range(2, 60), seeds=range(5), learners=["linear"], cache_dir=tmp_path)
    pids: set[int] = set()

    def stop(share: float, note: str) -> None:
        pids.update(_children())
        if len(asked.known()) > 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        asked.run(stop, n_workers=2)
    assert pids
    deadline = time.monotonic() + 20
    while (left := pids & _children()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


def test_a_process_that_the_system_ends_is_said_and_nothing_is_lost(features, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_ALONE_SECONDS", 0.0)
    asked = evaluation(features, methods=["usl"], budgets=range(2, 60), seeds=range(5), learners=["linear"], cache_dir=tmp_path)

    def end_one(share: float, note: str) -> None:
        if len(asked.known()) > 3 and (there := _children()):
            os.kill(next(iter(there)), signal.SIGKILL)

    with pytest.raises(UslError, match=r"most likely because memory ran out.*fewer of them"):
        asked.run(end_one, n_workers=2)
    assert len(asked.known()) > 3


def _children() -> set[int]:
    """Processes that compute for this one; loky and multiprocessing keep others, which clean up once and wait."""
    tasks = Path("/proc/self/task").iterdir()
    children = {int(pid) for task in tasks for pid in (task / "children").read_text().split()}
    return {pid for pid in children if b"popen_loky" in _command_line(pid)}


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):  # it has ended
        return b""


_FROM_HERE = {**os.environ, "PYTHONPATH": str(Path(usl.__file__).parents[1])}
_ASKS = """
import usl_core as usl
from usl_core.evaluation import workers
workers._ALONE_SECONDS = 0.0
features = usl.load_demo("digits").features
frame = usl.evaluate(features, None, ["usl"], [10, 20, 40], range({seeds}), ["linear"], n_workers=2, cache_dir={cache!r})
print(len(frame), flush=True)
"""


def test_a_script_without_a_guard_may_ask(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(_ASKS.format(seeds=1, cache=str(tmp_path / "cache")))
    found = subprocess.run([sys.executable, script], env=_FROM_HERE, capture_output=True, text=True, check=True, timeout=240)
    assert found.stdout.split() == ["3"]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes as Linux shows them")
def test_who_is_killed_leaves_no_process_behind_and_loses_little(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(_ASKS.format(seeds=400, cache=str(tmp_path / "cache")))
    asking = subprocess.Popen([sys.executable, script], env=_FROM_HERE, stdout=subprocess.DEVNULL, start_new_session=True)
    features = usl.load_demo("digits").features
    asked = evaluation(features, None, ["usl"], [10, 20, 40], range(400), ["linear"], cache_dir=tmp_path / "cache")
    try:
        deadline = time.monotonic() + 200
        while len(asked.known()) < 4 and time.monotonic() < deadline:
            time.sleep(0.2)
        assert len(asked.known()) >= 4
    finally:
        asking.send_signal(signal.SIGKILL)
        asking.wait()
    deadline = time.monotonic() + 60
    while _of_session(asking.pid) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert _of_session(asking.pid) == []


def _of_session(session: int) -> list[int]:
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                if os.getsid(int(place.name)) == session and "Z" not in (place / "stat").read_text().rsplit(")", 1)[1][:3]:
                    found.append(int(place.name))
            except (ProcessLookupError, FileNotFoundError, PermissionError):
                continue
    return found


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"methods": ["best"]}, "methods must be among"),
        ({"methods": []}, "each once, but are none"),
        ({"methods": "usl"}, "methods must be a list"),
        ({"learners": ["svm"]}, "learners must be among 1-nn"),
        ({"budgets": [0]}, "budgets must be"),
        ({"budgets": [200]}, r"budgets must be in \[1, 199\] \(images, one of which is tested\) but is 200"),
        ({"budgets": [5, 5]}, "each once"),
        ({"seeds": [-1]}, "seeds"),
        ({"params": {"best": None}}, "params must be by"),
        ({"learner_params": {"svm": None}}, "learner_params must be by"),
        ({"labels": [0, -1] * 100}, "must say the class of every image"),
        ({"labels": [0, 1]}, "labels"),
        ({"held_out_labels": [0]}, "give both, or neither"),
        ({"held_out": np.eye(3)}, "held_out must be encoded as the others are"),
        ({"params": {"usl": KCenterParams()}}, "usl, m = 5, seed 0: params of method 'usl' must be a UslParams"),
        ({"n_workers": 0}, "n_workers"),
    ],
)
def test_mistakes_are_named(features, tmp_path, change, said):
    assert len(features) == 200
    asked = {"methods": ["usl"], "budgets": [5], "seeds": [0], "learners": ["1-nn"], "cache_dir": tmp_path, **change}
    with pytest.raises(UslError, match=said):
        usl.evaluate(features, **asked)


def test_without_classes_nothing_can_be_evaluated(features):
    plain = dataclasses.replace(features, images=dataclasses.replace(features.images, labels=None, class_names=()))
    with pytest.raises(UslError, match=r"tells no classes.*sort the images into class subfolders"):
        usl.evaluate(plain)
    with pytest.raises(UslError, match="labels are missing"):
        usl.evaluate(features.values)


def test_a_damaged_entry_is_computed_again(features, tmp_path):
    asked: Evaluation = evaluation(features, **ASKED, cache_dir=tmp_path)
    whole = asked.run(n_workers=1)
    metas = sorted((tmp_path / module.KIND).rglob("meta.json"))
    assert len(metas) == 2 * 2 * 2
    metas[0].write_text(metas[0].read_text()[:-20])
    assert len(asked.known()) == 14
    assert asked.run(n_workers=1).equals(whole)
