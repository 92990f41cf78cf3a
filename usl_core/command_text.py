"""The command line that repeats what was done in the app, and the names of its options."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import fields

from .encoders import PIXELS
from .selection.usl import UslParams

USL_FLAGS: Mapping[str, str] = {
    "n_neighbors": "--k",
    "reg_weight": "--lambda",
    "reg_power": "--alpha",
    "reg_momentum": "--momentum",
    "n_iterations": "--iterations",
    "horizon_distance": "--horizon-distance",
    "horizon_picks": "--horizon-picks",
    "relative_weight": "--relative",
    "squared_distances": "--squared-distances",
    "count_self": "--count-self",
    "estimate": "--estimate",
    "kmeans_init": "--kmeans-init",
    "kmeans_iterations": "--kmeans-iterations",
}
"""The option of each field of `UslParams`."""


def select_command(source: str, method: str, budget: int, seed: int, encoder: str, params: UslParams | None) -> str:
    """The command that picks the same images, quoted for a POSIX shell.

    Args:
        source: folder, archive or demo.
        method: name.
        budget: m.
        seed: of the method.
        encoder: full name.
        params: of USL, None for other methods.
    """
    words = ["select", source, "--budget", str(budget), "--method", method, *_seed(seed), *_encoder(encoder)]
    return _line([*words, *_usl(params), "--out", "picks"])


def compare_command(
    source: str, methods: Sequence[str], budget: int, seed: int, encoder: str, params: UslParams | None, map_method: str
) -> str:
    """The command that writes the same report; arguments as for `select_command`."""
    words = ["compare", source, "--budget", str(budget), "--methods", ",".join(methods), *_seed(seed), *_encoder(encoder)]
    return _line([*words, *_usl(params), "--map", map_method, "--report", "report"])


def _line(words: Sequence[str]) -> str:
    return shlex.join(["python", "-m", "usl_core", *words])


def _seed(seed: int) -> list[str]:
    return ["--seed", str(seed)] if seed else []


def _encoder(encoder: str) -> list[str]:
    return ["--encoder", encoder] if encoder != PIXELS else []


def _usl(params: UslParams | None) -> list[str]:
    """The options for what differs from the defaults."""
    words: list[str] = []
    for field in fields(UslParams) if params is not None else ():
        value = getattr(params, field.name)
        if value == field.default:
            continue
        words.append(USL_FLAGS[field.name])
        words += [] if value is True else [str(value)]
    return words
