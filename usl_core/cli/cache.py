"""What the command `cache` does, and how it is spelled."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..cache.contents import Contents, Item, look_through
from ..cache.pruning import damage_of, prune
from ..cache.store import FORMAT_VERSION, Store
from ..cache.upkeep import ENV_CACHE_MAX_GB, by_worth, in_use, limit_bytes, sweep
from ..disk import size_text
from ..errors import UslError
from ..validation import real_number
from .inputs import cache_dir_of
from .output import print_rows
from .streams import put, say

if TYPE_CHECKING:
    from ..cache.pruning import Pruned

_HELP = f"""\
list    what is kept, by kind: how much of it, and when it was last used (the default; --entries: one by one)
verify  read everything and compare the checksums
prune   remove what was not used for longest until the cache is within its limit, {ENV_CACHE_MAX_GB} (default: 20),
        or what --to, --older-than, --damaged or --all says; what can be gone on with goes last, what a running process
        uses stays

The cache keeps itself below its limit; nothing that is removed is lost for good, but for unfinished trainings. `vectors` are of
single images, whatever folders they are in; `features`, of whole folders, are put together from them."""
_ONLY_PRUNE = ("to", "older_than", "all", "damaged", "dry_run")


def add_parser(actions: Any) -> None:
    """Register the command."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = actions.add_parser("cache", help="what is kept on disk, and less of it", description=_HELP, formatter_class=raw)
    parser.add_argument("action", nargs="?", choices=("list", "verify", "prune"), default="list", help="default: %(default)s")
    parser.add_argument("--entries", action="store_true", help="list every entry, the last used first")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--to", type=float, metavar="GB", help="prune until the cache is not larger than this")
    which.add_argument("--older-than", type=float, metavar="DAYS", help="prune what was not used for so many days")
    which.add_argument("--damaged", action="store_true", help="prune what verify finds damaged")
    which.add_argument("--all", action="store_true", help="prune everything")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be pruned")
    parser.add_argument("--cache-dir", metavar="DIR", help="default: USL_CACHE_DIR or the platform's cache directory")
    parser.set_defaults(run=run_cache)


def run_cache(options: argparse.Namespace) -> None:
    """`cache`: list, verify, prune."""
    stray = [name for name in _ONLY_PRUNE if getattr(options, name) not in (None, False)]
    if stray and options.action != "prune":
        raise UslError(f"--{stray[0].replace('_', '-')} belongs to `cache prune`, not to `cache {options.action}`")
    if options.entries and options.action != "list":
        raise UslError(f"--entries belongs to `cache list`, not to `cache {options.action}`")
    root = Store(cache_dir_of(options)).root
    _check_open(root)
    {"list": _list, "verify": _verify, "prune": _prune}[options.action](root, options)


def _check_open(root: Path) -> None:
    """Raise a UslError if nobody can say what lies there; where nothing was kept yet there is no folder."""
    try:
        next(root.iterdir(), None)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UslError(
            f"the cache directory {root} cannot be opened ({error.strerror}); name another with --cache-dir"
        ) from error


def _list(root: Path, options: argparse.Namespace) -> None:
    found, now = look_through(root), time.time()
    last_first = sorted(found.items, key=lambda item: -item.used)
    if options.entries:
        rows = [
            (_named(item), size_text(item.size), f"used {_ago(now - item.used)}", _state(root, item)) for item in last_first
        ]
    else:
        rows = [
            (
                kind,
                _counted(items),
                size_text(sum(item.size for item in items)),
                f"used {_ago(now - items[0].used)}",
            )
            for kind, items in _by_kind(last_first).items()
        ]
    if rows:
        print_rows(rows)
        put("")
    used = [item for item in found.items if in_use(root, item)]
    print_rows(
        [
            ("directory", str(root)),
            ("size", f"{size_text(found.size)} {_of_limit()}"),
            ("entries", f"{len(found.items):,}" + (f", {len(used)} of them in use" if used else "")),
            *([("writing", f"{size_text(found.scratch)} by running writers")] if found.scratch else []),
            *([("index", f"{size_text(found.index)}, which image is in which entry of vectors")] if found.index else []),
            *([("other files", f"{size_text(found.other)}, never pruned")] if found.other else []),
        ]
    )


def _verify(root: Path, options: argparse.Namespace) -> None:
    found = look_through(root)
    damaged, unreadable = _examine(found)
    for item, cause in (*damaged, *unreadable):
        put(f"{_named(item)}: {cause}")
    intact = len(found.items) - len(damaged) - len(unreadable)
    say(f"{intact:,} of {_counted(found.items)} are intact, {size_text(found.size)} in {root}")
    if unreadable:
        raise UslError(f"{_counted(unreadable)} cannot be read, which says nothing about them: mend that and verify again")
    if damaged:
        raise UslError(
            f"{_counted(damaged)} damaged: what was in there is computed again when needed; `cache prune --damaged` removes it"
        )


def _prune(root: Path, options: argparse.Namespace) -> None:
    if not options.dry_run:
        sweep(root)
    found, until = look_through(root), None
    items = by_worth(found.items)
    if options.older_than is not None:
        oldest = time.time() - 86400 * real_number(options.older_than, "--older-than", 0)
        items = [item for item in items if item.used < oldest]
    elif options.damaged:
        items = [item for item, _ in _examine(found)[0]]
    elif not options.all:
        enough = limit_bytes() if options.to is None else round(1e9 * real_number(options.to, "--to", 0))
        until = (found.size, found.size if enough is None else enough)
    done = prune(root, items, until=until, dry_run=options.dry_run)
    _tell(root, found, done, options.dry_run)


def _tell(root: Path, found: Contents, done: Pruned, dry_run: bool) -> None:
    rows = [
        ("would remove" if dry_run else "removed", kind, _counted(items), size_text(sum(item.size for item in items)))
        for kind, items in _by_kind(done.removed).items()
    ]
    if rows:
        print_rows(rows)
    else:
        put("nothing to remove")
    if done.kept:
        held = sum(item.size for item in done.kept)
        say(f"note: {_counted(done.kept)}, {size_text(held)}, stay, since a running process uses them")
    freed = sum(item.size for item in done.removed)
    verb = "would free" if dry_run else "freed"
    say(f"{verb} {size_text(freed)}; {size_text(found.size - freed)} {_of_limit()} in {root}")


def _examine(found: Contents) -> tuple[list[tuple[Item, str]], list[tuple[Item, str]]]:
    """Those that are damaged, and those that cannot be read, each with the cause."""
    damaged, unreadable = [], []
    for item in found.items:
        try:
            cause = damage_of(item, FORMAT_VERSION)
        except OSError as error:
            unreadable.append((item, error.strerror or str(error)))
        else:
            if cause is not None:
                damaged.append((item, cause))
    return damaged, unreadable


def _by_kind(items: Iterable[Item]) -> dict[str, list[Item]]:
    kinds: dict[str, list[Item]] = {}
    for item in sorted(items, key=lambda item: (item.kind, item.finished)):
        kinds.setdefault(item.kind if item.finished else f"{item.kind} (unfinished)", []).append(item)
    return {kind: sorted(some, key=lambda item: -item.used) for kind, some in kinds.items()}


def _named(item: Item) -> str:
    return f"{item.kind}{'' if item.finished else '.partial'}/{item.key}"


def _state(root: Path, item: Item) -> str:
    return "in use" if in_use(root, item) else "" if item.finished else "unfinished"


def _counted(items: Sequence[Any]) -> str:
    return "1 entry" if len(items) == 1 else f"{len(items):,} entries"


def _of_limit() -> str:
    limit = limit_bytes()
    return f"of at most {size_text(limit)} ({ENV_CACHE_MAX_GB})" if limit is not None else "without a limit"


def _ago(seconds: float) -> str:
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            n = int(seconds / length)
            return f"{n:,} {unit}{'' if n == 1 else 's'} ago"
    return "just now"
