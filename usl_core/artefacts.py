"""Results that are worth keeping on disk: the kNN graph and the maps of a feature set, each found or made once."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from .neighbors import find_neighbors
from .projection import UMAP_MIN_DIST, UMAP_NEIGHBORS, MapMethod, project, trustworthiness
from .store import Entry, Store, fingerprint
from .types import Features, FloatArray, Neighbors, Progress

ALGORITHM_VERSION = 1


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """Coordinates and how they came about.

    Args:
        xy: (n, 2) float32.
        method: "pca", "umap", or "plane": the features are these coordinates themselves.
        seed: UMAP's seed.
        trustworthiness: share of honest neighbours on the map, see `projection.trustworthiness`.
    """

    xy: FloatArray
    method: str
    seed: int
    trustworthiness: float

    @property
    def note(self) -> str:
        """The line that every drawing of this map carries."""
        if self.method == "plane":
            return "drawn as it is: distances on the map are the true ones, up to 10 %"
        name = f"UMAP seed {self.seed}" if self.method == "umap" else self.method.upper()
        return f"drawn with {name}, trustworthiness {self.trustworthiness:.2f}"


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
    return fingerprint("neighbors", ALGORITHM_VERSION, features.fingerprint)


def _graph(entry: Entry) -> Neighbors:
    return Neighbors(indices=entry.arrays["indices"], distances=entry.arrays["distances"])


def load_or_draw_map(
    features: Features,
    neighbors: Neighbors,
    method: MapMethod = "umap",
    seed: int = 0,
    *,
    cache_dir: Path | None = None,
) -> Map:
    """The map of a feature set, from the cache if it is there.

    Args:
        features: of an image set; their fingerprint is the key.
        neighbors: its kNN graph.
        method: "pca", "umap", or "plane": the features are these coordinates themselves.
        seed: UMAP's.
        cache_dir: see `Store`.

    Returns:
        Map with its trustworthiness.
    """
    known = load_map(features, method, seed, cache_dir=cache_dir)
    if known is not None:
        return known
    store, key = Store(cache_dir), _map_key(features, method, seed)
    with store.turn(key):
        known = load_map(features, method, seed, cache_dir=cache_dir)
        if known is not None:
            return known
        xy = project(features, neighbors, method, seed)
        trust = np.array(trustworthiness(features, xy))
        return _drawn(store.save("maps", key, {"xy": xy, "trustworthiness": trust.reshape(1)}), method, seed)


def load_map(features: Features, method: MapMethod = "umap", seed: int = 0, *, cache_dir: Path | None = None) -> Map | None:
    """The map of `load_or_draw_map` if it is in the cache, else None."""
    entry = Store(cache_dir).load("maps", _map_key(features, method, seed))
    return None if entry is None else _drawn(entry, method, seed)


def map_version(features: Features, method: MapMethod = "umap", seed: int = 0, *, cache_dir: Path | None = None) -> int | None:
    """Changes whenever another map is kept; None if there is none, so that `load_map` need not be tried."""
    return Store(cache_dir).written("maps", _map_key(features, method, seed))


def _map_key(features: Features, method: MapMethod, seed: int) -> str:
    recipe = [UMAP_NEIGHBORS, UMAP_MIN_DIST, seed, version("umap-learn")] if method == "umap" else []
    return fingerprint("map", ALGORITHM_VERSION, features.fingerprint, method, recipe)


def _drawn(entry: Entry, method: MapMethod, seed: int) -> Map:
    return Map(entry.arrays["xy"], method, seed, float(entry.arrays["trustworthiness"][0]))
