"""Everything that is computed once and kept. Keys are names, fingerprints and parameter objects, never arrays: Streamlit hashes
only a sample of a large array, and what is returned is shared between sessions, so arrays are read-only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from typing import Any

import numpy as np
import streamlit as st

import usl_core as usl
from usl_core.clustering import Clustering, KmeansInit
from usl_core.image_records import images_version
from usl_core.metrics import Scorecard
from usl_core.prepared import Prepared, is_demo, known_images, load_prepared
from usl_core.selection.usl import UslParams
from usl_core.types import ImageSet, Selection

from . import sources
from .job_pool import pool
from .state import Choices

_HASH: dict[str | type, Callable[[Any], Any]] = {UslParams: astuple}


class _Missing(Exception):
    """What was asked for has not been made yet, which may change."""


def job_key(task: str, source: str, encoder: str = "") -> str:
    """The key of a job that makes something of a source."""
    return f"{task} {encoder} {source}"


def images(name: str) -> ImageSet | None:
    """The images of a data set if it was scanned.

    Raises:
        UslError: this server knows no data set of that name.
    """
    source = sources.source_of(name)
    try:
        return _images(source, None if is_demo(source) else images_version(source))
    except _Missing:
        return None


@st.cache_resource(max_entries=8, show_spinner=False)
def _images(source: str, version: int | None) -> ImageSet:
    found = known_images(source)
    if found is None:
        raise _Missing
    return found


def prepared(name: str, encoder: str) -> Prepared | None:
    """Features, graph and maps of a data set if they were made.

    Raises:
        UslError: this server knows no data set, or no encoder, of that name.
    """
    source = sources.source_of(name)
    jobs = (pool().find(job_key(task, source, encoder)) for task in ("prepare", "map"))
    made = tuple(job.id for job in jobs if job is not None and job.status == "done")
    try:
        return _prepared(source, encoder, None if is_demo(source) else images_version(source), made)
    except _Missing:
        return None


@st.cache_resource(max_entries=8, show_spinner=False)
def _prepared(source: str, encoder: str, version: int | None, made: tuple[str, ...]) -> Prepared:
    found = load_prepared(source, encoder)
    if found is None:
        raise _Missing
    return found


@st.cache_resource(max_entries=32, show_spinner=False)
def _clusters(fingerprint: str, _made: Prepared, budget: int, seed: int, init: KmeansInit, n_iterations: int) -> Clustering:
    return usl.kmeans(_made.features, budget, init=init, n_iterations=n_iterations, seed=seed)


@st.cache_resource(max_entries=128, show_spinner=False, hash_funcs=_HASH)
def _select(fingerprint: str, _made: Prepared, method: str, budget: int, seed: int, params: UslParams | None) -> Selection:
    found = None
    if params is not None:
        found = _clusters(fingerprint, _made, budget, seed, params.kmeans_init, params.kmeans_iterations)
    return usl.select(
        _made.features,
        budget,
        method,
        params=params,
        seed=seed,
        labels=_made.images.labels,
        neighbors=_made.neighbors,
        cluster_labels=None if found is None else found.labels,
    )


@st.cache_resource(max_entries=512, show_spinner=False, hash_funcs=_HASH)
def _score(
    fingerprint: str,
    _made: Prepared,
    method: str,
    budget: int,
    seed: int,
    params: UslParams | None,
    n_neighbors: int,
) -> Scorecard:
    return usl.score_selection(
        _made.features,
        _select(fingerprint, _made, method, budget, seed, params),
        _made.neighbors,
        labels=_made.images.labels,
        n_classes=len(_made.images.class_names) or None,
        n_neighbors=n_neighbors,
    )


@st.cache_resource(max_entries=64, show_spinner=False)
def _percentiles(fingerprint: str, _made: Prepared, n_neighbors: int) -> np.ndarray:
    return usl.density_percentile(usl.utility(_made.neighbors, n_neighbors))


@st.cache_resource(max_entries=64, show_spinner=False)
def _peaks(fingerprint: str, _made: Prepared, n_neighbors: int) -> np.ndarray:
    return usl.density_peaks(_made.neighbors, n_neighbors)


def selection(made: Prepared, choices: Choices, method: str) -> Selection:
    """The picks of one method."""
    return _select(made.features.fingerprint, made, method, choices.budget, choices.seed, choices.params_of(method))


def scorecard(made: Prepared, choices: Choices, method: str) -> Scorecard:
    """The numbers of one method's picks; density and radius are taken at the k of the slider for every method."""
    params = choices.params_of(method)
    return _score(made.features.fingerprint, made, method, choices.budget, choices.seed, params, choices.params.n_neighbors)


def density_percentiles(made: Prepared, n_neighbors: int) -> np.ndarray:
    """(n,) float64: the share of other images in a less dense place, in percent."""
    return _percentiles(made.features.fingerprint, made, n_neighbors)


def density_peaks(made: Prepared, n_neighbors: int) -> np.ndarray:
    """(p,) rows of the local maxima of the density."""
    return _peaks(made.features.fingerprint, made, n_neighbors)
