"""What the bundled encoder is worth beside the pixels and beside a random network of its shape, and how fast it is.

The accuracies are those of the CIFAR-10 images that were held out of its training; they want the archive beside the checkout.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

import usl_core as usl
from usl_core.build_mini import split
from usl_core.encoders import BUNDLED, PIXELS, get_encoder
from usl_core.pretrain.judge import knn_accuracy
from usl_core.types import Features, FloatArray, IntArray

from .harness import ROOT, Row, medians

CIFAR = ROOT.parent / "shared" / "data" / "cifar10-train.zip"
BUDGET, N_SEEDS = 40, 20
_RANDOM = "the same network with random weights"
_BATCHES = 32


def rows(repeats: int = 5) -> list[Row]:
    """All rows of this group."""
    if not CIFAR.is_file():
        print(f"no {CIFAR.name} beside the checkout: no accuracies", file=sys.stderr)
        return [_speed(repeats)]
    return [_speed(repeats), *_worth()]


def _speed(repeats: int) -> Row:
    """From pixels to vectors."""
    model = get_encoder(BUNDLED).load("cpu", "float32", lambda note: None)
    pixels = np.random.default_rng(0).integers(0, 255, (model.batch_size, 32, 32, 3), dtype=np.uint8)
    model(pixels)
    (took,) = medians([lambda: [model(pixels) for _ in range(_BATCHES)]], repeats)
    return Row(
        what=f"{BUNDLED}, pictures of 32 x 32 to features",
        ours=_BATCHES * model.batch_size / took,
        rival=2000,
        rival_name="the 2,000 images/s we promise",
        unit="images/s",
        bound=1,
        at_least=True,
    )


def _worth() -> list[Row]:
    with tempfile.TemporaryDirectory() as cache:
        images = usl.scan(CIFAR, cache_dir=cache)
        encoders = {BUNDLED: (BUNDLED, None), PIXELS: (PIXELS, None), _RANDOM: (BUNDLED, "random")}
        found = {
            name: _judged(usl.encode(images, encoder, weights=weights, cache_dir=Path(cache)))
            for name, (encoder, weights) in encoders.items()
        }
    return [
        Row(what=what, ours=found[BUNDLED][what], rival=found[other][what], rival_name=other, unit=unit)
        for what, unit in _UNITS.items()
        for other in (PIXELS, _RANDOM)
    ]


_KNN, _LINEAR = "k-NN accuracy (k = 200) on held-out CIFAR-10 images", "linear accuracy on held-out CIFAR-10 images"
_USL = f"classes covered by USL, m = {BUDGET}, mean of {N_SEEDS} seeds"
_DRAWN = f"classes covered by random picks, m = {BUDGET}, mean of {N_SEEDS} seeds"
_UNITS = {_KNN: "%", _LINEAR: "%", _USL: "of 10", _DRAWN: "of 10"}


def _judged(features: Features) -> dict[str, float]:
    assert features.images.labels is not None
    labels = features.images.labels.astype(np.int64)
    learn, held_out = split(len(labels))
    x, values = features.values[learn], features.values[held_out]
    return {
        _KNN: 100 * knn_accuracy(x, labels[learn], values, labels[held_out]),
        _LINEAR: 100 * _linear(x, labels[learn], values, labels[held_out]),
        _USL: _covered(values, labels[held_out], "usl"),
        _DRAWN: _covered(values, labels[held_out], "random"),
    }


def _linear(x: FloatArray, labels: IntArray, asked: FloatArray, truth: IntArray) -> float:
    """Logistic regression on standardised features."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return float(make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(x, labels).score(asked, truth))


def _covered(values: FloatArray, labels: IntArray, method: str) -> float:
    graph = usl.find_neighbors(values, 20)
    picks = (usl.select(values, BUDGET, method, seed=seed, neighbors=graph).indices for seed in range(N_SEEDS))
    return statistics.mean(len(set(labels[rows].tolist())) for rows in picks)
