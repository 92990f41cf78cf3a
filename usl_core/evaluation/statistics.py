"""What an evaluation says beyond its means: differences that are more than chance, labels that an accuracy takes, and how alike
and how steady picks are. All functions take the frame of `usl.evaluate`, or a part of it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UslError
from ..validation import real_number, whole_number
from .means import checked

if TYPE_CHECKING:
    import pandas

_LOWER_IS_BETTER = frozenset({"calibration_error"})


def paired_differences(
    frame: pandas.DataFrame,
    against: str = "random",
    *,
    metric: str = "accuracy",
    level: float = 0.95,
    n_resamples: int = 10_000,
    seed: int = 0,
) -> pandas.DataFrame:
    """Each method against one rival, seed by seed.

    The interval is the expanded percentile bootstrap of the mean difference over the seeds: as wide as Student's t asks for
    with so few, which plain percentiles are not. The p-value is that of the paired t test, p_holm the same after Holm's
    correction for all comparisons of one learner.

    Args:
        frame: the runs.
        against: the rival, one of its methods.
        metric: see `means.EVALUATED`.
        level: of confidence, in (0, 1).
        n_resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        Columns learner, budget, method, difference, low, high, p_value, p_holm, verdict: "better" or "worse" where the interval
        excludes zero and p_holm is below 1 - level, else "". Interval and p-values are NaN with fewer than two common seeds.

    Raises:
        UslError: no such method or metric, or a number outside its range.

    References: S. Holm: A simple sequentially rejective multiple test procedure, 1979. T. Hesterberg: What teachers should know
    about the bootstrap, The American Statistician 69(4), 2015 (expanded percentiles).
    """
    import pandas

    checked(frame, metric, level, "seed")
    whole_number(n_resamples, "n_resamples", 1)
    names = list(dict.fromkeys(frame.method))
    if against not in names:
        raise UslError(f"against must be one of the methods of the frame ({', '.join(names)}) but is {against!r}")
    rng = np.random.default_rng(seed)
    lines = []
    for (learner, budget), runs in frame.groupby(["learner", "budget"], sort=False):
        table = runs.pivot_table(index="seed", columns="method", values=metric, aggfunc="mean")
        for method in (name for name in names if name != against and {name, against} <= set(table)):
            differences = (table[method] - table[against]).dropna().to_numpy()
            if len(differences):
                low, high = _bootstrap(differences, level, n_resamples, rng)
                lines.append((learner, budget, method, differences.mean(), low, high, _paired_t(differences)))
    columns = ["learner", "budget", "method", "difference", "low", "high", "p_value"]
    found = pandas.DataFrame(lines, columns=columns)
    found["p_holm"] = np.nan
    for rows in found.groupby("learner").groups.values():
        found.loc[rows, "p_holm"] = holm(found.loc[rows, "p_value"].to_numpy())
    sign = -1 if metric in _LOWER_IS_BETTER else 1
    sure = found.p_holm < 1 - level
    better, worse = (found.low > 0, found.high < 0) if sign > 0 else (found.high < 0, found.low > 0)
    found["verdict"] = np.select([sure & better, sure & worse], ["better", "worse"], "")
    return found


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Holm's adjusted p-values, in the given order; NaN stays NaN and does not count."""
    adjusted = np.full(len(p_values), np.nan)
    order = [int(place) for place in np.argsort(p_values, kind="stable") if not np.isnan(p_values[place])]
    largest = 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(float(p_values[place]) * (len(order) - rank), 1.0))
        adjusted[place] = largest
    return adjusted


def _bootstrap(values: NDArray[np.float64], level: float, n: int, rng: np.random.Generator) -> tuple[float, float]:
    if len(values) < 2:
        return np.nan, np.nan
    means = values[rng.integers(0, len(values), (n, len(values)))].mean(axis=1)
    low, high = np.quantile(means, expanded(level, len(values)))
    return float(low), float(high)


def expanded(level: float, n: int) -> tuple[float, float]:
    """Which quantiles of bootstrap means of n >= 2 numbers make an interval of that level: farther out than (1 - level) / 2 and
    (1 + level) / 2, the fewer the numbers are."""
    from scipy.special import ndtr, stdtrit

    tail = float(ndtr(-np.sqrt(n / (n - 1)) * stdtrit(n - 1, (1 + level) / 2)))
    return tail, 1 - tail


def _paired_t(differences: NDArray[np.float64]) -> float:
    from scipy.special import stdtr

    n = len(differences)
    if n < 2:
        return np.nan
    spread, mean = differences.std(ddof=1), differences.mean()
    if spread == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stdtr(n - 1, -abs(mean) / (spread / np.sqrt(n))))


def labels_needed(
    frame: pandas.DataFrame,
    target: float,
    *,
    level: float = 0.95,
    metric: str = "accuracy",
    n_resamples: int = 2000,
    seed: int = 0,
) -> pandas.DataFrame:
    """The budget at which the mean curve of a method first reaches a target, read off between budgets on a logarithmic axis.

    Args:
        frame: the runs.
        target: a share in (0, 1].
        level: of the expanded percentile bootstrap over the seeds, see `paired_differences`.
        metric: see `means.EVALUATED`.
        n_resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        Columns learner, method, budget, low, high; NaN where the curve, or that end of the interval, never reaches it. The
        smallest budget stands for itself and anything below it.

    Raises:
        UslError: a number outside its range, or no such metric.
    """
    import pandas

    checked(frame, metric, level, "seed")
    real_number(target, "target", 0, 1, open_low=True)
    rng = np.random.default_rng(seed)
    lines = []
    for (learner, method), runs in frame.groupby(["learner", "method"], sort=False):
        table = runs.pivot_table(index="seed", columns="budget", values=metric, aggfunc="mean").dropna()
        if not len(table):
            table = runs.groupby("budget")[metric].mean().to_frame().T.dropna(axis=1)
        budgets, values = table.columns.to_numpy(dtype=np.float64), table.to_numpy()
        found, low, high = _crossing(budgets, values.mean(axis=0), target), np.nan, np.nan
        if len(values) > 1:
            drawn = values[rng.integers(0, len(values), (n_resamples, len(values)))].mean(axis=1)
            crossings = np.array([_crossing(budgets, curve, target) for curve in drawn])
            ends = np.quantile(np.where(np.isnan(crossings), np.inf, crossings), expanded(level, len(values)), method="nearest")
            low, high = (float(end) if np.isfinite(end) else np.nan for end in ends)
        lines.append((learner, method, found, low, high))
    return pandas.DataFrame(lines, columns=["learner", "method", "budget", "low", "high"])


def _crossing(budgets: NDArray[np.float64], curve: NDArray[np.float64], target: float) -> float:
    reached = np.flatnonzero(curve >= target)
    if not len(reached):
        return float("nan")
    place = int(reached[0])
    if place == 0:
        return float(budgets[0])
    share = (target - curve[place - 1]) / (curve[place] - curve[place - 1])
    return float(budgets[place - 1] * (budgets[place] / budgets[place - 1]) ** share)


def agreement(frame: pandas.DataFrame) -> pandas.DataFrame:
    """How alike picks are: the mean Jaccard index, |A and B| / |A or B|, of two methods with the same seed; of one method with
    itself, over all pairs of seeds.

    Returns:
        Columns budget, method, other, jaccard, for every ordered pair; NaN where there is nothing to compare.
    """
    import pandas

    lines = []
    for budget, runs in _selections(frame).groupby("budget", sort=True):
        names = list(dict.fromkeys(runs.method))
        picked = {
            name: {row.seed: frozenset(row.picks) for row in runs[runs.method == name].itertuples(index=False)}
            for name in names
        }
        for one, other in itertools.product(names, names):
            if one == other:
                pairs = list(itertools.combinations(picked[one].values(), 2))
            else:
                pairs = [(picked[one][seed], picked[other][seed]) for seed in picked[one].keys() & picked[other].keys()]
            alike = [len(a & b) / len(a | b) for a, b in pairs]
            lines.append((budget, one, other, float(np.mean(alike)) if alike else np.nan))
    return pandas.DataFrame(lines, columns=["budget", "method", "other", "jaccard"])


def stability(frame: pandas.DataFrame) -> pandas.DataFrame:
    """How steady a method is: columns method, budget, and the mean Jaccard index of its picks over all pairs of seeds."""
    found = agreement(frame)
    return found[found.method == found.other].drop(columns="other")[["method", "budget", "jaccard"]].reset_index(drop=True)


def class_accuracies(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Accuracy per class: the mean over the seeds in which any image of the class was tested.

    Returns:
        Columns learner, method, budget, class_id, accuracy; NaN for a class that never was tested.
    """
    import pandas

    lines: list[tuple[Any, ...]] = []
    for (learner, method, budget), runs in frame.groupby(["learner", "method", "budget"], sort=False):
        means = pandas.DataFrame(runs.class_accuracy.tolist(), dtype=float).mean(axis=0)
        lines += [(learner, method, budget, place, float(value)) for place, value in enumerate(means)]
    return pandas.DataFrame(lines, columns=["learner", "method", "budget", "class_id", "accuracy"])


def _selections(frame: pandas.DataFrame) -> pandas.DataFrame:
    """One row per selection: every learner got the same picks."""
    return frame.drop_duplicates(["method", "budget", "seed"])
