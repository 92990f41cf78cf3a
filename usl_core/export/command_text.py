"""The command line that repeats what was done in the app, and the names of its options."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ..encoders.registry import BUNDLED
from ..images.subsets import source_parts
from ..parameters import declared
from ..pipeline.prepared import is_demo
from ..projection.params import UmapParams
from ..selection.settings import FLAG, NAMED_OTHERWISE, assignments


def select_command(
    source: str,
    method: str,
    budget: int,
    seed: int,
    encoder: str,
    params: Any,
    near_duplicates: float | None = None,
) -> str:
    """The command that picks the same images, quoted for a POSIX shell.

    Args:
        source: folder, archive or list, a sample or split of these, or demo.
        method: name.
        budget: m.
        seed: of the method.
        encoder: full name.
        params: of the method, None where it has none, or for its defaults.
        near_duplicates: see `usl_core.select`.
    """
    words = ["select", *_folder(source), "--budget", str(budget), "--method", method, *_seed(seed), *_encoder(source, encoder)]
    words += _near_duplicates(near_duplicates)
    return _line([*words, *_settings({method: params}), "--out", "picks"])


def compare_command(
    source: str,
    methods: Sequence[str],
    budget: int,
    seed: int,
    encoder: str,
    params: Mapping[str, Any],
    map_method: str,
    near_duplicates: float | None = None,
    umap: UmapParams | None = None,
) -> str:
    """The command that writes the same report; arguments as for `select_command`, but `params` by method. USL and USL-T
    share k and whether an image counts itself. `umap` are the settings of the map."""
    words = ["compare", *_folder(source), "--budget", str(budget), "--methods", ",".join(methods), *_seed(seed)]
    words += [*_encoder(source, encoder), *_near_duplicates(near_duplicates)]
    drawn_with = _words(umap) if umap is not None and map_method == "umap" else {}
    return _line([*words, *_settings(params), "--map", map_method, *_flat(drawn_with), "--report", "report"])


def evaluate_command(
    source: str,
    methods: Sequence[str],
    budgets: Sequence[int],
    n_seeds: int,
    learners: Sequence[str],
    encoder: str,
    params: Mapping[str, Any],
    near_duplicates: float | None = None,
    against: str = "random",
    labels: str = "",
) -> str:
    """The command that evaluates the same; arguments as for `compare_command`, and the seeds are 0 to n_seeds - 1. `against` is
    the rival, `labels` a file with the true classes, where the images tell none."""
    words = ["evaluate", *_folder(source), "--methods", ",".join(methods), "--budgets", ",".join(map(str, budgets))]
    words += ["--seeds", str(n_seeds), "--learners", ",".join(learners), *_encoder(source, encoder)]
    words += [*(["--against", against] if against != "random" else []), *(["--labels", labels] if labels else [])]
    return _line([*words, *_near_duplicates(near_duplicates), *_settings(params), "--out", "evaluation"])


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


def _settings(by_method: Mapping[str, Any]) -> list[str]:
    """The options for what differs from the defaults; an option that two methods share stands once."""
    words: dict[str, list[str]] = {}
    given: list[str] = []
    for method, params in by_method.items():
        if params is None:
            continue
        if method in NAMED_OTHERWISE:
            words |= _words(params)
        else:
            given += assignments(method, params)
    return [*_flat(words), *(word for text in given for word in (FLAG, text))]


def _words(params: Any) -> dict[str, list[str]]:
    """By option, what stands behind it."""
    values = ((known, getattr(params, name)) for name, known in declared(type(params)).items())
    return {known.how.flag: [] if known.kind is bool else [str(value)] for known, value in values if value != known.default}


def _flat(words: Mapping[str, list[str]]) -> list[str]:
    return [word for flag, value in words.items() for word in (flag, *value)]
