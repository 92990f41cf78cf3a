"""What each encoder that needs no download is worth on small pictures, and how fast it is.

Digits, shapes, the CIFAR-10 images that `bundled:mini` was not trained on, where they lie beside the checkout, and test images
of Fashion-MNIST, where Debian's package `dataset-fashion-mnist` is installed. Accuracies are of neighbours (leave one out) and
of the picks of USL and of random draws, means over the seeds.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import usl_core as usl
from tools.build_mini import split
from usl_core.encoders.efficientnet import SIDES
from usl_core.encoders.pixels import PIXELS
from usl_core.encoders.registry import BUNDLED
from usl_core.evaluation.metrics import nearest_pick
from usl_core.images.subsets import subset
from usl_core.types import Features, ImageSet, IntArray, Neighbors

from .features import CIFAR
from .harness import Row, seconds

ENCODERS = (PIXELS, BUNDLED, *reversed(SIDES))
FASHION, N_FASHION = Path("/usr/share/datasets/fashion-mnist"), 3_000
BUDGETS, N_SEEDS = (10, 40, 100), 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """One set through one encoder: images per second, k-NN accuracies in percent, and (random, USL) by budget in percent."""

    images: str
    encoder: str
    rate: float
    nearest: float
    twenty: float
    picked: dict[int, tuple[float, float]]


def rows() -> list[Row]:
    """All rows of this group; prints the table they are taken from."""
    found = [_worth(name, images, encoder) for name, images in sets() for encoder in ENCODERS]
    print(worth_table(found), end="\n\n")
    made = []
    for name in dict.fromkeys(worth.images for worth in found):
        of = {worth.encoder: worth for worth in found if worth.images == name}
        best = of[list(SIDES)[-1]]
        for other in (BUNDLED, PIXELS):
            what = f"nearest-pick accuracy of USL on {name}, {best.encoder}, mean of m = {', '.join(map(str, BUDGETS))}"
            ours, rival = (float(np.mean([usl for _, usl in worth.picked.values()])) for worth in (best, of[other]))
            made.append(Row(what=what, ours=ours, rival=rival, rival_name=other, unit="%"))
    return made


def sets() -> Iterator[tuple[str, ImageSet]]:
    """What is here of digits, shapes, CIFAR-10 and Fashion-MNIST, with true labels."""
    yield from ((name, usl.load_demo(name).images) for name in ("digits", "shapes"))
    if CIFAR.is_file():
        with tempfile.TemporaryDirectory() as cache:
            images = usl.scan(CIFAR, cache_dir=cache)
        yield "CIFAR-10, held out (5,000)", subset(images, split(len(images))[1].tolist())
    else:
        print(f"no {CIFAR.name} beside the checkout: without it", file=sys.stderr)
    if FASHION.is_dir():
        with tempfile.TemporaryDirectory() as folder:
            yield f"Fashion-MNIST, test ({N_FASHION:,})", _fashion(Path(folder))
    else:
        print(f"no {FASHION}: without Fashion-MNIST", file=sys.stderr)


def _fashion(folder: Path) -> ImageSet:
    """The first test images, written as files. Their container: a header of 16 and 8 bytes, then one byte per value."""
    pixels, labels = (
        np.frombuffer(gzip.decompress((FASHION / f"t10k-{what}-ubyte.gz").read_bytes()), np.uint8, offset=header)
        for what, header in (("images-idx3", 16), ("labels-idx1", 8))
    )
    for number, (image, label) in enumerate(zip(pixels.reshape(-1, 28, 28)[:N_FASHION], labels, strict=False)):
        path = folder / str(label) / f"{number:05d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(path)
    return usl.scan(folder, cache_dir=folder)


def _worth(name: str, images: ImageSet, encoder: str) -> Worth:
    print(f"  {name}, {encoder}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as cache:
        made: list[Features] = []
        took = seconds(lambda: made.append(usl.encode(images, encoder, cache_dir=cache, device="cpu")))
        features = made[0]
        labels = features.images.labels
        assert labels is not None
        graph = usl.find_neighbors(features, 20)
        votes = np.apply_along_axis(np.bincount, 1, labels[graph.indices], minlength=int(labels.max()) + 1)
        return Worth(
            images=name,
            encoder=encoder,
            rate=len(features) / took,
            nearest=100 * float((labels[graph.indices[:, 0]] == labels).mean()),
            twenty=100 * float((votes.argmax(axis=1) == labels).mean()),
            picked={m: (_picked(features, graph, m, "random"), _picked(features, graph, m, "usl")) for m in BUDGETS},
        )


def _picked(features: Features, graph: Neighbors, budget: int, method: str) -> float:
    """Nearest-pick accuracy of the images that were not picked, in percent."""
    labels, found = features.images.labels, []
    assert labels is not None
    for seed in range(N_SEEDS):
        picks: IntArray = usl.select(features, budget, method, seed=seed, neighbors=graph).indices
        place, _ = nearest_pick(features.values, picks)
        others = np.setdiff1d(np.arange(len(features)), picks)
        found.append(float((labels[picks][place] == labels)[others].mean()))
    return 100 * float(np.mean(found))


def worth_table(found: list[Worth]) -> str:
    """As a Markdown table."""
    budgets = [f"m = {m}: random" for m in BUDGETS], [f"m = {m}: USL" for m in BUDGETS]
    heads = ["images", "encoder", "images/s", "1-NN", "20-NN", *(head for pair in zip(*budgets, strict=True) for head in pair)]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for worth in found:
        picks = [f"{share:.1f} %" for pair in worth.picked.values() for share in pair]
        figures = [f"{worth.rate:,.0f}", f"{worth.nearest:.1f} %", f"{worth.twenty:.1f} %", *picks]
        lines.append(f"| {worth.images} | `{worth.encoder}` | {' | '.join(figures)} |")
    return "\n".join(lines)
