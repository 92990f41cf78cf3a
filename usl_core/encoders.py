"""What turns images into feature vectors: the list of encoders, their common shape, and the one that needs no weights.

An encoder works in three stages, so that interrupted work can go on where it stopped: `prepare` (one image, in a worker
thread), the model from `load` (a batch, raw vectors, kept on disk in shards), `finish` (all raw vectors -> features).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from .arithmetic import blas_threads
from .encoder_bundled import NAME as BUNDLED
from .encoder_bundled import bundled_card, bundled_encoder
from .encoder_small import SIDE, SMALL_NETWORKS, small_pixels
from .encoder_torchvision import TorchvisionEncoder
from .encoder_trained import PREFIX, get_trained, trained_cards
from .encoder_weights import LICENCE, NETWORKS, TRAINING, weights_dir
from .errors import UslError
from .pretrain.params import METHODS
from .types import FloatArray

if TYPE_CHECKING:
    from PIL.Image import Image

RawBlocks = Callable[[], Iterator[np.ndarray]]
"""Each call goes once more over the raw vectors: blocks of (some, r), in order of the images."""

PIXELS = "pixels:pca"
MAX_DIM = 64
FIT_ON = 10_000
MEAN_IMAGE = 1e-3
"""A picture this near to the mean (Euclidean, in grey levels over all pixels) is the mean but for rounding."""
_EXACT_UP_TO = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderCard:
    """What a user should know before choosing an encoder.

    Args:
        name: what `encode` takes.
        dim: length of the feature vectors.
        input_size: side of the square that the encoder sees, in pixels.
        training: what it was trained on.
        size_mb: size of the weights file in MB; 0 without one.
        licence: of code and weights.
        weights: the published weights' own name, empty without.
        weights_file: name of the weights file, empty without.
        weights_url: where that file is downloaded from, once.
        cached: ready without network.
    """

    name: str
    dim: int | str
    input_size: int
    training: str
    size_mb: float = 0.0
    licence: str
    weights: str = ""
    weights_file: str = ""
    weights_url: str = ""
    cached: bool = True

    @property
    def size(self) -> str:
        """The weights file in words."""
        return f"{self.size_mb:.{0 if self.size_mb >= 10 else 1}f} MB" if self.size_mb else "no weights"


class Model(Protocol):
    """An encoder that is loaded: (b, h, w, 3) uint8 pixels -> (b, r) raw vectors.

    Args:
        batch_size: images per call that suit the device.
        overlap: whether decoding should go on meanwhile; not so on a CPU, where both want all cores.

    An attribute `concurrent` that is True says that several threads may call it at once, with torch on one core each.
    """

    batch_size: int
    overlap: bool

    def __call__(self, pixels: NDArray[np.uint8]) -> np.ndarray: ...


class Encoder(Protocol):
    """What `encode` needs of an encoder. Making one imports nothing heavy; `load` does.

    Args:
        name: full name, part of the fingerprint.
        shard_size: images between two saves, some 10 s of work.
        decode_side: a JPEG may be decoded at reduced size while its short side keeps this many pixels.
        zero_cause: why an image whose feature vector is zero cannot be used, for the problem report.
        view_strength: how strongly an image may be augmented and still be recognised, see `augment`.
    """

    name: str
    shard_size: int
    decode_side: int
    zero_cause: str
    view_strength: float

    def identity(self, precision: str) -> tuple[str, ...]:
        """Everything that the features depend on beside the images: weights, preprocessing, precision, each versioned."""

    def prepare(self, image: Image) -> NDArray[np.uint8]:
        """(h, w, 3) uint8 pixels of one RGB image, the same shape for all."""

    def load(self, device: str, precision: str, on_note: Callable[[str], None]) -> Model:
        """The model on its device. Raises UslError if that cannot be."""

    def finish(self, raw: RawBlocks, n: int, fit: tuple[RawBlocks, int] | None = None) -> FloatArray:
        """(n, d) float32 features from all n raw vectors, not normalised; a zero or non-finite row is dropped later.

        Args:
            raw: the raw vectors.
            n: their number.
            fit: raw vectors, and their number, that whatever depends on the whole set is fitted on; None: `raw` itself.
        """


def encoder_cards() -> list[EncoderCard]:
    """All encoders: the one without weights, the bundled, the published, those trained here.

    Imports nothing heavy, needs no network.

    >>> [card.name for card in usl.encoder_cards()][:2]
    ['pixels:pca', 'bundled:mini']
    """
    pixels = EncoderCard(
        name=PIXELS,
        dim=f"up to {MAX_DIM}",
        input_size=SIDE,
        training="none: principal axes of the images themselves",
        licence="MIT",
    )
    ours = bundled_card()
    bundled = EncoderCard(
        name=BUNDLED,
        dim=SMALL_NETWORKS[ours["network"]].dim,
        input_size=SIDE,
        training=f"{METHODS[ours['recipe']['method']]}, {ours['recipe']['n_epochs']} epochs on {ours['data']}",
        size_mb=ours["size_mb"],
        licence=ours["licence"],
    )
    folder = weights_dir()
    published = [
        EncoderCard(
            name=name,
            dim=facts.dim,
            input_size=224,
            training=TRAINING,
            size_mb=facts.size_mb,
            licence=LICENCE,
            weights=facts.weights,
            weights_file=facts.file,
            weights_url=facts.url,
            cached=(folder / facts.file).is_file(),
        )
        for name, facts in NETWORKS.items()
    ]
    trained = [
        EncoderCard(
            name=card.name,
            dim=(SMALL_NETWORKS if (is_small := card.network in SMALL_NETWORKS) else NETWORKS)[card.network].dim,
            input_size=SIDE if is_small else 224,
            training=card.training,
            size_mb=card.size_mb,
            licence="yours: trained here from random weights" if is_small else LICENCE,
        )
        for card in trained_cards()
    ]
    return [pixels, bundled, *published, *trained]


def default_encoder() -> str:
    """What images are looked at through unless the user says otherwise, by its full name.

    A published network whose weights are here already, the first of the list if there are several; else the bundled encoder.

    >>> usl.default_encoder() in [card.name for card in usl.encoder_cards()]
    True
    """
    folder = weights_dir()
    return next((name for name, facts in NETWORKS.items() if (folder / facts.file).is_file()), BUNDLED)


def get_encoder(name: str, weights: str | None = None) -> Encoder:
    """The encoder of that name.

    Args:
        name: as in `encoder_cards()`.
        weights: None for the published ones; `random` for seeded random ones, for benchmarks and tests.

    Raises:
        UslError: no such encoder, or weights that it cannot have.
    """
    if name.startswith(PREFIX) and weights is None:
        return get_trained(name)
    if name not in (PIXELS, BUNDLED, *NETWORKS):
        raise UslError(f"there is no encoder {name!r}; choose one of {', '.join([PIXELS, BUNDLED, *NETWORKS])}")
    choices = (None,) if name == PIXELS else (None, "random")
    if weights not in choices:
        raise UslError(f"weights of {name} must be {' or '.join(map(repr, choices))} but is {weights!r}")
    if name == BUNDLED:
        return bundled_encoder(random_weights=weights == "random")
    return PixelEncoder() if name == PIXELS else TorchvisionEncoder(name, random_weights=weights == "random")


class PixelEncoder:
    """Principal components of the images at 32 x 32 pixels; knows nothing but these images.

    The axes are fitted on at most 10,000 images, spread evenly over the set, exactly up to 512 and by randomised
    projections above (Halko et al. 2011, https://arxiv.org/abs/0909.4061); at most 64 are kept, and no more than the rank.
    Device and precision have no effect.
    """

    name = PIXELS
    shard_size = 1024
    decode_side = 2 * SIDE
    zero_cause = "it equals the mean image, so it has no direction"
    view_strength = 0.1  # on digits; at 0.3 their mean cosine with the image is 0.8 and assignments stay unsure, at 1 it is 0.2
    batch_size = 64
    overlap = True

    def identity(self, precision: str) -> tuple[str, ...]:
        return (
            "no weights",
            f"rgb {SIDE}x{SIDE} bilinear antialiased; version 1",
            f"pca {MAX_DIM}, fitted on {FIT_ON}; version 1",
        )

    def prepare(self, image: Image) -> NDArray[np.uint8]:
        return small_pixels(image)

    def load(self, device: str, precision: str, on_note: Callable[[str], None]) -> Model:
        return self

    def __call__(self, pixels: NDArray[np.uint8]) -> np.ndarray:
        return pixels.reshape(len(pixels), -1)

    def finish(self, raw: RawBlocks, n: int, fit: tuple[RawBlocks, int] | None = None) -> FloatArray:
        """Projections onto the principal axes; the first unit vector for every row if all images are the same."""
        sample = _sample(*(fit or (raw, n)))
        if not (sample != sample[0]).any():
            return np.ones((n, 1), dtype=np.float32)
        row = 0
        with blas_threads(1):  # the axes would turn a little with the number of threads
            mean, axes = _principal_axes(sample)
            values = np.empty((n, axes.shape[1]), dtype=np.float32)
            for block in raw():
                values[row : row + len(block)] = (block.astype(axes.dtype) - mean) @ axes
                row += len(block)
        values[np.sqrt(np.einsum("ij,ij->i", values, values)) <= MEAN_IMAGE] = 0.0
        return values


def _sample(raw: RawBlocks, n: int) -> NDArray[np.uint8]:
    """At most FIT_ON rows spread evenly, or, if these are all equal, those that differ from them."""
    wanted = np.linspace(0, n - 1, min(n, FIT_ON)).round().astype(np.int64)
    rows, start = [], 0
    for block in raw():
        inside = wanted[(wanted >= start) & (wanted < start + len(block))]
        rows.append(block[inside - start])
        start += len(block)
    sample = np.concatenate(rows)
    if (sample != sample[0]).any():
        return sample
    rare = [sample[:1]]
    for block in raw():
        room = FIT_ON - sum(map(len, rare))
        rare.append(block[np.flatnonzero((block != sample[0]).any(axis=1))[:room]])
        if len(rare[-1]) == room:
            break
    return np.concatenate(rare)


def _principal_axes(sample: NDArray[np.uint8]) -> tuple[np.ndarray, np.ndarray]:
    """Mean (r,) and axes (r, d) of rows that are not all equal; the largest entry of each axis is positive."""
    exact = len(sample) <= _EXACT_UP_TO
    dtype = np.float64 if exact else np.float32
    mean = sample.mean(axis=0, dtype=np.float64).astype(dtype)
    centred, count = sample.astype(dtype) - mean, min(MAX_DIM, *sample.shape)
    if exact:  # as scikit-learn does it, to the last bit; loading that takes longer than all the rest
        from scipy.linalg import svd

        centred -= centred.mean(axis=0)
        _, spread, components = svd(centred, full_matrices=False)
        spread, components = spread[:count], components[:count]
    else:
        from sklearn.decomposition import PCA

        solver = PCA(count, svd_solver="randomized", random_state=0).fit(centred)
        spread, components = solver.singular_values_, solver.components_
    axes = components[spread > spread[0] * max(sample.shape) * np.finfo(dtype).eps].T
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=0)[None], axis=0)
    return mean, axes * np.sign(largest)
