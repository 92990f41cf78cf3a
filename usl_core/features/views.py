"""Augmented views of an image set as features: one as it is, A strongly augmented; encoded once and kept like features."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..cache.store import Entry, Store, fingerprint
from ..encoders.base import Encoder, Model, RawBlocks
from ..encoders.own_vectors import VectorsEncoder
from ..encoders.registry import get_encoder
from ..errors import UslError
from ..types import Features, FloatArray, Progress, Views
from ..validation import real_number, whole_number
from .augment import VERSION, draw, strong_views
from .batches import ENCODING, Job
from .once import encoded_once, raw_vectors

if TYPE_CHECKING:
    from PIL.Image import Image

KIND = "views"
ALGORITHM = 1  # a new number makes every cached entry a miss
_ROWS = 4096


def encode_views(
    features: Features,
    n_views: int = 4,
    *,
    strength: float | None = None,
    seed: int = 0,
    cache_dir: Path | str | None = None,
    on_progress: Progress | None = None,
    device: str = "auto",
    precision: str = "float32",
    encoder: Encoder | None = None,
) -> Views:
    """The views of every image. Those of an image that were encoded before, in this set or another, are not encoded again.

    Args:
        features: of the images; their encoder sees the views.
        n_views: A >= 1.
        strength: of the augmentation in (0, 1], see `augment`; None: what suits the encoder.
        seed: of the augmentations. An image's views depend on it and on the image's pixels alone.
        cache_dir: see `Store`.
        on_progress: told after every batch; may raise `Cancelled`, and the next call goes on where this one stopped.
        device: see `encode`.
        precision: see `encode`.
        encoder: what made `features`, if it is none of `encoder_cards()`.

    Returns:
        Views.

    Raises:
        UslError: an image cannot be read any more, or what `encode` refuses.

    >>> features = usl.encode(usl.load_demo("digits").images, "pixels:pca")
    >>> usl.encode_views(features, 1).values.shape
    (1797, 2, 64)
    """
    store, key, wrapped = _place(features, n_views, strength, seed, cache_dir, precision, encoder)
    entry = store.load(KIND, key)
    if entry is None:
        report: Progress = on_progress or (lambda fraction, note: None)
        settings = (KIND, VERSION, n_views, wrapped.view_strength, seed)
        job = Job(images=features.images, encoder=wrapped, device=device, precision=precision, settings=settings, report=report)

        def encode_all() -> Entry:
            return store.save(KIND, key, {"values": _computed(store, job, wrapped)})

        entry = encoded_once(store, KIND, key, job, encode_all, lambda entry: True)
    return Views(values=entry.arrays["values"], fingerprint=key)


def views_key(
    features: Features, n_views: int = 4, *, strength: float | None = None, seed: int = 0, precision: str = "float32"
) -> str:
    """The fingerprint that these views have, without looking for them."""
    return _place(features, n_views, strength, seed, None, precision, None)[1]


def _place(
    features: Features,
    n_views: int,
    strength: float | None,
    seed: int,
    cache_dir: Path | str | None,
    precision: str,
    encoder: Encoder | None,
) -> tuple[Store, str, _EveryView]:
    whole_number(n_views, "n_views (A)", 1)
    whole_number(seed, "seed", 0)
    inner = encoder or get_encoder(features.encoder)
    if isinstance(inner, VectorsEncoder):
        raise inner.refusal("augmented views", "train USL-T without any (n_views=0, --views 0)")
    strength = inner.view_strength if strength is None else real_number(strength, "view_strength", 0, 1, open_low=True)
    wrapped = _EveryView(inner, n_views, strength, seed)
    key = fingerprint(KIND, ALGORITHM, features.fingerprint, VERSION, n_views, strength, seed, wrapped.identity(precision))
    return Store(cache_dir), key, wrapped


class _EveryView:
    """An encoder that sees an image and its strong views, each as large as the inner encoder wants it.

    The views are made of what the inner encoder sees: augmenting a photo at full size would take longer than encoding it.
    """

    def __init__(self, inner: Encoder, n_views: int, strength: float, seed: int) -> None:
        self.inner, self.n_views, self.view_strength, self.seed = inner, n_views, strength, seed
        self.name, self.decode_side, self.zero_cause = inner.name, inner.decode_side, inner.zero_cause
        self.shard_size = max(1, inner.shard_size // (1 + n_views))

    def identity(self, precision: str) -> tuple[str, ...]:
        return self.inner.identity(precision)

    def prepare(self, image: Image) -> NDArray[np.uint8]:
        return self.inner.prepare(image)

    def load(self, device: str, precision: str, on_note: Callable[[str], None]) -> Model:
        return _EveryViewModel(self.inner.load(device, precision, on_note), self)

    def finish(self, raw: RawBlocks, n: int, fit: tuple[RawBlocks, int] | None = None) -> FloatArray:
        """(n * (1 + A), d) features, fitted on the images as they are."""

        def flat() -> Iterator[np.ndarray]:
            for block in raw():
                yield block.reshape(-1, block.shape[-1])

        def plain() -> Iterator[np.ndarray]:
            for block in raw():
                yield block[:, 0]

        return self.inner.finish(flat, n * (1 + self.n_views), fit or (plain, n))


class _EveryViewModel:
    """(b, s, s, 3) pixels -> (b, 1 + A, r) raw vectors."""

    def __init__(self, inner: Model, outer: _EveryView) -> None:
        self._inner, self._outer = inner, outer
        self.batch_size = inner.batch_size
        self.overlap = inner.overlap
        self.concurrent = getattr(inner, "concurrent", False)

    def __call__(self, pixels: NDArray[np.uint8]) -> np.ndarray:
        import torch

        outer = self._outer
        contents = [zlib.crc32(picture.tobytes()) for picture in pixels]
        draws = [draw(np.random.default_rng([outer.seed, it, view])) for it in contents for view in range(outer.n_views)]
        x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().repeat_interleave(outer.n_views, dim=0)
        strong = strong_views(x, np.stack(draws), outer.view_strength).to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
        # In batches of the size that suits the device, as the images themselves.
        raw = [self._inner(strong[start : start + self.batch_size]) for start in range(0, len(strong), self.batch_size)]
        views = np.concatenate(raw)
        return np.concatenate([self._inner(pixels)[:, None], views.reshape(len(pixels), outer.n_views, -1)], axis=1)


def _computed(store: Store, job: Job, encoder: _EveryView) -> FloatArray:
    """(n, 1 + A, d) unit rows. A view without a direction, say a grey square over all there was, gives way to the image."""
    n = len(job.images)
    with raw_vectors(store, job) as (vectors, unreadable):
        if unreadable:
            index, cause = min(unreadable.items())
            raise UslError(
                f"{job.images.paths[index]!r} in {job.images.root} cannot be read any more ({cause}); encode the images again"
            )
        raw = vectors.raw(np.arange(n), encoder.shard_size, lambda: job.report(ENCODING, "putting the views together"))
        values = encoder.finish(raw, n).reshape(n, 1 + encoder.n_views, -1)
    for start in range(0, n, _ROWS):
        block = values[start : start + _ROWS]
        lengths = np.sqrt(np.einsum("ijk,ijk->ij", block, block, dtype=np.float64))
        lost = ~np.isfinite(lengths) | (lengths == 0)
        if lost[:, 0].any():
            index = start + int(np.argmax(lost[:, 0]))
            raise UslError(f"{job.images.paths[index]!r} gives no feature vector any more; encode the images again")
        lengths[lost] = 1.0
        block /= lengths[..., None].astype(np.float32)
        rows, views = np.nonzero(lost)
        block[rows, views] = block[rows, 0]
    return values
