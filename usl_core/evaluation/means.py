"""What each method reaches at each budget: the mean over the seeds and its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import UslError
from ..validation import real_number

if TYPE_CHECKING:
    import pandas

EVALUATED = ("accuracy", "macro_accuracy", "calibration_error", "classes_covered")
"""Columns of an evaluation that are numbers of a run."""


def budget_means(frame: pandas.DataFrame, metric: str = "accuracy", *, level: float = 0.95) -> pandas.DataFrame:
    """Mean over the seeds per learner, method and budget, with Student's t interval of the mean.

    The interval is mean +- t sd / sqrt(s), t the (1 + level) / 2 quantile with s - 1 degrees of freedom: where the mean of many
    seeds lies, not where single runs do.

    Args:
        frame: what `usl.evaluate` returns, or a part of it.
        metric: one of `EVALUATED`.
        level: of confidence, in (0, 1).

    Returns:
        Columns learner, method, budget, mean, low, high, n_seeds; in the order in which learners and methods come, budgets
        ascending. low and high are NaN for a single seed; runs whose number is unknown do not count.

    Raises:
        UslError: no such metric, a column that is missing, or a level outside (0, 1).
    """
    import pandas
    from scipy.special import stdtrit

    checked(frame, metric, level)
    grouped = frame.groupby(["learner", "method", "budget"], sort=False)[metric]
    found = grouped.agg(mean="mean", sd="std", n_seeds="count").reset_index()
    found = found[found.n_seeds > 0]
    n = found.n_seeds.to_numpy()
    half = stdtrit(np.maximum(n - 1, 1), (1 + level) / 2) * found.sd.to_numpy() / np.sqrt(n)
    half[n < 2] = np.nan
    order = {name: list(dict.fromkeys(frame[name])) for name in ("learner", "method")}
    made = pandas.DataFrame(
        {
            **{name: found[name].to_numpy() for name in ("learner", "method", "budget", "mean")},
            **{"low": found["mean"].to_numpy() - half, "high": found["mean"].to_numpy() + half, "n_seeds": n},
        }
    )
    places = {name: made[name].map({entry: place for place, entry in enumerate(order[name])}) for name in order}
    made = made.assign(_learner=places["learner"], _method=places["method"])
    made = made.sort_values(["_learner", "_method", "budget"], kind="stable")
    return made.drop(columns=["_learner", "_method"]).reset_index(drop=True)


def checked(frame: pandas.DataFrame, metric: str, level: float, *more: str) -> None:
    """Make sure that they are what the statistics of an evaluation take.

    Args:
        frame: what `usl.evaluate` returns, or a part of it.
        metric: one of `EVALUATED`.
        level: of confidence, in (0, 1).
        more: further columns that are needed.

    Raises:
        UslError: which of them is not.
    """
    if metric not in EVALUATED:
        raise UslError(f"metric must be one of {', '.join(EVALUATED)} but is {metric!r}")
    if not 0 < real_number(level, "level", 0) < 1:
        raise UslError(f"level must be in (0, 1) but is {level}")
    missing = [name for name in ("learner", "method", "budget", metric, *more) if name not in frame]
    if missing:
        raise UslError(f"frame must be what evaluate returns but has no column {missing[0]!r}")
