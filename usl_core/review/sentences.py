"""How actions name images and count them."""

from __future__ import annotations

from collections.abc import Sequence

from ..names import display_name


def shown(path: str) -> str:
    """A path as a sentence shows it; not escaped as markup."""
    return f"'{display_name(path, 60)}'"


def named(paths: Sequence[str], what: str = "images") -> str:
    """One path by its name, several by their number."""
    return shown(paths[0]) if len(paths) == 1 else f"{len(paths):,} {what}"


def others_left(n: int, why: str) -> str:
    """What is said of rows that an action does not apply to; nothing where there are none."""
    return f"; {n:,} left alone ({why})" if n else ""
