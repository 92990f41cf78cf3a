"""Everything that selecting and drawing need of one source under one encoder: made once, then read back at once.

A source is a folder, a .zip archive, a list of paths, a sample or one split of these (see `images.subsets`), `demo:NAME`, or
`toy:NAME`, whose "images" are points in the plane. Making is
`find_images` and `prepare`, which take their time and go into a job; reading back is `known_images` and `load_prepared`,
which only look into the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from ..cache.store import Store, fingerprint
from ..demos.bundled import demo_fingerprints, load_demo
from ..demos.toys import lifted, load_toy
from ..encoders.own_vectors import is_vectors
from ..encoders.registry import BUNDLED
from ..features.encode import encode, encoded_images, feature_fingerprint, load_features
from ..features.matching import names_key
from ..features.recommended import Recommendation, recommended_for
from ..graph.neighbors import find_neighbors
from ..images.records import images_version, known_fingerprint, known_looks, recall_images, remember_images
from ..images.subsets import in_split, source_parts
from ..projection.params import UmapParams
from ..read_only import read_only
from ..types import Features, ImageSet, Neighbors, Progress
from .artefacts import Map, demo_map, load_map, load_neighbors, load_or_draw_map, load_or_find_neighbors

DEMO_PREFIX, TOY_PREFIX = "demo:", "toy:"
N_NEIGHBORS = 400
"""k of the graph that is searched once: the largest that the published settings use."""
_ENCODED, _SEARCHED = 0.85, 0.95  # shares of the progress bar


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """One source under one encoder.

    Args:
        source: see above.
        features: with their images.
        neighbors: the kNN graph; k_max is 400 (200 in a bundled demo), or n - 1.
        pca: the map that is there at once.
        umap: the better map, None until it is drawn.
    """

    source: str
    features: Features
    neighbors: Neighbors
    pca: Map
    umap: Map | None

    @property
    def images(self) -> ImageSet:
        """The images that have a feature vector."""
        return self.features.images


def is_demo(source: str) -> bool:
    """Whether a source is a bundled collection."""
    return source.startswith(DEMO_PREFIX)


def is_toy(source: str) -> bool:
    """Whether a source is a 2-D point set."""
    return source.startswith(TOY_PREFIX)


def usual_encoder(source: str, *, cache_dir: Path | None = None) -> Recommendation:
    """What a source is looked at through unless the user says otherwise, and why; the features of a demo come with it. Of a
    folder that was not scanned yet it is not known what the images look like.

    Raises:
        UslError: `USL_ENCODER` names no encoder.
    """
    if is_demo(source):
        return Recommendation(encoder=BUNDLED, why="the features of the demo come with it")
    path, asked, _ = source_parts(source)
    return recommended_for(known_looks(Path(path), Store(cache_dir), asked))


def find_images(
    source: str,
    *,
    within: Sequence[Path] = (),
    cache_dir: Path | None = None,
    on_progress: Progress | None = None,
    on_listed: Callable[[int], None] | None = None,
) -> ImageSet:
    """Scan a source and keep what was found for `known_images`.

    Args:
        source: see above.
        within: see `scan`.
        cache_dir: see `Store`.
        on_progress: see `types.Progress`.
        on_listed: see `scan`.

    Raises:
        UslError: as `scan`, no such demo, or the cache cannot be written.
    """
    if is_demo(source):
        return load_demo(source.removeprefix(DEMO_PREFIX)).images
    from ..images.scan import scan

    path, asked, split = source_parts(source)
    n, seed = asked or (None, 0)
    images = scan(
        path,
        sample=n,
        sample_seed=seed,
        within=within,
        cache_dir=cache_dir,
        on_progress=on_progress,
        on_listed=on_listed,
    )
    remember_images(images, Store(cache_dir), asked)
    return images if split is None else in_split(images, split)


def known_images(source: str, *, within: Sequence[Path] = (), cache_dir: Path | None = None) -> ImageSet | None:
    """The images that the last `find_images` of this source found, or None; the source itself is not looked at.

    Args:
        source: see above.
        within: folders that images are read from, now and later, see `ImageSet`.
        cache_dir: see `Store`.

    Raises:
        UslError: no such demo, or no such split any longer.
    """
    if is_demo(source):
        return load_demo(source.removeprefix(DEMO_PREFIX)).images
    path, asked, split = source_parts(source)
    images = recall_images(Path(path), Store(cache_dir), asked)
    if images is None:
        return None
    images = replace(images, within=tuple(within))
    return images if split is None else in_split(images, split)


def prepare(
    source: str,
    encoder: str | None = None,
    *,
    within: Sequence[Path] = (),
    cache_dir: Path | None = None,
    on_progress: Progress | None = None,
) -> Prepared:
    """Scan, encode, search neighbours, draw with PCA. What is in the cache is not done again.

    Args:
        source: see above.
        encoder: name of an encoder; None: `usual_encoder`.
        within: see `scan`.
        cache_dir: see `Store`.
        on_progress: see `types.Progress`; it may raise `Cancelled`, and the next call goes on where this one stopped.

    Raises:
        UslError: as `scan` and `encode`.
    """
    report: Progress = on_progress or (lambda fraction, note: None)
    images = find_images(source, within=within, cache_dir=cache_dir, on_progress=lambda _, note: report(0.0, note))
    encoder = usual_encoder(source, cache_dir=cache_dir).encoder if encoder is None else encoder
    features = encode(
        images,
        encoder,
        cache_dir=cache_dir,
        on_progress=lambda fraction, note: report(_ENCODED * fraction, note),
    )

    def searching(fraction: float, note: str) -> None:
        report(_ENCODED + (_SEARCHED - _ENCODED) * fraction, note)

    graph = load_or_find_neighbors(features, N_NEIGHBORS, cache_dir=cache_dir, on_progress=searching)
    report(_SEARCHED, "drawing the map with PCA")
    pca = load_or_draw_map(features, graph, "pca", cache_dir=cache_dir)
    report(1.0, f"{len(features):,} images are ready")
    umap = load_map(features, cache_dir=cache_dir)
    return Prepared(source=source, features=features, neighbors=graph, pca=pca, umap=umap)


def load_prepared(
    source: str, encoder: str | None = None, *, within: Sequence[Path] = (), cache_dir: Path | None = None
) -> Prepared | None:
    """What `prepare` made with the same arguments, or None if any of it is missing; nothing is computed.

    Raises:
        UslError: no such demo, toy or encoder.
    """
    if is_toy(source):
        return _toy(source.removeprefix(TOY_PREFIX))
    encoder = usual_encoder(source, cache_dir=cache_dir).encoder if encoder is None else encoder
    if prepared_fingerprint(source, encoder, cache_dir=cache_dir) is None:
        return None  # pages ask for what is not there at every rerun, and a list of images is long to read
    if is_demo(source):
        bundled = _bundled(source)
        if bundled.features.encoder == encoder:
            return bundled
    images = known_images(source, within=within, cache_dir=cache_dir)
    features = None if images is None else load_features(images, encoder, cache_dir=cache_dir)
    if features is None:
        return None
    graph = load_neighbors(features, N_NEIGHBORS, cache_dir=cache_dir)
    pca = load_map(features, "pca", cache_dir=cache_dir)
    if graph is None or pca is None:
        return None
    umap = load_map(features, cache_dir=cache_dir)
    return Prepared(source=source, features=features, neighbors=graph, pca=pca, umap=umap)


def prepared_fingerprint(source: str, encoder: str, *, cache_dir: Path | None = None) -> str | None:
    """The fingerprint of the features of a folder, an archive or a demo, or None if there are none; reads no array.

    Raises:
        UslError: no such demo or encoder.
    """
    if is_demo(source):
        images, of_its_own, features = demo_fingerprints(source.removeprefix(DEMO_PREFIX))
        if encoder == of_its_own:
            return features
        return feature_fingerprint(images, encoder, names=_names(source, encoder, cache_dir), cache_dir=cache_dir)
    path, asked, split = source_parts(source)
    known = known_fingerprint(Path(path), Store(cache_dir), split, asked)
    if known is None:
        return None
    return feature_fingerprint(known, encoder, names=_names(source, encoder, cache_dir), cache_dir=cache_dir)


def _names(source: str, encoder: str, cache_dir: Path | None) -> str | None:
    """See `names_key`; None where the encoder asks for no names."""
    if not is_vectors(encoder):
        return None
    try:
        return _known_names(source, Store(cache_dir).root, None if is_demo(source) else images_version(source, cache_dir))
    except LookupError:
        return None


@lru_cache(maxsize=64)
def _known_names(source: str, cache_dir: Path, version: int | None) -> str:
    images = known_images(source, cache_dir=cache_dir)
    if images is None:
        raise LookupError(source)  # which is not kept
    return names_key(images)


def known_umap(made: Prepared, params: UmapParams, *, cache_dir: Path | None = None) -> Map | None:
    """The UMAP with these settings if it was drawn, else None; nothing is computed.

    Args:
        made: with the UMAP of the default settings.
        params: what was asked for.
        cache_dir: see `Store`.
    """
    return made.umap if params == UmapParams() else load_map(made.features, "umap", params, cache_dir=cache_dir)


def prepared_images(source: str, encoder: str, *, cache_dir: Path | None = None) -> ImageSet | None:
    """The images of the features of a folder, an archive or a demo, row by row, or None; reads no features.

    Raises:
        UslError: no such demo or encoder.
    """
    if is_demo(source):
        bundled = _bundled(source)
        if bundled.features.encoder == encoder:
            return bundled.images
    images = known_images(source, cache_dir=cache_dir)
    return None if images is None else encoded_images(images, encoder, cache_dir=cache_dir)


def _bundled(source: str) -> Prepared:
    demo = load_demo(source.removeprefix(DEMO_PREFIX))
    pca, umap = demo_map(demo, "pca"), demo_map(demo, "umap")
    return Prepared(source=source, features=demo.features, neighbors=demo.neighbors, pca=pca, umap=umap)


def _toy(name: str) -> Prepared:
    points, groups = load_toy(name)
    values = lifted(points)
    key = fingerprint("toy", values, groups)
    images = ImageSet(
        root=Path(name),
        paths=tuple(f"point {number}" for number in range(len(points))),
        digests=tuple(f"{key}-{number}" for number in range(len(points))),
        labels=groups,
        class_names=tuple(f"group {number + 1}" for number in range(int(groups.max()) + 1)),
        fingerprint=key,
    )
    features = Features(values=values, fingerprint=key, encoder="plane", images=images)
    graph = find_neighbors(values, min(N_NEIGHBORS, len(values) - 1))
    plane = Map(points, "plane", 1.0)
    return read_only(Prepared(source=TOY_PREFIX + name, features=features, neighbors=graph, pca=plane, umap=None))
