"""What a selection is worth, in numbers that need no training: coverage, balance, redundancy, agreement between methods."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..distances import blocks, sq_distances
from ..errors import UslError
from ..graph.density import density_percentile, mean_distance, usable_neighbors, utility
from ..learners.nearest import nearest_point
from ..types import FloatArray, IntArray, Neighbors, Selection
from ..validation import class_ids, index_set, real_number, same_images, unit_rows, whole_number


@dataclass(frozen=True, slots=True)
class Metric:
    """How a number on a scorecard reads.

    Args:
        key: field of `Scorecard`.
        title: what the card says.
        definition: one sentence for the tooltip.
        better: which direction is better.
        digits: decimals to show.
        percent: show as a percentage.
        needs_labels: known only where class labels are.
    """

    key: str
    title: str
    definition: str
    better: Literal["higher", "lower"]
    digits: int = 2
    percent: bool = False
    needs_labels: bool = False

    @property
    def arrow(self) -> str:
        """Where better is."""
        return "↑" if self.better == "higher" else "↓"

    @property
    def direction(self) -> str:
        """Where better is, in words."""
        return f"{self.better} is better"

    @property
    def help(self) -> str:
        """Definition and direction, for a tooltip."""
        return f"{self.definition} {self.direction.capitalize()}."

    @property
    def unit(self) -> str:
        """What follows the number."""
        return " %" if self.percent else ""

    def number(self, value: float, *, least_digits: int = 0) -> str:
        """The value as it is shown, without its unit; nothing where it is unknown."""
        digits = max(self.digits, least_digits)
        return "" if math.isnan(value) else f"{value * (100 if self.percent else 1):.{digits}f}"

    def text(self, value: float) -> str:
        """The value as it is shown; nothing where it is unknown."""
        return "" if math.isnan(value) else self.number(value) + self.unit

    def best(self, values: Mapping[str, float]) -> set[str]:
        """Whose value is the best as it is shown, all of those who share it; nobody where all look alike."""
        shown = {name: self.number(value) for name, value in values.items() if not math.isnan(value)}
        if len(set(shown.values())) < 2:
            return set()
        choose = max if self.better == "higher" else min
        best = shown[choose(shown, key=values.__getitem__)]
        return {name for name, number in shown.items() if number == best}


METRICS = (
    Metric("classes_covered", "Classes covered", "Classes with at least one pick.", "higher", 1, needs_labels=True),
    Metric(
        "class_imbalance",
        "Class imbalance",
        "Standard deviation of the number of picks per class; 0 means the same number of every class.",
        "lower",
        needs_labels=True,
    ),
    Metric(
        "nearest_pick_accuracy",
        "Nearest-pick accuracy",
        "Share of the other images whose nearest pick (in feature space) is of their class.",
        "higher",
        1,
        percent=True,
        needs_labels=True,
    ),
    Metric(
        "coverage",
        "Coverage",
        "Share of images within distance r of a pick; r is the median distance to the k-th neighbour, alike for all methods.",
        "higher",
        1,
        percent=True,
    ),
    Metric(
        "k_center_radius",
        "k-center radius",
        "Distance from the worst served image to its nearest pick (unit vectors: 0 to 2).",
        "lower",
        3,
    ),
    Metric("mean_pick_distance", "Mean distance to a pick", "Mean distance from an image to its nearest pick.", "lower", 3),
    Metric(
        "redundancy",
        "Redundancy",
        "Share of picks that have another pick within distance r, the radius of coverage.",
        "lower",
        1,
        percent=True,
    ),
    Metric(
        "density_percentile",
        "Density percentile",
        "Mean over the picks of the share of images that lie in a less dense place; random picks come to about 50.",
        "higher",
        0,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """The numbers of one selection; `METRICS` defines each. Those that need labels are NaN without.

    Args:
        radius: r of coverage and redundancy, a plain distance.
        class_counts: picks per class; empty without labels.
    """

    coverage: float
    k_center_radius: float
    mean_pick_distance: float
    redundancy: float
    density_percentile: float
    classes_covered: float
    class_imbalance: float
    nearest_pick_accuracy: float
    radius: float
    class_counts: tuple[int, ...]


def default_radius(neighbors: Neighbors, n_neighbors: int = 20) -> float:
    """r: the median over all images of the distance to their k-th neighbour; 0 for a single image."""
    return float(np.median(mean_distance(neighbors, n_neighbors, estimate="kth")))


def nearest_pick(values: FloatArray, picks: IntArray) -> tuple[IntArray, NDArray[np.float32]]:
    """For every image, the place in `picks` of the nearest pick (ties: the first) and the plain distance to it.

    Args:
        values: (n, d) unit rows.
        picks: (m,) rows.

    Returns:
        (n,) int64 and (n,) float32.
    """
    return nearest_point(values[picks], values)


def score_selection(
    values: Any,
    selection: Selection | Iterable[int],
    neighbors: Neighbors,
    *,
    labels: Any = None,
    n_classes: int | None = None,
    n_neighbors: int = 20,
    radius: float | None = None,
    percentile: Any = None,
) -> Scorecard:
    """Score the picks.

    Args:
        values: (n, d) features.
        selection: a Selection, or the picked rows.
        neighbors: kNN graph of the same rows.
        labels: (n,) class ids in [0, n_classes), if known.
        n_classes: number of classes; default: largest id + 1.
        n_neighbors: k of the density percentile and of the default radius.
        radius: r; default: `default_radius`.
        percentile: (n,) density percentiles at that k, where they are known; default: computed.

    Returns:
        Scorecard.

    Raises:
        UslError: arrays that do not belong together, no picks, or a negative radius.

    >>> features = usl.load_demo("digits").features
    >>> graph = usl.find_neighbors(features, 20)
    >>> card = usl.score_selection(features, usl.select(features, 40), graph, labels=features.images.labels)
    >>> card.classes_covered
    10.0
    """
    x = unit_rows(values)
    picked = selection.indices if isinstance(selection, Selection) else selection
    picks = index_set(picked, len(x), "selection")
    if not len(picks):
        raise UslError("selection must hold at least one image but is empty")
    same_images(neighbors, len(x))
    k = max(usable_neighbors(neighbors, n_neighbors), 1)
    r = default_radius(neighbors, k) if radius is None else real_number(radius, "radius", 0)
    place, dist = nearest_pick(x, picks)
    if percentile is None:
        percentile = density_percentile(utility(neighbors, k))
    elif np.shape(percentile) != (len(x),):
        raise UslError(f"percentile must have one value per image ({len(x)}) but has shape {np.shape(percentile)}")
    return Scorecard(
        coverage=float((dist <= r).mean()),
        k_center_radius=float(dist.max()),
        mean_pick_distance=float(dist.mean(dtype=np.float64)),
        redundancy=float((nearest_other_pick(x[picks]) <= r).mean()) if len(picks) > 1 else 0.0,
        density_percentile=float(np.asarray(percentile)[picks].mean()),
        radius=r,
        **_class_scores(labels, n_classes, picks, place),
    )


def nearest_other_pick(points: FloatArray) -> NDArray[np.float32]:
    """Plain distance from each of two or more picks to the nearest other one.

    Args:
        points: (m, d) features of the picks, m >= 2.

    Returns:
        (m,) float32.
    """
    dist = np.empty(len(points), dtype=np.float32)
    for rows in blocks(len(points), len(points)):
        sq_dist = sq_distances(points, points[rows])
        sq_dist[np.arange(rows.start, rows.stop), np.arange(rows.stop - rows.start)] = np.inf
        dist[rows] = np.sqrt(sq_dist.min(axis=0))
    return dist


def _class_scores(labels: Any, n_classes: int | None, picks: IntArray, place: IntArray) -> dict[str, Any]:
    if labels is None:
        unknown = float("nan")
        return {
            "classes_covered": unknown,
            "class_imbalance": unknown,
            "nearest_pick_accuracy": unknown,
            "class_counts": (),
        }
    ids = class_ids(labels, len(place))
    if ids.min() < 0:
        raise UslError(f"labels must be at least 0 but hold {ids.min()}")
    if n_classes is None:
        n_classes = int(ids.max()) + 1
    elif ids.max() >= whole_number(n_classes, "n_classes", 1):
        raise UslError(f"labels must be below n_classes ({n_classes}) but hold {ids.max()}")
    counts = np.bincount(ids[picks], minlength=n_classes)
    others = np.ones(len(ids), dtype=bool)
    others[picks] = False
    right = ids[picks][place] == ids
    return {
        "classes_covered": float((counts > 0).sum()),
        "class_imbalance": float(counts.std()),
        "nearest_pick_accuracy": float(right[others].mean()) if others.any() else 1.0,
        "class_counts": tuple(int(count) for count in counts),
    }


def overlap(selections: Mapping[str, Iterable[int]]) -> dict[tuple[str, str], int]:
    """How many picks each pair of selections has in common.

    Args:
        selections: rows by name.

    Returns:
        For every ordered pair of names, itself included, the size of the intersection.

    >>> usl.overlap({"a": [1, 2, 3], "b": [2, 3, 4]})["a", "b"]
    2
    """
    picked = {name: set(map(int, rows)) for name, rows in selections.items()}
    return {(a, b): len(picked[a] & picked[b]) for a in picked for b in picked}


def expected_overlap(n: int, m_a: int, m_b: int) -> float:
    """The overlap of two random draws of m_a and m_b from n images: m_a m_b / n."""
    return m_a * m_b / n
