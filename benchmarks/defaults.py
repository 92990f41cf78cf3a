"""What USL is worth at its defaults: beside random draws, and beside the image nearest to each k-means centroid.

Pictures of digits, of shapes and of CIFAR-10's ten classes, seen through every encoder whose weights are here, at budgets from
one label per class to twenty. The same seeds draw, cluster and pick for all, so differences are paired; their intervals hold
95 % of the bootstrap means over the seeds. Beside the defaults, other k and lambda are measured: so they were chosen.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

import usl_core as usl
from usl_core.encoders.efficientnet import LITE0_160, SIDES
from usl_core.encoders.pixels import PIXELS
from usl_core.encoders.registry import BUNDLED, encoder_cards
from usl_core.evaluation.metrics import nearest_pick
from usl_core.images.subsets import subset
from usl_core.selection.usl_params import UslParams
from usl_core.types import Features, FloatArray, ImageSet, IntArray

from .features import CIFAR
from .harness import Row

BUDGETS = (10, 20, 40, 100, 200)
N_SEEDS = 20
N_CIFAR = 4000
NEIGHBORS = (10, 20, 40)
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0, 2.0)
_RESAMPLED = 2000
_OWN = ("trained:", "file:")

Setting = tuple[int, float]
"""k and lambda."""
Scores = NDArray[np.float64]
"""(seeds, 2): nearest-pick accuracy in percent, and classes covered."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cell:
    """One data set through one encoder at one budget.

    Args:
        images: what they are.
        encoder: full name.
        budget: m.
        random: of random draws.
        centers: of the image nearest to each k-means centroid.
        usl: of USL by setting.
    """

    images: str
    encoder: str
    budget: int
    random: Scores
    centers: Scores
    usl: Mapping[Setting, Scores]


def rows() -> list[Row]:
    """All rows of this group; prints the tables they are taken from."""
    defaults = (UslParams().n_neighbors, UslParams().reg_weight)
    settings = sorted({defaults, *((k, weight) for k in NEIGHBORS for weight in WEIGHTS)})
    cells = [cell for name, features in _data() for cell in _cells(name, features, settings)]
    print(cell_table(cells, defaults), end="\n\n")
    print(setting_table(cells, settings, defaults), end="\n\n")
    level = sum(interval((cell.usl[defaults] - cell.random)[:, 0])[1] > 0 for cell in cells)
    covered = sum(interval((cell.usl[defaults] - cell.random)[:, 1])[1] >= 0 for cell in cells)
    ours, centers = (float(np.mean([scores[:, 0].mean() for scores in of])) for of in _columns(cells, defaults))
    what = "USL at its defaults"
    return [
        Row(
            what=f"{what}: cells where it is not below random draws in nearest-pick accuracy",
            ours=level,
            rival=len(cells),
            rival_name="all cells",
            unit="cells",
            bound=1,
            at_least=True,
        ),
        Row(
            what=f"{what}: cells where it is not below random draws in classes covered",
            ours=covered,
            rival=len(cells),
            rival_name="all cells",
            unit="cells",
            bound=1,
            at_least=True,
        ),
        Row(
            what=f"{what}: nearest-pick accuracy, mean over all cells",
            ours=ours,
            rival=centers,
            rival_name="the image nearest to each k-means centroid",
            unit="%",
            bound=1,
            at_least=True,
        ),
    ]


def _columns(cells: Sequence[Cell], setting: Setting) -> tuple[list[Scores], list[Scores]]:
    return [cell.usl[setting] for cell in cells], [cell.centers for cell in cells]


def _data() -> Iterator[tuple[str, Features]]:
    """Every set through every encoder that needs no download."""
    left_out = {name for name in SIDES if name != LITE0_160}  # of one network that side which suits small pictures best
    here = [card.name for card in encoder_cards() if card.cached and not card.name.startswith(_OWN)]
    ready = [name for name in here if name not in left_out]
    with tempfile.TemporaryDirectory() as cache:
        sets: dict[str, ImageSet] = {name: usl.load_demo(name).images for name in ("digits", "shapes")}
        if CIFAR.is_file():
            images = usl.scan(CIFAR, cache_dir=cache)
            picked = np.random.default_rng(0).choice(len(images), N_CIFAR, replace=False)
            sets[f"CIFAR-10 ({N_CIFAR:,})"] = subset(images, np.sort(picked).tolist())
        else:
            print(f"no {CIFAR.name} beside the checkout: demos only", file=sys.stderr)
        for name, images in sets.items():
            for encoder in (PIXELS, BUNDLED, *(other for other in ready if other not in (PIXELS, BUNDLED))):
                yield name, usl.encode(images, encoder, cache_dir=cache)


def _cells(name: str, features: Features, settings: Sequence[Setting]) -> Iterator[Cell]:
    labels = features.images.labels
    assert labels is not None
    x, graph = features.values, usl.find_neighbors(features, max(NEIGHBORS))
    for budget in BUDGETS:
        print(f"  {name}, {features.encoder}, m = {budget}", file=sys.stderr)
        random, centers = np.empty((2, N_SEEDS, 2))
        found = {setting: np.empty((N_SEEDS, 2)) for setting in settings}
        for seed in range(N_SEEDS):
            clusters = usl.kmeans(x, budget, seed=seed)
            random[seed] = _scores(x, labels, usl.select(features, budget, "random", seed=seed, neighbors=graph).indices)
            centers[seed] = _scores(x, labels, _nearest_to_centroids(x, clusters.labels, clusters.centroids))
            for k, weight in settings:
                params = replace(UslParams(), n_neighbors=k, reg_weight=weight)
                picked = usl.select(features, budget, "usl", params, neighbors=graph, cluster_labels=clusters.labels)
                found[k, weight][seed] = _scores(x, labels, picked.indices)
        yield Cell(images=name, encoder=features.encoder, budget=budget, random=random, centers=centers, usl=found)


def _nearest_to_centroids(x: FloatArray, labels: IntArray, centroids: FloatArray) -> IntArray:
    """(m,) the member of each cluster that lies nearest to its centroid."""
    sq_dist = ((x - centroids[labels]) ** 2).sum(axis=1)
    order = np.lexsort((sq_dist, labels))
    return order[np.searchsorted(labels[order], np.arange(len(centroids)))]


def _scores(x: FloatArray, labels: NDArray[np.integer], picks: IntArray) -> tuple[float, float]:
    return nearest_accuracy(x, labels, picks), float(len(np.unique(labels[picks])))


def nearest_accuracy(x: FloatArray, labels: NDArray[np.integer], picks: IntArray) -> float:
    """In percent: how many of the images that were not picked have the class of the nearest pick."""
    place, _ = nearest_pick(x, picks)
    others = np.ones(len(x), dtype=bool)
    others[picks] = False
    right = labels[picks][place] == labels
    return 100 * float(right[others].mean())


def interval(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lower and upper end of the interval of the mean over the seeds, which are the first axis."""
    drawn = np.random.default_rng(0).integers(len(differences), size=(_RESAMPLED, len(differences)))
    return np.percentile(differences[drawn].mean(axis=1), (2.5, 97.5), axis=0)


def cell_table(cells: Sequence[Cell], setting: Setting) -> str:
    """Every cell at one setting, as a Markdown table."""
    lines = [
        "| images | encoder | m | random | centroids | USL | USL − random | USL − centroids | classes: USL | − random |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for cell in cells:
        ours = cell.usl[setting]
        means = [scores[:, 0].mean() for scores in (cell.random, cell.centers, ours)]
        apart = [written((ours - other)[:, 0]) for other in (cell.random, cell.centers)]
        classes = [f"{ours[:, 1].mean():.1f}", written((ours - cell.random)[:, 1])]
        figures = [*(f"{mean:.1f} %" for mean in means), *apart, *classes]
        lines.append(f"| {cell.images} | `{cell.encoder}` | {cell.budget} | {' | '.join(figures)} |")
    return "\n".join(lines)


def written(differences: NDArray[np.float64]) -> str:
    """Mean and interval of differences by seed."""
    low, high = interval(differences)
    return f"{differences.mean():+.1f} ({low:+.1f} to {high:+.1f})"


def setting_table(cells: Sequence[Cell], settings: Sequence[Setting], defaults: Setting) -> str:
    """Every setting over all cells, as a Markdown table."""
    lines = [
        "| k | λ | USL − random | USL − centroids | worst cell | cells below random | in classes covered |",
        "|---|---|---|---|---|---|---|",
    ]
    for setting in settings:
        apart = [cell.usl[setting] - cell.random for cell in cells]
        beside = np.mean([(cell.usl[setting] - cell.centers)[:, 0].mean() for cell in cells])
        below = [sum(interval(differences[:, score])[1] < 0 for differences in apart) for score in (0, 1)]
        means = [differences[:, 0].mean() for differences in apart]
        mark = " (default)" if setting == defaults else ""
        lines.append(
            f"| {setting[0]} | {setting[1]:g}{mark} | {np.mean(means):+.2f} | {beside:+.2f} | {min(means):+.1f} | "
            f"{below[0]} of {len(cells)} | {below[1]} of {len(cells)} |"
        )
    return "\n".join(lines)
