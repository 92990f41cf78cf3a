"""Random selection: uniform without replacement."""

from __future__ import annotations

import numpy as np

from ..types import FloatArray, Selection
from .context import SelectionContext


def select_random(values: FloatArray, budget: int, params: None, *, seed: int, context: SelectionContext) -> Selection:
    """`budget` distinct rows, every set of that size equally likely.

    Args: as for `usl_core.select`, already validated.

    Returns:
        Selection without clusters or scores.
    """
    rng = np.random.default_rng(seed)
    indices = rng.choice(context.candidates, size=budget, replace=False)
    return Selection(
        indices=indices,
        clusters=np.full(budget, -1, dtype=np.int64),
        scores=np.full(budget, np.nan),
        method="random",
        seed=seed,
    )
