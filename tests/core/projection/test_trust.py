"""Trustworthiness against the formula and scikit-learn's."""

import numpy as np
import pytest
from sklearn.manifold import trustworthiness as sklearn_trustworthiness

from usl_core import project, trustworthiness
from usl_core.errors import UslError
from usl_core.projection import trust

from .test_project import _points


@pytest.mark.parametrize("k", [1, 5, 15, 29])
@pytest.mark.parametrize("n", [60, 150])
def test_trustworthiness_equals_sklearn(n, k):
    x = _points(n)
    for xy in (project(x, method="pca"), np.random.default_rng(1).normal(size=(n, 2)), x[:, -2:]):
        expected = sklearn_trustworthiness(x.astype(np.float64), xy, n_neighbors=k)
        assert trustworthiness(x, xy, k) == pytest.approx(expected, abs=1e-6)


def test_trustworthiness_of_a_sample_is_near_that_of_all(monkeypatch):
    x = _points(400)
    xy = project(x, method="pca")
    whole = trustworthiness(x, xy)
    monkeypatch.setattr(trust, "TRUST_SAMPLE", 200)
    parts = [trustworthiness(x, xy, seed=seed) for seed in range(5)]
    assert len(set(parts)) == 5
    assert np.mean(parts) == pytest.approx(whole, abs=0.01)
    assert trustworthiness(x, xy, seed=3) == parts[3]


def test_trustworthiness_by_hand():
    """Three images on a circle: the map swaps the nearest with the farthest, once each."""
    angles = np.radians([0, 10, 30])
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert trustworthiness(x, [[0, 0], [1, 0], [3, 0]], 1) == 1
    # On the map 0-2 and 2-0 are nearest, in space 0-1 and 2-1: images 0 and 2 have an intruder of rank 2, image 1 has one too.
    assert trustworthiness(x, [[0, 0], [3, 0], [1, 0]], 1) == pytest.approx(1 - 2 / (3 * 1 * 2) * (1 + 1 + 1))


def test_copies_are_no_intruders():
    x = np.repeat(_points(10), 5, axis=0)
    xy = np.repeat(np.arange(10.0), 5)[:, None] * [1, 1] + 1e-3 * np.random.default_rng(0).normal(size=(50, 2))
    assert trustworthiness(x, xy, 4) == 1


def test_an_exact_map_is_trusted_and_noise_is_not():
    angles = np.linspace(0, 1.5, 80)
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert trustworthiness(x, x, 10) == 1
    noise = np.random.default_rng(0).normal(size=(80, 2))
    assert 0.3 < trustworthiness(x, noise, 10) < 0.7


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_images_to_misplace(n):
    assert trustworthiness(_points(n), np.zeros((n, 2))) == 1


@pytest.mark.parametrize("n", [3, 4, 5, 10, 31])
def test_trustworthiness_stays_in_range_for_any_k(n):
    rng = np.random.default_rng(n)
    for _ in range(5):
        assert 0 <= trustworthiness(_points(n, seed=n), rng.normal(size=(n, 2)), 10**6) <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"xy": np.zeros((59, 2))}, r"map coordinates must have one row per image \(60\) but have 59"),
        ({"xy": np.full((60, 2), np.nan)}, "map coordinates must be finite"),
        ({"xy": np.zeros(60)}, r"map coordinates must have shape \(n, d\)"),
        ({"n_neighbors": 0}, "n_neighbors must be at least 1 but is 0"),
        ({"n_neighbors": 1.5}, "n_neighbors must be a whole number but is 1.5"),
        ({"seed": -1}, "seed must be at least 0 but is -1"),
        ({"values": np.zeros((60, 2))}, "features is all zeros"),
    ],
)
def test_bad_arguments_of_trustworthiness(arguments, message):
    with pytest.raises(UslError, match=message):
        trustworthiness(**{"values": _points(), "xy": np.zeros((60, 2)), **arguments})
