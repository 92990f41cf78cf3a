"""Trainings that are killed, again and again, between any two things that they do with files, end as if they had not been."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

SCRIPT = """
import importlib, json, os, signal, sys
from pathlib import Path
import numpy as np
import torch
import usl_core as usl
from tests.narrow import narrow_mini
from usl_core.encoders.small import SMALL_NETWORKS
from usl_core.pretrain.params import PretrainParams
from usl_core.pretrain.records import PretrainRecord
from usl_core.cache.store import fingerprint
from usl_core.uslt.params import UsltParams
from usl_core.uslt.records import TrainingRecord

SMALL_NETWORKS["mini"] = narrow_mini()
which, out = sys.argv[1], Path(sys.argv[2])
demo = usl.load_demo("shapes")
pixels = np.random.default_rng(0).integers(0, 255, (16, 32, 32, 3), dtype=np.uint8)
IMPORTED = ("torch._dynamo", "sklearn.decomposition", "scipy.linalg")  # by whoever trains, and it takes seconds
FILES = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.utime", "shutil.rmtree", "tempfile.mkdtemp")


def train(cache):
    if which == "pretrain":
        record = PretrainRecord("pictures", PretrainParams(n_epochs=5, batch_size=8), cache_dir=cache)
    else:
        params = UsltParams(n_epochs=12, batch_size=512, n_heads=1)
        record = TrainingRecord(demo.features, 12, params, cache_dir=cache)
    done = len(record.epochs())
    made = record.train(pixels) if which == "pretrain" else record.train(demo.neighbors)
    picks = [epoch.picks for epoch in made.history] if which == "uslt" else []
    return done, fingerprint(dict(made.state), [epoch.loss for epoch in made.history], picks)


def in_child(cache, kill_at=None):
    "What it says; None if it was killed, which happens at the file operation of that number."
    seen, (reading, writing) = [0], os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        with os.fdopen(reading) as said:
            text = said.read()
        os.waitpid(child, 0)
        return json.loads(text) if text else None

    def count(event, arguments):
        if event in FILES:
            seen[0] += 1
            if seen[0] == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        sys.addaudithook(count)
        done, result = train(cache)
        os.write(writing, json.dumps([done, result, seen[0], [name for name in IMPORTED if name in sys.modules]]).encode())
    finally:
        os._exit(0)


for module in in_child(out / "first")[3]:  # here, or every child would import them again, and be killed in there
    importlib.import_module(module)
_, whole, n_operations, _ = in_child(out / "whole")
found = []
for seed in range(2 if which == "uslt" else 1):
    rng, cache, kills = np.random.default_rng(seed), out / str(seed), 0
    for _ in range(8):
        kills += in_child(cache, int(rng.integers(1, n_operations // 3))) is None
    found.append([kills, *in_child(cache)[:2]])
left = [str(path) for path in out.rglob("*.partial/*")] if which == "uslt" else []
(out / "found.json").write_text(json.dumps({"whole": whole, "found": found, "left": left}))
"""


@pytest.mark.parametrize("which", ["uslt", "pretrain"])
def test_eight_kills_change_no_bit(which, tmp_path):
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    words = [sys.executable, "-c", SCRIPT, which, str(tmp_path)]
    subprocess.run(words, check=True, env={**os.environ, **limits}, cwd=Path(__file__).parents[3])
    said = json.loads((tmp_path / "found.json").read_text())
    assert [result for _, _, result in said["found"]] == [said["whole"]] * len(said["found"])
    assert min(kills for kills, _, _ in said["found"]) >= 3, "killed while it trained, and not only after it had ended"
    assert said["left"] == [], "the pieces of what is finished are gone"
