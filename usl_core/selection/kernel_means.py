"""How near each image is to all others on average, by a Gaussian kernel: one pass over all pairs, none of which is kept."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..arithmetic import torch_threads
from ..distances import blocks, sq_distances, squared_lengths
from ..read_only import tensor_of
from ..threads import numpy_threads
from ..types import FloatArray, Progress

if TYPE_CHECKING:
    from torch import Tensor

MOST_ALL = 50_000
"""Images up to which all count; beyond, a sample of as many stands for them."""
_FEW = 3_000  # for which importing torch costs more than it saves
_TILE = 2_048
_BY_ONE = 4  # tiles of rows between two reports


def gaussian_means(
    values: FloatArray, scale: float, *, seed: int = 0, on_progress: Progress | None = None
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """mu_i = mean over j, i included, of exp(-(d_ij / s)^2).

    Args:
        values: (n, d) unit rows.
        scale: s.
        seed: of the sample.
        on_progress: see `types.Progress`.

    Returns:
        (n,) float64, to about 1e-6 of the mean, and notes for the user.
    """
    n = len(values)
    if n <= _FEW:
        return _by_blocks(values, values, scale), ()
    if n <= MOST_ALL:
        return _by_tiles(values, scale, on_progress), ()
    some = values[np.sort(np.random.default_rng(seed).choice(n, MOST_ALL, replace=False))]
    note = f"how near the {n:,} images are to each other was taken over a sample of {MOST_ALL:,}"
    return _across(values, some, scale, on_progress), (note,)


def _by_blocks(values: FloatArray, others: FloatArray, scale: float) -> NDArray[np.float64]:
    means = np.empty(len(values))
    lengths = squared_lengths(others)
    for part in blocks(len(values), len(others)):
        means[part] = np.exp(-sq_distances(values[part], others, lengths) / np.float32(scale**2)).mean(axis=1, dtype=np.float64)
    return means


def _by_tiles(values: FloatArray, scale: float, on_progress: Progress | None) -> NDArray[np.float64]:
    """Each pair of tiles once, since k(i, j) = k(j, i). torch multiplies about twice as fast as NumPy's BLAS."""
    import torch

    x = tensor_of(np.ascontiguousarray(values))
    sums = torch.zeros(len(x), dtype=torch.float64)
    tiles = list(pairwise([*range(0, len(x), _TILE), len(x)]))
    whole, done = sum(len(x) - start for start, _ in tiles), 0

    def row_of_tiles(first: int) -> tuple[Tensor, Tensor]:
        """Sums of the rows of a tile, and what they add to those of all behind them."""
        start, end = tiles[first]
        points = x[start:end] * (2 / scale**2)
        own, behind = torch.zeros(end - start, dtype=torch.float64), torch.zeros(len(x) - end, dtype=torch.float64)
        for low, high in tiles[first:]:
            k = (points @ x[low:high].T).sub_(2 / scale**2).exp_()
            own += k.sum(1)
            if low != start:
                behind[low - end : high - end] = k.sum(0)
        return own, behind

    with torch_threads(1), numpy_threads(len(tiles)) as run:
        for numbers in (range(at, min(at + _BY_ONE, len(tiles))) for at in range(0, len(tiles), _BY_ONE)):
            for first, (own, behind) in zip(numbers, run(row_of_tiles, numbers), strict=True):
                start, end = tiles[first]
                sums[start:end] += own
                sums[end:] += behind
                done += len(x) - start
            if on_progress:
                on_progress(done / whole, f"{tiles[numbers[-1]][1]:,} of {len(x):,} images weighed")
    return np.asarray(sums.numpy() / len(x))


def _across(values: FloatArray, others: FloatArray, scale: float, on_progress: Progress | None) -> NDArray[np.float64]:
    import torch

    x, y = (tensor_of(np.ascontiguousarray(one)) for one in (values, others))
    means, step = np.empty(len(x)), _TILE * _BY_ONE

    def rows_from(start: int) -> None:
        points = x[start : start + _TILE] * (2 / scale**2)
        total = torch.zeros(len(points), dtype=torch.float64)
        for low in range(0, len(y), _TILE):
            total += (points @ y[low : low + _TILE].T).sub_(2 / scale**2).exp_().sum(1)
        means[start : start + _TILE] = (total / len(y)).numpy()

    with torch_threads(1), numpy_threads(-(-len(x) // _TILE)) as run:
        for first in range(0, len(x), step):
            end = min(first + step, len(x))
            run(rows_from, range(first, end, _TILE))
            if on_progress:
                on_progress(end / len(x), f"{end:,} of {len(x):,} images weighed")
    return means
