"""Where networks compute, and how precisely: the device that was asked for, if this machine has it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UslError

if TYPE_CHECKING:
    import torch


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
    found = torch.device(device)
    n_devices = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}[found.type]
    if (found.index or 0) >= n_devices:
        raise UslError(f"device {device!r} does not exist on this machine ({n_devices} of its kind); choose 'auto' or 'cpu'")
    return found


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
