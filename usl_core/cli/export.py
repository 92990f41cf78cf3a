"""What the command `export` does, and how it is spelled."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ..export.run_record import run_record
from ..pipeline.artefacts import load_or_find_neighbors
from ..selection.registry import select
from ..selection.usl_params import UslParams
from ..types import Features, Neighbors, Selection
from .folders import lasting, recorded_folder, refuse_unwritable
from .inputs import cache_dir_of, features_of, views_of
from .options import SOURCE_HELP
from .output import progress_bar, say_notes
from .streams import say

if TYPE_CHECKING:
    from ..export.run_record import RunRecord

_HELP = """\
Repeats a recorded run, checks that it is the same, and writes its picks for other programs into --out, run.json beside them.
If one format fails, nothing is written.

formats, several with commas between:
"""
_HTML = "report.html: maps, gallery and scores of the run, in one file"


def add_parser(actions: Any) -> None:
    """Register the command."""
    from ..export.formats import export_formats

    formats = export_formats() | {"html": _HTML}
    width = max(map(len, formats))
    listed = "\n".join(f"  {name.ljust(width)}  {summary}" for name, summary in formats.items())
    raw = argparse.RawDescriptionHelpFormatter
    parser = actions.add_parser(
        "export", help="picks for labelling tools and other programs", description=_HELP + listed, formatter_class=raw
    )
    parser.add_argument("folder", nargs="?", help=f"{SOURCE_HELP} (default: that of the run)")
    parser.add_argument("--from", dest="record", required=True, metavar="RUN.JSON", help="the run to repeat")
    parser.add_argument("--format", required=True, metavar="A,B,...", help="see above")
    parser.add_argument("--out", required=True, metavar="DIR", help="where the files go")
    parser.add_argument("--classes", metavar="A,B,...", help="names that may be chosen when labelling; known ones follow")
    parser.add_argument(
        "--url-prefix", metavar="URL", help="where the images are served for Label Studio (default: its local files)"
    )
    parser.add_argument("--map", choices=("umap", "pca"), default="umap", help="of embedding-atlas and html (default: umap)")
    parser.add_argument("--device", metavar="D", help="auto, cpu, cuda, ... (default: auto)")
    parser.add_argument("--cache-dir", metavar="DIR", help="default: USL_CACHE_DIR or the platform's cache directory")
    parser.add_argument("--quiet", "-q", action="store_true", help="no progress bar")
    parser.set_defaults(run=run_export)


def run_export(options: argparse.Namespace) -> None:
    """`export`: repeat, check, write."""
    from ..export.formats import checked_formats, export_formats, export_picks
    from ..export.run_record import load_run_record
    from ..report.picked import write_picked_report

    formats = checked_formats(_names(options.format), [*export_formats(), "html"])
    record = load_run_record(options.record)
    refuse_unwritable(options.out, "--out")
    folder = options.folder or recorded_folder(record, options.record)
    k = getattr(record.params, "n_neighbors", UslParams().n_neighbors)
    selection, features, graph = repeated(record, folder, k, options)
    document = run_record(
        selection,
        features,
        folder=lasting(folder),
        split=record.split,
        method=record.method,
        labelled=record.labelled,
        vetoed=record.vetoed,
        precision=record.precision,
        rules=record.rules,
        near_duplicates=record.near_duplicates,
    )
    with progress_bar("export", options) as on_progress:
        written = export_picks(
            *(selection, features, graph, options.out, formats),
            n_neighbors=k,
            record=document,
            classes=_names(options.classes or ""),
            url_prefix=options.url_prefix,
            map_method=options.map,
            more={"html": write_picked_report},
            cache_dir=cache_dir_of(options),
            on_progress=on_progress,
        )
    say_notes(selection.notes)
    say(f"wrote {', '.join(written)} to {options.out}")


def repeated(record: RunRecord, folder: str, k: int, options: argparse.Namespace) -> tuple[Selection, Features, Neighbors]:
    """The picks of a recorded run, what they were picked from, and its graph.

    Args:
        record: the run.
        folder: where its images are now.
        k: neighbours that are needed.
        options: cache_dir, device and quiet of the command.

    Raises:
        UslError: the images, their features or the picks are not those of the run.
    """
    features = features_of(folder, options, record)
    with progress_bar("neighbours", options) as on_progress:
        graph = load_or_find_neighbors(features, k, cache_dir=cache_dir_of(options), on_progress=on_progress)
    views = views_of(features, record.params, options, record)
    with progress_bar(record.method, options) as on_progress:
        selection = select(
            features,
            record.budget,
            record.method,
            params=record.params,
            seed=record.seed,
            labels=features.images.labels,
            labelled=record.labelled,
            vetoed=record.vetoed,
            neighbors=graph,
            views=views,
            rules=record.rules,
            near_duplicates=record.near_duplicates,
            on_progress=on_progress,
        )
    record.check_picks(selection)
    return selection, features, graph


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
