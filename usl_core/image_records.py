"""An image set kept in the cache, so that whoever comes after the scan need not look at the folder again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .image_subsets import without_split
from .store import Entry, Store, fingerprint
from .types import ImageSet, Note, Problem, Skipped

_KIND = "image-sets"
_VERSION = 3


def remember_images(images: ImageSet, store: Store) -> None:
    """Keep an image set; that of an earlier scan of the same folder or archive goes.

    Raises:
        UslError: the cache directory cannot be written.
    """
    arrays: dict[str, np.ndarray] = {
        "paths": np.frombuffer("\0".join(images.paths).encode(), np.uint8),
        "digests": np.frombuffer(bytes.fromhex("".join(images.digests)), np.uint8).reshape(len(images), -1),
    }
    if images.labels is not None:
        arrays["labels"] = images.labels
    if images.splits is not None:
        arrays["splits"] = images.splits
    meta: dict[str, Any] = {
        "class_names": images.class_names,
        "problems": [(problem.path, problem.cause) for problem in images.problems],
        "split_names": images.split_names,
        "skipped": [(skipped.count, skipped.what) for skipped in images.skipped],
        "notes": [(note.path, note.text) for note in images.notes],
        "fingerprint": images.fingerprint,
    }
    if images.splits is not None:
        digests = np.asarray(images.digests)
        meta["split_fingerprints"] = {
            name: fingerprint("images", tuple(digests[images.splits == number].tolist()))
            for number, name in enumerate(images.split_names)
        }
    store.save(_KIND, _key(images.root), arrays, meta)


def recall_images(root: Path, store: Store) -> ImageSet | None:
    """The image set that was kept last for this folder or archive, or None."""
    entry = store.load(_KIND, _key(root))
    return None if entry is None else _image_set(root, entry)


def known_fingerprint(root: Path, store: Store, split: str | None = None) -> str | None:
    """The fingerprint of what `recall_images` returns, or of a split of it, None if there is none; reads no array."""
    meta = store.meta(_KIND, _key(root))
    if meta is None:
        return None
    found = meta["fingerprint"] if split is None else meta.get("split_fingerprints", {}).get(split)
    return None if found is None else str(found)


def images_version(root: Path | str, cache_dir: Path | None = None) -> int | None:
    """Changes whenever another image set is kept for this folder or archive, or what a split is of; None if there is none."""
    return Store(cache_dir).written(_KIND, _key(without_split(str(root))[0]))


def _key(root: Path | str) -> str:
    return fingerprint(_KIND, _VERSION, str(root))


def _image_set(root: Path, entry: Entry) -> ImageSet:
    text, width = entry.arrays["digests"].tobytes().hex(), 2 * entry.arrays["digests"].shape[1]
    return ImageSet(
        root=root,
        paths=tuple(bytes(entry.arrays["paths"]).decode().split("\0")),
        digests=tuple(text[at : at + width] for at in range(0, len(text), width)),
        labels=entry.arrays.get("labels"),
        class_names=tuple(entry.meta["class_names"]),
        splits=entry.arrays.get("splits"),
        split_names=tuple(entry.meta.get("split_names", ())),
        skipped=tuple(Skipped(count, what) for count, what in entry.meta.get("skipped", ())),
        problems=tuple(Problem(path, cause) for path, cause in entry.meta["problems"]),
        notes=tuple(Note(path, text) for path, text in entry.meta["notes"]),
        fingerprint=entry.meta["fingerprint"],
    )
