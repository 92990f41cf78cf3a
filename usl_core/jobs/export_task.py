"""The task "export": picks as files for other programs, in one archive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UslError
from ..export.bundle import export_bundle
from ..export.picked import Guess
from ..json_fields import JsonFields
from ..pipeline.prepared import load_prepared
from ..selection.registry import params_document, params_of
from ..types import Progress, Selection


def told(selection: Selection, guesses: Mapping[int, Guess], notes: Mapping[int, str]) -> dict[str, Any]:
    """What the task has to know of picks, as plain JSON."""
    return {
        "picked": {
            "indices": selection.indices.tolist(),
            "clusters": selection.clusters.tolist(),
            "scores": [None if isnan(score) else score for score in selection.scores.tolist()],
            "method": selection.method,
            "params": params_document(selection.params),
            "seed": int(selection.seed),
        },
        "guesses": [[int(row), guess.label, guess.score, guess.origin] for row, guess in guesses.items()],
        "notes": [[int(row), text] for row, text in notes.items()],
    }


def write_export(
    source: str,
    encoder: str,
    picked: Mapping[str, Any],
    guesses: Sequence[Sequence[Any]],
    notes: Sequence[Sequence[Any]],
    formats: Sequence[str],
    classes: Sequence[str],
    record: Mapping[str, Any],
    n_neighbors: int,
    out: str,
    within: Sequence[str] = (),
    *,
    on_progress: Progress,
) -> dict[str, Any]:
    """The archive of an export; `picked`, `guesses` and `notes` are what `told` said."""
    from ..report.picked import write_picked_report

    made = load_prepared(source, encoder, within=[Path(folder) for folder in within])
    if made is None:
        raise UslError(f"the features of {encoder} are no longer in the cache; encode the images again on the page Data")
    selection = Selection(
        indices=np.array(picked["indices"], dtype=np.int64),
        clusters=np.array(picked["clusters"], dtype=np.int64),
        scores=np.array([nan if score is None else score for score in picked["scores"]], dtype=np.float64),
        method=picked["method"],
        params=params_of(JsonFields("the picks", dict(picked)), picked["method"]),
        seed=picked["seed"],
    )
    path = Path(out) / "picks-export.zip"
    export_bundle(
        path,
        selection,
        made.features,
        made.neighbors,
        formats,
        n_neighbors=n_neighbors,
        record=record,
        guesses={row: Guess(label=label, score=score, origin=origin) for row, label, score, origin in guesses},
        classes=classes,
        notes={int(row): str(text) for row, text in notes},
        more={"html": write_picked_report},
        on_progress=on_progress,
    )
    return {"file": str(path)}
