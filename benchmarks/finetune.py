"""USL-T end to end on a GPU: images per second, and the share of what the card reaches in a bare matrix product."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from usl_core.encoders.torchvision import TorchvisionEncoder
from usl_core.encoders.trained import ENV_ENCODERS_DIR, export_encoder
from usl_core.features.encode import encode
from usl_core.graph.neighbors import find_neighbors
from usl_core.uslt.finetune import FinetuneTraining
from usl_core.uslt.params import UsltParams
from usl_core.uslt.reports import Reporter

from .harness import Row, medians

N, SIDE, NETWORK = 8192, 32, "torchvision:resnet18"
_FORWARD_PASSES = 6
"""What an image costs in an epoch: two teachers, a student whose gradient counts twice, the assignment at the end."""
_SQUARE = 8192


def rows(repeats: int = 3) -> list[Row]:
    """The row of this group; none on a machine without a GPU."""
    import torch

    if not torch.cuda.is_available():
        print("finetune: there is no CUDA device here, so nothing is measured", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory() as folder:
        os.environ[ENV_ENCODERS_DIR] = folder  # the untrained network is kept there and nowhere else
        training = _training(Path(folder))
        factor = torch.randn(_SQUARE, _SQUARE, device="cuda", dtype=torch.bfloat16)

        def product() -> None:
            factor @ factor
            torch.cuda.synchronize()

        training.run_epoch(_silent)
        product()
        epoch, bare = medians([lambda: training.run_epoch(_silent), product], repeats)
    work = N * _FORWARD_PASSES * _operations_per_image() / epoch / 1e12
    name = torch.cuda.get_device_name()
    return [
        Row(
            what=f"USL-T, finetune, ResNet-18, {N:,} images on a {name}: {N / epoch:,.0f} images/s",
            ours=work,
            rival=2 * _SQUARE**3 / bare / 1e12,
            rival_name="a bare bfloat16 product",
            unit="TFLOP/s",
        )
    ]


def _training(folder: Path) -> FinetuneTraining:
    """Of a network with random weights, on made-up pictures; neither changes the speed."""
    from PIL import Image

    pictures = np.random.default_rng(0).integers(0, 256, (N, SIDE, SIDE, 3), dtype=np.uint8)
    (folder / "pictures").mkdir()
    for index, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / "pictures" / f"{index}.jpg")
    network = TorchvisionEncoder(NETWORK, random_weights=True).trainable()
    weights = {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}
    encoder = export_encoder("untrained", NETWORK, weights, "nothing")
    features = encode(folder / "pictures", encoder.name, cache_dir=folder / "cache")
    reporter = Reporter(40, np.arange(N), np.empty(0, dtype=np.int64), None)
    return FinetuneTraining(features, find_neighbors(features, 20), UsltParams.published_cifar10(), 40, 0, reporter)


def _operations_per_image() -> float:
    """Floating-point operations of one image forward through the network."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    encoder = TorchvisionEncoder(NETWORK, random_weights=True)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        encoder.trainable().eval()(torch.zeros(1, 3, 224, 224))
    return counter.get_total_flops()


def _silent(fraction: float, note: str) -> None:
    pass
