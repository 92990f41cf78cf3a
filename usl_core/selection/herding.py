"""Herding: each pick brings the mean of the picks as near to the mean of all images as one image can.

    pick i + 1 = argmin over x of || (i + 1) mu - sum of the picks so far - x ||,    mu the mean of all images

References: Welling: Herding dynamical weights to learn, ICML 2009; Rebuffi et al.: iCaRL, CVPR 2017.
"""

from __future__ import annotations

import numpy as np

from ..distances import squared_lengths
from ..types import FloatArray, Selection
from .context import SelectionContext

_ROUNDING = 1e-6
"""Squared distances that differ by less, in units of the lengths that they come from, are the same."""


def select_herding(values: FloatArray, budget: int, params: None, *, seed: int, context: SelectionContext) -> Selection:
    """The greedy picks of the formula above; rows that are labelled count as picked before. Of equals, the lowest row.

    Nothing in it is random: the seed makes no difference.

    Args: as for `usl_core.select`, already validated.

    Returns:
        Selection without clusters or scores; `info["mean_gap"]` is how far the mean of all that is labelled or picked lies from
        the mean of all images.
    """
    rows, fixed = context.candidates, context.labelled
    mean = values.mean(axis=0, dtype=np.float64)
    wanted = (len(fixed) + 1) * mean - values[fixed].sum(axis=0, dtype=np.float64)
    lengths = squared_lengths(values)[rows].astype(np.float64)
    free = np.ones(len(rows), dtype=bool)
    picks = np.empty(budget, dtype=np.int64)
    for rank in range(budget):
        gaps = lengths - 2 * (values @ wanted.astype(np.float32))[rows]
        slack = _ROUNDING * (1 + 2 * float(np.linalg.norm(wanted)))
        place = int(np.flatnonzero(free & (gaps <= gaps[free].min() + slack))[0])
        picks[rank], free[place] = rows[place], False
        wanted += mean - values[picks[rank]]
        if context.on_progress:
            context.on_progress((rank + 1) / budget, f"{rank + 1:,} of {budget:,} images picked")
    return Selection(
        indices=picks,
        clusters=np.full(budget, -1, dtype=np.int64),
        scores=np.full(budget, np.nan),
        method="herding",
        seed=seed,
        info={"mean_gap": float(np.linalg.norm(wanted - mean)) / (len(fixed) + budget)},
    )
