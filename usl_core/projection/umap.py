"""UMAP of unit rows: the graph, the layout, and how much room it gives to neighbours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..types import FloatArray, Neighbors, Progress
from .distinct import Distinct, neighbors_among
from .layout import fuzzy_graph, lay_out
from .params import UmapParams
from .trust import trustworthiness

FEWEST = 5
"""Different images below which there is nothing to lay out."""
CHOICES = (0.1, 0.25, 0.5, 0.8)
"""What the automatic min_dist is one of."""
TRUST_LOSS = 0.01
"""Of trustworthiness, what more room may cost."""
CHOOSE_UP_TO = 5_000
"""Images up to which all choices are tried: seconds there, and four times as long as one layout anywhere."""


def umap(
    x: FloatArray,
    found: Distinct,
    start: FloatArray,
    params: UmapParams,
    *,
    neighbors: Neighbors | None = None,
    on_progress: Progress | None = None,
) -> tuple[FloatArray, UmapParams]:
    """Coordinates of all rows, copies at one place, and the settings that came of those asked for.

    Args:
        x: (n, d) unit rows.
        found: those that differ, at least `FEWEST`.
        start: (n, 2) where the layout begins.
        params: what is asked for.
        neighbors: the kNN graph of x; searched where it is missing or too small.
        on_progress: see `types.Progress`.

    Returns:
        (n, 2) float32, and `params` with the number of neighbours that there were and the min_dist that was taken.
    """
    others = min(params.n_neighbors, len(found)) - 1
    near = neighbors_among(x, found, others, neighbors)
    graph, begin = fuzzy_graph(near), start[found.rows]
    if params.min_dist is None:

        def trust(xy: FloatArray) -> float:
            return trustworthiness(x, xy[found.places])

        xy, min_dist = automatic(graph, begin, trust, seed=params.seed, on_progress=on_progress)
    else:
        min_dist = float(params.min_dist)
        xy = lay_out(graph, begin, min_dist, seed=params.seed, on_progress=on_progress)
    return xy[found.places], replace(params, n_neighbors=others + 1, min_dist=min_dist)


def automatic(
    graph: Any,
    start: FloatArray,
    trust: Callable[[FloatArray], float],
    *,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> tuple[FloatArray, float]:
    """The layout with the largest min_dist whose trustworthiness lies within `TRUST_LOSS` of the best of `CHOICES`.

    A small min_dist packs groups into specks with empty space between them; a larger one gives them room at the price of
    mixing near neighbours. Above `CHOOSE_UP_TO` images the smallest is taken unseen.

    Args:
        graph: of `fuzzy_graph`.
        start: (n, 2) where the layout begins.
        trust: how far (n, 2) coordinates may be trusted.
        seed: of the layout.
        on_progress: see `types.Progress`.

    Returns:
        (n, 2) float32 and the min_dist.
    """
    if len(start) > CHOOSE_UP_TO:
        return lay_out(graph, start, CHOICES[0], seed=seed, on_progress=on_progress), CHOICES[0]
    layouts, trusted = [], []
    for turn, min_dist in enumerate(CHOICES):

        def report(fraction: float, note: str, turn: int = turn, min_dist: float = min_dist) -> None:
            if on_progress:
                on_progress((turn + fraction) / len(CHOICES), f"trying min_dist {min_dist:g}, {note}")

        layouts.append(lay_out(graph, start, min_dist, seed=seed, on_progress=report))
        trusted.append(trust(layouts[-1]))
    taken = max(np.flatnonzero(np.array(trusted) >= max(trusted) - TRUST_LOSS).tolist())
    return layouts[taken], CHOICES[taken]


def warm() -> None:
    """Have all that a map waits for loaded, compiled and kept."""
    near = Neighbors(indices=np.array([[1], [0]], dtype=np.int32), distances=np.ones((2, 1), dtype=np.float32))
    lay_out(fuzzy_graph(near), np.eye(2, dtype=np.float32), CHOICES[0])
