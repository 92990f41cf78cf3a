"""The checks at the door: what passes unchanged, and what a mistake reads like."""

import fractions
from pathlib import Path

import numpy as np
import pytest

from usl_core.errors import UslError
from usl_core.types import Features, ImageSet, Neighbors
from usl_core.validation import (
    class_ids,
    finite_matrix,
    index_set,
    real_number,
    same_images,
    unit_rows,
    whole_number,
)


def _random(n: int = 6, d: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def test_unit_rows_passes_fitting_memory_through():
    fitting = unit_rows(_random())
    assert unit_rows(fitting) is fitting
    assert fitting.dtype == np.float32
    assert fitting.flags.c_contiguous


def test_features_pass_through():
    values = unit_rows(_random())
    images = ImageSet(root=Path(), paths=("a",) * 6, digests=("0",) * 6, fingerprint="f")
    assert unit_rows(Features(values=values, fingerprint="f", encoder="e", images=images)) is values


def test_unit_rows_have_length_one_and_the_old_direction():
    raw = _random() * np.array([[1e-20], [1e-3], [1.0], [7.0], [1e9], [1e20]])
    unit = unit_rows(raw).astype(np.float64)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(unit, raw / np.linalg.norm(raw, axis=1, keepdims=True), atol=1e-6)


@pytest.mark.parametrize("scale", [1e-44, 1e-38, 1e-20, 1e20, 1e38])
def test_unit_rows_neither_over_nor_underflows(scale):
    np.testing.assert_allclose(unit_rows(np.full((3, 4), scale)), 0.5, atol=1e-6)


def test_a_unit_row_stays_as_it_is_beside_others():
    rows = _random()
    rows[2] = [1 + 5e-5, 0, 0, 0]
    assert unit_rows(rows)[2].tolist() == np.float32([1 + 5e-5, 0, 0, 0]).tolist()


def test_unit_rows_leaves_its_input_alone():
    rows = (_random() * 5).astype(np.float32)
    before = rows.copy()
    unit_rows(rows)
    np.testing.assert_array_equal(rows, before)


@pytest.mark.parametrize(
    "values",
    [[[1, 2], [3, 4]], np.eye(3, dtype=bool), np.eye(3, dtype=np.float16), np.asfortranarray(_random()), _random()[::2]],
)
def test_unit_rows_takes_any_numeric_layout(values):
    unit = unit_rows(values)
    expected = np.asarray(values, dtype=np.float64)
    np.testing.assert_allclose(unit, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)
    assert unit.flags.c_contiguous


BAD_FEATURES = [
    (np.zeros(4), r"features must have shape \(n, d\).*shape is \(4,\)"),
    (np.zeros((2, 3, 4)), r"\(n, d\).*\(2, 3, 4\)"),
    (np.zeros((0, 3)), r"n >= 1.*\(0, 3\)"),
    (np.zeros((3, 0)), r"d >= 1.*\(3, 0\)"),
    (5, r"\(n, d\).*\(\)"),
    (None, r"features must be a rectangular array of real numbers.*object"),
    ([["a", "b"]], r"rectangular array of real numbers.*<U1"),
    ([[1, 2], [3]], r"rectangular array of real numbers"),
    (np.ones((2, 2)) * 1j, r"real numbers.*complex128"),
    ([[1, np.nan], [np.inf, 1], [1, 1]], r"features must be finite, but 2 of 3 rows are not; the first is row 0"),
    ([[1, 1], [1e39, 1]], r"finite, but 1 of 2 rows.*row 1"),
    ([[1, 1], [0, 0], [0, 0]], r"row 1 of the features is all zeros.*remove that image"),
    ([[1.0, 0.0], [0.0, -0.0]], r"row 1 of the features is all zeros"),
]


@pytest.mark.parametrize(("values", "message"), BAD_FEATURES)
def test_bad_features(values, message):
    with pytest.raises(UslError, match=message):
        unit_rows(values)


def test_finite_matrix_names_what_it_checks():
    with pytest.raises(UslError, match="map coordinates must have shape"):
        finite_matrix([1, 2], "map coordinates")
    assert finite_matrix([[0, 0]]).tolist() == [[0, 0]]


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers(value):
    number = whole_number(value, "budget", 1, 3)
    assert number == 3
    assert type(number) is int


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3.0, "budget must be a whole number but is 3.0"),
        ("3", "budget must be a whole number but is '3'"),
        (True, "budget must be a whole number but is True"),
        (np.bool_(True), "budget must be a whole number but is"),
        (None, "budget must be a whole number but is None"),
        (0, r"budget must be in \[1, 320\] \(images\) but is 0"),
        (321, r"budget must be in \[1, 320\] \(images\) but is 321"),
        (-(10**30), r"budget must be in \[1, 320\] \(images\) but is -1000"),
    ],
)
def test_bad_whole_numbers(value, message):
    with pytest.raises(UslError, match=message):
        whole_number(value, "budget", 1, 320, "images")


def test_a_bound_without_a_top():
    assert whole_number(10**30, "seed", 0) == 10**30
    with pytest.raises(UslError, match="seed must be at least 0 but is -1"):
        whole_number(-1, "seed", 0)


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), fractions.Fraction(1, 2)])
def test_real_numbers(value):
    number = real_number(value, "weight", 0, 1)
    assert number == 0.5
    assert type(number) is float


@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        (float("nan"), {"low": 0}, "w must be a finite number but is nan"),
        (float("inf"), {"low": 0}, "w must be a finite number but is inf"),
        (10**400, {"low": 0}, "w must be a finite number but is 1000"),
        ("1", {"low": 0}, "w must be a finite number but is '1'"),
        (True, {"low": 0}, "w must be a finite number but is True"),
        (1j, {"low": 0}, "w must be a finite number"),
        (None, {"low": 0}, "w must be a finite number but is None"),
        (-0.1, {"low": 0}, "w must be at least 0 but is -0.1"),
        (0, {"low": 0, "open_low": True}, "w must be above 0 but is 0"),
        (1.5, {"low": 0, "high": 1}, r"w must be in \[0, 1\] but is 1.5"),
        (0, {"low": 0, "high": 1, "open_low": True}, r"w must be in \(0, 1\] but is 0"),
    ],
)
def test_bad_real_numbers(value, options, message):
    with pytest.raises(UslError, match=message):
        real_number(value, "w", **options)


@pytest.mark.parametrize(
    ("indices", "expected"),
    [
        (None, []),
        ([], []),
        (np.empty(0), []),
        ([3, 1, 3], [1, 3]),
        ({4, 0}, [0, 4]),
        (range(2), [0, 1]),
        ((i for i in (2, 1)), [1, 2]),
        (np.array([4], dtype=np.uint8), [4]),
    ],
)
def test_index_sets_are_sorted_and_distinct(indices, expected):
    result = index_set(indices, 5, "labelled")
    assert result.tolist() == expected
    assert result.dtype == np.int64


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([5], r"labelled must hold indices in \[0, 4\] but holds 5"),
        ([0, -1], r"labelled must hold indices in \[0, 4\] but holds -1"),
        ([1.0], r"labelled must be a list of image indices \(whole numbers\) but is \[1.0\]"),
        ([True, False, True, False, False], "labelled must be a list of image indices"),
        ("12", "labelled must be a list of image indices.*'12'"),
        (3, "labelled must be a list of image indices.*3"),
        (np.array(3), "labelled must be a list of image indices"),
        ([[1], [2]], "labelled must be a list of image indices"),
        ([[1], [2, 3]], "labelled must be a list of image indices"),
        ([10**30], "labelled must be a list of image indices"),
        ([None], "labelled must be a list of image indices"),
    ],
)
def test_bad_index_sets(indices, message):
    with pytest.raises(UslError, match=message):
        index_set(indices, 5, "labelled")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], r"labels must have one entry per image \(3\) but has 2"),
        ([0.0, 1.0, 2.0], "labels must be one whole number per image.*float64"),
        (["a", "b", "c"], "labels must be one whole number per image"),
        ([[0], [1], [2]], r"labels must be one whole number per image but has shape \(3, 1\)"),
        ([[0], [1, 2], [2]], "labels must be one whole number per image"),
        (5, r"labels must be one whole number per image but has shape \(\)"),
    ],
)
def test_bad_class_ids(labels, message):
    with pytest.raises(UslError, match=message):
        class_ids(labels, 3)


def test_class_ids_are_a_copy():
    labels = np.array([2, 0, 1])
    result = class_ids(labels, 3)
    result[0] = 9
    assert labels[0] == 2


def test_a_graph_must_be_one_and_belong():
    graph = Neighbors(indices=np.array([[1], [0]], dtype=np.int32), distances=np.ones((2, 1), dtype=np.float32))
    assert same_images(graph, 2) is graph
    with pytest.raises(UslError, match="neighbors must belong to the same 3 images but holds 2"):
        same_images(graph, 3)
    with pytest.raises(UslError, match="neighbors must be what find_neighbors returns but is a ndarray"):
        same_images(np.ones((3, 3)), 3)
