"""A data set of torchvision as an archive of images: downloaded, checked and turned into `split/class/number.png`, once.

Whatever takes a folder or an archive then takes it. The archive is there whole or not at all, and a download that was
interrupted goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

from ..cache.store import Store
from ..disk import size_text, told_if_unwritable
from ..encoders.download import fetch
from ..errors import UslError
from ..types import Progress
from .torchvision_readers import READERS, Picture
from .torchvision_sets import ENV_DATASETS_DIR, DatasetCard, RemoteFile, archive_path, dataset_card, datasets_dir

_DOWNLOADED = 0.6  # share of the progress bar
_DATE = (1980, 1, 1, 0, 0, 0)  # the same archive whenever it is made
_TOLD_EVERY = 50
_LEFT_AFTER_SECONDS = 3600.0  # where there are no locks, another process may be at it
_REMEDY = f"free some space, or set {ENV_DATASETS_DIR} to a folder on another disk"


def torchvision_archive(name: str, *, folder: Path | None = None, on_progress: Progress | None = None) -> Path:
    """The archive of a data set, made if it is not there.

    Args:
        name: see `torchvision_sets.dataset_card`.
        folder: in place of `datasets_dir`.
        on_progress: see `types.Progress`; it may raise `Cancelled`, and the next call goes on with the download.

    Returns:
        A .zip; its folders are splits, where there are some, and classes.

    Raises:
        UslError: no such data set; a file cannot be downloaded, and the message says which to put where; the disk is full.
    """
    card = dataset_card(name)
    home = datasets_dir() if folder is None else folder
    path = archive_path(card, home)
    if path.exists():
        return path
    report: Progress = on_progress or (lambda fraction, note: None)
    downloads = home / "downloads"
    with told_if_unwritable(f"the folder of data sets {home}", home, _REMEDY):
        downloads.mkdir(parents=True, exist_ok=True)

    def waiting() -> None:
        report(0.0, f"another process prepares {card.title}; this one waits for it")

    with Store(downloads).turn(f"dataset {card.name}", waiting):
        if not path.exists():
            files = _downloaded(card, home, downloads, report)
            _convert(card, files, path, report)
            for file in files.values():
                if file.parent == downloads:
                    file.unlink(missing_ok=True)
    report(1.0, f"{card.title} is ready")
    return path


def _downloaded(card: DatasetCard, home: Path, downloads: Path, report: Progress) -> dict[str, Path]:
    """The files by name: where the user has put them, or downloaded."""
    found: dict[str, Path] = {}
    before = 0.0
    for file in card.files:
        by_hand, path = home / file.name, downloads / f"{card.name}-{file.name}"
        if by_hand.exists():
            report(_DOWNLOADED * before / card.size_mb, f"checking {file.name}")
            _check(by_hand, file)
            path = by_hand
        elif not path.exists():
            _download(card, file, path, home, before, report)
        found[file.name] = path
        before += file.size_mb
    return found


def _download(card: DatasetCard, file: RemoteFile, path: Path, home: Path, before: float, report: Progress) -> None:
    part = path.with_name(f"{path.name}.part")

    def on_note(note: str) -> None:
        here = 0.0
        with suppress(OSError):  # it is whole by now
            here = min(part.stat().st_size / 1e6, file.size_mb)
        report(_DOWNLOADED * (before + here) / card.size_mb, note)

    try:
        fetch(file.url, path, on_note, size_mb=file.size_mb, md5=file.md5, remedy=_REMEDY)
    except (OSError, HTTPException) as error:
        raise UslError(
            f"{card.title} needs {file.name} ({size_text(file.size_mb * 1e6)}), which could not be downloaded ({error}); fetch "
            f"{file.url} on a machine with network access and put it into {home}"
        ) from error


def _check(path: Path, file: RemoteFile) -> None:
    try:
        with path.open("rb") as opened:
            found = hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise UslError(f"{path} cannot be read ({error.strerror or error}); it must be the file that {file.url} is") from error
    if found != file.md5:
        raise UslError(f"{path} is not the file that {file.url} is: its MD5 is {found} and not {file.md5}; fetch it again")


def _convert(card: DatasetCard, files: dict[str, Path], path: Path, report: Progress) -> None:
    _clear_left_over(path.parent, card)
    with (
        told_if_unwritable(str(path), path, _REMEDY, only_full=True),
        tempfile.TemporaryDirectory(prefix=f".{card.name}-", dir=path.parent, ignore_cleanup_errors=True) as scratch,
    ):
        made = Path(scratch, path.name)
        with zipfile.ZipFile(made, "w", allowZip64=True) as archive:
            for picture in _told(card, READERS[card.name](files, Path(scratch)), report):
                entry = zipfile.ZipInfo(picture.path, _DATE)
                entry.external_attr = 0o644 << 16
                entry.compress_type = zipfile.ZIP_STORED if picture.suffix == ".jpg" else zipfile.ZIP_DEFLATED
                archive.writestr(entry, picture.data)
        with made.open("rb") as written:
            os.fsync(written.fileno())
        made.replace(path)


def _clear_left_over(home: Path, card: DatasetCard) -> None:
    """What a process has left that was killed in the middle."""
    for folder in home.glob(f".{card.name}-*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > _LEFT_AFTER_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _told(card: DatasetCard, pictures: Iterator[Picture], report: Progress) -> Iterator[Picture]:
    report(_DOWNLOADED, f"reading {card.title}")
    for done, picture in enumerate(pictures, 1):
        yield picture
        if done % _TOLD_EVERY == 0:
            fraction = _DOWNLOADED + (1 - _DOWNLOADED) * min(done / card.n, 1)
            report(fraction, f"writing images: {done:,} of {card.n:,}")
