"""What sessions share: kept once, never a failure, and no session can change what another one sees."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import usl_core as usl
from pages.ui import cached, explained
from pages.ui.state import Choices
from pages.ui.views import idea
from tests.core.test_read_only import writable
from usl_core.pipeline import artefacts
from usl_core.pipeline.prepared import Prepared, find_images, prepare
from usl_core.projection.params import UmapParams
from usl_core.projection.project import Drawn
from usl_core.read_only import arrays_in
from usl_core.uslt.params import UsltParams

from .conftest import name_of, write_images

CHOICES = Choices(
    data="digits",
    encoder="bundled:mini",
    budget=6,
    seed=0,
    params=usl.UslParams(),
    uslt=UsltParams(n_epochs=2, n_views=0),
    umap=UmapParams(),
)


def kept() -> dict[str, Callable[..., Any]]:
    """Every function whose results Streamlit keeps."""
    both = {**vars(cached), **vars(explained)}
    return {name: thing for name, thing in both.items() if hasattr(thing, "clear") and callable(thing)}


@pytest.fixture
def made() -> Prepared:
    for function in kept().values():
        function.clear()
    found = cached.prepared("digits", "bundled:mini")
    assert found is not None
    return found


def results(made: Prepared) -> dict[str, Any]:
    """What each of them returns."""
    of, params = (made.features.fingerprint, made), CHOICES.params
    record = cached.training_record(made, CHOICES.budget, CHOICES.uslt, 0)
    record.train(made.neighbors, None)
    training = cached.training(record)
    assert training is not None
    narrow = UmapParams(n_neighbors=3, min_dist=0.5)
    artefacts.load_or_draw_map(made.features, made.neighbors, "umap", narrow)
    drawn = cached.umap(made, narrow)
    assert drawn is not None
    return {
        "_images": cached.images("digits"),
        "_prepared": made,
        "_clusters": cached._clusters(*of, 6, 0, params.kmeans_init, params.kmeans_iterations),
        "_select": [
            cached._select(*of, method, 6, 0, params if method == "usl" else None, alike)
            for method in ("usl", "random", "stratified")
            for alike in (None, 0.98)
        ],
        "_score": cached._score(*of, "usl", 6, 0, params, None, 20),
        "_radius": cached._radius(*of, 20),
        "_percentiles": cached.density_percentiles(made, 20),
        "_peaks": cached.density_peaks(made, 20),
        "_utility": explained.utility(made, params, "kth"),
        "_utility_percentiles": explained.utility_percentiles(made, params, "mean"),
        "_rounds": explained.rounds(made, CHOICES),
        "_steps": explained.steps(made, CHOICES)[0],
        "_step_scores": explained.steps(made, CHOICES)[1],
        "toy": [cached.toy("moons"), idea.steps("moons", 5, 1.0), idea.steps()],
        "_training": training,
        "_trained_scores": cached.trained(made, record, training, 20, 0.98),
        "_may_be_picked": cached.may_be_picked(made, record, 0.98),
        "_umap": drawn,
        "_near_duplicates": cached.near_duplicates(made, 0.98),
    }


def test_no_session_can_change_what_another_one_sees(made: Prepared):
    found = results(made)
    assert set(found) == set(kept()), "a function that keeps something has no test here"
    assert {name: len(writable(thing)) for name, thing in found.items()} == dict.fromkeys(found, 0)
    assert sum(len(list(arrays_in(thing))) for thing in found.values()) > 50


def test_it_is_kept_once_and_named_by_what_it_depends_on(made: Prepared):
    assert cached.density_percentiles(made, 20) is cached.density_percentiles(made, 20)
    assert cached.density_percentiles(made, 21) is not cached.density_percentiles(made, 20)
    assert cached.selection(made, CHOICES, "usl") is cached.selection(made, CHOICES, "usl")
    for name, function in kept().items():
        assert list(inspect.signature(function).parameters), name


def test_what_is_missing_is_looked_for_again(root):
    album = write_images(root / "album", 12)
    name = name_of(album)
    assert cached.images(name) is None
    assert cached.prepared(name, "pixels:pca") is None
    find_images(str(album))
    assert len(cached.images(name)) == 12
    assert cached.prepared(name, "pixels:pca") is None
    prepare(str(album), "pixels:pca")
    assert cached.prepared(name, "pixels:pca") is not None


def test_a_map_that_was_drawn_elsewhere_is_found(root, monkeypatch):
    album = write_images(root / "album", 12)
    made = prepare(str(album), "pixels:pca")
    assert cached.prepared(name_of(album), "pixels:pca").umap is None
    monkeypatch.setattr(artefacts, "draw", lambda features, *given, **rest: Drawn(xy=features.values[:, :2].copy()))
    artefacts.load_or_draw_map(made.features, made.neighbors, "umap")
    found = cached.prepared(name_of(album), "pixels:pca")
    assert found.umap is not None
    assert cached.prepared(name_of(album), "pixels:pca") is found
