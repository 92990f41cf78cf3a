"""The folders of the server that visitors may open, and nothing beside them.

`USL_DATA_ROOTS` lists them (separated as in PATH; default: the home directory). `USL_READ_ONLY=1` closes all of them, for
public demos.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from usl_core.errors import UslError

ENV_ROOTS = "USL_DATA_ROOTS"
ENV_READ_ONLY = "USL_READ_ONLY"
MAX_LISTED = 300
_MAX_LENGTH = 4096


@dataclass(frozen=True, slots=True)
class Contents:
    """What can be seen in a folder.

    Args:
        folders: names of subfolders, natural order.
        archives: names of .zip files.
        n_images: image files right in it.
        n_left_out: folders and archives beyond MAX_LISTED.
    """

    folders: tuple[str, ...]
    archives: tuple[str, ...]
    n_images: int
    n_left_out: int


def is_read_only() -> bool:
    """Whether visitors may look at the bundled demos only."""
    return os.environ.get(ENV_READ_ONLY, "").strip().lower() not in ("", "0", "false", "no")


def roots() -> list[Path]:
    """The folders that may be opened, resolved; those that do not exist are left out."""
    if is_read_only():
        return []
    listed = [part for part in os.environ.get(ENV_ROOTS, "").split(os.pathsep) if part.strip()]
    found = [Path(part).expanduser().resolve() for part in listed] or [Path.home().resolve()]
    return [root for root in dict.fromkeys(found) if root.is_dir()]


def confined(path: str | Path) -> Path:
    """The folder or archive at `path`, resolved, if it lies inside one of the roots.

    Args:
        path: absolute, or relative to the first root.

    Raises:
        UslError: it leads out, by `..`, by a link or by being elsewhere, or it is no path. What lies outside is not looked
            at, so the message does not tell whether anything is there.
    """
    allowed = roots()
    text = os.fspath(path).strip()
    if not allowed:
        raise UslError("this server opens no folders; use one of the demos")
    if not text or "\0" in text or len(text) > _MAX_LENGTH:
        raise UslError(f"a path must have 1 to {_MAX_LENGTH} characters, none of them NUL; give a folder or a .zip archive")
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


def contents(folder: Path) -> Contents:
    """What is in a folder that `confined` returned.

    Raises:
        UslError: it cannot be read.
    """
    from usl_core.image_listing import natural_key
    from usl_core.image_names import is_image_name

    folders, archives, n_images = [], [], 0
    allowed = roots()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                inside = not entry.is_symlink() or _is_inside(Path(os.path.realpath(entry.path)), allowed)
                # Not entry.is_dir(), which raises for a link to itself.
                if inside and os.path.isdir(entry.path):  # noqa: PTH112
                    folders.append(entry.name)
                elif inside and entry.name.lower().endswith(".zip"):
                    archives.append(entry.name)
                elif is_image_name(entry.name):
                    n_images += 1
    except OSError as error:
        raise UslError(f"{folder} cannot be opened ({error.strerror or error}); choose another folder") from error
    folders.sort(key=natural_key)
    archives.sort(key=natural_key)
    room = max(MAX_LISTED - len(folders), 0)
    left_out = len(folders) + len(archives) - min(len(folders), MAX_LISTED) - min(len(archives), room)
    return Contents(tuple(folders[:MAX_LISTED]), tuple(archives[:room]), n_images, left_out)


def _listed_roots() -> list[str]:
    return [part for part in os.environ.get(ENV_ROOTS, "").split(os.pathsep) if part.strip()] or ["~"]


def _is_inside(path: Path, allowed: list[Path]) -> bool:
    return any(path.is_relative_to(root) for root in allowed)


def _names(allowed: list[Path]) -> str:
    return ", ".join(str(root) for root in allowed)
