"""2-D point sets to explain selection with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..errors import UslError
from ..explain.steps import Step, steps_to_usl
from ..graph.neighbors import find_neighbors
from ..selection.usl_params import UslParams
from ..types import FloatArray
from ..validation import whole_number

Toy = tuple[FloatArray, NDArray[np.int32]]


def toys() -> list[str]:
    """The names of the 2-D point sets for `load_toy`.

    >>> "moons" in usl.toys()
    True
    """
    return list(_TOYS)


def load_toy(name: str, seed: int = 0) -> Toy:
    """A 2-D point set to explain selection with.

    The points are coordinates, not unit rows; `lifted` makes features of them.

    Args:
        name: one of `toys()`.
        seed: whole number >= 0 of the random draw.

    Returns:
        points (n, 2) float32 roughly within [-1.2, 1.2], and labels (n,) int32, the group that each was drawn from.

    Raises:
        UslError: no such toy, or an invalid seed.

    >>> points, groups = usl.load_toy("moons")
    >>> points.shape, set(groups.tolist())
    ((300, 2), {0, 1})
    """
    if name not in _TOYS:
        raise UslError(f"there is no toy named {name!r}; the toys are {', '.join(map(repr, toys()))}")
    groups = _TOYS[name](np.random.default_rng(whole_number(seed, "seed", 0)))
    labels = np.repeat(np.arange(len(groups), dtype=np.int32), [len(group) for group in groups])
    return np.concatenate(groups).astype(np.float32), labels


_HEIGHT = 4.0


def lifted(points: FloatArray) -> FloatArray:
    """(n, 3) unit rows for (n, 2) points: the plane laid on a sphere so large that distances hardly change.

    Without it unit length would collapse the plane onto a circle. Distances shrink by the height, 4; within 1.2 of the origin
    their ratios stay within some 10 %.
    """
    high = np.column_stack([points, np.full(len(points), _HEIGHT)])
    return (high / np.linalg.norm(high, axis=1, keepdims=True)).astype(np.float32)


def toy_steps(points: FloatArray, budget: int, weight: float = 1.0, n_neighbors: int = 20, seed: int = 0) -> list[Step]:
    """What each part of USL is for, on points in the plane; see `steps`.

    Args:
        points: (n, 2).
        budget: m.
        weight: lambda of the last step, relative to the spreads of the two terms.
        n_neighbors: k.
        seed: of k-means.

    Raises:
        UslError: as `select`.
    """
    x = lifted(points)
    params = UslParams(n_neighbors=n_neighbors, reg_weight=weight, relative_weight=True)
    return steps_to_usl(x, budget, params, neighbors=find_neighbors(x, n_neighbors), seed=seed)


def _gaussians(rng: np.random.Generator, recipe: list[tuple[float, float, float, int]]) -> list[np.ndarray]:
    """Round blobs from (x, y, standard deviation, size)."""
    return [rng.normal((x, y), spread, (size, 2)) for x, y, spread, size in recipe]


def _blobs(rng: np.random.Generator) -> list[np.ndarray]:
    recipe = [(-0.75, 0.65, 0.13, 150), (-0.1, 0.8, 0.05, 80), (0.7, 0.6, 0.17, 110), (-0.85, -0.1, 0.05, 40)]
    recipe += [(0.0, 0.1, 0.1, 120), (0.85, -0.2, 0.07, 60), (-0.5, -0.7, 0.16, 90), (0.4, -0.75, 0.05, 30)]
    return _gaussians(rng, recipe)


def _long_tail(rng: np.random.Generator) -> list[np.ndarray]:
    recipe = [(-0.2, 0.0, 0.2, 500), (0.75, 0.6, 0.07, 40), (0.8, -0.05, 0.06, 30), (0.55, -0.75, 0.06, 24)]
    recipe += [(-0.15, -0.95, 0.05, 18), (-0.9, -0.75, 0.05, 14), (-1.0, 0.75, 0.05, 10), (0.05, 1.0, 0.05, 8)]
    return _gaussians(rng, recipe)


def _moons(rng: np.random.Generator) -> list[np.ndarray]:
    angle = np.pi * rng.random(300)
    arc = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    upper, lower = arc[:200] - [0.5, 0.2], [0.5, 0.2] - arc[200:]
    return [0.75 * group + rng.normal(0, 0.05, group.shape) for group in (upper, lower)]


def _rings(rng: np.random.Generator) -> list[np.ndarray]:
    sizes = {0.15: 60, 0.55: 140, 1.0: 220}
    angles = [2 * np.pi * rng.random(size) for size in sizes.values()]
    circles = [r * np.stack([np.cos(a), np.sin(a)], axis=1) for r, a in zip(sizes, angles, strict=True)]
    return [circle + rng.normal(0, 0.04, circle.shape) for circle in circles]


_TOYS: dict[str, Callable[[np.random.Generator], list[np.ndarray]]] = {
    "blobs": _blobs,
    "long-tail": _long_tail,
    "moons": _moons,
    "rings": _rings,
}
