"""Several processes and threads that make the same at the same time: all get it, and nothing is left behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from usl_core.cache import locks
from usl_core.cache.store import Store
from usl_core.features.encode import encode
from usl_core.images.scan import scan

from ..features.test_encode import Tiny, make_folder

ROOT = Path(__file__).resolve().parents[3]
PRELUDE = """
import json, os, time
import numpy as np
from usl_core.errors import Cancelled
from usl_core.fingerprints import fingerprint
from usl_core.images.scan import scan
from usl_core.features.encode import encode
from usl_core.pipeline.artefacts import load_or_draw_map, load_or_find_neighbors
from usl_core.features.views import encode_views
seen = []

class Small:
    name, shard_size, batch_size, decode_side, overlap = "test:small", 4, 4, 16, False
    zero_cause, view_strength = "it is black", 0.5

    def identity(self, precision):
        return (precision,)

    def prepare(self, image):
        return np.asarray(image.resize((2, 2)))

    def load(self, device, precision, on_note):
        return self

    def __call__(self, pixels):
        return pixels.reshape(len(pixels), -1).astype(np.float32)

    def finish(self, raw, n, fit=None):
        return np.concatenate(list(raw()))

def told(fraction, note):
    print(note, flush=True)
    seen.append(note)
    time.sleep(PAUSE)
    while note.startswith("16 of") and HELD and not os.path.exists(HELD):
        time.sleep(0.02)

def encoded():
    return encode(scan(FOLDER, cache_dir=CACHE), Small(), cache_dir=CACHE, on_progress=told)

def done(array):
    print(json.dumps({"result": fingerprint(np.asarray(array)), "encoded": sum("images/s" in note for note in seen)}))
"""
ENCODE = "done(encoded().values)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("at-once") / "images", n=30)


@pytest.fixture(scope="module")
def alone(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """The features that one process makes by itself."""
    cache = tmp_path_factory.mktemp("alone")
    return json.loads(_finish(_start(folder, cache, ENCODE, pause=0)).splitlines()[-1])["result"]


def _start(
    folder: Path, cache: Path, code: str, *, pause: float = 0.02, held: Path | str = "", **environment: str
) -> subprocess.Popen[str]:
    """`held`: it stops at the sixteenth image until that file is there."""
    constants = f"FOLDER, CACHE, PAUSE, HELD = {str(folder)!r}, {str(cache)!r}, {pause}, {str(held)!r}\n"
    return subprocess.Popen(
        [sys.executable, "-c", constants + PRELUDE + code],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finish(process: subprocess.Popen[str]) -> str:
    out, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, ""), errors
    return out


def _results(processes: list[subprocess.Popen[str]]) -> list[dict[str, Any]]:
    return [json.loads(_finish(process).splitlines()[-1]) for process in processes]


def _wait_for(process: subprocess.Popen[str], note: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if note in line:
            return
    raise AssertionError(process.communicate())


def _left_over(cache: Path) -> list[str]:
    return [str(path.relative_to(cache)) for path in [*cache.glob("*.partial/*"), *cache.rglob(".*")]]


WITHOUT_LOCKS = "from usl_core.cache import locks\nlocks._open = lambda root: None\n"


@pytest.mark.parametrize(("n_processes", "setting"), [(2, ""), (3, ""), (2, WITHOUT_LOCKS)], ids=["two", "three", "no locks"])
def test_processes_that_encode_the_same_images(folder, tmp_path, alone, n_processes, setting):
    found = _results([_start(folder, tmp_path, setting + ENCODE) for _ in range(n_processes)])
    assert [one["result"] for one in found] == [alone] * n_processes
    if not setting:
        assert sum(one["encoded"] for one in found) == 8, "every batch once, by one of them"
    assert _left_over(tmp_path) == []


def test_two_folders_with_the_same_images(folder, tmp_path, alone):
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    found = _results([_start(one, tmp_path / "cache", ENCODE) for one in (folder, copy)])
    assert [one["result"] for one in found] == [alone, alone]
    assert _left_over(tmp_path / "cache") == []


def test_one_is_killed_and_the_other_goes_on_from_there(folder, tmp_path, alone):
    first = _start(folder, tmp_path, ENCODE, held="never")
    _wait_for(first, "16 of 30")
    second = _start(folder, tmp_path, ENCODE, pause=0)
    _wait_for(second, "another process encodes the same images")
    first.kill()
    first.communicate()
    (found,) = _results([second])
    assert found["result"] == alone
    assert found["encoded"] == 5, "the three shards that the first one had saved are not made again"
    assert _left_over(tmp_path) == []


def test_killed_while_it_writes(folder, tmp_path, alone):
    """The half-written shard goes when the next one is written."""
    dying = "import os, signal, numpy\nreal = numpy.save\ncount = []\n"
    dying += "def save(file, *rest, **more):\n    real(file, *rest, **more)\n    count.append(0)\n"
    dying += "    if len(count) > 4: os.kill(os.getpid(), signal.SIGKILL)\nnumpy.save = save\n"
    process = _start(folder, tmp_path, dying + ENCODE, pause=0)
    process.communicate()
    assert process.returncode == -9
    assert list(tmp_path.rglob(".*"))
    (found,) = _results([_start(folder, tmp_path, ENCODE, pause=0)])
    assert found["result"] == alone
    assert _left_over(tmp_path) == []


CANCELLED = """
plain = told
def told(fraction, note):
    plain(fraction, note)
    if note.startswith("{}"):
        raise Cancelled
try:
    encoded()
except Cancelled:
    print("cancelled")
"""


def test_the_one_that_waits_is_cancelled(folder, tmp_path, alone):
    first = _start(folder, tmp_path, ENCODE, held=tmp_path / "go")
    _wait_for(first, "16 of 30")
    second = _start(folder, tmp_path, CANCELLED.format("another process"))
    assert _finish(second).endswith("cancelled\n")
    (tmp_path / "go").touch()
    assert _results([first])[0]["result"] == alone
    assert _left_over(tmp_path) == []


def test_the_one_at_work_is_cancelled_and_the_one_that_waits_goes_on(folder, tmp_path, alone):
    first = _start(folder, tmp_path, CANCELLED.format("20 of"), held=tmp_path / "go")
    _wait_for(first, "16 of 30")
    second = _start(folder, tmp_path, ENCODE, pause=0)
    _wait_for(second, "another process")
    (tmp_path / "go").touch()
    assert _finish(first).endswith("cancelled\n")
    (found,) = _results([second])
    assert found["result"] == alone
    assert found["encoded"] == 4, "four shards were saved, the fifth was not"
    assert _left_over(tmp_path) == []


def test_threads_that_encode_the_same_images(folder, tmp_path):
    images = scan(folder)
    encoders = [Tiny() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda encoder: encode(images, encoder, cache_dir=tmp_path).values, encoders))
    assert sum(encoder.n_prepared for encoder in encoders) == 30
    assert all(np.array_equal(values, found[0]) for values in found)
    assert _left_over(tmp_path) == []


MADE = {
    "scan": "done(np.array(scan(FOLDER, cache_dir=CACHE, on_progress=told).digests))",
    "graph": "done(load_or_find_neighbors(encoded(), 7, cache_dir=CACHE, on_progress=told).distances)",
    "map": "f = encoded(); done(load_or_draw_map(f, load_or_find_neighbors(f, 7, cache_dir=CACHE), 'pca', cache_dir=CACHE).xy)",
    "views": "done(encode_views(encoded(), 2, cache_dir=CACHE, on_progress=told, encoder=Small()).values)",
}


@pytest.mark.parametrize("what", MADE)
def test_whatever_is_made_by_two_at_once(folder, tmp_path, what):
    one, two = _results([_start(folder, tmp_path, MADE[what], pause=0) for _ in range(2)])
    assert one["result"] == two["result"]
    assert _left_over(tmp_path) == []


TRAIN = """
from usl_core.uslt.params import UsltParams
from usl_core.uslt.records import TrainingRecord
features = encoded()
seen.clear()
record = TrainingRecord(features, 4, UsltParams(n_neighbors=5, n_views=0, n_epochs=2), cache_dir=CACHE)
graph = load_or_find_neighbors(features, 5, cache_dir=CACHE)
trained = record.train(graph, device="cpu", on_epoch=lambda report: seen.append("images/s"))
done(trained.last.picks)
"""


def test_a_training_that_two_want_is_done_once(folder, tmp_path):
    one, two = _results([_start(folder, tmp_path, TRAIN) for _ in range(2)])
    assert one["result"] == two["result"]
    assert one["encoded"] + two["encoded"] == 2, "epochs"
    assert list(tmp_path.rglob(".*")) == []


def test_a_smaller_graph_never_takes_the_place_of_a_larger_one(folder, tmp_path):
    graph = "done(load_or_find_neighbors(encoded(), {}, cache_dir=CACHE, on_progress=told).distances)"
    _results([_start(folder, tmp_path, graph.format(k), pause=0) for k in (5, 29)])
    (entry,) = (tmp_path / "neighbors").iterdir()
    stored = Store(tmp_path).load("neighbors", entry.name)
    assert stored is not None
    assert stored.arrays["indices"].shape == (30, 29)


def test_all_of_it_while_the_cache_is_far_too_small(folder, tmp_path, alone):
    """Each save evicts all that it may; what is in use or at work stays."""
    busy = [_start(folder, tmp_path, code, USL_CACHE_MAX_GB="1e-6") for code in (ENCODE, ENCODE, MADE["graph"])]
    assert [one["result"] for one in _results(busy)[:2]] == [alone, alone]
    assert _left_over(tmp_path) == []


def test_a_turn_ends_with_its_process(tmp_path):
    code = f"""
import sys, time
from usl_core.cache.store import Store
with Store({str(tmp_path)!r}).turn("key"):
    print("mine", flush=True)
    time.sleep(60)
"""
    holder = _start(tmp_path, tmp_path, code)
    _wait_for(holder, "mine")
    assert locks.is_free(tmp_path, "turn key") is False
    assert locks.is_free(tmp_path, "turn other") is True
    holder.kill()
    holder.communicate()
    started = time.monotonic()
    with Store(tmp_path).turn("key"):
        assert locks.is_free(tmp_path, "turn key") is False
    assert time.monotonic() - started < 30
    assert locks.is_free(tmp_path, "turn key") is True
