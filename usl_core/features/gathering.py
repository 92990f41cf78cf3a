"""Vectors that lie in many shards, put together in the order in which they are wanted: one shard and one block in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..types import IntArray

if TYPE_CHECKING:
    from ..encoders.base import RawBlocks

Load = Callable[[int], tuple[np.ndarray, np.ndarray]]
"""The vectors of a shard, and the ids of the images that they are of."""

MOST_BYTES = 1 << 28
"""Memory for rows whose order has nothing to do with that in the shards: those being put together and those before."""
_LOADS_PER_SHARD = 4


class VectorsVanished(Exception):
    """A shard that was there is gone or damaged: its images must be encoded again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which vectors, and where they are.

    Args:
        ids: (r,) S16 of the images.
        shards: (r,) in which shard each is.
        rows: (r,) in which row of it.
    """

    ids: np.ndarray
    shards: IntArray
    rows: IntArray


def in_blocks(wanted: Wanted, load: Load, block: int, on_block: Callable[[], None]) -> RawBlocks:
    """The vectors in the order of `wanted`.

    Args:
        wanted: r of them.
        load: reads a shard; it may raise `VectorsVanished`.
        block: rows at a time; the last block may have fewer.
        on_block: called before some are read; may raise to stop.

    Returns:
        Each call goes once more over them. It raises VectorsVanished where a shard does not hold what it should.
    """

    def blocks() -> Iterator[np.ndarray]:
        total = len(wanted.ids)
        row = load(int(wanted.shards[0]))[0][:1].copy()
        count = _rows_at_once(wanted.shards, block, row.nbytes)
        for start in range(0, total, count):
            on_block()
            stop = min(start + count, total)
            made = np.empty((stop - start, *row.shape[1:]), dtype=row.dtype)
            _fill(made, wanted, slice(start, stop), load)
            yield from (made[begin : begin + block] for begin in range(0, len(made), block))

    return blocks


def _rows_at_once(shards: IntArray, block: int, row_bytes: int) -> int:
    """A multiple of `block`: where images lie in another order than in the shards, each would be read for every block anew."""
    few = _LOADS_PER_SHARD * len(np.unique(shards))
    count = block
    while count < len(shards) and 2 * 4 * count * row_bytes <= MOST_BYTES and _n_loads(shards, count) > few:
        count *= 4
    return count


def _n_loads(shards: IntArray, count: int) -> int:
    return len(np.unique(np.arange(len(shards)) // count * (int(shards.max()) + 1) + shards))


def _fill(made: np.ndarray, wanted: Wanted, some: slice, load: Load) -> None:
    ids, shards, rows = wanted.ids[some], wanted.shards[some], wanted.rows[some]
    for shard in np.unique(shards).tolist():
        raw, held = load(shard)
        mine = np.flatnonzero(shards == shard)
        if rows[mine].max() >= len(held) or not np.array_equal(held[rows[mine]], ids[mine]):
            raise VectorsVanished
        made[mine] = raw[rows[mine]]
