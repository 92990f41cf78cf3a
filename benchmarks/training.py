"""USL-T on cached features: an epoch beside its matrix products, the digits demo from nothing to picks, memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from usl_core.arithmetic import torch_threads
from usl_core.types import Neighbors
from usl_core.uslt.frozen import FrozenTraining
from usl_core.uslt.params import UsltParams
from usl_core.uslt.reports import Reporter

from .harness import Row, in_child, medians, seconds

N, DIM, CLUSTERS, HEADS, VIEWS = 50_000, 512, 40, 3, 4
SIZES = f"{N:,} × {DIM}, C {CLUSTERS}, {HEADS} heads, A {VIEWS}"

_DIGITS = """
import json, tempfile, time
start = time.perf_counter()
import usl_core as usl
demo = usl.load_demo("digits")
views = usl.encode_views(demo.features, cache_dir=tempfile.mkdtemp())
picks = usl.select(demo.features, 40, "usl-t", neighbors=demo.neighbors, views=views)
print(json.dumps({"s": time.perf_counter() - start}))
"""
_MEMORY = """
import json, tempfile
from benchmarks.training import largest_private_memory_mb
with tempfile.TemporaryDirectory() as folder:
    print(json.dumps({"mb": largest_private_memory_mb(folder)}))
"""


def rows(repeats: int = 7) -> list[Row]:
    """All rows of this group."""
    views = made_up_views()
    training = _training(views)
    products = _products(views, training.batch_size)
    epoch, alike, on_all = medians([lambda: training.run_epoch(_silent), lambda: _on_one_thread(products), products], repeats)
    digits = min(in_child(_DIGITS)["s"] for _ in range(3))
    return [
        Row(
            what=f"USL-T, an epoch, {SIZES}",
            ours=epoch,
            rival=alike,
            rival_name="its matrix products alone, on one thread like it",
            bound=2,
        ),
        Row(what=f"USL-T, an epoch, {SIZES}", ours=epoch, rival=on_all, rival_name="its matrix products alone, on all cores"),
        Row(
            what="USL-T on the digits demo, fresh process to picks, views included",
            ours=digits,
            rival=10,
            rival_name="the 10 s we promise",
            bound=1,
        ),
        Row(
            what="memory of that epoch beyond the views",
            ours=in_child(_MEMORY)["mb"],
            rival=500,
            rival_name="the 500 MB we promise",
            unit="MB",
            bound=1,
        ),
    ]


def made_up_views() -> np.ndarray:
    """(n, 1 + A, d) float32 unit vectors."""
    views = np.random.default_rng(0).standard_normal((N, 1 + VIEWS, DIM), dtype=np.float32)
    views /= np.linalg.norm(views, axis=2, keepdims=True)
    return views


def _training(views: np.ndarray) -> FrozenTraining:
    indices = np.random.default_rng(1).integers(0, N, (N, 20), dtype=np.int32)
    graph = Neighbors(indices=indices, distances=np.zeros((N, 20), dtype=np.float32))
    reporter = Reporter(CLUSTERS, np.arange(N), np.empty(0, dtype=np.int64), None)
    return FrozenTraining(views, graph, UsltParams(n_heads=HEADS), CLUSTERS, 0, reporter)


def _products(views: np.ndarray, batch: int) -> Callable[[], None]:
    """The products of an epoch on rows that already lie side by side: teachers, students, their gradient, the assignment."""
    import torch

    rows = torch.from_numpy(views.reshape(-1, DIM))
    weight = torch.randn(HEADS * CLUSTERS, DIM)

    def products() -> None:
        for start in range(0, N, batch):
            teachers, students = rows[start : start + 2 * batch], rows[2 * N + start : 2 * N + start + batch]
            teachers @ weight.T
            logits = students @ weight.T
            logits.T @ students
        for start in range(0, N, 2 * batch):
            rows[3 * N + start : 3 * N + start + 2 * batch] @ weight.T

    return products


def _on_one_thread(products: Callable[[], None]) -> None:
    with torch_threads(1):
        products()


def largest_private_memory_mb(folder: str) -> float:
    """The most memory that an epoch takes for itself; what is mapped from the file of views is the system's to drop."""
    path = Path(folder) / "views.npy"
    np.save(path, made_up_views())
    mapped = np.load(path, mmap_mode="r")
    training = _training(mapped)
    largest = 0.0

    def watch(fraction: float, note: str) -> None:
        nonlocal largest
        largest = max(largest, _private_mb())

    seconds(lambda: training.run_epoch(watch))
    return max(largest, _private_mb())


def _private_mb() -> float:
    """Resident memory that belongs to no file (Linux)."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


def _silent(fraction: float, note: str) -> None:
    pass
