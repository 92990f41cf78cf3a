"""Images -> unit feature vectors, kept on disk: read back at once, and only what is new is computed.

Those of a whole image set are one entry of the cache. Where there is none yet, it is put together from the pool of raw vectors
(`vectors`), which knows every image that was ever encoded, in whatever folder; what is missing there is encoded (`batches`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..cache.store import Entry, Store, fingerprint
from ..encoders.base import Encoder
from ..encoders.device import check_device
from ..encoders.own_vectors import VectorsEncoder
from ..encoders.registry import get_encoder
from ..errors import UslError
from ..types import Features, FloatArray, ImageSet, Note, Problem, Progress
from ..validation import whole_number
from .batches import ENCODING, Job, read_pixels
from .matching import names_key
from .once import encoded_once, raw_vectors
from .ready_made import nothing_left, ready_made
from .recommended import recommended_encoder
from .unit_rows import normalise, unite_copies, without

KIND = "features"
ALGORITHM = 2  # a new number makes every cached entry a miss


def encode(
    images: ImageSet | Path | str,
    encoder: str | Encoder | None = None,
    *,
    cache_dir: Path | str | None = None,
    on_progress: Progress | None = None,
    batch_size: int | None = None,
    device: str = "auto",
    precision: str = "float32",
    weights: str | None = None,
) -> Features:
    """Feature vectors of an image set. An image that was encoded before, in this set or another, is not encoded again.

    What an image is recognised by is its file's contents: ten new files encode ten, renaming encodes none.

    Args:
        images: an image set, or a folder or .zip archive that is scanned first.
        encoder: a name from `encoder_cards()`, or an encoder of your own; None: what suits the images, see
            `recommended_encoder`.
        cache_dir: where features are kept; None means the platform's cache directory.
        on_progress: told after every batch; may raise `Cancelled`, and the next call goes on where this one stopped.
        batch_size: images per forward pass, at most a shard; None means what suits encoder and device. Changes speed, and last
            bits; images that were encoded before keep those that they have.
        device: `auto` (CUDA if there is any, else the CPU), `cpu`, `cuda`, `cuda:N` or `mps`; changes last bits. The number of
            threads changes none.
        precision: `float32` or `bfloat16`.
        weights: None for the published ones; `random` for benchmarks and tests.

    Returns:
        Features whose `images` are those with a feature vector; the others are in `images.problems`.

    Raises:
        UslError: no images, none of them usable, or an encoder, device, precision or weights that cannot be had.
        Cancelled: as raised by `on_progress`.

    >>> features = usl.encode(usl.load_demo("digits").images, "pixels:pca")
    >>> features.values.shape, features.encoder
    ((1797, 64), 'pixels:pca')
    """
    report: Progress = on_progress or _ignore
    images = _image_set(images, cache_dir, report)
    resolved = _resolved(encoder, images, weights)
    _check(device, precision, batch_size)
    store = Store(cache_dir)
    key = feature_key(images, resolved, precision)
    job = Job(images=images, encoder=resolved, device=device, precision=precision, batch_size=batch_size, report=report)

    def fits(entry: Entry) -> bool:
        return not _readable_again(job, entry)

    def encode_all() -> Entry:
        if isinstance(resolved, VectorsEncoder):
            made = ready_made(images, resolved, report)
            return store.save(
                KIND, key, {"values": made.values}, made.meta(_key(images.fingerprint, resolved, precision, None))
            )
        values, unreadable, without_direction = _computed(store, job)
        meta = {"encoder": resolved.name, "unreadable": list(unreadable.items()), "unusable": list(without_direction.items())}
        return store.save(KIND, key, {"values": values}, meta)

    entry = store.load(KIND, key)
    if entry is None or not fits(entry):
        entry = encoded_once(store, KIND, key, job, encode_all, fits)
    features = _features(images, resolved, key, entry)
    report(1.0, f"{len(features):,} images, {features.values.shape[1]} dimensions")
    return features


def load_features(
    images: ImageSet,
    encoder: str | Encoder | None = None,
    *,
    cache_dir: Path | str | None = None,
    precision: str = "float32",
) -> Features | None:
    """What the last `encode` of these images returned if it is in the cache, else None; opens no image.

    Raises:
        UslError: no such encoder.
    """
    resolved = _resolved(encoder, images)
    key = feature_key(images, resolved, precision)
    entry = Store(cache_dir).load(KIND, key)
    return None if entry is None else _features(images, resolved, key, entry)


def feature_key(images: ImageSet, encoder: str | Encoder | None = None, precision: str = "float32") -> str:
    """Under what the features of these images are kept in the cache.

    Raises:
        UslError: no such encoder.
    """
    resolved = _resolved(encoder, images)
    return _key(images.fingerprint, resolved, precision, names_key(images) if isinstance(resolved, VectorsEncoder) else None)


def feature_fingerprint(
    image_fingerprint: str, encoder: str, *, names: str | None = None, cache_dir: Path | str | None = None
) -> str | None:
    """The fingerprint of what `load_features` returns for images of that fingerprint, or None; reads no array.

    Args:
        image_fingerprint: of the image set.
        encoder: full name.
        names: `names_key` of the image set; only vectors that were made elsewhere ask for it.
        cache_dir: see `Store`.

    Raises:
        UslError: no such encoder.
    """
    resolved = get_encoder(encoder)
    key = _key(image_fingerprint, resolved, "float32", names if isinstance(resolved, VectorsEncoder) else None)
    meta = Store(cache_dir).meta(KIND, key)
    return None if meta is None else _fingerprint_of(key, meta)


def encoded_images(images: ImageSet, encoder: str, *, cache_dir: Path | str | None = None) -> ImageSet | None:
    """The images of what `load_features` returns, row by row, or None; reads no array.

    Raises:
        UslError: no such encoder.
    """
    meta = Store(cache_dir).meta(KIND, feature_key(images, encoder))
    return None if meta is None else _images_of(images, meta)


def _key(image_fingerprint: str, encoder: Encoder, precision: str, names: str | None) -> str:
    key = fingerprint(KIND, ALGORITHM, image_fingerprint, encoder.name, encoder.identity(precision))
    return key if names is None else fingerprint(key, names)


def _resolved(encoder: str | Encoder | None, images: ImageSet, weights: str | None = None) -> Encoder:
    if encoder is None:
        encoder = recommended_encoder(images).encoder
    return get_encoder(encoder, weights) if isinstance(encoder, str) else encoder


def _image_set(images: ImageSet | Path | str, cache_dir: Path | str | None, report: Progress) -> ImageSet:
    if isinstance(images, str | Path):
        from ..images.scan import scan

        images = scan(images, cache_dir=cache_dir, on_progress=lambda _, note: report(0.0, note))
    if not isinstance(images, ImageSet):
        raise UslError(
            f"images must be an ImageSet, a folder, a .zip archive or a list of paths but is a {type(images).__name__}"
        )
    if len(images) == 0:
        raise UslError(f"there is no usable image in {images.root} ({len(images.problems)} files have problems)")
    return images


def _check(device: str, precision: str, batch_size: int | None) -> None:
    check_device(device)
    if precision not in ("float32", "bfloat16"):
        raise UslError(f"precision must be 'float32' or 'bfloat16' but is {precision!r}")
    if batch_size is not None:
        whole_number(batch_size, "batch_size", 1)


def _readable_again(job: Job, entry: Entry) -> bool:
    """Whether an image that could not be read back then can be read now: a lost network drive must not stick."""
    return any(not isinstance(read_pixels(job, index), str) for index, _ in entry.meta["unreadable"])


def _features(images: ImageSet, encoder: Encoder, key: str, entry: Entry) -> Features:
    return Features(
        values=entry.arrays["values"],
        fingerprint=_fingerprint_of(key, entry.meta),
        encoder=encoder.name,
        images=_images_of(images, entry.meta),
    )


def _fingerprint_of(key: str, meta: Mapping[str, Any]) -> str:
    """Of features that are kept under that key: of vectors made elsewhere, what they are, however the images are called."""
    return _key_of_the_rest(meta.get("fingerprint", key), list(_dropped(meta)))


def _images_of(images: ImageSet, meta: Mapping[str, Any]) -> ImageSet:
    """The images of the rows, and notes on where the vectors are from."""
    images = _images_without(images, _dropped(meta))
    notes = tuple(Note(path, text) for path, text in meta.get("notes", ()))
    return replace(images, notes=(*images.notes, *notes)) if notes else images


def _dropped(meta: Mapping[str, Any]) -> dict[int, str]:
    """Images without a feature vector, each with its cause."""
    return dict(sorted(meta["unreadable"] + meta["unusable"]))


def _key_of_the_rest(key: str, dropped: list[int]) -> str:
    return fingerprint(key, dropped) if dropped else key


def _images_without(images: ImageSet, dropped: Mapping[int, str]) -> ImageSet:
    if not dropped:
        return images
    from ..images.subsets import subset

    problems = tuple(Problem(images.paths[index], cause) for index, cause in dropped.items())
    return subset(images, [index for index in range(len(images)) if index not in dropped], problems)


def _computed(store: Store, job: Job) -> tuple[FloatArray, dict[int, str], dict[int, str]]:
    """The features of all images that have any; which could not be read; which have no feature vector; and why."""
    with raw_vectors(store, job) as (vectors, unreadable):
        read = np.flatnonzero(vectors.is_known())
        raw = vectors.raw(read, job.encoder.shard_size, lambda: job.report(ENCODING, "putting the features together"))
        values = job.encoder.finish(raw, len(read)) if len(read) else np.empty((0, 1), dtype=np.float32)
        unite_copies(values, vectors.numbers[read])
    causes = normalise(values, job.encoder.zero_cause)
    unusable = {int(read[row]): cause for row, cause in causes.items()}
    if len(causes) == len(values):
        raise nothing_left(job.images, unreadable | unusable)
    return without(values, list(causes)), dict(sorted(unreadable.items())), unusable


def _ignore(fraction: float, note: str) -> None:
    pass
