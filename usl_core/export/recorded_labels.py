"""Labels as a run.json keeps them, so that the run can be repeated without the file that they came in."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..images.listed_names import in_order_of_values
from ..json_fields import JsonFields
from ..labels.returned import ReturnedLabels
from ..types import IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedLabels:
    """The labels that a run went by.

    Args:
        file: that they were read from. A run.json names it as seen from its own folder, so that both can move together.
        kind: what it was read as.
        digest: of its content.
        class_names: the name of each class id.
        rows: ascending, of the images that have a class.
        classes: their class ids.
        renamed: new names of classes by those that they have in the file.
    """

    file: str
    kind: str
    digest: str
    class_names: tuple[str, ...]
    rows: tuple[int, ...]
    classes: tuple[int, ...]
    renamed: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, labels: ReturnedLabels, file: str) -> RecordedLabels:
        """What there is to keep of labels that were read from `file`."""
        return cls(
            file=file,
            kind=labels.kind,
            digest=labels.digest,
            class_names=labels.class_names,
            rows=tuple(labels.rows.tolist()),
            classes=tuple(labels.classes.tolist()),
            renamed=dict(labels.renamed),
        )

    def over(self, earlier: RecordedLabels, labelled: Iterable[int] = ()) -> RecordedLabels:
        """These labels, and those of `earlier` for rows that are neither among them nor among `labelled`."""
        known = set(self.rows) | {int(row) for row in labelled}
        kept = {row: earlier.class_names[number] for row, number in zip(earlier.rows, earlier.classes, strict=True)}
        names = {row: name for row, name in kept.items() if row not in known}
        names |= dict(self.named())
        class_names = in_order_of_values(names.values())
        number_of = {name: number for number, name in enumerate(class_names)}
        rows = tuple(sorted(names))
        return replace(self, class_names=class_names, rows=rows, classes=tuple(number_of[names[row]] for row in rows))

    def named(self) -> Iterator[tuple[int, str]]:
        """Each row and its class name."""
        return ((row, self.class_names[number]) for row, number in zip(self.rows, self.classes, strict=True))

    def ids(self, n: int) -> IntArray:
        """(n,) class id of each image, -1 where there is none."""
        found = np.full(n, -1, dtype=np.int64)
        found[list(self.rows)] = self.classes
        return found

    def document(self, beside: Path | str | None = None) -> dict[str, Any]:
        """A dict that JSON can hold without loss.

        Args:
            beside: the folder of the run.json, from which the file is named where that is possible; None: it is named as it is.
        """
        return {
            "file": self.file if beside is None else _seen_from(beside, self.file),
            "kind": self.kind,
            "digest": self.digest,
            "class_names": list(self.class_names),
            "rows": list(self.rows),
            "classes": list(self.classes),
            "renamed": dict(self.renamed),
        }


def _seen_from(folder: Path | str, file: str) -> str:
    """The file's path relative to a folder; absolute where no relative path leads there, as from one drive to another."""
    place = Path(file)
    # Links are followed first: `..` behind one leads elsewhere than it looks.
    place = Path(os.path.realpath(place.parent), place.name)
    try:
        return Path(os.path.relpath(place, os.path.realpath(folder))).as_posix()
    except ValueError:
        return str(place)


def _found_from(folder: Path, file: str) -> str:
    """The inverse of `_seen_from`."""
    return os.path.normpath(os.path.join(os.path.realpath(folder), file))  # noqa: PTH118  (an absolute file stays as it is)


def recorded_labels(path: str, document: Mapping[str, Any], n: int) -> RecordedLabels | None:
    """The field `labels` of a run.json; None where the run had none.

    Args:
        path: of the file, for the messages.
        document: what it holds.
        n: images of the run.

    Raises:
        UslError: it is not what `RecordedLabels.document` wrote; the message names the field.
    """
    if document.get("labels") is None:
        return None
    given = JsonFields(path, document).get("labels", dict)
    field = JsonFields(path, given, "labels.")
    names = field.get("class_names", list)
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise field.wrong("class_names", "must be distinct texts")
    rows = field.rows("rows", n)
    classes = field.rows("classes", len(names)) if rows else ()
    if sorted(set(rows)) != list(rows):
        raise field.wrong("rows", "must ascend, each row once")
    if len(classes) != len(rows):
        raise field.wrong("classes", f"must have one entry for each of the {len(rows)} rows but has {len(classes)}")
    renamed = field.get("renamed", dict) if "renamed" in given else {}  # earlier versions knew none
    if not all(isinstance(name, str) for name in renamed.values()):
        raise field.wrong("renamed", "must give texts for texts")
    return RecordedLabels(
        file=_found_from(Path(path).parent, field.get("file", str)),
        kind=field.get("kind", str),
        digest=field.get("digest", str),
        class_names=tuple(names),
        rows=rows,
        classes=classes,
        renamed=renamed,
    )
