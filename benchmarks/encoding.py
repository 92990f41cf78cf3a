"""Encoding photos beside what the cores allow and beside torchvision's own loop, the forward pass's layouts, reading back.

The photos are the development photos where they lie beside the checkout, else made-up JPEGs of the same size.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import usl_core as usl
from usl_core.encoders.efficientnet import LITE0
from usl_core.encoders.network import NetworkEncoder, TorchModel
from usl_core.encoders.pixels import PIXELS
from usl_core.encoders.registry import get_encoder
from usl_core.images.scan import open_image
from usl_core.types import ImageSet

from .harness import ROOT, Row, in_child, medians, seconds

N_PHOTOS = 128
PHOTOS = ROOT.parent / "shared" / "data" / "photos.zip"
ENCODERS = {"torchvision:resnet18": "random", LITE0: None}
"""Through which, and with which weights."""

N_SMALL = 200_000
"""Pictures of 32 x 32, each another, in one folder."""

_ENCODE_SMALL = """
import json, sys
import usl_core as usl
from benchmarks.harness import peak_memory_mb
few, many, cache = sys.argv[1:]
usl.encode(usl.scan(few, cache_dir=cache), "bundled:mini", cache_dir=cache)
with_model = peak_memory_mb()
usl.encode(usl.scan(many, cache_dir=cache), "bundled:mini", cache_dir=cache)
print(json.dumps({"mb": peak_memory_mb() - with_model}))
"""

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
        folder = Path(scratch) / "photos" / "all"  # ImageFolder wants a class
        source = _photos(folder)
        images = usl.scan(folder, cache_dir=scratch)
        of_photos = [*_throughput(images, source, repeats), *_layouts(repeats), *_read_back(images, folder, Path(scratch))]
    return [*of_photos, *_memory()]


def _photos(folder: Path) -> str:
    folder.mkdir(parents=True)
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
    """Images per second of `encode`: against 1 / (t_forward + t_decode / cores), and against the loop that everybody writes."""
    return [row for name, weights in ENCODERS.items() for row in _rates(images, source, name, weights, repeats)]


def _rates(images: ImageSet, source: str, name: str, weights: str | None, repeats: int) -> list[Row]:
    encoder = get_encoder(name, weights)
    assert isinstance(encoder, NetworkEncoder)
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
            usl.encode(images, name, weights=weights, cache_dir=cache, device="cpu")

    loop = _plain_loop(images.root.parent, encoder)
    t_encode, t_forward, t_decode, t_loop = medians([encode, forward, decode, loop], repeats)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    allowed = 1 / (t_forward / (n_batches * model.batch_size) + t_decode / len(images) / cores)
    what = f"encoding {len(images)} {source} with {name}, model loading included"
    return [
        Row(
            what=what,
            ours=len(images) / t_encode,
            rival=allowed,
            rival_name="what the cores allow",
            unit="images/s",
            bound=0.9,
            at_least=True,
        ),
        Row(
            what=what,
            ours=len(images) / t_encode,
            rival=len(images) / t_loop,
            rival_name="ImageFolder and DataLoader",
            unit="images/s",
            bound=2,
            at_least=True,
        ),
    ]


def _plain_loop(root: Path, encoder: NetworkEncoder) -> Callable[[], object]:
    """The same features as a tutorial has it: torchvision's folder, transforms and loader with a worker per core."""
    import torch
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    seen = encoder.preprocessing
    assert seen.resize is not None
    mode = transforms.InterpolationMode(seen.interpolation)
    steps = [
        transforms.Resize(seen.resize, interpolation=mode),
        transforms.CenterCrop(seen.side),
        transforms.ToTensor(),
        transforms.Normalize(*seen.colours),
    ]

    def loop() -> None:
        network = encoder.network(lambda note: None).eval()
        loader = DataLoader(ImageFolder(str(root), transforms.Compose(steps)), batch_size=64, num_workers=os.cpu_count() or 1)
        with torch.no_grad():
            torch.cat([network(batch) for batch, _ in loader])

    return loop


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


def _memory() -> list[Row]:
    """What many pictures need above the model and one batch."""
    with tempfile.TemporaryDirectory() as scratch:
        few, many = Path(scratch) / "few", Path(scratch) / "many"
        _small(few, 512)
        _small(many, N_SMALL)
        measured = in_child(_ENCODE_SMALL, str(few), str(many), str(Path(scratch) / "cache"))
    return [
        Row(
            what=f"memory of finding and encoding {N_SMALL:,} pictures of 32 x 32 (bundled:mini), above the model's",
            ours=measured["mb"],
            rival=1024,
            rival_name="the 1 GB we promise",
            unit="MB",
            bound=1,
        ),
    ]


def _small(folder: Path, count: int) -> None:
    from PIL import Image

    rng = np.random.default_rng(count)
    folder.mkdir()
    for number in range(count):
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(folder / f"{number:06d}.bmp")
