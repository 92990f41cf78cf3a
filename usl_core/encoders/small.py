"""Networks for pictures of 32 x 32 pixels: small enough to come with the program, or to be trained from a user's own images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import UslError
from ..types import FloatArray
from .base import filled
from .device import check_precision, find_device
from .network import TorchModel
from .whitening import Stage, with_whitening

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image
    from torch import nn

    from .base import RawBlocks

SIDE = 32
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
"""Of CIFAR-10's training images, in [0, 1]; any numbers near would do, but they must stay the same."""
METHODS = {"simclr": "SimCLR", "moco": "MoCo v2"}
"""What they are learned by, see `pretrain`: how settings spell it, and how it is called."""
PREPROCESSING = f"rgb {SIDE}x{SIDE} bilinear antialiased, CIFAR-10 mean and std; version 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallNetwork:
    """What is known of one network without importing torch.

    Args:
        build: makes it with random weights; (b, 3, 32, 32) in, (b, width) out.
        dim: length of the features.
        stages: what its features are made of, see `whitening`; the last gives the network's own output.
        title: what it is, in words.
    """

    build: Callable[[], nn.Sequential]
    dim: int
    stages: tuple[Stage, ...]
    title: str

    @property
    def width(self) -> int:
        """Length of the network's own output."""
        return self.stages[-1].width


def _mini() -> nn.Sequential:
    """Few channels where the picture is large: two cores encode thousands of pictures a second."""
    from torch import nn

    return nn.Sequential(
        *_convolution(3, 32, 5, stride=2),
        *_convolution(32, 64, 3),
        *_convolution(64, 128, 3, stride=2),
        _residual(128),
        *_convolution(128, 256, 3, stride=2),
        _residual(256),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def _resnet18() -> nn.Sequential:
    """With a first layer for small pictures, as is usual for CIFAR."""
    from torch import nn
    from torchvision.models import resnet18

    made = resnet18(weights=None)
    first = nn.Conv2d(3, 64, 3, stride=1, padding=1, bias=False)
    blocks = (made.layer1, made.layer2, made.layer3, made.layer4)
    return nn.Sequential(first, made.bn1, made.relu, *blocks, made.avgpool, nn.Flatten())


SMALL_NETWORKS: Mapping[str, SmallNetwork] = {
    "mini": SmallNetwork(
        build=_mini,
        dim=128,
        stages=(
            Stage(layer=5, grid=4, channels=64),
            Stage(layer=9, grid=2, channels=128),
            Stage(layer=13, grid=1, channels=256),
        ),
        title="six convolutions, 1.1 million weights",
    ),
    "resnet18-32": SmallNetwork(
        build=_resnet18,
        dim=512,
        stages=(Stage(layer=5, grid=2, channels=256), Stage(layer=6, grid=1, channels=512)),
        title="ResNet-18 for 32 x 32 pixels, 11 million weights",
    ),
}


def _convolution(channels: int, out: int, size: int, stride: int = 1) -> list[nn.Module]:
    from torch import nn

    return [nn.Conv2d(channels, out, size, stride, size // 2, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True)]


def _residual(channels: int) -> nn.Module:
    from torch import nn

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.change = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x + self.change(x)).relu()

    return Residual()


def new_network(name: str, seed: int) -> nn.Sequential:
    """A key of `SMALL_NETWORKS` with random weights, the same for the same seed."""
    import torch

    with torch.random.fork_rng(devices=[]):  # building draws weights, which the caller's generator must not notice
        torch.random.default_generator.manual_seed(seed)
        return SMALL_NETWORKS[name].build()


def small_pixels(image: Image) -> NDArray[np.uint8]:
    """(32, 32, 3) uint8: the whole image, stretched where it is not square, so that nothing of it is lost."""
    from PIL.Image import Resampling

    return np.asarray(image.resize((SIDE, SIDE), Resampling.BILINEAR, reducing_gap=2.0))


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """(b, 3, s, s) in [0, 1] to what the networks want, in the layout that suits their convolutions."""
    import torch

    mean, std = (pixels.new_tensor(value).view(1, 3, 1, 1) for value in (MEAN, STD))
    return ((pixels - mean) / std).contiguous(memory_format=torch.channels_last)


class SmallEncoder:
    """One of the small networks with given weights.

    Args:
        name: full name of the encoder.
        network: a key of `SMALL_NETWORKS`.
        weights_id: tells these weights from others.
        weights: gives the tensors by name when they are needed; None: random ones, always the same, and nothing whitened.
    """

    shard_size = 1024
    decode_side = 2 * SIDE
    view_strength = 0.3  # whitened features tell small changes; on digits the cosine with a view is 0.8 so, and 0.4 at 1

    def __init__(
        self, name: str, network: str, weights_id: str, weights: Callable[[], Mapping[str, np.ndarray]] | None = None
    ) -> None:
        self.name, self.network = name, network
        self._weights_id, self._weights = weights_id, weights
        self.dim = SMALL_NETWORKS[network].dim
        self.zero_cause = f"{name} gives it a feature vector of zeros, which has no direction"

    def identity(self, precision: str) -> tuple[str, ...]:
        return (f"{self.network} with weights {self._weights_id}", PREPROCESSING, precision)

    def prepare(self, image: Image) -> NDArray[np.uint8]:
        return small_pixels(image)

    def load(self, device: str, precision: str, on_note: Callable[[str], None]) -> TorchModel:
        found = find_device(device)
        check_precision(found, precision)
        return TorchModel(self.build(), found, precision, channels_last=True, colours=(MEAN, STD), batch_sizes=(64, 1024))

    def finish(self, raw: RawBlocks, n: int, fit: tuple[RawBlocks, int] | None = None) -> FloatArray:
        """The raw vectors are the features: (n, d) float32, not normalised yet."""
        return filled(raw, n, self.dim)

    def build(self) -> nn.Module:
        """The network on the CPU, in eval mode, float32.

        Raises:
            UslError: the weights cannot be had, or are those of another network.
        """
        import torch

        facts = SMALL_NETWORKS[self.network]
        network = with_whitening(new_network(self.network, 0), facts.stages, facts.dim)
        if self._weights is not None:
            weights = {name: torch.tensor(np.asarray(value)) for name, value in self._weights().items()}
            try:
                network.load_state_dict(weights)
            except RuntimeError as error:
                raise UslError(
                    f"the weights of {self.name} do not fit the network {self.network!r} as it is now; "
                    "another version of this program has made them: train it again"
                ) from error
        return network.float().eval().requires_grad_(False)
