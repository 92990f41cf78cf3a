"""Folders as the user names them: what a run.json calls them, where it finds them again, what a report is entitled."""

from __future__ import annotations

import os
from pathlib import Path

from ..demos.torchvision_sets import dataset_card, is_torchvision
from ..errors import UslError
from ..export.run_record import RunRecord
from ..pipeline.prepared import DEMO_PREFIX, is_demo
from ..types import ImageSet
from .streams import say


def lasting(folder: str) -> str:
    """The folder, archive or demo under a name that means the same from every working directory."""
    if is_demo(folder):
        return folder
    if is_torchvision(folder):
        return dataset_card(folder).source
    # After a link, `..` leads to where the linked folder lies; only the file system knows.
    return os.path.realpath(folder) if ".." in Path(folder).parts else os.path.abspath(folder)  # noqa: PTH100


def recorded_folder(record: RunRecord, record_path: str) -> str:
    """The folder, archive or demo of a recorded run.

    Records of earlier versions may hold a path from the working directory of then, which is often above the record.

    Raises:
        UslError: it is not there.
    """
    folder = record.folder
    if is_demo(folder) or is_torchvision(folder) or os.path.exists(folder):  # noqa: PTH110
        return folder
    if not os.path.isabs(folder):  # noqa: PTH117
        for above in Path(record_path).resolve().parents:
            if (above / folder).exists():
                say(f"note: the run's folder {folder} was found at {above / folder}")
                return str(above / folder)
    elsewhere = "" if os.path.isabs(folder) else f", neither here ({Path.cwd()}) nor above {record_path}"  # noqa: PTH117
    raise UslError(
        f"{record_path} was made from {folder}, which is not there{elsewhere}; "
        f"if it has moved, name it: select FOLDER --from {record_path}"
    )


def title_of(folder: str, images: ImageSet) -> str:
    """What people call a source: its last name, of `.` and `..` the one that they stand for; then its sample and its split."""
    name = dataset_card(folder).title if is_torchvision(folder) else Path(folder.removeprefix(DEMO_PREFIX)).name
    name = name if name not in ("", ".", "..") else images.root.name or str(images.root)
    if images.sample is not None:
        name += f", sample of {images.sample.n:,}"
    return f"{name}, {images.split_names[0]}" if len(images.split_names) == 1 else name


def refuse_unwritable(folder: str | None, option: str) -> None:
    """Raise a UslError, before anything is computed, if files could not be written into this folder."""
    if folder is None:
        return
    if not folder:
        raise UslError(f"{option} must name a folder but is empty")
    place = Path(os.path.abspath(folder))  # noqa: PTH100
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise UslError(f"{option} must name a folder, but {place} is none; name another")
    if not os.access(place, os.W_OK | os.X_OK):
        raise UslError(f"{option} {folder} cannot be written, because {place} is read-only; name another folder")
