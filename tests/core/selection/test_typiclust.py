"""TypiClust against the formula written out, and where clusters, images or neighbours run out."""

from __future__ import annotations

import numpy as np
import pytest

import usl_core as usl
from usl_core.errors import UslError
from usl_core.selection.typiclust import TypiclustParams


def unit(n: int, d: int, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def written_out(x, labels, budget, *, n_neighbors=20, small=5, labelled=(), barred=()):
    """Loops in float64, as the authors' description has it."""
    x = x.astype(np.float64)
    left = {int(c): [i for i in np.flatnonzero(labels == c) if i not in labelled] for c in np.unique(labels)}
    size = {c: int((labels == c).sum()) for c in left}
    known = {c: sum(int(labels[i]) == c for i in labelled) for c in left}
    order = sorted(left, key=lambda c: (known[c], -size[c], c))
    small = min(small, len(x) // (2 * len(left)))
    picks: list[int] = []
    for queue in ([c for c in order if size[c] > small], [c for c in order if size[c] <= small]):
        while queue and len(picks) < budget:
            for cluster in list(queue):
                able = [i for i in left[cluster] if i not in barred]
                if not able:
                    queue.remove(cluster)
                    continue
                k = min(n_neighbors, len(left[cluster]) // 2)
                best, found = None, np.inf
                for i in able:
                    others = sorted(np.linalg.norm(x[i] - x[j]) for j in left[cluster] if j != i)
                    distance = np.mean(others[:k]) if k else 0.0
                    if distance < found - 1e-6:
                        best, found = i, distance
                assert best is not None
                picks.append(int(best))
                left[cluster].remove(best)
                if len(picks) == budget:
                    break
    return picks


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("n", "budget", "n_clusters"), [(40, 5, 5), (60, 25, 7), (30, 30, 4), (50, 12, 12)])
def test_it_is_the_formula(seed, n, budget, n_clusters):
    x = unit(n, 6, seed)
    labels = usl.kmeans(x, n_clusters, seed=seed).labels
    found = usl.select(x, budget, "typiclust", cluster_labels=labels)
    assert found.indices.tolist() == written_out(x, labels, budget)
    assert (found.clusters == labels[found.indices]).all()


@pytest.mark.parametrize("seed", range(4))
def test_labelled_and_vetoed_images(seed):
    rng = np.random.default_rng(seed)
    x = unit(60, 5, seed)
    labels = usl.kmeans(x, 9, seed=seed).labels
    rows = rng.permutation(60)
    labelled, vetoed = sorted(rows[:8].tolist()), sorted(rows[8:14].tolist())
    found = usl.select(x, 20, "typiclust", cluster_labels=labels, labelled=labelled, vetoed=vetoed)
    assert found.indices.tolist() == written_out(x, labels, 20, labelled=labelled, barred=vetoed)


def test_a_cluster_without_a_label_comes_before_one_that_has_some():
    x = np.repeat(np.eye(3, dtype=np.float32), [20, 12, 8], axis=0) + 0.05 * unit(40, 3)
    labels = np.repeat([0, 1, 2], [20, 12, 8])
    found = usl.select(x, 2, "typiclust", cluster_labels=labels, labelled=[0, 1])
    assert found.clusters.tolist() == [1, 2]


def test_small_clusters_come_last():
    x = unit(40, 4)
    labels = np.repeat([0, 1, 2, 3], [5, 20, 10, 5])
    found = usl.select(x, 32, "typiclust", cluster_labels=labels)
    assert found.clusters[:30].tolist() == [1, 2] * 10 + [1] * 10
    assert found.clusters[30:].tolist() == [0, 3]


def test_where_all_clusters_are_small_only_those_below_half_the_mean_come_last():
    labels = np.repeat(np.arange(9), [6, 5, 5, 5, 4, 4, 4, 3, 1])  # 37 images, 4.1 a cluster
    found = usl.select(unit(37, 4), 9, "typiclust", cluster_labels=labels)
    assert found.clusters.tolist() == [*range(8), 0]
    assert usl.select(unit(37, 4), 9, "typiclust", TypiclustParams(small_cluster=0), cluster_labels=labels).clusters[-1] == 8


def test_there_are_as_many_clusters_as_labels_but_no_more_than_the_most():
    x = unit(90, 5)
    found = usl.select(x, 10, "typiclust", labelled=[3, 4])
    assert found.cluster_labels is not None
    assert len(np.unique(found.cluster_labels)) == 12
    found = usl.select(x, 80, "typiclust", TypiclustParams(most_clusters=7))
    assert found.cluster_labels is not None
    assert len(np.unique(found.cluster_labels)) == 7
    assert len(set(found.indices.tolist())) == 80


def test_large_clusters_are_searched_and_small_ones_measured_alike(monkeypatch):
    from usl_core.selection import typiclust

    x = unit(300, 8)
    labels = np.repeat([0, 1], [200, 100])
    usual = usl.select(x, 12, "typiclust", cluster_labels=labels)
    monkeypatch.setattr(typiclust, "_AT_ONCE", 10)
    searched = usl.select(x, 12, "typiclust", cluster_labels=labels)
    assert searched.indices.tolist() == usual.indices.tolist()
    np.testing.assert_allclose(searched.scores, usual.scores, rtol=1e-5)


@pytest.mark.parametrize("budget", [1, 2, 3])
def test_hardly_any_images(budget):
    x = unit(3, 2)
    assert len(set(usl.select(x, budget, "typiclust").indices.tolist())) == budget
    same = np.ones((3, 2), dtype=np.float32)
    assert sorted(usl.select(same, budget, "typiclust").indices.tolist()) == list(range(budget))
    assert usl.select(x[:1], 1, "typiclust").indices.tolist() == [0]


@pytest.mark.parametrize("change", [{"n_neighbors": 0}, {"most_clusters": 0}, {"small_cluster": -1}])
def test_settings_out_of_range(change):
    with pytest.raises(UslError, match=next(iter(change))):
        TypiclustParams(**change)
