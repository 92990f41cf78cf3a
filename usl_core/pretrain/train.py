"""Contrastive learning from pixels to a network: `pretrain`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..encoders.small import METHODS
from ..encoders.trained import TrainedCard, export_encoder
from ..errors import UslError
from ..training.loop import run_epochs
from ..training.trainer import State
from ..types import Progress
from ..validation import class_ids, whole_number
from .knn_probe import probe_sample
from .params import PretrainParams
from .trainer import Pretraining, PretrainReport, weights_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pretrained:
    """A training and what came of it.

    Args:
        params: its settings.
        seed: its seed.
        n_images: it saw.
        history: one report per epoch.
        state: of the trainer after the last epoch.
        weights: of the encoder, by name: the network's and those of its last layer, see `whitening`.
        notes: sentences that a user should see.
    """

    params: PretrainParams
    seed: int
    n_images: int
    history: tuple[PretrainReport, ...]
    state: State
    weights: dict[str, np.ndarray]
    notes: tuple[str, ...] = ()


def pretrain(
    pixels: NDArray[np.uint8],
    params: PretrainParams | None = None,
    *,
    seed: int = 0,
    device: str = "auto",
    labels: Any = None,
    on_epoch: Callable[[PretrainReport], None] | None = None,
    on_progress: Progress | None = None,
    resume: tuple[Iterable[PretrainReport], State] | None = None,
    on_state: Callable[[State], None] | None = None,
) -> Pretrained:
    """Train a network to know the views of a picture from those of other pictures.

    Args:
        pixels: (n, 32, 32, 3) uint8, n >= 2, see `load_pixels`.
        params: None means `PretrainParams()`.
        seed: whole number >= 0; same input and seed give the same training on one machine with as many threads. What is gone
            on with goes on with as many as it was begun with.
        device: `auto` (CUDA if there is any, else the CPU), `cpu`, `cuda`, `cuda:N` or `mps`.
        labels: (n,) class ids for the k-nearest-neighbour accuracy in the reports; the training never sees them.
        on_epoch: told after every epoch; may raise `Cancelled`.
        on_progress: see `types.Progress`.
        resume: the reports and the state of an unfinished training with the same arguments, to go on with.
        on_state: given the state after every epoch, before `on_epoch` hears of it; to be kept for `resume`.

    Returns:
        Pretrained. If the loss stopped being finite after the first epoch, the training up to then, with a note.

    Raises:
        UslError: any argument breaks its rule, memory ran out, or the loss is not finite in the first epoch.
        Cancelled: as raised by a callback.
    """
    params, x = params or PretrainParams(), _checked(pixels)
    seed = whole_number(seed, "seed", 0)
    sample = probe_sample(len(x), None if labels is None else class_ids(labels, len(x)))
    trainer = Pretraining(x, params, seed, device, sample)
    history: list[PretrainReport] = []
    begun: State | None = None
    if resume is not None:
        begun = resume[1]
        history = [report for report in resume[0] if report.epoch <= int(begun["epoch"])]

    def remember(report: PretrainReport, state: State) -> None:
        history.append(report)
        if on_state is not None:
            on_state(state)
        if on_epoch is not None:
            on_epoch(report)

    state, notes = run_epochs(trainer, state=begun, on_epoch=remember, on_progress=on_progress)
    last = trainer.fit_whitening()
    return Pretrained(
        params=params,
        seed=seed,
        n_images=len(x),
        history=tuple(history),
        state=state,
        weights=weights_of(state) | {"mean": last.mean, "axes": last.axes},
        notes=notes,
    )


def _checked(pixels: Any) -> NDArray[np.uint8]:
    x = np.asarray(pixels)
    if x.dtype != np.uint8 or x.ndim != 4 or x.shape[1:] != (32, 32, 3):
        raise UslError(f"pixels must be (n, 32, 32, 3) uint8 but are {x.shape} {x.dtype}")
    if len(x) < 2:
        raise UslError(f"contrastive learning compares images, so there must be 2 or more but there is {len(x)}")
    return x


def export_pretrained(name: str, trained: Pretrained, source: str) -> TrainedCard:
    """Keep the network as an encoder; the perceptron behind it goes.

    Args:
        name: see `export_encoder`.
        trained: what `pretrain` returned.
        source: what the images are, in a word.

    Raises:
        UslError: as `export_encoder`.
    """
    method, n = METHODS[trained.params.method], len(trained.history)
    training = f"{method}, {n} epoch{'s' * (n > 1)} on {trained.n_images:,} images of {source}, without labels"
    return export_encoder(name, trained.params.backbone, trained.weights, training)
