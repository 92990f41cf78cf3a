"""USL-T on cached features: what it learns, that it repeats itself, and what it refuses."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest

import usl_core as usl
from usl_core.errors import Cancelled, UslError
from usl_core.types import Views
from usl_core.uslt.params import UsltParams
from usl_core.uslt.reports import EpochReport, most_confident
from usl_core.uslt.train import train_uslt

SHORT = UsltParams(n_epochs=4, n_neighbors=5, batch_size=64)


def blobs(n_blobs: int = 8, each: int = 60, d: int = 16, seed: int = 0, spread: float = 0.15):
    """Unit rows around well separated directions, and which one each belongs to."""
    rng = np.random.default_rng(seed)
    centers = np.linalg.qr(rng.normal(size=(d, d)))[0][:n_blobs]
    labels = np.repeat(np.arange(n_blobs), each)
    values = centers[labels] + rng.normal(0, spread / d**0.5, (len(labels), d))
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32), labels


def same(one, other) -> bool:
    numbers = ("epoch", "loss", "global_loss", "local_loss", "confident_share", "assignment_entropy")
    return (
        all(getattr(one, name) == getattr(other, name) for name in numbers)
        and np.array_equal(one.clusters, other.clusters)
        and np.array_equal(one.confidence, other.confidence)
        and np.array_equal(one.picks, other.picks)
    )


# ---------------------------------------------------------------- what it learns


@pytest.mark.parametrize("seed", range(10))
def test_separable_blobs_are_found_and_no_cluster_dies(seed):
    values, labels = blobs(seed=seed)
    last = train_uslt(values, 8, seed=seed, labels=labels).last
    assert last.purity >= 0.95
    assert last.n_alive == 8
    assert set(labels[last.picks]) == set(range(8))


@pytest.mark.parametrize("similarity", ["linear", "cosine", "neg_sq_l2"])
@pytest.mark.parametrize("projection", [0, 32])
def test_every_kind_of_head_learns(similarity, projection):
    values, labels = blobs()
    params = UsltParams(similarity=similarity, projection=projection, start="features", learning_rate=0.01)
    history = train_uslt(values, 8, params, labels=labels).history
    assert history[-1].nmi > 0.85
    assert history[-1].assignment_entropy < 0.7


@cache
def trained_on_digits(params: UsltParams, seed: int = 0) -> EpochReport:
    """The last epoch, with a budget of 40."""
    demo = usl.load_demo("digits")
    return train_uslt(demo.features, 40, params, seed=seed, neighbors=demo.neighbors).last


def test_without_logit_adjustment_clusters_die_and_without_sharpening_assignments_stay_uniform():
    settings = UsltParams(), UsltParams(adjust_strength=0.0), UsltParams(sharpen_temperature=1.0)
    good, no_adjustment, no_sharpening = map(trained_on_digits, settings)
    assert good.n_alive >= 38
    assert no_adjustment.n_alive <= 15
    assert no_sharpening.assignment_entropy > 0.95
    assert good.assignment_entropy < 0.7


def test_digits_are_covered_at_one_label_per_four_of_forty():
    labels = usl.load_demo("digits").images.labels
    covered = [len(set(labels[trained_on_digits(UsltParams(), seed).picks])) for seed in range(10)]
    assert sum(count == 10 for count in covered) >= 9, covered


# ---------------------------------------------------------------- it repeats itself


def test_the_same_seed_gives_the_same_training_and_another_seed_another():
    values, _ = blobs(4, 30)
    first, again, other = (train_uslt(values, 4, SHORT, seed=seed).history for seed in (1, 1, 2))
    assert all(map(same, first, again))
    assert not same(first[-1], other[-1])


@pytest.mark.parametrize("stopped_after", [1, 3])
def test_a_resumed_training_ends_like_an_uninterrupted_one(stopped_after):
    values, _ = blobs(4, 30)
    whole = train_uslt(values, 4, SHORT, seed=3)
    kept = {}

    def stop(report):
        if report.epoch == stopped_after:
            raise Cancelled("enough")

    seen = []
    with pytest.raises(Cancelled):
        train_uslt(
            values,
            4,
            SHORT,
            seed=3,
            on_state=lambda state: kept.update(state=state),
            on_epoch=lambda report: (seen.append(report), stop(report)),
        )
    resumed = train_uslt(values, 4, SHORT, seed=3, resume=(seen, kept["state"]))
    assert [report.epoch for report in resumed.history] == [1, 2, 3, 4]
    assert all(map(same, whole.history, resumed.history))
    assert all(np.array_equal(whole.state[name], resumed.state[name]) for name in whole.state)


def test_a_finished_training_resumes_to_itself():
    values, _ = blobs(4, 30)
    whole = train_uslt(values, 4, SHORT)
    again = train_uslt(values, 4, SHORT, resume=(whole.history, whole.state))
    assert all(map(same, whole.history, again.history))


def test_labels_and_vetoes_do_not_change_the_training_but_the_picks():
    values, labels = blobs(4, 30)
    plain = train_uslt(values, 4, SHORT)
    seen = train_uslt(values, 4, SHORT, labels=labels)
    assert np.array_equal(plain.last.picks, seen.last.picks)
    barred = train_uslt(values, 4, SHORT, vetoed=plain.last.picks)
    assert np.array_equal(barred.last.clusters, plain.last.clusters)
    assert not set(barred.last.picks) & set(plain.last.picks)
    assert len(set(barred.last.picks)) == 4


def test_the_steps_are_those_of_torchs_adam():
    import torch

    from usl_core.uslt.frozen import FrozenTraining

    values, _ = blobs(4, 30)
    taken = []
    real = FrozenTraining._descend

    def spy(self, loss):
        before = {name: tensor.detach().clone() for name, tensor in self._heads.tensors.items()}
        slopes = torch.autograd.grad(loss, list(self._heads.tensors.values()), retain_graph=True)
        real(self, loss)
        taken.append((before, slopes, {name: tensor.detach().clone() for name, tensor in self._heads.tensors.items()}))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FrozenTraining, "_descend", spy)
        train_uslt(values, 4, dataclasses.replace(SHORT, n_epochs=2, weight_decay=0.01))
    mirror = {name: tensor.requires_grad_() for name, tensor in taken[0][0].items()}
    adam = torch.optim.Adam(mirror.values(), lr=SHORT.learning_rate, weight_decay=0.01)
    for _, slopes, after in taken:
        for tensor, slope in zip(mirror.values(), slopes, strict=True):
            tensor.grad = slope
        adam.step()
        for name, tensor in mirror.items():
            assert torch.allclose(tensor, after[name], atol=1e-7)


# ---------------------------------------------------------------- reports


def test_reports_add_up():
    values, labels = blobs(4, 30)
    reports = []
    training = train_uslt(values, 4, SHORT, labels=labels, on_epoch=reports.append)
    assert tuple(reports) == training.history
    for at, report in enumerate(reports):
        assert report.epoch == at + 1
        assert report.loss == pytest.approx(report.global_loss + SHORT.local_weight * report.local_loss)
        assert report.sizes.sum() == len(values)
        assert report.n_alive == len(np.unique(report.clusters))
        assert 0 <= report.assignment_entropy <= 1 + 1e-6
        assert 0 <= report.confident_share <= 1
        assert report.confidence.min() >= 1 / 4 - 1e-6
        classes = [np.bincount(labels[report.clusters == c]) for c in range(4) if (report.clusters == c).any()]
        assert report.purity == pytest.approx(sum(count.max() for count in classes) / len(values))


def test_the_share_over_tau_counts_what_the_confidence_says():
    values, _ = blobs(4, 30)
    params = dataclasses.replace(SHORT, n_heads=1, confidence_threshold=0.6)
    last = train_uslt(values, 4, params).last
    assert last.confident_share == pytest.approx((last.confidence >= 0.6).mean(), abs=1e-6)


def test_progress_runs_from_zero_to_one():
    values, _ = blobs(4, 30)
    told = []
    train_uslt(values, 4, SHORT, on_progress=lambda fraction, note: told.append(fraction))
    assert told[0] == 0
    assert told[-1] == 1
    assert told == sorted(told)


# ---------------------------------------------------------------- views


def test_views_are_trained_on_and_not_only_looked_at():
    values, _ = blobs(4, 30)
    rng = np.random.default_rng(0)
    strong = values[:, None] + rng.normal(0, 0.05, (len(values), 4, values.shape[1]))
    strong /= np.linalg.norm(strong, axis=2, keepdims=True)
    views = Views(values=np.concatenate([values[:, None], strong], axis=1).astype(np.float32), fingerprint="x")
    with_views = train_uslt(values, 4, SHORT, views=views)
    without = train_uslt(values, 4, SHORT)
    assert with_views.notes == ()
    assert any("noise" in note for note in without.notes)
    assert with_views.last.loss != without.last.loss


@pytest.mark.parametrize(("shape", "said"), [((119, 5, 16), "same 120 images but hold 119"), ((120, 3, 16), "= 4 .* hold 2")])
def test_views_of_something_else_are_refused(shape, said):
    values, _ = blobs(4, 30)
    with pytest.raises(UslError, match=said):
        train_uslt(values, 4, SHORT, views=Views(values=np.zeros(shape, dtype=np.float32), fingerprint="x"))


# ---------------------------------------------------------------- picks


def brute_force(clusters, confidence, budget, eligible, labelled):
    taken = dict.fromkeys(np.unique(clusters), 0)
    for cluster in set(clusters[list(labelled)]):
        taken[cluster] = 1
    left = {c: sorted((i for i in eligible if clusters[i] == c), key=lambda i: (-confidence[i], i)) for c in taken}
    size = {c: int((clusters == c).sum()) for c in taken}
    picks = []
    while len(picks) < budget:
        best = min((c for c in left if left[c]), key=lambda c: (taken[c], -size[c], c))
        picks.append(left[best].pop(0))
        taken[best] += 1
    return picks


@pytest.mark.parametrize("seed", range(40))
def test_picks_are_what_taking_turns_by_hand_gives(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 30))
    clusters = rng.integers(0, rng.integers(1, 8), n).astype(np.int32)
    confidence = rng.integers(0, 4, n).astype(np.float32) / 4  # many ties
    labelled = np.flatnonzero(rng.random(n) < 0.2)
    eligible = np.setdiff1d(np.arange(n), labelled)
    if not len(eligible):
        return
    budget = int(rng.integers(1, len(eligible) + 1))
    picks = most_confident(clusters, confidence, budget, eligible, labelled)
    assert picks.tolist() == brute_force(clusters, confidence, budget, eligible, labelled)


def test_empty_clusters_are_filled_from_the_largest_by_confidence():
    clusters = np.array([0, 0, 0, 0, 2, 2])
    confidence = np.array([0.5, 0.9, 0.8, 0.7, 0.6, 0.99], dtype=np.float32)
    picks = most_confident(clusters, confidence, 4, np.arange(6), np.array([], dtype=np.int64))
    assert picks.tolist() == [1, 5, 2, 4]


# ---------------------------------------------------------------- bad input and hard cases


@pytest.mark.parametrize("n", [1, 2, 3])
def test_tiny_sets_and_k_beyond_them(n):
    values = np.eye(3, dtype=np.float32)[:n]
    training = train_uslt(values, n, UsltParams(n_epochs=2))
    assert sorted(training.last.picks) == list(range(n))
    assert any("k was reduced from 20" in note for note in training.notes)


def test_one_cluster_and_all_duplicates():
    values = np.tile(np.eye(1, 5, dtype=np.float32), (12, 1))
    last = train_uslt(values, 3, SHORT, labels=np.zeros(12, dtype=int)).last
    assert len(set(last.picks)) == 3
    assert last.purity == 1
    alone = train_uslt(values, 2, dataclasses.replace(SHORT, n_clusters=1)).last
    assert alone.n_alive == 1
    assert alone.assignment_entropy == 0
    assert len(set(alone.picks)) == 2


def test_more_clusters_than_images_are_refused():
    with pytest.raises(UslError, match=r"n_clusters \(C\) must be in \[1, 120\] \(images\) but is 121"):
        train_uslt(blobs(4, 30)[0], 4, UsltParams(n_clusters=121))


def test_a_graph_with_too_few_neighbours_is_refused():
    values, _ = blobs(4, 30)
    with pytest.raises(UslError, match="k = 20 neighbours of each image but holds 3"):
        train_uslt(values, 4, neighbors=usl.find_neighbors(values, 3))


def test_a_loss_that_explodes_at_once_says_so():
    with pytest.raises(UslError, match=r"no longer finite in epoch 1; the likely cause is adjust_strength \(alpha\) = 1e\+39"):
        train_uslt(blobs(4, 30)[0], 4, dataclasses.replace(SHORT, adjust_strength=1e39))


def test_a_loss_that_explodes_later_keeps_the_last_good_state(monkeypatch):
    from usl_core.uslt import epochs

    values, _ = blobs(4, 30)
    good = train_uslt(values, 4, dataclasses.replace(SHORT, n_epochs=2))
    real = epochs.total_loss
    calls = iter(range(10_000))
    monkeypatch.setattr(epochs, "total_loss", lambda *terms: real(*terms) * (float("nan") if next(calls) >= 20 else 1))
    training = train_uslt(values, 4, SHORT)
    assert [report.epoch for report in training.history] == [1, 2]
    assert same(training.last, good.last)
    assert "epoch 3" in training.notes[-1]
    assert "The result is that of epoch 2" in training.notes[-1]
    assert all(np.array_equal(training.state[name], good.state[name]) for name in good.state)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"sharpen_temperature": 1e-5}, "sharpen_temperature"),
        ({"adjust_strength": 1e6}, "adjust_strength"),
        ({"local_weight": 1e9}, "local_weight"),
        ({"learning_rate": 3.0}, "learning_rate = 3"),
    ],
)
def test_the_likely_cause_is_named(setting, said):
    from usl_core.uslt.epochs import likely_cause

    assert said in likely_cause(UsltParams(**setting))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"n_neighbors": 0}, r"n_neighbors \(k\) must be at least 1 but is 0"),
        ({"local_weight": -1}, r"local_weight \(lambda\) must be at least 0"),
        ({"adjust_strength": float("nan")}, r"adjust_strength \(alpha\) must be a finite number"),
        ({"confidence_threshold": 1.01}, r"confidence_threshold \(tau\) must be in \[0, 1\] but is 1.01"),
        ({"sharpen_temperature": 0}, r"sharpen_temperature \(t\) must be above 0"),
        ({"mean_momentum": 0}, r"mean_momentum \(mu\) must be in \(0, 1\]"),
        ({"n_clusters": 0}, r"n_clusters \(C\) must be at least 1"),
        ({"n_heads": 6}, r"n_heads must be in \[1, 5\] but is 6"),
        ({"similarity": "dot"}, "similarity must be 'linear' or 'cosine' or 'neg_sq_l2' but is 'dot'"),
        ({"start": "zeros"}, "start must be"),
        ({"normalise": "none"}, "normalise must be"),
        ({"projection": -1}, "projection must be at least 0"),
        ({"n_views": -1}, r"n_views \(A\) must be at least 0"),
        ({"noise": -0.1}, "noise must be at least 0"),
        ({"n_epochs": 0}, "n_epochs must be at least 1"),
        ({"batch_size": 1.5}, "batch_size must be a whole number"),
        ({"learning_rate": 0}, r"learning_rate must be in \(0, 10\]"),
        ({"view_strength": 1.5}, r"view_strength must be in \(0, 1\]"),
        ({"weight_decay": -1}, "weight_decay must be at least 0"),
        ({"balance": 1}, "balance must be True or False but is 1"),
        ({"balance_sum": "released"}, "balance_sum must be True or False but is 'released'"),
    ],
)
def test_settings_out_of_range_are_refused(setting, said):
    with pytest.raises(UslError, match=said):
        UsltParams(**setting)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"budget": 0}, "budget must be in"),
        ({"budget": 121}, r"in \[1, 120\]"),
        ({"params": {"n_epochs": 3}}, "params must be a UsltParams"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"labels": [1, 2]}, "one entry per image"),
        ({"labelled": [120]}, "labelled must hold indices"),
        ({"vetoed": range(120)}, "nothing to choose from"),
        ({"candidates": range(3)}, r"candidates must be at least 4 rows \(budget\)"),
        ({"candidates": range(9), "vetoed": [8]}, "neither labelled nor vetoed"),
        ({"views": np.zeros((120, 5, 16))}, "views must be what encode_views returns"),
    ],
)
def test_bad_arguments_are_refused(arguments, said):
    with pytest.raises(UslError, match=said):
        train_uslt(blobs(4, 30)[0], **{"budget": 4, "params": SHORT, **arguments})


def test_the_published_settings_are_those_of_the_release():
    cifar, imagenet = UsltParams.published_cifar10(), UsltParams.published_imagenet()
    assert (cifar.n_heads, cifar.confidence_threshold, cifar.sharpen_temperature, cifar.adjust_strength) == (3, 0.95, 0.25, 5)
    assert (cifar.local_weight, cifar.n_epochs, cifar.batch_size, cifar.balance, cifar.strict_threshold) == (
        5,
        200,
        1024,
        True,
        True,
    )
    assert (imagenet.similarity, imagenet.confidence_threshold, imagenet.sharpen_temperature) == ("cosine", 0, 0.5)
    cifar100 = UsltParams.published_cifar100()
    assert (cifar.normalise, cifar.balance_sum) == ("masked", False)
    assert (cifar100.normalise, cifar100.balance_sum) == ("batch", True)
    assert dataclasses.replace(cifar100, normalise="masked", balance_sum=False) == cifar
    assert (imagenet.adjust_strength, imagenet.local_weight, imagenet.batch_size, imagenet.balance) == (2.5, 0.5, 2048, False)
