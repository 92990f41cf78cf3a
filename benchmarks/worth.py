"""Does it help? Every method at the same budgets on the same images, judged by every learner, with intervals.

Digits, shapes, the CIFAR-10 images that `bundled:mini` was not trained on and test images of Fashion-MNIST, as far as they are
here, see `encoders.sets`, each through the encoder that sees it best. Accuracies are of the images that are not labelled; all
methods have the same seeds, so that differences are paired. What is done is kept in the cache: after an interruption the same
command goes on. Everything takes hours.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import usl_core as usl
from usl_core.encoders.efficientnet import LITE0_160
from usl_core.encoders.registry import BUNDLED
from usl_core.evaluation.statistics import paired_differences
from usl_core.learners.registry import learners
from usl_core.types import Features

from .encoders import sets
from .harness import Row, markdown

if TYPE_CHECKING:
    import pandas

BUDGETS, N_SEEDS = (10, 20, 40, 100, 250, 400), 10
ENCODERS = {"digits": (BUNDLED,), "shapes": (LITE0_160,), "CIFAR-10": (LITE0_160, BUNDLED), "Fashion": (BUNDLED,)}
OURS = ("usl", "usl-t")
RIVALS = ("random", "kmeans-center", "rdss", "maxherding", "typiclust")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """One data set through one encoder.

    Args:
        images: what they are.
        encoder: full name.
        frame: see `usl.evaluate`.
    """

    images: str
    encoder: str
    frame: pandas.DataFrame


def rows() -> list[Row]:
    """All rows of this group; prints the tables they are taken from."""
    judged = list(evaluations())
    for against in RIVALS:
        print(f"\nDifferences to {against}\n\n{summary_table(judged, against)}")
    for one in judged:
        for learner in one.frame.learner.unique():
            print(f"\n{one.images}, {one.encoder}, {learner}\n\n{budget_table(one, learner)}")
    print()
    made = []
    for learner in learners():
        for method in OURS:
            ours, rival = (_mean(judged, name, learner) for name in (method, "random"))
            what = f"{method}: accuracy by {learner} of what is not labelled, mean over sets and budgets"
            made.append(Row(what=what, ours=ours, rival=rival, rival_name="random", unit="%"))
    return made


def evaluations(
    budgets: Sequence[int] = BUDGETS, n_seeds: int = N_SEEDS, methods: Sequence[str] | None = None
) -> Iterator[Judged]:
    """Every set through its encoders."""
    for name, images in sets():
        for encoder in next((known for start, known in ENCODERS.items() if name.startswith(start)), ()):
            features = usl.encode(images, encoder, device="cpu")
            yield Judged(images=name, encoder=encoder, frame=_evaluated(name, features, budgets, n_seeds, methods))


def _evaluated(
    name: str, features: Features, budgets: Sequence[int], n_seeds: int, methods: Sequence[str] | None
) -> pandas.DataFrame:
    def tell(fraction: float, note: str) -> None:
        print(f"\r  {name}, {features.encoder}: {100 * fraction:.1f} %, {note:<60.60}", end="", file=sys.stderr)

    return usl.evaluate(
        features,
        methods=tuple(methods or usl.methods()),
        budgets=tuple(budgets),
        seeds=range(n_seeds),
        learners=tuple(learners()),
        neighbors=usl.find_neighbors(features, usl.UslParams().n_neighbors),
        views=usl.encode_views(features),
        on_progress=tell,
    )


def _mean(judged: Sequence[Judged], method: str, learner: str) -> float:
    """In percent, each set and budget counting alike."""
    cells = [one.frame[(one.frame.method == method) & (one.frame.learner == learner)].accuracy.mean() for one in judged]
    return 100 * sum(cells) / len(cells)


def summary_table(judged: Sequence[Judged], against: str) -> str:
    """By method and learner: the mean difference in points, and in how many sets and budgets it is better / worse / neither."""
    verdicts: dict[tuple[str, str], Counter[str]] = {}
    sums: dict[tuple[str, str], list[float]] = {}
    for one in judged:
        for line in paired_differences(one.frame, against).itertuples():
            key = line.method, line.learner
            verdicts.setdefault(key, Counter())[line.verdict] += 1
            sums.setdefault(key, []).append(100 * line.difference)

    def told(method: str, learner: str) -> str:
        counts, differences = verdicts[method, learner], sums[method, learner]
        tally = " / ".join(str(counts[word]) for word in ("better", "worse", ""))
        return f"{sum(differences) / len(differences):+.2f}, {tally}"

    names = [name for name in usl.methods() if name != against and any(name == method for method, _ in sums)]
    heads = ["method", *(f"{learner}: difference, better / worse / neither" for learner in learners())]
    return markdown(heads, ([name, *(told(name, learner) for learner in learners())] for name in names))


def budget_table(one: Judged, learner: str) -> str:
    """Accuracy in percent by method and budget; in brackets the interval of the difference to random, bold where it counts."""
    frame = one.frame[one.frame.learner == learner]
    means = 100 * frame.groupby(["method", "budget"]).accuracy.mean()
    apart: Mapping[tuple[str, int], str] = {
        (line.method, line.budget): _told(100 * line.low, 100 * line.high, line.verdict)
        for line in paired_differences(frame, "random").itertuples()
    }
    budgets = sorted(frame.budget.unique())
    return markdown(
        ["method", *(f"m = {budget}" for budget in budgets)],
        (
            [method, *(f"{means[method, budget]:.1f} {apart.get((method, budget), '')}".rstrip() for budget in budgets)]
            for method in frame.method.unique()
        ),
    )


def _told(low: float, high: float, verdict: str) -> str:
    text = f"({low:+.1f} to {high:+.1f})"
    return f"**{text}**" if verdict else text
