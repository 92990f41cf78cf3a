"""What the options of the command line mean: features of a folder, parameters of a method, rows of listed images."""

from __future__ import annotations

import argparse
import csv
import io
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .cli_output import progress_bar
from .errors import UslError
from .prepared import DEMO_PREFIX
from .selection.usl import UslParams
from .types import Features, ImageSet

if TYPE_CHECKING:
    from .run_records import RunRecord


def features_of(folder: str, options: argparse.Namespace, record: RunRecord | None = None) -> Features:
    """Features of a folder, archive or demo; with a record, checked to be those of the recorded run."""
    encoder = record.encoder if record else options.encoder
    if folder.startswith(DEMO_PREFIX):
        from .demos import load_demo

        demo = load_demo(folder.removeprefix(DEMO_PREFIX))
        if encoder in (None, demo.features.encoder):
            return demo.features
        images = demo.images
    else:
        from .images import scan

        with progress_bar("scan", options) as on_progress:
            images = scan(folder, cache_dir=cache_dir_of(options), on_progress=on_progress)
    if record:
        record.check_images(images)
    from .features import encode

    with progress_bar("encode", options) as on_progress:
        features = encode(
            images,
            encoder or "pixels:pca",
            cache_dir=cache_dir_of(options),
            device=options.device or "auto",
            precision=precision_of(options, record),
            on_progress=on_progress,
        )
    if record:
        record.check_features(features)
    return features


def precision_of(options: argparse.Namespace, record: RunRecord | None) -> str:
    """Precision of the encoder: the record's, the option's, or float32."""
    return (record.precision if record else options.precision) or "float32"


def cache_dir_of(options: argparse.Namespace) -> Path | None:
    """The cache directory that was asked for, or None for the usual one."""
    return Path(options.cache_dir) if options.cache_dir else None


def usl_params(options: argparse.Namespace, method: str) -> UslParams | None:
    """Parameters of USL from the options; None for other methods.

    Raises:
        UslError: a setting of USL beside another method, or out of range.
    """
    given = {field.name: getattr(options, field.name) for field in fields(UslParams) if hasattr(options, field.name)}
    preset = getattr(options, "preset", None)
    if method != "usl":
        if given or preset:
            name = next(iter(given), "preset")
            raise UslError(f"{name} is a setting of usl, but the method is {method!r}; leave it out")
        return None
    return replace(UslParams.published() if preset == "published" else UslParams(), **given)


def refuse_beside_record(options: argparse.Namespace) -> None:
    """Raise a UslError if an option would change the run that --from repeats."""
    fixed = ("budget", "method", "seed", "encoder", "precision", "labelled", "vetoed", "preset")
    given = [
        name for name in (*fixed, *(field.name for field in fields(UslParams))) if getattr(options, name, None) is not None
    ]
    if given:
        raise UslError(f"--from repeats a run exactly, so {given[0]} cannot be changed beside it; leave out one of the two")


def rows_from_file(name: str | None, images: ImageSet, option: str) -> tuple[int, ...]:
    """Rows of the images that a file names: paths relative to the folder, one a line, or a picks.csv.

    Raises:
        UslError: the file cannot be read, or names something else.
    """
    if name is None:
        return ()
    try:
        text = Path(name).read_text(encoding="utf-8-sig", errors="surrogateescape")  # a name may hold any bytes
    except OSError as error:
        raise UslError(f"{option} {name} cannot be read: {error}") from error
    if "path" in text.partition("\n")[0].strip().split(","):
        paths = [row["path"] for row in csv.DictReader(io.StringIO(text, newline=""))]
    else:
        paths = [line.strip() for line in text.split("\n") if line.strip()]
    row_of = {path: row for row, path in enumerate(images.paths)}
    unknown = [path for path in paths if path not in row_of]
    if unknown:
        raise UslError(
            f"{option} {name} names {unknown[0]!r}, which is no readable image of the folder ({len(unknown)} such lines)"
        )
    return tuple(sorted({row_of[path] for path in paths}))
