"""Removing entries when somebody asks for it, and finding those that are damaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .contents import Item, find_item
from .entries import Damaged, read_entry
from .index import INDEXED, forget_removed
from .upkeep import in_use, remove


@dataclass(frozen=True, slots=True)
class Pruned:
    """What became of the entries that were to go.

    Args:
        removed: are gone, or would be.
        kept: are in use by a live process.
    """

    removed: tuple[Item, ...]
    kept: tuple[Item, ...]


def prune(root: Path, items: Sequence[Item], *, until: tuple[int, int] | None = None, dry_run: bool = False) -> Pruned:
    """Remove entries, one after the other, but those in use.

    Args:
        root: the cache directory.
        items: of it, in the order in which they go.
        until: (size, limit) in bytes: the cache is so large now, and it is enough when it is not larger than that.
        dry_run: only find out what would go.
    """
    removed: list[Item] = []
    kept: list[Item] = []
    left = until[0] if until else 0
    for item in items:
        if until and left <= until[1]:
            break
        gone = not in_use(root, item) if dry_run else remove(root, item)
        (removed if gone else kept).append(item)
        left -= item.size if gone else 0
    if not dry_run and any(item.kind == INDEXED for item in removed):
        forget_removed(root)
    return Pruned(tuple(removed), tuple(kept))


def damage_of(item: Item, version: int, *, or_version: bool = True) -> str | None:
    """What is wrong with an entry, all of whose bytes are read; None if nothing is.

    Args:
        item: the entry.
        version: of the format; an entry of another one is never read again.
        or_version: whether that is wrong too.

    Raises:
        OSError: the system does not let it be read, which is no damage.
    """
    for folder in item.entries():
        try:
            if read_entry(folder, version) is None and or_version:
                return "it is of another version of this program"
        except Damaged as error:
            if folder.exists():  # else it was removed just now
                return str(error) if item.finished else f"piece {folder.name}: {error}"
    return None


def remove_if_damaged(root: Path, kind: str, key: str, version: int) -> bool:
    """Remove a finished entry that cannot be what was written, unless a live process uses it; all of its bytes are read.

    Args:
        root: the cache directory.
        kind: of the entry.
        key: its fingerprint.
        version: of the format; an entry of another one is left to the program that wrote it.

    Returns:
        Whether it was damaged and is gone.

    Raises:
        OSError: the system does not let it be read, which is no damage.
    """
    item = find_item(root, kind, key)
    return item is not None and damage_of(item, version, or_version=False) is not None and remove(root, item)
