"""Bundled data, offline and ready at once: two image collections with everything precomputed.

A demo is two files in assets/demos: `<name>.zip`, a collection like any user's, and `<name>.npz`, what the library
computed from it. `python -m tools.build_demos` makes both again. Loading needs numpy alone.
"""

from __future__ import annotations

import hashlib
import threading
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import bundled_files
from ..errors import UslError
from ..read_only import read_only
from ..types import Features, FloatArray, ImageSet, Neighbors

ASSETS = bundled_files.ASSETS / "demos"
FORMAT_VERSION = 2
# NumPy parses each header with `ast`, which fails now and then in several threads at once on Python 3.11.
_PARSING = threading.Lock()
BUILD_COMMAND = "python -m tools.build_demos"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCard:
    """What a user reads before choosing a demo.

    Args:
        name: what `load_demo` takes.
        title: a few words.
        description: one sentence.
        n: number of images.
        n_classes: number of classes.
        source: where the images come from.
        licence: what one may do with them.
    """

    name: str
    title: str
    description: str
    n: int
    n_classes: int
    source: str
    licence: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Demo:
    """A bundled collection and what the library computed from it; all arrays are read-only.

    Args:
        card: its description.
        images: the image set of the bundled zip, labels included.
        features: `encode(images, "bundled:mini")`.
        neighbors: `find_neighbors(features.values, 200)`.
        maps: (n, 2) float32 coordinates, "umap" (15 neighbours, seed 0) and "pca".
        trustworthiness: of each map, in [0, 1].
        min_dist: of the UMAP, chosen as `project` does.
    """

    card: DemoCard
    images: ImageSet
    features: Features
    neighbors: Neighbors
    maps: Mapping[str, FloatArray]
    trustworthiness: Mapping[str, float]
    min_dist: float


_CARDS = (
    DemoCard(
        name="digits",
        title="Handwritten digits",
        description="Real handwritten digits of 8 x 8 pixels; the ten classes are of nearly equal size.",
        n=1797,
        n_classes=10,
        source="E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI, 1998; the copy in scikit-learn",
        licence="CC BY 4.0",
    ),
    DemoCard(
        name="shapes",
        title="Shapes with a long tail",
        description="Drawn shapes in twelve classes, from a quarter of the images down to half a percent, "
        "with near-duplicates, exact duplicates and broken frames.",
        n=2390,
        n_classes=12,
        source="drawn by this project (tools/shapes.py)",
        licence="MIT",
    ),
)


def demo_cards() -> list[DemoCard]:
    """The bundled collections.

    >>> [card.name for card in usl.demo_cards()]
    ['digits', 'shapes']
    """
    return list(_CARDS)


def load_demo(name: str, directory: Path | str | None = None) -> Demo:
    """A bundled collection with features, neighbours and maps, without computing anything.

    Args:
        name: the name of one of `demo_cards()`.
        directory: where `<name>.zip` and `<name>.npz` lie; None means the bundled ones.

    Raises:
        UslError: no such demo, or its files are missing, damaged, or do not belong together.

    >>> len(usl.load_demo("shapes").images)
    2390
    """
    card = next((card for card in _CARDS if card.name == name), None)
    if card is None:
        raise UslError(f"there is no demo named {name!r}; the demos are {_listed([card.name for card in _CARDS])}")
    folder = ASSETS if directory is None else Path(directory)
    try:
        stored = _read_arrays(folder / f"{name}.npz")
        if file_digest(folder / f"{name}.zip") != stored["zip_digest"].item():
            raise ValueError(f"{name}.zip is not the file that {name}.npz was made from")
        return _demo(card, folder / f"{name}.zip", stored)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        where = "" if directory is None else f" --out {folder}"
        raise UslError(
            f"the files of the demo {name!r} cannot be used ({_cause(error)}); "
            f"make them again with: {BUILD_COMMAND} --demo {name}{where}"
        ) from error


def demo_fingerprints(name: str) -> tuple[str, str, str]:
    """Fingerprint of a bundled collection's images, name of the encoder of its features, and their fingerprint.

    Reads nothing else of it, and so cannot tell whether the rest is damaged. Raises as `load_demo`.
    """
    if name not in {card.name for card in _CARDS}:
        raise UslError(f"there is no demo named {name!r}; the demos are {_listed([card.name for card in _CARDS])}")
    try:
        with _PARSING, np.load(ASSETS / f"{name}.npz", allow_pickle=False) as stored:
            images, encoder, features = (
                str(stored[key].item()) for key in ("image_fingerprint", "encoder", "feature_fingerprint")
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UslError(f"the files of the demo {name!r} cannot be used ({_cause(error)})") from error
    return images, encoder, features


def demo_of(features: Features) -> Demo | None:
    """The bundled collection that features came with; None if they are others, though of its images. Raises as `load_demo`."""
    name = next((card.name for card in _CARDS if features.images.root == ASSETS / f"{card.name}.zip"), None)
    return load_demo(name) if name is not None and demo_fingerprints(name)[-1] == features.fingerprint else None


def file_digest(path: Path) -> str:
    """A 128-bit hex digest of a file's bytes; ties a demo's .npz to its .zip."""
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


def _cause(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{Path(error.filename).name} is missing"
    return f"no entry {error}" if isinstance(error, KeyError) else str(error)


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    with _PARSING, path.open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError(f"{path.name} is not an .npz file")
        stored = {key: archive[key] for key in archive.files}
    if int(stored["format"]) != FORMAT_VERSION:
        raise ValueError(f"{path.name} has format {int(stored['format'])} but this version reads {FORMAT_VERSION}")
    return stored


def _demo(card: DemoCard, archive: Path, stored: Mapping[str, np.ndarray]) -> Demo:
    images = ImageSet(
        root=archive,
        paths=tuple(stored["paths"].tolist()),
        digests=tuple(stored["digests"].tolist()),
        labels=stored["labels"],
        class_names=tuple(stored["class_names"].tolist()),
        fingerprint=stored["image_fingerprint"].item(),
    )
    features = Features(
        values=stored["features"],
        fingerprint=stored["feature_fingerprint"].item(),
        encoder=stored["encoder"].item(),
        images=images,
    )
    return read_only(
        Demo(
            card=card,
            images=images,
            features=features,
            neighbors=Neighbors(indices=stored["indices"].astype(np.int32), distances=stored["distances"]),
            maps={"umap": stored["xy"], "pca": stored["xy_pca"]},
            trustworthiness={key: float(stored[f"trustworthiness_{key}"]) for key in ("umap", "pca")},
            min_dist=float(stored["min_dist"]),
        )
    )


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names)
