"""An image set kept in the cache, so that whoever comes after the scan need not look at the folder again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..cache.store import Entry, Store, fingerprint
from ..types import ImageSet, ListedLabels, Note, Problem, Sample, Skipped
from .looks import Looks, looks_of
from .subsets import source_parts, with_sample

_KIND = "image-sets"
_VERSION = 3
Drawn = tuple[int, int] | None


def remember_images(images: ImageSet, store: Store, asked: Drawn = None) -> None:
    """Keep an image set; that of an earlier scan of the same folder, archive or list goes.

    Args:
        images: all of them, of no split.
        store: where they are kept.
        asked: the sample that was asked for, if one was: how many files, and the seed.

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
    if images.listed is not None:
        arrays["listed"] = images.listed.ids
    meta: dict[str, Any] = {
        "class_names": images.class_names,
        "listed_names": None if images.listed is None else images.listed.names,
        "problems": [(problem.path, problem.cause, problem.split) for problem in images.problems],
        "split_names": images.split_names,
        "skipped": [(skipped.count, skipped.what) for skipped in images.skipped],
        "notes": [(note.path, note.text) for note in images.notes],
        "sample": None if images.sample is None else asdict(images.sample),
        "fingerprint": images.fingerprint,
        "looks": None if (looks := looks_of(images)) is None else [looks.side, looks.is_grey],
    }
    if images.splits is not None:
        digests = np.asarray(images.digests)
        meta["split_fingerprints"] = {
            name: fingerprint("images", tuple(digests[images.splits == number].tolist()))
            for number, name in enumerate(images.split_names)
        }
    store.save(_KIND, _key(images.root, asked), arrays, meta)


def recall_images(root: Path, store: Store, asked: Drawn = None) -> ImageSet | None:
    """The image set that was kept last for this folder, archive or list, or a sample of it; None if there is none."""
    entry = store.load(_KIND, _key(root, asked))
    return None if entry is None else _image_set(root, entry)


def forget_images(root: Path, store: Store, asked: Drawn = None) -> None:
    """Keep no image set of this folder, archive or list; its paths and classes are in no other entry."""
    store.discard(_KIND, _key(root, asked))


def known_fingerprint(root: Path, store: Store, split: str | None = None, asked: Drawn = None) -> str | None:
    """The fingerprint of what `recall_images` returns, or of a split of it, None if there is none; reads no array."""
    meta = store.meta(_KIND, _key(root, asked))
    if meta is None:
        return None
    found = meta["fingerprint"] if split is None else meta.get("split_fingerprints", {}).get(split)
    return None if found is None else str(found)


def known_looks(root: Path, store: Store, asked: Drawn = None) -> Looks | None:
    """What the images of `recall_images` look like, None if that is not known; reads no array."""
    meta = store.meta(_KIND, _key(root, asked)) or {}
    found = meta.get("looks")
    return None if found is None else Looks(int(found[0]), bool(found[1]))


def images_version(root: Path | str, cache_dir: Path | None = None) -> int | None:
    """Changes whenever another image set is kept for this source, or what a part is of; None if there is none."""
    path, asked, _ = source_parts(str(root))
    return Store(cache_dir).written(_KIND, _key(path, asked))


def _key(root: Path | str, asked: Drawn) -> str:
    return fingerprint(_KIND, _VERSION, with_sample(str(root), asked))


def _image_set(root: Path, entry: Entry) -> ImageSet:
    text, width = entry.arrays["digests"].tobytes().hex(), 2 * entry.arrays["digests"].shape[1]
    return ImageSet(
        root=root,
        paths=tuple(bytes(entry.arrays["paths"]).decode().split("\0")),
        digests=tuple(text[start : start + width] for start in range(0, len(text), width)),
        labels=entry.arrays.get("labels"),
        class_names=tuple(entry.meta["class_names"]),
        splits=entry.arrays.get("splits"),
        split_names=tuple(entry.meta.get("split_names", ())),
        skipped=tuple(Skipped(count, what) for count, what in entry.meta.get("skipped", ())),
        problems=tuple(Problem(*problem) for problem in entry.meta["problems"]),  # earlier versions knew no split
        notes=tuple(Note(path, text) for path, text in entry.meta["notes"]),
        listed=ListedLabels(ids=entry.arrays["listed"], names=tuple(entry.meta["listed_names"]))
        if "listed" in entry.arrays
        else None,
        sample=Sample(**entry.meta["sample"]) if entry.meta.get("sample") else None,
        fingerprint=entry.meta["fingerprint"],
    )
