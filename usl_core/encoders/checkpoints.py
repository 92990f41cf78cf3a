"""Plain state dicts as encoders, and those that the authors of self-supervised methods published: `ssl:NAME`.

A checkpoint is an address or a file, an architecture, and the prefix under which the encoder stands among its tensors. Layers
after the features (projections, prototypes, classes) are left out.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from .architectures import network_with, shape_of
from .base import EncoderCard
from .cifar import CIFAR_RESNET18
from .download import fetch, told_where
from .network import NetworkEncoder
from .weights import NETWORKS, weights_dir

if TYPE_CHECKING:
    import torch

PREFIX = "ssl:"
_RESNET50 = "torchvision:resnet50"
_BASE = "https://dl.fbaipublicfiles.com"
_CLD_BASE = "https://people.eecs.berkeley.edu/~longlian/files"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A published state dict.

    Args:
        url: where it is downloaded from.
        architecture: what it has the shape of, see `architectures`.
        prefix: before the names of the encoder's tensors.
        training: what it was trained on.
        licence: of the weights.
        size_mb: about how large the file is; 0 where the authors do not say.
        sha256: first hex digits of its SHA-256, where they are published.
    """

    url: str
    architecture: str
    prefix: str
    training: str
    licence: str
    size_mb: float = 0.0
    sha256: str = ""

    @property
    def file(self) -> str:
        """Name of the weights file; of some the address alone tells whose it is."""
        return self.url.rpartition("/")[2]


_IMAGENET, _NO_LABELS = "ImageNet-1k", "self-supervised"
PUBLISHED: Mapping[str, Checkpoint] = {
    "ssl:moco-v2": Checkpoint(
        url=f"{_BASE}/moco/moco_checkpoints/moco_v2_800ep/moco_v2_800ep_pretrain.pth.tar",
        architecture=_RESNET50,
        prefix="module.encoder_q.",
        training=f"{_NO_LABELS} (MoCo v2, 800 epochs) on {_IMAGENET}",
        licence="MIT since 2023, CC BY-NC 4.0 before",
    ),
    "ssl:moco-v3": Checkpoint(
        url=f"{_BASE}/moco-v3/r-50-1000ep/r-50-1000ep.pth.tar",
        architecture=_RESNET50,
        prefix="module.base_encoder.",
        training=f"{_NO_LABELS} (MoCo v3, 1,000 epochs) on {_IMAGENET}",
        licence="CC BY-NC 4.0",
    ),
    "ssl:swav": Checkpoint(
        url=f"{_BASE}/deepcluster/swav_800ep_pretrain.pth.tar",
        architecture=_RESNET50,
        prefix="module.",
        training=f"{_NO_LABELS} (SwAV, 800 epochs) on {_IMAGENET}",
        licence="CC BY-NC 4.0",
    ),
    "ssl:barlow-twins": Checkpoint(
        url=f"{_BASE}/barlowtwins/ep1000_bs2048_lrw0.2_lrb0.0048_lambd0.0051/resnet50.pth",
        architecture=_RESNET50,
        prefix="",
        training=f"{_NO_LABELS} (Barlow Twins, 1,000 epochs) on {_IMAGENET}",
        licence="MIT",
        size_mb=94.2,
    ),
    "ssl:vicreg": Checkpoint(
        url=f"{_BASE}/vicreg/resnet50.pth",
        architecture=_RESNET50,
        prefix="",
        training=f"{_NO_LABELS} (VICReg, 1,000 epochs) on {_IMAGENET}",
        licence="MIT",
        size_mb=94.2,
    ),
    "ssl:dino-resnet50": Checkpoint(
        url=f"{_BASE}/dino/dino_resnet50_pretrain/dino_resnet50_pretrain.pth",
        architecture=_RESNET50,
        prefix="",
        training=f"{_NO_LABELS} (DINO) on {_IMAGENET}",
        licence="Apache-2.0",
        size_mb=94.2,
    ),
    "ssl:cld-cifar10": Checkpoint(
        url=f"{_CLD_BASE}/cifar10_ckpt_epoch_200.pth",
        architecture=CIFAR_RESNET18,
        prefix="module.",
        training=f"{_NO_LABELS} (CLD, 200 epochs) on CIFAR-10: the features of the USL paper",
        licence="not stated; the authors' code is MIT",
    ),
    "ssl:cld-cifar100": Checkpoint(
        url=f"{_CLD_BASE}/cifar100_ckpt_epoch_200.pth",
        architecture=CIFAR_RESNET18,
        prefix="module.",
        training=f"{_NO_LABELS} (CLD, 200 epochs) on CIFAR-100: the features of the USL paper",
        licence="not stated; the authors' code is MIT",
    ),
}
"""Sizes are given where they are known; hashes are not published."""


def cards() -> list[EncoderCard]:
    """Of all of them."""
    folder = weights_dir()
    return [
        EncoderCard(
            name=name,
            dim=shape_of(facts.architecture)[1],
            input_size=shape_of(facts.architecture)[0].side,
            training=facts.training,
            size_mb=facts.size_mb,
            licence=facts.licence,
            weights=name,
            weights_file=_file_of(name),
            weights_url=facts.url,
            cached=(folder / _file_of(name)).is_file(),
        )
        for name, facts in PUBLISHED.items()
    ]


class CheckpointEncoder(NetworkEncoder):
    """Features of a network with the weights of a state dict.

    Args:
        name: full name of the encoder.
        architecture: see `architectures`.
        prefix: before the names of the encoder's tensors.
        weights: names them in fingerprints.
        random_weights: seeded random weights instead; for benchmarks and tests only.
    """

    def __init__(self, name: str, architecture: str, prefix: str, weights: str, *, random_weights: bool = False) -> None:
        self.architecture, self.random_weights, self._prefix = architecture, random_weights, prefix
        preprocessing, dim = shape_of(architecture)
        super().__init__(
            name,
            weights_id="random weights, seed 0" if random_weights else f"{architecture} with weights {weights}",
            preprocessing=preprocessing,
            dim=dim,
            channels_last=NETWORKS[architecture].channels_last if architecture in NETWORKS else True,
            shard_size=128,
        )

    def network(self, on_note: Callable[[str], None]) -> torch.nn.Module:
        path = None if self.random_weights else self._path(on_note)
        return network_with(self.architecture, path, self._prefix, self.name)

    @abstractmethod
    def _path(self, on_note: Callable[[str], None]) -> Path:
        """The weights file, which is there."""


class PublishedEncoder(CheckpointEncoder):
    """Features of a published state dict.

    Args:
        name: a key of `PUBLISHED`.
        random_weights: see `CheckpointEncoder`.
    """

    def __init__(self, name: str, *, random_weights: bool = False) -> None:
        self._facts = facts = PUBLISHED[name]
        super().__init__(name, facts.architecture, facts.prefix, f"{name} {facts.url}", random_weights=random_weights)

    def _path(self, on_note: Callable[[str], None]) -> Path:
        facts, path = self._facts, weights_dir() / _file_of(self.name)
        if not path.is_file():
            try:
                fetch(facts.url, path, on_note, size_mb=facts.size_mb, sha256_prefix=facts.sha256)
            except (OSError, HTTPException) as error:
                size = f"{facts.size_mb:.0f} MB" if facts.size_mb else ""
                raise told_where(self.name, path.name, facts.url, path.parent, error, size) from error
        return path


def _file_of(name: str) -> str:
    """What the weights file is called here: several authors call theirs resnet50.pth."""
    return f"{name.removeprefix(PREFIX)}-{PUBLISHED[name].file}"
