"""ActiveFT: its slope against torch's, its steps against torch's Adam, and what becomes of points and images."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import usl_core as usl
from usl_core.errors import UslError
from usl_core.selection.activeft import ActiveftParams, slope_and_loss


def unit(n: int, d: int, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def loss_of(x: torch.Tensor, points: torch.Tensor, fixed: torch.Tensor, temperature: float) -> torch.Tensor:
    """The formula, image by image; likeness is a cosine."""
    both = torch.cat([points / points.norm(dim=1, keepdim=True), fixed])
    owner = (x @ both.T).argmax(1)
    total = x.new_zeros(())
    for row, own in zip(x, owner, strict=True):
        if own >= len(points):
            continue
        here = (row @ both[own] / temperature).exp()
        apart = (both.detach() @ both[own] / temperature).exp().sum()
        total = total - (here / (here + apart)).log()
    return total / len(x)


@pytest.mark.parametrize("n_fixed", [0, 3])
@pytest.mark.parametrize("seed", range(4))
def test_the_slope_is_that_of_the_loss(seed, n_fixed):
    x, points, fixed = unit(50, 6, seed), unit(5, 6, seed + 10), unit(n_fixed, 6, seed + 20)
    of = torch.from_numpy(points).double().requires_grad_()
    loss = loss_of(torch.from_numpy(x).double(), of, torch.from_numpy(fixed).double(), 0.2)
    loss.backward()
    slope, found = slope_and_loss(x, points, fixed, 0.2)
    assert found == pytest.approx(loss.item(), rel=1e-6)
    assert of.grad is not None
    np.testing.assert_allclose(slope, of.grad.numpy(), atol=2e-6)


def test_a_low_temperature_does_not_overflow():
    slope, loss = slope_and_loss(unit(40, 4), unit(6, 4, 1), unit(0, 4), 0.001)
    assert np.isfinite(slope).all()
    assert np.isfinite(loss)


def test_the_picks_are_those_of_adam_on_the_formula():
    x, budget, params = unit(60, 5, 3), 6, ActiveftParams(n_steps=25, learning_rate=0.02, temperature=0.1)
    start = np.random.default_rng(4).choice(np.arange(60), budget, replace=False)
    points = torch.from_numpy(x[start]).double().requires_grad_()
    adam = torch.optim.Adam([points], lr=0.02)
    values, none = torch.from_numpy(x).double(), torch.zeros(0, 5, dtype=torch.float64)
    for _ in range(25):
        adam.zero_grad()
        loss_of(values, points, none, 0.1).backward()
        adam.step()
        with torch.no_grad():
            points /= points.norm(dim=1, keepdim=True)
    likeness = (values @ points.detach().T).numpy()
    sizes = np.bincount(likeness.argmax(axis=1), minlength=budget)
    wanted: list[int] = []
    for point in np.argsort(-sizes, kind="stable"):
        wanted.append(next(int(row) for row in np.argsort(-likeness[:, point], kind="stable") if row not in wanted))
    assert usl.select(x, budget, "activeft", params, seed=4).indices.tolist() == wanted


def test_without_steps_the_picks_are_the_random_images():
    x = unit(40, 8)
    found = usl.select(x, 7, "activeft", ActiveftParams(n_steps=0), seed=5)
    assert sorted(found.indices) == sorted(np.random.default_rng(5).choice(40, 7, replace=False))


def test_points_go_where_images_are():
    centers = np.eye(4, dtype=np.float32)
    x = np.repeat(centers, 25, axis=0) + 0.05 * unit(100, 4)
    found = usl.select(x, 4, "activeft", ActiveftParams(n_steps=300, learning_rate=0.02), seed=1)
    assert len({int(row) // 25 for row in found.indices}) == 4


def test_labelled_images_push_and_vetoed_ones_are_never_picked():
    x = np.repeat(np.eye(3, dtype=np.float32), 20, axis=0) + 0.05 * unit(60, 3)
    found = usl.select(
        *(x, 2, "activeft", ActiveftParams(n_steps=300, learning_rate=0.02)),
        labelled=range(5),
        vetoed=range(25, 40),
        seed=0,
    )
    assert sorted(int(row) // 20 for row in found.indices) == [1, 2]
    assert not set(found.indices.tolist()) & ({*range(5)} | {*range(25, 40)})


@pytest.mark.parametrize("n", [1, 2, 3])
def test_hardly_any_images(n):
    assert sorted(usl.select(unit(n, 3), n, "activeft").indices.tolist()) == list(range(n))
    assert sorted(usl.select(np.ones((n, 3)), n, "activeft").indices.tolist()) == list(range(n))
    assert sorted(usl.select(np.ones((n, 1)), n, "activeft").indices.tolist()) == list(range(n))


def test_the_same_seed_gives_the_same_picks():
    x = unit(80, 6)
    one, same, other = (usl.select(x, 9, "activeft", seed=seed).indices.tolist() for seed in (1, 1, 2))
    assert one == same
    assert one != other


@pytest.mark.parametrize("change", [{"temperature": 0}, {"learning_rate": -1}, {"n_steps": -1}])
def test_settings_out_of_range(change):
    with pytest.raises(UslError, match=next(iter(change))):
        ActiveftParams(**change)
