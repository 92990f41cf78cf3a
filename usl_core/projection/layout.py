"""The two halves of UMAP, by umap-learn's own functions: a weighted graph, and its layout in the plane.

Apart, because several layouts are made of one graph, and because a layout tells how far it is.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ..types import FloatArray, Neighbors, Progress
from .compiled import keep_compiled

N_EPOCHS, N_EPOCHS_OF_MANY, MANY = 500, 200, 10_000
"""What umap-learn takes up to and above `MANY` images."""
_REPORTS = 50
_SIDE = 10.0  # of the square that umap-learn expects a start in
_COUNT = re.compile(r"(\d+) of \d+")


def fuzzy_graph(near: Neighbors) -> Any:
    """The fuzzy simplicial set of a kNN graph.

    Args:
        near: of n images, all different; k >= 1 neighbours, the image itself excluded.

    Returns:
        (n, n) sparse symmetric matrix of weights in (0, 1].

    Reference:
        McInnes, Healy, Melville: UMAP, arXiv 1802.03426, algorithms 2 and 3.
    """
    from umap.umap_ import fuzzy_simplicial_set

    keep_compiled()
    n, k = near.indices.shape
    # umap-learn counts every point as its own first neighbour.
    indices = np.column_stack([np.arange(n, dtype=np.int32), near.indices])
    distances = np.column_stack([np.zeros(n, dtype=np.float32), near.distances])
    random = np.random.RandomState(0)  # not asked where the neighbours are given
    return fuzzy_simplicial_set(
        indices, k + 1, random, "precomputed", knn_indices=indices, knn_dists=distances, return_dists=False
    )[0]


def lay_out(
    graph: Any, start: FloatArray, min_dist: float, *, seed: int = 0, on_progress: Progress | None = None
) -> FloatArray:
    """Coordinates of the vertices.

    Args:
        graph: of `fuzzy_graph`, n vertices.
        start: (n, 2) where the descent begins; only its form counts, not its size.
        min_dist: in [0, 1]; distances on the map at which neighbours stop to pull.
        seed: of what pushes, which is drawn at random.
        on_progress: see `types.Progress`.

    Returns:
        (n, 2) float32.
    """
    from umap.umap_ import find_ab_params, simplicial_set_embedding

    keep_compiled()
    n = len(start)
    n_epochs = N_EPOCHS if n <= MANY else N_EPOCHS_OF_MANY
    report: Progress = on_progress or (lambda fraction, note: None)
    report(0.0, f"epoch 0 of {n_epochs}")
    a, b = find_ab_params(1.0, min_dist)
    xy, _ = simplicial_set_embedding(
        None,
        graph.copy(),  # it drops the lightest edges in place
        n_components=2,
        initial_alpha=1.0,
        a=a,
        b=b,
        gamma=1.0,
        negative_sample_rate=5,
        n_epochs=n_epochs,
        init=_start(start, seed),
        random_state=np.random.RandomState(seed),
        metric="euclidean",
        metric_kwds={},
        densmap=False,
        densmap_kwds={},
        output_dens=False,
        tqdm_kwds=_Told(report, n_epochs).settings,
    )
    report(1.0, f"{n_epochs} epochs")
    xy = np.ascontiguousarray(xy, dtype=np.float32)
    if not np.isfinite(xy).all():
        raise RuntimeError("UMAP returned coordinates that are not finite")
    return xy


def _start(start: FloatArray, seed: int) -> FloatArray:
    """Within +-10; along an axis without extent there must be noise, or nothing would move."""
    size = np.abs(start).max()
    scaled = start * (_SIDE / size) if size > 0 else np.zeros_like(start)
    noise = np.random.default_rng(seed).normal(scale=1e-4, size=start.shape)
    return np.where(np.ptp(scaled, axis=0) > 0, scaled, noise).astype(np.float32)


class _Told:
    """The file that umap-learn's progress bar writes to, which is all that it tells of its epochs."""

    def __init__(self, report: Progress, n_epochs: int) -> None:
        self._report, self._n_epochs, self._has_failed = report, n_epochs, False
        self.settings = {
            "file": self,
            "disable": False,
            "bar_format": "{n_fmt} of {total_fmt}",
            "mininterval": 0,
            "miniters": max(n_epochs // _REPORTS, 1),
            "leave": True,
        }

    def write(self, text: str) -> None:
        found = _COUNT.search(text)
        if found is None or self._has_failed:
            return
        epoch = int(found[1])
        try:
            self._report(epoch / self._n_epochs, f"epoch {epoch} of {self._n_epochs}")
        except BaseException:  # the bar writes once more when it is closed
            self._has_failed = True
            raise

    def flush(self) -> None:
        """As files have it."""
