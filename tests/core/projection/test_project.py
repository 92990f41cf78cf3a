"""Maps: PCA against scikit-learn's, UMAP finite for any input, copies on one spot."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from usl_core import find_neighbors, project, trustworthiness
from usl_core.errors import Cancelled, UslError
from usl_core.projection import distinct
from usl_core.projection import project as projection
from usl_core.projection.params import UmapParams
from usl_core.projection.project import draw
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
    monkeypatch.setattr(distinct, "find_neighbors", None)
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
        ({"n_neighbors": 1}, "n_neighbors of a map must be at least 2 but is 1"),
        ({"n_neighbors": 2.5}, "n_neighbors of a map must be a whole number but is 2.5"),
        ({"n_neighbors": None}, "n_neighbors of a map must be a whole number but is None"),
        ({"min_dist": -0.1}, r"min_dist must be in \[0, 1\] but is -0.1"),
        ({"min_dist": 1.01}, r"min_dist must be in \[0, 1\] but is 1.01"),
        ({"min_dist": float("nan")}, "min_dist must be a finite number but is nan"),
        ({"min_dist": True}, "min_dist must be a finite number but is True"),
        ({"min_dist": "wide"}, "min_dist must be a number in .* or None for the automatic choice, but is 'wide'"),
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


def test_graphs_are_not_changed():
    graph = find_neighbors(_points(30), 15)
    copy = Neighbors(indices=graph.indices.copy(), distances=graph.distances.copy())
    project(_points(30), graph)
    np.testing.assert_array_equal(graph.indices, copy.indices)
    np.testing.assert_array_equal(graph.distances, copy.distances)


# ---------------------------------------------------------------- settings


def test_each_setting_of_umap_changes_the_map_and_comes_back_with_it():
    x = _points(50)
    plain = draw(x, params=UmapParams(min_dist=0.1))
    assert plain.umap == UmapParams(min_dist=0.1)
    for other in (UmapParams(min_dist=0.8), UmapParams(n_neighbors=5, min_dist=0.1), UmapParams(seed=1, min_dist=0.1)):
        drawn = draw(x, params=other)
        assert drawn.umap == other
        assert not np.array_equal(drawn.xy, plain.xy)
        again = project(x, seed=other.seed, n_neighbors=other.n_neighbors, min_dist=other.min_dist)
        np.testing.assert_array_equal(again, drawn.xy)


def test_auto_is_none_and_one_of_the_choices():
    x = _points(50)
    drawn = draw(x)
    np.testing.assert_array_equal(project(x, min_dist="auto"), drawn.xy)
    np.testing.assert_array_equal(project(x, min_dist=drawn.umap.min_dist), drawn.xy)


def test_neighbors_that_there_are_not_are_not_claimed():
    assert draw(_points(7), params=UmapParams(n_neighbors=200)).umap.n_neighbors == 7
    assert draw(_points(7), method="pca").umap is None
    assert draw(np.repeat(_points(4), 5, axis=0)).umap is None


def test_the_work_can_be_watched_and_stopped():
    seen: list[float] = []

    def watch(fraction: float, note: str) -> None:
        assert "min_dist" in note
        seen.append(fraction)
        if fraction > 0.4:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        project(_points(30), on_progress=watch)
    assert seen == sorted(seen)
    assert 0 <= seen[0] < 0.1
    assert len(seen) > 50


# ---------------------------------------------------------------- copies


@pytest.mark.parametrize("method", ["umap", "pca"])
@pytest.mark.parametrize("k_max", [None, 3, 30, 79])
def test_copies_lie_on_one_spot_and_others_do_not(method, k_max):
    rng = np.random.default_rng(0)
    rows = rng.permutation(np.concatenate([np.arange(30), np.zeros(40, dtype=int), rng.integers(30, size=10)]))
    x = _points(30)[rows]
    xy = project(x, None if k_max is None else find_neighbors(x, k_max), method, min_dist=0.25)
    spots = np.unique(np.column_stack([rows, xy]), axis=0)
    assert len(spots) == 30, "one spot for each image"
    assert len(np.unique(xy, axis=0)) == 30


def test_a_thousand_copies_of_one_image_change_nothing_about_who_is_near_whom():
    groups = np.repeat(np.arange(3), 30)
    x = unit_rows(np.eye(10)[groups] + 0.1 * np.random.default_rng(0).normal(size=(90, 10)))
    xy = project(np.concatenate([x, np.repeat(x[:1], 1000, axis=0)]))
    assert (groups[find_nearest_on_map(xy[:90])] == groups).mean() > 0.95


def test_pca_puts_copies_on_one_spot_wherever_they_stand_in_a_product():
    x = _points(7, 130)[np.random.default_rng(1).integers(7, size=5000)]
    assert len(np.unique(project(x, method="pca"), axis=0)) == 7
