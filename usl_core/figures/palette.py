"""Colours, marker shapes and patterns: one look per method, one colour per class, and both themes legible.

Methods wear six colours of Okabe and Ito, which stay apart for every kind of colour vision, and the others those that lie
farthest from these and from each other to the vision that tells them apart worst. The shape of the marker says the same again
without colour. There are fewer patterns of bars than methods: two share one only where their colours lie far apart to every
vision. Reference: M. Okabe, K. Ito: Color Universal Design, 2008.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import UslError

ThemeName = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of everything that is not data; text colours reach a contrast of 4.5 on the background (WCAG AA).

    Args:
        background: of the page; figures themselves are transparent.
        text: of titles and numbers.
        muted: of notes.
        accent: of links and what is selected.
        rule: of frames and grid lines.
        outline: around markers and bars.
        hover: background of hover boxes, whose text is `hover_text`.
        hover_text: see `hover`.
        scale: for quantities: viridis without the end that the background would swallow.
    """

    background: str
    text: str
    muted: str
    accent: str
    rule: str
    outline: str
    hover: str
    hover_text: str
    scale: tuple[str, ...]


VIRIDIS = (
    *("#440154", "#482475", "#414487", "#355f8d", "#2a788e", "#21918c", "#22a884", "#44bf70", "#7ad151", "#bddf26"),
    "#fde725",
)
"""11 equal steps of the colour map of S. van der Walt and N. Smith (CC0)."""

THEMES: Mapping[str, Theme] = MappingProxyType(
    {
        "light": Theme("#ffffff", "#1b1f24", "#59616b", "#0b5cad", "#d5d9de", "#15181c", "#1b1f24", "#f4f5f7", VIRIDIS[:-1]),
        "dark": Theme("#14171c", "#e6e8eb", "#a0a9b4", "#7db4f5", "#353b44", "#f4f5f7", "#2a3038", "#f4f5f7", VIRIDIS[2:]),
    }
)


@dataclass(frozen=True, slots=True)
class MethodStyle:
    """How a method looks everywhere.

    Args:
        colour: hex.
        symbol: plotly's name of the marker shape, one of `MARKERS`, that no other method has.
        pattern: plotly's name of the bar pattern; see above.
        label: what readers call the method.
    """

    colour: str
    symbol: str
    pattern: str
    label: str


METHOD_STYLE: Mapping[str, MethodStyle] = MappingProxyType(
    {
        "random": MethodStyle("#56B4E9", "circle", "", "Random"),
        "stratified": MethodStyle("#CC79A7", "square", "/", "Stratified"),
        "cluster-stratified": MethodStyle("#E69F00", "triangle-up", "x", "Cluster-stratified"),
        "usl": MethodStyle("#D55E00", "diamond", "\\", "USL"),
        "usl-t": MethodStyle("#0072B2", "star", ".", "USL-T"),
        "kmeans-center": MethodStyle("#009E73", "hourglass", "-", "k-means centre"),
        "k-center": MethodStyle("#88BB88", "star-diamond", "+", "k-center"),
        "herding": MethodStyle("#6633AA", "triangle-left", "", "Herding"),
        "facility-location": MethodStyle("#2233DD", "triangle-right", "x", "Facility location"),
        "maxherding": MethodStyle("#DD22FF", "bowtie", "|", "MaxHerding"),
        "probcover": MethodStyle("#BB0000", "star-triangle-up", "", "ProbCover"),
        "typiclust": MethodStyle("#CC1199", "diamond-tall", "x", "TypiClust"),
        "rdss": MethodStyle("#AA88FF", "star-triangle-down", "\\", "RDSS"),
        "activeft": MethodStyle("#FF55CC", "diamond-wide", "-", "ActiveFT"),
        "mak": MethodStyle("#EE0055", "triangle-sw", ".", "MAK"),
        "margin": MethodStyle("#8800FF", "triangle-down", "-", "Margin"),
        "uherding": MethodStyle("#555500", "hexagon", "|", "Uncertainty herding"),
        "dropquery": MethodStyle("#991166", "cross", "+", "DropQuery"),
    }
)
_FALLBACK_COLOURS = ("#9955CC", "#F0E442", "#0072B2", "#6B6B6B")
_FALLBACK_SYMBOLS = ("pentagon", "x")
_FALLBACK_PATTERNS = ("-", "|", "+")

CATEGORICAL = (
    *("#f945da", "#04a322", "#1552fe", "#a4520f", "#7d93b7", "#c60373", "#17745d", "#bf8b1f", "#a57afe", "#fc5884"),
    *("#2c71b7", "#af09bd", "#e31418", "#803cfb", "#755e6f", "#b97276", "#0f90fe", "#777b0d", "#0f9b89", "#8a5fba"),
)
"""20 colours that lie at least 0.12 apart in OKLab and have a contrast of 3 on both backgrounds, farthest apart first."""


def method_style(method: str) -> MethodStyle:
    """The look of a method; one that is not in `METHOD_STYLE` gets a look that depends on its name alone."""
    known = METHOD_STYLE.get(method)
    if known:
        return known
    draw = blake2b(method.encode("utf-8", "surrogatepass"), digest_size=3).digest()
    return MethodStyle(
        _FALLBACK_COLOURS[draw[0] % len(_FALLBACK_COLOURS)],
        _FALLBACK_SYMBOLS[draw[1] % len(_FALLBACK_SYMBOLS)],
        _FALLBACK_PATTERNS[draw[2] % len(_FALLBACK_PATTERNS)],
        method,
    )


def category_places(ids: NDArray[np.integer], n_colours: int = len(CATEGORICAL)) -> NDArray[np.uint8]:
    """The place in a palette of each class or cluster id, whatever map it is on: the id itself below `n_colours`, a hash of it
    beyond.

    Args:
        ids: whole numbers; -1 (none) is treated like any other beyond the palette.
        n_colours: in the palette, at most 256.

    Returns:
        uint8 in [0, n_colours).
    """
    numbers = np.asarray(ids, dtype=np.int64)
    # Knuth's multiplicative hash; the upper bits are the well-mixed ones.
    mixed = ((numbers.astype(np.uint64) * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF)) >> np.uint64(16)
    inside = (numbers >= 0) & (numbers < n_colours)
    return np.where(inside, numbers, (mixed % np.uint64(n_colours)).astype(np.int64)).astype(np.uint8)


def theme_of(name: str) -> Theme:
    """The colours of a theme.

    Raises:
        UslError: no such theme.
    """
    if name not in THEMES:
        raise UslError(f"theme must be 'light' or 'dark' but is {name!r}")
    return THEMES[name]


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two hex colours, 1 to 21, as WCAG 2.2 defines it."""
    high, low = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    share = np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)]) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))
