"""The losses of USL-T against what the theory promises, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from usl_core.clustering.kmeans import kmeans
from usl_core.uslt import losses

KINDS = ("linear", "cosine", "neg_sq_l2")


def draw(*shape: int, seed: int = 0, scale: float = 1.0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(0, scale, shape))


def uniform(n: int) -> torch.Tensor:
    return torch.full((n,), 1 / n, dtype=torch.float64)


def global_of(z_target: torch.Tensor, z: torch.Tensor, *settings, **options) -> torch.Tensor:
    return losses.global_loss(z_target, losses.log_soft_assignment(z), *settings, **options)


def local_of(z_neighbor: torch.Tensor, z: torch.Tensor, *settings) -> torch.Tensor:
    return losses.local_loss(z_neighbor, losses.log_soft_assignment(z), *settings)


def gradient(loss, at: torch.Tensor) -> torch.Tensor:
    moving = at.clone().requires_grad_()
    (found,) = torch.autograd.grad(loss(moving), moving)
    return found


# ---------------------------------------------------------------- similarities


@pytest.mark.parametrize("kind", KINDS)
def test_similarities_are_what_they_say(kind):
    f, w, bias = draw(5, 3), draw(4, 3, seed=1), draw(4, seed=2)
    z = losses.similarities(f, w, bias, kind).numpy()
    for i in range(5):
        for c in range(4):
            a, b = f[i].numpy(), w[c].numpy()
            expected = {
                "linear": a @ b + bias[c].item(),
                "cosine": 40 * (a @ b) / (np.linalg.norm(a) * np.linalg.norm(b)),
                "neg_sq_l2": -((a - b) ** 2).sum(),
            }[kind]
            assert z[i, c] == pytest.approx(expected, abs=1e-12)


def test_cosine_of_a_zero_row_is_zero_and_not_nan():
    assert losses.similarities(torch.zeros(1, 3), torch.zeros(2, 3), None, "cosine").tolist() == [[0, 0]]


# ---------------------------------------------------------------- the global loss


def test_fact_1_the_global_loss_is_the_kmeans_objective_plus_the_log_sum_exp():
    f, c = draw(200, 6), draw(7, 6, seed=1)
    z = losses.similarities(f, c, None, "neg_sq_l2")
    squared = ((f[:, None] - c[None]) ** 2).sum(-1)
    objective = squared.amin(dim=1)
    log_sum_exp = torch.logsumexp(-squared, dim=1)
    got = global_of(z, z, 0.0) * len(f)
    assert got.item() == pytest.approx((objective + log_sum_exp).sum().item(), rel=1e-13)


def test_fact_1_every_assignment_is_that_of_the_nearest_centroid():
    f, c = draw(300, 4), draw(6, 4, seed=1)
    nearest = torch.cdist(f, c).argmin(dim=1)
    assert torch.equal(losses.hard_assignment(losses.similarities(f, c, None, "neg_sq_l2")), nearest)


def test_fact_1_its_minimiser_assigns_like_kmeans():
    rng = np.random.default_rng(0)
    angle = np.repeat(np.arange(5) * 2 * np.pi / 5, 40) + rng.normal(0, 0.08, 200)
    points = np.stack([np.cos(angle), np.sin(angle)], 1)
    clusters = kmeans(points, 5, seed=0)
    f = 6 * torch.from_numpy(points)  # far apart beside the softness of the softmax, so that the regulariser hardly matters
    c = 6 * torch.from_numpy(clusters.centroids.astype(np.float64))
    c = (c + draw(5, 2, seed=3, scale=0.8)).requires_grad_()
    optimiser = torch.optim.Adam([c], lr=0.05)
    for _ in range(400):
        z = losses.similarities(f, c, None, "neg_sq_l2")
        optimiser.zero_grad()
        global_of(z, z, 0.0).backward()
        optimiser.step()
    found = losses.hard_assignment(losses.similarities(f, c.detach(), None, "neg_sq_l2")).numpy()
    pairs = set(zip(found.tolist(), clusters.labels.tolist(), strict=True))
    assert len(pairs) == 5, "the two partitions are the same up to names"


def test_fact_3_raising_tau_only_removes_terms():
    weak, strong = draw(100, 5, scale=2), draw(100, 5, seed=1, scale=2)
    each = losses.kl_from_hard(losses.hard_assignment(weak), strong.log_softmax(-1))
    before, kept_before = np.inf, torch.ones(100, dtype=torch.bool)
    for tau in np.linspace(0, 1, 21):
        kept = losses.confident(losses.confidence(weak), tau)
        assert not (kept & ~kept_before).any()
        value = global_of(weak, strong, tau).item()
        assert value == pytest.approx(each[kept].sum().item() / 100)
        assert value <= before
        before, kept_before = value, kept


def test_strict_and_non_strict_differ_exactly_at_tau():
    z = torch.zeros(3, 4, dtype=torch.float64)
    top = losses.confidence(z)
    assert torch.allclose(top, torch.full((3,), 0.25, dtype=torch.float64))
    top = top.round(decimals=12)
    assert losses.confident(top, 0.25).all()
    assert not losses.confident(top, 0.25, strict=True).any()
    assert global_of(z, z, 0.26, strict=True).item() == 0
    assert global_of(z, z, 0.26, strict=True, normalise="masked", balance=True).item() == 0


@pytest.mark.parametrize("balance", [False, True])
@pytest.mark.parametrize("normalise", ["batch", "masked"])
def test_balance_and_normalisation_by_hand(balance, normalise):
    weak = torch.tensor([[9.0, 0, 0], [9, 0, 0], [9, 0, 0], [0, 9, 0], [0.1, 0, 0]], dtype=torch.float64)  # the last is unsure
    strong = draw(5, 3)
    terms = losses.kl_from_hard(torch.tensor([0, 0, 0, 1, 0]), strong.log_softmax(-1)).tolist()[:4]
    weights = [4 / 6] * 3 + [4 / 2] if balance else [1.0] * 4  # of three clusters two have sure images
    expected = sum(w * t for w, t in zip(weights, terms, strict=True)) / (4 if normalise == "masked" else 5)
    got = global_of(weak, strong, 0.9, balance=balance, normalise=normalise)
    assert got.item() == pytest.approx(expected)
    if balance:
        share = 1 if normalise == "masked" else 4 / 5
        assert got.item() == pytest.approx(share * (np.mean(terms[:3]) + terms[3]) / 2), "a mean over clusters"


def by_cluster(weak: torch.Tensor, strong: torch.Tensor, tau: float) -> tuple[list[float], float]:
    """The mean term of each cluster that has sure images, and the share of images that are sure: loops over NumPy arrays."""
    target = np.exp(weak.numpy()) / np.exp(weak.numpy()).sum(1, keepdims=True)
    made = np.exp(strong.numpy()) / np.exp(strong.numpy()).sum(1, keepdims=True)
    terms: dict[int, list[float]] = {}
    for before, after in zip(target, made, strict=True):
        if before.max() >= tau:
            terms.setdefault(int(before.argmax()), []).append(-np.log(after[before.argmax()]))
    return [float(np.mean(some)) for some in terms.values()], sum(map(len, terms.values())) / len(target)


@pytest.mark.parametrize("tau", [0.0, 0.5, 0.8, 0.99, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_balanced_clusters_are_averaged_and_the_released_code_adds_them_up(tau, seed):
    weak, strong = draw(60, 7, seed=seed, scale=3), draw(60, 7, seed=seed + 10, scale=2)
    means, share = by_cluster(weak, strong, tau)
    balanced = global_of(weak, strong, tau, balance=True).item()
    assert balanced == pytest.approx(share * np.mean(means or [0]), rel=1e-12)
    assert global_of(weak, strong, tau, balance=True, balance_sum=True).item() == pytest.approx(share * sum(means), rel=1e-12)
    masked = [global_of(weak, strong, tau, balance=True, balance_sum=add, normalise="masked").item() for add in (False, True)]
    assert masked == pytest.approx([np.mean(means or [0])] * 2, rel=1e-12)


@pytest.mark.parametrize("normalise", ["batch", "masked"])
def test_fact_3_holds_for_balanced_clusters_too_weights_average_one_over_the_sure(normalise):
    """With terms that are all alike, L_global is their value times the share of those that are kept, or simply their value."""
    weak = draw(100, 5, scale=2)
    log_soft = torch.full((100, 5), -2.0, dtype=torch.float64)
    before = np.inf
    for tau in np.linspace(0, 1, 21):
        kept = losses.confident(losses.confidence(weak), tau)
        value = losses.global_loss(weak, log_soft, tau, balance=True, normalise=normalise).item()
        share = kept.sum().item() / 100 if normalise == "batch" else float(kept.any())
        assert value == pytest.approx(2 * share, rel=1e-12)
        assert value <= before + 1e-12
        before = value


def test_balance_multiplies_by_nothing_however_many_clusters_there_are():
    for c in (2, 10, 50):
        weak = 9 * torch.eye(c, dtype=torch.float64).repeat(4, 1)  # four images to a cluster: balance has nothing to do
        strong = draw(4 * c, c)
        plain = global_of(weak, strong, 0.0).item()
        assert global_of(weak, strong, 0.0, balance=True).item() == pytest.approx(plain, rel=1e-12)
        assert global_of(weak, strong, 0.0, balance=True, balance_sum=True).item() == pytest.approx(c * plain, rel=1e-12)


# ---------------------------------------------------------------- adjustment, sharpening, the local loss


@pytest.mark.parametrize("t", [0.1, 0.25, 0.5, 1.0, 2.0])
def test_sharpening_after_the_softmax_is_the_softmax_of_scaled_logits(t):
    z = draw(50, 8, scale=3)
    power = z.softmax(-1) ** (1 / t)
    assert torch.allclose(losses.log_sharpened(z, t).exp(), power / power.sum(-1, keepdim=True), rtol=1e-10, atol=0)


def test_adjustment_is_minus_alpha_log_of_the_mean():
    z, mean = draw(6, 3), torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64)
    assert torch.equal(losses.adjusted(z, mean, 0.0), z)
    assert torch.allclose(losses.adjusted(z, mean, 5.0), z - 5 * mean.log())


def test_a_dead_cluster_does_not_make_the_target_nan():
    target = losses.log_local_target(draw(6, 3), torch.tensor([1.0, 0, 0], dtype=torch.float64), 5.0, 0.25).exp()
    assert torch.isfinite(target).all()
    assert torch.allclose(target.sum(-1), torch.ones(6, dtype=torch.float64))


def test_kl_of_a_row_with_itself_is_zero_and_zeros_are_allowed():
    z = draw(20, 5, scale=3)
    assert torch.allclose(
        losses.kl_from_soft(z.log_softmax(-1), z.log_softmax(-1)), torch.zeros(20, dtype=torch.float64), atol=1e-14
    )
    assert (losses.kl_from_soft(draw(20, 5, seed=1).log_softmax(-1), z.log_softmax(-1)) > 0).all()
    hard = torch.nn.functional.one_hot(losses.hard_assignment(z), 5).to(z.dtype)
    nearly = hard.clamp_min(1e-300).log()
    assert torch.allclose(
        losses.kl_from_soft(nearly, z.log_softmax(-1)), losses.kl_from_hard(losses.hard_assignment(z), z.log_softmax(-1))
    )


@pytest.mark.parametrize(("alpha", "pushes_back"), [(0.0, False), (1.0, True), (5.0, True)])
def test_fact_2_one_cluster_collapse(alpha, pushes_back):
    """Every image has the same large logit, and the running mean has followed."""
    z = torch.zeros(40, 6, dtype=torch.float64)
    z[:, 2] = 8.0
    mean = z.softmax(-1).mean(0)
    slope = gradient(lambda moving: local_of(z, moving, mean, alpha, 1.0), z)[:, 2]
    if pushes_back:
        assert (slope > 1e-4).all(), "a step against the gradient lowers the logit"
    else:
        assert slope.abs().max() < 1e-15, "nothing pushes back"
    sharper = gradient(lambda moving: local_of(z, moving, mean, alpha, 0.25), z)[:, 2]
    assert (sharper > 1e-4).all() if pushes_back else (sharper <= 0).all(), "sharpening alone only makes it worse"


@pytest.mark.parametrize(("t", "leaves"), [(0.25, True), (0.9, True), (1.0, False)])
def test_fact_2_near_uniform_collapse(t, leaves):
    z = draw(40, 6, scale=1e-3)
    slope = gradient(lambda moving: local_of(z, moving, uniform(6), 5.0, t), z)
    leading = slope.gather(1, losses.hard_assignment(z)[:, None])
    if leaves:
        assert (leading < 0).all(), "a step against the gradient raises the leading logit"
    else:
        assert slope.abs().max() < 1e-15


def test_fact_2_exactly_equal_logits_stand_still():
    z = torch.zeros(10, 6, dtype=torch.float64)
    for t in (0.25, 1.0):
        assert gradient(lambda moving, t=t: local_of(z, moving, uniform(6), 5.0, t), z).abs().max() < 1e-16


# ---------------------------------------------------------------- gradients and the running mean


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", ["global", "balanced", "local"])
def test_gradients_agree_with_finite_differences(kind, part):
    f, w, neighbor, weak = draw(6, 3), draw(4, 3, seed=1), draw(6, 4, seed=2), draw(6, 4, seed=3, scale=3)

    def loss(weight):
        z = losses.similarities(f, weight, None, kind)
        if part == "local":
            return local_of(neighbor, z, uniform(4), 2.0, 0.5)
        return global_of(weak, z, 0.3, balance=part == "balanced", normalise="masked")

    assert torch.autograd.gradcheck(loss, (w.requires_grad_(),))


def test_no_gradient_goes_through_targets():
    weak, neighbor = draw(6, 4).requires_grad_(), draw(6, 4, seed=1).requires_grad_()
    z = draw(6, 4, seed=2).requires_grad_()
    mean = losses.updated_mean(uniform(4), neighbor, 0.5)
    both = losses.total_loss(global_of(weak, z, 0.0), local_of(neighbor, z, mean, 5.0, 0.25), 2.0)
    both.backward()
    assert weak.grad is None
    assert neighbor.grad is None
    assert z.grad.abs().sum() > 0
    assert not mean.requires_grad


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_running_mean_stays_a_distribution(dtype):
    mean = uniform(7).to(dtype)
    for step in range(200):
        mean = losses.updated_mean(mean, draw(16, 7, seed=step, scale=10).to(dtype), 0.5)
        assert mean.dtype == dtype
        assert (mean >= 0).all()
        assert mean.sum().item() == pytest.approx(1, abs=1e-6)


def test_the_running_mean_by_hand():
    z = torch.log(torch.tensor([[0.8, 0.2], [0.4, 0.6]], dtype=torch.float64))
    assert losses.updated_mean(uniform(2), z, 0.25).tolist() == pytest.approx(
        [0.25 * 0.6 + 0.75 * 0.5, 0.25 * 0.4 + 0.75 * 0.5]
    )
    assert torch.equal(losses.updated_mean(uniform(2), z, 0.0), uniform(2))


def test_the_total_is_the_weighted_sum():
    assert losses.total_loss(torch.tensor(2.0), torch.tensor(3.0), 5.0).item() == 17


@pytest.mark.parametrize("normalise", ["batch", "masked"])
@pytest.mark.parametrize(("balance", "balance_sum"), [(False, False), (True, False), (True, True)])
def test_every_head_is_on_its_own(balance, balance_sum, normalise):
    weak, strong, near = (draw(50, 3, 4, seed=seed, scale=2) for seed in range(3))
    mean = draw(3, 4, seed=5).softmax(-1)
    options = {"balance": balance, "balance_sum": balance_sum, "normalise": normalise}
    together = global_of(weak, strong, 0.6, **options)
    local = local_of(near, strong, mean, 5.0, 0.25)
    moved = losses.updated_mean(mean, near, 0.5)
    assert together.shape == local.shape == (3,)
    for head in range(3):
        alone = global_of(weak[:, head], strong[:, head], 0.6, **options)
        assert together[head].item() == pytest.approx(alone.item(), rel=1e-12)
        alone = local_of(near[:, head], strong[:, head], mean[head], 5.0, 0.25)
        assert local[head].item() == pytest.approx(alone.item(), rel=1e-12)
        assert torch.allclose(moved[head], losses.updated_mean(mean[head], near[:, head], 0.5))
    assert losses.total_loss(together, local, 5.0).item() == pytest.approx((together + 5 * local).sum().item())
