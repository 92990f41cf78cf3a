"""k-means with bounds, moving sums and threads is Lloyd's algorithm written out."""

from __future__ import annotations

import concurrent.futures as futures
import math

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from usl_core import kmeans
from usl_core.clustering import assignment
from usl_core.clustering import kmeans as clustering
from usl_core.clustering.assignment import Assignment, Centroids
from usl_core.clustering.seeding import spread_points
from usl_core.clustering.sums import ClusterSums, means
from usl_core.threads import numpy_threads, one_by_one
from usl_core.validation import unit_rows

TIE = 1e-13  # of squared distances in float64


def nearest(x: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    sq_dist = ((x[:, None].astype(np.float64) - centroids[None]) ** 2).sum(axis=2)
    return (sq_dist <= sq_dist.min(axis=1, keepdims=True) + TIE).argmax(axis=1)


def mean_of(rows: np.ndarray) -> list[np.float32]:
    return [np.float32(math.fsum(column) / len(rows)) for column in rows.T.tolist()]


def lloyd(x: np.ndarray, start: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Labels, centroids and steps done; empty clusters get the farthest row of another, the lowest of those that are as far."""
    centroids, before = x[start], None
    for done in range(1, steps + 1):
        if before is not None:
            centroids = np.array([mean_of(x[before == c]) for c in range(len(start))], dtype=np.float32)
        labels = nearest(x, centroids)
        sq_dist = ((x - centroids[labels]) ** 2).sum(axis=1, dtype=np.float32)
        for empty in np.setdiff1d(np.arange(len(start)), labels):
            company = np.flatnonzero(np.bincount(labels, minlength=len(start))[labels] > 1)
            row = company[np.argmax(sq_dist[company])]
            labels[row], sq_dist[row], centroids[empty] = empty, -1, x[row]
        if before is not None and np.array_equal(labels, before):
            return labels, centroids, done
        before = labels
    return labels, centroids, steps


def largest_first(labels: np.ndarray) -> np.ndarray:
    ids = sorted(set(labels.tolist()), key=lambda c: (-(labels == c).sum(), np.flatnonzero(labels == c)[0]))
    return np.array([ids.index(c) for c in labels.tolist()])


def random_case(rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Blobs, noise, lattices full of ties, rows that occur many times, rows that nearly do, one dimension, k = 1 and k = n."""
    n, d = int(rng.integers(1, 90)), int(rng.integers(1, 7))
    kind = rng.integers(5)
    if kind == 0:
        x = rng.normal(size=(5, d))[rng.integers(5, size=n)] + 0.3 * rng.normal(size=(n, d))
    elif kind == 1:
        x = rng.integers(-1, 2, size=(n, d)).astype(float)
    elif kind == 2:
        x = rng.normal(size=(max(n // 4, 1), d))[rng.integers(max(n // 4, 1), size=n)]
    elif kind == 3:
        x = np.ones(d) + 1e-4 * rng.normal(size=(n, d))
    else:
        x = rng.normal(size=(n, d))
    x[np.abs(x).sum(axis=1) == 0] = 1
    return unit_rows(x), int(rng.choice([1, n, rng.integers(1, n + 1), rng.integers(1, min(n, 8) + 1)]))


@pytest.mark.parametrize("block", [assignment.BLOCK_ROWS, 16])
def test_labels_centroids_and_steps_are_those_of_lloyd(block, monkeypatch):
    monkeypatch.setattr(assignment, "BLOCK_ROWS", block)
    monkeypatch.setattr(assignment, "_FETCHED", 1000 if block > 16 else 1)
    for case in range(150):
        x, k = random_case(np.random.default_rng(case))
        start = spread_points(x, k, np.random.default_rng(case), one_by_one)
        labels, centroids, steps = lloyd(x, start, 100)
        found = kmeans(x, k, seed=case)
        assert found.n_iterations == steps, case
        np.testing.assert_array_equal(found.labels, largest_first(labels), err_msg=str(case))
        firsts = [np.flatnonzero(found.labels == c)[0] for c in range(k)]
        np.testing.assert_array_equal(found.centroids, centroids[labels[firsts]], err_msg=str(case))


def _crowd(n: int = 9500, d: int = 6) -> np.ndarray:
    """More than two blocks, in overlapping blobs, so that bounds meet for some and not for others."""
    rng = np.random.default_rng(1)
    return unit_rows(rng.normal(size=(25, d))[rng.integers(25, size=n)] + 0.4 * rng.normal(size=(n, d)))


@pytest.mark.parametrize(("k", "fetched"), [(8, 1000), (70, 1)])
def test_bounds_spare_work_and_change_no_label(k, fetched, monkeypatch):
    monkeypatch.setattr(assignment, "_FETCHED", fetched)
    x, searched = _crowd(), 0
    search = Assignment._search

    def counting(self, rows, centroids):
        nonlocal searched
        searched += len(rows)
        search(self, rows, centroids)

    monkeypatch.setattr(Assignment, "_search", counting)
    centroids = x[spread_points(x, k, np.random.default_rng(0), one_by_one)]
    found, movers = Assignment(x), []
    moved = Assignment._moved
    monkeypatch.setattr(Assignment, "_moved", lambda *of: movers.append(moved(*of)) or movers[-1])
    for step in range(30):
        found.step(centroids)
        np.testing.assert_array_equal(found.labels, nearest(x, centroids), err_msg=str(step))
        centroids = means(x, found.labels, k)
    assert searched < 20 * len(x)
    assert fetched > 1 or any(len(move.movers) for move in movers)


@pytest.mark.parametrize("count", [2, 5])
@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_any_number_of_threads_gives_the_same_bits(count, init, monkeypatch):
    x, made = _crowd(20_000), []
    pool = futures.ThreadPoolExecutor

    def noted(n_threads, *rest):
        made.append(n_threads)
        return pool(n_threads, *rest)

    with threadpool_limits(1, user_api="blas"):
        alone = kmeans(x, 30, init=init, n_iterations=12)
    monkeypatch.setattr(futures, "ThreadPoolExecutor", noted)
    with threadpool_limits(count, user_api="blas"):
        together = kmeans(x, 30, init=init, n_iterations=12)
    assert made == [count]
    np.testing.assert_array_equal(together.labels, alone.labels)
    np.testing.assert_array_equal(together.centroids, alone.centroids)
    assert together.inertia == alone.inertia


def test_sums_that_followed_rows_are_those_made_anew():
    x, rng = _crowd(), np.random.default_rng(0)
    before = np.full(len(x), -1)
    sums = ClusterSums(x, 12)
    for share in (1.0, 0.7, 0.3, 0.01, 0.0, 0.001):
        labels = np.where(rng.random(len(x)) < share, rng.integers(12, size=len(x)), np.maximum(before, 0))
        assert sums.follow(before, labels) == (labels != before).sum()
        np.testing.assert_array_equal(sums.means(), means(x, labels, 12))
        exact = [x[labels == c].astype(np.float64).mean(axis=0) for c in range(12)]
        np.testing.assert_allclose(sums.means(), exact, rtol=1e-7, atol=1e-9)
        before = labels


def test_centroids_too_near_for_float32_are_told_apart_and_equal_ones_go_to_the_lowest():
    rng = np.random.default_rng(0)
    x = unit_rows(np.ones(128) + 1e-4 * rng.normal(size=(300, 128)))
    centroids = np.concatenate([x[:20], x[:20], x[:5]])
    assert (Centroids(x).scores(x).argmin(axis=1) != np.arange(300)).any(), "products alone get it wrong"
    found = Assignment(x)
    found.step(centroids)
    np.testing.assert_array_equal(found.labels, nearest(x, centroids))


def test_an_error_in_a_thread_is_raised_and_the_others_end():
    def step(piece: int) -> int:
        if piece == 3:
            raise ValueError("piece 3")
        return piece

    with threadpool_limits(2, user_api="blas"), numpy_threads(8) as run:
        assert run(step, range(3)) == [0, 1, 2]
        with pytest.raises(ValueError, match="piece 3"):
            run(step, range(8))
        assert run(step, [5]) == [5]


def test_progress_that_raises_leaves_no_thread_behind():
    def stop(fraction: float, note: str) -> None:
        raise InterruptedError

    with threadpool_limits(2, user_api="blas"), pytest.raises(InterruptedError):
        clustering.kmeans(_crowd(), 5, on_progress=stop)
    with threadpool_limits(2, user_api="blas"):
        assert clustering.kmeans(_crowd(), 5).converged
