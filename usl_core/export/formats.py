"""The formats of an export by name, and the one way in which they are written: all of them, or nothing."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..disk import told_if_unwritable
from ..errors import UslError
from ..projection.project import MapMethod
from ..types import Features, Neighbors, Progress, Selection
from ..validation import index_set, whole_number
from .archives import write_tree, write_zip
from .atlas import write_atlas
from .files import run_json
from .labelling import write_coco, write_cvat, write_label_studio
from .markdown import write_markdown
from .picked import Guess, PickedRun, class_list, known_classes
from .plain import write_csv, write_json, write_npy, write_parquet, write_tsv, write_txt
from .published import write_index_csv
from .run_record import run_record
from .snippets import write_fiftyone, write_subset

Writer = Callable[[PickedRun, Path], None]
"""Writes the files of a format into a folder that is empty but for those of other formats."""


class Format(NamedTuple):
    """How the picks can be exported.

    Args:
        write: into a folder.
        summary: what is written, in one sentence.
    """

    write: Writer
    summary: str


_FORMATS: Mapping[str, Format] = {
    "csv": Format(write_csv, "picks.csv, exact, and picks-spreadsheet.csv, which opens right in Excel and runs nothing"),
    "tsv": Format(write_tsv, "picks.tsv, for spreadsheets"),
    "json": Format(write_json, "picks.json: the picks and the run"),
    "npy": Format(write_npy, "picks.npy: row numbers"),
    "txt": Format(write_txt, "picks.txt: a path a line"),
    "parquet": Format(write_parquet, "picks.parquet: the columns of picks.csv"),
    "index-csv": Format(write_index_csv, "picked_index.csv and rest_index.csv, as the published ImageNet code reads them"),
    "zip": Format(write_zip, "images.zip: the picked files and a manifest"),
    "tree": Format(write_tree, "labelled/, a folder of files for each class that is known, and what each is called"),
    "label-studio": Format(write_label_studio, "tasks with predictions, and the labelling configuration"),
    "cvat": Format(write_cvat, "cvat.zip (CVAT for images 1.1), labels, and the line for cvat-cli"),
    "coco": Format(write_coco, "coco.json"),
    "fiftyone": Format(write_fiftyone, "picks_fiftyone.py: opens the picks in FiftyOne"),
    "torchvision": Format(write_subset, "picks_torchvision.py: the picks as a Subset"),
    "embedding-atlas": Format(write_atlas, "atlas.parquet: all images with map, neighbours and pictures"),
    "markdown": Format(write_markdown, "picks.md: a short report"),
}

HTML = "report.html: maps, gallery, scores, labels and notes of the run, in one file"
"""What `report.picked`, which is above, writes as a format of its own."""


def export_formats() -> dict[str, str]:
    """The formats of `export_picks`, each with a sentence on what is written.

    >>> usl.export_formats()["npy"]
    'picks.npy: row numbers'
    """
    return {name: known.summary for name, known in _FORMATS.items()}


def export_picks(
    selection: Selection,
    features: Features,
    neighbors: Neighbors,
    out: Path | str,
    formats: Sequence[str] = ("csv",),
    *,
    n_neighbors: int = 20,
    record: Mapping[str, object] | None = None,
    guesses: Mapping[int, Guess] | None = None,
    classes: Iterable[str] = (),
    notes: Mapping[int, str] | None = None,
    url_prefix: str | None = None,
    map_method: MapMethod = "umap",
    more: Mapping[str, Writer] | None = None,
    cache_dir: Path | None = None,
    on_progress: Progress | None = None,
) -> list[str]:
    """Write the picks for other programs. If one format fails, no file is written and none of an earlier export is touched.

    Args:
        selection: the picks.
        features: what was selected from.
        neighbors: the kNN graph of the same images.
        out: folder; made if it is missing. run.json is always written there.
        formats: names from `export_formats()`.
        n_neighbors: k of the density.
        record: what run.json says; default: what `run_record` returns, without lists of labelled and vetoed rows.
        guesses: class by row, as known or, with a score, predicted; default: what folders or a list say.
        classes: names that may be chosen when labelling; those of the images and of guesses follow.
        notes: of a reviewer, by row.
        url_prefix: where the images are served for Label Studio; a path follows. None: its local files.
        map_method: "umap" or "pca", of coordinates.
        more: further formats by name.
        cache_dir: see `scan`.
        on_progress: see `types.Progress`; if it raises, nothing is left behind.

    Returns:
        Names of what was written, relative to `out`.

    Raises:
        UslError: no such format, one that these images cannot have, or a file that cannot be read or written.

    >>> from tempfile import mkdtemp
    >>> features = usl.load_demo("digits").features
    >>> graph = usl.find_neighbors(features, 20)
    >>> picks = usl.select(features, 10, neighbors=graph)
    >>> usl.export_picks(picks, features, graph, mkdtemp(), ["npy", "txt"])
    ['picks.npy', 'picks.txt', 'run.json']
    """
    index_set(selection.indices, len(features), "selection")
    writers = {name: known.write for name, known in _FORMATS.items()} | dict(more or {})
    wanted = checked_formats(formats, writers)
    sure = known_classes(features.images) if guesses is None else dict(guesses)
    for row in (*sure, *(notes or {})):
        whole_number(row, "row of a guess or note", 0, len(features) - 1, "images")
    run = PickedRun(
        selection=selection,
        features=features,
        neighbors=neighbors,
        n_neighbors=n_neighbors,
        document=record or run_record(selection, features, folder=str(features.images.root)),
        guesses=sure,
        classes=class_list(classes, sure, features.images),
        notes=notes or {},
        url_prefix=url_prefix,
        map_method=map_method,
        cache_dir=cache_dir,
        on_progress=on_progress,
    )

    def write(folder: Path) -> None:
        for name in wanted:
            writers[name](run, folder)
        (folder / "run.json").write_bytes(run_json(run.document))

    return _all_or_nothing(Path(out), write)


def checked_formats(formats: Sequence[str], known: Iterable[str] = _FORMATS) -> list[str]:
    """The names, each once.

    Raises:
        UslError: none, or one that is not known.
    """
    wanted = list(dict.fromkeys([formats] if isinstance(formats, str) else formats))
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        said = f"{unknown[0]!r} is no format" if unknown else "no format is named"
        raise UslError(f"{said}; choose from {', '.join(known)}")
    return wanted


def _all_or_nothing(out: Path, write: Callable[[Path], None]) -> list[str]:
    """Have files written beside their places, and put them there when all are whole."""
    with told_if_unwritable(str(out), out, "name another folder with --out"):
        out.mkdir(parents=True, exist_ok=True)
        scratch = out / f".export-{secrets.token_hex(4)}"
        scratch.mkdir()
        try:
            write(scratch)
            made = sorted(scratch.iterdir())
            for path in made:
                place = out / path.name
                if place.is_dir() or (path.is_dir() and place.exists()):
                    raise UslError(f"{place} is there already, and is not replaced; move it away or name another folder")
            for path in made:
                path.replace(out / path.name)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return [path.name for path in made]
