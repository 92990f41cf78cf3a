"""Two-dimensional maps of the feature space: PCA at once, UMAP from the shared kNN graph."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np

from .distances import blocks, sq_distances, squared_lengths
from .errors import UslError
from .neighbors import find_neighbors
from .types import FloatArray, Neighbors
from .umap_compiled import keep_compiled
from .validation import finite_matrix, same_images, unit_rows, whole_number

UMAP_NEIGHBORS = 15
UMAP_MIN_DIST = 0.1
TRUST_SAMPLE = 1000
_PROJECTED_ENTRIES = 1 << 23  # 32 MB of float32: 65,536 images of 128 dimensions in one product

MapMethod = Literal["pca", "umap"]


def project(values: Any, neighbors: Neighbors | None = None, method: MapMethod = "umap", seed: int = 0) -> FloatArray:
    """Coordinates to draw the images at. A map distorts: nothing in this library computes distances on it.

    Args:
        values: (n, d) features; rows are normalised to length 1.
        neighbors: a kNN graph of the same rows with k_max >= 15, so that UMAP does not search again.
        method: "pca" (first two principal components), or "umap" (15 neighbours, min_dist 0.1, started from PCA).
        seed: UMAP's; PCA has no randomness, its signs are fixed by the largest loading.

    Returns:
        (n, 2) float32, finite. Fewer than 5 images are always drawn with PCA.

    Raises:
        UslError: invalid features, an unknown method, or a graph of other images.

    Reference:
        McInnes, Healy, Melville: UMAP, arXiv 1802.03426.

    >>> usl.project(usl.load_demo("digits").features, method="pca").shape
    (1797, 2)
    """
    x = unit_rows(values)
    whole_number(seed, "seed", 0, 2**32 - 1)
    if method not in ("pca", "umap"):
        raise UslError(f"method of a map must be 'pca' or 'umap' but is {method!r}")
    if neighbors is not None:
        same_images(neighbors, len(x))
    flat = _pca(x)
    if method == "pca" or len(x) < 5:
        return flat
    k = min(UMAP_NEIGHBORS, len(x) - 1)
    if neighbors is None or neighbors.k_max < k:
        neighbors = find_neighbors(x, k)
    return _umap(x, neighbors, k, flat, seed)


def _pca(x: FloatArray) -> FloatArray:
    mean = x.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((x.shape[1], x.shape[1]))
    for rows in blocks(len(x), x.shape[1]):
        centred = x[rows] - mean.astype(np.float32)
        covariance += centred.T @ centred
    _, vectors = np.linalg.eigh(covariance)
    axes = vectors[:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    flat = np.zeros((len(x), 2), dtype=np.float32)
    step = max(1, _PROJECTED_ENTRIES // x.shape[1])
    for start in range(0, len(x), step):
        rows = slice(start, start + step)
        flat[rows, : axes.shape[1]] = (x[rows] - mean.astype(np.float32)) @ axes.astype(np.float32)
    return flat


def _umap(x: FloatArray, graph: Neighbors, k: int, start: FloatArray, seed: int) -> FloatArray:
    import umap

    keep_compiled()
    # umap-learn counts every point as its own first neighbour.
    indices = np.column_stack([np.arange(len(x), dtype=np.int32), graph.indices[:, : k - 1]])
    distances = np.column_stack([np.zeros(len(x), dtype=np.float32), graph.distances[:, : k - 1]])
    spread = np.abs(start).max()
    # UMAP expects a start within +-10; without spread (all images alike) it needs some noise to move at all.
    init = start * (10 / spread) if spread > 0 else np.zeros_like(start)
    init = init + np.random.default_rng(seed).normal(scale=1e-4, size=init.shape).astype(np.float32)
    reducer = umap.UMAP(
        n_neighbors=k,
        min_dist=UMAP_MIN_DIST,
        init=init.astype(np.float32),
        random_state=seed,
        n_jobs=1,
        precomputed_knn=(indices, distances, None),
        force_approximation_algorithm=True,
    )
    with warnings.catch_warnings():
        # It warns that new points could not be added to a map made from a precomputed graph; we never add any.
        warnings.filterwarnings("ignore", message=".*knn_search_index.*")
        warnings.filterwarnings("ignore", message=".*transform.*")
        xy = reducer.fit_transform(x)
    xy = np.ascontiguousarray(xy, dtype=np.float32)
    if not np.isfinite(xy).all():
        raise RuntimeError("UMAP returned coordinates that are not finite")
    return xy


def trustworthiness(values: Any, xy: Any, n_neighbors: int = 15, seed: int = 0) -> float:
    """How far neighbours on the map are neighbours in feature space: 1 is perfect, about 0.5 is chance.

    1 - 2 / (q k (2n - 3k - 1)) * sum over sampled images and their k map neighbours of max(0, rank - k), where rank is the
    map neighbour's place among all images by distance in feature space.

    Args:
        values: (n, d) features.
        xy: (n, 2) coordinates.
        n_neighbors: k; reduced to less than n / 2, where the formula ends.
        seed: of the sample of TRUST_SAMPLE images that stand for all when n is larger.

    Returns:
        Trustworthiness in [0, 1]; 1.0 for fewer than 3 images, which no map can misplace.

    Raises:
        UslError: invalid arrays, or of different lengths.

    Reference:
        Venna, Kaski: Neighborhood preservation in nonlinear projection methods, ICANN 2001.

    >>> features = usl.load_demo("digits").features
    >>> usl.trustworthiness(features, usl.project(features, method="pca")) > 0.7
    True
    """
    x, flat = unit_rows(values), finite_matrix(xy, "map coordinates")
    n = len(x)
    if len(flat) != n:
        raise UslError(f"map coordinates must have one row per image ({n}) but have {len(flat)}")
    k = min(whole_number(n_neighbors, "n_neighbors", 1), (n - 1) // 2)
    whole_number(seed, "seed", 0)
    if k == 0:
        return 1.0
    sample = np.arange(n) if n <= TRUST_SAMPLE else np.random.default_rng(seed).choice(n, TRUST_SAMPLE, replace=False)
    intrusion, sq_lengths = 0, squared_lengths(x)
    for part in blocks(len(sample), n):
        rows = sample[part]
        here = np.arange(len(rows))
        on_map = ((flat[rows, None] - flat[None]) ** 2).sum(axis=2)
        on_map[here, rows] = np.inf
        near_on_map = np.argpartition(on_map, k - 1, axis=1)[:, :k]
        in_space = sq_distances(x[rows], x, sq_lengths)
        in_space[here, rows] = -1
        of_neighbors = np.take_along_axis(in_space, near_on_map, axis=1)
        # Equal distances share the lowest rank, so exact duplicates never count as intruders.
        ranks = np.stack([(in_space < of_neighbors[:, [j]]).sum(axis=1) for j in range(k)], axis=1)
        intrusion += int(np.maximum(ranks - k, 0).sum())
    return float(1 - 2 * intrusion / (len(sample) * k * (2 * n - 3 * k - 1)))
