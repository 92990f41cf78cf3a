"""Contrastive learning from pixels to a network: `pretrain`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..encoder_small import SMALL_NETWORKS, normalised
from ..encoder_torchvision import find_device, has_bfloat16
from ..errors import UslError
from ..types import FloatArray, Progress
from ..validation import class_ids, whole_number
from .judge import JudgeSample, judge_sample, knn_accuracy, spread
from .losses import info_nce, nt_xent
from .networks import new_network, new_projection, unit
from .params import PretrainParams
from .views import N_DRAWS, random_views

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

State = Mapping[str, np.ndarray]
_NETWORK, _PROJECTION, _KEY, _SPEED = "network.", "projection.", "key.", "momentum."
_STEPS_SHARE = 0.95  # of an epoch's work; the rest is the judgement


class Diverged(UslError):
    """The loss is no longer a finite number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainReport:
    """What an epoch has come to.

    Args:
        epoch: from 1.
        loss: mean over the epoch's views.
        knn_accuracy: share of pictures whose 200 nearest others say their class, see `judge`; None without classes.
        spread: of the features, 0 if all are the same, 1 if they point everywhere alike.
        seconds: that the epoch took.
    """

    epoch: int
    loss: float
    knn_accuracy: float | None
    spread: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pretrained:
    """A training and what came of it.

    Args:
        params: its settings.
        seed: its seed.
        n_images: it saw.
        history: one report per epoch.
        state: of the trainer after the last epoch.
        notes: sentences that a user should see.
    """

    params: PretrainParams
    seed: int
    n_images: int
    history: tuple[PretrainReport, ...]
    state: State
    notes: tuple[str, ...] = ()

    @property
    def weights(self) -> dict[str, np.ndarray]:
        """The backbone's tensors by name."""
        return weights_of(self.state)


def weights_of(state: State) -> dict[str, np.ndarray]:
    """The backbone's tensors by name, without what belongs to projection and optimiser, out of a training's state."""
    return {name.removeprefix(_NETWORK): array for name, array in state.items() if name.startswith(_NETWORK)}


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
        seed: whole number >= 0; same input and seed give the same training on one machine.
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
    sample = judge_sample(len(x), None if labels is None else class_ids(labels, len(x)))
    trainer = Pretraining(x, params, seed, device, sample)
    report: Progress = on_progress or (lambda fraction, note: None)
    history: list[PretrainReport] = []
    state: State = {}
    if resume is not None:
        trainer.restore(resume[1])
        history = [epoch for epoch in resume[0] if epoch.epoch <= trainer.epoch]
        state = trainer.state()
    notes: tuple[str, ...] = ()
    while trainer.epoch < params.n_epochs:
        done = trainer.epoch
        try:
            latest = trainer.run_epoch(lambda share, note: report((done + share) / params.n_epochs, note))  # noqa: B023
        except Diverged as error:
            if not history:
                raise
            notes = (f"{error}. The result is that of epoch {done}.",)
            break
        state = trainer.state()
        history.append(latest)
        if on_state is not None:
            on_state(state)
        if on_epoch is not None:
            on_epoch(latest)
    report(1.0, f"{len(history)} epochs")
    return Pretrained(params=params, seed=seed, n_images=len(x), history=tuple(history), state=state, notes=notes)


class Pretraining:
    """A training that goes on epoch by epoch; the same seed gives the same epochs on one machine, also after `restore`.

    Args:
        pixels: (n, 32, 32, 3) uint8.
        params: the settings.
        seed: whole number >= 0.
        device: see `pretrain`.
        sample: what the reports judge by.
    """

    def __init__(
        self, pixels: NDArray[np.uint8], params: PretrainParams, seed: int, device: str, sample: JudgeSample
    ) -> None:
        import torch

        self._pixels, self._params, self._seed, self._sample = pixels, params, seed, sample
        self._device = find_device(device)
        # Half precision only in the network, where the device multiplies it faster; the loss stays in float32.
        self._half = self._device.type == "cuda" and has_bfloat16(self._device)
        dim = SMALL_NETWORKS[params.backbone].dim
        self._network = self._placed(new_network(params.backbone, seed))
        self._projection = self._placed(new_projection(dim, params.projection_dim, seed + 1))
        self._key: nn.Module | None = None
        if params.method == "moco":
            self._key = torch.nn.Sequential(
                self._placed(new_network(params.backbone, seed)), self._placed(new_projection(dim, params.projection_dim, seed + 1))
            ).requires_grad_(False)
            drawn = np.random.default_rng([seed, 0]).standard_normal((params.queue, params.projection_dim))
            self._queue = unit(torch.from_numpy(drawn)).to(self._device)
        matrices, others = [], []
        for tensor in self._trained().values():
            (matrices if tensor.ndim > 1 else others).append(tensor)
        groups = [{"params": matrices, "weight_decay": params.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self._optimiser = torch.optim.SGD(groups, lr=params.learning_rate, momentum=0.9)
        for tensor in self._trained().values():
            self._optimiser.state[tensor]["momentum_buffer"] = torch.zeros_like(tensor, requires_grad=False)
        self.epoch = 0

    def _placed(self, network: nn.Module) -> nn.Module:
        import torch

        return network.to(self._device).to(memory_format=torch.channels_last)

    def _trained(self) -> dict[str, Tensor]:
        """What the optimiser moves, by name."""
        parts = ((_NETWORK, self._network), (_PROJECTION, self._projection))
        return {prefix + name: tensor for prefix, part in parts for name, tensor in part.named_parameters()}

    def _named(self) -> dict[str, Tensor]:
        parts = [(_NETWORK, self._network), (_PROJECTION, self._projection)]
        if self._key is not None:
            parts.append((_KEY, self._key))
        tensors = {prefix + name: tensor for prefix, part in parts for name, tensor in part.state_dict(keep_vars=True).items()}
        for name, tensor in self._trained().items():
            tensors[_SPEED + name] = self._optimiser.state[tensor]["momentum_buffer"]
        return tensors | ({"queue": self._queue} if self._key is not None else {})

    def state(self) -> dict[str, np.ndarray]:
        """Everything that the next epoch depends on, as copies."""
        return {"epoch": np.array(self.epoch)} | {
            name: tensor.detach().cpu().numpy().copy() for name, tensor in self._named().items()
        }

    def restore(self, state: State) -> None:
        """Go on where `state` was taken."""
        import torch

        self.epoch = int(state["epoch"])
        with torch.no_grad():
            for name, tensor in self._named().items():
                tensor.copy_(torch.tensor(np.array(state[name])))

    def run_epoch(self, on_progress: Progress) -> PretrainReport:
        """Once over all images in random order, then a judgement.

        Raises:
            Diverged: a loss is not finite; the epoch counts as not done.
            UslError: memory ran out.
            Cancelled: as raised by `on_progress`.
        """
        start = time.perf_counter()
        note = f"epoch {self.epoch + 1} of {self._params.n_epochs}"
        try:
            with self._same_convolutions():
                loss = self._steps(lambda share: on_progress(_STEPS_SHARE * share, note))
                on_progress(_STEPS_SHARE, f"{note}: judging")
                features = self.features(self._sample.rows)
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, MemoryError) or "out of memory" in str(error) or "allocate memory" in str(error):
                half = max(self._params.batch_size // 2, 2)
                raise UslError(f"memory ran out with batch_size = {self._params.batch_size}; try {half}") from error
            raise
        self.epoch += 1
        return PretrainReport(
            epoch=self.epoch,
            loss=loss,
            knn_accuracy=self._sample.accuracy(features),
            spread=spread(features),
            seconds=time.perf_counter() - start,
        )

    def seconds_per_epoch(self, n_steps: int = 3) -> float:
        """What an epoch would take, by a few steps of it after one to warm up. Leaves the training in an unknown state."""
        starts = self._batches(np.arange(len(self._pixels)))
        rng = np.random.default_rng(self._seed)
        times = []
        for at in range(1 + n_steps):
            begin = time.perf_counter()
            self._step(starts[at % len(starts)], rng, 0.0)
            times.append(time.perf_counter() - begin)
        return float(np.median(times[1:])) * len(starts) / _STEPS_SHARE

    def features(self, rows: Sequence[int] | np.ndarray) -> FloatArray:
        """(r, d) unit float32 features of some images, by the network as it is."""
        import torch

        self._network.eval()
        try:
            with torch.inference_mode():
                blocks = [
                    unit(self._network(normalised(self._on_device(np.asarray(rows[at : at + 512]))))).cpu().numpy()
                    for at in range(0, len(rows), 512)
                ]
        finally:
            self._network.train()
        return np.concatenate(blocks)

    def _batches(self, order: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Of nearly the same size, so that none has too few negatives."""
        return np.array_split(order, max(1, round(len(order) / self._params.batch_size)))

    def _steps(self, on_progress: Callable[[float], None]) -> float:
        rng = np.random.default_rng([self._seed, self.epoch + 1])
        batches = self._batches(rng.permutation(len(self._pixels)))
        total = 0.0
        for at, rows in enumerate(batches):
            on_progress(at / len(batches))
            total += self._step(rows, rng, self._rate(self.epoch + at / len(batches))) * len(rows)
        return total / len(self._pixels)

    def _rate(self, epoch: float) -> float:
        """The learning rate: rising in a line, then falling along a cosine."""
        p = self._params
        warmup = min(p.warmup_epochs, p.n_epochs / 10)
        if epoch < warmup:
            return p.learning_rate * (epoch + 0.01) / (warmup + 0.01)
        return p.learning_rate * 0.5 * (1 + math.cos(math.pi * (epoch - warmup) / (p.n_epochs - warmup)))

    def _step(self, rows: NDArray[np.int64], rng: np.random.Generator, rate: float) -> float:
        import torch

        p = self._params
        draws = rng.random((2, len(rows), N_DRAWS))
        pictures = self._on_device(rows)
        first, second = (normalised(random_views(pictures, some, p.min_crop)) for some in draws)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._half):
            if self._key is None:
                projected = self._projection(self._network(torch.cat([first, second])))
            else:
                projected = self._projection(self._network(first))
                with torch.no_grad():
                    key = self._shuffled_key(second, rng)
        if self._key is None:
            loss = nt_xent(*unit(projected).split(len(rows)), p.temperature).mean()
        else:
            loss = info_nce(unit(projected), unit(key), self._queue, p.temperature).mean()
        if not torch.isfinite(loss):
            raise Diverged(
                f"the loss is no longer finite in epoch {self.epoch + 1}; "
                f"the likely cause is learning_rate = {p.learning_rate:g}; try a tenth of it"
            )
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        if self._key is not None:
            self._follow(unit(key))
        return float(loss.detach())

    def _shuffled_key(self, views: Tensor, rng: np.random.Generator) -> Tensor:
        """The slower network's view of a batch, in parts of other composition, so that batch statistics do not tell partners."""
        import torch

        assert self._key is not None
        order = torch.from_numpy(rng.permutation(len(views))).to(self._device)
        parts = order.tensor_split(max(1, min(4, len(views) // 16)))
        found = torch.cat([self._key(views[part]) for part in parts])
        return found[order.argsort()]

    def _follow(self, key: Tensor) -> None:
        """The slower network takes a step after the quick one, and the queue its newest pictures."""
        import torch

        assert self._key is not None
        keep, quick = self._params.key_momentum, torch.nn.Sequential(self._network, self._projection)
        with torch.no_grad():
            for slow, fast in zip(self._key.parameters(), quick.parameters(), strict=True):
                slow.lerp_(fast, 1 - keep)
            self._queue.copy_(torch.cat([key, self._queue])[: len(self._queue)])

    def _on_device(self, rows: NDArray[np.int64]) -> Tensor:
        """(b, 3, 32, 32) float32 in [0, 1]."""
        import torch

        return torch.from_numpy(self._pixels[rows]).to(self._device).permute(0, 3, 1, 2).float().contiguous() / 255

    def _same_convolutions(self) -> AbstractContextManager[None]:
        """cuDNN may otherwise take another algorithm from run to run, and a resumed training would end elsewhere."""
        import torch

        if self._device.type != "cuda":
            return nullcontext()
        return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True)


def _checked(pixels: Any) -> NDArray[np.uint8]:
    x = np.asarray(pixels)
    if x.dtype != np.uint8 or x.ndim != 4 or x.shape[1:] != (32, 32, 3):
        raise UslError(f"pixels must be (n, 32, 32, 3) uint8 but are {x.shape} {x.dtype}")
    if len(x) < 2:
        raise UslError(f"contrastive learning compares images, so there must be 2 or more but there is {len(x)}")
    return x
