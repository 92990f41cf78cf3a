"""What the penalty of one image is made of: the images that push it, round by round, as the momentum remembers them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..distances import sq_distances
from ..selection.regularizer import push_terms
from ..selection.usl_params import UslParams
from ..types import IntArray
from .pool import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """What one other image adds to the penalty of a pick.

    Args:
        row: of the other image.
        kind: "pick" of now; "former": a pick of earlier rounds of the recursion, which the momentum remembers; "labelled":
            it was given as labelled, or was a pick that was kept.
        penalty: its part of lambda * RegBar.
        share: of the whole penalty, in [0, 1]; the shares add up to 1.
    """

    row: int
    kind: str
    penalty: float
    share: float


def pushes_on(pool: Pool, row: int) -> tuple[Push, ...] | None:
    """What every other image adds to lambda * RegBar of one image in the last round, the strongest first.

        RegBar(T) = sum over t = 2..T of (1 - m_reg) m_reg^(T - t) Reg(t),    Reg(t) of the picks of round t - 1

    Args:
        pool: of a review.
        row: of the image.

    Returns:
        Pushes that are not 0, whose penalties add up to `pool.penalty[row]`, but for rounding; None for other methods.
    """
    selection = pool.selection
    if selection is None or not isinstance(selection.params, UslParams) or pool.clusters is None:
        return None
    params, last = selection.params, len(selection.trace)
    added: dict[int, float] = {}
    for number, one in enumerate(selection.trace[:-1], start=2):
        share = (1 - params.reg_momentum) * params.reg_momentum ** (last - number)
        rows, terms = _terms(pool, params, row, one.picks)
        for other, term in zip(rows.tolist(), (share * terms).tolist(), strict=True):
            added[other] = added.get(other, 0.0) + term
    weight, given = selection.info["reg_weight"], set(pool.repellers.tolist())
    picks = set(selection.indices.tolist())
    total = sum(added.values())
    found = [
        Push(
            row=other,
            kind="labelled" if other in given else "pick" if other in picks else "former",
            penalty=weight * term,
            share=term / total,
        )
        for other, term in added.items()
        if weight * term > 0
    ]
    return tuple(sorted(found, key=lambda push: (-push.penalty, push.row)))


def _terms(pool: Pool, params: UslParams, row: int, picks: IntArray) -> tuple[IntArray, np.ndarray]:
    """The images that count in Reg of one image, and what each adds."""
    assert pool.clusters is not None
    values = pool.features.values
    others = np.concatenate([picks[pool.clusters[picks] != pool.clusters[row]], pool.repellers])
    sq_dist = sq_distances(values[others], values[[row]])[:, 0] if len(others) else np.empty(0, dtype=np.float32)
    if params.horizon_picks is not None and params.horizon_picks < len(others):
        nearest = np.argsort(sq_dist, kind="stable")[: params.horizon_picks]
        others, sq_dist = others[nearest], sq_dist[nearest]
    horizon = params.horizon_distance
    exponent = -params.reg_power if params.squared_distances else -params.reg_power / 2
    return others, push_terms(sq_dist, exponent, None if horizon is None else horizon**2).astype(np.float64)
