"""The command line that repeats what was done in the app, and the names of its options."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields

from .encoders import BUNDLED
from .image_subsets import without_split
from .prepared import is_demo
from .selection.usl import UslParams
from .uslt.params import UsltParams

USL_FLAGS: Mapping[str, str] = {
    "n_neighbors": "--k",
    "reg_weight": "--lambda",
    "reg_power": "--alpha",
    "reg_momentum": "--momentum",
    "n_iterations": "--iterations",
    "horizon_distance": "--horizon-distance",
    "horizon_picks": "--horizon-picks",
    "relative_weight": "--absolute",
    "squared_distances": "--squared-distances",
    "count_self": "--count-self",
    "estimate": "--estimate",
    "kmeans_init": "--kmeans-init",
    "kmeans_iterations": "--kmeans-iterations",
}
"""The option of each field of `UslParams`; that of a yes or no says what the default does not."""

USLT_FLAGS: Mapping[str, str] = {
    "n_neighbors": "--k",
    "local_weight": "--local-weight",
    "adjust_strength": "--adjust",
    "confidence_threshold": "--tau",
    "sharpen_temperature": "--temperature",
    "mean_momentum": "--mu",
    "n_clusters": "--clusters",
    "n_heads": "--heads",
    "similarity": "--similarity",
    "start": "--start",
    "projection": "--projection",
    "n_views": "--views",
    "view_strength": "--view-strength",
    "noise": "--noise",
    "n_epochs": "--epochs",
    "batch_size": "--batch-size",
    "learning_rate": "--learning-rate",
    "weight_decay": "--weight-decay",
    "strict_threshold": "--strict",
    "balance": "--balance",
    "balance_sum": "--balance-sum",
    "normalise": "--normalise",
    "count_self": "--count-self",
}
"""The option of each field of `UsltParams`."""

Params = UslParams | UsltParams


def select_command(source: str, method: str, budget: int, seed: int, encoder: str, params: Params | None) -> str:
    """The command that picks the same images, quoted for a POSIX shell.

    Args:
        source: folder, archive, a split of either, or demo.
        method: name.
        budget: m.
        seed: of the method.
        encoder: full name.
        params: of USL or USL-T, None for other methods.
    """
    words = ["select", *_folder(source), "--budget", str(budget), "--method", method, *_seed(seed), *_encoder(source, encoder)]
    return _line([*words, *_settings([params] if params is not None else []), "--out", "picks"])


def compare_command(
    source: str,
    methods: Sequence[str],
    budget: int,
    seed: int,
    encoder: str,
    params: Mapping[str, Params],
    map_method: str,
) -> str:
    """The command that writes the same report; arguments as for `select_command`, but `params` by method. USL and USL-T
    share k and whether an image counts itself."""
    words = ["compare", *_folder(source), "--budget", str(budget), "--methods", ",".join(methods), *_seed(seed)]
    return _line([*words, *_encoder(source, encoder), *_settings(params.values()), "--map", map_method, "--report", "report"])


def _line(words: Sequence[str]) -> str:
    return shlex.join(["python", "-m", "usl_core", *words])


def _folder(source: str) -> list[str]:
    path, split = without_split(source)
    return [path] if split is None else [path, "--split", split]


def _seed(seed: int) -> list[str]:
    return ["--seed", str(seed)] if seed else []


def _encoder(source: str, encoder: str) -> list[str]:
    """Always named for a folder, whose default depends on the weights that are on the machine."""
    return [] if is_demo(source) and encoder == BUNDLED else ["--encoder", encoder]


def _settings(several: Iterable[Params]) -> list[str]:
    """The options for what differs from the defaults; an option that two methods share stands once."""
    words: dict[str, list[str]] = {}
    for params in several:
        flags = USL_FLAGS if isinstance(params, UslParams) else USLT_FLAGS
        for field in fields(params):
            value = getattr(params, field.name)
            if value != field.default:
                words[flags[field.name]] = [] if isinstance(value, bool) else [str(value)]
    return [word for flag, value in words.items() for word in (flag, *value)]
