"""The renderer of the `shapes` demo: deterministic, long-tailed, with the flaws it promises."""

import numpy as np
import pytest

from tools import shapes
from tools.shape_outlines import OUTLINES


@pytest.fixture(scope="module")
def small_collection() -> list[shapes.ShapeImage]:
    """The real recipe with small classes, so that drawing it takes half a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shapes, "LARGEST_CLASS", 60)
        patch.setattr(shapes, "SMALLEST_CLASS", 6)
        patch.setattr(shapes, "OUTLIER_SHARE", 0.05)
        return list(shapes.render_shapes(seed=3))


def _of_kind(collection: list[shapes.ShapeImage], kind: str) -> list[shapes.ShapeImage]:
    return [image for image in collection if image.kind == kind]


def test_sizes_fall_from_a_quarter_to_half_a_percent():
    sizes = np.array(list(shapes.class_sizes().values()))
    assert sizes[0] / sizes.sum() == pytest.approx(0.25, abs=0.01)
    assert sizes[-1] / sizes.sum() == pytest.approx(0.005, abs=0.0005)
    assert (np.diff(sizes) < 0).all()
    assert (sizes[-1] >= 12) & (2200 < sizes.sum() < 2400)


def test_every_class_has_an_outline_and_a_hue():
    assert set(shapes.CLASSES) == set(OUTLINES)
    assert len(shapes._HUES) == len(set(shapes.CLASSES)) == 12


def test_pictures_are_small_byte_images(small_collection):
    for image in small_collection:
        assert image.pixels.shape == (64, 64, 3)
        assert image.pixels.dtype == np.uint8


def test_equal_generators_draw_equal_pictures_and_others_differ():
    first, again, other = (shapes.draw_shape("star", np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.5


def test_a_longer_class_leaves_the_pictures_before_it_alone(small_collection, monkeypatch):
    monkeypatch.setattr(shapes, "LARGEST_CLASS", 6)
    monkeypatch.setattr(shapes, "SMALLEST_CLASS", 3)
    shorter = _of_kind(list(shapes.render_shapes(seed=3)), "plain")
    for name in shapes.CLASSES:
        ours = [image.pixels for image in shorter if image.class_name == name]
        theirs = [image.pixels for image in _of_kind(small_collection, "plain") if image.class_name == name]
        np.testing.assert_array_equal(ours, theirs[: len(ours)])


def test_plain_pictures_are_all_different(small_collection):
    plain = _of_kind(small_collection, "plain")
    assert len({image.pixels.tobytes() for image in plain}) == len(plain)


def test_duplicates_equal_a_plain_picture_of_their_class(small_collection):
    plain = {(image.class_name, image.pixels.tobytes()) for image in _of_kind(small_collection, "plain")}
    duplicates = _of_kind(small_collection, "duplicate")
    assert len(duplicates) == shapes.N_DUPLICATES
    assert all((image.class_name, image.pixels.tobytes()) in plain for image in duplicates)


def test_near_duplicates_are_near_but_not_equal(small_collection):
    plain = _of_kind(small_collection, "plain")
    pixels = np.stack([image.pixels for image in plain]).astype(np.float32)
    for image in _of_kind(small_collection, "near-duplicate"):
        gaps = np.abs(pixels - image.pixels).mean(axis=(1, 2, 3))
        nearest, second = np.partition(gaps, 1)[:2]
        assert 0 < nearest < 0.7 * second
        assert plain[gaps.argmin()].class_name == image.class_name


def test_outliers_come_in_all_kinds(small_collection):
    outliers = _of_kind(small_collection, "outlier")
    assert len(outliers) >= len(shapes._OUTLIERS)
    assert any(not image.pixels.any() for image in outliers)  # black
    assert any(image.pixels.std() > 70 for image in outliers)  # noise
    inverted = {(255 - image.pixels).tobytes() for image in outliers}
    assert inverted & {image.pixels.tobytes() for image in _of_kind(small_collection, "plain")}


@pytest.mark.parametrize("name", shapes.CLASSES)
def test_a_mask_covers_its_shape_with_soft_edges(name):
    mask = shapes._mask(OUTLINES[name], 24.0 * np.eye(2), np.array([32.0, 32.0]))[..., 0]
    assert mask[0].max() == mask[-1].max() == mask[:, 0].max() == mask[:, -1].max() == 0
    assert 0.15 < mask.mean() < 0.5
    assert ((mask > 0.1) & (mask < 0.9)).sum() > 20
    assert ((mask > 0.9).sum() > (mask > 0.1).sum() / 2) or name == "spiral"


def test_a_ring_has_a_hole_and_a_circle_has_none():
    ring, circle = (shapes._mask(OUTLINES[name], 20.0 * np.eye(2), np.array([32.0, 32.0])) for name in ("ring", "circle"))
    assert ring[32, 32] == 0
    assert circle[32, 32] == 1


@pytest.mark.parametrize(
    ("colour", "expected"), [((1, 0, 0), (1, 1, 1)), ((0, 0, 0), (0, 0, 0)), ((0.62796, 0.25768, 29.234), (1, 0, 0))]
)
def test_oklch_of_white_black_and_red(colour, expected):
    np.testing.assert_allclose(shapes.oklch(*colour), expected, atol=2e-3)
