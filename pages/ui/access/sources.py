"""Short names for what is looked at: they stand in addresses and let nobody read a path of the server.

A demo is called by its own name. A folder, archive or list gets a random name when it is first opened; this server remembers
which is which, also after a restart, and nobody else can tell. An upload has such a name too, which only its own session can
use, see `uploads`; a data set of torchvision its own, once it is there. Where only a sample is meant, a plus, its size and its
seed follow; where only one split is, a tilde and its name, quoted as in addresses.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from usl_core.cache.store import ENV_CACHE_DIR, default_cache_dir
from usl_core.demos.bundled import demo_cards
from usl_core.demos.torchvision_sets import DatasetCard, archive_path, dataset_cards, datasets_dir
from usl_core.errors import UslError
from usl_core.export.files import write_atomically
from usl_core.images.class_folders import is_split_name
from usl_core.images.names import is_list_name
from usl_core.images.subsets import source_parts, with_sample, with_split
from usl_core.pipeline.prepared import DEMO_PREFIX, is_demo, is_toy

from ..state import SPLIT_MARK
from . import folders
from .folders import allows, confined, is_read_only
from .uploads import Upload, is_name, uploads

_NAME = re.compile(r"(folder-[0-9a-f]{16})(?:\+([1-9][0-9]{0,11})-([0-9]{1,12}))?")


def name_of(path: Path) -> str:
    """The name of a folder, archive or list that `confined` returned; a new one the first time.

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
    """What a name stands for: `demo:NAME`, a path, or a path with a sample or a split (see `images.subsets`).

    Raises:
        UslError: no such name here, or a folder that may no longer be opened.
    """
    return _source_of(name, uploads().own)


def served_source_of(name: str) -> str:
    """The same for a request beside Streamlit, of which nobody knows whose it is: it names an image by its digest besides."""
    return _source_of(name, uploads().find)


def _source_of(name: str, find_upload: Callable[[str], Upload | None]) -> str:
    if name in {card.name for card in demo_cards()}:
        return DEMO_PREFIX + name
    path, (whole, mark, quoted) = None, name.partition(SPLIT_MARK)
    split, known = unquote(quoted), _NAME.fullmatch(whole)
    if (is_split_name(split) or not mark) and (archive := _archive_called(whole)) is not None:
        return with_split(archive, split or None)
    if (is_split_name(split) or not mark) and is_name(whole):
        upload = find_upload(whole)
        if upload is None:
            raise UslError(
                f"this server knows no data set {name!r:.60} here; uploaded images are known only to the page that they were "
                "uploaded in, until it is closed or loaded anew. Upload them again, or choose a data set, on the page Data"
            )
        return with_split(str(upload.path), split or None)
    if known and bool(mark) == bool(split) and not is_read_only():
        path = _path_in(_directory() / f"{known[1]}.json")
    if known is None or path is None or (split and not (is_split_name(split) or is_list_name(path))):
        raise UslError(
            f"this server knows no data set {name!r:.60}; a link to a folder works only on the server that opened the folder. "
            "Choose a data set on the page Data"
        )
    found = confined(Path(path))  # the roots may have changed since
    if str(found) != path:
        raise UslError("the folder of this link has become a link to another place; open that place on the page Data")
    sample = None if known[2] is None else (int(known[2]), int(known[3]))
    return with_split(with_sample(path, sample), split or None)


def is_open(source: str | None) -> bool:
    """Whether what a name stood for may be looked at today; what needs no folder always may."""
    if source is None or is_demo(source) or is_toy(source) or upload_at(source) is not None:
        return True
    return not is_read_only() and (dataset_at(source) is not None or allows(source_parts(source).path))


def upload_at(source: str) -> Upload | None:
    """The upload that a source is, whoever's it is, or None."""
    return uploads().at(source_parts(source).path)


def dataset_at(source: str) -> DatasetCard | None:
    """The data set of torchvision whose archive a source is, or None."""
    path = source_parts(source).path
    return next((card for card in dataset_cards() if path == _archive_of(card)), None)


def _archive_called(name: str) -> str | None:
    """The archive of the data set of that name, if it was made here and may be looked at."""
    card = next((card for card in dataset_cards() if card.name == name), None)
    path = None if card is None or is_read_only() else _archive_of(card)
    return path if path is not None and Path(path).is_file() else None


def _archive_of(card: DatasetCard) -> str:
    return str(archive_path(card, datasets_dir().resolve()))


def within_of(source: str) -> list[Path]:
    """The folders that the images of a source may be read from today; of a data set of torchvision, its archive."""
    upload = upload_at(source)
    if upload is not None:
        return [upload.folder]
    return folders.roots() if dataset_at(source) is None else [Path(source_parts(source).path)]


def may_encode(source: str) -> bool:
    """Whether this server computes for whoever looks at a source: where it takes uploads, for them too."""
    return not is_read_only() or upload_at(source) is not None


def told_of(source: str) -> str:
    """What a source is called where others read it, in commands and records: a path of this server unless it is an upload,
    which its owner has under its own name, or a data set that others have by its name."""
    path, sample, split = source_parts(source)
    if uploads().at(path) is not None:
        return with_split(with_sample(Path(path).name, sample), split)
    card = dataset_at(source)
    return source if card is None else with_split(with_sample(card.source, sample), split)


def title_of(name: str) -> str:
    """What people call it.

    Raises:
        UslError: as `source_of`.
    """
    for demo in demo_cards():
        if demo.name == name:
            return demo.title
    source = source_of(name)
    path, sample, split = source_parts(source)
    card = dataset_at(source)
    title = card.title if card is not None else Path(path).name or "/"
    title += f", sample of {sample[0]:,}" if sample is not None else ""
    return title + (f", {split}" if split is not None else "")


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
