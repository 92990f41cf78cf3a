"""How far a map may be trusted."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..distances import blocks, sq_distances, squared_lengths
from ..errors import UslError
from ..validation import finite_matrix, unit_rows, whole_number

TRUST_SAMPLE = 1000


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
