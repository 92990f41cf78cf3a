"""The number of threads changes how long work takes, and no bit of what comes out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from usl_core import arithmetic, find_neighbors
from usl_core.arithmetic import blas_threads, torch_threads
from usl_core.cli.parser import main

SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
import usl_core as usl
from usl_core.cli.parser import main
from usl_core.pretrain.knn_probe import probe_sample
from usl_core.cache.store import fingerprint
from usl_core.types import Neighbors
from usl_core.uslt.params import UsltParams
from usl_core.uslt.train import train_uslt

folder, out = Path(sys.argv[1]), Path(sys.argv[2])
rng = np.random.default_rng(0)
x = rng.normal(size=(8200, 128)).astype(np.float32)
x /= np.linalg.norm(x, axis=1, keepdims=True)
near = Neighbors(indices=rng.integers(0, 8200, (8200, 20)).astype(np.int32), distances=np.ones((8200, 20), np.float32))
training = train_uslt(x, 40, UsltParams(n_epochs=2), neighbors=near)
last = training.last
found = {
    "USL-T": fingerprint(dict(training.state), last.picks, last.clusters, last.confidence, last.loss, last.assignment_entropy),
    "graph": (lambda graph: fingerprint(graph.indices, graph.distances))(usl.find_neighbors(x[:3000], 20)),
    "k-means": (lambda made: fingerprint(made.labels, made.centroids))(usl.kmeans(x[:5000], 40)),
    "USL": (lambda picks: fingerprint(picks.indices, picks.scores))(usl.select(x[:3000], 40, "usl")),
}
for encoder in ("pixels:pca", "bundled:mini"):
    features = usl.encode(folder, encoder, cache_dir=out / "cache")
    found[encoder] = fingerprint(features.values)
    found[f"views of {encoder}"] = fingerprint(usl.encode_views(features, 2, cache_dir=out / "cache").values)
words = ["select", str(folder), "-m", "8", "--method", "usl-t", "--epochs", "20", "--k", "5", "--cache-dir", str(out / "cache")]
assert main([*words, "--quiet", "--out", str(out)]) == 0
found["picks.csv"] = (out / "picks.csv").read_text()
(out / "found.json").write_text(json.dumps(found))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Pictures of waves; one is broken, so that batches are not all full."""
    root = tmp_path_factory.mktemp("waves")
    rng = np.random.default_rng(0)
    for at in range(250):
        ramp = np.linspace(0, rng.uniform(1, 20), 32)
        waves = 127 + 60 * np.sin(ramp[:, None] + rng.uniform(0, 2) * ramp) + rng.normal(0, 20, (32, 32))
        Image.fromarray(waves.clip(0, 255).astype(np.uint8)).save(root / f"{at:03d}.png")
    (root / "040.png").write_bytes(b"nothing")
    return root


@pytest.fixture(scope="module")
def outs(folder, tmp_path_factory) -> dict[int, Path]:
    """The folder that a process on so many threads wrote to."""
    made = {}
    for count in (1, 2):
        made[count] = tmp_path_factory.mktemp(f"threads-{count}")
        limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(count))
        words = [sys.executable, "-c", SCRIPT, str(folder), str(made[count])]
        subprocess.run(words, check=True, env={**os.environ, **limits}, capture_output=True, text=True)
    return made


@pytest.mark.parametrize(
    "what",
    [
        *("USL-T", "USL", "graph", "k-means", "pixels:pca", "bundled:mini", "picks.csv"),
        *("views of pixels:pca", "views of bundled:mini"),
    ],
)
def test_any_number_of_threads_gives_the_same(outs, what):
    one, other = (json.loads((out / "found.json").read_text())[what] for out in outs.values())
    assert one == other


def test_a_recorded_run_repeats_on_another_number_of_threads(outs, tmp_path, capsys):
    with torch_threads(2), blas_threads(2):
        assert main(["select", "--from", str(outs[1] / "run.json"), "--cache-dir", str(tmp_path), "--quiet"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 8


def test_tests_that_run_at_once_share_the_cores():
    at_once = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    with blas_threads(1):
        numbers = [torch.get_num_threads(), *(number for _, number in arithmetic._BLAS._own.values())]
    assert max(numbers) * at_once <= max(os.cpu_count() or 1, at_once)


def test_a_number_that_is_held_counts_for_all_and_is_given_back():
    before = torch.get_num_threads()
    with torch_threads(3), blas_threads(3):
        assert torch.get_num_threads() == 3
        with torch_threads(1):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
        with pytest.raises(ValueError, match="enough"), torch_threads(2):
            raise ValueError("enough")
        assert torch.get_num_threads() == 3
    assert torch.get_num_threads() == before


def test_the_libraries_are_looked_for_again_once_there_are_new_modules(monkeypatch):
    def libraries() -> object:
        with blas_threads(1):
            return arithmetic._BLAS._libraries()

    before = libraries()
    assert libraries() is before
    monkeypatch.setitem(sys.modules, "a module that brings one", arithmetic)
    assert libraries() is not before


def test_every_thread_may_hold_a_number_after_any_other():
    """Not only the first one that did, as threadpoolctl has it."""
    seen: list[list[int]] = []

    def hold() -> None:
        with blas_threads(1):
            seen.append([library.num_threads for library in arithmetic._BLAS._libraries()])

    with blas_threads(2):
        pass
    thread = threading.Thread(target=hold)
    thread.start()
    thread.join()
    hold()
    assert seen[0]
    assert all(number == 1 for of in seen for number in of)


def test_modules_that_another_thread_imports_meanwhile_do_no_harm(monkeypatch):
    class Importing(str):
        """A module's name, beside which another is imported as soon as anybody looks at it."""

        __slots__ = ()

        def startswith(self, *_: object) -> bool:
            monkeypatch.setitem(sys.modules, f"imported meanwhile {len(sys.modules)}", arithmetic)
            return False

    with blas_threads(1):
        pass  # for the first time, which imports what it needs
    monkeypatch.setitem(sys.modules, Importing("looked at"), arithmetic)
    n_modules = len(sys.modules)
    with blas_threads(1):
        pass
    assert len(sys.modules) == n_modules + 1


class Library:
    """A BLAS, as threadpoolctl has it."""

    def __init__(self, filepath: str, num_threads: int) -> None:
        self.filepath, self.num_threads = filepath, num_threads

    def set_num_threads(self, count: int) -> None:
        self.num_threads = count


SLOW_IMPORT = """
import sys, threading, time
from usl_core.arithmetic import blas_threads
thread = threading.Thread(target=__import__, args=["faiss"])
thread.start()
while "faiss" not in sys.modules:
    time.sleep(0.001)
with blas_threads(1):
    print(sys.modules["faiss"].asked)
thread.join()
"""


def test_a_library_that_another_thread_has_only_begun_to_import_is_waited_for(tmp_path):
    lines = ["import time", "time.sleep(0.3)", "asked = 0", "def omp_get_max_threads():", "    global asked", "    asked += 1"]
    (tmp_path / "faiss.py").write_text("\n".join([*lines, "    return 1", "def omp_set_num_threads(count): pass", ""]))
    paths = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    told = subprocess.run(
        [sys.executable, "-c", SLOW_IMPORT],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stdout) == (0, "1\n"), told.stderr


def test_a_library_that_comes_while_a_number_is_held_gets_its_own_back(monkeypatch):
    loaded = [Library("numpy's", 4)]
    monkeypatch.setattr(arithmetic._BLAS, "_libraries", lambda: loaded)
    with blas_threads(2):
        loaded.append(Library("scipy's", 8))
        with blas_threads(1):
            assert [library.num_threads for library in loaded] == [1, 1]
        assert [library.num_threads for library in loaded] == [2, 2]
    assert [library.num_threads for library in loaded] == [4, 8]


def test_two_that_need_other_numbers_wait_for_one_another_and_two_of_the_same_do_not():
    inside, seen = threading.Barrier(2, timeout=20), []

    def alike() -> None:
        with torch_threads(2):
            inside.wait()
            seen.append(torch.get_num_threads())

    def other() -> None:
        with torch_threads(3):
            seen.append(torch.get_num_threads())

    before = torch.get_num_threads()
    with torch_threads(2):
        workers = [threading.Thread(target=task) for task in (alike, other)]
        for worker in workers:
            worker.start()
        inside.wait()
        workers[0].join(20)
        assert torch.get_num_threads() == 2
        assert seen == [2], "the other one waits"
    workers[1].join(20)
    assert seen == [2, 3]
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("usual", [1, 3])
def test_who_holds_blas_takes_no_threads_from_the_search(usual, monkeypatch):
    """faiss's BLAS is built on OpenMP, so that its number is OpenMP's."""
    import concurrent.futures as futures

    import faiss

    made: list[int] = []
    real = futures.ThreadPoolExecutor

    def pool(n_threads, *rest):
        made.append(n_threads)
        return real(n_threads, *rest)

    monkeypatch.setattr(futures, "ThreadPoolExecutor", pool)
    before = faiss.omp_get_max_threads()
    x = np.random.default_rng(0).normal(size=(50, 4))
    try:
        faiss.omp_set_num_threads(usual)
        find_neighbors(x, 3)
        with blas_threads(1), blas_threads(1):
            assert arithmetic.openmp_threads() == usual
            find_neighbors(x, 3)
        assert arithmetic.openmp_threads() == usual
    finally:
        faiss.omp_set_num_threads(before)
    assert made == [usual, usual]
