"""The encoder that comes with the program: trained by us without labels, see `tools.build_mini`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from .. import bundled_files
from ..errors import UslError
from .small import SmallEncoder
from .trained import read_weights

NAME = "bundled:mini"
ASSETS = bundled_files.ASSETS / "encoders"
FORMAT_VERSION = 1
LICENCE = "MIT; it was trained on CIFAR-10, whose authors name no licence"
_REMEDY = "install the program again"


@lru_cache(maxsize=1)
def bundled_card() -> Mapping[str, Any]:
    """The card of `bundled:mini`: data, recipe, hours, machine, accuracy, licence.

    Raises:
        UslError: it is missing or damaged.
    """
    path = ASSETS / "mini.json"
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        if card["format"] != FORMAT_VERSION:
            raise ValueError("it is of another version")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UslError(f"the card {path} of the bundled encoder is damaged ({error}); {_REMEDY}") from error
    return card


def bundled_encoder(*, random_weights: bool = False) -> SmallEncoder:
    """`bundled:mini`, or a network of its shape with seeded random weights, for benchmarks. Raises as `bundled_card`."""
    card = bundled_card()
    if random_weights:
        return SmallEncoder(NAME, card["network"], "random weights, seed 0")
    return SmallEncoder(NAME, card["network"], card["digest"], _weights)


def _weights() -> dict[str, np.ndarray]:
    return read_weights(ASSETS / "mini.safetensors", bundled_card()["digest"], _REMEDY)
