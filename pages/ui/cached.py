"""Everything that is computed once and kept. Keys are names, numbers and parameter objects, never arrays: Streamlit hashes
only a sample of a large array, and what is returned is shared between sessions, so arrays are read-only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from typing import Any

import numpy as np
import streamlit as st

import usl_core as usl
from usl_core.clustering import Clustering, KmeansInit
from usl_core.demos import Demo
from usl_core.metrics import Scorecard
from usl_core.selection.usl import UslParams
from usl_core.types import Selection

from .state import Choices

_HASH: dict[str | type, Callable[[Any], Any]] = {UslParams: astuple}


@st.cache_resource(max_entries=8, show_spinner=False)
def dataset(name: str) -> Demo:
    """A bundled data set with features, graph and maps."""
    return usl.load_demo(name)


@st.cache_resource(max_entries=64, show_spinner=False)
def clusters(name: str, budget: int, seed: int, init: KmeansInit, n_iterations: int) -> Clustering:
    """The k-means clusters that USL and its pictures share."""
    return usl.kmeans(dataset(name).features, budget, init=init, n_iterations=n_iterations, seed=seed)


@st.cache_resource(max_entries=512, show_spinner=False, hash_funcs=_HASH)
def _select(name: str, method: str, budget: int, seed: int, params: UslParams | None) -> Selection:
    demo = dataset(name)
    found = None if params is None else clusters(name, budget, seed, params.kmeans_init, params.kmeans_iterations)
    return usl.select(
        demo.features,
        budget,
        method,
        params=params,
        seed=seed,
        labels=demo.images.labels,
        neighbors=demo.neighbors,
        cluster_labels=None if found is None else found.labels,
    )


@st.cache_resource(max_entries=1024, show_spinner=False, hash_funcs=_HASH)
def _score(name: str, method: str, budget: int, seed: int, params: UslParams | None, n_neighbors: int) -> Scorecard:
    demo = dataset(name)
    return usl.score_selection(
        demo.features,
        _select(name, method, budget, seed, params),
        demo.neighbors,
        labels=demo.images.labels,
        n_classes=len(demo.images.class_names) or None,
        n_neighbors=n_neighbors,
    )


@st.cache_resource(max_entries=64, show_spinner=False)
def density_percentiles(name: str, n_neighbors: int) -> np.ndarray:
    """(n,) float64: the share of other images in a less dense place, in percent."""
    return usl.density_percentile(usl.utility(dataset(name).neighbors, n_neighbors))


@st.cache_resource(max_entries=64, show_spinner=False)
def density_peaks(name: str, n_neighbors: int) -> np.ndarray:
    """(p,) rows of the local maxima of the density."""
    return usl.density_peaks(dataset(name).neighbors, n_neighbors)


def selection(choices: Choices, method: str) -> Selection:
    """The picks of one method."""
    return _select(choices.dataset, method, choices.budget, choices.seed, choices.params_of(method))


def scorecard(choices: Choices, method: str) -> Scorecard:
    """The numbers of one method's picks; density and radius are taken at the k of the slider for every method."""
    params = choices.params_of(method)
    return _score(choices.dataset, method, choices.budget, choices.seed, params, choices.params.n_neighbors)
