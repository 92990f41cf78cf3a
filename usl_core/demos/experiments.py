"""Three experiments for teaching, each a click: what alpha prevents, what t prevents, and what L_global has to do with k-means.

The first two train on the bundled digits. The third moves centroids on 2-D points with s = -||f - c||^2 and tau = 0, where

    n L_global = sum of min_c ||f - c||^2  (the k-means objective)  +  sum of log sum_c exp(-||f - c||^2)  (the regulariser)

so descending the first term alone must end where Lloyd's algorithm ends, and L_global near it. Results are plain JSON: a job
sends them to a page, and a saved run in assets is there to compare with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..bundled_files import ASSETS
from ..errors import UslError
from ..types import Progress
from ..uslt.history import column
from ..uslt.losses import global_loss, log_soft_assignment, similarities
from ..uslt.params import UsltParams
from ..uslt.train import train_uslt
from .bundled import load_demo
from .toys import load_toy

SAVED = ASSETS / "experiments.json"
BUDGET = 40
_TOY, _SCALE, _STEPS, _RATE = "blobs", 4.0, 400, 0.05

Measure = Literal["alive", "entropy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Two trainings that differ in one setting.

    Args:
        name: what `run_experiment` takes.
        title: the question.
        expected: what should come out, in a sentence.
        measure: what to look at: clusters that hold an image, or the entropy of assignments as a share of the most.
        arms: label and settings of each training.
    """

    name: str
    title: str
    expected: str
    measure: Measure
    arms: tuple[tuple[str, UsltParams], ...]


EXPERIMENTS = (
    Experiment(
        name="adjustment",
        title="What does α prevent?",
        expected="Without logit adjustment (α = 0) large clusters attract ever more images, and most of the 40 die; with α = 5 "
        "nearly all stay alive.",
        measure="alive",
        arms=(("α = 0", UsltParams(adjust_strength=0.0, n_views=0)), ("α = 5", UsltParams(n_views=0))),
    ),
    Experiment(
        name="sharpening",
        title="What does t prevent?",
        expected="Without sharpening (t = 1) no image becomes surer than its neighbours, and assignments stay near uniform, at "
        "an entropy of 100 %; with t = 0.25 they leave it.",
        measure="entropy",
        arms=(("t = 1", UsltParams(sharpen_temperature=1.0, n_views=0)), ("t = 0.25", UsltParams(n_views=0))),
    ),
)
KMEANS = "kmeans"
KMEANS_TITLE = "Is L_global k-means?"
KMEANS_EXPECTED = (
    "From the same start, one point of each group, descending the k-means term of L_global ends where Lloyd's algorithm ends. "
    "The whole L_global assigns almost all points alike, with its centroids a little aside: its other term, the log-sum-exp, "
    "rewards distance from the other centroids."
)


def experiment_names() -> list[str]:
    """What `run_experiment` takes."""
    return [*(experiment.name for experiment in EXPERIMENTS), KMEANS]


def run_experiment(name: str, *, seed: int = 0, on_progress: Progress | None = None) -> dict[str, Any]:
    """One experiment.

    Args:
        name: one of `experiment_names()`.
        seed: of the trainings, or of the start of the centroids.
        on_progress: see `types.Progress`.

    Returns:
        For `adjustment` and `sharpening`: {"arms": {label: [the measure after each epoch]}}. For `kmeans`: {"points": n x 2,
        "start": C x 2, "ways": {label: {"centroids": C x 2, "clusters": n, "objective": mean squared distance}}}.

    Raises:
        UslError: no such experiment.
        Cancelled: as raised by `on_progress`.
    """
    report: Progress = on_progress or (lambda fraction, note: None)
    if name == KMEANS:
        return _centroids(seed, report)
    experiment = next((experiment for experiment in EXPERIMENTS if experiment.name == name), None)
    if experiment is None:
        raise UslError(f"there is no experiment {name!r}; choose one of {', '.join(experiment_names())}")
    demo = load_demo("digits")
    arms: dict[str, list[float]] = {}
    for index, (label, params) in enumerate(experiment.arms):

        def told(fraction: float, note: str, index: int = index, label: str = label) -> None:
            report((index + fraction) / len(experiment.arms), f"{label}, {note}")

        history = train_uslt(demo.features, BUDGET, params, seed=seed, neighbors=demo.neighbors, on_progress=told).history
        alive = experiment.measure == "alive"
        arms[label] = [
            float(value) if alive else round(value, 4)
            for value in column(history, "n_alive" if alive else "assignment_entropy")
        ]
    return {"arms": arms}


def saved_results() -> Mapping[str, Any]:
    """The results of all experiments at seed 0, by name.

    Raises:
        UslError: the file is missing or damaged.
    """
    try:
        results: Mapping[str, Any] = json.loads(SAVED.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UslError(
            f"{SAVED.name} cannot be used ({error}); make it again with: python -m tools.build_experiments"
        ) from error
    return results


def _centroids(seed: int, report: Progress) -> dict[str, Any]:
    points, groups = load_toy(_TOY)
    f = _SCALE * points.astype(np.float64)
    rng = np.random.default_rng(seed)
    start = np.array([f[rng.choice(np.flatnonzero(groups == group))] for group in np.unique(groups)])
    ways = {
        "k-means (Lloyd)": _lloyd(f, start),
        "its term of L_global": _descend(f, start, False, lambda share: report(share / 2, "descending the k-means term")),
        "L_global": _descend(f, start, True, lambda share: report(0.5 + share / 2, "descending L_global")),
    }
    report(1.0, "done")
    described = {}
    for label, centroids in ways.items():
        squared = ((f[:, None] - centroids) ** 2).sum(-1)
        described[label] = {
            "centroids": _rounded(centroids / _SCALE),
            "clusters": squared.argmin(1).tolist(),
            "objective": round(float(squared.min(1).mean()) / _SCALE**2, 6),
        }
    return {"points": _rounded(points), "start": _rounded(start / _SCALE), "ways": described}


def _lloyd(f: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    while True:
        clusters = ((f[:, None] - centroids) ** 2).sum(-1).argmin(1)
        # A centroid without points stays where it is: re-seeding it would be another algorithm than the one compared with.
        moved = np.array([f[clusters == c].mean(0) if (clusters == c).any() else centroids[c] for c in range(len(centroids))])
        if np.array_equal(moved, centroids):
            return moved
        centroids = moved


def _descend(f: np.ndarray, start: np.ndarray, regularised: bool, report: Any) -> np.ndarray:
    """Gradient descent on L_global, or on its k-means term alone."""
    import torch

    points, centroids = torch.from_numpy(f), torch.from_numpy(start.copy()).requires_grad_()
    for step in range(_STEPS):
        report(step / _STEPS)
        z = similarities(points, centroids, None, "neg_sq_l2")
        loss = global_loss(z, log_soft_assignment(z), 0.0) if regularised else -z.amax(dim=-1).mean()
        (slope,) = torch.autograd.grad(loss, centroids)
        with torch.no_grad():
            centroids -= _RATE * len(start) * slope
    return centroids.detach().numpy()


def _rounded(rows: np.ndarray | Sequence[Any]) -> list[list[float]]:
    return [[round(float(value), 4) for value in row] for row in np.asarray(rows)]
