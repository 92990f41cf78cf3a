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

from usl_core.arithmetic import blas_threads, torch_threads
from usl_core.cli import main

SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
import usl_core as usl
from usl_core.cli import main
from usl_core.pretrain.knn_probe import probe_sample
from usl_core.store import fingerprint
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
    "USL": fingerprint(usl.select(x[:3000], 40, "usl").indices),
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
    for at in range(600):
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
