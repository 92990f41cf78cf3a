"""The files of torchvision's data sets, read picture by picture: nothing is unpacked as a whole, no pickled code is run.

torchvision's own classes unpack everything and hold it in memory. A test holds what comes out here against what they read.
JPEG files pass as they are. Arrays become PNG files that are the same bytes on every machine.
"""

from __future__ import annotations

import gzip
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

FASHION_CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Picture:
    """One image of a data set.

    Args:
        split: "train", "val", "test" or empty.
        class_name: of its class.
        number: in its split, from 0, as torchvision counts.
        suffix: of its file.
        data: the file.
    """

    split: str
    class_name: str
    number: int
    suffix: str
    data: bytes

    @property
    def path(self) -> str:
        """Its name in the archive."""
        folders = [self.split] if self.split else []
        return "/".join([*folders, self.class_name.replace("/", "-"), f"{self.number:05d}{self.suffix}"])


def png(pixels: Pixels) -> bytes:
    """A PNG file whose pixels are not packed, so that its bytes depend on no library; the archive packs it.

    Args:
        pixels: (h, w) uint8 grey or (h, w, 3) uint8 RGB.
    """
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + pixels[0].size), np.uint8)  # each row begins with its filter: 0, none
    rows[:, 1:] = pixels.reshape(height, -1)
    raw = rows.tobytes()
    blocks = [raw[start : start + 65535] for start in range(0, len(raw), 65535)]
    stored = b"".join(struct.pack("<BHH", block is blocks[-1], len(block), len(block) ^ 0xFFFF) + block for block in blocks)
    header = struct.pack(">2L5B", width, height, 8, 0 if pixels.ndim == 2 else 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", b"\x78\x01" + stored + struct.pack(">L", zlib.adler32(raw))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data)) for kind, data in chunks
    )


def read_cifar(files: Mapping[str, Path], scratch: Path) -> Iterator[Picture]:
    """CIFAR-10 and CIFAR-100: batches of pickled arrays."""
    (archive,) = files.values()
    parts = _unpacked(archive, scratch, lambda name: not name.endswith((".html", ".txt~")))
    meta = _unpickled(parts.get("batches.meta") or parts["meta"])
    classes = meta.get("label_names") or meta["fine_label_names"]
    for split, names in (
        ("train", ("train", *(f"data_batch_{part}" for part in range(1, 6)))),
        ("test", ("test", "test_batch")),
    ):
        number = 0
        for name in names:
            if name not in parts:
                continue
            batch = _unpickled(parts[name])
            pictures = np.asarray(batch["data"], np.uint8).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
            for pixels, label in zip(pictures, batch.get("labels") or batch["fine_labels"], strict=True):
                yield Picture(split, classes[label], number, ".png", png(pixels))
                number += 1


class _Arrays(pickle.Unpickler):
    """Reads arrays of NumPy among plain things, and refuses whatever else could be done by a pickle."""

    def find_class(self, module: str, name: str) -> Any:
        import codecs

        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return np.empty(0).__reduce__()[0]
        if (module, name) == ("_codecs", "encode"):
            return codecs.encode
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a data set")


def _unpickled(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        found: dict[str, Any] = _Arrays(file, encoding="latin1").load()
    return found


def read_stl10(files: Mapping[str, Path], scratch: Path) -> Iterator[Picture]:
    """STL-10: pixels in planes, column by column, and classes from 1; the images without a class are passed over."""
    (archive,) = files.values()
    wanted = {"class_names.txt", *(f"{split}_{what}.bin" for split in ("train", "test") for what in "Xy")}
    parts = _unpacked(archive, scratch, wanted.__contains__, len(wanted))
    classes = parts["class_names.txt"].read_text(encoding="ascii").split()
    for split in ("train", "test"):
        labels = np.fromfile(parts[f"{split}_y.bin"], np.uint8)
        pixels = np.memmap(parts[f"{split}_X.bin"], np.uint8, "r").reshape(-1, 3, 96, 96)
        for number, (picture, label) in enumerate(zip(pixels, labels, strict=True)):
            yield Picture(split, classes[label - 1], number, ".png", png(picture.transpose(2, 1, 0)))


def read_flowers(files: Mapping[str, Path], scratch: Path) -> Iterator[Picture]:
    """Oxford Flowers: JPEG files by number, classes and splits in MATLAB's tables, names of the classes in torchvision."""
    from scipy.io import loadmat
    from torchvision.datasets import Flowers102

    names = getattr(Flowers102, "classes", [f"class {number:03d}" for number in range(1, 103)])  # old ones name none
    labels = loadmat(files["imagelabels.mat"], squeeze_me=True)["labels"]
    splits = loadmat(files["setid.mat"], squeeze_me=True)
    places = {
        f"image_{image:05d}.jpg": (split, names[labels[image - 1] - 1], number)
        for split, column in (("train", "trnid"), ("val", "valid"), ("test", "tstid"))
        for number, image in enumerate(np.atleast_1d(splits[column]).tolist())
    }
    yield from _placed(_members(files["102flowers.tgz"]), places)


def read_pets(files: Mapping[str, Path], scratch: Path) -> Iterator[Picture]:
    """Oxford-IIIT Pets: JPEG files whose names begin with the breed, and lists of the splits."""
    lists = {"trainval.txt": "train", "test.txt": "test"}
    places = {}
    for name, data in _members(files["annotations.tar.gz"]):
        if name in lists:
            for number, line in enumerate(data().decode("ascii").splitlines()):
                image = line.split()[0]
                breed = " ".join(part.title() for part in image.rpartition("_")[0].split("_"))
                places[f"{image}.jpg"] = (lists[name], breed, number)
    yield from _placed(_members(files["images.tar.gz"]), places)


def read_eurosat(files: Mapping[str, Path], scratch: Path) -> Iterator[Picture]:
    """EuroSAT: JPEG files in a folder per class, without splits; they are numbered as their names are sorted."""
    (path,) = files.values()
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.lower().endswith(".jpg"))
        counts = Counter[str]()
        for name in names:
            folder = name.split("/")[-2]
            yield Picture("", folder, counts[folder], ".jpg", archive.read(name))
            counts[folder] += 1


def read_fashion(files: Mapping[str, Path], scratch: Path) -> Iterator[Picture]:
    """Fashion-MNIST: arrays in the IDX format, without names of the classes."""
    for split, name in (("train", "train"), ("test", "t10k")):
        pixels = _idx(files[f"{name}-images-idx3-ubyte.gz"], 3)
        labels = _idx(files[f"{name}-labels-idx1-ubyte.gz"], 1)
        for number, (picture, label) in enumerate(zip(pixels, labels, strict=True)):
            yield Picture(split, FASHION_CLASSES[label], number, ".png", png(picture))


READERS: Mapping[str, Callable[[Mapping[str, Path], Path], Iterator[Picture]]] = {
    "cifar10": read_cifar,
    "cifar100": read_cifar,
    "stl10": read_stl10,
    "flowers102": read_flowers,
    "oxford-iiit-pet": read_pets,
    "eurosat": read_eurosat,
    "fashion-mnist": read_fashion,
}
"""By name of the data set; each takes the downloaded files by name and a folder for what has to lie on the disk meanwhile."""


def _idx(path: Path, n_dims: int) -> Pixels:
    with gzip.open(path) as file:
        data = file.read()
    zero, kind, dims = struct.unpack_from(">HBB", data)
    if (zero, kind, dims) != (0, 8, n_dims):
        raise ValueError(f"{path.name} is no IDX file of bytes in {n_dims} dimensions")
    shape = struct.unpack_from(f">{dims}L", data, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dims).reshape(shape)


def _members(archive: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """The files of a .tar.gz in the order in which they lie: the last part of each name, and how its bytes are had."""
    with tarfile.open(archive, "r|gz") as opened:
        for member in opened:
            file = opened.extractfile(member) if member.isfile() else None
            if file is not None:
                yield member.name.rpartition("/")[2], file.read


def _placed(
    members: Iterable[tuple[str, Callable[[], bytes]]], places: Mapping[str, tuple[str, str, int]]
) -> Iterator[Picture]:
    """Those members that have a split, a class and a number; all of them must be there."""
    missing = set(places)
    for name, data in members:
        if name in missing:
            missing.discard(name)
            split, class_name, number = places[name]
            yield Picture(split, class_name, number, ".jpg", data())
    if missing:
        raise ValueError(f"{len(missing):,} images are not in the archive, {min(missing)} among them")


def _unpacked(archive: Path, scratch: Path, wanted: Callable[[str], bool], most: int = 2**31) -> dict[str, Path]:
    """Some files of a .tar.gz on the disk, by the last part of their names."""
    found: dict[str, Path] = {}
    with tarfile.open(archive, "r|gz") as opened:
        for member in opened:
            name = member.name.rpartition("/")[2]
            file = opened.extractfile(member) if member.isfile() and wanted(name) else None
            if file is not None:
                found[name] = scratch / f"part{len(found)}"
                _copied(file, found[name])
                if len(found) == most:
                    break
    return found


def _copied(file: IO[bytes], path: Path) -> None:
    with path.open("wb") as copy:
        while block := file.read(2**20):
            copy.write(block)
