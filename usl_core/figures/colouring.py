"""A colour for each category such that neighbours look as different as they can.

Reference: D. W. Matula, L. L. Beck: Smallest-last ordering and clustering and graph coloring algorithms, JACM 30(3), 1983.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..types import IntArray

FAR = 0.15
"""What the colours of neighbours should be apart, in units of normal vision in OKLab."""
_NEVER = 1e9
_NEAR = 3.0  # what two neighbours cost that are not, relative to the two closest colours
_CLASH = 100.0  # one colour for two that are no neighbours, likewise
_NAMED, _OTHERS, _EVERYWHERE = 0.5, 0.1, 1e-3  # how much neighbours count at least, all others, and those far away
_ROUNDS = 20


def assigned(close: NDArray[np.floating], neighbours: NDArray[np.bool_], apart: NDArray[np.floating]) -> IntArray:
    """The place of each category's colour.

    Where there are enough colours nobody shares one. Beyond, only those that are no neighbours do, and rather those far apart.
    Greedy in smallest-last order, then one category moves, or two at once, or two swap, while that betters the sum over all
    pairs of closeness / (distance of their colours)^4, in which distances below `FAR` cost more. No step is drawn by chance.

    Args:
        close: (m, m) symmetric, how closely two categories lie, in [0, 1].
        neighbours: (m, m) symmetric, who must not share a colour; every part of the graph has a category with fewer than c.
        apart: (c, c) distances between colours.

    Returns:
        (m,) places in [0, c).
    """
    m, n_colours = len(close), len(apart)
    sharing = m > n_colours
    never = neighbours if sharing else ~np.eye(m, dtype=np.bool_)
    weight = np.where(neighbours, np.maximum(close, _NAMED), _OTHERS * close) + _EVERYWHERE
    np.fill_diagonal(weight, 0)
    off = ~np.eye(n_colours, dtype=np.bool_)
    clash = np.full(apart.shape, _CLASH)
    clash[off] = (apart[off].min() / apart[off]) ** 4 + _NEAR * (apart[off] < FAR)
    places = np.full(m, -1, dtype=np.int64)
    for one in _smallest_last(never):
        done = places >= 0
        price = weight[one, done] @ clash[places[done]]
        price[places[done & never[one]]] += _NEVER
        places[one] = price.argmin()
    return _moved(places, weight, never, clash, apart < FAR) if sharing else _swapped(places, weight, clash)


def _smallest_last(neighbours: NDArray[np.bool_]) -> list[int]:
    """Each in turn has few neighbours among those before it: no more than any part of the graph makes necessary."""
    degree, left = neighbours.sum(axis=1).astype(np.float64), []
    for _ in range(len(degree)):
        least = int(degree.argmin())
        left.append(least)
        degree -= neighbours[least]
        degree[least] = np.inf
    return left[::-1]


def _moved(
    places: IntArray,
    weight: NDArray[np.floating],
    never: NDArray[np.bool_],
    clash: NDArray[np.floating],
    near: NDArray[np.bool_],
) -> IntArray:
    """Each category takes the best colour that no neighbour has; where two neighbours are still too much alike, one of them and
    any neighbour of its own take the best two; until nobody finds better ones."""
    everybody = np.ones(len(places), dtype=np.bool_)

    def prices(one: int, others: NDArray[np.bool_]) -> NDArray[np.floating]:
        price = weight[one, others] @ clash[places[others]]
        price[places[others & never[one]]] += _NEVER
        return price

    for _ in range(_ROUNDS):
        before = places.copy()
        for one in range(len(places)):
            price = prices(one, everybody)
            best = int(price.argmin())
            if price[best] < price[places[one]] - 1e-9:
                places[one] = best
        for one in np.flatnonzero((never & near[places][:, places]).any(axis=1)).tolist():
            for other in np.flatnonzero(never[one]).tolist():
                rest = everybody.copy()
                rest[[one, other]] = False
                both = prices(one, rest)[:, None] + prices(other, rest) + weight[one, other] * clash
                np.fill_diagonal(both, _NEVER)
                best = int(both.argmin())
                if both.flat[best] < both[places[one], places[other]] - 1e-9:
                    places[one], places[other] = divmod(best, len(clash))
        if np.array_equal(places, before):
            break
    return places


def _swapped(places: IntArray, weight: NDArray[np.floating], clash: NDArray[np.floating]) -> IntArray:
    """The best swap of two colours, of which those left over count as belonging to somebody without neighbours, until none
    betters the whole."""
    m, n_colours = len(places), len(clash)
    spare = np.setdiff1d(np.arange(n_colours), places)
    held = np.concatenate([places, spare])
    padded = np.zeros((n_colours, n_colours))
    padded[:m, :m] = weight
    own = clash.diagonal()
    for _ in range(_ROUNDS * n_colours):
        price = padded @ clash[held]  # of each category in each colour, everybody else as they are
        taking = price[:, held] - padded * own[held]  # without the one that leaves that colour
        now = price[np.arange(n_colours), held][:, None] - padded * clash[held][:, held]
        gain = (now - taking) + (now - taking).T
        best = int(gain.argmax())
        if gain.flat[best] < 1e-9:
            break
        one, other = divmod(best, n_colours)
        held[[one, other]] = held[[other, one]]
    return held[:m]
