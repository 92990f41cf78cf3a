"""What a second round is worth: m labels by USL and m more by each method that sees them, beside 2 m at once.

The labels are the true ones. Scores are accuracies of all images that are not labelled, by the logistic classifier that the
second round goes by and by the nearest labelled image. The same seeds are used for all, so differences are paired; their
intervals hold 95 % of the bootstrap means over the seeds.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

import usl_core as usl
from usl_core.encoders.efficientnet import LITE0_160
from usl_core.encoders.registry import BUNDLED
from usl_core.types import Features, IntArray, Neighbors

from .defaults import Scores, interval, nearest_accuracy, written
from .encoders import sets
from .harness import Row, markdown

HALVES, N_SEEDS = (10, 20, 50), 10
ENCODERS = {"digits": (BUNDLED,), "shapes": (LITE0_160,), "CIFAR-10": (LITE0_160, BUNDLED)}
"""What small pictures of each kind are best seen through, see docs/worth.md; the photographs through both."""
SECOND = ("margin", "uherding", "dropquery", "usl")
AT_ONCE = {"usl": "USL at once", "random": "random at once"}
NAMES = {
    **{name: f"USL, then {name}" for name in SECOND},
    "usl": "USL, then USL",
    **{f"{method} x2": name for method, name in AT_ONCE.items()},
}
SCORED = ("logistic", "1-NN")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cell:
    """One data set through one encoder at one budget.

    Args:
        images: what they are.
        encoder: full name.
        half: labels of a round.
        scores: (seeds, 2) accuracies in percent, by each way of spending two rounds' labels.
    """

    images: str
    encoder: str
    half: int
    scores: Mapping[str, Scores]

    def apart(self, way: str, other: str, score: int) -> Scores:
        """(seeds,) how much better `way` is than `other`."""
        return (self.scores[way] - self.scores[other])[:, score]


def rows() -> list[Row]:
    """All rows of this group; prints the tables they are taken from."""
    cells = [cell for name, features in _data() for cell in _cells(name, features)]
    print(summary_table(cells), end="\n\n")
    print(cell_table(cells), end="\n\n")
    made = []
    for name in SECOND:
        for score, what in enumerate(SCORED):
            ours, rival = (float(np.mean([cell.scores[way][:, score].mean() for cell in cells])) for way in (name, "usl x2"))
            what = f"{NAMES[name]}: {what} accuracy of what is not labelled, mean over {len(cells)} cells"
            made.append(Row(what=what, ours=ours, rival=rival, rival_name="as many by USL at once", unit="%"))
    return made


def _data() -> Iterator[tuple[str, Features]]:
    for name, images in sets():
        for encoder in next((known for start, known in ENCODERS.items() if name.startswith(start)), ()):
            with tempfile.TemporaryDirectory() as cache:
                yield name, usl.encode(images, encoder, cache_dir=cache, device="cpu")


def _cells(name: str, features: Features) -> Iterator[Cell]:
    graph = usl.find_neighbors(features, usl.UslParams().n_neighbors)
    for half in HALVES:
        print(f"  {name}, {features.encoder}, {half} + {half}", file=sys.stderr)
        found = {way: np.empty((N_SEEDS, len(SCORED))) for way in NAMES}
        for seed in range(N_SEEDS):
            for way, labelled in spent(features, graph, half, seed).items():
                found[way][seed] = accuracies(features, labelled)
        yield Cell(images=name, encoder=features.encoder, half=half, scores=found)


def spent(features: Features, graph: Neighbors, half: int, seed: int) -> dict[str, IntArray]:
    """The 2 x `half` rows that are labelled in the end, by every way of choosing them."""
    truth = features.images.labels
    assert truth is not None
    first = usl.select(features, half, "usl", seed=seed, neighbors=graph).indices
    told = np.full(len(features), -1)
    told[first] = truth[first]
    chosen = {}
    for method in SECOND:
        known = None if method == "usl" else told
        picked = usl.select(features, half, method, seed=seed, labels=known, labelled=first, neighbors=graph)
        chosen[method] = np.concatenate([first, picked.indices])
    for method in AT_ONCE:
        chosen[f"{method} x2"] = usl.select(features, 2 * half, method, seed=seed, neighbors=graph).indices
    return chosen


def accuracies(features: Features, labelled: IntArray) -> tuple[float, float]:
    """Of all other images, in percent: by the logistic classifier, and by the nearest labelled image."""
    truth = features.images.labels
    assert truth is not None
    known = np.full(len(features), -1)
    known[labelled] = truth[labelled]
    others = np.flatnonzero(known < 0)
    fitted = usl.fit_logistic(features, known)
    guessed = fitted.classes[fitted.probabilities(features.values[others]).argmax(axis=1)]
    return 100 * float((guessed == truth[others]).mean()), nearest_accuracy(features.values, truth, labelled)


def verdict(differences: Scores) -> str:
    """Better or worse only where the interval excludes zero."""
    low, high = interval(differences)
    return "better" if low > 0 else "worse" if high < 0 else "neither"


def summary_table(cells: Sequence[Cell]) -> str:
    """In how many cells each way is better or worse than labelling as many at once, as a Markdown table."""
    pairs = [(score, other) for score in range(len(SCORED)) for other in ("usl x2", "random x2")]
    heads = [f"{SCORED[score]}: − {NAMES[other]}, better / worse / neither" for score, other in pairs]

    def line(way: str) -> list[str]:
        found = []
        for score, other in pairs:
            if way == other:
                found.append("")
                continue
            apart = [cell.apart(way, other, score) for cell in cells]
            counts = Counter(map(verdict, apart))
            tally = " / ".join(str(counts[word]) for word in ("better", "worse", "neither"))
            found.append(f"{np.mean(apart):+.2f}, {tally}")
        return [NAMES[way], *found]

    return markdown(["labels", *heads], (line(way) for way in NAMES if way != "random x2"))


def cell_table(cells: Sequence[Cell]) -> str:
    """Every cell, as a Markdown table; a difference whose interval excludes zero is bold."""

    def line(cell: Cell, way: str) -> list[str]:
        figures = []
        for score in range(len(SCORED)):
            figures.append(f"{cell.scores[way][:, score].mean():.1f} %")
            figures += ["" if way == other else _told(cell.apart(way, other, score)) for other in ("usl x2", "random x2")]
        return [cell.images, f"`{cell.encoder}`", f"{cell.half} + {cell.half}", NAMES[way], *figures]

    beside = ["− USL at once", "− random at once"]
    heads = ["images", "encoder", "m", "labels", *(head for what in SCORED for head in (what, *beside))]
    return markdown(heads, (line(cell, way) for cell in cells for way in NAMES if way != "random x2"))


def _told(differences: Scores) -> str:
    text = written(differences)
    return text if verdict(differences) == "neither" else f"**{text}**"
