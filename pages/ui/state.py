"""What a visitor has chosen. Every choice is a widget bound to the address, so a link repeats the view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from usl_core.selection.usl import UslParams

ColourBy = Literal["density", "cluster", "class"]

METHODS = ("random", "stratified", "usl")


class Key:
    """Names of the choices in the session and in the address."""

    DATASET = "data"
    BUDGET = "m"
    SEED = "seed"
    NEIGHBORS = "k"
    WEIGHT = "lambda"
    RELATIVE = "relative"
    RELATIVE_WEIGHT = "rlambda"
    POWER = "alpha"
    COLOUR = "colour"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """One run of a page.

    Args:
        dataset: name of the data set.
        budget: m.
        seed: of every method.
        params: of USL.
    """

    dataset: str
    budget: int
    seed: int
    params: UslParams

    def params_of(self, method: str) -> UslParams | None:
        """The parameter object that this method takes."""
        return self.params if method == "usl" else None
