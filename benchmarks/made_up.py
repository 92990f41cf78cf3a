"""A data set of any size that the app takes for an encoded folder, made without a single image."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import numpy as np

from pages.ui.access import sources
from usl_core.cache.store import Store
from usl_core.encoders.registry import BUNDLED
from usl_core.features.encode import KIND, feature_key
from usl_core.images.records import remember_images
from usl_core.pipeline.artefacts import load_or_draw_map, load_or_find_neighbors
from usl_core.types import Features, ImageSet

N_CLASSES, DIM = 10, 64


def make_folder(root: Path, n: int, *, n_neighbors: int) -> str:
    """Put everything into the cache (`USL_CACHE_DIR`) that encoding a folder of `n` images would.

    Args:
        root: where the folder would lie; it is made, and stays empty.
        n: number of images.
        n_neighbors: k of the graph.

    Returns:
        Its query in addresses, which names the encoder too: the app would look through another one by itself.
    """
    folder = root / f"made-up-{n}"
    folder.mkdir()
    rng = np.random.default_rng(n)
    labels = np.sort(rng.integers(N_CLASSES, size=n)).astype(np.int32)
    images = ImageSet(
        root=folder,
        paths=tuple(f"class {label}/{index:06d}.jpg" for index, label in enumerate(labels.tolist())),
        digests=tuple(f"{index:032x}" for index in range(n)),
        labels=labels,
        class_names=tuple(f"class {label}" for label in range(N_CLASSES)),
        fingerprint=f"made-up-{n}",
    )
    store = Store()
    remember_images(images, store)
    # Blobs that touch, so that neighbours and clusters are not trivial.
    centres = rng.standard_normal((4 * N_CLASSES, DIM))
    values = centres[4 * labels + rng.integers(4, size=n)] + 0.8 * rng.standard_normal((n, DIM))
    values = (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)
    key = feature_key(images, BUNDLED)
    store.save(KIND, key, {"values": values}, {"encoder": BUNDLED, "unreadable": [], "unusable": []})
    features = Features(values=values, fingerprint=key, encoder=BUNDLED, images=images)
    graph = load_or_find_neighbors(features, n_neighbors)
    load_or_draw_map(features, graph, "pca")
    return urlencode({"data": sources.name_of(folder), "encoder": BUNDLED})
