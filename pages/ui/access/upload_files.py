"""Uploaded files onto the disk: whole or not at all, within the limits, block by block, each let go once it is there.

A browser sends every file to the memory of the server before a page hears of it, so the upload as a whole is in memory once;
while it is copied, that shrinks file by file.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from usl_core.disk import size_text, told_if_unwritable
from usl_core.errors import UslError
from usl_core.images.decode import MAX_FILE_BYTES, too_many_bytes
from usl_core.images.names import is_image_name, is_unknown_name, unread_kind
from usl_core.names import display_name
from usl_core.types import Progress

from . import uploads
from .upload_names import is_hidden, mended_name, numbered, safe_parts

_BLOCK = 2**20
_TITLE = "Uploaded images"
_SHOWN = 3


class UploadedFile(Protocol):
    """What Streamlit makes of a file that a browser sent."""

    name: str
    size: int

    def read(self, size: int = -1, /) -> bytes: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Written:
    """What is on the disk.

    Args:
        path: a folder, or an archive.
        notes: sentences on what was left out and why.
    """

    path: Path
    notes: tuple[str, ...]


def check_limits(n_files: int, n_bytes: int) -> None:
    """Refuse what is too large.

    Raises:
        UslError: it says what the limit is.
    """
    if n_files > uploads.max_files():
        raise UslError(
            f"{n_files:,} files are more than the {uploads.max_files():,} that may be uploaded at a time; nothing was kept. "
            f"Choose a smaller folder, or pack the images into one .zip archive ({uploads.ENV_MAX_FILES} is the limit)"
        )
    if n_bytes > uploads.max_bytes():
        raise UslError(
            f"{size_text(n_bytes)} are more than the {size_text(uploads.max_bytes())} that may be uploaded at a time; nothing "
            f"was kept. Choose fewer images, or smaller ones ({uploads.ENV_MAX_MB} is the limit)"
        )


def write(
    files: Sequence[UploadedFile],
    folder: Path,
    *,
    let_go: Callable[[UploadedFile], None] = lambda file: None,
    on_progress: Progress | None = None,
) -> Written:
    """Copy what was uploaded into a folder: one .zip as it is, or images with the folders they lay in.

    Args:
        files: at least one.
        folder: empty; what is in it after an error is nobody's.
        let_go: called with each file once nobody needs its bytes any more.
        on_progress: see `types.Progress`.

    Raises:
        UslError: too many or too large, none is an image, a damaged .zip, or the disk is full.
    """
    check_limits(len(files), sum(file.size for file in files))
    report: Progress = on_progress or (lambda fraction, note: None)
    archives = [file for file in files if file.name.lower().endswith(".zip") and "/" not in file.name]
    if archives and len(files) > 1:
        raise UslError(
            f"upload a .zip archive alone; these are {len(files):,} files with {len(archives):,} archives among them"
        )
    return _Writing(files, folder, let_go, report).archive() if archives else _Writing(files, folder, let_go, report).images()


class _Writing:
    def __init__(
        self, files: Sequence[UploadedFile], folder: Path, let_go: Callable[[UploadedFile], None], report: Progress
    ) -> None:
        self._files, self._folder, self._let_go, self._report = files, folder, let_go, report
        self._total, self._done = sum(file.size for file in files), 0
        self._copies = Counter[tuple[str, ...]]()  # how many files of a path there are

    def archive(self) -> Written:
        (file,) = self._files
        path = self._folder / safe_parts(file.name)[-1]
        self._copy(file, self._new(path))
        if not zipfile.is_zipfile(path):
            raise UslError(f"{display_name(file.name, 80)!r} is no .zip archive, or is cut off; make it again and upload it")
        return Written(path, ())

    def images(self) -> Written:
        chosen, refused, left_out = self._sorted()
        if not chosen:
            first = f"; the first: {refused[0]}" if refused else ""
            raise UslError(
                f"none of the {len(self._files):,} uploaded files is an image that can be kept{first}. "
                "Choose images, a folder of images, or one .zip archive"
            )
        top, below = _without_common_folder([parts for _, parts in chosen])
        root = self._folder / top
        root.mkdir()
        for (file, _), parts in zip(chosen, below, strict=True):
            opened = self._new_below(root, parts)
            if opened is None:
                refused.append(f"{display_name('/'.join(parts), 80)}: a file has the name of its folder")
                self._skip(file)
            else:
                self._copy(file, opened)
        return Written(root, _notes(refused, left_out))

    def _sorted(self) -> tuple[list[tuple[UploadedFile, tuple[str, ...]]], list[str], Counter[str]]:
        """The files to keep with their paths, why some cannot be kept, and how many are of no interest."""
        chosen, refused, left_out = [], [], Counter[str]()
        for file in self._files:
            try:
                parts = safe_parts(file.name)
                if file.size > MAX_FILE_BYTES:
                    raise UslError(too_many_bytes(file.size))
            except UslError as error:
                refused.append(f"{display_name(file.name, 80)}: {error}")
                self._skip(file)
                continue
            name = parts[-1]
            if is_hidden(parts):
                left_out["hidden"] += 1
            elif not (is_image_name(name) or unread_kind(name) or is_unknown_name(name)):
                left_out["no images"] += 1
            else:
                chosen.append((file, parts))
                continue
            self._skip(file)
        return chosen, refused, left_out

    def _skip(self, file: UploadedFile) -> None:
        self._done += file.size
        self._drop(file)

    def _drop(self, file: UploadedFile) -> None:
        file.close()
        self._let_go(file)

    def _new(self, path: Path) -> IO[bytes]:
        with self._told(path):
            return path.open("xb")

    def _new_below(self, root: Path, parts: tuple[str, ...]) -> IO[bytes] | None:
        """A new file at a path, or, where one is there already, beside it; None where a file stands in place of its folder."""
        folder = root.joinpath(*parts[:-1])
        with self._told(folder):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except (FileExistsError, NotADirectoryError):
                return None
            while True:
                self._copies[parts] += 1
                with suppress(FileExistsError):
                    return (folder / numbered(parts[-1], self._copies[parts])).open("xb")

    def _copy(self, file: UploadedFile, opened: IO[bytes]) -> None:
        with self._told(self._folder), opened:
            while block := file.read(_BLOCK):
                opened.write(block)
                self._done += len(block)
                self._report(min(self._done / max(self._total, 1), 1.0), f"{size_text(self._done)} of {size_text(self._total)}")
        self._drop(file)

    def _told(self, where: Path) -> AbstractContextManager[None]:
        return told_if_unwritable("the upload", where, "free some space there, or upload fewer images", self._total)


def _without_common_folder(paths: list[tuple[str, ...]]) -> tuple[str, list[tuple[str, ...]]]:
    """What the images are called as a whole, and their paths below: the folder that was chosen stands before all of them."""
    tops = {parts[0] for parts in paths if len(parts) > 1}
    if len(tops) == 1 and all(len(parts) > 1 for parts in paths):
        return mended_name(tops.pop()), [parts[1:] for parts in paths]
    return _TITLE, paths


def _notes(refused: list[str], left_out: Counter[str]) -> tuple[str, ...]:
    notes = [f"{count:,} {'is' if count == 1 else 'are'} {what}" for what, count in sorted(left_out.items())]
    said = [f"Of the uploaded files, {' and '.join(notes)}; these were left out."] if notes else []
    if refused:
        more = f"; and {len(refused) - _SHOWN:,} more" if len(refused) > _SHOWN else ""
        said.append(f"{len(refused):,} could not be kept: {'; '.join(refused[:_SHOWN])}{more}.")
    return tuple(said)
