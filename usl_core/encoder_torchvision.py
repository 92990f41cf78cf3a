"""torchvision's networks as encoders: published preprocessing, forward pass, device and precision."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .encoder_weights import NETWORKS, damaged, load_weights, weights_dir
from .errors import UslError
from .types import FloatArray

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

    from .encoders import RawBlocks

Colour = tuple[float, float, float]

CROP = 224
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PREPROCESSING = "rgb, short side to {resize} bilinear antialiased, centre crop 224, ImageNet mean and std; version 1"
_LONGEST = 4  # a strip is cut to this many times its short side before it is resized, or 1 x 5,000 would fill the memory


class TorchvisionEncoder:
    """Penultimate features of one network.

    Args:
        name: a key of `NETWORKS`.
        random_weights: seeded random weights instead of the published ones; for benchmarks and tests only.
    """

    def __init__(self, name: str, *, random_weights: bool = False) -> None:
        self.name, self.network = name, name
        self.facts = NETWORKS[name]
        self.random_weights = random_weights
        self.shard_size = self.facts.shard_size
        self.decode_side = 2 * self.facts.resize
        self.view_strength = 1.0
        self.zero_cause = f"{name} gives it a feature vector of zeros, which has no direction"

    def identity(self, precision: str) -> tuple[str, ...]:
        """Everything the features depend on beside the images. The file's name holds the hash of its content."""
        weights = "random weights, seed 0" if self.random_weights else f"{self.facts.weights} {self.facts.file}"
        return (weights, PREPROCESSING.format(resize=self.facts.resize), precision)

    def prepare(self, image: Image) -> NDArray[np.uint8]:
        """(224, 224, 3) uint8: what the published transforms do before they turn to floating point."""
        from PIL.Image import Resampling

        image = _cut_strip(image)
        width, height = image.size
        short, resize = min(width, height), self.facts.resize
        width, height = (resize if side == short else int(resize * side / short) for side in (width, height))
        image = image.resize((width, height), Resampling.BILINEAR)
        left, top = round((width - CROP) / 2), round((height - CROP) / 2)
        return np.asarray(image.crop((left, top, left + CROP, top + CROP)))

    def load(self, device: str, precision: str, on_note: Callable[[str], None]) -> TorchModel:
        """The network on its device, its weights downloaded if they are not there yet.

        Raises:
            UslError: no such device, bfloat16 where the device has none, or weights missing or damaged.
        """
        chosen = find_device(device)
        check_precision(chosen, precision)
        on_note(f"loading {self.name}")
        return TorchModel(self._build(on_note), chosen, precision, self.facts.channels_last)

    def finish(self, raw: RawBlocks, n: int, fit: tuple[RawBlocks, int] | None = None) -> FloatArray:
        """The raw vectors are the features: (n, d) float32, not normalised yet."""
        return filled(raw, n, self.facts.dim)

    def trainable(self) -> torch.nn.Module:
        """The network without its last layer, in training mode, to be changed; nothing in it is dropped at random.

        Raises:
            UslError: its weights are missing or damaged.
        """
        import torch
        from torchvision.ops import StochasticDepth

        network = self._build(lambda note: None).requires_grad_(True).train()
        for layer in network.modules():
            # They draw from the generator of the whole process, so that a resumed training would end elsewhere.
            if isinstance(layer, torch.nn.Dropout | StochasticDepth):
                layer.p = 0.0
        return network

    def _build(self, on_note: Callable[[str], None]) -> torch.nn.Module:
        import torch
        import torchvision

        # Building a network draws its random weights; the caller's generator must not notice.
        with torch.random.fork_rng(devices=[]):
            torch.random.default_generator.manual_seed(0)
            network = getattr(torchvision.models, self.facts.builder)(weights=None)
        self._fill(network, on_note)
        return network.eval().requires_grad_(False)

    def _fill(self, network: torch.nn.Module, on_note: Callable[[str], None]) -> None:
        """Give a new network its weights, and take its last layer away."""
        if not self.random_weights:
            state = load_weights(self.name, self.facts, on_note)
            try:
                network.load_state_dict(state)
            except (RuntimeError, TypeError, AttributeError) as error:
                raise damaged(weights_dir() / self.facts.file, f"its contents do not fit {self.name}") from error
        self._behead(network)

    def _behead(self, network: torch.nn.Module) -> None:
        import torch

        parent, _, leaf = self.facts.head.rpartition(".")
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
        colours: tuple[Colour, Colour] = (MEAN, STD),
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


def filled(raw: RawBlocks, n: int, dim: int) -> FloatArray:
    """Blocks that hold n vectors as one (n, dim) float32 array; beside it there is never more than one block in memory."""
    values = np.empty((n, dim), dtype=np.float32)
    row = 0
    for block in raw():
        values[row : row + len(block)] = block
        row += len(block)
    return values


def _cut_strip(image: Image) -> Image:
    """The middle of a very long image. The centre crop shows no more of it, so nothing visible is lost."""
    width, height = image.size
    short, long = sorted((width, height))
    if long <= _LONGEST * short:
        return image
    keep = _LONGEST * short + (long - _LONGEST * short) % 2  # same parity, so the centre stays where it is
    start = (long - keep) // 2
    box = (start, 0, start + keep, height) if width > height else (0, start, width, start + keep)
    return image.crop(box)


def check_device(device: str) -> None:
    """Raise a UslError unless it is the name of a device, which this machine may have or not."""
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", str(device)):
        raise UslError(f"device must be 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps' but is {device!r}")


def find_device(device: str) -> torch.device:
    """`auto` means CUDA if there is any, else the CPU; Apple's GPU has to be asked for.

    Raises:
        UslError: no name of a device, or of one that this machine lacks.
    """
    import torch

    check_device(device)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    chosen = torch.device(device)
    n_devices = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}[chosen.type]
    if (chosen.index or 0) >= n_devices:
        raise UslError(f"device {device!r} does not exist on this machine ({n_devices} of its kind); choose 'auto' or 'cpu'")
    return chosen


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 faster than float32."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and _cpu_has_bfloat16()


def check_precision(device: torch.device, precision: str) -> None:
    if precision == "bfloat16" and not has_bfloat16(device):
        raise UslError(
            f"precision 'bfloat16' needs a device with bfloat16 instructions (AVX512_BF16 or AMX on a CPU), "
            f"which this {device.type} lacks: it would be slower there, not faster; choose 'float32'"
        )


def _cpu_has_bfloat16() -> bool:
    import torch

    probes = [getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")]
    if any(probe is not None and probe() for probe in probes):
        return True
    flags = Path("/proc/cpuinfo")  # the only way with older versions of torch, and on Arm
    return flags.exists() and re.search(r"\b(avx512_bf16|amx_bf16|bf16)\b", flags.read_text()) is not None
