"""What is compiled for UMAP is compiled once for all processes, and keeping it can fail in any way without costing a map."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numba.core import caching

from usl_core import project
from usl_core.projection.compiled import keep
from usl_core.projection.umap import warm

CHILD = """
import json, sys
import numpy as np
from usl_core import project
xy = project(np.load(sys.argv[1]))
from umap import layouts, umap_
functions = umap_.smooth_knn_dist, umap_.compute_membership_strengths, layouts._nb_optimize_layout_euclidean_single_epoch
stats = [function.stats for function in functions]
counts = [[sum(one.cache_hits.values()), sum(one.cache_misses.values())] for one in stats]
print(json.dumps([xy.tolist(), counts, "torch" in sys.modules]))
"""


def test_another_process_draws_the_same_map_and_compiles_nothing(tmp_path):
    values = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    np.save(tmp_path / "values.npy", values)
    warm()
    drawn = project(values)
    words = [sys.executable, "-c", CHILD, str(tmp_path / "values.npy")]
    done = subprocess.run(words, cwd=Path(__file__).parents[3], check=True, capture_output=True, text=True)
    xy, counts, has_torch = json.loads(done.stdout)
    assert counts == [[1, 0]] * 3, "read, compiled"
    assert not has_torch, "a map waits for no package that it does not need"
    assert np.array_equal(np.array(xy, np.float32), drawn)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Where numba keeps what it compiles."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    return tmp_path


def kept() -> Any:
    """A function as another process would find it: not compiled yet."""

    @numba.njit
    def one_more(x):
        return x + 1

    keep(one_more)
    return one_more


def was_read(function: Any) -> bool:
    assert function(1) == 2
    return bool(function.stats.cache_hits)


def files(folder: Path, kind: str) -> list[Path]:
    found = list(folder.rglob(f"*{kind}"))
    assert found
    return found


def test_what_was_kept_is_read(folder):
    assert not was_read(kept())
    assert was_read(kept())


@pytest.mark.parametrize("kind", [".nbi", ".nbc"])
@pytest.mark.parametrize("left", [0, 40])
def test_what_is_damaged_is_compiled_and_kept_again(folder, kind, left):
    assert not was_read(kept())
    for file in files(folder, kind):
        file.write_bytes(file.read_bytes()[:left])
    assert not was_read(kept())
    assert was_read(kept())


def test_a_full_disk_costs_no_more_than_the_time(folder, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(caching.IndexDataCacheFile, "_open_for_write", full)
        assert not was_read(kept())
        assert not list(folder.rglob("*.nb?"))
    assert not was_read(kept())
    assert was_read(kept())


def test_without_a_directory_to_write_to_it_is_compiled_as_ever(monkeypatch):
    monkeypatch.setattr(caching.CompileResultCacheImpl, "_locator_classes", [])
    assert not was_read(kept())


def test_what_is_no_compiled_function_stays_as_it_is():
    for other in (None, len, np.add):
        keep(other)


def test_what_is_kept_already_stays_where_it_is(folder, tmp_path_factory, monkeypatch):
    function = kept()
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path_factory.mktemp("elsewhere")))
    keep(function)
    assert Path(function.stats.cache_path).parent == folder
