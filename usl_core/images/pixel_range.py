"""Numbers that are not 8 bits wide become 8-bit levels: the one rule of range, whatever file they come from.

A file of 16-bit, 32-bit or floating-point numbers seldom says which of them is white. What it does say counts: 12 bits per
sample, the maxval of a PGM, SMinSampleValue and SMaxSampleValue of a TIFF. Otherwise the range is guessed, and a note tells:

- It is not stretched to the darkest and brightest pixel of each image, or a dark and a bright picture of one camera would
  look alike. White is the first of a few fixed *steps* that holds the image, so that images of one camera share it.
- Integers: 8, 10, 12, 14, 16 ... bits, at most those of their type. The last step is the full depth and needs no note.
- Floats: 1, 255, 1000, 4095, 10,000, 16,383 and 65,535, and 3 and 10 if some numbers have a fraction; from there on, and
  below 1/64 (of which 8 bits would leave nothing), 1 or 3 times a power of ten. Numbers that all lie in [0, 1] are what
  everybody writes and need no note.
- Black is 0. Negative numbers move it to a step below (to minus a power of two, or 1 or 3 times a power of ten).
- Hot and dead pixels decide nothing: one pixel in 10,000, and one in any image of at least 16 pixels, may lie beyond white or
  black, and so may all that lie beyond by 5 % of the step (of integers: of 255), as sharpening and resampling leave them. Among
  three to 15 pixels one is hot or dead if it is 16 times as large as any other (of 16 bits: if that is above 255), or the only
  float beyond 1 or 255.
- All channels of an image share one range. +inf is white and -inf black; NaN and declared no-data are black and decide nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SLACK = 0.05
_HOT_SHARE, _HOT_FROM = 10_000, 16  # one pixel in so many may be hot; in smaller images than that one at most
_FAR = 16  # times the largest of the others: so far off, even one pixel of a tiny image is hot or dead
_FAINT = 1 / 64
_BLOCK = 2**20  # numbers at a time, so that temporary arrays stay small


@dataclass(frozen=True, slots=True)
class Range:
    """Which number is black and which white.

    Args:
        low: becomes level 0.
        high: becomes level 255.
        note: a sentence on how it was guessed; empty where the file left no doubt.
    """

    low: float
    high: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Extent:
    """Smallest and largest number of an image, and without hot pixels; the second largest; whether none has a fraction."""

    lowest: float
    highest: float
    low: float
    high: float
    second: float
    whole: bool


def find_range(
    values: NDArray, *, declared: tuple[float, float] | None = None, depth: int = 0, no_data: float | None = None
) -> Range:
    """Black and white of an image by the rule above.

    Args:
        values: (height, width, channels) integers or floats.
        declared: black and white as the file tells them; not believed if the image lies outside.
        depth: bits of an integer if they are fewer than those of its type; 0: those of the type.
        no_data: the number that stands for "not measured".
    """
    extent = _extent(values, no_data)
    if extent is None:
        return Range(0, 1, "none of its numbers is finite: it is black")
    if declared is not None and _holds(declared, extent):
        return Range(*declared)
    if values.dtype.kind == "f":
        low, high = _float_range(extent)
        plain = (low, high) == (0, 1) and extent.lowest >= 0 and extent.highest <= 1
    else:
        info = np.iinfo(values.dtype)
        top = int(info.max) if not depth else 2 ** (depth - (info.min < 0)) - 1
        low, high = _integer_range(extent, -top - 1 if info.min < 0 else 0, top)
        plain = high == top and low in (0, info.min)
    return Range(low, high, "" if plain else _note(extent, low, high))


def eight_bits(
    values: NDArray, low: float, high: float, *, no_data: float | None = None, inverted: bool = False
) -> NDArray[np.uint8]:
    """Levels of the same shape: `low` and below 0, `high` and above 255; the other way round if `inverted`.

    NaN and `no_data` are 0 either way.
    """
    levels = np.empty(values.shape, np.uint8)
    span = high / 2 - low / 2  # halves, since the difference of two floats can be too large for a float
    with np.errstate(all="ignore"):
        for rows in _row_blocks(values):
            block = values[rows].astype(np.float64)
            scaled = np.clip((block / 2 - low / 2) / span * 255, 0, 255)
            if inverted:
                scaled = 255 - scaled
            if no_data is None:
                shown = ~np.isnan(block)
            else:
                shown = _known(values[rows], no_data) | (np.isinf(block) & (block != no_data))
            levels[rows] = np.rint(np.where(shown, scaled, 0))
    return levels


def _row_blocks(values: NDArray) -> Iterator[slice]:
    step = max(_BLOCK // max(values[:1].size, 1), 1)
    return (slice(start, start + step) for start in range(0, len(values), step))


def _known(values: NDArray, no_data: float | None) -> NDArray[np.bool_]:
    """Where there is a finite number that is not the declared no-data."""
    known = np.isfinite(values)
    if no_data is not None:
        # In the type of the image: a file says -3.4e38 and holds the nearest float32.
        known &= values != (values.dtype.type(no_data) if values.dtype.kind == "f" else no_data)
    return known


def _extent(values: NDArray, no_data: float | None) -> _Extent | None:
    """None if there is no finite number. A pixel counts once, by its largest and by its smallest channel."""
    is_float = values.dtype.kind == "f"
    bounds = np.finfo(values.dtype) if is_float else np.iinfo(values.dtype)
    size = values[..., 0].size
    n_hot = max(size // _HOT_SHARE, 1) if size >= _HOT_FROM else 0
    kept = max(n_hot, 2) + 1
    largest = smallest = np.empty(0, values.dtype)
    whole = True
    for rows in _row_blocks(values):
        known = _known(values[rows], no_data)
        some = known.any(axis=-1)
        tops = np.where(known, values[rows], bounds.min).max(axis=-1)[some]
        bottoms = np.where(known, values[rows], bounds.max).min(axis=-1)[some]
        largest = _largest(np.concatenate([largest, tops]), kept)
        smallest = _smallest(np.concatenate([smallest, bottoms]), kept)
        whole = whole and (not is_float or bool((values[rows] == np.rint(values[rows]))[known].all()))
    if not largest.size:
        return None
    falling, rising = np.sort(largest)[::-1].tolist(), np.sort(smallest).tolist()
    hot = dead = min(n_hot, len(falling) - 1)
    second = falling[1] if len(falling) > 2 else falling[0]
    if hot == 0 and falling[0] > max(_FAR * second, 1 + _SLACK) and second > (255 if values.dtype.itemsize <= 2 else 0):
        hot = 1
    if dead == 0 and len(rising) > 2 and -rising[0] > _FAR * max(falling[0], -rising[1]) > 0:
        dead = 1
    return _Extent(rising[0], falling[0], rising[dead], falling[hot], second, whole)


def _largest(values: NDArray, count: int) -> NDArray:
    return values if len(values) <= count else np.partition(values, len(values) - count)[-count:]


def _smallest(values: NDArray, count: int) -> NDArray:
    return values if len(values) <= count else np.partition(values, count - 1)[:count]


def _holds(declared: tuple[float, float], extent: _Extent) -> bool:
    low, high = declared
    slack = _SLACK * (high - low)
    return low < high and low - slack <= extent.low and extent.high <= high + slack


def _integer_range(extent: _Extent, bottom: int, top: int) -> tuple[int, int]:
    """Steps of two bits from 8 on; `bottom` and `top` are the ends of the type."""
    steps = [2**bits - 1 for bits in range(8, 64, 2) if 2**bits - 1 < top] + [top]
    high = next((step for step in steps if extent.high <= (step if step > 255 else step * (1 + _SLACK))), top)
    if extent.low >= -_SLACK * high:
        return 0, high
    return max(next((-step - 1 for step in steps if extent.low >= -step - 1), bottom), bottom), high


def _float_range(extent: _Extent) -> tuple[float, float]:
    high = extent.high
    for usual, is_likely in ((1.0, not extent.whole), (255.0, extent.second > 10)):  # even in a tiny image
        if is_likely and high > usual * (1 + _SLACK) >= extent.second and extent.low >= -_SLACK * usual:
            high = usual
    if extent.low == extent.highest < 0:
        return extent.low, 0.0
    if extent.low >= -_SLACK * _float_step(high, extent.whole):
        return 0.0, _float_step(high, extent.whole)
    return -_decade(-extent.low), _decade(high) if high > 0 else 0.0


def _float_step(high: float, whole: bool) -> float:
    steps = (1, 255, 1000, 4095, 10_000, 16_383, 65_535) if whole else (1, 3, 10, 255, 1000, 4095, 10_000, 16_383, 65_535)
    if 0 < high <= _FAINT or high > steps[-1] * (1 + _SLACK):
        return _decade(high)
    return float(next(step for step in steps if high <= step * (1 + _SLACK)))


def _decade(value: float) -> float:
    """The first of ..., 0.3, 1, 3, 10, 30 ... that holds a positive number."""
    exponent = math.floor(math.log10(value)) - 1
    for step in (3 * 10.0**exponent, 10.0 ** (exponent + 1), 3 * 10.0 ** (exponent + 1)):
        if value <= step * (1 + _SLACK):
            return min(step, float(np.finfo(np.float64).max))
    return 10.0 ** (exponent + 2)


def _note(extent: _Extent, low: float, high: float) -> str:
    spread = f"{low:,.6g} was taken for the darkest and {high:,.6g} for the brightest"
    return (
        f"the range of its numbers had to be guessed: they run from {extent.lowest:,.6g} to {extent.highest:,.6g}, and {spread}"
    )
