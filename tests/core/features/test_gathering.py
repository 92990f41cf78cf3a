"""Rows out of many shards, against taking them one by one; and how much is read and held for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usl_core.errors import Cancelled
from usl_core.features import gathering
from usl_core.features.gathering import VectorsVanished, Wanted, in_blocks

ROOT = Path(__file__).resolve().parents[3]


class Shards:
    """n vectors in shards of `size`, vector i being (i, -i); counts what is loaded."""

    def __init__(self, n: int, size: int, dtype: str = "float32") -> None:
        self.size, self.n_loads = size, 0
        self.ids = np.array([f"{number:016d}" for number in range(n)], dtype="S16")
        self.raw = np.stack([np.arange(n), -np.arange(n)], axis=1).astype(dtype)

    def load(self, shard: int) -> tuple[np.ndarray, np.ndarray]:
        self.n_loads += 1
        mine = slice(shard * self.size, (shard + 1) * self.size)
        return self.raw[mine], self.ids[mine]

    def wanted(self, rows: list[int]) -> Wanted:
        at = np.asarray(rows)
        return Wanted(ids=self.ids[at], shards=at // self.size, rows=at % self.size)


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 20), st.data())
def test_rows_come_in_the_order_in_which_they_are_wanted(n, size, block, data):
    held = Shards(n, size, data.draw(st.sampled_from(["float32", "uint8", "int64"])))
    rows = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=100))
    blocks = in_blocks(held.wanted(rows), held.load, block, lambda: None)
    for _ in range(2):
        found = list(blocks())
        assert [len(one) for one in found[:-1]] == [block] * (len(found) - 1)
        assert found[0].dtype == held.raw.dtype
        np.testing.assert_array_equal(np.concatenate(found), held.raw[rows])


def test_shards_in_their_order_are_read_once_and_a_shuffle_does_not_read_all_for_every_block():
    n, size = 100_000, 100
    held = Shards(n, size)
    sum(len(one) for one in in_blocks(held.wanted(list(range(n))), held.load, size, lambda: None)())
    assert held.n_loads <= 1001
    held.n_loads = 0
    interleaved = np.arange(n).reshape(2, -1).T.ravel().tolist()
    sum(len(one) for one in in_blocks(held.wanted(interleaved), held.load, size, lambda: None)())
    assert held.n_loads <= 2 * 1000 + 1
    held.n_loads = 0
    shuffled = np.random.default_rng(0).permutation(n).tolist()
    sum(len(one) for one in in_blocks(held.wanted(shuffled), held.load, size, lambda: None)())
    assert held.n_loads <= 4 * 1000 + 1


def test_a_shuffle_of_large_rows_keeps_to_its_memory(monkeypatch):
    held = Shards(4000, 10)
    monkeypatch.setattr(gathering, "MOST_BYTES", 200 * 8)
    rows = np.random.default_rng(0).permutation(4000).tolist()
    found = list(in_blocks(held.wanted(rows), held.load, 10, lambda: None)())
    np.testing.assert_array_equal(np.concatenate(found), held.raw[rows])
    assert {len(one.base) for one in found} == {40}, "four blocks are put together at a time"


@pytest.mark.parametrize("change", ["another id", "fewer rows", "gone"])
def test_a_shard_that_does_not_hold_what_it_should(change):
    held = Shards(30, 10)
    wanted = held.wanted(list(range(30)))

    def load(shard):
        raw, ids = held.load(shard)
        if shard == 1 and change == "gone":
            raise VectorsVanished
        if shard == 1:
            return (raw[:9], ids[:9]) if change == "fewer rows" else (raw, ids[::-1])
        return raw, ids

    with pytest.raises(VectorsVanished):
        list(in_blocks(wanted, load, 10, lambda: None)())


def test_it_can_be_stopped_between_blocks():
    held, told = Shards(50, 10), []

    def stop():
        told.append(held.n_loads)
        if len(told) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        list(in_blocks(held.wanted(list(range(50))), held.load, 10, stop)())
    assert told == [1, 2, 3]


MEMORY = """
import resource, sys, tempfile
from pathlib import Path
import numpy as np
from usl_core.cache.store import Store
from usl_core.features.vectors import Vectors

def limit(megabytes):
    "No more than this beyond what is taken now."
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * 2**20,) * 2)

n, d, size = {n}, 1024, 4096
rng = np.random.default_rng(0)
store, digests = Store(sys.argv[1]), [rng.bytes(16).hex() for _ in range(n)]
with Vectors(store, "f" * 32, digests) as vectors:
    store.root.mkdir()
    vectors.find()
    (missing, _) = vectors.missing()
    for start in range(0, n, size):
        some = missing[start : start + size]
        raw = np.broadcast_to(np.arange(start, start + len(some), dtype=np.float32)[:, None], (len(some), d))
        vectors.save(some.tolist(), raw, [])
rows = np.arange(n) if sys.argv[2] == "in order" else rng.permutation(n)
limit(190)
with Vectors(store, "f" * 32, [digests[row] for row in rows.tolist()]) as vectors:
    vectors.find()
    done = 0
    for block in vectors.raw(np.arange(n), size, lambda: None)():
        assert (block[:, 0] == rows[done : done + len(block)]).all() and (block[:, -1] == block[:, 0]).all()
        done += len(block)
    print(done, (vectors.missing()[0]).size)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells and limits the address space")
@pytest.mark.parametrize("order", ["in order", "shuffled"])
def test_memory_does_not_grow_with_the_number_of_images(tmp_path, order):
    """One and a half times as much as is allowed lies in the shards."""
    n = 70_000
    done = subprocess.run(
        [sys.executable, "-c", MEMORY.format(n=n), str(tmp_path / "cache"), order],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == [str(n), "0"]
