"""Short names for what is looked at: they stand in addresses and let nobody read a path of the server.

A demo is called by its own name. A folder or archive gets a random name when it is first opened; this server remembers which
is which, also after a restart, and nobody else can tell. Where only one split is meant, its name follows after a tilde.
"""

from __future__ import annotations

import json
import re
import secrets
from pathlib import Path

from usl_core.class_folders import is_split_name
from usl_core.demos import demo_cards
from usl_core.errors import UslError
from usl_core.export import write_atomically
from usl_core.image_subsets import with_split, without_split
from usl_core.prepared import DEMO_PREFIX, is_demo, is_toy
from usl_core.store import ENV_CACHE_DIR, default_cache_dir

from .folders import allows, confined, is_read_only
from .state import SPLIT_MARK

_NAME = re.compile(r"folder-[0-9a-f]{16}")


def name_of(path: Path) -> str:
    """The name of a folder or archive that `confined` returned; a new one the first time.

    Raises:
        UslError: the cache directory cannot be written.
    """
    for known in sorted(_directory().glob("folder-*.json")):
        if _path_in(known) == str(path):
            return known.stem
    name = f"folder-{secrets.token_hex(8)}"
    remedy = f"free some space there, or set {ENV_CACHE_DIR} to a directory that the server may write"
    write_atomically(_directory() / f"{name}.json", json.dumps({"path": str(path)}).encode(), remedy=remedy)
    return name


def source_of(name: str) -> str:
    """What a name stands for: `demo:NAME`, a path, or a path with a split (see `image_subsets.with_split`).

    Raises:
        UslError: no such name here, or a folder that may no longer be opened.
    """
    if name in {card.name for card in demo_cards()}:
        return DEMO_PREFIX + name
    path, (whole, mark, split) = None, name.partition(SPLIT_MARK)
    if _NAME.fullmatch(whole) and (is_split_name(split) or not mark) and not is_read_only():
        path = _path_in(_directory() / f"{whole}.json")
    if path is None:
        raise UslError(
            f"this server knows no data set {name!r:.60}; a link to a folder works only on the server that opened the folder. "
            "Choose a data set on the page Data"
        )
    found = confined(Path(path))  # the roots may have changed since
    if str(found) != path:
        raise UslError("the folder of this link has become a link to another place; open that place on the page Data")
    return with_split(path, split or None)


def is_open(source: str | None) -> bool:
    """Whether what a name stood for may be looked at today; what needs no folder always may."""
    return source is None or is_demo(source) or is_toy(source) or (not is_read_only() and allows(without_split(source)[0]))


def title_of(name: str) -> str:
    """What people call it.

    Raises:
        UslError: as `source_of`.
    """
    for card in demo_cards():
        if card.name == name:
            return card.title
    path, split = without_split(source_of(name))
    return (Path(path).name or "/") + (f", {split}" if split is not None else "")


def whole_of(name: str) -> str:
    """The name of the data set that a split is of; any other name as it is."""
    return name.partition(SPLIT_MARK)[0]


def _directory() -> Path:
    return default_cache_dir() / "opened"


def _path_in(record: Path) -> str | None:
    try:
        path = json.loads(record.read_text(encoding="utf-8"))["path"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return path if isinstance(path, str) else None
