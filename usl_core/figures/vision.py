"""How far apart colours look: in OKLab, to normal colour vision and to the three kinds of colour blindness.

A distance of 0.02 is about what an eye just notices between two large fields side by side.

References: B. Ottosson: A perceptual color space for image processing, 2020 (OKLab and its matrices). G. M. Machado,
M. M. Oliveira, L. A. F. Fernandes: A Physiologically-based Model for Simulation of Color Vision Deficiency, IEEE TVCG 15(6),
2009 (the matrices of severity 1, for linear RGB).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UslError
from ..read_only import read_only

VISIONS: Mapping[str, NDArray[np.float64]] = MappingProxyType(
    {
        "normal": read_only(np.eye(3)),
        "protanopia": read_only(
            np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]])
        ),
        "deuteranopia": read_only(
            np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]])
        ),
        "tritanopia": read_only(
            np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]])
        ),
    }
)
"""Linear RGB as each kind of vision sees it, by linear RGB as it is."""

BLIND_SHARE = 0.4
"""How far apart the colour blind must see two colours, of what others must: they have two dimensions instead of three."""

_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def channels_of(colours: Sequence[str]) -> NDArray[np.float64]:
    """(n, 3) shares of red, green and blue in [0, 1], as sRGB encodes them, of hex colours like "#0b5cad"."""
    return np.array([[int(colour[start : start + 2], 16) for start in (1, 3, 5)] for colour in colours]).reshape(-1, 3) / 255


def linear(shares: NDArray[np.floating]) -> NDArray[np.float64]:
    """Linear RGB of sRGB shares, of any shape."""
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def oklab(shares: NDArray[np.floating], vision: str = "normal") -> NDArray[np.float64]:
    """(n, 3) lightness, green to red and blue to yellow of (n, 3) sRGB shares, as a kind of vision sees them.

    Raises:
        UslError: no such vision.
    """
    if vision not in VISIONS:
        raise UslError(f"vision must be one of {', '.join(VISIONS)} but is {vision!r}")
    seen = np.clip(linear(np.asarray(shares, dtype=np.float64)) @ VISIONS[vision].T, 0, 1)
    return np.cbrt(seen @ _CONES.T) @ _LAB.T


def colour_distances(colours: Sequence[str], vision: str = "normal") -> NDArray[Any]:
    """(n, n) distances in OKLab between hex colours, as a kind of vision sees them.

    Raises:
        UslError: no such vision.
    """
    seen = oklab(channels_of(colours), vision)
    return np.linalg.norm(seen[:, None] - seen[None], axis=-1)
