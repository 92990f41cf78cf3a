"""Labels as a run.json keeps them, so that the run can be repeated without the file that they came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..json_fields import JsonFields
from ..labels.returned import ReturnedLabels
from ..types import IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedLabels:
    """The labels that a run went by.

    Args:
        file: that they were read from, as it was named.
        kind: what it was read as.
        digest: of its content.
        class_names: the name of each class id.
        rows: ascending, of the images that have a class.
        classes: their class ids.
    """

    file: str
    kind: str
    digest: str
    class_names: tuple[str, ...]
    rows: tuple[int, ...]
    classes: tuple[int, ...]

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
        )

    def ids(self, n: int) -> IntArray:
        """(n,) class id of each image, -1 where there is none."""
        found = np.full(n, -1, dtype=np.int64)
        found[list(self.rows)] = self.classes
        return found

    def document(self) -> dict[str, Any]:
        """A dict that JSON can hold without loss."""
        return {
            "file": self.file,
            "kind": self.kind,
            "digest": self.digest,
            "class_names": list(self.class_names),
            "rows": list(self.rows),
            "classes": list(self.classes),
        }


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
    field = JsonFields(path, JsonFields(path, document).get("labels", dict), "labels.")
    names = field.get("class_names", list)
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise field.wrong("class_names", "must be distinct texts")
    rows = field.rows("rows", n)
    classes = field.rows("classes", len(names)) if rows else ()
    if sorted(set(rows)) != list(rows):
        raise field.wrong("rows", "must ascend, each row once")
    if len(classes) != len(rows):
        raise field.wrong("classes", f"must have one entry for each of the {len(rows)} rows but has {len(classes)}")
    return RecordedLabels(
        file=field.get("file", str),
        kind=field.get("kind", str),
        digest=field.get("digest", str),
        class_names=tuple(names),
        rows=rows,
        classes=classes,
    )
