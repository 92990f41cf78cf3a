"""`read_labels`, the one door to labels that come back: what the file is, is seen by its content."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import UslError
from ..fingerprints import fingerprint
from ..images.list_text import MAX_LIST_BYTES, list_bytes
from ..images.scan import scan
from ..names import display_name
from ..types import ImageSet, Progress
from .coco import is_coco, is_datumaro, read_coco, read_datumaro
from .cvat_xml import read_cvat_xml
from .entries import Entry, LabelFile, distinct
from .matching import Matcher
from .records import is_tasks, read_pairs, read_records, read_tasks
from .renaming import Renames, renamed
from .returned import ReturnedLabels, matched
from .table import read_table

_TABLES = (".csv", ".tsv", ".txt", ".parquet")
_FORMS = "a table with columns path and label, JSON of Label Studio, COCO or Datumaro, XML of CVAT, or class subfolders"


def read_labels(
    path: Path | str,
    images: ImageSet,
    *,
    rename: Renames = (),
    called: str = "the labels",
    folders: Sequence[str] = (),
    cache_dir: Path | str | None = None,
    on_progress: Progress | None = None,
) -> ReturnedLabels:
    """Labels that came back, matched to the images.

    Args:
        path: a table (.csv, .tsv, .txt, .parquet) with a column path (or file, filename, image) and one label (or class,
            category); JSON: tasks of Label Studio, whole or short, COCO, Datumaro, records with path and label, or an object of
            path: label; XML of CVAT for images; an archive that holds one such file; or a folder or archive of images in class
            subfolders.
        images: the image set. An entry is found by its path, its content where the file lies there, or by the last parts of
            its name where one image alone has them.
        rename: new names of classes by old ones, or texts OLD=NEW; the report tells which are probably misspelt.
        called: names the file in messages.
        folders: other paths of the images' folder.
        cache_dir: for the scan of class subfolders.
        on_progress: see `types.Progress`; only class subfolders take long.

    Returns:
        ReturnedLabels, whose report tells of all that could not be taken as it stands.

    Raises:
        UslError: it cannot be read, or is none of these, or has no class that is to be renamed.

    >>> import json, pathlib, tempfile
    >>> images = usl.load_demo("digits").images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "labels.json")
    ...     _ = file.write_text(json.dumps({images.paths[5]: "five", images.paths[9]: "nine", "other.png": "one"}))
    ...     labels = usl.read_labels(file, images)
    >>> list(labels.named()), labels.report.unknown[0].name
    ([(5, 'five'), (9, 'nine')], 'other.png')
    """
    path = Path(path)
    what, matcher = f"{called} {path}", Matcher(images, folders)
    if path.is_dir():
        file = _class_folders(path, cache_dir, on_progress)
    elif path.suffix.lower() == ".zip":
        file = _archive(path, what, cache_dir, on_progress)
    else:
        file = _single(path, called, what, matcher)
    renames = renamed(file, rename, what)
    return matched(file, images, matcher, renames)


def _single(path: Path, called: str, what: str, matcher: Matcher) -> LabelFile:
    try:
        data = list_bytes(path, called, MAX_LIST_BYTES)
    except UslError as error:
        raise UslError(f"{str(error).partition('; give ')[0]}; give {_FORMS}") from error
    digest = fingerprint(data)
    kind = path.suffix.lower()
    if kind in _TABLES:
        file = read_table(path, what, matcher)
    elif kind in (".json", ".xml"):
        file = _of_bytes(data, kind, what)
    else:
        raise UslError(f"{what} must be {_FORMS}, by its ending, but that is {display_name(path.suffix, 20)!r}")
    file.digest = digest
    return file


def _of_bytes(data: bytes, kind: str, what: str) -> LabelFile:
    return read_cvat_xml(data, what) if kind == ".xml" else _json(data, what)


def _json(data: bytes, what: str) -> LabelFile:
    try:
        document = json.loads(data)
    except json.JSONDecodeError as error:
        raise UslError(f"{what} is no readable JSON: line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise UslError(f"{what} is no readable JSON: its lists and objects lie too deep in each other") from error
    except ValueError as error:  # no UTF-8, or a number of too many digits
        raise UslError(f"{what} is no readable JSON: {error}") from error
    if is_coco(document):
        return read_coco(document, what)
    if is_datumaro(document):
        return read_datumaro(document, what)
    if is_tasks(document):
        return read_tasks(document)
    if isinstance(document, list) and any(isinstance(record, dict) for record in document):
        return read_records(document, what)
    if isinstance(document, dict) and not any(isinstance(value, dict) for value in document.values()) and document:
        return read_pairs(document)
    raise UslError(f"{what} must be {_FORMS}, but this JSON is {_outline(document)}")


def _outline(document: Any) -> str:
    if isinstance(document, dict):
        keys = ", ".join(display_name(key, 30) for key in list(document)[:5])
        return f"an object with {keys or 'nothing in it'}"
    return f"a list of {len(document):,}" if isinstance(document, list) else f"a {type(document).__name__}"


def _archive(path: Path, what: str, cache_dir: Path | str | None, on_progress: Progress | None) -> LabelFile:
    """The one .xml or .json in it, as tools export them; else its class folders."""
    try:
        with zipfile.ZipFile(path) as archive:
            held = [info for info in archive.infolist() if info.filename.lower().endswith((".xml", ".json"))]
            if len(held) == 1:
                if held[0].file_size > MAX_LIST_BYTES:
                    raise UslError(f"{what}: {display_name(held[0].filename)} has more than {MAX_LIST_BYTES:,} bytes")
                with archive.open(held[0]) as member:
                    data = member.read(MAX_LIST_BYTES + 1)  # whatever size it claims to have
    except (OSError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile, EOFError) as error:
        if isinstance(error, UslError):
            raise
        raise UslError(f"{what} is no readable archive ({error})") from error
    if len(held) != 1:
        return _class_folders(path, cache_dir, on_progress)
    file = _of_bytes(data, Path(held[0].filename).suffix.lower(), f"{what}: {display_name(held[0].filename)}")
    file.digest = fingerprint(data)
    return file


def _class_folders(path: Path, cache_dir: Path | str | None, on_progress: Progress | None) -> LabelFile:
    found = scan(path, cache_dir=cache_dir, on_progress=on_progress)
    if found.labels is not None:
        classes = [found.class_names[number] for number in found.labels]
    else:
        classes = [name.rpartition("/")[0].rpartition("/")[2] for name in found.paths]
    entries = [
        Entry(names=(name,), classes=distinct([label]), where=display_name(name, 120), digest=digest)
        for name, label, digest in zip(found.paths, classes, found.digests, strict=True)
    ]
    unreadable = [(problem.path, problem.cause) for problem in found.problems]
    digest = fingerprint(found.fingerprint, list(found.paths))
    return LabelFile(kind="class subfolders", entries=entries, unreadable=unreadable, digest=digest)
