"""What a file of labels says, before it is known which images it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One image as the file has it.

    Args:
        names: what it is called there; the first is shown, the others are tried as well.
        classes: distinct class names; none where it was skipped or is not labelled yet, several where people disagree.
        where: its place in the file: "line 12", "task 3".
        digest: of the file's bytes as in `ImageSet.digests`, where it lies there; else None.
    """

    names: tuple[str, ...]
    classes: tuple[str, ...]
    where: str
    digest: str | None = None


@dataclass(slots=True, kw_only=True)
class LabelFile:
    """A file of labels.

    Args:
        kind: what it was read as.
        entries: in their order.
        unreadable: places and why what stands there could not be used.
        notes: sentences a user should see about how it was read.
        digest: of its content.
    """

    kind: str
    entries: list[Entry] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    digest: str = ""


def class_text(value: Any) -> str | None:
    """A class name as text without blanks around it, and empty for none; None where it is not one name."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str | int | float):
        text = " ".join(str(value).split())
        return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
    return None


def distinct(classes: Sequence[str]) -> tuple[str, ...]:
    """Those that say something, each once, in order of coming."""
    return tuple(dict.fromkeys(name for name in classes if name))
