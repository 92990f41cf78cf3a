"""Encodings that are killed at random moments end with the very same bits, and what was encoded is not encoded again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .test_encode import make_folder

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

SCRIPT = """
import json, os, signal, sqlite3, sys, threading, time
from pathlib import Path
import numpy as np
from usl_core.encoders.registry import get_encoder
from usl_core.features.encode import encode
from usl_core.fingerprints import fingerprint
from usl_core.images.scan import open_image, scan

FILES = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.utime", "shutil.rmtree", "sqlite3.connect")
folder, out = Path(sys.argv[1]), Path(sys.argv[2])
images = scan(folder, cache_dir=out / "scans")
open_image(images, 0)


class Slow:
    name, shard_size, batch_size, decode_side, overlap, zero_cause = "test:slow", 4, 2, 16, False, "it is black"

    def identity(self, precision):
        return (precision,)

    def prepare(self, image):
        return np.asarray(image.resize((4, 4)))

    def load(self, device, precision, on_note):
        self.weights = np.random.default_rng(0).normal(size=(48, 8)).astype(np.float32)
        return self

    def __call__(self, pixels):
        time.sleep(0.005)
        return pixels.reshape(len(pixels), -1).astype(np.float32) @ self.weights  # rounds by the shape of the batch

    def finish(self, raw, n):
        return np.concatenate(list(raw()))


def in_child(cache, kill_at=None):
    "What it says; None if it was killed, at the file operation of that number."
    seen, (reading, writing) = [0], os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading

    def count(event, arguments):
        if event in FILES:
            seen[0] += 1
            if seen[0] == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        sys.addaudithook(count)
        begun = time.monotonic()
        told = []
        features = encode(images, Slow(), cache_dir=cache, on_progress=lambda _, note: told.append(note))
        n_new = sum("images/s" in note for note in told)
        said = [fingerprint(features.values), seen[0], time.monotonic() - begun, n_new]
        os.write(writing, json.dumps(said).encode())
    finally:
        os._exit(0)


def end(started):
    child, reading = started
    with os.fdopen(reading) as said:
        text = said.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else None


whole, n_operations, seconds, _ = end(in_child(out / "whole"))
rng = np.random.default_rng(int(sys.argv[3]))
kills, found, encoded = 0, [], []
while kills < 20:
    cache = out / str(len(found))
    for turn in range(3):
        if turn % 2:
            started = in_child(cache, int(rng.integers(1, n_operations)))
        else:
            started = in_child(cache)
            time.sleep(rng.uniform(0, seconds))
            os.kill(started[0], signal.SIGKILL)
        kills += end(started) is None  # else it had ended before
    result, _, _, n_new = end(in_child(cache))
    found.append(result)
    encoded.append(n_new)
left = [str(path) for path in out.rglob(".*")] + [str(path) for path in out.rglob("*-wal")]
print(json.dumps({"whole": whole, "found": found, "kills": kills, "encoded": encoded, "left": left}))
"""


def test_twenty_kills_change_no_bit(tmp_path):
    folder = make_folder(tmp_path / "images")
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    words = [sys.executable, "-c", SCRIPT, str(folder), str(tmp_path / "out"), "0"]
    done = subprocess.run(
        words, check=False, capture_output=True, text=True, env={**os.environ, **limits}, cwd=Path(__file__).parents[3]
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout)
    assert said["kills"] >= 20
    assert set(said["found"]) == {said["whole"]}
    assert sum(said["encoded"]) < len(said["found"]) * 15 / 2, "what was kept was not encoded again"
    assert said["left"] == []
