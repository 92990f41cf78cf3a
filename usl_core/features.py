"""Images -> unit feature vectors, kept on disk: computed once, resumed where they were interrupted, read back at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .encoder_torchvision import check_device
from .encoders import Encoder, default_encoder, get_encoder
from .errors import UslError
from .feature_shards import ENCODING, Job, encode_shards, encoded_once, load_shard, read_pixels
from .store import Entry, Store, fingerprint
from .types import Features, FloatArray, ImageSet, Problem, Progress
from .validation import whole_number

KIND = "features"
ALGORITHM = 2  # a new number makes every cached entry a miss
_ROWS = 4096


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
    """Feature vectors of an image set, from the cache if they were computed before.

    Args:
        images: an image set, or a folder or .zip archive that is scanned first.
        encoder: a name from `encoder_cards()`, or an encoder of your own; None: `default_encoder()`.
        cache_dir: where features are kept; None means the platform's cache directory.
        on_progress: told after every batch; may raise `Cancelled`, and the next call goes on where this one stopped.
        batch_size: images per forward pass; None means what suits encoder and device. Changes speed, and last bits.
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
    chosen = _chosen(encoder, weights)
    _check(device, precision, batch_size)
    store = Store(cache_dir)
    key = feature_key(images, chosen, precision)
    job = Job(images, chosen, store.shards(KIND, key), report)

    def fits(entry: Entry) -> bool:
        return not _readable_again(job, entry)

    def encode_all() -> Entry:
        encode_shards(job, device, precision, batch_size)
        values, unreadable, without_direction = _merge(job)
        meta = {"encoder": chosen.name, "unreadable": list(unreadable.items()), "unusable": list(without_direction.items())}
        return store.save(KIND, key, {"values": values}, meta)

    entry = store.load(KIND, key)
    if entry is None or not fits(entry):
        entry = encoded_once(store, KIND, key, job, encode_all, fits)
    features = _features(images, chosen, key, entry)
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
    chosen = _chosen(encoder)
    key = feature_key(images, chosen, precision)
    entry = Store(cache_dir).load(KIND, key)
    return None if entry is None else _features(images, chosen, key, entry)


def feature_key(images: ImageSet, encoder: str | Encoder | None = None, precision: str = "float32") -> str:
    """Under what the features of these images are kept in the cache.

    Raises:
        UslError: no such encoder.
    """
    return _key(images.fingerprint, _chosen(encoder), precision)


def feature_fingerprint(image_fingerprint: str, encoder: str, *, cache_dir: Path | str | None = None) -> str | None:
    """The fingerprint of what `load_features` returns for images of that fingerprint, or None; reads no array.

    Raises:
        UslError: no such encoder.
    """
    key = _key(image_fingerprint, _chosen(encoder), "float32")
    meta = Store(cache_dir).meta(KIND, key)
    return None if meta is None else _key_of_the_rest(key, list(_dropped(meta)))


def encoded_images(images: ImageSet, encoder: str, *, cache_dir: Path | str | None = None) -> ImageSet | None:
    """The images of what `load_features` returns, row by row, or None; reads no array.

    Raises:
        UslError: no such encoder.
    """
    meta = Store(cache_dir).meta(KIND, feature_key(images, encoder))
    return None if meta is None else _images_without(images, _dropped(meta))


def _key(image_fingerprint: str, encoder: Encoder, precision: str) -> str:
    return fingerprint(KIND, ALGORITHM, image_fingerprint, encoder.name, encoder.identity(precision))


def _chosen(encoder: str | Encoder | None, weights: str | None = None) -> Encoder:
    if encoder is None:
        encoder = default_encoder()
    return get_encoder(encoder, weights) if isinstance(encoder, str) else encoder


def _image_set(images: ImageSet | Path | str, cache_dir: Path | str | None, report: Progress) -> ImageSet:
    if isinstance(images, str | Path):
        from .images import scan

        images = scan(images, cache_dir=cache_dir, on_progress=lambda _, note: report(0.0, note))
    if not isinstance(images, ImageSet):
        raise UslError(f"images must be an ImageSet, a folder or a .zip archive but is a {type(images).__name__}")
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
    dropped = _dropped(entry.meta)
    key, images = _key_of_the_rest(key, list(dropped)), _images_without(images, dropped)
    return Features(values=entry.arrays["values"], fingerprint=key, encoder=encoder.name, images=images)


def _dropped(meta: Mapping[str, Any]) -> dict[int, str]:
    """Images without a feature vector, each with its cause."""
    return dict(sorted(meta["unreadable"] + meta["unusable"]))


def _key_of_the_rest(key: str, dropped: list[int]) -> str:
    return fingerprint(key, dropped) if dropped else key


def _images_without(images: ImageSet, dropped: Mapping[int, str]) -> ImageSet:
    if not dropped:
        return images
    from .image_subsets import subset

    problems = tuple(Problem(images.paths[index], cause) for index, cause in dropped.items())
    return subset(images, [index for index in range(len(images)) if index not in dropped], problems)


def _merge(job: Job) -> tuple[FloatArray, dict[int, str], dict[int, str]]:
    """The features of all images that have any; which could not be read; which have no feature vector; and why."""
    unreadable: dict[int, str] = {}
    filled = []
    for number in range(job.n_shards):
        shard = load_shard(job, number)
        unreadable |= dict(shard.meta["unreadable"])
        if shard.arrays:
            filled.append(number)

    def raw() -> Iterator[np.ndarray]:
        for number in filled:  # one at a time: each keeps a file open
            job.report(ENCODING, "putting the features together")
            yield load_shard(job, number).arrays["raw"]

    read = [index for index in range(len(job.images)) if index not in unreadable]
    values = job.encoder.finish(raw, len(read)) if read else np.empty((0, 1), dtype=np.float32)
    _unite_copies(values, [job.images.digests[index] for index in read])
    causes = _normalise(values, job.encoder.zero_cause)
    unusable = {read[row]: cause for row, cause in causes.items()}
    if len(causes) == len(values):
        job.shards.discard()  # the next attempt must look at the files again
        index, cause = min((unreadable | unusable).items())
        raise UslError(
            f"none of the {len(job.images)} images in {job.images.root} gives a feature vector; "
            f"the first is {job.images.paths[index]!r}: {cause}"
        )
    return _without(values, list(causes)), unreadable, unusable


def _without(values: FloatArray, rows: list[int]) -> FloatArray:
    """The other rows, moved together where they are: a second array would be as large as the first."""
    keep = np.ones(len(values), dtype=bool)
    keep[rows] = False
    kept = 0
    for start in range(0, len(values), _ROWS):
        block = values[start : start + _ROWS][keep[start : start + _ROWS]]
        values[kept : kept + len(block)] = block
        kept += len(block)
    return values[:kept]


def _unite_copies(values: FloatArray, digests: list[str]) -> None:
    """Give copies of a file the very same vector: a matrix product rounds by place in the batch, and their distance is 0."""
    first: dict[str, int] = {}
    for row, digest in enumerate(digests):
        original = first.setdefault(digest, row)
        if original != row:
            values[row] = values[original]


def _normalise(values: FloatArray, zero_cause: str) -> dict[int, str]:
    """Give every row unit length in place; a row that cannot have it is left alone and its cause returned."""
    causes: dict[int, str] = {}
    for start in range(0, len(values), _ROWS):
        block = values[start : start + _ROWS]
        lengths = np.sqrt(np.einsum("ij,ij->i", block, block, dtype=np.float64))
        for row in np.flatnonzero(~np.isfinite(lengths) | (lengths == 0)):
            causes[start + int(row)] = zero_cause if lengths[row] == 0 else "its feature vector is not finite"
            lengths[row] = 1.0
        block[:] = block / lengths[:, None]
    return causes


def _ignore(fraction: float, note: str) -> None:
    pass
