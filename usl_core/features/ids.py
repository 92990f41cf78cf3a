"""Digests of images as NumPy arrays that can be sorted and searched: (n,) S16, or as bytes in a file (n, 16) uint8.

NumPy compares and sorts S16 as it does bytes, but leaves out zeros at the end where it hands one out.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

ID_BYTES = 16
_DTYPE = f"S{ID_BYTES}"


def image_ids(digests: Sequence[str]) -> np.ndarray:
    """(n,) S16: digests as bytes; where any is no such digest, of an image set made by hand, each by a digest of its own."""
    try:
        ids = [bytes.fromhex(digest) for digest in digests]
    except ValueError:
        ids = []
    if len(ids) != len(digests) or not all(len(one) == ID_BYTES for one in ids):
        ids = [blake2b(digest.encode(), digest_size=ID_BYTES).digest() for digest in digests]
    return np.frombuffer(b"".join(ids), dtype=_DTYPE)


def ids_of_bytes(digests: NDArray[np.uint8]) -> np.ndarray:
    """(n, 16) uint8 to (n,) S16."""
    return digests.view(_DTYPE).ravel()


def bytes_of_ids(ids: np.ndarray) -> NDArray[np.uint8]:
    """(n,) S16 to (n, 16) uint8."""
    return np.ascontiguousarray(ids).view(np.uint8).reshape(-1, ID_BYTES)


def as_bytes(digests: np.ndarray) -> list[bytes]:
    """Each as 16 bytes, whichever of the two they are."""
    whole = np.ascontiguousarray(digests).tobytes()
    return [whole[start : start + ID_BYTES] for start in range(0, len(whole), ID_BYTES)]
