"""Weights files read safely: safetensors, or torch's own format without any code in it."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UslError

if TYPE_CHECKING:
    import torch

_INSIDE = ("state_dict", "model", "teacher", "student", "network")
"""Under what training programs keep the weights, beside the epoch, the optimiser and the like."""


def read_tensors(path: Path) -> Mapping[str, Any]:
    """What a weights file holds; nothing in it is run.

    Args:
        path: a .safetensors file, or one that `torch.save` wrote.

    Raises:
        UslError: it is missing, damaged, or would have to run code to be read.
    """
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors import SafetensorError
            from safetensors.torch import load_file

            try:
                return load_file(path)
            except SafetensorError as error:
                raise UslError(f"the weights file {path} is damaged ({error})") from error
        with torch.serialization.safe_globals(_harmless()):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "GLOBAL " in str(error):
            raise UslError(
                f"the weights file {path} holds objects of other programs and not weights alone, and nothing in it is run; "
                "save the state dict alone (safetensors.torch.save_file or torch.save of model.state_dict()) and give that file"
            ) from error
        raise UslError(f"the weights file {path} is damaged: it cannot be loaded as weights") from error
    except FileNotFoundError as error:
        raise UslError(f"there is no weights file {path}") from error
    except (RuntimeError, EOFError, ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise UslError(f"the weights file {path} is damaged: it cannot be loaded as weights") from error
    if not isinstance(found, Mapping):
        raise UslError(f"the weights file {path} holds a {type(found).__name__} and no weights by name")
    return found


def _harmless() -> list[Any]:
    """What training programs keep beside the weights and what runs nothing: their options, and numbers of NumPy."""
    import argparse

    import numpy as np

    number = np.float64(0)
    return [argparse.Namespace, number.__reduce__()[0], np.dtype, *(type(np.dtype(kind)) for kind in "fdilqb?")]


def tensors_of(content: Mapping[str, Any], prefix: str = "") -> dict[str, torch.Tensor]:
    """The tensors by name that begin with a prefix, without it.

    Args:
        content: of a weights file; the tensors stand in it, or one level deeper under a usual name.
        prefix: empty: all of them.
    """
    import torch

    inside = next((content[key] for key in _INSIDE if isinstance(content.get(key), Mapping)), content)
    return {
        str(key)[len(prefix) :]: value
        for key, value in inside.items()
        if str(key).startswith(prefix) and isinstance(value, torch.Tensor)
    }
