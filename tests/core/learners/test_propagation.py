"""Label propagation: against a dense solution and scikit-learn, and what it does where no label reaches."""

from __future__ import annotations

import numpy as np
import pytest

import usl_core as usl
from usl_core.learners.propagation import PropagationParams, spreading
from usl_core.validation import unit_rows


def cloud(n: int = 60, d: int = 4, n_labelled: int = 7, n_classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Positive features, so that all cosines are, and labels of a few."""
    rng = np.random.default_rng(seed)
    labels = np.full(n, -1)
    labels[rng.choice(n, n_labelled, replace=False)] = np.arange(n_labelled) % n_classes
    return unit_rows(rng.random((n, d)) + 0.05), labels


def dense_weights(x: np.ndarray, k: int, power: float) -> np.ndarray:
    """W by the formula, from all pairs."""
    cosine = x.astype(np.float64) @ x.T.astype(np.float64)
    np.fill_diagonal(cosine, -np.inf)
    one_way = np.zeros_like(cosine)
    for row, near in enumerate(np.argsort(-cosine, axis=1)[:, :k]):
        one_way[row, near] = np.maximum(cosine[row, near], 0) ** power
    return one_way + one_way.T


@pytest.mark.parametrize(("k", "alpha", "power", "balance"), [(5, 0.9, 8.0, 0.5), (8, 0.99, 1.0, 1.0), (3, 0.0, 0.0, 0.0)])
def test_it_is_the_dense_solution(k, alpha, power, balance):
    x, labels = cloud()
    weights = dense_weights(x, k, power)
    root = np.sqrt(weights.sum(axis=1))
    y = (labels[:, None] == np.arange(3)).astype(float)
    z = np.linalg.solve(np.eye(60) - alpha * weights / root[:, None] / root, y) / y.sum(axis=0) ** balance
    params = PropagationParams(n_neighbors=k, neighbor_weight=alpha, similarity_power=power, balance=balance)
    p = usl.learn(x, labels, "propagation", params=params)
    open_rows = (labels < 0) & (z.sum(axis=1) > 1e-6)
    assert open_rows.any() or alpha == 0
    np.testing.assert_allclose(p[open_rows], (z / np.maximum(z.sum(axis=1), 1e-300)[:, None])[open_rows], atol=1e-5)
    assert (p[labels >= 0] == y[labels >= 0]).all()


def test_it_is_scikit_learns_where_the_graph_is_the_same():
    from sklearn.semi_supervised import LabelSpreading

    x, labels = cloud()
    theirs = LabelSpreading(kernel=lambda a, b: dense_weights(a, 6, 3.0), alpha=0.8, max_iter=5000, tol=1e-12).fit(x, labels)
    params = PropagationParams(n_neighbors=6, neighbor_weight=0.8, similarity_power=3.0, balance=0.0)
    ours = usl.learn(x, labels, "propagation", params=params)
    np.testing.assert_allclose(ours[labels < 0], theirs.label_distributions_[labels < 0], atol=1e-5)


def test_labels_follow_a_ring_that_nearest_neighbours_leave():
    """Two arcs, one label at an end of each: the other end of an arc is nearer to the label of the other one."""
    angle = np.linspace(0, np.pi, 30)
    arcs = np.concatenate([np.c_[np.cos(angle), np.sin(angle)], np.c_[1 - np.cos(angle), 0.5 - np.sin(angle)]])
    x = unit_rows(np.c_[0.1 * arcs, np.ones(60)])
    y = np.repeat([0, 1], 30)
    labels = np.full(60, -1)
    labels[[0, 30]] = [0, 1]
    by_graph = usl.learn(x, labels, "propagation", params=PropagationParams(n_neighbors=4))
    by_distance = usl.learn(x, labels, "1-nn")
    assert (by_graph.argmax(axis=1) == y).all()
    assert (by_distance.argmax(axis=1) == y).mean() < 0.8


def test_what_no_label_reaches_has_the_class_of_the_nearest_label():
    """Three directions at right angles, 10 images each; the third has no label and lies nearer to the second."""
    centres = np.array([[1, 0, 0.0], [0, 1, 0.0], [0, 0.3, 1.0]])
    x = unit_rows(np.repeat(centres, 10, axis=0) + 0.01 * np.random.default_rng(0).normal(size=(30, 3)))
    labels = np.full(30, -1)
    labels[[2, 15]] = [0, 3]
    p = usl.learn(x, labels, "propagation", n_classes=5, params=PropagationParams(n_neighbors=3))
    assert p.argmax(axis=1).tolist() == [0] * 10 + [3] * 20
    assert (p[20:, 3] == 1).all()
    assert np.isfinite(p).all()


def test_opposite_images_are_no_neighbours():
    x = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    p = usl.learn(x, [0, 1, -1, -1], "propagation")
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1)


def test_a_graph_that_is_given_is_used_and_one_that_is_too_small_is_not():
    x, labels = cloud()
    searched = usl.learn(x, labels, "propagation")
    for k in (40, 10, 3):
        assert usl.learn(x, labels, "propagation", neighbors=usl.find_neighbors(x, k)).tobytes() == searched.tobytes()


def test_targets_are_the_mean_of_their_neighbours():
    x, labels = cloud()
    targets = unit_rows(np.random.default_rng(5).random((9, 4)))
    params = PropagationParams(n_neighbors=4, similarity_power=2.0)
    inside = usl.learn(x, labels, "propagation", params=params)
    cosine = targets.astype(float) @ x.T
    for row, p in enumerate(usl.learn(x, labels, "propagation", params=params, targets=targets)):
        near = np.argsort(-cosine[row])[:4]
        expected = np.average(inside[near], axis=0, weights=cosine[row, near] ** 2)
        np.testing.assert_allclose(p, expected, atol=1e-5)


def test_targets_far_from_everything_have_what_is_nearest():
    p = usl.learn(np.eye(3)[:2], [0, 1], "propagation", targets=[[0, 0, 1.0], [-1, -0.1, 0]])
    assert p.sum(axis=1).tolist() == [1, 1]
    assert p.max(axis=1).tolist() == [1, 1]


def test_the_operator_is_symmetric_with_a_largest_eigenvalue_of_1():
    x, _ = cloud()
    operator = spreading(usl.find_neighbors(x, 6), 6, 8.0).toarray()
    np.testing.assert_allclose(operator, operator.T)
    assert np.linalg.eigvalsh(operator).max() == pytest.approx(1)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"n_neighbors": 0}, "n_neighbors"),
        ({"neighbor_weight": 1.0}, "at most 0.9999"),
        ({"neighbor_weight": -0.1}, "neighbor_weight"),
        ({"similarity_power": float("nan")}, "similarity_power"),
        ({"balance": 1.5}, "balance must be"),
    ],
)
def test_mistakes_are_told(changed, said):
    with pytest.raises(usl.UslError, match=said):
        PropagationParams(**changed)
