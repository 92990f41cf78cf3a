"""Everything that is computed once and kept, see `keeping`, and the questions that pages ask of it."""

from __future__ import annotations

from typing import Any

import numpy as np

import usl_core as usl
from usl_core.clustering.kmeans import Clustering, KmeansInit
from usl_core.evaluation.metrics import Scorecard, default_radius
from usl_core.features.views import views_key
from usl_core.graph.copies import Candidates
from usl_core.graph.near_duplicates import NearDuplicates
from usl_core.images.records import images_version
from usl_core.pipeline.artefacts import Map, map_version
from usl_core.pipeline.kept_picks import KeptPicks
from usl_core.pipeline.prepared import TOY_PREFIX, Prepared, is_demo, known_images, known_umap, load_prepared
from usl_core.projection.params import UmapParams
from usl_core.selection.registry import is_quick
from usl_core.selection.usl_params import UslParams
from usl_core.selection.uslt import choice_of, selection_of
from usl_core.types import ImageSet, Selection
from usl_core.uslt.params import UsltParams
from usl_core.uslt.records import TrainingRecord
from usl_core.uslt.train import UsltTraining

from .access import sources
from .jobs.pool import pool
from .keeping import Missing, kept
from .state import Choices


def job_key(task: str, source: str, encoder: str = "") -> str:
    """The key of a job that makes something of a source."""
    return f"{task} {encoder} {source}".encode("utf-8", "backslashreplace").decode()  # widgets are named so, too


def images(name: str) -> ImageSet | None:
    """The images of a data set if it was scanned.

    Raises:
        UslError: this server knows no data set of that name.
    """
    source = sources.source_of(name)
    try:
        return _images(source, None if is_demo(source) else images_version(source))
    except Missing:
        return None


@kept(8)
def _images(source: str, version: int | None) -> ImageSet:
    found = known_images(source)
    if found is None:
        raise Missing
    return found


def prepared(name: str, encoder: str) -> Prepared | None:
    """Features, graph and maps of a data set if they were made.

    Raises:
        UslError: this server knows no data set, or no encoder, of that name.
    """
    source = sources.source_of(name)
    jobs = (pool().find(job_key(task, source, encoder)) for task in ("prepare", "map"))
    made = tuple(job.id for job in jobs if job is not None and job.status == "done")
    version = None if is_demo(source) else images_version(source)
    try:
        found = _prepared(source, encoder, version, made)
        if found.umap is not None or (drawn := map_version(found.features)) is None:
            return found
        return _prepared(source, encoder, version, (*made, str(drawn)))  # drawn since, by another server or the command line
    except Missing:
        return None


@kept(8)
def _prepared(source: str, encoder: str, version: int | None, made: tuple[str, ...]) -> Prepared:
    found = load_prepared(source, encoder)
    if found is None:
        raise Missing
    return found


def umap(made: Prepared, params: UmapParams) -> Map | None:
    """The UMAP of a data set with these settings if it was drawn."""
    if params == UmapParams():
        return made.umap
    version = map_version(made.features, "umap", params)
    try:
        return None if version is None else _umap(made.features.fingerprint, made, params, version)
    except Missing:  # it is damaged
        return None


@kept(16)
def _umap(fingerprint: str, _made: Prepared, params: UmapParams, version: int) -> Map:
    found = known_umap(_made, params)
    if found is None:
        raise Missing
    return found


@kept(32)
def _clusters(fingerprint: str, _made: Prepared, budget: int, seed: int, init: KmeansInit, n_iterations: int) -> Clustering:
    return usl.kmeans(_made.features, budget, init=init, n_iterations=n_iterations, seed=seed)


@kept(128)
def _select(
    fingerprint: str,
    _made: Prepared,
    method: str,
    budget: int,
    seed: int,
    params: Any,
    near_duplicates: float | None,
) -> Selection:
    if not is_quick(method, len(_made.features)):
        return _load(KeptPicks(_made.features, method, budget, params, seed=seed, near_duplicates=near_duplicates))
    found = None
    if isinstance(params, UslParams):
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
        near_duplicates=near_duplicates,
    )


def _load(picks: KeptPicks) -> Selection:
    found = picks.load()
    if found is None:
        raise Missing
    return found


@kept(512)
def _score(
    fingerprint: str,
    _made: Prepared,
    method: str,
    budget: int,
    seed: int,
    params: Any,
    near_duplicates: float | None,
    n_neighbors: int,
) -> Scorecard:
    return scored(_made, _select(fingerprint, _made, method, budget, seed, params, near_duplicates), n_neighbors)


def scored(made: Prepared, picked: Selection, n_neighbors: int) -> Scorecard:
    """The numbers of any picks; density and radius are taken at this k."""
    return usl.score_selection(
        made.features,
        picked,
        made.neighbors,
        labels=made.images.labels,
        n_classes=len(made.images.class_names) or None,
        n_neighbors=n_neighbors,
        radius=_radius(made.features.fingerprint, made, n_neighbors),
        percentile=density_percentiles(made, n_neighbors),
    )


@kept(64)
def _radius(fingerprint: str, _made: Prepared, n_neighbors: int) -> float:
    return default_radius(_made.neighbors, n_neighbors)


@kept(64)
def _percentiles(fingerprint: str, _made: Prepared, n_neighbors: int) -> np.ndarray:
    return usl.density_percentile(usl.utility(_made.neighbors, n_neighbors))


@kept(64)
def _peaks(fingerprint: str, _made: Prepared, n_neighbors: int) -> np.ndarray:
    return usl.density_peaks(_made.neighbors, n_neighbors)


@kept(16)
def _near_duplicates(fingerprint: str, _made: Prepared, cosine: float) -> NearDuplicates:
    return usl.find_near_duplicates(_made.features, cosine, neighbors=_made.neighbors)


@kept(8)
def toy(name: str) -> Prepared:
    """A 2-D point set, prepared like images.

    Raises:
        UslError: no such toy.
    """
    found = load_prepared(TOY_PREFIX + name)
    assert found is not None  # toys are always there
    return found


def training_record(made: Prepared, budget: int, params: UsltParams, seed: int) -> TrainingRecord:
    """Where a training of USL-T with these settings is kept, be it there or not."""
    key = views_key(made.features, params.n_views, strength=params.view_strength) if params.n_views else None
    return TrainingRecord(made.features, budget, params, seed=seed, views_key=key)


def training(record: TrainingRecord) -> UsltTraining | None:
    """The finished training, if there is one."""
    version = record.version
    try:
        return None if version is None else _training(record.key, version, record)
    except Missing:  # it is damaged
        return None


@kept(16)
def _training(key: str, version: int, _record: TrainingRecord) -> UsltTraining:
    found = _record.load()
    if found is None:
        raise Missing
    return found


@kept(64)
def _trained_scores(
    key: str,
    version: int,
    _made: Prepared,
    _record: TrainingRecord,
    _training: UsltTraining,
    n_neighbors: int,
    near_duplicates: float | None,
) -> tuple[Selection, Scorecard]:
    picked = selection_of(_training, may_be_picked(_made, _record, near_duplicates))
    return picked, scored(_made, picked, n_neighbors)


def trained(
    made: Prepared, record: TrainingRecord, found: UsltTraining, n_neighbors: int, near_duplicates: float | None
) -> tuple[Selection, Scorecard]:
    """Picks and numbers of a finished training."""
    return _trained_scores(record.key, record.version or 0, made, record, found, n_neighbors, near_duplicates)


@kept(16)
def _may_be_picked(key: str, _made: Prepared, _record: TrainingRecord, near_duplicates: float) -> Candidates | None:
    return choice_of(_record, _made.neighbors, near_duplicates)


def may_be_picked(made: Prepared, record: TrainingRecord, near_duplicates: float | None) -> Candidates | None:
    """See `choice_of`."""
    return None if near_duplicates is None else _may_be_picked(record.key, made, record, near_duplicates)


def kept_picks(made: Prepared, choices: Choices, method: str) -> KeptPicks:
    """Where the picks of a method that is not quick are kept, be they there or not."""
    asked = (made.features, method, choices.budget, choices.of(method))
    return KeptPicks(*asked, seed=choices.seed, near_duplicates=choices.near_duplicates)


def has_picks(made: Prepared, choices: Choices, method: str) -> bool:
    """Whether `selection` can be asked for this method: where it takes a while, a job has to have made it."""
    if is_quick(method, len(made.features)):
        return True
    try:
        selection(made, choices, method)
    except Missing:
        return False
    return True


def selection(made: Prepared, choices: Choices, method: str) -> Selection:
    """The picks of one method that needs no training.

    Raises:
        Missing: it takes a while on so many images, and no job has made them yet.
    """
    asked = (made.features.fingerprint, made, method, choices.budget, choices.seed, choices.of(method))
    return _select(*asked, choices.near_duplicates)


def clusters(made: Prepared, choices: Choices) -> Clustering:
    """What USL picks one image each from."""
    params = choices.params
    asked = (made.features.fingerprint, made, choices.budget, choices.seed)
    return _clusters(*asked, params.kmeans_init, params.kmeans_iterations)


def scorecard(made: Prepared, choices: Choices, method: str) -> Scorecard:
    """The numbers of one method's picks; density and radius are taken at the k of the slider for every method."""
    asked = (made.features.fingerprint, made, method, choices.budget, choices.seed, choices.of(method))
    return _score(*asked, choices.near_duplicates, choices.params.n_neighbors)


def selections(made: Prepared, choices: Choices, methods: list[str], trained: Selection | None) -> dict[str, Selection]:
    """Picks by method; `trained` are those of USL-T."""
    return {m: trained if m == "usl-t" and trained else selection(made, choices, m) for m in methods}


def scorecards(made: Prepared, choices: Choices, methods: list[str], trained: Scorecard | None) -> dict[str, Scorecard]:
    """Numbers by method; `trained` are those of USL-T."""
    return {m: trained if m == "usl-t" and trained else scorecard(made, choices, m) for m in methods}


def density_percentiles(made: Prepared, n_neighbors: int) -> np.ndarray:
    """(n,) float64: the share of other images in a less dense place, in percent."""
    return _percentiles(made.features.fingerprint, made, n_neighbors)


def density_peaks(made: Prepared, n_neighbors: int) -> np.ndarray:
    """(p,) rows of the local maxima of the density."""
    return _peaks(made.features.fingerprint, made, n_neighbors)


def near_duplicates(made: Prepared, cosine: float) -> NearDuplicates:
    """The groups of images that are alike from a cosine on."""
    return _near_duplicates(made.features.fingerprint, made, cosine)
