"""What a map shows, checked and put into the words that its script understands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from usl_core.errors import UslError
from usl_core.figures.categories import category_palette, places_on_map, sharing
from usl_core.figures.markers import MARKERS
from usl_core.figures.palette import MethodStyle, ThemeName, method_style, theme_of
from usl_core.names import display_name
from usl_core.validation import index_set

from .arrays import MAX_CATEGORIES, STORE, category_codes, quantity_codes, to_ranges
from .coordinates import Coordinates

MAX_PANELS = 9
_LISTED = 20  # categories whose names travel with every change; more are fetched once
_NEUTRAL = MethodStyle("#999999", "circle", "", "picks")
_COORDINATES = Coordinates(STORE)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Channel:
    """One number or one category per image: a colouring of the maps and a line of the hover card.

    Args:
        name: unique among the channels of a map.
        values: (n,) numbers, NaN where unknown; or ids of categories, -1 for none.
        categorical: they are ids.
        names: of the categories, in order of their ids; empty: they are called by `name` and id.
        low: lower end of the colour scale; default: the least value. What lies below has the colour of the end.
        high: upper end; default: the largest value.
        digits: decimals on the hover card and the colour bar.
    """

    name: str
    values: NDArray[np.generic]
    categorical: bool = False
    names: Sequence[str] = ()
    low: float | None = None
    high: float | None = None
    digits: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """One of the linked maps.

    Args:
        title: above it.
        method: decides shape and colour of the picks; "" has a neutral look.
        picks: (m,) rows in rank order.
        clusters: (m,) cluster of each pick, -1 for none.
        clustering: (n,) cluster of each image by this method, -1 for none: that of a pick under the pointer is outlined. None:
            the clusters of a channel that is called "cluster" are, if there is one.
        colour: name of the channel that colours it; None: that of all maps.
        arrows: (r, 2) rows, from and to.
        peaks: rows that are marked as density peaks.
    """

    title: str
    method: str = ""
    picks: NDArray[np.integer] | Sequence[int] = ()
    clusters: NDArray[np.integer] | None = None
    clustering: NDArray[np.integer] | None = None
    colour: str | None = None
    arrows: NDArray[np.integer] | None = None
    peaks: Sequence[int] | NDArray[np.integer] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Background:
    """What is drawn on, and where pictures and words of an image come from.

    Args:
        xy: (n, 2) float32 coordinates.
        version: names the images behind the rows; an event that speaks of others is dropped.
        thumbnails: address of an image with {row} in it, relative to the app; None: hover cards have no picture.
        words: address of {"file": ..., "class": ...} with {row} in it; or None.
        atlas: address of many images as one, with {side} and {rows} in it; None: there is no mode "pictures".
    """

    xy: NDArray[np.float32]
    version: str
    thumbnails: str | None = None
    words: str | None = None
    atlas: str | None = None


def check(background: Background, panels: Sequence[Panel], channels: Sequence[Channel], colour: str) -> None:
    """Make sure that all of it belongs together.

    Raises:
        UslError: what does not, with its name and shape.
    """
    xy = np.asarray(background.xy)
    if xy.ndim != 2 or xy.shape[1] != 2 or not len(xy) or not np.isfinite(xy).all():
        raise UslError(f"map coordinates must be finite and of shape (n, 2), n >= 1, but have shape {xy.shape}")
    n = len(xy)
    if not 1 <= len(panels) <= MAX_PANELS:
        raise UslError(f"panels must be 1 to {MAX_PANELS} but are {len(panels)}")
    names = [channel.name for channel in channels]
    if len(set(names)) != len(names):
        raise UslError(f"channels must have different names but are {', '.join(names)}")
    for channel in channels:
        _check_channel(channel, n)
    for panel in panels:
        if (panel.colour or colour) not in names:
            raise UslError(
                f"panel {panel.title!r} is to be coloured by {panel.colour or colour!r}, which is no channel of this map"
            )
        for what in ("picks", "peaks"):
            index_set(getattr(panel, what), n, f"{what} of panel {panel.title!r}")
        if panel.clusters is not None and len(panel.clusters) != len(panel.picks):
            raise UslError(f"panel {panel.title!r} has {len(panel.picks)} picks but clusters of {len(panel.clusters)}")
        if panel.clustering is not None:
            clustering = Channel(name=f"clustering of panel {panel.title}", values=panel.clustering, categorical=True)
            _check_channel(clustering, n)
        if panel.arrows is not None and len(panel.arrows):
            index_set(np.unique(panel.arrows), n, f"arrows of panel {panel.title!r}")


def _check_channel(channel: Channel, n: int) -> None:
    values = np.asarray(channel.values)
    if values.shape != (n,):
        raise UslError(f"channel {channel.name!r} must have one value per image ({n}) but has shape {values.shape}")
    if channel.categorical:
        if values.dtype.kind not in "iu" or values.min() < -1 or values.max() >= MAX_CATEGORIES:
            raise UslError(f"channel {channel.name!r} must hold category ids from -1 to {MAX_CATEGORIES - 1}")
        if len(channel.names) and values.max() >= len(channel.names):
            raise UslError(f"channel {channel.name!r} has {len(channel.names)} names but an id {values.max()}")


def payload(
    background: Background, panels: Sequence[Panel], channels: Sequence[Channel], colour: str, *, theme: ThemeName
) -> dict[str, Any]:
    """All of it for the script; arrays are offered and stand here as digests."""
    look = theme_of(theme)
    return {
        "version": background.version,
        "n": len(background.xy),
        "xy": _COORDINATES.tell(np.asarray(background.xy, dtype=np.float32)),
        "thumbnails": background.thumbnails,
        "words": background.words,
        "atlas": background.atlas,
        "colour": colour,
        "channels": [_channel(channel, background.xy) for channel in channels],
        "panels": [_panel(panel) for panel in panels],
        "look": {
            "name": theme,
            **{part: getattr(look, part) for part in ("background", "text", "muted", "accent", "rule", "outline", "scale")},
            "few": category_palette(0, theme),
            "many": category_palette(MAX_CATEGORIES, theme),
        },
    }


def _channel(channel: Channel, xy: NDArray[np.float32]) -> dict[str, Any]:
    if channel.categorical:
        return _categories(channel, xy)
    low, high = scale_of(channel)
    values = np.asarray(channel.values, dtype=np.float64)
    return {
        "name": channel.name,
        "kind": "quantity",
        "codes": STORE.offer(quantity_codes(values, low, high)),
        "low": low,
        "high": high,
        "below": bool(np.nanmin(values, initial=low) < low),
        "above": bool(np.nanmax(values, initial=high) > high),
        "digits": channel.digits,
    }


def _categories(channel: Channel, xy: NDArray[np.float32]) -> dict[str, Any]:
    ids = np.asarray(channel.values)
    count = max(len(channel.names), int(ids.max()) + 1)
    n_shown, names = len(np.unique(ids[ids >= 0])), [display_name(name, 40) for name in channel.names]
    travels = len(names) <= _LISTED
    return {
        "name": channel.name,
        "kind": "category",
        "codes": STORE.offer(category_codes(channel.values)),
        "places": STORE.offer(places_on_map(xy, ids, max(count, 1))),
        "palette": "few" if count <= _LISTED else "many",
        "count": count,
        "names": (names or None) if travels else None,
        "listed": None if travels else STORE.offer(np.frombuffer(json.dumps(names).encode(), dtype=np.uint8)),
        "sharing": sharing(n_shown, len(category_palette(count, "light"))),
    }


def scale_of(channel: Channel) -> tuple[float, float]:
    """Both ends of a quantity's colour scale."""
    values = np.asarray(channel.values, dtype=np.float64)
    finite = values[np.isfinite(values)]
    low = channel.low if channel.low is not None else float(finite.min(initial=np.inf)) if len(finite) else 0.0
    high = channel.high if channel.high is not None else float(finite.max(initial=-np.inf)) if len(finite) else 1.0
    return float(low), float(high)


def _panel(panel: Panel) -> dict[str, Any]:
    style = method_style(panel.method) if panel.method else _NEUTRAL
    clusters = None if panel.clusters is None else np.asarray(panel.clusters)
    return {
        "title": panel.title,
        "style": {"colour": style.colour, "corners": MARKERS[style.symbol], "label": style.label},
        "picks": np.asarray(panel.picks).tolist(),
        "clusters": None if clusters is None or (clusters < 0).all() else clusters.tolist(),
        "clustering": None if panel.clustering is None else STORE.offer(category_codes(panel.clustering)),
        "colour": panel.colour,
        "arrows": [] if panel.arrows is None else np.asarray(panel.arrows).tolist(),
        "peaks": STORE.offer(np.asarray(panel.peaks, dtype=np.int32)) if len(panel.peaks) else None,
    }


def chosen(rows: NDArray[np.integer] | None) -> list[int] | None:
    """A selection as the script wants it."""
    return None if rows is None else to_ranges(rows)
