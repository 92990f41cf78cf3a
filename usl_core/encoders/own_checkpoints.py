"""Weights files of the user's own as encoders: `file:NAME`, once the file was added with its architecture and prefix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import UslError
from .architectures import network_with, shape_of
from .base import EncoderCard
from .checkpoints import CheckpointEncoder
from .own_files import called, digest_of, is_name, read_record, record_path, records, write_record

PREFIX = "file:"
_CARD = ".checkpoint.json"
_WHAT = "weights file"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCheckpoint:
    """A weights file of the user's own, as it was added.

    Args:
        name: full name, `file:` and what the user called it.
        path: of the file.
        architecture: see `architectures`.
        prefix: before the names of the encoder's tensors.
        digest: SHA-256 of the file, hex.
        size_mb: its size.
    """

    name: str
    path: str
    architecture: str
    prefix: str
    digest: str
    size_mb: float


def cards() -> list[EncoderCard]:
    """Of those that were added here."""
    return [
        EncoderCard(
            name=known.name,
            dim=shape_of(known.architecture)[1],
            input_size=shape_of(known.architecture)[0].side,
            training=f"yours: {Path(known.path).name} as {known.architecture}",
            size_mb=known.size_mb,
            licence="yours",
            cached=Path(known.path).is_file(),
        )
        for known in own_checkpoints()
    ]


def own_checkpoints() -> list[OwnCheckpoint]:
    """Those that were added here, by name. One whose record is damaged is left out; whoever asks for it hears why."""
    return records(_CARD, _read)


def add_checkpoint(path: Path | str, architecture: str, prefix: str = "", name: str | None = None) -> OwnCheckpoint:
    """Make a weights file an encoder; the file stays where it is.

    Args:
        path: .safetensors, or written by `torch.save`; tensors only.
        architecture: see `architectures`, or `timm:NAME`.
        prefix: before the names of the encoder's tensors.
        name: what it is to be called; None: as the file. An encoder of that name is replaced.

    Raises:
        UslError: no such file or architecture, not such a name, or the tensors do not fit: which are missing.
    """
    file = Path(path).expanduser().absolute()
    stem = called(file, name)
    shape_of(architecture)
    digest = digest_of(file, _WHAT)
    known = OwnCheckpoint(
        name=PREFIX + stem,
        path=str(file),
        architecture=architecture,
        prefix=prefix,
        digest=digest,
        size_mb=round(file.stat().st_size / 1e6, 1),
    )
    network_with(architecture, file, prefix, known.name)
    write_record(record_path(stem, _CARD), asdict(known))
    return known


class OwnEncoder(CheckpointEncoder):
    """Features of a network with weights of the user's own.

    Args:
        name: `file:NAME` that was added.

    Raises:
        UslError: there is none.
    """

    def __init__(self, name: str) -> None:
        self._known = known = get_own(name)
        super().__init__(name, known.architecture, known.prefix, f"{known.digest} {known.prefix}")

    def _path(self, on_note: Callable[[str], None]) -> Path:
        path = Path(self._known.path)
        if digest_of(path, _WHAT) != self._known.digest:
            raise UslError(f"the weights file {path} is another one than was added as {self.name}; add it again")
        return path


def get_own(name: str) -> OwnCheckpoint:
    """A checkpoint that was added.

    Raises:
        UslError: none of that name, or its record is damaged.
    """
    stem = name.removeprefix(PREFIX)
    path = record_path(stem, _CARD)
    if not is_name(stem) or not path.is_file():
        known = [one.name for one in own_checkpoints()]
        raise UslError(
            f"there is no encoder {name!r}; add the weights file first (add-encoder FILE --arch NAME). "
            f"There are: {', '.join(known) or 'none'}"
        )
    return _read(path)


def _read(path: Path) -> OwnCheckpoint:
    return read_record(path, OwnCheckpoint, _WHAT)
