"""At most one of each group of near-duplicates, for every method there is or will be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import usl_core as usl
from usl_core.errors import UslError
from usl_core.explain.steps import steps_to_usl
from usl_core.explain.sweeps import sweep
from usl_core.graph.near_duplicates import find_near_duplicates
from usl_core.selection.registry import methods
from usl_core.selection.uslt import choice_of, selection_of
from usl_core.types import Features, ImageSet
from usl_core.uslt.records import TrainingRecord
from usl_core.validation import unit_rows

QUICK = {"usl-t": usl.UsltParams(n_epochs=3, n_views=0)}
METHODS = methods()
COSINE = 0.98


def _bursts(n_scenes: int = 40, n_frames: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Features of five frames of each of 40 scenes of 4 kinds, ten of them twice, in a random order; and their kinds."""
    rng = np.random.default_rng(7)
    kinds = rng.normal(size=(4, 24))
    scenes = kinds[np.arange(n_scenes) % 4] + 0.5 * rng.normal(size=(n_scenes, 24))
    frames = np.repeat(scenes, n_frames, axis=0) + 0.1 * rng.normal(size=(n_scenes * n_frames, 24))
    rows = rng.permutation(np.r_[np.arange(len(frames)), rng.integers(len(frames), size=10)])
    return unit_rows(frames)[rows], (rows // n_frames) % 4


X, KIND = _bursts()
FOUND = find_near_duplicates(X, COSINE)


def _features() -> Features:
    names = tuple(f"kind{kind}/{row}.png" for row, kind in enumerate(KIND))
    images = ImageSet(root=Path("nowhere"), paths=names, digests=names, labels=KIND.astype(np.int32), fingerprint="images")
    return Features(values=X, fingerprint="features", encoder="none", images=images)


def _select(method: str, budget: int, **given: Any) -> usl.Selection:
    return usl.select(X, budget, method, QUICK.get(method), labels=KIND, **given)


def test_the_bursts_are_groups():
    assert 30 <= len(FOUND) <= 60
    assert max(len(group) for group in FOUND.groups()) >= 5


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("with_graph", [True, False])
def test_no_two_picks_are_of_one_group(method, with_graph):
    graph = usl.find_neighbors(X, 30) if with_graph else None
    for budget in (1, 20, len(FOUND.open)):
        for seed in range(3):
            picked = _select(method, budget, seed=seed, neighbors=graph, near_duplicates=COSINE)
            assert len(set(picked.indices.tolist())) == budget
            assert FOUND.repeats(picked.indices) == 0
            assert set(picked.indices.tolist()) <= set(FOUND.open.tolist())
    held = f"{len(FOUND)} groups hold {FOUND.n_images} images; at most one of each is picked"
    assert f"near-duplicates, at cosine 0.98 or more: {held}" in picked.notes


def test_without_the_switch_they_cost_labels():
    """What the switch is for; otherwise the test above could not fail."""
    assert all(FOUND.repeats(_select(method, 60).indices) > 0 for method in METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_where_nothing_is_alike_the_picks_stay_the_same(method):
    """At cosine 1 only copies are, and of those one is picked anyway."""
    for given in ({}, {"labelled": [3, 8]}, {"vetoed": [0, 5]}, {"labelled": [3], "vetoed": [8]}):
        before, after = _select(method, 25, **given), _select(method, 25, **given, near_duplicates=1.0)
        assert after.indices.tolist() == before.indices.tolist()
        assert after.scores.tobytes() == before.scores.tobytes()
    distinct = X[np.unique(X, axis=0, return_index=True)[1]]
    for cosine in (0.9999, 1.0):
        before, after = (usl.select(distinct, 25, "usl", near_duplicates=which) for which in (None, cosine))
        assert after.indices.tolist() == before.indices.tolist()
        assert f"near-duplicates, at cosine {cosine:g} or more: none" in after.notes


@pytest.mark.parametrize("method", METHODS)
def test_nothing_alike_to_a_labelled_image_is_picked(method):
    labelled = [int(group[-1]) for group in FOUND.groups()[:6]]
    alike = (X @ X[labelled].T).max(axis=1) >= COSINE + 1e-5
    left = find_near_duplicates(X, COSINE, labelled=labelled).open
    for budget in (10, len(left)):
        picked = _select(method, budget, labelled=labelled, near_duplicates=COSINE).indices
        assert not alike[picked].any()


@pytest.mark.parametrize("method", METHODS)
def test_a_group_is_picked_from_where_its_first_choice_is_vetoed(method):
    group = FOUND.groups()[0].tolist()
    vetoed = [group[0], *(row for row in range(len(X)) if row not in group)]
    picked = _select(method, 1, vetoed=vetoed, near_duplicates=COSINE).indices.tolist()
    assert picked[0] in group[1:]


@pytest.mark.parametrize("method", METHODS)
def test_too_large_a_budget_says_how_many_groups_there_are(method):
    most = len(FOUND.open)
    with pytest.raises(UslError, match=rf"budget must be in \[1, {most}\] .*near-duplicates at cosine 0.98.*but is {most + 1}"):
        _select(method, most + 1, near_duplicates=COSINE)


@pytest.mark.parametrize("cosine", [0, 1.5, float("nan"), "0.9", True])
def test_what_is_no_cosine_is_refused(cosine):
    with pytest.raises(UslError, match=r"near_duplicates \(cosine\) must be"):
        _select("random", 3, near_duplicates=cosine)


def test_a_training_without_the_switch_gives_the_picks_of_one_with_it():
    """Heads are trained on all images, so that a finished training answers both."""
    features, params = _features(), QUICK["usl-t"]
    graph = usl.find_neighbors(features, params.n_neighbors)
    for labelled, vetoed in (([], []), ([3, 8], [5])):
        record = TrainingRecord(features, 20, params, labelled=labelled, vetoed=vetoed)
        training = record.train(graph)
        once = selection_of(training, choice_of(record, graph, COSINE), record.labelled)
        anew = usl.select(
            *(features, 20, "usl-t", params),
            **{"neighbors": graph, "labelled": labelled, "vetoed": vetoed, "near_duplicates": COSINE},
        )
        assert once.indices.tolist() == anew.indices.tolist()
        assert once.scores.tolist() == anew.scores.tolist()
        assert once.notes == anew.notes
        assert choice_of(record, graph, None) is None
    with pytest.raises(UslError, match="budget must be in"):
        choice_of(TrainingRecord(features, 200, params), graph, COSINE)


def test_comparisons_steps_and_sweeps_obey():
    features = _features()
    graph = usl.find_neighbors(features, 20)
    compared = usl.compare(features, 30, METHODS, seeds=(0, 1), params=QUICK, neighbors=graph, near_duplicates=COSINE)
    assert compared.near_duplicates == COSINE
    assert all(FOUND.repeats(run.indices) == 0 for runs in compared.selections.values() for run in runs)
    params = usl.UslParams()
    steps = steps_to_usl(X, 30, params, neighbors=graph, near_duplicates=COSINE)
    assert all(FOUND.repeats(step.picks) == 0 for step in steps)
    assert any(FOUND.repeats(step.picks) for step in steps_to_usl(X, 30, params, neighbors=graph))
    found = sweep(features, 30, "reg_weight", (2.0,), params=params, neighbors=graph, near_duplicates=COSINE)
    for cosine in (COSINE, None):
        plain, picked = (
            usl.select(features, 30, params=usl.UslParams(reg_weight=weight), neighbors=graph, near_duplicates=cosine)
            for weight in (0.0, 2.0)
        )
        changed = len(set(picked.indices.tolist()) - set(plain.indices.tolist()))
        card = usl.score_selection(features, picked, graph, labels=KIND, n_neighbors=params.n_neighbors)
        assert (repr(card) == repr(found[0].card)) == (cosine is not None)
        assert cosine is None or changed == found[0].changed
