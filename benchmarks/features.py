"""What the bundled encoder is worth beside the pixels and beside a random network of its shape, and how fast it is.

The accuracies are those of the CIFAR-10 images that were held out of its training; they want the archive beside the checkout.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import usl_core as usl
from tools.build_mini import split
from usl_core.encoders.device import find_device, has_bfloat16
from usl_core.encoders.network import TorchModel
from usl_core.encoders.pixels import PIXELS, PixelEncoder
from usl_core.encoders.registry import BUNDLED, get_encoder
from usl_core.encoders.small import MEAN, STD, SmallEncoder
from usl_core.pretrain.knn_probe import knn_accuracy, probe_sample
from usl_core.pretrain.params import PretrainParams
from usl_core.pretrain.pixels import load_pixels
from usl_core.pretrain.trainer import Pretraining, weights_of
from usl_core.types import FloatArray, IntArray
from usl_core.validation import unit_rows

from .harness import ROOT, Row, medians

if TYPE_CHECKING:
    from torch import nn

CIFAR = ROOT.parent / "shared" / "data" / "cifar10-train.zip"
BUDGET, N_SEEDS = 40, 20
_RANDOM = "the same network with random weights, its last layer fitted"
_UNWHITENED = "its network without that last layer"
_BATCHES, _STEPS = 32, 4


def rows(repeats: int = 5) -> list[Row]:
    """All rows of this group."""
    if not CIFAR.is_file():
        print(f"no {CIFAR.name} beside the checkout: no accuracies", file=sys.stderr)
        return [_speed(repeats), *_learning(repeats)]
    return [_speed(repeats), *_learning(repeats), *_worth()]


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


def _learning(repeats: int) -> list[Row]:
    """A step of SimCLR in the precision that the training chooses here, if that is not float32."""
    if not has_bfloat16(find_device("cpu")):
        print("this processor multiplies no bfloat16: trainings are in float32", file=sys.stderr)
        return []
    rng = np.random.default_rng(0)
    params, pixels = PretrainParams(), rng.integers(0, 255, (PretrainParams().batch_size, 32, 32, 3), dtype=np.uint8)

    def steps(half: bool) -> Callable[[], object]:
        training = Pretraining(pixels, params, 0, "cpu", probe_sample(len(pixels), None))
        training._half = half
        batch = (np.arange(len(pixels)),)
        training._step(batch, None, rng, 0.0)
        return lambda: [training._step(batch, None, rng, 0.0) for _ in range(_STEPS)]

    ours, rival = medians([steps(True), steps(False)], repeats)
    what = f"a step of SimCLR, network of {BUNDLED}, {params.batch_size} images"
    return [Row(what=what, ours=ours / _STEPS, rival=rival / _STEPS, rival_name="in float32")]


def _worth() -> list[Row]:
    with tempfile.TemporaryDirectory() as cache:
        images = usl.scan(CIFAR, cache_dir=cache)
    assert images.labels is not None
    labels, (pixels, _) = images.labels.astype(np.int64), load_pixels(images)
    learn, held_out = split(len(labels))
    found = {
        name: _measured(unit_rows(values), labels, learn, held_out)
        for name, values in {
            BUNDLED: _output(_network(BUNDLED), pixels),
            _UNWHITENED: _output(_network(BUNDLED).get_submodule("network"), pixels),
            PIXELS: _principal(pixels),
            _RANDOM: _output(_random_network(pixels[learn]), pixels),
        }.items()
    }
    return [
        Row(what=what, ours=found[BUNDLED][what], rival=found[other][what], rival_name=other, unit=unit)
        for what, unit in _UNITS.items()
        for other in (PIXELS, _RANDOM, _UNWHITENED)
    ]


_KNN, _LINEAR = "k-NN accuracy (k = 200) on held-out CIFAR-10 images", "linear accuracy on held-out CIFAR-10 images"
_USL = f"classes covered by USL, m = {BUDGET}, mean of {N_SEEDS} seeds"
_DRAWN = f"classes covered by random picks, m = {BUDGET}, mean of {N_SEEDS} seeds"
_USL_NEAR = f"nearest-pick accuracy of USL, m = {BUDGET}, mean of {N_SEEDS} seeds"
_DRAWN_NEAR = f"nearest-pick accuracy of random picks, m = {BUDGET}, mean of {N_SEEDS} seeds"
_UNITS = {_KNN: "%", _LINEAR: "%", _USL: "of 10", _DRAWN: "of 10", _USL_NEAR: "%", _DRAWN_NEAR: "%"}


def _network(name: str) -> nn.Module:
    encoder = get_encoder(name)
    assert isinstance(encoder, SmallEncoder)
    return encoder.build()


def _random_network(pixels: NDArray[np.uint8]) -> nn.Module:
    """Its last layer is fitted as that of the bundled encoder, or it would be no network of the same shape."""
    training = Pretraining(pixels, PretrainParams(), 0, "cpu", probe_sample(len(pixels), None))
    last = training.fit_whitening()
    weights = weights_of(training.state()) | {"mean": last.mean, "axes": last.axes}
    return SmallEncoder("random", "mini", "random", lambda: weights).build()


def _output(network: nn.Module, pixels: NDArray[np.uint8]) -> FloatArray:
    model = TorchModel(network.eval(), find_device("cpu"), "float32", channels_last=True, colours=(MEAN, STD))
    return np.concatenate([model(pixels[start : start + 256]) for start in range(0, len(pixels), 256)])


def _principal(pixels: NDArray[np.uint8]) -> FloatArray:
    encoder = PixelEncoder()
    return encoder.finish(lambda: iter([encoder(pixels)]), len(pixels))


def _measured(values: FloatArray, labels: IntArray, learn: IntArray, held_out: IntArray) -> dict[str, float]:
    x, asked = values[learn], values[held_out]
    (by_usl, near_usl), (by_chance, near_chance) = (_picked(asked, labels[held_out], method) for method in ("usl", "random"))
    return {
        _KNN: 100 * knn_accuracy(x, labels[learn], asked, labels[held_out]),
        _LINEAR: 100 * _linear(x, labels[learn], asked, labels[held_out]),
        _USL: by_usl,
        _DRAWN: by_chance,
        _USL_NEAR: 100 * near_usl,
        _DRAWN_NEAR: 100 * near_chance,
    }


def _linear(x: FloatArray, labels: IntArray, asked: FloatArray, truth: IntArray) -> float:
    """Logistic regression on standardised features."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return float(make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(x, labels).score(asked, truth))


def _picked(values: FloatArray, labels: IntArray, method: str) -> tuple[float, float]:
    """Classes covered, and nearest-pick accuracy, means over the seeds."""
    graph = usl.find_neighbors(values, 20)
    picks = [usl.select(values, BUDGET, method, seed=seed, neighbors=graph).indices for seed in range(N_SEEDS)]
    near = [float((labels[rows][(values @ values[rows].T).argmax(axis=1)] == labels).mean()) for rows in picks]
    return statistics.mean(len(set(labels[rows].tolist())) for rows in picks), statistics.mean(near)
