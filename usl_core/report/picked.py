"""The picks of one run as the HTML report of a comparison that has a single method and seed."""

from __future__ import annotations

from pathlib import Path

from ..evaluation.comparison import Comparison
from ..evaluation.metrics import score_selection
from ..export.picked import PickedRun
from .page import write_report


def write_picked_report(run: PickedRun, folder: Path) -> None:
    """report.html.

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
    write_report(comparison, drawn.xy, folder, title=run.title, map_note=drawn.note, command=command)
