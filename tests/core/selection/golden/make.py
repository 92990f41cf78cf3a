"""`python -m tests.core.selection.golden.make` writes `published.npz`: small inputs and the released algorithm's picks.

The algorithm is written out densely from its description: squared distances, each point its own first neighbour, the penalty of
round t made of the rounds before it. On the development machine the tests also hold it against the outputs of the released code
itself, which are too large to be kept here; the layout of both files is the same.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("published.npz")
CASES = (  # m, k, lambda, alpha, m_reg, iterations, squared horizon or -1, seed of the clusters
    (20, 40, 0.5, 0.5, 0.9, 10, 4.0, 0),
    (40, 40, 0.5, 0.5, 0.9, 10, 4.0, 1),
    (40, 40, 1.0, 1.0, 0.9, 10, 1.0, 2),
    (10, 40, 1.5, 0.5, 0.0, 2, -1.0, 3),
)


def squared_distances(features: np.ndarray, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
    """(n, r) from each point to the given rows."""
    x, y = features.astype(np.float64), features[rows].astype(np.float64)
    return np.maximum((x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1) - 2 * x @ y.T, 0).astype(np.float32)


def mean_nearest(features: np.ndarray, k: int, rows_at_once: int = 1000) -> np.ndarray:
    """(n,) mean squared distance to the k nearest points, the point itself among them."""
    found = []
    for start in range(0, len(features), rows_at_once):
        sq_dist = squared_distances(features, slice(start, start + rows_at_once)).T
        found.append(np.partition(sq_dist, k - 1, axis=1)[:, :k].mean(axis=1))
    return np.concatenate(found)


def released_picks(features: np.ndarray, clusters: np.ndarray, mean_sqdist: np.ndarray, params: np.ndarray) -> np.ndarray:
    """(m,) picks in cluster order."""
    _, _, weight, power, momentum, iterations, horizon, _ = params.tolist()
    members = [np.flatnonzero(clusters == c) for c in range(int(clusters.max()) + 1)]
    utility = 1 / mean_sqdist
    penalty = np.zeros(len(features))
    for t in range(int(iterations)):
        score = utility - weight * penalty
        picks = np.array([rows[np.argmax(score[rows])] for rows in members])
        if t + 1 == int(iterations):
            break
        sq_dist = squared_distances(features, picks)
        counts = clusters[:, None] != clusters[picks]
        if horizon >= 0:
            counts &= sq_dist < horizon
        push = np.where(counts, 1 / np.maximum(sq_dist, 1e-12) ** power, 0).sum(axis=1)
        penalty = momentum * penalty + (1 - momentum) * push
    return picks


def main() -> None:
    """Cases from scikit-learn's digits: 500 images, 16 principal components."""
    from sklearn.cluster import KMeans
    from sklearn.datasets import load_digits
    from sklearn.decomposition import PCA

    pixels, labels = load_digits(return_X_y=True)
    chosen = np.random.default_rng(0).choice(len(pixels), 500, replace=False)
    reduced = PCA(16, svd_solver="full").fit_transform(pixels)[chosen]
    features = (reduced / np.linalg.norm(reduced, axis=1, keepdims=True)).astype(np.float32)
    arrays = {"features": features, "labels": labels[chosen].astype(np.int32)}
    for case, params in enumerate(CASES):
        m, k, *_, seed = params
        clusters = KMeans(m, init="random", n_init=1, random_state=seed).fit(features).labels_.astype(np.int64)
        mean_sqdist = mean_nearest(features, k)
        arrays |= {
            f"case{case}_params": np.array(params),
            f"case{case}_cluster": clusters,
            f"case{case}_mean_sqdist": mean_sqdist,
            f"case{case}_picks": released_picks(features, clusters, mean_sqdist, np.array(params)),
        }
    np.savez_compressed(FILE, **arrays)


if __name__ == "__main__":
    main()
