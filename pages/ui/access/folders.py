"""The folders of the server that visitors may open, and nothing beside them.

`USL_DATA_ROOTS` lists them (separated as in PATH; default: the home directory). `USL_READ_ONLY=1` closes all of them, for
public demos. A root is the place that its name led to when it was first looked at: one that is replaced by a link, or a link
that is turned elsewhere, opens nothing new.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path

from usl_core.errors import UslError

from .kept import Kept

ENV_ROOTS = "USL_DATA_ROOTS"
ENV_READ_ONLY = "USL_READ_ONLY"
MAX_LISTED = 300
MAX_LOOKED_AT = 50_000
MAX_LINKS = 1_000
_LISTS = (".csv", ".tsv", ".parquet")
_MAX_LENGTH = 4096
_FRESH_SECONDS = 5
_SETTLED_NS = 2_000_000_000  # a folder that was changed more recently may change again without a new time
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Contents:
    """What can be seen in a folder.

    Args:
        folders: names of subfolders, natural order.
        archives: names of .zip files.
        lists: names of tables that may list images; not of texts, which may be anything.
        n_images: image files right in it.
        n_left_out: folders, archives and lists beyond MAX_LISTED.
        complete: everything in it was looked at; not so beyond MAX_LOOKED_AT entries, or MAX_LINKS links.
    """

    folders: tuple[str, ...]
    archives: tuple[str, ...]
    lists: tuple[str, ...]
    n_images: int
    n_left_out: int
    complete: bool = True


_first_seen: dict[str, Path] = {}  # by the name of a root: where it led
_listings: Kept[tuple[object, ...], Contents] = Kept(32)


def is_read_only() -> bool:
    """Whether visitors may look at the bundled demos only."""
    return os.environ.get(ENV_READ_ONLY, "").strip().lower() not in ("", "0", "false", "no")


def roots() -> list[Path]:
    """The folders that may be opened, resolved; those that do not exist are left out."""
    if is_read_only():
        return []
    found = [_root(part) for part in _listed_roots()]
    return [root for root in dict.fromkeys(found) if root is not None]


def _root(part: str) -> Path | None:
    given = Path(part).expanduser().absolute()
    try:
        leads_to = given.resolve()
        if str(given) not in _first_seen and leads_to.is_dir():
            _first_seen[str(given)] = leads_to
        first = _first_seen.get(str(given))
        if first is None or first.resolve() != first or not first.is_dir():
            return None
    except (OSError, RuntimeError):  # a link to itself, or a disk that does not answer
        return None
    if leads_to != first:
        log.warning("the root %s leads to another place since the server started; that place is not opened", given)
    return first


def confined(path: str | Path) -> Path:
    """The folder, archive or list at `path`, resolved, if it lies inside one of the roots.

    Args:
        path: absolute, or relative to the first root.

    Raises:
        UslError: it leads out, by `..`, by a link or by being elsewhere, or it is no path. What lies outside is not looked
            at, so the message does not tell whether anything is there.
    """
    allowed = roots()
    text = path.strip() if isinstance(path, str) else os.fspath(path)  # what was typed; a name may end with a blank
    if not allowed:
        raise UslError("this server opens no folders; use one of the demos")
    if not text or "\0" in text or len(text) > _MAX_LENGTH:
        raise UslError(
            f"a path must have 1 to {_MAX_LENGTH} characters, none of them NUL; give a folder, a .zip archive or a list"
        )
    given = Path(text).expanduser() if text.startswith("~/") or text == "~" else Path(text)
    # By the text alone first: a path that leads out must not make the server touch anything there.
    plain = Path(os.path.normpath(allowed[0] / given))
    unresolved = [Path(os.path.normpath(Path(part).expanduser().absolute())) for part in _listed_roots()]
    if _is_inside(plain, [*allowed, *unresolved]):
        try:
            resolved = plain.resolve()
        except (OSError, RuntimeError, ValueError) as error:
            raise UslError(f"{text!r:.200} cannot be opened ({error})") from error
        if _is_inside(resolved, allowed):
            return resolved
    raise UslError(f"{text!r:.200} is not inside a folder that this server may open ({_names(allowed)}); see {ENV_ROOTS}")


def allows(source: Path | str) -> bool:
    """Whether a path that `confined` returned once would be returned today."""
    try:
        return confined(Path(source)) == Path(source)
    except UslError:
        return False


def contents(folder: Path) -> Contents:
    """What is in a folder that `confined` returned; what was seen a few seconds ago unless the folder has changed since.

    Raises:
        UslError: it cannot be read.
    """
    try:
        facts, now = folder.stat(), time.time_ns()
        if now - facts.st_mtime_ns < _SETTLED_NS:
            return _listed(folder)
        key = (folder, facts.st_mtime_ns, facts.st_ino, tuple(roots()), now // 10**9 // _FRESH_SECONDS)
        return _listings.get(key, lambda: _listed(folder))
    except OSError as error:
        raise UslError(f"{folder} cannot be opened ({error.strerror or error}); choose another folder") from error


def _listed(folder: Path) -> Contents:
    from usl_core.images.listing import natural_key
    from usl_core.images.names import is_image_name

    folders, archives, lists, n_images, n_links = [], [], [], 0, 0
    complete, allowed = True, roots()
    with os.scandir(folder) as entries:
        for count, entry in enumerate(entries):
            if count >= MAX_LOOKED_AT:
                complete = False
                break
            if entry.name.startswith("."):
                continue
            if is_image_name(entry.name) and not entry.is_dir(follow_symlinks=False):
                n_images += 1
                continue
            if entry.is_symlink():
                n_links += 1
                complete = complete and n_links <= MAX_LINKS
                if n_links > MAX_LINKS or not _is_inside(Path(os.path.realpath(entry.path)), allowed):
                    continue
            if _is_folder(entry):
                folders.append(entry.name)
            elif entry.name.lower().endswith(".zip"):
                archives.append(entry.name)
            elif entry.name.lower().endswith(_LISTS):
                lists.append(entry.name)
    shown, room = [], MAX_LISTED
    for names in (folders, archives, lists):
        shown.append(tuple(sorted(names, key=natural_key)[:room]))
        room -= len(shown[-1])
    left_out = sum(map(len, (folders, archives, lists))) - sum(map(len, shown))
    return Contents(shown[0], shown[1], shown[2], n_images, left_out, complete)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Most file systems tell with the name; only a link is looked at."""
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _listed_roots() -> list[str]:
    return [part for part in os.environ.get(ENV_ROOTS, "").split(os.pathsep) if part.strip()] or ["~"]


def _is_inside(path: Path, allowed: list[Path]) -> bool:
    return any(path.is_relative_to(root) for root in allowed)


def _names(allowed: list[Path]) -> str:
    return ", ".join(str(root) for root in allowed)
