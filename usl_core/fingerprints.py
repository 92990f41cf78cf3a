"""What names a result: a digest of everything that it depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np


def fingerprint(*parts: Any) -> str:
    """A 128-bit hex digest of the parts: text, numbers, bytes, arrays, None, and tuples, lists and dicts of those.

    Arrays count with dtype and shape, so equal bytes of another shape differ.
    """
    digest = hashlib.blake2b(digest_size=16)

    def add(part: Any) -> None:
        if isinstance(part, np.ndarray):
            digest.update(f"array:{part.dtype.str}:{part.shape};".encode())
            digest.update(bytes_of(part))
        elif isinstance(part, np.generic):  # a parameter that came out of an array
            add(part.item())
        elif isinstance(part, bytes):
            digest.update(f"bytes:{len(part)};".encode() + part)
        elif isinstance(part, Mapping):
            add([(key, part[key]) for key in sorted(part)])
        elif isinstance(part, tuple | list):
            digest.update(f"list:{len(part)};".encode())
            for item in part:
                add(item)
        elif part is None or isinstance(part, str | bool | int | float):
            text = repr(part).encode()
            digest.update(f"{type(part).__name__}:{len(text)};".encode() + text)
        else:
            raise TypeError(f"cannot fingerprint a {type(part).__name__}")

    for part in parts:
        add(part)
    return digest.hexdigest()


def bytes_of(array: np.ndarray) -> Any:
    """The bytes of an array in C order, without a copy where they already lie so."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)
