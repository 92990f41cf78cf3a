"""2-D point sets to explain selection with."""

import numpy as np
import pytest

import usl_core as usl
from usl_core.demos.toys import lifted, load_toy, toy_steps, toys

EVERY_TOY = pytest.mark.parametrize("name", toys())


def _distances(points):
    return np.linalg.norm(points[:, None] - points, axis=2)


@pytest.mark.parametrize("name", toys())
def test_toys_are_small_labelled_and_repeatable(name):
    points, labels = load_toy(name, seed=4)
    assert points.dtype == np.float32
    assert labels.dtype == np.int32
    assert points.shape == (len(labels), 2)
    assert 200 < len(labels) < 1000
    assert np.abs(points).max() < 1.5
    np.testing.assert_array_equal(np.unique(labels), np.arange(labels.max() + 1))
    np.testing.assert_array_equal(points, load_toy(name, seed=4)[0])
    assert (points != load_toy(name, seed=5)[0]).mean() > 0.99
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (labels[distances.argmin(axis=1)] == labels).mean() > 0.95


def test_toys_look_like_their_names():
    assert toys() == ["blobs", "long-tail", "moons", "rings"]
    assert len(np.unique(load_toy("blobs")[1])) == 8
    sizes = np.bincount(load_toy("long-tail")[1])
    assert sizes[0] > 0.7 * sizes.sum()
    assert (np.diff(sizes) < 0).all()
    assert load_toy("moons")[1].max() == 1
    points, labels = load_toy("rings")
    radii = np.linalg.norm(points, axis=1)
    np.testing.assert_allclose([radii[labels == ring].mean() for ring in range(3)], [0.15, 0.55, 1.0], atol=0.02)


def test_bad_toys_are_refused():
    with pytest.raises(usl.UslError, match=r"no toy named 'spirals'; the toys are 'blobs', 'long-tail', 'moons', 'rings'"):
        load_toy("spirals")
    for seed in (-1, 0.5, True, "0"):
        with pytest.raises(usl.UslError, match="seed must be"):
            load_toy("blobs", seed=seed)


@EVERY_TOY
def test_lifting_makes_unit_rows_and_keeps_distances(name):
    points, _ = load_toy(name)
    rows = lifted(points)
    assert rows.shape == (len(points), 3)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    flat, high = _distances(points.astype(float)), _distances(rows.astype(float))
    far = flat > 0.02  # nearer, float32 rounds
    ratios = 4 * high[far] / flat[far]
    assert ratios.min() >= 0.9
    assert ratios.max() <= 1.0001


@EVERY_TOY
def test_each_step_serves_what_it_promises(name):
    points, groups = load_toy(name)
    densest, spread, regularised = toy_steps(points, 10)
    rows = lifted(points)
    graph = usl.find_neighbors(rows, 20)
    utility = usl.utility(graph, 20)
    assert sorted(utility[densest.picks]) == sorted(np.sort(utility)[-10:])
    assert densest.clusters is None
    # One per cluster, each the densest of its cluster.
    assert sorted(spread.clusters[spread.picks]) == list(range(10))
    for pick in spread.picks:
        mine = spread.clusters == spread.clusters[pick]
        assert utility[pick] == utility[mine].max()
    expected = usl.select(rows, 10, "usl", usl.UslParams(reg_weight=1.0, relative_weight=True), neighbors=graph)
    np.testing.assert_array_equal(regularised.picks, expected.indices)
    served = [len(np.unique(groups[step.picks])) for step in (densest, spread, regularised)]
    assert served[0] < served[1] <= served[2]
    assert len({step.title for step in (densest, spread, regularised)}) == 3


def test_the_weight_of_the_last_step_counts():
    points, _ = load_toy("blobs")
    plain, pushed = (toy_steps(points, 20, weight=weight) for weight in (0.0, 3.0))
    np.testing.assert_array_equal(plain[2].picks, plain[1].picks)
    assert (pushed[2].picks != plain[2].picks).any()
    np.testing.assert_array_equal(pushed[1].picks, plain[1].picks)


@pytest.mark.parametrize("budget", [0, -1, 1000, 2.5])
def test_an_impossible_budget_is_refused(budget):
    with pytest.raises(usl.UslError, match="budget"):
        toy_steps(load_toy("blobs")[0], budget)
