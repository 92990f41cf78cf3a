"""An evaluation beside its own selections and fits, bare: 4,000 images, 6 methods, 4 budgets, 10 seeds, 1-NN and linear probe.

The images are CIFAR-10's through `bundled:mini` where they lie beside the checkout, else the digits and the shapes together.
"""

from __future__ import annotations

import sys
import tempfile

import numpy as np

import usl_core as usl
from usl_core.encoders.registry import BUNDLED

from .features import CIFAR
from .harness import Row, seconds

N = 4_000
METHODS = ("random", "stratified", "kmeans-center", "k-center", "typiclust", "usl")
BUDGETS, SEEDS, LEARNERS = (10, 40, 100, 250), range(10), ("1-nn", "linear")


def rows() -> list[Row]:
    """All rows of this group."""
    values, labels = _data()
    graph = usl.find_neighbors(values, usl.UslParams().n_neighbors)
    asked = (values, labels, METHODS, BUDGETS, SEEDS, LEARNERS)
    with tempfile.TemporaryDirectory() as cache:
        whole = seconds(lambda: usl.evaluate(*asked, neighbors=graph, cache_dir=cache))
        again = seconds(lambda: usl.evaluate(*asked, neighbors=graph, cache_dir=cache))
    with tempfile.TemporaryDirectory() as cache:
        alone = seconds(lambda: usl.evaluate(*asked, neighbors=graph, cache_dir=cache, n_workers=1))
    bare = seconds(lambda: _bare(values, labels, graph))
    what = (
        f"evaluation of {len(values):,} images: {len(METHODS)} methods, {len(BUDGETS)} budgets, {len(SEEDS)} seeds, 2 learners"
    )
    return [
        Row(what=what, ours=whole, rival=bare, rival_name="its selections and fits bare, one after the other", bound=1.3),
        Row(what="in one process", ours=alone, rival=bare, rival_name="the same", bound=1.3),
        Row(what="in all", ours=whole, rival=180, rival_name="three minutes", bound=1),
        Row(what="asked for again", ours=again, rival=whole, rival_name="the first time"),
    ]


def _data() -> tuple[np.ndarray, np.ndarray]:
    """(n, d) features and (n,) classes."""
    if CIFAR.is_file():
        with tempfile.TemporaryDirectory() as cache:
            features = usl.encode(usl.scan(CIFAR, sample=N, cache_dir=cache), BUNDLED, cache_dir=cache, device="cpu")
        assert features.images.labels is not None
        return features.values, features.images.labels
    print(f"no {CIFAR.name} beside the checkout: the demos in its place", file=sys.stderr)
    both = [usl.load_demo(name).features for name in ("digits", "shapes")]
    labels = [features.images.labels for features in both]
    assert labels[0] is not None
    assert labels[1] is not None
    values = np.concatenate([features.values for features in both])[:N]
    return values, np.concatenate([labels[0], labels[1] + labels[0].max() + 1])[:N]


def _bare(values: np.ndarray, labels: np.ndarray, graph: usl.Neighbors) -> None:
    n_classes = int(labels.max()) + 1
    for seed in SEEDS:
        for budget in BUDGETS:
            for method in METHODS:
                picks = usl.select(values, budget, method, seed=seed, labels=labels, neighbors=graph).indices
                known = np.full(len(labels), -1)
                known[picks] = labels[picks]
                for learner in LEARNERS:
                    usl.learn(values, known, learner, n_classes=n_classes, seed=seed, neighbors=graph)
