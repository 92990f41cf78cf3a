"""The record of a run, run.json: everything that is needed to repeat it, and to notice that it cannot be repeated."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..cache.store import fingerprint
from ..encoders.own_vectors import is_vectors
from ..errors import UslError
from ..graph.near_duplicates import checked_cosine
from ..images.regular_files import read_regular
from ..json_fields import JsonFields
from ..selection.context import RULES
from ..selection.registry import methods, params_document, params_of
from ..types import Features, ImageSet, Selection
from .decided import DecidedPicks, decided_document, decided_picks
from .recorded_labels import RecordedLabels, recorded_labels

FORMAT = 2
"""1: recorded before copies counted as one image; see `selection.context.RULES`, which have the same numbers."""
_MAX_BYTES = 1 << 30
_LIBRARIES = ("numpy", "faiss-cpu", "scikit-learn", "pillow")
_IF_LOADED = ("torch", "torchvision")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run that was written down.

    Args:
        folder: what was selected from; in records of earlier versions it may be relative to the working directory of then.
        method: what `select` was asked for.
        budget: m.
        seed: of the method.
        params: the method's parameter object, or None.
        labelled: rows that had a label.
        vetoed: rows that were not to be picked.
        encoder: full name.
        precision: of the encoder.
        fingerprints: of "images", "features" and "picks".
        versions: of what computed it.
        n: number of images with features.
        n_problems: number of files that could not be used.
        rules: to select by, see `usl_core.select`.
        split: the split that was selected from, or None: all of the folder.
        near_duplicates: to select with, see `usl_core.select`.
        sample: how many of its files were drawn, and by which seed; None: all of them.
        labels: that came back before it, or None.
        decided: picks that somebody decided one by one, as no method would repeat them; None: they are the method's.
    """

    folder: str
    method: str
    budget: int
    seed: int
    params: Any
    labelled: tuple[int, ...]
    vetoed: tuple[int, ...]
    encoder: str
    precision: str
    fingerprints: Mapping[str, str]
    versions: Mapping[str, str]
    n: int
    n_problems: int
    rules: int
    split: str | None = None
    near_duplicates: float | None = None
    sample: tuple[int, int] | None = None
    labels: RecordedLabels | None = None
    decided: DecidedPicks | None = None

    def check_images(self, images: ImageSet) -> None:
        """Refuse images, before they are encoded, that cannot be those of the run.

        Some of the recorded problems may have come up while encoding; then the fingerprints of before and after differ, and
        only `check_features` can tell.

        Raises:
            UslError: the images changed.
        """
        same = images.fingerprint == self.fingerprints["images"]
        if not same and (self.n_problems == 0 or len(images) < self.n):
            raise self._changed(images)

    def check_features(self, features: Features) -> None:
        """Refuse features that are not those of the run.

        Raises:
            UslError: the images, the encoder's weights or its preprocessing changed.
        """
        if features.images.fingerprint != self.fingerprints["images"]:
            raise self._changed(features.images)
        if features.fingerprint != self.fingerprints["features"]:
            if is_vectors(features.encoder):
                raise UslError(
                    f"the vectors of {features.encoder} are others than those of the run, or beside other images; add the file "
                    "of then again, or start a new run without --from"
                )
            raise UslError(
                f"the features of {features.encoder} ({self.precision}) have changed since the run: other weights or another "
                f"preprocessing; it ran with {_listed(self.versions)}"
            )

    def _changed(self, images: ImageSet) -> UslError:
        return UslError(
            f"the usable images in {images.root} have changed since the run ({self.n} then, {len(images)} now), so it cannot "
            "be repeated; restore them, name the run's folder if this is another one, or start a new run without --from"
        )

    def check_picks(self, selection: Selection) -> None:
        """Refuse picks that are not those of the run.

        Raises:
            UslError: same input, other picks.
        """
        if picks_fingerprint(selection) != self.fingerprints["picks"]:
            raise UslError(
                "the same settings on the same images gave other picks than the run recorded, most likely by other versions "
                f"or another processor; it ran with {_listed(self.versions)}, and this is {_listed(versions())}"
            )


def picks_fingerprint(selection: Selection) -> str:
    """A fingerprint of the picked rows, in rank order."""
    return fingerprint(np.asarray(selection.indices, dtype=np.int64))


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that decide the picks; torch only where it is in use."""
    found = {"usl_core": __version__, "python": platform.python_version()}
    for name in (*_LIBRARIES, *(name for name in _IF_LOADED if name in sys.modules)):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # installed under another name, e.g. faiss-gpu
            continue
    return found


def run_record(
    selection: Selection,
    features: Features,
    *,
    folder: str,
    split: str | None = None,
    method: str | None = None,
    labelled: Iterable[int] = (),
    vetoed: Iterable[int] = (),
    precision: str = "float32",
    rules: int = RULES,
    near_duplicates: float | None = None,
    labels: RecordedLabels | None = None,
    beside: Path | str | None = None,
    is_decided: bool = False,
) -> dict[str, Any]:
    """What run.json says.

    Args:
        selection: what came out.
        features: what it was selected from.
        folder: under a name that will find it again, best an absolute path.
        split: the split that was selected from; None: all of the folder.
        method: as asked for; default: the method that ran.
        labelled: rows that had a label.
        vetoed: rows that were not to be picked.
        precision: of the encoder.
        rules: that were selected by.
        near_duplicates: that were selected with.
        labels: that came back, and that it went by.
        beside: the folder of the run.json, for it to name the file of labels from there; None: it is named as it is.
        is_decided: somebody decided the picks one by one, as no method would repeat them; then they stand in the record.

    Returns:
        A dict that JSON can hold without loss.
    """
    return {
        "format": rules,
        "command": "select",
        "folder": str(folder),
        "split": split,
        "sample": None if features.images.sample is None else asdict(features.images.sample),
        "method": method or selection.method,
        "method_run": selection.method,
        "budget": len(selection),
        "seed": int(selection.seed),
        "params": params_document(selection.params),
        "labelled": sorted({int(row) for row in labelled}),
        "vetoed": sorted({int(row) for row in vetoed}),
        "near_duplicates": near_duplicates,
        "labels": None if labels is None else labels.document(beside),
        "decided": decided_document(selection) if is_decided else None,
        "encoder": features.encoder,
        "precision": precision,
        "n": len(features),
        "n_problems": len(features.images.problems),
        "fingerprints": {
            "images": features.images.fingerprint,
            "features": features.fingerprint,
            "picks": picks_fingerprint(selection),
        },
        "versions": versions(),
        "notes": list(selection.notes),
        "problems": [{"path": problem.path, "cause": problem.cause} for problem in features.images.problems],
        "image_notes": [asdict(note) for note in features.images.notes],
    }


def load_run_record(path: Path | str) -> RunRecord:
    """Read and check a run.json.

    Raises:
        UslError: it cannot be read, or a field is missing or wrong; the message names it.
    """
    try:
        document = json.loads(read_regular(path, _MAX_BYTES).decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:  # ValueError: no UTF-8, no JSON, no regular file
        raise UslError(f"{path} is no readable run record: {error}") from error
    if not isinstance(document, dict) or document.get("format") not in range(1, FORMAT + 1):
        raise UslError(f"{path} is no run record of format 1 to {FORMAT}; write one with: select ... --out DIR")
    field = JsonFields(str(path), document)
    method = field.get("method", str)
    known = methods(second_round=True)
    if method not in known:
        raise field.wrong("method", f"must be one of {', '.join(known)} but is {method!r}")
    precision = field.get("precision", str)
    if precision not in ("float32", "bfloat16"):
        raise field.wrong("precision", f"must be 'float32' or 'bfloat16' but is {precision!r}")
    n = field.whole("n", 1)
    return RunRecord(
        folder=field.get("folder", str),
        method=method,
        budget=field.whole("budget", 1, n),
        seed=field.whole("seed", 0),
        params=params_of(field, method),
        labelled=field.rows("labelled", n),
        vetoed=field.rows("vetoed", n),
        encoder=field.get("encoder", str),
        precision=precision,
        fingerprints=field.texts("fingerprints", ("images", "features", "picks")),
        versions=field.texts("versions", ()),
        n=n,
        n_problems=field.whole("n_problems", 0),
        rules=field.whole("format", 1, FORMAT),
        split=None if document.get("split") is None else field.get("split", str),  # earlier versions knew none
        near_duplicates=_near_duplicates(field, document),
        sample=None if document.get("sample") is None else _sample(field),
        labels=recorded_labels(str(path), document, n),  # earlier versions knew none
        decided=decided_picks(field, n),
    )


def _near_duplicates(field: JsonFields, document: Mapping[str, Any]) -> float | None:
    value = document.get("near_duplicates")  # earlier versions knew none
    try:
        return None if value is None else checked_cosine(value)
    except UslError as error:
        raise field.wrong("near_duplicates", f"must be null or a cosine in (0, 1] but is {value!r:.80}") from error


def _sample(field: JsonFields) -> tuple[int, int]:
    sample = JsonFields(field.path, field.get("sample", dict), "sample.")
    n = sample.whole("n", 1)
    sample.whole("of", n + 1)
    return n, sample.whole("seed", 0)


def _listed(found: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in found.items())
