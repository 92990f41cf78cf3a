"""The picks as a short report in Markdown, for an issue, a wiki or a README."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path

from ..names import display_name
from .picked import PickedRun

MOST_LISTED = 1000
_MARKS = re.compile(r"([\\`*_{}\[\]()#!|~$:@]|(?<=www)\.)")


def write_markdown(run: PickedRun, folder: Path) -> None:
    """picks.md: how it was picked, the classes where they are known, a table of the picks with a reviewer's notes."""
    (folder / "picks.md").write_text(picks_markdown(run), encoding="utf-8")


def picks_markdown(run: PickedRun) -> str:
    """The text of picks.md."""
    selection, document = run.selection, run.document
    facts = [
        ("images", f"{len(run.features):,}"),
        *([("drawn from", str(run.images.sample))] if run.images.sample is not None else []),
        ("encoder", f"{run.features.encoder}, d = {run.features.values.shape[1]}"),
        ("method", selection.method),
        ("seed", str(selection.seed)),
        *((name, str(value)) for name, value in ({} if selection.params is None else asdict(selection.params)).items()),
        ("labelled already", f"{len(document.get('labelled', ())):,}"),
        ("vetoed", f"{len(document.get('vetoed', ())):,}"),
        *((f"fingerprint of {name}", value) for name, value in document.get("fingerprints", {}).items()),
    ]
    parts = [f"# {len(run.rows):,} images to label of {marked(run.title)}", "", *_table(("", ""), facts), ""]
    for heading, found in (
        ("Classes", [run.known_class(row) for row in run.rows]),
        ("Predicted classes", [(run.predicted_class(row) or (None,))[0] for row in run.rows]),
    ):
        counts = Counter(name for name in found if name is not None).most_common()
        if counts:
            parts += [f"## {heading}", "", *_table(("class", "picks"), ((name, str(n)) for name, n in counts)), ""]
    notes, predicted = any(row in run.notes for row in run.rows), run.has_predictions
    more = (*(("predicted", "confidence") if predicted else ()), *(("note",) if notes else ()))
    header = ("rank", "image", "class", "cluster", "log density", *more)
    lines = [
        (
            str(known.rank),
            known.path,
            run.known_class(known.index) or "",
            "" if known.cluster is None else str(known.cluster),
            f"{known.density:.3f}",
            *(_predicted(run, known.index) if predicted else ()),
            *((run.notes.get(known.index, ""),) if notes else ()),
        )
        for known in run.table[:MOST_LISTED]
    ]
    parts += ["## Picks", "", *_table(header, lines), ""]
    if len(run.rows) > MOST_LISTED:
        parts += [f"and {len(run.rows) - MOST_LISTED:,} more.", ""]
    parts += ["The same picks again: `python -m usl_core select --from run.json`"]
    return "\n".join(parts) + "\n"


def _predicted(run: PickedRun, row: int) -> tuple[str, str]:
    guess = run.predicted_class(row)
    return ("", "") if guess is None else (guess[0], f"{guess[1]:.2f}")


def marked(text: str) -> str:
    """`text` on one line of Markdown, where nothing of it is a mark, a link, a tag or the end of a cell."""
    return _MARKS.sub(r"\\\1", escape(display_name(text, 300), quote=False))


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    return [*lines, *(f"| {' | '.join(map(marked, row))} |" for row in rows)]
