"""The last layer of the small encoders: what it makes of what a network sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from usl_core.encoders import whitening
from usl_core.encoders.small import SMALL_NETWORKS, new_network
from usl_core.encoders.whitening import FEWEST_AXES, Stage, fit_whitening, plain, pool_stages, with_whitening

STAGES = (Stage(layer=0, grid=2, channels=3), Stage(layer=2, grid=1, channels=8))
WIDTH = 20


def correlated(n: int, seed: int = 0) -> np.ndarray:
    """(n, 20) of full rank, with variances from 1 to 100 and means far from 0."""
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((n, WIDTH)) * np.geomspace(1, 10, WIDTH) @ rng.standard_normal((WIDTH, WIDTH))
    return (mixed + rng.uniform(-50, 50, WIDTH)).astype(np.float32)


def features(fitted, pooled):
    """Before they are made unit vectors."""
    return (pooled.astype(np.float64) - fitted.mean) @ fitted.axes


def test_whitened_features_vary_alike_in_all_directions_and_are_uncorrelated(monkeypatch):
    monkeypatch.setattr(whitening, "POWER", 1.0)
    pooled = correlated(2000)
    values = features(fit_whitening(pooled, STAGES, 6), pooled)
    assert values.mean(axis=0) == pytest.approx(0, abs=1e-3)
    assert np.cov(values.T) == pytest.approx(np.eye(6), abs=1e-3)


def test_the_axes_are_the_principal_ones_of_stages_that_count_alike():
    pooled = correlated(2000).astype(np.float64)
    x = pooled - pooled.mean(axis=0)
    x[:, :12] /= np.sqrt((x[:, :12] ** 2).sum(axis=1).mean())
    x[:, 12:] /= np.sqrt((x[:, 12:] ** 2).sum(axis=1).mean())
    variances, vectors = np.linalg.eigh(np.cov(x.T))
    expected = x @ vectors[:, ::-1][:, :6] / variances[::-1][:6] ** 0.25
    values = features(fit_whitening(pooled.astype(np.float32), STAGES, 6), pooled)
    signs = np.sign((values * expected).sum(axis=0))
    assert values * signs == pytest.approx(expected, abs=1e-3)
    assert np.cov(values.T) == pytest.approx(np.diag(np.sqrt(variances[::-1][:6])), abs=1e-3), "half the way to the same"


def test_a_stage_counts_the_same_whatever_its_unit():
    pooled = correlated(500)
    larger = pooled.copy()
    larger[:, :12] *= 1000
    one, other = (features(fit_whitening(x, STAGES, 6), x) for x in (pooled, larger))
    assert np.abs(one) == pytest.approx(np.abs(other), abs=1e-2)


def test_features_are_unit_vectors():
    pooled = correlated(100)
    assert np.linalg.norm(fit_whitening(pooled, STAGES, 6)(pooled), axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("n", "kept"), [(400, 20), (160, 20), (144, 18), (128, 16), (17, 16), (10, 9), (2, 1)])
def test_few_images_have_few_axes(n: int, kept: int):
    fitted = fit_whitening(correlated(n), STAGES, 20)
    assert fitted.axes.shape == (WIDTH, 20)
    assert np.count_nonzero(fitted.axes.any(axis=0)) == kept
    assert kept <= max(FEWEST_AXES, n // 8)
    assert np.isfinite(fitted.axes).all()


def test_directions_in_which_nothing_varies_are_not_made_loud():
    pooled = correlated(400)
    pooled[:, 5:] = pooled[:, :1] + 7
    fitted = fit_whitening(pooled, STAGES, 20)
    assert np.count_nonzero(fitted.axes.any(axis=0)) == 5
    assert np.isfinite(fitted(pooled)).all()


def test_a_dead_stage_is_left_out():
    pooled = correlated(400)
    pooled[:, :12] = 3
    fitted = fit_whitening(pooled, STAGES, 8)
    assert not fitted.axes[:12].any()
    assert fitted.axes[12:].any(axis=0).all()


@pytest.mark.parametrize("pooled", [np.full((30, WIDTH), 3, np.float32), correlated(1)])
def test_images_that_are_all_alike_keep_the_last_stage_as_it_is(pooled: np.ndarray):
    fitted = fit_whitening(pooled, STAGES, 8)
    assert np.array_equal(fitted.axes, plain(STAGES, 8).axes)
    assert fitted(pooled) == pytest.approx(pooled[:, 12:] / np.linalg.norm(pooled[:, 12:], axis=1, keepdims=True))


@pytest.mark.parametrize("name", SMALL_NETWORKS)
def test_stages_are_where_the_table_says_and_the_last_is_the_networks_output(name: str):
    facts, network = SMALL_NETWORKS[name], new_network(name, 0).eval()
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        pooled = pool_stages(network, facts.stages, x)
        assert pooled.shape == (2, sum(stage.width for stage in facts.stages))
        own = network(x)
        assert own.shape == (2, facts.width)
        assert torch.allclose(pooled[:, -facts.width :], own, atol=1e-6)
        assert torch.allclose(with_whitening(network, facts.stages, facts.dim).eval()(x), own[:, -facts.dim :], atol=1e-6)


def test_the_layer_in_a_network_is_the_map_that_was_fitted():
    facts, network = SMALL_NETWORKS["mini"], new_network("mini", 0).eval()
    x = torch.randn(40, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        pooled = pool_stages(network, facts.stages, x).numpy()
        fitted = fit_whitening(pooled, facts.stages, facts.dim)
        whole = with_whitening(network, facts.stages, facts.dim).eval()
        whole.load_state_dict({"mean": torch.from_numpy(fitted.mean), "axes": torch.from_numpy(fitted.axes)}, strict=False)
        values = whole(x).numpy()
    assert values / np.linalg.norm(values, axis=1, keepdims=True) == pytest.approx(fitted(pooled), abs=1e-3)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        half = whole(x)
    assert half.dtype == torch.float32
