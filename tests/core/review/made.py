"""A small data set without files, a review of it, and what every review promises."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import usl_core as usl
from usl_core.review.pool import Pool, pool_of
from usl_core.review.rounds import first_call, select_call, start
from usl_core.review.session import Session, row_by_path
from usl_core.types import Features, ImageSet, Neighbors

N, N_COPIES = 60, 4


@dataclass(frozen=True)
class Made:
    """A review that begins, and what it is about."""

    features: Features
    neighbors: Neighbors
    session: Session
    pool: Pool

    @property
    def images(self) -> ImageSet:
        return self.features.images

    def pool_for(self, session: Session) -> Pool:
        return pool_of(self.features, self.neighbors, session.call, select_call(session.call, self.features, self.neighbors))


def features_of(paths: tuple[str, ...], values: np.ndarray, digests: tuple[str, ...] | None = None) -> Features:
    classes = np.arange(len(paths), dtype=np.int32) % 3
    images = ImageSet(
        root=Path("/nowhere"),
        paths=paths,
        digests=digests or tuple(f"{row:032x}" for row in range(len(paths))),
        labels=classes,
        class_names=("ant", "bee", "cat"),
        fingerprint=f"{len(paths)} images",
    )
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    return Features(values=unit.astype(np.float32), fingerprint="made", encoder="made", images=images)


@cache
def made(method: str = "usl", budget: int = 8, near_duplicates: float | None = None, params: Any = None) -> Made:
    """60 images in 6 heaps, the last four of which are copies of the first four."""
    rng = np.random.default_rng(0)
    heaps = rng.normal(size=(6, 8))
    values = heaps[np.arange(N) % 6] + 0.25 * rng.normal(size=(N, 8))
    values[-N_COPIES:] = values[:N_COPIES]
    features = features_of(tuple(f"made/{row:03d}.png" for row in range(N)), values)
    neighbors = usl.find_neighbors(features, 10)
    params = usl.UslParams(n_neighbors=5) if method == "usl" and params is None else params
    call = first_call(features, method=method, params=params, budget=budget, near_duplicates=near_duplicates, when=1.0)
    selection = select_call(call, features, neighbors)
    assert selection is not None
    session = start("made", "/nowhere", features, call, selection)
    return Made(features, neighbors, session, pool_of(features, neighbors, call, selection))


def check(session: Session, images: ImageSet) -> None:
    """What every review promises."""
    places = row_by_path(images)
    assert len(set(session.picks)) == len(session.picks) <= session.call.budget
    assert not set(session.picks).intersection(session.vetoed)
    assert len(set(session.vetoed)) == len(session.vetoed)
    assert not set(session.vetoed).intersection(session.labels)
    assert all(slot.accepted for slot in session.slots if slot.path in session.labels)
    assert {name for name in session.labels.values() if name is not None} <= set(session.class_names)
    assert len(set(session.class_names)) == len(session.class_names)
    referred = (*session.picks, *session.vetoed, *session.labels, *session.notes)
    assert all(session.digests[path] == images.digests[places[path]] for path in referred)
