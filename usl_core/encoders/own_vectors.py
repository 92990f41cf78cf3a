"""Vectors that were made elsewhere as an encoder: `vectors:NAME`, once their file was added. It sees no image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UslError
from ..types import FloatArray
from .base import EncoderCard, Model, RawBlocks
from .own_files import called, digest_of, is_name, read_record, record_path, records, write_record
from .vector_files import read_vectors
from .vector_table import VectorTable

if TYPE_CHECKING:
    from PIL.Image import Image

PREFIX = "vectors:"
BY_PATH, NATURAL, PLAIN = "path", "natural", "plain"
ORDERS = (NATURAL, PLAIN)
"""In which order of the images the rows stand that have no path: img2 before img10, or as `sorted` and ImageFolder have it."""
_CARD = ".vectors.json"
_WHAT = "file of vectors"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnVectors:
    """A file of vectors, as it was added.

    Args:
        name: full name, `vectors:` and what the user called it.
        path: of the file.
        digest: SHA-256 of the file, hex.
        n: number of vectors.
        dim: length of each.
        matched: what says which image a vector is of: `BY_PATH`, the path beside it, or one of `ORDERS`.
        left_out: columns of numbers that are no part of the vectors.
        size_mb: its size.
    """

    name: str
    path: str
    digest: str
    n: int
    dim: int
    matched: str
    left_out: tuple[str, ...]
    size_mb: float

    def __str__(self) -> str:
        how = "by path" if self.matched == BY_PATH else f"by {self.matched} order"
        rest = f"; left out: {', '.join(name or 'row numbers' for name in self.left_out)}" if self.left_out else ""
        return f"{self.n:,} vectors of {self.dim:,} numbers, matched {how}{rest}"


def cards() -> list[EncoderCard]:
    """Of those that were added here."""
    return [
        EncoderCard(
            name=known.name,
            dim=known.dim,
            input_size=0,
            training=f"yours: vectors from {Path(known.path).name}",
            size_mb=known.size_mb,
            licence="yours",
        )
        for known in own_vectors()
    ]


def own_vectors() -> list[OwnVectors]:
    """Those that were added here, by name. One whose record is damaged is left out; whoever asks for it hears why."""
    return records(_CARD, _read)


def add_vectors(path: Path | str, name: str | None = None, order: str | None = None) -> OwnVectors:
    """Make a file of vectors an encoder; the file stays where it is.

    Args:
        path: .npy, .npz, .csv, .tsv or .parquet, see `read_vectors`.
        name: what it is to be called; None: as the file. An encoder of that name is replaced.
        order: of `ORDERS`, for vectors without paths; None: natural.

    Raises:
        UslError: no such file, name or order, or it holds no vectors.
    """
    file = Path(path).expanduser().absolute()
    stem = called(file, name)
    if order not in (None, *ORDERS):
        raise UslError(f"order must be {' or '.join(map(repr, ORDERS))} but is {order!r}")
    table, digest = _unchanged(file)
    if table.names is not None and order is not None:
        raise UslError(f"the vectors in {file} are matched by the paths beside them, so an order means nothing; leave it out")
    known = OwnVectors(
        name=PREFIX + stem,
        path=str(file),
        digest=digest,
        n=table.n,
        dim=table.dim,
        matched=BY_PATH if table.names is not None else order or NATURAL,
        left_out=table.left_out,
        size_mb=round(file.stat().st_size / 1e6, 1),
    )
    write_record(record_path(stem, _CARD), asdict(known))
    return known


class VectorsEncoder:
    """Stands for vectors where an encoder is wanted: it has a name and an identity, and no network that could see an image.

    Args:
        name: `vectors:NAME` that was added.

    Raises:
        UslError: there is none.
    """

    shard_size = 1024
    decode_side = 1
    view_strength = 1.0

    def __init__(self, name: str) -> None:
        self.known = known = get_vectors(name)
        self.name, self.path = name, Path(known.path)
        self.zero_cause = f"its vector in {self.path.name} is zero, so it has no direction"

    def identity(self, precision: str) -> tuple[str, ...]:
        return (f"vectors {self.known.digest}", f"matched by {self.known.matched}; version 1")

    @contextmanager
    def reading(self) -> Iterator[VectorTable]:
        """The file as it was added, while its vectors are read.

        Raises:
            UslError: it cannot be read, is another one, or was changed meanwhile.
        """
        stamp = _stamp(self.path)
        table, digest = _unchanged(self.path)
        if digest != self.known.digest:
            raise UslError(f"the {_WHAT} {self.path} is another one than was added as {self.name}; add it again")
        yield table
        _check(self.path, stamp)

    def prepare(self, image: Image) -> NDArray[np.uint8]:
        raise self.refusal("an image")

    def load(self, device: str, precision: str, on_note: Callable[[str], None]) -> Model:
        raise self.refusal("images")

    def finish(self, raw: RawBlocks, n: int, fit: tuple[RawBlocks, int] | None = None) -> FloatArray:
        raise self.refusal("images")

    def refusal(self, what: str, instead: str = "choose another encoder for that") -> UslError:
        """Why it cannot encode that, and what to do instead."""
        return UslError(
            f"{self.name} are vectors from {self.path.name}, made elsewhere: no network is here that could encode {what}; "
            + instead
        )


def is_vectors(name: str) -> bool:
    """Whether an encoder of that name stands for vectors."""
    return name.startswith(PREFIX)


def get_vectors(name: str) -> OwnVectors:
    """Vectors that were added.

    Raises:
        UslError: none of that name, or their record is damaged.
    """
    stem = name.removeprefix(PREFIX)
    path = record_path(stem, _CARD)
    if not is_name(stem) or not path.is_file():
        known = [one.name for one in own_vectors()]
        raise UslError(
            f"there are no vectors {name!r}; add their file first (add-vectors FILE). There are: {', '.join(known) or 'none'}"
        )
    return _read(path)


def _unchanged(path: Path) -> tuple[VectorTable, str]:
    """What the file holds, and its digest, both of the same bytes."""
    stamp = _stamp(path)
    table, digest = read_vectors(path), digest_of(path, _WHAT)
    _check(path, stamp)
    return table, digest


def _stamp(path: Path) -> tuple[int, ...]:
    """What changes whenever a file does."""
    try:
        facts = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise UslError(f"the {_WHAT} {path} cannot be read ({getattr(error, 'strerror', None) or error})") from error
    return facts.st_size, facts.st_mtime_ns, facts.st_ino


def _check(path: Path, stamp: tuple[int, ...]) -> None:
    if stamp != _stamp(path):
        raise UslError(f"the {_WHAT} {path} was changed while it was read; try again")


def _read(path: Path) -> OwnVectors:
    return read_record(path, _made, _WHAT)


def _made(left_out: list[str], **rest: Any) -> OwnVectors:
    known = OwnVectors(left_out=tuple(left_out), **rest)
    if known.matched not in (BY_PATH, *ORDERS):
        raise ValueError(f"matched is {known.matched!r}")
    return known
