"""The image files of a folder or archive before any is opened: their order, and what is passed over and counted.

What counts as an image file: a name that ends like one, or first bytes that say so where the name says nothing, at any depth.
Hidden files and folders (their names begin with a dot) are passed over, and so are the folders in which other programs keep
thumbnails and what was deleted. How many there were is told, so that nobody misses them without a word.
"""

from __future__ import annotations

import os
import re
import time
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from heapq import merge
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..types import Note, Problem, Progress, Skipped
from .kinds import looks_like_image
from .names import extension_of

LEADS_OUT = "a link that leads out of the folders that may be read; put a copy here"

TRASH_FOLDER = ("folder of thumbnails, trash or the system", "folders of thumbnails, trash or the system")
HIDDEN_FOLDER = ("hidden folder", "hidden folders")
ARCHIVE_INSIDE = ("archive that is not looked into", "archives that are not looked into")
HIDDEN_FILE = ("hidden image file", "hidden image files")
LINK_OUT = ("file of an unknown kind that a link leads out to", "files of an unknown kind that links lead out to")

_TRASH = {
    *("__macosx", ".thumbnails", ".thumbs", ".@__thumb", "@eadir", ".appledouble", ".trash", ".trashes", "lost+found"),
    *("#recycle", "@recycle", "$recycle.bin", "recycler", "#snapshot", "@recently-snapshot", "@sharesnapshot"),
    *("system volume information", "network trash folder", "temporary items", "found.000"),
}
_SETTLED_NS = 2_000_000_000
_TRIES = 256  # files of one unknown kind in a row that are alike settle what the others are
_MAX_KINDS = 100
_RUN = 2**14  # files that are sorted at once


def leads_out(path: Path, within: Sequence[Path]) -> bool:
    """Whether a path lies, its links followed, outside of all these resolved folders; never so where there are none."""
    if not within:
        return False
    target = Path(os.path.realpath(path))
    return not any(target.is_relative_to(folder) for folder in within)


def natural_key(path: str) -> tuple[str, str]:
    """Sort key: folder by folder, without regard to case, numbers by value (img2 before img10); the path breaks ties."""
    folded = path.casefold().replace("/", "\0")  # so that a folder comes before those whose names go on with a space
    return _NUMBER.sub(_number_key, folded), path


_NUMBER = re.compile("[0-9]+")


def _number_key(match: re.Match[str]) -> str:
    """Sorts where digits sort, then by number of digits, then by digits: no number is too long."""
    digits = match.group().lstrip("0")
    return f"0{chr(len(digits))}{digits}"


def natural_order(names: Sequence[str], report: Progress) -> NDArray[np.int64]:
    """The rows of n paths in natural order, sorted run by run and then merged, so that nobody waits long for a report.

    Args:
        names: n paths.
        report: called now and then.

    Returns:
        (n,) int64.
    """
    runs: list[list[tuple[str, str, int]]] = []
    for start in range(0, len(names), _RUN):
        report(0.0, f"sorting {len(names):,} image files")
        rows = range(start, min(start + _RUN, len(names)))
        runs.append(sorted((*natural_key(names[row]), row) for row in rows))
    order = np.empty(len(names), np.int64)
    for place, (_, _, row) in enumerate(merge(*runs)):
        if place % _RUN == 0:
            report(0.0, f"sorting {len(names):,} image files")
        order[place] = row
    return order


def is_hidden(name: str) -> bool:
    """Whether the name of a file or folder says that people should not see it."""
    return name.startswith(".")


def passed_over(folder: str) -> tuple[str, str] | None:
    """What a folder of this name is counted as, or None if it is looked into."""
    folded = folder.casefold()
    if folded in _TRASH or folded.startswith(".trash-"):
        return TRASH_FOLDER
    return HIDDEN_FOLDER if is_hidden(folder) else None


class Columns(NamedTuple):
    """What a list says beside the paths.

    Args:
        rows: by the name of each file, used or not, the row that tells of it.
        labels: the class in each row, empty where it names none; or None if there is no such column.
        splits: likewise.
    """

    rows: dict[str, int]
    labels: list[str] | None
    splits: list[str] | None


class Listing:
    """The image files of a source before any is opened.

    `names` are relative paths; row i of `stats`, (n, 4) int64, changes whenever file i changes; `settled` says which rows
    are old enough to rely on that. `skipped` counts what is passed over, by what it is called in singular and plural.
    `columns` are those of a list: classes and splits of its images are what stands there, and not what folders say.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.columns: Columns | None = None
        self.notes: list[Note] = []
        self.problems: list[Problem] = []
        self.skipped: Counter[tuple[str, str]] = Counter()
        self._stats = array("q")
        self._start_ns = time.time_ns()

    def add(self, name: str, *stats: int) -> None:
        """One more image file and its four stats."""
        self.names.append(name)
        self._stats.extend(value & (2**63 - 1) for value in stats)

    def refuse(self, name: str, cause: str) -> None:
        """One more problem: a file or folder that will not be read."""
        self.problems.append(Problem(name, cause))

    def close(self, changed_ns: int | None = None, *, report: Progress = lambda fraction, note: None) -> None:
        """Natural order; from here on `stats` and `settled` are there, and nothing may be added.

        Args:
            changed_ns: when all files changed last; None: the third stat of each says so.
            report: called now and then.
        """
        order = natural_order(self.names, report)
        self.names = [self.names[row] for row in order.tolist()]
        self.stats: NDArray[np.int64] = np.frombuffer(self._stats, np.int64).reshape(-1, 4)[order]
        changed = self.stats[:, 2] if changed_ns is None else np.full(len(order), changed_ns)
        self.settled: NDArray[np.bool_] = changed < self._start_ns - _SETTLED_NS

    @property
    def passed_over(self) -> tuple[Skipped, ...]:
        """What was passed over, the most frequent first."""
        in_order = sorted(self.skipped.items(), key=lambda item: (-item[1], item[0]))
        return tuple(Skipped(count, what[count != 1]) for what, count in in_order)


def sniffed(names: Sequence[str], head: Callable[[str], bytes], found: Listing, report: Progress) -> list[str]:
    """Those of the files of unknown kinds that begin like images.

    Few are opened even where there are a million: once `_TRIES` files of one extension in a row were all images, or none of
    them, the others of that extension count as the same; those that are thus not looked into are counted in `found`.

    Args:
        names: relative paths, in any order.
        head: gives the first bytes of one, nothing if it cannot be opened.
        found: counts.
        report: called now and then.
    """
    images, runs = [], dict[str, int]()
    for done, name in enumerate(sorted(names, key=natural_key)):
        if done % 256 == 0:
            report(0.0, f"looking into files of unknown kinds: {done:,} of {len(names):,}")
        kind = extension_of(name)
        if kind.isdecimal() or (kind not in runs and len(runs) > _MAX_KINDS):
            kind = ""
        run = runs.get(kind, 0)
        if abs(run) < _TRIES:
            is_image = looks_like_image(head(name))
            runs[kind] = max(run, 0) + 1 if is_image else min(run, 0) - 1
        else:
            is_image = run > 0
            if not is_image:
                named = f"named .{kind}" if kind else "of an unknown kind"
                why = f"{named}, since {_TRIES} others in a row are no images"
                found.skipped[f"file {why}", f"files {why}"] += 1
        if is_image:
            images.append(name)
    return images
