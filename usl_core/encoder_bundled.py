"""The encoder that comes with the program: trained by us without labels, see `build_mini`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from .encoder_small import SmallEncoder
from .errors import UslError

NAME = "bundled:mini"
ASSETS = Path(__file__).resolve().parent.parent / "assets" / "encoders"
FORMAT_VERSION = 1
LICENCE = "MIT; learned from CIFAR-10's images, which are for research"


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
        raise UslError(f"the card {path} of the bundled encoder is damaged ({error}); install the program again") from error
    return card


def bundled_encoder() -> SmallEncoder:
    """`bundled:mini`. Raises as `bundled_card`."""
    card = bundled_card()
    return SmallEncoder(NAME, card["network"], card["digest"], _weights)


def _weights() -> dict[str, np.ndarray]:
    from safetensors.numpy import load

    path = ASSETS / "mini.safetensors"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UslError(f"the weights file {path} cannot be read ({error.strerror}); install the program again") from error
    if hashlib.sha256(content).hexdigest() != bundled_card()["digest"]:
        raise UslError(f"the weights file {path} is not the one that its card describes; install the program again")
    return load(content)
