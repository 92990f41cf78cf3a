"""The training itself: guesses on weak views that strong views learn, a step, and after every epoch a report."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..encoders.device import find_device, has_bfloat16
from ..encoders.small import normalised
from ..training.trainer import Batch, Trainer
from ..types import FloatArray, IntArray
from .network import wide_resnet
from .params import ImageFixMatchParams
from .thresholds import UNKNOWN, class_thresholds
from .views import N_DRAWS, WEAK_DRAWS, strong, weak_views

if TYPE_CHECKING:
    from torch import Tensor

_NETWORK, _AVERAGED, _SPEED, _LEARNED = "network.", "averaged.", "momentum.", "learned"
_LEAST_MOMENTUM = 0.001  # of the normalisation's running mean and variance, as published
_AT_ONCE = 512


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """What an epoch is judged on; nothing is learned from it.

    Args:
        pixels: (r, 32, 32, 3) uint8.
        labels: (r,) int64 class ids.
    """

    pixels: NDArray[np.uint8]
    labels: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class FixMatchReport:
    """What an epoch has come to.

    Args:
        epoch: from 1.
        labelled_loss: cross-entropy on weak views of images with a label, mean over the epoch.
        unlabelled_loss: of strong views against the guesses that teach, mean over all images, those without such a guess
            counting 0.
        used: share of the images whose guess taught.
        accuracy: of the averaged network on what it is judged on; None where there is nothing.
        seconds: that the epoch took.
    """

    epoch: int
    labelled_loss: float
    unlabelled_loss: float
    used: float
    accuracy: float | None
    seconds: float = 0.0


class FixMatchTraining(Trainer[FixMatchReport]):
    """See `Trainer`.

    Args:
        pixels: (n, 32, 32, 3) uint8.
        labels: (n,) int64 class ids, -1 where an image has no label.
        n_classes: C.
        params: the settings.
        seed: whole number >= 0.
        device: see `train_fixmatch`.
        judged: see `Judged`, or None.
    """

    steps_share = 0.97

    def __init__(
        self,
        pixels: NDArray[np.uint8],
        labels: IntArray,
        n_classes: int,
        params: ImageFixMatchParams,
        seed: int,
        device: str,
        judged: Judged | None,
    ) -> None:
        import torch

        at_once = params.batch_size * params.ratio
        super().__init__(len(pixels), params.n_epochs, at_once, seed, find_device(device), torch.get_num_threads())
        self._pixels, self._labels, self._params, self._judged = pixels, labels, params, judged
        self._labelled = np.flatnonzero(labels >= 0)
        self._n_classes, self._n_steps = n_classes, max(1, round(len(pixels) / at_once))
        self._half = has_bfloat16(self._device)
        made = wide_resnet(n_classes, params.depth, params.width, seed)
        self._network = made.to(self._device).to(memory_format=torch.channels_last)
        self._averaged = copy.deepcopy(self._network).requires_grad_(False).eval()
        self._normalisations = [part for part in self._network.modules() if isinstance(part, torch.nn.BatchNorm2d)]
        self._learned = torch.full((len(pixels),), UNKNOWN, device=self._device)
        tensors = list(self._network.parameters())
        groups = [
            {"params": [tensor for tensor in tensors if (tensor.ndim > 1) == decays], "weight_decay": decay}
            for decays, decay in ((True, params.weight_decay), (False, 0.0))
        ]
        self._optimiser = torch.optim.SGD(groups, lr=params.learning_rate, momentum=0.9, nesterov=True)
        for tensor in tensors:
            self._optimiser.state[tensor]["momentum_buffer"] = torch.zeros_like(tensor, requires_grad=False)

    def _named(self) -> dict[str, Tensor]:
        tensors = {_LEARNED: self._learned}
        for prefix, part in ((_NETWORK, self._network), (_AVERAGED, self._averaged)):
            tensors |= {prefix + name: tensor for name, tensor in part.state_dict(keep_vars=True).items()}
        for name, tensor in self._network.named_parameters():
            tensors[_SPEED + name] = self._optimiser.state[tensor]["momentum_buffer"]
        return tensors

    def _batches(self, order: IntArray, rng: np.random.Generator) -> list[Batch]:
        """Images of nearly equal parts, and as many images with a label for each: all of these once before any comes again."""
        size = self._params.batch_size
        rounds = math.ceil(self._n_steps * size / len(self._labelled))
        labelled = np.concatenate([rng.permutation(self._labelled) for _ in range(rounds)])
        return [
            (rows, labelled[step * size : (step + 1) * size]) for step, rows in enumerate(np.array_split(order, self._n_steps))
        ]

    def _step(self, batch: Batch, loaded: None, rng: np.random.Generator, done: float) -> tuple[float, float, float]:
        import torch
        from torch.nn import functional

        p, (rows, labelled) = self._params, batch
        step = round((self.epoch + done) * self._n_steps)
        for part in self._normalisations:
            part.momentum = max(_LEAST_MOMENTUM, 1 - _kept_at_first(step))
        truth = torch.from_numpy(self._labels[labelled]).to(self._device)
        logits = self._logits(rows, labelled, rng)
        known, guessing, learning = logits.split([len(labelled), len(rows), len(rows)])
        labelled_loss = functional.cross_entropy(known, truth)
        sureness, guess = guessing.detach().softmax(1).max(1)
        taught = sureness >= self._threshold(rows, sureness, guess)
        unlabelled_loss = (functional.cross_entropy(learning, guess, reduction="none") * taught).mean()
        loss = labelled_loss + p.unlabelled_weight * unlabelled_loss
        self._check(loss)
        for group in self._optimiser.param_groups:
            group["lr"] = p.learning_rate * math.cos(7 * math.pi / 16 * (self.epoch + done) / self.n_epochs)
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        self._average(step)
        return float(labelled_loss.detach()), float(unlabelled_loss.detach()), float(taught.float().mean())

    def _logits(self, rows: IntArray, labelled: IntArray, rng: np.random.Generator) -> Tensor:
        """Of weak views of `labelled`, then weak and strong views of `rows`, by one pass: they share a normalisation."""
        import torch

        p, draws = self._params, rng.random((len(rows), N_DRAWS))
        pictures = self._on_device(self._pixels[rows])
        views = [
            weak_views(self._on_device(self._pixels[labelled]), rng.random((len(labelled), WEAK_DRAWS)), mirror=p.mirror),
            weak_views(pictures, draws[:, :WEAK_DRAWS], mirror=p.mirror),
            strong(pictures, draws[:, WEAK_DRAWS:], mirror=p.mirror),
        ]
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._half):
            found: Tensor = self._network(normalised(torch.cat(views) / 255))
        return found.float()

    def _threshold(self, rows: IntArray, sureness: Tensor, guess: Tensor) -> Tensor | float:
        """That each guess must reach; FlexMatch remembers guesses above tau, whatever their threshold is now."""
        import torch

        tau = self._params.confidence_threshold
        if not self._params.flex:
            return tau
        found = class_thresholds(self._learned, self._n_classes, tau)[guess]
        sure = sureness >= tau
        self._learned[torch.from_numpy(rows).to(self._device)[sure]] = guess[sure]
        return found

    def _average(self, step: int) -> None:
        """The averaged weights follow; what the normalisation has seen is taken over."""
        import torch

        keep = min(self._params.ema_decay, _kept_at_first(step))
        with torch.no_grad():
            for mean, now in zip(self._averaged.parameters(), self._network.parameters(), strict=True):
                mean.lerp_(now, 1 - keep)
            for seen, latest in zip(self._averaged.buffers(), self._network.buffers(), strict=True):
                seen.copy_(latest)

    def _report(self, terms: Sequence[float], on_progress: Callable[[float], None]) -> FixMatchReport:
        accuracy = None
        if self._judged is not None:
            found = self.probabilities(self._judged.pixels, on_progress)
            accuracy = float((found.argmax(axis=1) == self._judged.labels).mean())
        labelled, unlabelled, used = terms
        return FixMatchReport(
            epoch=self.epoch + 1, labelled_loss=labelled, unlabelled_loss=unlabelled, used=used, accuracy=accuracy
        )

    def probabilities(self, pixels: NDArray[np.uint8], on_progress: Callable[[float], None] | None = None) -> FloatArray:
        """(r, C) float32, rows that add up to 1: what the averaged network as it is makes of pictures."""
        import torch

        found = np.empty((len(pixels), self._n_classes), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(pixels), _AT_ONCE):
                if on_progress is not None:
                    on_progress(start / len(pixels))
                some = self._on_device(pixels[start : start + _AT_ONCE])
                found[start : start + _AT_ONCE] = self._averaged(normalised(some / 255)).softmax(1).cpu().numpy()
        return found

    def _on_device(self, pixels: NDArray[np.uint8]) -> Tensor:
        """(b, 3, 32, 32) float32 in [0, 255]."""
        import torch

        return torch.from_numpy(pixels).to(self._device).permute(0, 3, 1, 2).float().contiguous()

    def _likely_cause(self) -> str:
        return f"learning_rate = {self._params.learning_rate:g}; try a tenth of it"


def _kept_at_first(step: int) -> float:
    """What a running mean keeps of itself while there are few steps: so that it forgets what was before them."""
    return (1 + step) / (10 + step)
