"""Colours of classes and clusters, however many there are: the same for an id wherever it is shown on or beside one map.

Up to 20 wear `CATEGORICAL`, in order of their ids. More wear `MANY`, handed out by who lies beside whom.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from threading import Lock
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ..errors import UslError
from ..read_only import read_only
from ..types import FloatArray
from ..validation import class_ids, finite_matrix, whole_number
from .colouring import assigned
from .contacts import contacts, named_neighbours
from .palette import CATEGORICAL, ThemeName, category_places, theme_of
from .vision import BLIND_SHARE, VISIONS, colour_distances

MANY: Mapping[ThemeName, tuple[str, ...]] = MappingProxyType(
    {
        "light": (
            *("#493d8c", "#6b05aa", "#5ca500", "#dd7b00", "#660000", "#9b22a4", "#a06e48", "#fd5f53", "#9e9655", "#d300e0"),
            *("#b5879f", "#0097ff", "#460081", "#61837a", "#ff3bde", "#8e8cdc", "#b253c3", "#7c4984", "#236b3c", "#041aff"),
            *("#f2024f", "#920100", "#1b4d5c", "#3f00c8", "#008700", "#894d00", "#005dad", "#bb0174", "#2d4a00", "#44a57b"),
            *("#8c00df", "#477ac6", "#e81f9a", "#494ffe", "#00089e", "#ce4203", "#8a105f", "#432b37", "#be70ff", "#8d6da3"),
            *("#5d0050", "#c15c75", "#6f50c5", "#1e2d67", "#6e3c43", "#806bfc", "#a53b49", "#de6bbe"),
        ),
        "dark": (
            *("#7788a0", "#784bc0", "#89ff58", "#fce100", "#ffc26c", "#ff84ff", "#f1f0aa", "#df0e00", "#92a800", "#c400dd"),
            *("#5f674d", "#006ca0", "#a270c1", "#5fc386", "#ff00c7", "#cef2ff", "#a8319e", "#785980", "#97e186", "#3c68e1"),
            *("#ff4b5a", "#c27a01", "#7cffdb", "#6736ff", "#15df4a", "#cec200", "#00e0d6", "#e1549f", "#397600", "#1ba561"),
            *("#9c5cff", "#94d4ff", "#c50661", "#0097df", "#4db8ff", "#ff7e18", "#b15f78", "#7d8549", "#d560e9", "#c6d2b6"),
            *("#e8a9a5", "#d2817b", "#c695df", "#00887e", "#c6a45e", "#868dff", "#a9541e", "#ff7fae"),
        ),
    }
)
"""48 colours for each theme, at least 0.10 apart in OKLab and 0.04 to each of the three kinds of colour blindness, with a
contrast of 3 on the background; equal places have similar hues. `python -m tools.build_palette` looked for them."""
MOST = 500
"""Categories beyond which colours go by a hash of the id: who lies beside whom would take too long."""
_KEPT = 32


def category_palette(count: int, theme: ThemeName) -> tuple[str, ...]:
    """The colours that `count` classes or clusters wear or share.

    >>> len(category_palette(20, "dark")), len(category_palette(21, "dark"))
    (20, 48)

    Raises:
        UslError: no such theme, or fewer than none.
    """
    theme_of(theme)
    return CATEGORICAL if whole_number(count, "count", 0) <= len(CATEGORICAL) else MANY[theme]


def places_on_map(xy: FloatArray, ids: NDArray[np.integer], count: int) -> NDArray[np.uint8]:
    """Which colour of `category_palette` each class or cluster of a map wears.

    Up to 48 that have points each have a colour of their own. More share, but never two of those that name each other as one of
    their 6 nearest, and what lies close has colours that are far apart to every kind of vision. Beyond 500 the id decides.
    Depends on nothing but the arguments, and is remembered for those asked for last.

    Args:
        xy: (n, 2) coordinates of all points of the map.
        ids: (n,) whole numbers in [-1, count), -1 for none.
        count: how many classes or clusters there are, with or without points.

    Returns:
        (count,) uint8, read-only; the place of an id without points is that of its hash.

    Raises:
        UslError: arrays that do not belong together, or an id beyond `count`.
    """
    flat = np.ascontiguousarray(finite_matrix(xy, "map coordinates"), dtype=np.float32)
    if flat.shape[1] != 2:
        raise UslError(f"map coordinates must have shape (n, 2) but have {flat.shape}")
    whole_number(count, "count", 0)
    numbers = class_ids(ids, len(flat), "ids of categories")
    if len(numbers) and (numbers.min() < -1 or numbers.max() >= count):
        raise UslError(
            f"ids of categories must be in [-1, {count - 1}], {count} being their number, but reach from {numbers.min()} to "
            f"{numbers.max()}"
        )
    if count <= len(CATEGORICAL):
        return read_only(np.arange(count, dtype=np.uint8))
    digest = blake2b(flat.tobytes(), digest_size=16)
    digest.update(numbers.tobytes())
    key = (digest.digest(), count)
    with _lock:
        if key in _found:
            _found.move_to_end(key)
            return _found[key]
    places = read_only(_places(flat, numbers, count))
    with _lock:
        _found[key] = places
        while len(_found) > _KEPT:
            _found.popitem(last=False)
    return places


def sharing(n_shown: int, n_colours: int) -> str:
    """How that many classes or clusters share that many colours, in words; "" where none does."""
    if n_shown <= n_colours:
        return ""
    return f"{n_shown:,} share {n_colours} colours" + (", neighbours never the same" if n_shown <= MOST else "")


_lock = Lock()
_found: OrderedDict[tuple[bytes, int], NDArray[np.uint8]] = OrderedDict()


def _places(flat: FloatArray, ids: NDArray[np.int64], count: int) -> NDArray[np.uint8]:
    n_colours = len(MANY["light"])
    places = category_places(np.arange(count), n_colours)
    known, of_point = np.unique(ids, return_inverse=True)
    known, of_point = (known[1:], of_point - 1) if len(known) and known[0] < 0 else (known, of_point)
    if 0 < len(known) <= MOST:
        close = contacts(flat, of_point, len(known))
        places[known] = assigned(close, named_neighbours(close), _apart())
    return places


@cache
def _apart() -> NDArray[np.float64]:
    """(c, c) distances of the colours, the least of both themes and all visions, in units of normal vision."""
    share = {vision: 1 if vision == "normal" else BLIND_SHARE for vision in VISIONS}
    every = [colour_distances(colours, vision) / share[vision] for colours in MANY.values() for vision in VISIONS]
    return read_only(np.min(every, axis=0))
