"""Two-dimensional maps of the feature space: PCA at once, UMAP from the shared kNN graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..distances import blocks
from ..errors import UslError
from ..types import FloatArray, Neighbors, Progress
from ..validation import same_images, unit_rows
from .distinct import distinct
from .params import AUTO, UmapParams
from .umap import FEWEST, umap

_PROJECTED_ENTRIES = 1 << 23  # 32 MB of float32: 65,536 images of 128 dimensions in one product

MapMethod = Literal["pca", "umap"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """A map, and how it came about.

    Args:
        xy: (n, 2) float32, finite; copies (feature distance 0) lie on one spot.
        umap: the settings that it was drawn with, never None nor more neighbours than there are; None: by PCA.
    """

    xy: FloatArray
    umap: UmapParams | None = None


def project(
    values: Any,
    neighbors: Neighbors | None = None,
    method: MapMethod = "umap",
    seed: int = 0,
    *,
    n_neighbors: int = 15,
    min_dist: float | Literal["auto"] | None = None,
    on_progress: Progress | None = None,
) -> FloatArray:
    """Coordinates to draw the images at. A map distorts: nothing in this library computes distances on it.

    Args:
        values: (n, d) features; rows are normalised to length 1.
        neighbors: a kNN graph of the same rows with k_max >= n_neighbors - 1, so that UMAP does not search again.
        method: "pca" (first two principal components), or "umap" (started from PCA).
        seed: UMAP's; PCA has no randomness, its signs are fixed by the largest loading.
        n_neighbors: UMAP's: how many images are to stay near each other, the image itself counted; at least 2, and reduced to
            how many different images there are.
        min_dist: UMAP's, in [0, 1]: how near to each other neighbours may come to lie. None or "auto": the largest of 0.1,
            0.25, 0.5 and 0.8 whose trustworthiness lies within 0.01 of the best of them, which takes four layouts; 0.1 above
            5,000 different images.
        on_progress: see `types.Progress`.

    Returns:
        (n, 2) float32, finite; copies (feature distance 0) lie on one spot. Fewer than 5 different images are always drawn with
        PCA.

    Raises:
        UslError: invalid features, an unknown method, a setting outside its range, or a graph of other images.

    Reference:
        McInnes, Healy, Melville: UMAP, arXiv 1802.03426.

    >>> usl.project(usl.load_demo("digits").features, method="pca").shape
    (1797, 2)
    """
    params = UmapParams(n_neighbors=n_neighbors, min_dist=None if min_dist == AUTO else min_dist, seed=seed)  # type: ignore[arg-type]
    return draw(values, neighbors, method, params, on_progress=on_progress).xy


def draw(
    values: Any,
    neighbors: Neighbors | None = None,
    method: MapMethod = "umap",
    params: UmapParams | None = None,
    *,
    on_progress: Progress | None = None,
) -> Drawn:
    """The map of `project` and the settings that came of those asked for.

    Args:
        values: and the next two, see `project`.
        params: of UMAP; None: the defaults.
        on_progress: see `types.Progress`.

    Raises:
        UslError: as `project`.
    """
    x = unit_rows(values)
    if method not in ("pca", "umap"):
        raise UslError(f"method of a map must be 'pca' or 'umap' but is {method!r}")
    if neighbors is not None:
        same_images(neighbors, len(x))
    found = distinct(x, neighbors)
    flat = _pca(x)[found.rows[found.places]]  # the same row may end in another last bit elsewhere in a product
    if method == "pca" or len(found) < FEWEST:
        return Drawn(xy=flat)
    xy, settled = umap(x, found, flat, params or UmapParams(), neighbors=neighbors, on_progress=on_progress)
    return Drawn(xy=xy, umap=settled)


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
