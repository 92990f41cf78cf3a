"""The one rule of range: which number is black and which white, what is said of it, and what may not change it."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from usl_core.images.pixel_range import eight_bits, find_range

NAN, INF = np.nan, np.inf


def levels(values: NDArray, **options: Any) -> NDArray[np.uint8]:
    found = find_range(values, **options)
    return eight_bits(values, found.low, found.high, no_data=options.get("no_data"))


def row(values: list[float], dtype: str) -> NDArray:
    return np.array([values], dtype)[..., None]


def expected(values: NDArray, low: float, high: float) -> NDArray[np.int64]:
    """The same by the schoolbook."""
    return np.floor(np.clip((values.astype(np.float64) - low) / (high - low), 0, 1) * 255 + 0.5).astype(np.int64)


# --- which number is white -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "largest", "white", "is_guess"),
    [
        ("uint16", 65535, 65535, False),
        ("uint16", 16384, 65535, False),
        ("uint16", 16383, 16383, True),
        ("uint16", 4096, 16383, True),
        ("uint16", 4095, 4095, True),
        ("uint16", 1024, 4095, True),
        ("uint16", 1023, 1023, True),
        ("uint16", 268, 1023, True),
        ("uint16", 260, 255, True),
        ("uint16", 255, 255, True),
        ("uint16", 3, 255, True),
        ("uint16", 0, 255, True),
        ("int16", 32767, 32767, False),
        ("int16", 16384, 32767, False),
        ("int16", 4000, 4095, True),
        ("int8", 100, 127, False),
        ("int32", 255, 255, True),
        ("int32", 65535, 65535, True),
        ("int32", 65536, 2**18 - 1, True),
        ("int32", 2**30, 2**31 - 1, False),
        ("uint32", 2**32 - 1, 2**32 - 1, False),
        ("uint32", 2**30, 2**32 - 1, False),
        ("uint32", 2**30 - 1, 2**30 - 1, True),
        ("uint64", 2**62, 2**64 - 1, False),
        ("float32", 1.0, 1, False),
        ("float32", 0.5, 1, False),
        ("float32", 1.04, 1, True),
        ("float32", 0.0, 1, False),
        ("float32", 0.01, 0.01, True),
        ("float32", 2e-7, 3e-7, True),
        ("float32", 2.5, 3, True),
        ("float32", 7.5, 10, True),
        ("float32", 7.0, 255, True),
        ("float32", 11.5, 255, True),
        ("float32", 255.0, 255, True),
        ("float32", 900.0, 1000, True),
        ("float32", 4095.0, 4095, True),
        ("float32", 9000.0, 10_000, True),
        ("float32", 65535.0, 65535, True),
        ("float32", 90_000.0, 100_000, True),
        ("float64", 1.7e308, np.finfo(np.float64).max, True),
        ("float64", 5e-324, 1e-323, True),
        ("float16", 0.75, 1, False),
    ],
)
def test_white_is_the_first_step_that_holds_the_image(dtype: str, largest: float, white: float, is_guess: bool) -> None:
    image = np.full((4, 4, 1), largest, dtype)
    image[0, :2] = 0
    found = find_range(image)
    assert (found.low, found.high) == (0, pytest.approx(white))
    assert bool(found.note) == is_guess


@pytest.mark.parametrize(
    ("values", "dtype", "ends"),
    [
        ([-1, 0, 1], "float32", (-1, 1)),
        ([-2.1, 0.3, 2.6], "float32", (-3, 3)),
        ([-60.5, -20, -33], "float32", (-100, 0)),
        ([-1024, 0, 3071], "float32", (-1000, 3000)),
        ([-1024, 0, 3071], "int16", (-1024, 4095)),
        ([-128, 0, 127], "int8", (-128, 127)),
        ([-(2**31), 0, 2**31 - 1], "int32", (-(2**31), 2**31 - 1)),
        ([-300, -20, -5], "int32", (-1024, 255)),
        ([-0.04, 0.5, 1], "float32", (0, 1)),
        ([-10, 0, 4095], "int16", (0, 4095)),
    ],
)
def test_negative_numbers_move_black(values: list[float], dtype: str, ends: tuple[float, float]) -> None:
    found = find_range(row(values, dtype))
    assert (found.low, found.high) == pytest.approx(ends)


def test_the_note_says_what_was_there_and_what_was_taken() -> None:
    note = find_range(row([3, 17, 4000], "uint16")).note
    assert "had to be guessed" in note
    assert "from 3 to 4,000" in note
    assert "4,095 for the brightest" in note


def test_what_a_file_declares_counts() -> None:
    image = row([0, 500, 1000], "uint16")
    assert find_range(image, declared=(0, 2000)) == find_range(image, declared=(0.0, 2000.0))
    assert levels(image, declared=(0, 2000)).ravel().tolist() == [0, 64, 128]
    assert find_range(image, declared=(0, 2000)).note == ""
    for wrong in ((0, 300), (800, 2000), (5, 5), (9, 2)):
        assert find_range(image, declared=wrong) == find_range(image)
    assert find_range(row([0, 2**24 - 1], "uint32"), depth=24).note == ""


# --- what decides nothing --------------------------------------------------------------------------------------------


def test_infinite_and_missing_numbers() -> None:
    assert levels(row([NAN, 0, 0.5, 1, INF, -INF], "float32")).ravel().tolist() == [0, 0, 128, 255, 255, 0]
    assert levels(row([-3.4e38, 0, 0.5, 1], "float32"), no_data=-3.4e38).ravel().tolist() == [0, 0, 128, 255]
    assert levels(row([-9999, 0, 2048, 4095], "int16"), no_data=-9999).ravel().tolist() == [0, 0, 128, 255]
    assert levels(row([65535, 0, 2048, 4095], "uint16"), no_data=65535).ravel().tolist() == [0, 0, 128, 255]
    assert levels(row([0, 2048, 4095], "uint16"), no_data=-1.5).ravel().tolist() == [0, 128, 255]
    inverted = eight_bits(row([NAN, 0, 1, INF], "float32"), 0, 1, inverted=True)
    assert inverted.ravel().tolist() == [0, 255, 0, 0]
    for nothing in (row([NAN] * 3, "float32"), row([INF, -INF, NAN], "float64")):
        assert "none of its numbers is finite" in find_range(nothing).note
    assert find_range(row([7, 7], "int32"), no_data=7).note


@pytest.mark.parametrize("hot", [1.02, 1.7, 40.0, 255.0, 1e6, 3e38])
def test_one_hot_number_in_a_tiny_image(hot: float) -> None:
    assert np.abs(levels(row([0.1, 0.9, 0.4, hot], "float32")).ravel().astype(int) - [26, 230, 102, 255]).max() <= 1


@pytest.mark.parametrize("hot", [255.4, 270.0, 400.0, 1e6])
def test_one_hot_number_above_255(hot: float) -> None:
    assert levels(row([20, 200, 90, hot], "float32")).ravel().tolist() == [20, 200, 90, 255]


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([4000, 2000, 0, 65535], "uint16", [249, 125, 0, 255]),
        ([20, 200, 90, 70_000], "int32", [20, 200, 90, 255]),
        ([4000, 2000, 0, -99_999], "int32", [249, 125, 0, 0]),
        ([0.2, 0.5, 1.0, -9999], "float32", [51, 128, 255, 0]),
        ([3, 4, 65535], "uint16", [0, 0, 255]),
        ([0, 4096, 65535], "uint16", [0, 16, 255]),
        ([0, 16384, 65535], "uint16", [0, 64, 255]),
        ([0, 0, 65535], "uint16", [0, 0, 255]),
        ([5, 65535], "uint16", [0, 255]),
        ([-(2**31), 0, 2**31 - 1], "int32", [0, 128, 255]),
    ],
)
def test_one_number_far_from_the_others_in_a_tiny_image(values: list[int], dtype: str, expected: list[int]) -> None:
    assert np.abs(levels(row(values, dtype)).ravel().astype(int) - expected).max() <= 1


TYPES = st.sampled_from(["uint16", "int16", "int32", "uint32", "float32", "float64"])


@st.composite
def images(draw: st.DrawFn) -> NDArray:
    """At least 16 pixels, two of which are the brightest, so that no lone pixel decides the step."""
    dtype = np.dtype(draw(TYPES))
    shape = draw(st.tuples(st.integers(4, 7), st.integers(4, 7), st.sampled_from([1, 3])))
    top = draw(st.sampled_from([1, 255, 1000, 4095, 30_000] if dtype.kind != "f" else [1e-4, 1, 255, 4095, 1e6]))
    share = draw(arrays(np.float64, shape, elements=st.floats(0, 1)))
    image = (share * top).astype(dtype)
    image[0, :2] = top
    return image


@given(images(), st.integers(1, 3), st.integers(0, 3), st.booleans())
def test_a_hot_or_dead_pixel_changes_no_other(image: NDArray, y: int, x: int, dead: bool) -> None:
    before = levels(image)
    spoilt = image.copy()
    limits = np.finfo(image.dtype) if image.dtype.kind == "f" else np.iinfo(image.dtype)
    spoilt[y, x] = limits.min if dead else limits.max
    after = levels(spoilt)
    others = np.ones(image.shape[:2], bool)
    others[y, x] = False
    assert (after[others] == before[others]).all()
    assert (after[y, x] == (0 if dead else 255)).all()


@given(images())
def test_brighter_stays_brighter_and_the_arithmetic_is_plain(image: NDArray) -> None:
    shown = levels(image)
    order = np.argsort(image, axis=None)
    assert (np.diff(shown.ravel()[order].astype(int)) >= 0).all()
    found = find_range(image)
    assert np.abs(shown - expected(image, found.low, found.high)).max() <= 1
    assert np.abs(eight_bits(image, found.low, found.high, inverted=True) + shown.astype(int) - 255).max() <= 1


@given(images(), st.sampled_from([1, 255, 4095]))
def test_channels_share_one_range(image: NDArray, factor: int) -> None:
    colours = np.concatenate([image[..., :1]] * 3, axis=-1)
    assert (levels(colours) == levels(image[..., :1])).all()


@given(arrays(np.int64, (5, 5, 1), elements=st.integers(0, 2**14 - 1)))
def test_integers_mean_the_same_in_every_type(values: NDArray[np.int64]) -> None:
    shown = [levels(values.astype(dtype)) for dtype in ("uint16", "int16", "uint32", "int32", "uint64")]
    assert all((other == shown[0]).all() for other in shown)


@pytest.mark.parametrize("dtype", ["uint16", "int32", "float32"])
@pytest.mark.parametrize("scale", [1, 200, 4000, 60_000])
def test_twenty_pictures_stay_twenty(dtype: str, scale: int) -> None:
    rng = np.random.default_rng(0)
    pictures = [levels((rng.random((8, 8, 1)) * (scale + 0.999)).astype(dtype)).tobytes() for _ in range(20)]
    assert len(set(pictures)) == 20


def test_a_dark_picture_of_a_camera_stays_darker_than_a_bright_one() -> None:
    rng = np.random.default_rng(1)
    bright, dark = (rng.integers(top // 4, top, (32, 32, 1)).astype("uint16") for top in (4000, 1500))
    assert levels(dark).mean() < 0.5 * levels(bright).mean()


def test_only_a_part_of_a_large_image_is_copied_at_a_time() -> None:
    image = np.zeros((4000, 4000, 1), np.uint16)  # 32 MB
    tracemalloc.start()
    try:
        levels(image)
        assert tracemalloc.get_traced_memory()[1] < 16e6 + 60e6
    finally:
        tracemalloc.stop()


def test_an_image_without_no_data_is_not_compared_with_none_number_by_number() -> None:
    image = np.zeros((1000, 1000, 1), np.uint16)

    def seconds(no_data: float | None) -> float:
        times = []
        for _ in range(5):
            start = time.process_time()
            eight_bits(image, 0, 255, no_data=no_data)
            times.append(time.process_time() - start)
        return min(times)

    assert seconds(None) < 2 * seconds(-9999.0)
