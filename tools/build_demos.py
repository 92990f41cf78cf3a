"""Make the bundled demos again: `python -m tools.build_demos [--demo NAME] [--maps] [--out DIR]`.

Deterministic: building twice on one machine writes the same bytes. See `usl_core.demos.bundled` for what reads them. With
--maps only the maps are drawn again, from the features and the graph that are there.
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

from usl_core.demos.bundled import ASSETS, FORMAT_VERSION, demo_cards, file_digest
from usl_core.encoders.registry import BUNDLED
from usl_core.errors import UslError
from usl_core.features.encode import encode
from usl_core.graph.neighbors import find_neighbors
from usl_core.images.scan import scan
from usl_core.projection.project import MapMethod, draw
from usl_core.projection.trust import trustworthiness
from usl_core.types import FloatArray, Neighbors

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
        **_maps(archive.name, values, graph),
    }


def redraw_maps(name: str, out: Path | str = ASSETS) -> Path:
    """Write `<name>.npz` again with other maps and everything else as it is.

    Args:
        name: the name of one of `demo_cards()`.
        out: the folder of its files.
    """
    path = Path(out) / f"{name}.npz"
    with np.load(path, allow_pickle=False) as stored:
        arrays = {key: stored[key] for key in stored.files}
    graph = Neighbors(indices=arrays["indices"].astype(np.int32), distances=arrays["distances"])
    _write_arrays(path, {**arrays, "format": np.array(FORMAT_VERSION), **_maps(name, arrays["features"], graph)})
    return path


def _maps(name: str, values: FloatArray, graph: Neighbors) -> dict[str, np.ndarray]:
    methods: tuple[MapMethod, ...] = ("umap", "pca")
    maps = {method: draw(values, graph, method) for method in methods}
    trust = {f"trustworthiness_{method}": np.array(trustworthiness(values, made.xy)) for method, made in maps.items()}
    used = maps["umap"].umap
    assert used is not None
    log.info("%s: %s, min_dist %g", name, ", ".join(f"{key} {value:.4f}" for key, value in trust.items()), used.min_dist)
    return {"xy": maps["umap"].xy, "xy_pca": maps["pca"].xy, "min_dist": np.array(used.min_dist), **trust}


def _write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    scratch = path.with_suffix(".npz.tmp")
    with scratch.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    scratch.replace(path)


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.2f} MB"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.build_demos", description="Make the bundled demos again.")
    parser.add_argument("--demo", choices=sorted(_FILES), help="only this one (default: all)")
    parser.add_argument("--out", type=Path, default=ASSETS, help="folder to write to (default: assets/demos)")
    parser.add_argument("--maps", action="store_true", help="only draw the maps again")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        for name in [options.demo] if options.demo else [card.name for card in demo_cards()]:
            (redraw_maps if options.maps else build_demo)(name, options.out)
    except UslError as error:
        log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
