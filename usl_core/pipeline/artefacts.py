"""Results that are worth keeping on disk: the kNN graph and the maps of a feature set, each found or made once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..cache.store import Entry, Store, fingerprint
from ..demos.bundled import Demo, demo_of
from ..graph.neighbors import ALGORITHM, find_neighbors
from ..projection.params import UmapParams
from ..projection.project import MapMethod, draw
from ..projection.trust import trustworthiness
from ..types import Features, FloatArray, Neighbors, Progress

ALGORITHM_VERSION = 1
UMAP_ALGORITHM = 2
"""1 laid copies apart from each other."""


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """Coordinates and how they came about.

    Args:
        xy: (n, 2) float32.
        method: "pca", "umap", or "plane": the features are these coordinates themselves.
        trustworthiness: share of honest neighbours on the map, see `projection.trust`.
        umap: what UMAP drew it with, the min_dist that was chosen among it; None where it was not UMAP.
    """

    xy: FloatArray
    method: str
    trustworthiness: float
    umap: UmapParams | None = None

    @property
    def note(self) -> str:
        """The line that every drawing of this map carries."""
        if self.method == "plane":
            return "drawn as it is: distances on the map are the true ones, up to 10 %"
        name, made = "PCA", self.umap
        if made is not None:
            name = f"UMAP, {made.n_neighbors} neighbours, min_dist {made.min_dist:g}, seed {made.seed}"
        elif self.method == "umap":
            name = "PCA, since UMAP needs five different images"
        return f"drawn with {name}, trustworthiness {self.trustworthiness:.3f}"

    @property
    def brief(self) -> str:
        """What drew this map and how far to trust it, where there is no room for `note`."""
        if self.method == "plane":
            return "drawn as it is"
        return f"{'PCA' if self.umap is None else 'UMAP'}, trustworthiness {self.trustworthiness:.3f}"


def load_or_find_neighbors(
    features: Features, n_neighbors: int, *, cache_dir: Path | None = None, on_progress: Progress | None = None
) -> Neighbors:
    """The exact kNN graph, from the cache if this k (or a larger one that was asked before) is there.

    Args:
        features: of an image set; their fingerprint is the key.
        n_neighbors: k, reduced to n - 1.
        cache_dir: see `Store`.
        on_progress: see `types.Progress`.

    Returns:
        Neighbors with k_max >= min(k, n - 1).
    """
    known = load_neighbors(features, n_neighbors, cache_dir=cache_dir)
    if known is not None:
        return known
    store, key = Store(cache_dir), _graph_key(features)

    def waiting() -> None:
        if on_progress:
            on_progress(0.0, "another process searches the neighbours of the same images; this one waits for it")

    with store.turn(key, waiting):  # or a smaller graph, finished later, would take the place of a larger one
        known = load_neighbors(features, n_neighbors, cache_dir=cache_dir)
        if known is not None:
            return known
        graph = find_neighbors(features, n_neighbors, on_progress=on_progress)
        return _graph(store.save("neighbors", key, {"indices": graph.indices, "distances": graph.distances}))


def load_neighbors(features: Features, n_neighbors: int, *, cache_dir: Path | None = None) -> Neighbors | None:
    """The graph of `load_or_find_neighbors` if it is in the cache, else None."""
    entry = Store(cache_dir).load("neighbors", _graph_key(features))
    enough = entry is not None and entry.arrays["indices"].shape[1] >= min(n_neighbors, len(features) - 1)
    return _graph(entry) if entry is not None and enough else None


def _graph_key(features: Features) -> str:
    return fingerprint("neighbors", ALGORITHM, features.fingerprint)


def _graph(entry: Entry) -> Neighbors:
    return Neighbors(indices=entry.arrays["indices"], distances=entry.arrays["distances"])


def load_or_draw_map(
    features: Features,
    neighbors: Neighbors,
    method: MapMethod = "umap",
    params: UmapParams | None = None,
    *,
    cache_dir: Path | None = None,
    on_progress: Progress | None = None,
) -> Map:
    """The map of a feature set, from the cache if it is there; each setting of UMAP has an entry of its own. A bundled demo
    comes with its maps.

    Args:
        features: of an image set; their fingerprint is the key.
        neighbors: its kNN graph.
        method: "pca" or "umap".
        params: of UMAP; None: the defaults.
        cache_dir: see `Store`.
        on_progress: see `types.Progress`.

    Returns:
        Map with its trustworthiness.
    """
    known = load_map(features, method, params, cache_dir=cache_dir)
    if known is not None:
        return known
    store, key = Store(cache_dir), _map_key(features, method, params)

    def waiting() -> None:
        if on_progress:
            on_progress(0.0, "another process draws the same map; this one waits for it")

    with store.turn(key, waiting):
        known = load_map(features, method, params, cache_dir=cache_dir)
        if known is not None:
            return known
        drawn = draw(features, neighbors, method, params, on_progress=on_progress)
        used = drawn.umap
        arrays = {
            "xy": drawn.xy,
            "trustworthiness": np.array([trustworthiness(features, drawn.xy)]),
            "settings": np.array([] if used is None else [used.n_neighbors, used.min_dist, used.seed], dtype=np.float64),
        }
        return _drawn(store.save("maps", key, arrays), method)


def load_map(
    features: Features, method: MapMethod = "umap", params: UmapParams | None = None, *, cache_dir: Path | None = None
) -> Map | None:
    """The map of `load_or_draw_map` if it is in the cache or comes with a demo, else None."""
    if params in (None, UmapParams()) and (demo := demo_of(features)) is not None:
        return demo_map(demo, method)
    entry = Store(cache_dir).load("maps", _map_key(features, method, params))
    return None if entry is None else _drawn(entry, method)


def demo_map(demo: Demo, method: MapMethod) -> Map:
    """A map that a bundled demo comes with."""
    umap = UmapParams(min_dist=demo.min_dist) if method == "umap" else None
    return Map(xy=demo.maps[method], method=method, trustworthiness=demo.trustworthiness[method], umap=umap)


def map_version(
    features: Features, method: MapMethod = "umap", params: UmapParams | None = None, *, cache_dir: Path | None = None
) -> int | None:
    """Changes whenever another map is kept; None if there is none, so that `load_map` need not be tried."""
    return Store(cache_dir).written("maps", _map_key(features, method, params))


def _map_key(features: Features, method: MapMethod, params: UmapParams | None) -> str:
    asked = params or UmapParams()
    min_dist = None if asked.min_dist is None else float(asked.min_dist)
    recipe = [UMAP_ALGORITHM, asked.n_neighbors, min_dist, asked.seed] if method == "umap" else []
    return fingerprint("map", ALGORITHM_VERSION, features.fingerprint, method, recipe)


def _drawn(entry: Entry, method: MapMethod) -> Map:
    used = entry.arrays.get("settings", np.empty(0))  # maps by PCA that are older have none
    return Map(
        xy=entry.arrays["xy"],
        method=method,
        trustworthiness=float(entry.arrays["trustworthiness"][0]),
        umap=UmapParams(n_neighbors=int(used[0]), min_dist=float(used[1]), seed=int(used[2])) if len(used) else None,
    )
