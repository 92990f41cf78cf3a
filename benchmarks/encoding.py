"""Encoding with ResNet-18 beside what the cores allow, the forward pass's layouts, and reading features back.

The photos are the development photos where they lie beside the checkout, else made-up JPEGs of the same size.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import zipfile
from pathlib import Path

import numpy as np

import usl_core as usl
from usl_core.encoder_torchvision import TorchModel
from usl_core.encoders import PIXELS, get_encoder
from usl_core.images import open_image
from usl_core.types import ImageSet

from .harness import ROOT, Row, in_child, medians, seconds

N_PHOTOS = 128
PHOTOS = ROOT.parent / "shared" / "data" / "photos.zip"
ENCODER = "torchvision:resnet18"

_READ_BACK = """
import json, sys, time
import usl_core as usl
images = usl.scan(sys.argv[1], cache_dir=sys.argv[2])
usl.encode(images, sys.argv[3], cache_dir=sys.argv[2])
start = time.perf_counter()
usl.encode(images, sys.argv[3], cache_dir=sys.argv[2])
print(json.dumps({"s": time.perf_counter() - start}))
"""


def rows(repeats: int = 3) -> list[Row]:
    """All rows of this group."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "photos"
        source = _photos(folder)
        images = usl.scan(folder, cache_dir=scratch)
        return [*_throughput(images, source, repeats), *_layouts(repeats), *_read_back(images, folder, Path(scratch))]


def _photos(folder: Path) -> str:
    folder.mkdir()
    if PHOTOS.is_file():
        with zipfile.ZipFile(PHOTOS) as archive:
            names = sorted(name for name in archive.namelist() if not name.endswith("/"))[:N_PHOTOS]
            for name in names:
                (folder / Path(name).name).write_bytes(archive.read(name))
        return "photos"
    from PIL import Image

    rng = np.random.default_rng(0)
    for number in range(N_PHOTOS):
        coarse = Image.fromarray(rng.integers(0, 255, (24, 32, 3), dtype=np.uint8))
        coarse.resize((500, 375), Image.Resampling.BICUBIC).save(folder / f"{number:04d}.jpg", quality=92)
    return "made-up photos"


def _throughput(images: ImageSet, source: str, repeats: int) -> list[Row]:
    """Images per second of `encode` against 1 / (t_forward + t_decode / cores), all measured in turn."""
    encoder = get_encoder(ENCODER, "random")
    model = encoder.load("cpu", "float32", lambda note: None)
    pixels = np.stack([encoder.prepare(open_image(images, 0, min_side=encoder.decode_side))] * model.batch_size)
    model(pixels)
    n_batches = 4

    def forward() -> None:
        for _ in range(n_batches):
            model(pixels)

    def decode() -> None:
        for index in range(len(images)):
            encoder.prepare(open_image(images, index, min_side=encoder.decode_side))

    def encode() -> None:
        with tempfile.TemporaryDirectory() as cache:
            usl.encode(images, ENCODER, weights="random", cache_dir=cache, device="cpu")

    t_encode, t_forward, t_decode = medians([encode, forward, decode], repeats)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    allowed = 1 / (t_forward / (n_batches * model.batch_size) + t_decode / len(images) / cores)
    return [
        Row(
            what=f"encoding {len(images)} {source} with resnet18, model loading included",
            ours=len(images) / t_encode,
            rival=allowed,
            rival_name="what the cores allow",
            unit="images/s",
            bound=0.9,
            at_least=True,
        )
    ]


def _layouts(repeats: int) -> list[Row]:
    """The layout that `encode` uses, beside the other one."""
    import torch

    pixels = np.random.default_rng(0).integers(0, 255, (16, 224, 224, 3), dtype=np.uint8)

    def network() -> torch.nn.Module:
        import torchvision

        return torchvision.models.resnet18(weights=None).eval()

    chosen, other = (TorchModel(network(), torch.device("cpu"), "float32", last) for last in (True, False))
    chosen(pixels), other(pixels)
    ours, theirs = medians([lambda: [chosen(pixels) for _ in range(3)], lambda: [other(pixels) for _ in range(3)]], repeats)
    return [
        Row(
            what="forward pass of resnet18, channels_last",
            ours=48 / ours,
            rival=48 / theirs,
            rival_name="contiguous",
            unit="images/s",
        )
    ]


def _read_back(images: ImageSet, folder: Path, cache: Path) -> list[Row]:
    """The second `encode` in a fresh process, beside the first."""
    first = seconds(lambda: usl.encode(images, PIXELS, cache_dir=cache))
    again = statistics.median(in_child(_READ_BACK, str(folder), str(cache), PIXELS)["s"] for _ in range(3))
    return [Row(what=f"features of {len(images)} photos read back ({PIXELS})", ours=again, rival=first, rival_name="computing")]
