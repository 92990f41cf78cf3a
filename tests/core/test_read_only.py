"""Arrays that are shared, or said to be read-only, cannot be changed: not through themselves, nor through what they view."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import usl_core as usl
from usl_core.cache.store import Store
from usl_core.demos.bundled import load_demo
from usl_core.demos.toys import toys
from usl_core.explain.rounds import rounds_of
from usl_core.pipeline.prepared import load_prepared, prepare
from usl_core.read_only import arrays_in, read_only


def writable(thing: object) -> list[np.ndarray]:
    """Every array in it, or below it, that can be written."""
    found = []
    for array in arrays_in(thing):
        below = array
        while isinstance(below, np.ndarray):
            if below.flags.writeable:
                found.append(below)
            below = below.base
    return found


@dataclass
class Nest:
    name: str
    values: np.ndarray
    more: object = None


def test_everything_inside_is_read_only():
    whole = np.arange(12.0)
    nest = Nest("n", whole[2:8].reshape(2, 3), {"a": (np.ones(2), [Nest("m", np.zeros(0))]), "b": ["x"] * 1000})
    assert len(writable(nest)) > 3
    assert read_only(nest) is nest
    assert writable(nest) == []
    for array in (whole, nest.values, nest.more["a"][0]):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 1
    assert read_only(3) == 3


@pytest.mark.parametrize("name", ["digits", "shapes"])
def test_demos(name):
    assert len(list(arrays_in(load_demo(name)))) >= 6
    assert writable(load_demo(name)) == []


@pytest.mark.parametrize("name", toys())
def test_toys(name):
    assert writable(load_prepared(f"toy:{name}")) == []


def test_what_is_made_of_images_and_what_is_read_back(tmp_path: Path):
    rng = np.random.default_rng(0)
    for at in range(12):
        folder = tmp_path / "images" / "ab"[at % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(folder / f"{at}.png")
    made = prepare(str(tmp_path / "images"), "pixels:pca")
    assert writable(made) == []
    assert writable(load_prepared(str(tmp_path / "images"), "pixels:pca")) == []
    assert writable(usl.encode(tmp_path / "images", "pixels:pca", cache_dir=tmp_path / "cache")) == []
    assert writable(usl.encode_views(made.features, 1)) == []


@pytest.mark.parametrize("n", [1, 2, 30])
def test_neighbours_and_rounds(n):
    values = np.random.default_rng(0).normal(size=(n, 4)).astype(np.float32)
    graph = usl.find_neighbors(values, 5)
    assert writable(graph) == []
    if n > 2:
        chosen = usl.select(values, 3, "usl", usl.UslParams(n_neighbors=5), neighbors=graph)
        assert writable(rounds_of(values, chosen, graph)) == []
        values[0] = 0  # the user's own array stays the user's


def test_cache_entries(tmp_path):
    entry = Store(tmp_path).save("k", "a", {"small": np.arange(3), "empty": np.zeros((0, 2)), "large": np.zeros((600, 600))})
    assert writable(entry.arrays) == []
    loaded = Store(tmp_path).load("k", "a")
    assert loaded is not None
    assert writable(loaded.arrays) == []
