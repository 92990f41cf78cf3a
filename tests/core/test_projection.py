"""Maps: PCA against scikit-learn's, UMAP finite for any input, trustworthiness against the formula."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness as sklearn_trustworthiness

from usl_core import find_neighbors, project, projection, trustworthiness
from usl_core.errors import UslError
from usl_core.types import Neighbors
from usl_core.validation import unit_rows


def _points(n: int = 60, d: int = 8, seed: int = 0) -> np.ndarray:
    return unit_rows(np.random.default_rng(seed).normal(size=(n, d)) * np.arange(1, d + 1))


# ---------------------------------------------------------------- PCA


@pytest.mark.parametrize(("n", "d"), [(60, 8), (5, 40), (300, 2), (2, 3)])
def test_pca_equals_sklearn_up_to_sign(n, d):
    x = _points(n, d)
    ours = project(x, method="pca")
    theirs = PCA(2).fit_transform(x.astype(np.float64))
    assert ours.dtype == np.float32
    for axis in range(2):
        error = min(np.abs(ours[:, axis] - sign * theirs[:, axis]).max() for sign in (1, -1))
        assert error < 1e-4


@pytest.mark.parametrize("values", [np.ones((1, 1)), np.ones((9, 1)), np.ones((1, 5)), np.ones((7, 3)), [[1], [-1], [1]]])
def test_pca_of_degenerate_input_is_finite(values):
    xy = project(values, method="pca")
    assert xy.shape == (len(values), 2)
    assert np.isfinite(xy).all()


def test_pca_signs_are_fixed():
    x = _points()
    first, again = project(x, method="pca"), project(x[::-1], method="pca", seed=5)
    np.testing.assert_allclose(again[::-1], first, atol=1e-5)


def test_pca_is_centred_and_its_first_axis_is_the_longer():
    xy = project(_points(), method="pca")
    np.testing.assert_allclose(xy.mean(axis=0), 0, atol=1e-5)
    assert xy[:, 0].std() >= xy[:, 1].std()


def test_pca_runs_over_blocks(monkeypatch):
    x = _points(300, 20)
    whole = project(x, method="pca")
    blocks = projection.blocks
    monkeypatch.setattr(projection, "blocks", lambda n, width: blocks(n, width, 1))
    np.testing.assert_allclose(project(x, method="pca"), whole, atol=1e-5)


# ---------------------------------------------------------------- UMAP (the first call on a machine compiles for some seconds)


@pytest.mark.parametrize(
    "values",
    [
        _points(5),
        _points(6, 2),
        _points(16),
        np.ones((20, 3)),
        np.repeat(_points(3), 10, axis=0),
        [[1.0]] * 10 + [[-1.0]] * 10,
        np.eye(30),
    ],
    ids=["five", "six", "sixteen", "all the same", "copies", "one dimension", "simplex"],
)
def test_umap_is_finite_for_any_input(values):
    xy = project(values)
    assert xy.shape == (len(values), 2)
    assert xy.dtype == np.float32
    assert np.isfinite(xy).all()


def test_umap_keeps_groups_together_and_the_seed_decides():
    groups = np.repeat(np.arange(3), 30)
    x = unit_rows(np.eye(10)[groups] + 0.1 * np.random.default_rng(0).normal(size=(90, 10)))
    xy = project(x, seed=1)
    np.testing.assert_array_equal(project(x, seed=1), xy)
    assert not np.array_equal(project(x, seed=2), xy)
    nearest = find_nearest_on_map(xy)
    assert (groups[nearest] == groups).mean() > 0.95
    assert trustworthiness(x, xy) > 0.8


def find_nearest_on_map(xy: np.ndarray) -> np.ndarray:
    dist = ((xy[:, None] - xy[None]) ** 2).sum(axis=2)
    np.fill_diagonal(dist, np.inf)
    return dist.argmin(axis=1)


def test_a_given_graph_is_used_and_the_result_the_same(monkeypatch):
    x = _points(40)
    alone = project(x)
    graph = find_neighbors(x, 25)
    monkeypatch.setattr(projection, "find_neighbors", None)
    np.testing.assert_array_equal(project(x, graph), alone)


def test_a_graph_with_too_few_neighbors_is_searched_again():
    x = _points(40)
    np.testing.assert_array_equal(project(x, find_neighbors(x, 3)), project(x))


def test_umap_leaves_the_global_randomness_alone():
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    project(_points(20))
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_few_images_are_drawn_with_pca(n):
    np.testing.assert_array_equal(project(_points(n)), project(_points(n), method="pca"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": np.zeros((3, 3))}, "row 0 of the features is all zeros"),
        ({"values": [1, 2]}, r"features must have shape \(n, d\)"),
        ({"method": "tsne"}, "method of a map must be 'pca' or 'umap' but is 'tsne'"),
        ({"method": None}, "method of a map must be 'pca' or 'umap' but is None"),
        ({"seed": -1}, "seed must be in .* but is -1"),
        ({"seed": 2**32}, "seed must be in .* but is 4294967296"),
        ({"seed": 0.5}, "seed must be a whole number but is 0.5"),
        ({"neighbors": find_neighbors(_points(9), 3)}, "neighbors must belong to the same 60 images but holds 9"),
        ({"neighbors": _points()}, "neighbors must be what find_neighbors returns but is a ndarray"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(UslError, match=message):
        project(**{"values": _points(), **arguments})


# ---------------------------------------------------------------- trustworthiness


@pytest.mark.parametrize("k", [1, 5, 15, 29])
@pytest.mark.parametrize("n", [60, 150])
def test_trustworthiness_equals_sklearn(n, k):
    x = _points(n)
    for xy in (project(x, method="pca"), np.random.default_rng(1).normal(size=(n, 2)), x[:, -2:]):
        expected = sklearn_trustworthiness(x.astype(np.float64), xy, n_neighbors=k)
        assert trustworthiness(x, xy, k) == pytest.approx(expected, abs=1e-6)


def test_trustworthiness_of_a_sample_is_near_that_of_all(monkeypatch):
    x = _points(400)
    xy = project(x, method="pca")
    whole = trustworthiness(x, xy)
    monkeypatch.setattr(projection, "TRUST_SAMPLE", 200)
    parts = [trustworthiness(x, xy, seed=seed) for seed in range(5)]
    assert len(set(parts)) == 5
    assert np.mean(parts) == pytest.approx(whole, abs=0.01)
    assert trustworthiness(x, xy, seed=3) == parts[3]


def test_trustworthiness_by_hand():
    """Three images on a circle: the map swaps the nearest with the farthest, once each."""
    angles = np.radians([0, 10, 30])
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert trustworthiness(x, [[0, 0], [1, 0], [3, 0]], 1) == 1
    # On the map 0-2 and 2-0 are nearest, in space 0-1 and 2-1: images 0 and 2 have an intruder of rank 2, image 1 has one too.
    assert trustworthiness(x, [[0, 0], [3, 0], [1, 0]], 1) == pytest.approx(1 - 2 / (3 * 1 * 2) * (1 + 1 + 1))


def test_copies_are_no_intruders():
    x = np.repeat(_points(10), 5, axis=0)
    xy = np.repeat(np.arange(10.0), 5)[:, None] * [1, 1] + 1e-3 * np.random.default_rng(0).normal(size=(50, 2))
    assert trustworthiness(x, xy, 4) == 1


def test_an_exact_map_is_trusted_and_noise_is_not():
    angles = np.linspace(0, 1.5, 80)
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert trustworthiness(x, x, 10) == 1
    noise = np.random.default_rng(0).normal(size=(80, 2))
    assert 0.3 < trustworthiness(x, noise, 10) < 0.7


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_images_to_misplace(n):
    assert trustworthiness(_points(n), np.zeros((n, 2))) == 1


@pytest.mark.parametrize("n", [3, 4, 5, 10, 31])
def test_trustworthiness_stays_in_range_for_any_k(n):
    rng = np.random.default_rng(n)
    for _ in range(5):
        assert 0 <= trustworthiness(_points(n, seed=n), rng.normal(size=(n, 2)), 10**6) <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"xy": np.zeros((59, 2))}, r"map coordinates must have one row per image \(60\) but have 59"),
        ({"xy": np.full((60, 2), np.nan)}, "map coordinates must be finite"),
        ({"xy": np.zeros(60)}, r"map coordinates must have shape \(n, d\)"),
        ({"n_neighbors": 0}, "n_neighbors must be at least 1 but is 0"),
        ({"n_neighbors": 1.5}, "n_neighbors must be a whole number but is 1.5"),
        ({"seed": -1}, "seed must be at least 0 but is -1"),
        ({"values": np.zeros((60, 2))}, "features is all zeros"),
    ],
)
def test_bad_arguments_of_trustworthiness(arguments, message):
    with pytest.raises(UslError, match=message):
        trustworthiness(**{"values": _points(), "xy": np.zeros((60, 2)), **arguments})


def test_graphs_are_not_changed():
    graph = find_neighbors(_points(30), 15)
    copy = Neighbors(indices=graph.indices.copy(), distances=graph.distances.copy())
    project(_points(30), graph)
    np.testing.assert_array_equal(graph.indices, copy.indices)
    np.testing.assert_array_equal(graph.distances, copy.distances)
