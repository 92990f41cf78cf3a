"""The layout: umap-learn's own, step by step, told while it goes on; and what the automatic min_dist takes."""

import warnings
from typing import Any

import numpy as np
import pytest

from usl_core import find_neighbors
from usl_core.errors import Cancelled
from usl_core.projection import umap
from usl_core.projection.layout import N_EPOCHS, _start, fuzzy_graph, lay_out
from usl_core.types import Neighbors


def groups_of_points() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.eye(6)[np.repeat([0, 1], 20)] + 0.2 * rng.normal(size=(40, 6))


@pytest.mark.parametrize("min_dist", [0.0, 0.1, 0.8, 1.0])
def test_it_is_what_umap_learn_does_in_one_step(min_dist):
    from umap import UMAP

    near = find_neighbors(groups_of_points(), 8)
    start = np.random.default_rng(1).normal(size=(40, 2)).astype(np.float32)
    indices = np.column_stack([np.arange(40, dtype=np.int32), near.indices])
    distances = np.column_stack([np.zeros(40, dtype=np.float32), near.distances])
    whole = UMAP(
        n_neighbors=9,
        min_dist=min_dist,
        init=_start(start, 3),
        random_state=3,
        n_jobs=1,
        precomputed_knn=(indices, distances, None),
        force_approximation_algorithm=True,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = whole.fit_transform(groups_of_points())
    np.testing.assert_array_equal(lay_out(fuzzy_graph(near), start, min_dist, seed=3), theirs)


@pytest.fixture(scope="module")
def two_groups() -> Any:
    return fuzzy_graph(find_neighbors(groups_of_points(), 8))


def test_weights_are_symmetric_and_of_neighbors_alone(two_groups):
    dense = two_groups.toarray()
    near = find_neighbors(groups_of_points(), 8)
    mutual = np.zeros((40, 40), dtype=bool)
    np.put_along_axis(mutual, near.indices, True, axis=1)
    np.testing.assert_array_equal(dense, dense.T)
    np.testing.assert_array_equal(dense > 0, mutual | mutual.T)
    assert dense.max() <= 1
    np.testing.assert_allclose(dense[np.arange(40), near.indices[:, 0]], 1, rtol=1e-6)  # the nearest one


def test_two_images_are_enough_for_a_graph():
    pair = Neighbors(indices=np.array([[1], [0]], dtype=np.int32), distances=np.ones((2, 1), dtype=np.float32))
    np.testing.assert_array_equal(fuzzy_graph(pair).toarray(), [[0, 1], [1, 0]])


def test_the_seed_decides_and_the_same_one_repeats(two_groups):
    start = np.random.default_rng(1).normal(size=(40, 2)).astype(np.float32)
    kept = start.copy()
    first = lay_out(two_groups, start, 0.1, seed=3)
    np.testing.assert_array_equal(lay_out(two_groups, start, 0.1, seed=3), first)
    np.testing.assert_array_equal(start, kept)
    assert not np.array_equal(lay_out(two_groups, start, 0.1, seed=4), first)


def test_more_room_puts_neighbors_farther_apart(two_groups):
    start = np.random.default_rng(1).normal(size=(40, 2)).astype(np.float32)
    nearest = []
    for min_dist in (0.0, 0.25, 0.8):
        xy = lay_out(two_groups, start, min_dist)
        dist = np.sqrt(((xy[:, None] - xy[None]) ** 2).sum(axis=2)) + np.diag(np.full(40, np.inf))
        nearest.append(np.median(dist.min(axis=1)))
    assert nearest == sorted(nearest)
    assert nearest[2] > 2 * nearest[0]


def test_a_start_without_extent_is_spread_by_noise(two_groups):
    assert len(np.unique(lay_out(two_groups, np.zeros((40, 2), dtype=np.float32), 0.1), axis=0)) == 40


def test_progress_counts_the_epochs(two_groups):
    seen: list[tuple[float, str]] = []
    lay_out(two_groups, np.ones((40, 2), dtype=np.float32), 0.1, on_progress=lambda *said: seen.append(said))
    assert seen[0] == (0.0, f"epoch 0 of {N_EPOCHS}")
    assert seen[-1][0] == 1
    assert [fraction for fraction, _ in seen] == sorted(fraction for fraction, _ in seen)
    assert len(seen) >= 50


def test_who_watches_can_stop_it(two_groups):
    calls = 0

    def watch(fraction: float, note: str) -> None:
        nonlocal calls
        calls += 1
        if fraction > 0.3:
            raise Cancelled("enough")

    with pytest.raises(Cancelled, match="enough"):
        lay_out(two_groups, np.ones((40, 2), dtype=np.float32), 0.1, on_progress=watch)
    assert calls < 30, "nothing is told after that"


def test_the_graph_is_used_again(two_groups):
    before = two_groups.toarray()
    lay_out(two_groups, np.ones((40, 2), dtype=np.float32), 0.1)
    np.testing.assert_array_equal(two_groups.toarray(), before)


def test_nothing_is_written_to_the_terminal(two_groups, capfd):
    lay_out(two_groups, np.ones((40, 2), dtype=np.float32), 0.1)
    assert capfd.readouterr() == ("", "")


# ---------------------------------------------------------------- the automatic min_dist


@pytest.mark.parametrize(
    ("trusted", "taken"),
    [
        ((0.98, 0.98, 0.98, 0.98), 0.8),
        ((0.98, 0.979, 0.971, 0.969), 0.5),
        ((0.98, 0.96, 0.975, 0.5), 0.5),
        ((0.98, 0.96, 0.96, 0.96), 0.1),
        ((0.90, 0.97, 0.955, 0.96), 0.8),
        ((0.90, 0.99, 0.9795, 0.9), 0.25),
    ],
)
def test_the_largest_that_costs_at_most_a_hundredth_is_taken(trusted, taken, monkeypatch, two_groups):
    tried: list[float] = []

    def laid_out(graph, start, min_dist, **rest):
        tried.append(min_dist)
        return np.full((40, 2), min_dist)

    monkeypatch.setattr(umap, "lay_out", laid_out)
    xy, min_dist = umap.automatic(two_groups, np.zeros((40, 2)), lambda xy: trusted[umap.CHOICES.index(xy[0, 0])])
    assert (min_dist, xy[0, 0], tried) == (taken, taken, [0.1, 0.25, 0.5, 0.8])


def test_of_many_images_the_smallest_is_taken_unseen(monkeypatch, two_groups):
    monkeypatch.setattr(umap, "CHOOSE_UP_TO", 39)
    xy, min_dist = umap.automatic(two_groups, np.ones((40, 2), dtype=np.float32), lambda xy: pytest.fail("looked at"))
    assert min_dist == 0.1
    np.testing.assert_array_equal(xy, lay_out(two_groups, np.ones((40, 2), dtype=np.float32), 0.1))
