"""torchvision's published ImageNet weights: what is known of each network, and how its weights file gets here.

The facts stand in a table so that listing the encoders, or reading features back from the cache, does not import torch;
a test holds the table against torchvision's own metadata.
Reference: https://docs.pytorch.org/vision/stable/models.html
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from ..errors import UslError
from .download import fetch, told_where
from .state_dicts import read_tensors

LICENCE = "BSD-3-Clause (torchvision); ImageNet's terms, non-commercial research, may bind the weights"
TRAINING = "supervised on ImageNet-1k"
_WEIGHTS_HOST = "https://download.pytorch.org/models"


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What is known of one network without importing torch.

    Args:
        builder: its function in `torchvision.models`.
        weights: the published weights, as torchvision's enum calls them.
        url: where the weights file comes from; its name ends in the first 8 hex digits of its SHA-256.
        size_mb: size of that file in MB.
        head: the module that is replaced by the identity, so that what precedes the classes comes out.
        dim: length of that vector.
        resize: short side before the centre crop, in pixels.
        channels_last: measured faster in this layout on a CPU (ResNets by 1.2-1.6x, ConvNeXt is no faster).
        shard_size: images between two saves, some 10 s of work on two cores.
    """

    builder: str
    weights: str
    url: str
    size_mb: float
    head: str
    dim: int
    resize: int
    channels_last: bool
    shard_size: int

    @property
    def file(self) -> str:
        """Name of the weights file."""
        return self.url.rpartition("/")[2]

    @property
    def hash_prefix(self) -> str:
        """First hex digits of the SHA-256 of the weights file, from its name."""
        return self.file.rpartition("-")[2].partition(".")[0]


NETWORKS = {
    "torchvision:resnet18": Network(
        builder="resnet18",
        weights="ResNet18_Weights.IMAGENET1K_V1",
        url=f"{_WEIGHTS_HOST}/resnet18-f37072fd.pth",
        size_mb=44.7,
        head="fc",
        dim=512,
        resize=256,
        channels_last=True,
        shard_size=256,
    ),
    "torchvision:resnet50": Network(
        builder="resnet50",
        weights="ResNet50_Weights.IMAGENET1K_V2",
        url=f"{_WEIGHTS_HOST}/resnet50-11ad3fa6.pth",
        size_mb=97.8,
        head="fc",
        dim=2048,
        resize=232,
        channels_last=True,
        shard_size=128,
    ),
    # The last of the two layers of the classifier goes; the first, 576 -> 1024 with its hard-swish, stays.
    "torchvision:mobilenet_v3_small": Network(
        builder="mobilenet_v3_small",
        weights="MobileNet_V3_Small_Weights.IMAGENET1K_V1",
        url=f"{_WEIGHTS_HOST}/mobilenet_v3_small-047dcff4.pth",
        size_mb=9.8,
        head="classifier.3",
        dim=1024,
        resize=256,
        channels_last=True,
        shard_size=1024,
    ),
    # The layer norm before the last layer stays.
    "torchvision:convnext_tiny": Network(
        builder="convnext_tiny",
        weights="ConvNeXt_Tiny_Weights.IMAGENET1K_V1",
        url=f"{_WEIGHTS_HOST}/convnext_tiny-983f1562.pth",
        size_mb=109.1,
        head="classifier.2",
        dim=768,
        resize=236,
        channels_last=False,
        shard_size=128,
    ),
    "torchvision:vit_b_16": Network(
        builder="vit_b_16",
        weights="ViT_B_16_Weights.IMAGENET1K_V1",
        url=f"{_WEIGHTS_HOST}/vit_b_16-c867db91.pth",
        size_mb=330.3,
        head="heads",
        dim=768,
        resize=256,
        channels_last=False,
        shard_size=64,
    ),
}


def weights_dir() -> Path:
    """Where torch.hub keeps weights files, found without importing torch."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("TORCH_HOME", f"{cache}/torch")).expanduser() / "hub" / "checkpoints"


def load_weights(name: str, facts: Network, on_note: Callable[[str], None]) -> Any:
    """The published state dict, from torch.hub's directory or, once, from the network.

    Args:
        name: the encoder's full name, for messages.
        facts: its network.
        on_note: told of a download, see `download.fetch`.

    Raises:
        UslError: the file is damaged, or it is missing and cannot be downloaded; the message says what to put where.
    """
    path = weights_dir() / facts.file
    if path.exists():
        if not _sha256(path).startswith(facts.hash_prefix):
            raise damaged(path, f"its SHA-256 does not start with {facts.hash_prefix}")
    else:
        try:
            fetch(facts.url, path, on_note, size_mb=facts.size_mb, sha256_prefix=facts.hash_prefix)
        except (OSError, HTTPException) as error:
            raise told_where(name, facts.file, facts.url, path.parent, error, f"{facts.size_mb:.0f} MB") from error
    try:
        return read_tensors(path)
    except UslError as error:
        raise damaged(path, "it cannot be loaded as weights") from error


def damaged(path: Path, cause: str) -> UslError:
    """The error for a weights file that is of no use."""
    return UslError(f"the weights file {path} is damaged: {cause}; delete it, and it is downloaded again")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
