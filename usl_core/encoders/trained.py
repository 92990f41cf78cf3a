"""Encoders that were trained here: exported once, they stand in the list of encoders like any other.

Each is two files in one directory: `<name>.safetensors`, the weights, and `<name>.json`, its card.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..disk import told_if_unwritable
from ..errors import UslError
from .network import behead
from .small import SMALL_NETWORKS, SmallEncoder
from .torchvision import TorchvisionEncoder
from .weights import NETWORKS

if TYPE_CHECKING:
    import numpy as np
    import torch

PREFIX = "trained:"
FORMAT_VERSION = 1
ENV_ENCODERS_DIR = "USL_ENCODERS_DIR"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedCard:
    """What is known of an exported encoder.

    Args:
        name: full name, `trained:` and what the user called it.
        network: what it has the shape of, a key of `NETWORKS` or of `SMALL_NETWORKS`.
        training: what it was trained on, in words.
        digest: SHA-256 of the weights file, hex.
        size_mb: size of that file.
    """

    name: str
    network: str
    training: str
    digest: str
    size_mb: float


def encoders_dir() -> Path:
    """`USL_ENCODERS_DIR` if it is set, else where the platform keeps a user's data: what took hours is no cache."""
    from_environment = os.environ.get(ENV_ENCODERS_DIR)
    if from_environment:
        return Path(from_environment).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("usl-explorer", appauthor=False)) / "encoders"


def trained_cards() -> list[TrainedCard]:
    """The exported encoders by name. One whose card is damaged is left out; whoever asks for that encoder hears why."""
    found = []
    for path in (path for path in sorted(encoders_dir().glob("*.json")) if "." not in path.stem):
        try:
            found.append(_read(path))
        except UslError:
            continue
    return found


def export_encoder(name: str, network: str, weights: Mapping[str, np.ndarray], training: str) -> TrainedCard:
    """Keep a trained network as an encoder.

    Args:
        name: letters, digits, `-` and `_`, at most 40; an encoder of that name is replaced.
        network: what it has the shape of, a key of `NETWORKS` or of `SMALL_NETWORKS`.
        weights: its tensors by name, without the last layer.
        training: what it was trained on, in words.

    Raises:
        UslError: not such a name, or the directory cannot be written.
    """
    import numpy as np
    from safetensors.numpy import save

    check_name(name)
    content = save({key: np.array(value, order="C") for key, value in weights.items()})
    card = TrainedCard(
        name=PREFIX + name,
        network=network,
        training=training,
        digest=hashlib.sha256(content).hexdigest(),
        size_mb=round(len(content) / 1e6, 1),
    )
    folder = encoders_dir()
    remedy = f"free some space, or set {ENV_ENCODERS_DIR} to another folder"
    with told_if_unwritable(f"the encoder in {folder}", folder, remedy, len(content)):
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / f"{name}.safetensors", content)
        write_whole(folder / f"{name}.json", json.dumps({"format": FORMAT_VERSION, **asdict(card)}, indent=1).encode())
    return card


def check_name(name: str) -> None:
    """Raise a UslError unless an encoder may be exported under that name."""
    if not _NAME.fullmatch(name):
        raise UslError(f"an encoder's name must be 1 to 40 letters, digits, '-' or '_' but is {name!r}")


def name_for(title: str) -> str:
    """A name for the encoder of images that are called so."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", title).strip("-")[:40] or "images"


def get_trained(name: str) -> TrainedEncoder | SmallEncoder:
    """The exported encoder of that full name.

    Raises:
        UslError: there is none, or its card is damaged.
    """
    stem = name.removeprefix(PREFIX)
    path = encoders_dir() / f"{stem}.json"
    if not _NAME.fullmatch(stem) or not path.is_file():
        known = [card.name for card in trained_cards()]
        raise UslError(f"there is no trained encoder {name!r} in {encoders_dir()}; there are: {', '.join(known) or 'none'}")
    card = _read(path)
    if card.network not in SMALL_NETWORKS:
        return TrainedEncoder(card)
    return SmallEncoder(card.name, card.network, card.digest, lambda: _weights(card))


class TrainedEncoder(TorchvisionEncoder):
    """An exported encoder of the shape of one of torchvision's.

    Args:
        card: its card.
    """

    def __init__(self, card: TrainedCard) -> None:
        super().__init__(card.network)
        self.card, self.name = card, card.name
        self.zero_cause = f"{card.name} gives it a feature vector of zeros, which has no direction"

    def identity(self, precision: str) -> tuple[str, ...]:
        return (f"{self.architecture} with weights {self.card.digest}", *super().identity(precision)[1:])

    def _fill(self, network: torch.nn.Module, on_note: Callable[[str], None]) -> None:
        import torch

        behead(network, self.facts.head)
        network.load_state_dict({name: torch.tensor(value) for name, value in _weights(self.card).items()})


def read_weights(path: Path, digest: str, remedy: str) -> dict[str, np.ndarray]:
    """The tensors of a safetensors file by name.

    Args:
        path: the file.
        digest: SHA-256 that it must have, hex.
        remedy: what to do if it has another, or cannot be read.

    Raises:
        UslError: one of these is so.
    """
    from safetensors.numpy import load

    try:
        content = path.read_bytes()
    except OSError as error:
        raise UslError(f"the weights file {path} cannot be read ({error.strerror}); {remedy}") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise UslError(f"the weights file {path} is not the one that its card describes; {remedy}")
    return load(content)


def _weights(card: TrainedCard) -> dict[str, np.ndarray]:
    path = encoders_dir() / f"{card.name.removeprefix(PREFIX)}.safetensors"
    return read_weights(path, card.digest, "train and export it again")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file of `encoders_dir`, whole or not at all."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        scratch.write_bytes(content)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def _read(path: Path) -> TrainedCard:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document.pop("format") != FORMAT_VERSION or document["network"] not in {*NETWORKS, *SMALL_NETWORKS}:
            raise ValueError("it is of another version")
        card = TrainedCard(**document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UslError(f"the card {path} of a trained encoder is damaged ({error}); train and export it again") from error
    if card.name != PREFIX + path.stem:
        raise UslError(f"the card {path} is that of {card.name!r}; give the two files of that encoder their name back")
    return card
