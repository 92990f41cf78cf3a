"""Make the bundled demos again: `python -m usl_core.build_demos [--demo NAME] [--out DIR]`.

Deterministic: building twice on one machine writes the same bytes. See `demos.py` for what reads them.
"""

from __future__ import annotations

import argparse
import io
import logging
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .demos import ASSETS, FORMAT_VERSION, demo_cards, file_digest
from .encoders import BUNDLED
from .errors import UslError
from .features import encode
from .images import scan
from .neighbors import find_neighbors
from .projection import MapMethod, project, trustworthiness
from .shapes import render_shapes

log = logging.getLogger(__name__)

K_MAX = 200
SEED = 0
_WEBP = {"format": "WEBP", "quality": 88, "method": 6}
_PNG = {"format": "PNG", "optimize": True}


def build_demo(name: str, out: Path | str = ASSETS) -> tuple[Path, Path]:
    """Write `<name>.zip` and `<name>.npz`.

    Args:
        name: the name of one of `demo_cards()`.
        out: the folder, made if it does not exist.

    Returns:
        The paths of the two files.

    Raises:
        UslError: no such demo, or the folder cannot be written.
    """
    if name not in _FILES:
        raise UslError(f"there is no demo named {name!r}; the demos are {', '.join(map(repr, _FILES))}")
    folder = Path(out)
    archive, arrays = folder / f"{name}.zip", folder / f"{name}.npz"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_zip(archive, _FILES[name]())
        log.info("%s: %s", archive.name, _size(archive))
        _write_arrays(arrays, _compute(archive))
        log.info("%s: %s", arrays.name, _size(arrays))
    except OSError as error:
        raise UslError(
            f"the folder {folder} cannot be written ({error.strerror or error}); choose another with --out"
        ) from error
    return archive, arrays


def _digit_files() -> Iterator[tuple[str, bytes]]:
    """scikit-learn's digits; row i of `load_digits` becomes `<class>/<i>.png`, values 0..16 become 0..255."""
    from sklearn.datasets import load_digits

    data = load_digits()
    for row, (values, label) in enumerate(zip(data.images, data.target, strict=True)):
        yield f"{label}/{row:04d}.png", _encoded((values * (255 / 16)).round().astype(np.uint8), _PNG)


def _shape_files() -> Iterator[tuple[str, bytes]]:
    counts: dict[str, int] = {}
    for image in render_shapes(SEED):
        counts[image.class_name] = counts.get(image.class_name, 0) + 1
        yield f"{image.class_name}/{counts[image.class_name]:04d}.webp", _encoded(image.pixels, _WEBP)


_FILES = {"digits": _digit_files, "shapes": _shape_files}


def _encoded(pixels: np.ndarray, options: dict[str, Any]) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, **options)
    return buffer.getvalue()


def _write_zip(path: Path, files: Iterator[tuple[str, bytes]]) -> None:
    """Fixed times, rights and order, so that the same images make the same bytes; the images are compressed already."""
    scratch = path.with_suffix(".zip.tmp")
    with zipfile.ZipFile(scratch, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, content)
    scratch.replace(path)


def _compute(archive: Path) -> dict[str, np.ndarray]:
    with tempfile.TemporaryDirectory() as cache:  # an empty cache: nothing from an earlier version can slip in
        images = scan(archive, cache_dir=cache)
        if images.problems or images.labels is None:
            raise RuntimeError(f"{archive.name} must hold readable images in class folders: {images.problems[:3]}")
        features = encode(images, encoder=BUNDLED, cache_dir=cache)
        values = np.array(features.values)
    graph = find_neighbors(values, K_MAX)
    methods: tuple[MapMethod, ...] = ("umap", "pca")
    maps = {method: project(values, neighbors=graph, method=method, seed=SEED) for method in methods}
    trust = {f"trustworthiness_{method}": np.float64(trustworthiness(values, xy)) for method, xy in maps.items()}
    log.info("%s: %s", archive.name, ", ".join(f"{key} {value:.4f}" for key, value in trust.items()))
    return {
        "format": np.array(FORMAT_VERSION),
        "zip_digest": np.array(file_digest(archive)),
        "paths": np.array(images.paths),
        "digests": np.array(images.digests),
        "labels": images.labels,
        "class_names": np.array(images.class_names),
        "image_fingerprint": np.array(images.fingerprint),
        "feature_fingerprint": np.array(features.fingerprint),
        "encoder": np.array(features.encoder),
        "features": values,
        "indices": graph.indices.astype(np.int16),
        "distances": graph.distances,
        "xy": maps["umap"],
        "xy_pca": maps["pca"],
        **{key: np.array(value) for key, value in trust.items()},
    }


def _write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    scratch = path.with_suffix(".npz.tmp")
    with scratch.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    scratch.replace(path)


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.2f} MB"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m usl_core.build_demos", description="Make the bundled demos again.")
    parser.add_argument("--demo", choices=sorted(_FILES), help="only this one (default: all)")
    parser.add_argument("--out", type=Path, default=ASSETS, help="folder to write to (default: assets/demos)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        for name in [options.demo] if options.demo else [card.name for card in demo_cards()]:
            build_demo(name, options.out)
    except UslError as error:
        log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
