"""A pretrained network as an encoder: what all of them share, whoever published the weights, and the network on its device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..types import FloatArray
from .base import filled
from .device import check_precision, find_device
from .preprocessing import IMAGENET, Colour, Preprocessing

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

    from .base import RawBlocks


class NetworkEncoder(ABC):
    """Features that a network gives before its last layer.

    Args:
        name: full name of the encoder.
        weights_id: names the weights in fingerprints.
        preprocessing: what the network sees of an image.
        dim: length of the features.
        channels_last: measured faster in this layout on a CPU (ResNets by 1.2-1.6x, ConvNeXt is no faster).
        shard_size: images between two saves, some 10 s of work on two cores.
    """

    view_strength = 1.0

    def __init__(
        self,
        name: str,
        *,
        weights_id: str,
        preprocessing: Preprocessing,
        dim: int,
        channels_last: bool = True,
        shard_size: int = 256,
    ) -> None:
        self.name, self.preprocessing, self.dim = name, preprocessing, dim
        self.shard_size = shard_size
        self.decode_side = preprocessing.decode_side
        self.zero_cause = f"{name} gives it a feature vector of zeros, which has no direction"
        self._weights_id, self._channels_last = weights_id, channels_last

    def identity(self, precision: str) -> tuple[str, ...]:
        return (self._weights_id, self.preprocessing.text, precision)

    def prepare(self, image: Image) -> NDArray[np.uint8]:
        """(s, s, 3) uint8: what the published transforms do before they turn to floating point."""
        return self.preprocessing.pixels(image)

    def load(self, device: str, precision: str, on_note: Callable[[str], None]) -> TorchModel:
        """The network on its device, its weights downloaded if they are not there yet.

        Raises:
            UslError: no such device, bfloat16 where the device has none, or weights missing or damaged.
        """
        found = find_device(device)
        check_precision(found, precision)
        on_note(f"loading {self.name}")
        network = self.network(on_note).eval().requires_grad_(False)
        return TorchModel(network, found, precision, self._channels_last, colours=self.preprocessing.colours)

    def finish(self, raw: RawBlocks, n: int, fit: tuple[RawBlocks, int] | None = None) -> FloatArray:
        """The raw vectors are the features: (n, d) float32, not normalised yet."""
        return filled(raw, n, self.dim)

    @abstractmethod
    def network(self, on_note: Callable[[str], None]) -> torch.nn.Module:
        """The network on the CPU with its weights and without its last layer: (b, 3, s, s) in, (b, d) out.

        Args:
            on_note: told before a download.

        Raises:
            UslError: its weights are missing or damaged.
        """


def seeded(build: Callable[[], torch.nn.Module]) -> torch.nn.Module:
    """What `build` makes, which draws random weights: always the same, and the caller's generator does not notice."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(0)
        return build()


def behead(network: torch.nn.Module, head: str) -> None:
    """Put the identity in the place of a module, so that what precedes it comes out."""
    import torch

    parent, _, leaf = head.rpartition(".")
    setattr(network.get_submodule(parent), leaf, torch.nn.Identity())


class TorchModel:
    """A network on its device: uint8 pixels in, float32 vectors out.

    Args:
        network: in eval mode, float32.
        device: where it goes.
        precision: `float32` (no TF32 either) or `bfloat16` (autocast: sums and norms stay float32).
        channels_last: memory layout on a CPU; GPUs always get channels_last, the layout of their tensor cores.
        colours: mean and standard deviation of red, green and blue in [0, 1] that the network knows.
        batch_sizes: images per call on a CPU and on other devices.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        device: torch.device,
        precision: str,
        channels_last: bool,
        *,
        colours: tuple[Colour, Colour] = IMAGENET,
        # On CPUs small batches keep the activations in the caches, of which every core has its own.
        batch_sizes: tuple[int, int] = (8, 128),
    ) -> None:
        import torch

        self.batch_size = batch_sizes[device.type != "cpu"]
        self.overlap = device.type != "cpu"
        self.concurrent = not self.overlap
        self._device, self._precision = device, precision
        wanted = channels_last or device.type == "cuda"
        self._layout = torch.channels_last if wanted else torch.contiguous_format
        self._network: Any = network.to(device=device).to(memory_format=self._layout)
        self._mean, self._std = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in colours)

    def __call__(self, pixels: NDArray[np.uint8]) -> FloatArray:
        """Feature vectors of (b, s, s, 3) uint8 pixels, as (b, d) float32, not normalised."""
        import torch

        with torch.inference_mode(), self._exact_float32():
            x = torch.from_numpy(pixels).to(self._device).permute(0, 3, 1, 2).float()
            x = x.div_(255).sub_(self._mean).div_(self._std).contiguous(memory_format=self._layout)
            with torch.autocast(self._device.type, torch.bfloat16, enabled=self._precision == "bfloat16"):
                y = self._network(x)
            return y.float().cpu().numpy()

    def _exact_float32(self) -> AbstractContextManager[None]:
        import torch

        if self._device.type != "cuda":
            return nullcontext()
        return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
