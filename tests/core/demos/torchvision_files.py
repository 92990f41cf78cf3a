"""Tiny files of the formats in which torchvision's data sets are published, and torchvision reading them."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Read = Iterator[tuple[str, str, int, np.ndarray]]
"""Split, class, number in the split, pixels."""


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def pixels(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def jpeg(seed: int, side: int = 20) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels(seed, side, side, 3)).save(file, "JPEG")
    return file.getvalue()


def tar(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for folder in dict.fromkeys(name.rpartition("/")[0] for name in files):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


class _Python2(pickle._Pickler):  # type: ignore[misc]
    """Writes text and bytes as Python 2 did, which wrote CIFAR: as strings of bytes."""

    dispatch = dict(pickle._Pickler.dispatch)  # noqa: RUF012

    def _string(self, value: str | bytes) -> None:
        data = value.encode("latin1") if isinstance(value, str) else value
        self.write(b"T" + struct.pack("<i", len(data)) + data)

    dispatch[str] = dispatch[bytes] = _string


def pickled(thing: object) -> bytes:
    file = io.BytesIO()
    _Python2(file, 2).dump(thing)
    return file.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def cifar(name: str) -> dict[str, bytes]:
    ten = name == "cifar10"
    folder, label = ("cifar-10-batches-py", "labels") if ten else ("cifar-100-python", "fine_labels")
    classes = ["airplane", "cat", "frog"] if ten else ["apple", "aquarium_fish", "baby"]
    trains = [f"data_batch_{part}" for part in range(1, 6)] if ten else ["train"]
    files = {}
    for seed, batch in enumerate([*trains[::-1], "test_batch" if ten else "test"]):  # in no order
        more = {} if ten else {"coarse_labels": [0] * 4}
        files[f"{folder}/{batch}"] = pickled(
            {"data": pixels(seed, 4, 3072), label: [seed % 3, 1, 2, 0], "batch_label": "x", **more}
        )
    meta = {"label_names": classes} if ten else {"fine_label_names": classes, "coarse_label_names": ["thing"]}
    files[f"{folder}/{'batches.meta' if ten else 'meta'}"] = pickled(meta)
    files[f"{folder}/readme.html"] = b"<p>"
    return {"cifar-10-python.tar.gz" if ten else "cifar-100-python.tar.gz": tar(files)}


def stl10() -> dict[str, bytes]:
    files = {
        "test_X.bin": pixels(1, 3, 3, 96, 96).tobytes(),
        "test_y.bin": bytes([2, 1, 2]),
        "train_X.bin": pixels(2, 2, 3, 96, 96).tobytes(),
        "train_y.bin": bytes([1, 2]),
        "class_names.txt": b"airplane\nbird\n",
        "unlabeled_X.bin": pixels(3, 2, 3, 96, 96).tobytes(),
        "fold_indices.txt": b"0 1\n",
    }
    return {"stl10_binary.tar.gz": tar({f"stl10_binary/{name}": data for name, data in files.items()})}


def flowers() -> dict[str, bytes]:
    from scipy.io import savemat

    def table(**columns: Any) -> bytes:
        file = io.BytesIO()
        savemat(file, columns)
        return file.getvalue()

    images = {f"jpg/image_{number:05d}.jpg": jpeg(number) for number in (7, 1, 2, 3, 4, 5, 6)}
    splits = {"trnid": [[5, 1]], "valid": [[2, 6]], "tstid": [[7, 4, 3]]}
    return {
        "102flowers.tgz": tar(images),
        "imagelabels.mat": table(labels=np.array([[1, 1, 12, 102, 102, 102, 1]], np.uint8)),
        "setid.mat": table(**{name: np.array(ids, np.uint16) for name, ids in splits.items()}),
    }


def pets() -> dict[str, bytes]:
    images = [
        ("Abyssinian_1", 1),
        ("Abyssinian_10", 1),
        ("american_bulldog_2", 2),
        ("Egyptian_Mau_3", 3),
        ("american_bulldog_9", 2),
    ]
    lists = {"trainval": [images[3], images[0], images[2]], "test": [images[4], images[1], images[3]]}
    lists["test"][2] = ("Egyptian_Mau_4", 3)
    files = {f"images/{name}.jpg": jpeg(seed) for seed, (name, _) in enumerate([*images, ("Egyptian_Mau_4", 3)])}
    notes = {
        f"annotations/{split}.txt": "".join(f"{name} {label} 1 {label}\n" for name, label in listed).encode()
        for split, listed in lists.items()
    }
    notes["annotations/README"] = b"x"
    return {"images.tar.gz": tar({**files, "images/Abyssinian_100.mat": b"x"}), "annotations.tar.gz": tar(notes)}


def eurosat() -> dict[str, bytes]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("2750/", b"")
        for seed, name in enumerate(("River/River_2", "River/River_1", "River/River_10", "Forest/Forest_1", "Forest/Forest_2")):
            archive.writestr(f"2750/{name}.jpg", jpeg(seed))
    return {"EuroSAT.zip": packed.getvalue()}


def fashion() -> dict[str, bytes]:
    files = {}
    for seed, (name, labels) in enumerate((("train", [0, 9, 3, 0]), ("t10k", [5, 0]))):
        pictures = pixels(seed, len(labels), 28, 28)
        files[f"{name}-images-idx3-ubyte.gz"] = struct.pack(">HBB3L", 0, 8, 3, *pictures.shape) + pictures.tobytes()
        files[f"{name}-labels-idx1-ubyte.gz"] = struct.pack(">HBBL", 0, 8, 1, len(labels)) + bytes(labels)
    return {name: gzip.compress(data) for name, data in files.items()}


FILES: dict[str, Callable[[], dict[str, bytes]]] = {
    "cifar10": lambda: cifar("cifar10"),
    "cifar100": lambda: cifar("cifar100"),
    "stl10": stl10,
    "flowers102": flowers,
    "oxford-iiit-pet": pets,
    "eurosat": eurosat,
    "fashion-mnist": fashion,
}


def read_by_torchvision(name: str, files: dict[str, bytes], root: Path, patch: pytest.MonkeyPatch) -> Read:
    """The same files by torchvision's own class, whose checksums are made to be theirs; it unpacks them and asks no network."""
    from torchvision import datasets

    root.mkdir()
    splits: dict[str, dict[str, Any]] = {"train": {"train": True}, "test": {"train": False}}
    if name in ("cifar10", "cifar100"):
        dataset: Any = datasets.CIFAR10 if name == "cifar10" else datasets.CIFAR100
        ((file, data),) = files.items()
        (root / file).write_bytes(data)
        sums = _sums(data)
        patch.setattr(dataset, "tgz_md5", md5(data))
        for kind in ("train_list", "test_list"):
            patch.setattr(dataset, kind, [[batch, sums[batch]] for batch, _ in getattr(dataset, kind)])
        patch.setattr(dataset, "meta", {**dataset.meta, "md5": sums[dataset.meta["filename"]]})
    elif name == "stl10":
        dataset = datasets.STL10
        ((file, data),) = files.items()
        (root / file).write_bytes(data)
        sums = _sums(data)
        patch.setattr(dataset, "tgz_md5", md5(data))
        for kind in ("train_list", "test_list"):
            patch.setattr(dataset, kind, [[part, sums[part]] for part, _ in getattr(dataset, kind)])
        splits = {split: {"split": split} for split in ("train", "test")}
    elif name == "flowers102":
        dataset = datasets.Flowers102
        _put(files, root / "flowers-102")
        known = {key: (file, md5(files[file])) for key, (file, _) in dataset._file_dict.items()}
        patch.setattr(dataset, "_file_dict", known)
        splits = {split: {"split": split} for split in ("train", "val", "test")}
    elif name == "oxford-iiit-pet":
        dataset = datasets.OxfordIIITPet
        _put(files, root / "oxford-iiit-pet")
        patch.setattr(dataset, "_RESOURCES", [(url, md5(files[url.rpartition("/")[2]])) for url, _ in dataset._RESOURCES])
        splits = {"train": {"split": "trainval"}, "test": {"split": "test"}}
    elif name == "eurosat":
        dataset = datasets.EuroSAT
        with zipfile.ZipFile(io.BytesIO(files["EuroSAT.zip"])) as archive:
            archive.extractall(root / "eurosat")
        splits = {"": {}}
    else:
        dataset = datasets.FashionMNIST
        _put(files, root / "FashionMNIST" / "raw")
        patch.setattr(dataset, "resources", [(file, md5(files[file])) for file, _ in dataset.resources])
    for split, named in splits.items():
        read = dataset(root, download=name != "eurosat", **named)
        for number in range(len(read)):
            image, label = read[number]
            yield split, read.classes[label], number, np.asarray(image)


def _put(files: dict[str, bytes], folder: Path) -> None:
    folder.mkdir(parents=True)
    for file, data in files.items():
        (folder / file).write_bytes(data)


def _sums(archive: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        members = [member for member in opened if member.isfile()]
        return {member.name.rpartition("/")[2]: md5(opened.extractfile(member).read()) for member in members}  # type: ignore[union-attr]
