"""The command line that repeats what was done in the app, and the names of its options."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence

from ..encoders.registry import BUNDLED
from ..images.subsets import source_parts
from ..parameters import declared
from ..pipeline.prepared import is_demo
from ..projection.params import UmapParams
from ..selection.usl_params import UslParams
from ..uslt.params import UsltParams

Params = UslParams | UsltParams | UmapParams


def select_command(
    source: str,
    method: str,
    budget: int,
    seed: int,
    encoder: str,
    params: Params | None,
    near_duplicates: float | None = None,
) -> str:
    """The command that picks the same images, quoted for a POSIX shell.

    Args:
        source: folder, archive or list, a sample or split of these, or demo.
        method: name.
        budget: m.
        seed: of the method.
        encoder: full name.
        params: of USL or USL-T, None for other methods.
        near_duplicates: see `usl_core.select`.
    """
    words = ["select", *_folder(source), "--budget", str(budget), "--method", method, *_seed(seed), *_encoder(source, encoder)]
    words += _near_duplicates(near_duplicates)
    return _line([*words, *_settings([params] if params is not None else []), "--out", "picks"])


def compare_command(
    source: str,
    methods: Sequence[str],
    budget: int,
    seed: int,
    encoder: str,
    params: Mapping[str, Params],
    map_method: str,
    near_duplicates: float | None = None,
    umap: UmapParams | None = None,
) -> str:
    """The command that writes the same report; arguments as for `select_command`, but `params` by method. USL and USL-T
    share k and whether an image counts itself. `umap` are the settings of the map."""
    words = ["compare", *_folder(source), "--budget", str(budget), "--methods", ",".join(methods), *_seed(seed)]
    words += [*_encoder(source, encoder), *_near_duplicates(near_duplicates)]
    drawn_with = _settings([umap]) if umap is not None and map_method == "umap" else []
    return _line([*words, *_settings(params.values()), "--map", map_method, *drawn_with, "--report", "report"])


def _line(words: Sequence[str]) -> str:
    return shlex.join(["python", "-m", "usl_core", *words])


def _folder(source: str) -> list[str]:
    path, sample, split = source_parts(source)
    words = [path] if split is None else [path, "--split", split]
    return words if sample is None else [*words, "--sample", str(sample[0]), "--sample-seed", str(sample[1])]


def _seed(seed: int) -> list[str]:
    return ["--seed", str(seed)] if seed else []


def _near_duplicates(cosine: float | None) -> list[str]:
    return [] if cosine is None else ["--near-duplicates", str(cosine)]


def _encoder(source: str, encoder: str) -> list[str]:
    """Always named for a folder, whose default depends on the weights that are on the machine."""
    return [] if is_demo(source) and encoder == BUNDLED else ["--encoder", encoder]


def _settings(several: Iterable[Params]) -> list[str]:
    """The options for what differs from the defaults; an option that two methods share stands once."""
    words: dict[str, list[str]] = {}
    for params in several:
        for name, known in declared(type(params)).items():
            value = getattr(params, name)
            if value != known.default:
                words[known.how.flag] = [] if known.kind is bool else [str(value)]
    return [word for flag, value in words.items() for word in (flag, *value)]
