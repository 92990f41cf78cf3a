"""Train the bundled encoder again: `python -m tools.build_mini cifar10-train.zip [--epochs N] [--device D] [--out DIR]`.

Then make the demos again (`python -m tools.build_demos`): their features come from it.

It learns, without any label, from nine tenths of CIFAR-10's training images and from the two demos of this project. The images
of the last tenth are held out: by them, with labels, the card says what its features are worth. An interrupted training goes on
where it stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from usl_core.demos.bundled import demo_cards, load_demo
from usl_core.encoders.bundled import ASSETS, FORMAT_VERSION, LICENCE, NAME
from usl_core.encoders.small import SmallEncoder
from usl_core.errors import UslError
from usl_core.images.scan import scan
from usl_core.pretrain.knn_probe import knn_accuracy
from usl_core.pretrain.params import PretrainParams
from usl_core.pretrain.pixels import load_pixels
from usl_core.pretrain.records import PretrainRecord
from usl_core.pretrain.trainer import PretrainReport
from usl_core.types import FloatArray, IntArray

log = logging.getLogger(__name__)

HELD_OUT = 5000
SEED = 0
_AT_ONCE = 512
CPU = PretrainParams(n_epochs=40)
"""What two cores train in an hour."""
GPU = PretrainParams(n_epochs=500, batch_size=512, learning_rate=0.24, warmup_epochs=10)
"""What a GPU trains in less."""


def split(n: int) -> tuple[IntArray, IntArray]:
    """Rows to learn from and rows held out, both in order; always the same for one n."""
    held_out = np.random.default_rng(SEED).permutation(n)[: min(HELD_OUT, n // 10)]
    return np.setdiff1d(np.arange(n), held_out), np.sort(held_out)


def build(archive: Path | str, params: PretrainParams, device: str = "auto", out: Path = ASSETS) -> dict[str, Any]:
    """Train, judge, and write `mini.safetensors` and `mini.json`.

    Args:
        archive: CIFAR-10's training images, a folder per class.
        params: the settings.
        device: see `pretrain`.
        out: the folder, made if it does not exist.

    Returns:
        The card.

    Raises:
        UslError: as `pretrain`, or the archive has no classes.
    """
    from safetensors.numpy import save

    images = scan(archive)
    if images.labels is None:
        raise UslError(f"{archive} must have a folder for each class, to judge the features by")
    learn, held_out = split(len(images))
    classes = images.labels.astype(np.int64)
    cifar, _ = load_pixels(images, np.arange(len(images)))
    demos = _demo_pixels()
    pixels = np.concatenate([cifar[learn], *demos.values()])
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
    log.info("%s images, %s", f"{len(pixels):,}", params)
    labels = np.concatenate([classes[learn], np.full(len(pixels) - len(learn), classes.max() + 1)])
    trained = PretrainRecord(digest, params, SEED).train(pixels, labels=labels, device=device, on_epoch=_say)
    weights = {name: _small(value) for name, value in trained.weights.items()}
    features = _features(params.backbone, weights, cifar, device)
    accuracy = knn_accuracy(features[learn], classes[learn], features[held_out], classes[held_out])
    content = save(weights)
    of_demos = ", ".join(f"{name} {len(some):,}" for name, some in demos.items())
    card = {
        "format": FORMAT_VERSION,
        "name": NAME,
        "network": params.backbone,
        "digest": hashlib.sha256(content).hexdigest(),
        "size_mb": round(len(content) / 1e6, 2),
        "licence": LICENCE,
        "data": f"{len(learn):,} CIFAR-10 training images and this project's demos ({of_demos}), without labels",
        "recipe": {name: getattr(params, name) for name in params.__dataclass_fields__} | {"seed": SEED},
        "loss": round(trained.history[-1].loss, 4),
        "spread": round(trained.history[-1].spread, 4),
        "hours": round(sum(report.seconds for report in trained.history) / 3600, 2),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {'CPU' if device in ('auto', 'cpu') else device}",
        "knn_accuracy": round(accuracy, 4),
        "knn_protocol": f"k = 200, temperature 0.1, {len(held_out):,} held-out images by the {len(learn):,} others",
        "command": _command(params),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "mini.safetensors").write_bytes(content)
        (out / "mini.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UslError(f"the folder {out} cannot be written ({error.strerror or error}); choose another with --out") from error
    log.info("k-NN accuracy %.1f %%, %s MB", 100 * accuracy, card["size_mb"])
    return card


def _command(params: PretrainParams) -> str:
    """The command that trains with these settings, which are those of `CPU` or `GPU` but for epochs and backbone."""
    gpu = " --gpu" if params.batch_size == GPU.batch_size else ""
    backbone = "" if params.backbone == CPU.backbone else f" --backbone {params.backbone}"
    return f"python -m tools.build_mini cifar10-train.zip{gpu}{backbone} --epochs {params.n_epochs}"


def _demo_pixels() -> dict[str, NDArray[np.uint8]]:
    return {card.name: load_pixels(load_demo(card.name).images)[0] for card in demo_cards()}


def _small(value: np.ndarray) -> np.ndarray:
    return np.array(value, dtype=np.float16 if value.dtype == np.float32 else value.dtype, order="C")


def _features(network: str, weights: Mapping[str, np.ndarray], pixels: NDArray[np.uint8], device: str) -> FloatArray:
    """Unit rows, by the encoder that the weights make: what is judged is what is written, rounding included."""
    model = SmallEncoder(NAME, network, "not written yet", lambda: weights).load(device, "float32", lambda note: None)
    values = np.concatenate([model(pixels[start : start + _AT_ONCE]) for start in range(0, len(pixels), _AT_ONCE)])
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def _say(report: PretrainReport) -> None:
    log.info(
        "epoch %d: loss %.4f, k-NN accuracy %.1f %%, spread %.2f, %.0f s",
        report.epoch,
        report.loss,
        100 * (report.knn_accuracy or 0),
        report.spread,
        report.seconds,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.build_mini", description="Train the bundled encoder again.")
    parser.add_argument("archive", type=Path, help="CIFAR-10's training images, a folder per class")
    parser.add_argument("--gpu", action="store_true", help="500 epochs, for a GPU (default: 40, for two cores)")
    parser.add_argument("--epochs", type=int, help="other than that")
    parser.add_argument("--backbone", default="mini", help="mini (default) or resnet18-32, to compare with; not to be bundled")
    parser.add_argument("--device", default="auto", help="default: a GPU if there is one")
    parser.add_argument("--out", type=Path, default=ASSETS, help="folder to write to (default: assets/encoders)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        base = GPU if options.gpu else CPU
        params = replace(base, n_epochs=options.epochs or base.n_epochs, backbone=options.backbone)
        build(options.archive, params, options.device, options.out)
    except UslError as error:
        log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
