"""Moving the maps with pictures in place of points, beside points alone on the same page."""

from __future__ import annotations

from playwright.sync_api import Page, ViewportSize

from .harness import Row
from .waiting import found_by

_SECONDS = 8  # of each, in turns
_LARGE_WINDOW: ViewportSize = {"width": 2560, "height": 1400}  # room for as many pictures as there may be


def pictures_row(page: Page, size: str) -> Row:
    """The row of it; the page shows maps and keeps the size of its window.

    Args:
        page: with `ui.js` in it.
        size: of the maps, in words.
    """
    before = page.viewport_size
    page.set_viewport_size(_LARGE_WINDOW)
    page.wait_for_timeout(1000)
    framed, points, count = found_by(page, "picturesRate", _SECONDS)
    if before is not None:
        page.set_viewport_size(before)
    page.wait_for_timeout(1000)
    return Row(
        what=f"moving the maps with {count} pictures, {size}",
        ours=framed,
        rival=points,
        rival_name="points alone, same place",
        unit="frames/s",
        bound=0.5,
        at_least=True,
    )
