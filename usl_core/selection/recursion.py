"""The rounds of USL: picks repel, what repels is averaged over the rounds, and the average moves the picks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..types import IntArray
from .regularizer import Penalty


class Round(NamedTuple):
    """Round t.

    Args:
        picks: (m,) rows, in cluster order.
        reg_bar: (n,) float64 RegBar(i, t) that they were chosen with; 0 in round 1.
        reg: (n,) float64 Reg(i, t) of the picks of round t - 1, where the average would end if they stayed; 0 in round 1.
    """

    picks: IntArray
    reg_bar: NDArray[np.float64]
    reg: NDArray[np.float64]


def recursion(penalty: Penalty, choose: Callable[[NDArray[np.float64]], IntArray], momentum: float) -> Iterator[Round]:
    """Round after round without end; who reads them says when it is enough.

        picks(t)  = choose(RegBar(., t))
        RegBar(t) = m_reg * RegBar(t - 1) + (1 - m_reg) * Reg(t),    RegBar(1) = 0

    Args:
        penalty: Reg of some picks.
        choose: the (m,) picks, given the (n,) RegBar.
        momentum: m_reg.

    Reference:
        Wang, Lian, Yu: Unsupervised Selective Labeling, ECCV 2022, section 3.3.
    """
    reg = reg_bar = np.zeros(penalty.n_images)
    while True:
        picks = choose(reg_bar)
        yield Round(picks, reg_bar, reg)
        reg = penalty.update(picks)
        reg_bar = momentum * reg_bar + (1 - momentum) * reg
