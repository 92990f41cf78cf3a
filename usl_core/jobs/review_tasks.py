"""The tasks of a review: in how many seeds an image is picked, and what makes a pick doubtful."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UslError
from ..pipeline.prepared import Prepared, load_prepared
from ..review.flags import find_flags, reference_facts
from ..review.pixel_facts import PixelFacts
from ..review.session import Call
from ..review.trained import pool_with, training_of
from ..review.why import seed_counts
from ..selection.registry import default_params
from ..types import Progress


def call_told(call: Call) -> dict[str, Any]:
    """A call as plain JSON, without what came of it."""
    return {
        "method": call.method,
        "params": None if call.params is None else asdict(call.params),
        "seed": call.seed,
        "budget": call.budget,
        "near_duplicates": call.near_duplicates,
        "kept": list(call.kept),
        "labelled": list(call.labelled),
        "classes": dict(call.classes),
        "vetoed": list(call.vetoed),
    }


def _call(told: Mapping[str, Any]) -> Call:
    params = default_params(told["method"])
    return Call(
        method=told["method"],
        params=None if params is None else type(params)(**told["params"]),
        seed=told["seed"],
        budget=told["budget"],
        near_duplicates=told["near_duplicates"],
        kept=tuple(told["kept"]),
        labelled=tuple(told["labelled"]),
        classes=told["classes"],
        vetoed=tuple(told["vetoed"]),
    )


def count_over_seeds(
    source: str,
    encoder: str,
    call: Mapping[str, Any],
    n_seeds: int,
    within: Sequence[str] = (),
    *,
    on_progress: Progress,
) -> dict[str, Any]:
    """For how many of the seeds 0 to n_seeds - 1 each image is picked, for those that are; `call` is what `call_told` said."""
    made = _prepared(source, encoder, within)
    counts = seed_counts(made.features, made.neighbors, _call(call), tuple(range(n_seeds)), on_progress=on_progress)
    rows = np.flatnonzero(counts)
    return {"rows": rows.tolist(), "counts": counts[rows].tolist()}


def flag_picks(
    source: str,
    encoder: str,
    call: Mapping[str, Any],
    picks: Sequence[int],
    labelled: Sequence[int],
    reference: Mapping[str, Sequence[float]] | None = None,
    within: Sequence[str] = (),
    *,
    on_progress: Progress,
) -> dict[str, Any]:
    """Reasons to look twice at picks, by row; and what is usual among the images, to be handed in the next time."""
    made, asked = _prepared(source, encoder, within), _call(call)
    facts = _facts(reference) if reference else reference_facts(made.images, on_progress=_part(on_progress, 0.0, 0.5))
    training, selecting = training_of(asked, made.features), _part(on_progress, 0.5, 0.7)
    pool = pool_with(made.features, made.neighbors, asked, training, on_progress=selecting)
    found = find_flags(pool, picks, labelled=labelled, reference=facts, on_progress=_part(on_progress, 0.7, 1.0))
    return {
        "flags": [[int(row), [flag.reason for flag in several]] for row, several in found.items()],
        "reference": {field.name: getattr(facts, field.name).tolist() for field in fields(PixelFacts)},
    }


def _facts(told: Mapping[str, Sequence[float]]) -> PixelFacts:
    def numbers(name: str) -> NDArray[np.float64]:
        return np.array(told[name], dtype=np.float64)

    return PixelFacts(
        rows=np.array(told["rows"], dtype=np.int64),
        sides=np.array(told["sides"], dtype=np.int64),
        contrasts=numbers("contrasts"),
        sharpness=numbers("sharpness"),
        dark=numbers("dark"),
        bright=numbers("bright"),
    )


def _part(on_progress: Progress, start: float, end: float) -> Progress:
    return lambda fraction, note: on_progress(start + (end - start) * fraction, note)


def _prepared(source: str, encoder: str, within: Sequence[str]) -> Prepared:
    made = load_prepared(source, encoder, within=[Path(folder) for folder in within])
    if made is None:
        raise UslError(f"the features of {encoder} are no longer in the cache; encode the images again on the page Data")
    return made
