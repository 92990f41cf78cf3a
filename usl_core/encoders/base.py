"""The shape of an encoder, whatever it is made of.

An encoder works in three stages, so that interrupted work can go on where it stopped: `prepare` (one image, in a worker
thread), the model from `load` (a batch, raw vectors, kept on disk image by image), `finish` (all raw vectors -> features).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from ..types import FloatArray

if TYPE_CHECKING:
    from PIL.Image import Image

RawBlocks = Callable[[], Iterator[np.ndarray]]
"""Each call goes once more over the raw vectors: blocks of (some, r), in order of the images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderCard:
    """What a user should know before choosing an encoder.

    Args:
        name: what `encode` takes.
        dim: length of the feature vectors.
        input_size: side of the square that the encoder sees, in pixels; 0: it sees none, its vectors were made elsewhere.
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
        if not self.size_mb:
            return "size not published" if self.weights_url else "no weights"
        return f"{self.size_mb:.{0 if self.size_mb >= 10 else 1}f} MB"


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


def filled(raw: RawBlocks, n: int, dim: int) -> FloatArray:
    """Blocks that hold n vectors as one (n, dim) float32 array; beside it there is never more than one block in memory."""
    values = np.empty((n, dim), dtype=np.float32)
    row = 0
    for block in raw():
        values[row : row + len(block)] = block
        row += len(block)
    return values
