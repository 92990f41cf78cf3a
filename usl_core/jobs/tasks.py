"""What a worker process can be asked to do. Arguments and results are plain JSON; what is large goes into the cache or a file.

Each task takes its arguments by name and `on_progress` (see `types.Progress`), which may raise `Cancelled`. Those of a source
take `within`: the folders that its images are read from, see `types.ImageSet`; empty means that links may lead anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import Any

from ..errors import UslError
from ..evaluation.metrics import METRICS
from ..pipeline.artefacts import load_or_draw_map
from ..pipeline.prepared import Prepared, find_images, known_images, known_umap, load_prepared, prepare
from ..projection.params import UmapParams
from ..types import ImageSet, Progress
from .evaluate_task import evaluate_methods
from .export_task import write_export
from .review_tasks import count_over_seeds, flag_picks
from .select_task import select_and_keep, views_for


class _TooMany(Exception):
    """More files than somebody wants to have looked through unasked."""


def scan_source(
    source: str, ask_beyond: int | None = None, within: Sequence[str] = (), *, on_progress: Progress
) -> dict[str, Any]:
    """Look through a folder, an archive or a list. Of more than `ask_beyond` files it only says how many there are."""

    def count(n_files: int) -> None:
        if ask_beyond is not None and n_files > ask_beyond:
            raise _TooMany(n_files)

    try:
        images = find_images(source, within=_paths(within), on_progress=on_progress, on_listed=count)
    except _TooMany as many:
        return {"files": many.args[0]}
    return {"images": len(images), "problems": len(images.problems)}


def prepare_source(source: str, encoder: str, within: Sequence[str] = (), *, on_progress: Progress) -> dict[str, Any]:
    """Everything that selecting needs."""
    made = prepare(source, encoder, within=_paths(within), on_progress=on_progress)
    return {"images": len(made.features), "dimensions": made.features.values.shape[1]}


def draw_map(
    source: str,
    encoder: str,
    settings: Mapping[str, Any] | None = None,
    within: Sequence[str] = (),
    *,
    on_progress: Progress,
) -> dict[str, Any]:
    """The UMAP of a prepared source."""
    made, params = _prepared(source, encoder, within), UmapParams(**(settings or {}))
    on_progress(0.0, "starting")
    drawn = load_or_draw_map(made.features, made.neighbors, "umap", params, on_progress=on_progress)
    return {"trustworthiness": drawn.trustworthiness}


def warm_up(*, on_progress: Progress) -> dict[str, Any]:
    """Compile what the first map would wait for; it is kept on disk."""
    from ..projection.umap import warm

    warm()
    return {}


def score_over_seeds(
    source: str,
    encoder: str,
    methods: Sequence[str],
    budget: int,
    params: Mapping[str, Mapping[str, Any]],
    n_seeds: int,
    near_duplicates: float | None = None,
    within: Sequence[str] = (),
    *,
    on_progress: Progress,
) -> dict[str, Any]:
    """The seeds 0 to n_seeds - 1, by method: mean and standard deviation of every score, None where it is unknown; and for
    how many seeds each image is picked, for those that are."""
    made = _prepared(source, encoder, within)
    compared = _compare(made, methods, budget, params, range(n_seeds), near_duplicates, on_progress)
    found = {}
    for method in compared.selections:
        counts = compared.pick_counts(method)
        rows = counts.nonzero()[0]
        found[method] = {
            "scores": {metric.key: _or_none(compared.mean_and_sd(method, metric.key)) for metric in METRICS},
            "picked": {"rows": rows.tolist(), "counts": counts[rows].tolist()},
        }
    return found


def sweep_usl(
    source: str,
    encoder: str,
    budget: int,
    params: Mapping[str, Any],
    seed: int,
    near_duplicates: float | None = None,
    within: Sequence[str] = (),
    *,
    on_progress: Progress,
) -> dict[str, Any]:
    """USL over a row of lambdas and a row of alphas: the swept values, changed picks, and every score that is known."""
    from ..explain.sweeps import POWERS, WEIGHTS, Swept, sweep
    from ..selection.usl_params import UslParams

    made, settings = _prepared(source, encoder, within), UslParams(**params)

    def over(swept: Swept, values: Sequence[float], done: float) -> dict[str, Any]:
        points = sweep(
            made.features,
            budget,
            swept,
            values,
            params=settings,
            neighbors=made.neighbors,
            seed=seed,
            near_duplicates=near_duplicates,
            on_progress=lambda fraction, note: on_progress(done + fraction / 2, note),
        )
        scores = {metric.key: [getattr(point.card, metric.key) for point in points] for metric in METRICS}
        return {
            "values": [point.value for point in points],
            "changed": [point.changed for point in points],
            "scores": {key: row for key, row in scores.items() if not any(map(isnan, row))},
        }

    return {"reg_weight": over("reg_weight", WEIGHTS, 0.0), "reg_power": over("reg_power", POWERS, 0.5)}


def write_report_file(
    source: str,
    encoder: str,
    methods: Sequence[str],
    budget: int,
    params: Mapping[str, Mapping[str, Any]],
    seed: int,
    map_method: str,
    title: str,
    command: str,
    out: str,
    near_duplicates: float | None = None,
    map_settings: Mapping[str, Any] | None = None,
    within: Sequence[str] = (),
    *,
    on_progress: Progress,
) -> dict[str, Any]:
    """The HTML report of one seed."""
    from ..report.page import write_report

    made = _prepared(source, encoder, within)
    compared = _compare(made, methods, budget, params, (seed,), near_duplicates, on_progress)
    umap = known_umap(made, UmapParams(**(map_settings or {}))) if map_method == "umap" else None
    drawn = umap or made.pca
    on_progress(0.99, "writing the report")
    path = write_report(compared, drawn.xy, out, title=title, map_note=drawn.note, command=command)
    return {"file": str(path)}


def write_picks_archive(
    source: str,
    encoder: str,
    indices: Sequence[int],
    out: str,
    record: Mapping[str, Any] | None = None,
    within: Sequence[str] = (),
    *,
    on_progress: Progress,
) -> dict[str, Any]:
    """The picked images, as they are, and the record of the run in one .zip archive."""
    from ..export.files import write_picks_zip

    path = Path(out) / "picks.zip"
    write_picks_zip(path, _prepared(source, encoder, within).images, indices, record=record, on_progress=on_progress)
    return {"file": str(path)}


def train_heads(
    source: str,
    encoder: str,
    budget: int,
    params: Mapping[str, Any],
    seed: int,
    within: Sequence[str] = (),
    *,
    on_progress: Progress,
) -> dict[str, Any]:
    """A training of USL-T, gone on with where an earlier one was interrupted; its epochs can be read while it runs."""
    from ..features.views import views_key
    from ..uslt.params import UsltParams
    from ..uslt.records import TrainingRecord

    settings = UsltParams(**params)
    made = _prepared(source, encoder, within)
    key = views_key(made.features, settings.n_views, strength=settings.view_strength) if settings.n_views else None
    record = TrainingRecord(made.features, budget, settings, seed=seed, views_key=key)
    training = record.train(made.neighbors, views_for(made, settings, on_progress), on_progress=on_progress)
    return {"epochs": training.last.epoch}


def cost_of_encoding(
    source: str, encoders: Sequence[str], within: Sequence[str] = (), *, on_progress: Progress
) -> dict[str, Any]:
    """What `prepare_source` would take with each of the encoders: seconds and images per second, or why it cannot be said."""
    from ..features.cost import encoding_costs

    found = encoding_costs(_images(source, within), encoders, on_progress=on_progress)
    return {
        name: {"error": str(cost)} if isinstance(cost, UslError) else {"seconds": cost.seconds, "rate": cost.rate}
        for name, cost in found.items()
    }


def time_learning(
    source: str, params: Mapping[str, Any], within: Sequence[str] = (), *, on_progress: Progress
) -> dict[str, Any]:
    """How long `learn_features` would take here."""
    from ..pretrain.encoder import estimate
    from ..pretrain.params import PretrainParams

    found = estimate(_images(source, within), PretrainParams(**params), on_progress=on_progress)
    return {"reading": found.reading, "epoch": found.epoch}


def learn_features(
    source: str, name: str, title: str, params: Mapping[str, Any], within: Sequence[str] = (), *, on_progress: Progress
) -> dict[str, Any]:
    """An encoder from the images of a source, gone on with where an earlier training was interrupted."""
    from ..pretrain.encoder import pretrain_encoder
    from ..pretrain.params import PretrainParams

    settings = PretrainParams(**params)
    card, trained = pretrain_encoder(_images(source, within), name, settings, source=title, on_progress=on_progress)
    return {"encoder": card.name, "notes": list(trained.notes)}


def add_vectors_file(path: str, name: str | None, order: str | None, *, on_progress: Progress) -> dict[str, Any]:
    """A file of vectors that were made elsewhere becomes an encoder."""
    from ..encoders.own_vectors import add_vectors

    on_progress(0.0, Path(path).name)
    known = add_vectors(path, name, order)
    return {"encoder": known.name, "about": str(known)}


def add_weights_file(path: str, architecture: str, prefix: str, name: str | None, *, on_progress: Progress) -> dict[str, Any]:
    """A file of weights becomes an encoder."""
    from ..encoders.own_checkpoints import add_checkpoint

    on_progress(0.0, Path(path).name)
    known = add_checkpoint(path, architecture, prefix, name)
    return {"encoder": known.name, "about": f"{known.architecture} with these weights"}


def fetch_dataset(name: str, folder: str, *, on_progress: Progress) -> dict[str, Any]:
    """The archive of a data set of torchvision; a download that was interrupted goes on where it stopped."""
    from ..demos.torchvision_archive import torchvision_archive

    return {"path": str(torchvision_archive(name, folder=Path(folder), on_progress=on_progress))}


def run_one_experiment(name: str, *, on_progress: Progress) -> dict[str, Any]:
    """One of the experiments for teaching."""
    from ..demos.experiments import run_experiment

    return run_experiment(name, on_progress=on_progress)


def _compare(
    made: Prepared,
    methods: Sequence[str],
    budget: int,
    params: Mapping[str, Mapping[str, Any]],
    seeds: Sequence[int],
    near_duplicates: float | None,
    on_progress: Progress,
) -> Any:
    from ..evaluation.comparison import compare
    from ..selection.registry import params_from

    settings = {method: params_from(method, params[method]) for method in methods if method in params}
    looks = next((params for params in settings.values() if getattr(params, "n_views", 0)), None)
    return compare(
        made.features,
        budget,
        methods,
        seeds=seeds,
        params=settings,
        neighbors=made.neighbors,
        near_duplicates=near_duplicates,
        views=views_for(made, looks, on_progress),
        on_progress=on_progress,
    )


def _images(source: str, within: Sequence[str]) -> ImageSet:
    images = known_images(source, within=_paths(within))
    if images is None:
        raise UslError("the list of the images is no longer in the cache; scan them again on the page Data")
    return images


def _prepared(source: str, encoder: str, within: Sequence[str]) -> Prepared:
    made = load_prepared(source, encoder, within=_paths(within))
    if made is None:
        raise UslError(f"the features of {encoder} are no longer in the cache; encode the images again on the page Data")
    return made


def _paths(within: Sequence[str]) -> list[Path]:
    return [Path(folder) for folder in within]


def _or_none(pair: tuple[float, float]) -> tuple[float | None, ...]:
    return tuple(value if value == value else None for value in pair)


TASKS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "scan": scan_source,
    "prepare": prepare_source,
    "map": draw_map,
    "warm-up": warm_up,
    "select": select_and_keep,
    "seeds": score_over_seeds,
    "sweep": sweep_usl,
    "report": write_report_file,
    "archive": write_picks_archive,
    "export": write_export,
    "seed-counts": count_over_seeds,
    "flags": flag_picks,
    "uslt": train_heads,
    "encoding-cost": cost_of_encoding,
    "learning-time": time_learning,
    "learn": learn_features,
    "add-vectors": add_vectors_file,
    "add-weights": add_weights_file,
    "dataset": fetch_dataset,
    "experiment": run_one_experiment,
    "evaluate": evaluate_methods,
}
