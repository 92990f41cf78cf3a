"""The picks of one run as the HTML report of a comparison that has a single method and seed."""

from __future__ import annotations

from pathlib import Path

from ..evaluation.comparison import Comparison
from ..evaluation.metrics import score_selection
from ..export.picked import PickedRun
from ..names import display_name
from .page import Section, write_report
from .sections import View

_MOST_REMARKS, _LONGEST_NOTE = 1000, 500


def write_picked_report(run: PickedRun, folder: Path) -> None:
    """report.html, with labels and notes of the picks.

    Args:
        run: whose selection is shown as it is, labelled and vetoed rows respected.
        folder: where to write.

    Raises:
        UslError: as `write_report`.
    """
    selection, features, images = run.selection, run.features, run.images
    card = score_selection(
        features.values,
        selection,
        run.neighbors,
        labels=images.labels,
        n_classes=len(images.class_names) or None,
        n_neighbors=run.n_neighbors,
    )
    near_duplicates = run.document.get("near_duplicates")
    comparison = Comparison(
        features=features,
        neighbors=run.neighbors,
        budget=len(selection),
        seeds=(int(selection.seed),),
        n_neighbors=run.n_neighbors,
        selections={selection.method: (selection,)},
        scorecards={selection.method: (card,)},
        near_duplicates=near_duplicates,
    )
    drawn = run.map()
    command = "python -m usl_core select --from run.json"
    known = [Section("remarks", "Notes", "Labels and notes", _remarks(run))]
    write_report(comparison, drawn.xy, folder, title=run.title, map_note=drawn.note, command=command, more=known)


def _remarks(run: PickedRun) -> View:
    """What somebody said of the picks, or a classifier predicted; empty where there is nothing but what folders or a list say,
    which the report has anyway."""
    rows = []
    for rank, row in enumerate(run.rows, start=1):
        guess, predicted = run.guesses.get(row), run.predicted_class(row)
        said = guess is not None and guess.origin not in ("folders", "list")
        if said or row in run.notes:
            rows.append(
                {
                    "rank": rank,
                    "path": run.images.paths[row],
                    "class": run.known_class(row) or "",
                    "predicted": "" if predicted is None else f"{predicted[0]} ({predicted[1]:.0%})",
                    "note": display_name(run.notes.get(row, ""), _LONGEST_NOTE),
                }
            )
    if not rows:
        return {}
    return {
        "rows": rows[:_MOST_REMARKS],
        "more": max(len(rows) - _MOST_REMARKS, 0),
        "has_predictions": run.has_predictions,
        "has_notes": any(row in run.notes for row in run.rows),
    }
