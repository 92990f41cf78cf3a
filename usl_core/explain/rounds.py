"""The rounds of a USL selection made again, with what each image's score was made of in every one of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arithmetic import blas_threads
from ..errors import UslError
from ..graph.density import utility
from ..read_only import read_only
from ..selection.recursion import recursion
from ..selection.regularizer import Penalty
from ..selection.usl_params import UslParams
from ..types import FloatArray, IntArray, Neighbors, Selection
from ..validation import index_set, same_images, unit_rows, whole_number


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rounds:
    """Both terms of U'(i, t) = U(i) - lambda * RegBar(i, t).

    Args:
        utility: (n,) float32 U, the same in every round.
        penalties: (T, n) float32 lambda * RegBar, 0 in the first round; what float32 cannot hold is its largest number.
        picks: (T, m) int64, in cluster order.
    """

    utility: FloatArray
    penalties: FloatArray
    picks: IntArray

    def __len__(self) -> int:
        return len(self.picks)

    def regularised(self, number: int) -> FloatArray:
        """(n,) float32 U' in round `at`, which is counted from 1."""
        return self.utility - self.penalties[self._index(number)]

    def moves(self, number: int) -> IntArray:
        """(r, 2) rows: from where to where picks moved on the way into round `at`, which is counted from 1."""
        now = self._index(number)
        before = max(now - 1, 0)
        moved = self.picks[before] != self.picks[now]
        return np.column_stack([self.picks[before][moved], self.picks[now][moved]])

    def _index(self, number: int) -> int:
        return whole_number(number, "round", 1, len(self)) - 1


@blas_threads(1)
def rounds_of(
    values: FloatArray, selection: Selection, neighbors: Neighbors, *, labelled: IntArray | list[int] | None = None
) -> Rounds:
    """What the scores of all images were made of in each round of a selection.

    Args:
        values: (n, d) features that the selection was made from; rows are normalised to length 1.
        selection: of USL.
        neighbors: the kNN graph that the selection was made with.
        labelled: the rows that were given as labelled.

    Raises:
        UslError: a selection of another method or of other images.
    """
    x = unit_rows(values)
    params = selection.params
    if not isinstance(params, UslParams) or not selection.trace or selection.cluster_labels is None:
        raise UslError(f"only a selection of 'usl' has rounds, and this one is of {selection.method!r}")
    if len(selection.cluster_labels) != len(x):
        raise UslError(f"the selection was made from {len(selection.cluster_labels)} images but the features are of {len(x)}")
    u = utility(
        same_images(neighbors, len(x)),
        params.n_neighbors,
        squared=params.squared_distances,
        count_self=params.count_self,
        estimate=params.estimate,
    )
    penalty = Penalty(
        x,
        selection.cluster_labels,
        index_set(labelled, len(x), "labelled"),
        power=params.reg_power,
        squared=params.squared_distances,
        horizon_distance=params.horizon_distance,
        horizon_picks=params.horizon_picks,
    )
    weight = selection.info["reg_weight"]
    penalties = np.empty((len(selection.trace), len(x)), dtype=np.float32)
    recorded = iter(selection.trace)
    again = recursion(penalty, lambda _: next(recorded).picks, params.reg_momentum)
    for number, (_, reg_bar, _) in zip(range(len(penalties)), again, strict=False):
        penalties[number] = np.minimum(weight * reg_bar, np.finfo(np.float32).max)
    return read_only(Rounds(utility=u, penalties=penalties, picks=np.stack([one.picks for one in selection.trace])))
