"""Exact kNN, k-means, USL and uherding at n = 50,000, d = 128: time beside faiss, scikit-learn and plain greedy, live sliders,
peak memory."""

from __future__ import annotations

import statistics
from dataclasses import replace
from functools import partial

import numpy as np

import usl_core as usl
from usl_core.read_only import read_only

from .harness import Row, in_child, medians, seconds

N, DIM, K, BUDGET = 50_000, 128, 400, 40
NEIGHBORS = {20: None, 100: 0.55, 400: 0.65}
"""k, and what we promise of faiss's time."""
CLUSTERS = {40: 0.6, 400: 0.4}
"""m, and what we promise of scikit-learn's time."""

_MEMORY = """
import json, sys
from benchmarks.harness import peak_memory_mb
from benchmarks.selection import made_up_features, usl_once, rival_once, uherding_once
x = made_up_features()
{"ours": usl_once, "rival": rival_once, "uherding": uherding_once}[sys.argv[1]](x)
print(json.dumps({"mb": peak_memory_mb()}))
"""


def made_up_features(n: int = N) -> np.ndarray:
    """(n, 128) float32 unit rows around 60 centres of unequal weight, with overlap."""
    rng = np.random.default_rng(0)
    weight = rng.dirichlet(np.ones(60))
    centres = rng.normal(size=(60, DIM)).astype(np.float32)
    x = centres[rng.choice(60, size=n, p=weight)] + 1.5 * rng.normal(size=(n, DIM)).astype(np.float32)
    return np.ascontiguousarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def usl_once(x: np.ndarray) -> usl.Selection:
    """The whole of USL: search, k-means, ten rounds of picks."""
    return usl.select(x, BUDGET, params=usl.UslParams(n_neighbors=K), neighbors=usl.find_neighbors(x, K))


def rival_once(x: np.ndarray) -> None:
    """Only the two steps that nobody can avoid, by the libraries that are known for them."""
    import faiss
    from sklearn.cluster import KMeans

    faiss.knn(x, x, K + 1)
    KMeans(BUDGET, random_state=0).fit(x)


def uherding_once(x: np.ndarray) -> usl.Selection:
    """A second round, 40 images labelled before."""
    labelled = np.sort(np.random.default_rng(0).choice(len(x), BUDGET, replace=False))
    labels = np.full(len(x), -1)
    labels[labelled] = np.arange(BUDGET) % 10
    return usl.select(x, BUDGET, "uherding", labels=labels, labelled=labelled)


def plain_coverage(kernel: np.ndarray, best: np.ndarray, u: np.ndarray) -> list[int]:
    """Greedy as its formula says: every gain computed anew for every pick, from a kernel matrix that is at hand."""
    picks: list[int] = []
    for _ in range(BUDGET):
        gains = np.maximum(kernel - best, 0) @ u
        gains[picks] = -1
        picks.append(int(gains.argmax()))
        best = np.maximum(best, kernel[picks[-1]])
    return picks


def rows(repeats: int = 3) -> list[Row]:
    """All rows of this group."""
    x = made_up_features()
    result = [*_neighbor_rows(x, repeats), *_cluster_rows(x, repeats)]
    total, rival = medians([lambda: usl_once(x), lambda: rival_once(x)], repeats)
    rival_name = "faiss exact kNN + scikit-learn k-means"
    what = "USL, 50,000 × 128, k 400, m 40"
    result.append(Row(what=what, ours=total, rival=rival, rival_name=rival_name, bound=0.65))
    result += _slider_rows(x, total)
    result += _coverage_rows(x, repeats)
    ours, theirs = (in_child(_MEMORY, which)["mb"] for which in ("ours", "rival"))
    result.append(
        Row(
            what="peak memory of that run",
            ours=ours,
            rival=1536,
            rival_name="the 1.5 GB we promise",
            unit="MB",
            bound=1,
        )
    )
    result.append(Row(what="peak memory of that run", ours=ours, rival=theirs, rival_name=rival_name, unit="MB"))
    return result


def _neighbor_rows(x: np.ndarray, repeats: int) -> list[Row]:
    """Exact search alone."""
    import faiss

    result = []
    for k, bound in NEIGHBORS.items():
        ours, rival = medians([partial(usl.find_neighbors, x, k), partial(faiss.knn, x, x, k + 1)], repeats)
        result.append(Row(what=f"exact kNN, 50,000 × 128, k {k}", ours=ours, rival=rival, rival_name="faiss", bound=bound))
    return result


def _cluster_rows(x: np.ndarray, repeats: int) -> list[Row]:
    """k-means alone, and how good what it ends with is."""
    from sklearn.cluster import KMeans

    result = []
    for m, bound in CLUSTERS.items():
        ours, rival = medians([partial(usl.kmeans, x, m), partial(KMeans(m, random_state=0).fit, x)], repeats)
        what = f"k-means, 50,000 × 128, m {m}"
        result.append(Row(what=what, ours=ours, rival=rival, rival_name="scikit-learn", bound=bound))
        inertia = [
            [usl.kmeans(x, m, seed=seed).inertia for seed in range(repeats)],
            [float(KMeans(m, random_state=seed).fit(x).inertia_) for seed in range(repeats)],
        ]
        ours, rival = (statistics.median(of) for of in inertia)
        result.append(Row(what=f"its inertia, m {m}", ours=ours, rival=rival, rival_name="scikit-learn", unit="", bound=1.01))
    return result


def _slider_rows(x: np.ndarray, total: float) -> list[Row]:
    """What a moved slider costs when graph and clusters are at hand, and all of it read-only, as in the app."""
    x = read_only(x.copy())
    graph = read_only(usl.find_neighbors(x, K))
    clusters = read_only(usl.kmeans(x, BUDGET).labels)
    base = usl.UslParams(n_neighbors=K)
    moves = {
        "then lambda moves": ([replace(base, reg_weight=w) for w in (0.1, 0.3, 0.7, 1.0, 1.5, 2.0, 3.0)], 0.006),
        "then alpha moves": ([replace(base, reg_power=a) for a in (0.5, 0.75, 1.25, 1.5, 2.0, 2.5, 3.0)], 0.006),
        "then k moves": ([replace(base, n_neighbors=k) for k in (10, 20, 50, 100, 200, 300, 399)], 0.03),
    }
    result = []
    for what, (settings, bound) in moves.items():
        times = [
            seconds(partial(usl.select, x, BUDGET, params=params, neighbors=graph, cluster_labels=clusters))
            for params in settings
        ]
        ours = statistics.median(times)
        result.append(Row(what=what, ours=ours, rival=total, rival_name="that run", bound=bound))
    return result


def _coverage_rows(x: np.ndarray, repeats: int) -> list[Row]:
    """Greedy coverage, whole and beside plain greedy where its n x n matrix can still be held."""
    few, seconds_ = x[:5_000], seconds(lambda: uherding_once(x))
    nothing, alike = np.zeros(len(few), dtype=np.float32), np.ones(len(few), dtype=np.float32)

    def ours() -> list[int]:
        return usl.select(few, BUDGET, "uherding").indices.tolist()

    def plain() -> list[int]:
        return plain_coverage(np.exp(2 * (few @ few.T) - 2), nothing, alike)

    assert ours() == plain()
    mine, rival = medians([ours, plain], repeats)
    memory = in_child(_MEMORY, "uherding")["mb"]
    return [
        Row(
            what="uherding, 50,000 × 128, m 40, 40 labelled",
            ours=seconds_,
            rival=10,
            rival_name="the 10 s we promise",
            bound=1,
        ),
        Row(what="peak memory of that run", ours=memory, rival=2048, rival_name="the 2 GB we promise", unit="MB", bound=1),
        Row(what="uherding, 5,000 × 128, m 40, none labelled", ours=mine, rival=rival, rival_name="plain greedy"),
    ]
