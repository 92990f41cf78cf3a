"""From pixels and a few labels to the class of every image: `train_fixmatch`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UslError
from ..training.loop import run_epochs
from ..training.trainer import State
from ..types import FloatArray, IntArray, Progress
from ..validation import class_ids, whole_number
from .params import ImageFixMatchParams
from .trainer import FixMatchReport, FixMatchTraining, Judged


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FixMatched:
    """A training and what came of it.

    Args:
        params: its settings.
        seed: its seed.
        history: one report per epoch.
        state: of the trainer after the last epoch.
        probabilities: (n, C) float32, rows that add up to 1: of the images, or of `targets` where these were given.
        notes: sentences that a user should see.
    """

    params: ImageFixMatchParams
    seed: int
    history: tuple[FixMatchReport, ...]
    state: State
    probabilities: FloatArray
    notes: tuple[str, ...] = ()


def train_fixmatch(
    pixels: NDArray[np.uint8],
    labels: Any,
    params: ImageFixMatchParams | None = None,
    *,
    n_classes: int | None = None,
    seed: int = 0,
    device: str = "auto",
    targets: NDArray[np.uint8] | None = None,
    judged: Judged | None = None,
    on_epoch: Callable[[FixMatchReport], None] | None = None,
    on_progress: Progress | None = None,
    resume: tuple[Iterable[FixMatchReport], State] | None = None,
    on_state: Callable[[State], None] | None = None,
) -> FixMatched:
    """Train a WideResNet on images of which a few have a label, by FixMatch or FlexMatch.

    Args:
        pixels: (n, 32, 32, 3) uint8, see `pretrain.pixels.load_pixels`.
        labels: (n,) class ids; -1 where an image has no label.
        params: None means `ImageFixMatchParams()`.
        n_classes: C, above every label; None: one more than the largest.
        seed: whole number >= 0; same input and seed give the same training on one machine with as many threads.
        device: `auto` (CUDA if there is any, else the CPU), `cpu`, `cuda`, `cuda:N` or `mps`.
        targets: (r, 32, 32, 3) uint8 pictures to tell the classes of; None: of the images themselves.
        judged: what the reports' accuracies are of; nothing is learned from it.
        on_epoch: told after every epoch; may raise `Cancelled`.
        on_progress: see `types.Progress`.
        resume: the reports and the state of an unfinished training with the same arguments, to go on with.
        on_state: given the state after every epoch, before `on_epoch` hears of it; to be kept for `resume`.

    Returns:
        FixMatched. If the loss stopped being finite after the first epoch, the training up to then, with a note.

    Raises:
        UslError: any argument breaks its rule, fewer than two classes, memory ran out, or the loss is not finite in the first
            epoch.
        Cancelled: as raised by a callback.
    """
    params, x = params or ImageFixMatchParams(), _checked(pixels, "pixels")
    aims = x if targets is None else _checked(targets, "targets")
    known, count = _known(labels, len(x), n_classes)
    trainer = FixMatchTraining(x, known, count, params, whole_number(seed, "seed", 0), device, judged)
    history: list[FixMatchReport] = []
    begun: State | None = None
    if resume is not None:
        begun = resume[1]
        history = [report for report in resume[0] if report.epoch <= int(begun["epoch"])]

    def remember(report: FixMatchReport, state: State) -> None:
        history.append(report)
        if on_state is not None:
            on_state(state)
        if on_epoch is not None:
            on_epoch(report)

    state, notes = run_epochs(trainer, state=begun, on_epoch=remember, on_progress=on_progress)
    return FixMatched(
        params=params,
        seed=seed,
        history=tuple(history),
        state=state,
        probabilities=trainer.probabilities(aims),
        notes=notes,
    )


def _checked(pixels: Any, name: str) -> NDArray[np.uint8]:
    x = np.asarray(pixels)
    if x.dtype != np.uint8 or x.ndim != 4 or x.shape[1:] != (32, 32, 3) or len(x) == 0:
        raise UslError(f"{name} must be (n, 32, 32, 3) uint8, n at least 1, but are {x.shape} {x.dtype}")
    return x


def _known(labels: Any, n: int, n_classes: int | None) -> tuple[IntArray, int]:
    """Class ids and how many classes there are."""
    ids = class_ids(labels, n)
    if ids.min() < -1:
        raise UslError(f"labels must be class ids, or -1 where there is none, but hold {ids.min()}")
    seen = np.unique(ids[ids >= 0])
    if len(seen) < 2:
        said = "no image has one" if len(seen) == 0 else f"all that are given are class {seen[0]}"
        raise UslError(f"FixMatch tells classes apart, so labels of two classes or more are needed, but {said}")
    count = int(seen[-1]) + 1 if n_classes is None else whole_number(n_classes, "n_classes", 1)
    if seen[-1] >= count:
        raise UslError(f"labels must be below n_classes ({count}) but hold {seen[-1]}")
    return ids, count
