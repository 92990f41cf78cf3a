"""A million images: every step stays within a bound of bytes, held by a limit on the address space of a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STATM = Path("/proc/self/statm")

pytestmark = pytest.mark.skipif(not STATM.exists(), reason="only Linux tells and limits the address space")

PRELUDE = f"""
import resource
from pathlib import Path
import numpy as np

N = 1_000_000

def limit(megabytes):
    "No more than this beyond what is taken now."
    used = int(Path({str(STATM)!r}).read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * 2**20,) * 2)

def unit(n, d):
    x = np.random.default_rng(0).normal(size=(n, d)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)
"""


def run(code: str) -> str:
    """What the code prints. One thread: every further one takes address space for its stack."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + code],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def test_the_default_encoder_holds_its_features_once():
    assert (
        run("""
from usl_core.encoders.small import SmallEncoder
encoder = SmallEncoder("test", "mini", "none")
size = encoder.shard_size
limit(128 * 4 * N // 2**20 + 150)
values = encoder.finish(lambda: (np.full((min(size, N - at), 128), at, np.float32) for at in range(0, N, size)), N)
print(values.shape, values[0, 0], values[size, 0], values[-1, -1] == (N - 1) // size * size)
""")
        == "(1000000, 128) 0.0 1024.0 True"
    )


def test_images_without_a_feature_vector_are_left_out_in_place():
    assert (
        run("""
from usl_core.features.unit_rows import without
values = np.ones((N, 128), np.float32)
values[:, 0] = np.arange(N)
limit(150)
left = without(values, [0, 5, 4095, 4096, N - 1])
print(left.shape, np.array_equal(left[:, 0], np.delete(np.arange(N), [0, 5, 4095, 4096, N - 1])), left[:, 1:].all())
""")
        == "(999995, 128) True True"
    )


def test_trustworthiness_of_a_million():
    assert float(
        run("""
from usl_core.projection import trust
trust.TRUST_SAMPLE = 64
x = unit(N, 4)
limit(400)
print(trust.trustworthiness(x, x[:, :2], n_neighbors=2))
""")
    ) == pytest.approx(0.75, abs=0.2)


@pytest.mark.parametrize("crowd", [100, 400_000])
def test_a_crowd_among_a_million(crowd):
    assert (
        run(f"""
import faiss
from usl_core.graph.search import margin, search_rows, unpacked
x = unit(N, 16)
x[:{crowd}] = x[0]
limit(200)
found = list(search_rows(x, np.arange(64), 4, margin(x)))
indices, distances = unpacked(np.concatenate([keys for _, keys in found]))
order = np.argsort(np.concatenate([rows for rows, _ in found]))
print(indices[order].tolist()[:2], distances.max())
""")
        == "[[1, 2, 3, 4], [0, 2, 3, 4]] 0.0"
    )


def test_rows_are_normalised_into_one_new_array():
    assert (
        run("""
from usl_core.validation import unit_rows
x = np.full((N, 64), 3, np.float32)
x[N // 100 :] = 1 / 8  # most are unit rows already
limit(64 * 4 * N // 2**20 + 100)
print(np.abs(np.linalg.norm(unit_rows(x)[::1000], axis=1) - 1).max() < 1e-6)
""")
        == "True"
    )


def test_principal_components_of_a_million():
    assert (
        run("""
from usl_core.projection.project import _pca
x = np.broadcast_to(np.arange(64, dtype=np.float32), (N, 64)).copy()
limit(150)
print(_pca(x).shape)
""")
        == "(1000000, 2)"
    )


def test_the_mean_image_among_a_million_others_is_told_by_few_of_them():
    assert (
        run("""
from usl_core.encoders.pixels import _sample, FIT_ON
wanted = np.linspace(0, N - 1, FIT_ON).round().astype(int)
def raw():
    for at in range(0, N, 1024):
        rows = np.arange(at, min(at + 1024, N))
        block = np.full((len(rows), 192), 9, np.uint8)
        block[~np.isin(rows, wanted)] = 7
        yield block
limit(60)
print(_sample(raw, N).shape)
""")
        == "(10000, 192)"
    )
