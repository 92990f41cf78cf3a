"""Candidates from an NVIDIA GPU, which multiplies far faster; who is near is decided by differences on the CPU, as anywhere."""

from __future__ import annotations

import ctypes
import sys

import numpy as np
from numpy.typing import NDArray

from ..types import FloatArray, IntArray

FROM_ROWS = 30_000
"""Fewer are searched on two cores before torch is imported."""
_CROWD = 8  # times as many candidates as neighbours: copies, or as many at one distance
_PRODUCTS = 1 << 27  # 512 MB at a time


def gpu_for(n: int) -> str | None:
    """The GPU to search n rows with, if there is one that makes float32 products as they are meant; None: the CPU.

    torch takes seconds to import, so first it is asked whether there is a driver at all.
    """
    if n < FROM_ROWS or not _has_driver():
        return None
    import torch

    return "cuda" if torch.cuda.is_available() and torch.get_float32_matmul_precision() == "highest" else None


def _has_driver() -> bool:
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


class Gpu:
    """The features on a device.

    Args:
        x: (n, d) unit rows.
        device: a torch device.
    """

    def __init__(self, x: FloatArray, device: str) -> None:
        import torch

        self._x = torch.tensor(x, device=device)
        self.block_rows = max(_PRODUCTS // len(x), 1)

    def candidates(self, rows: IntArray, k: int, slack: float) -> tuple[IntArray, IntArray, NDArray[np.bool_]]:
        """As `search.candidates`, for rows in a row, and a mask of those in a crowd, which get no candidates."""
        products = self._x[int(rows[0]) : int(rows[-1]) + 1] @ self._x.T
        least = products.topk(k + 1, dim=1, sorted=False).values.min(dim=1, keepdim=True).values
        near = products >= least - slack
        crowded = near.sum(dim=1) > _CROWD * (k + 1)
        near[crowded] = False
        owners, others = near.nonzero(as_tuple=True)
        return owners.cpu().numpy(), np.ascontiguousarray(others.cpu().numpy()), crowded.cpu().numpy()
