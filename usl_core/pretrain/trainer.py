"""The training itself: random views, a loss, a step, and after every epoch a report."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..arithmetic import blas_threads, same_convolutions, torch_threads
from ..encoder_small import SMALL_NETWORKS, new_network, normalised
from ..encoder_torchvision import find_device, has_bfloat16
from ..errors import UslError
from ..types import FloatArray, Progress
from ..whitening import Whitening, fit_whitening, pool_stages
from .knn_probe import MOST, ProbeSample, spread
from .losses import info_nce, nt_xent
from .params import PretrainParams
from .projection import new_projection, unit
from .views import N_DRAWS, random_views

if TYPE_CHECKING:
    from torch import Tensor, nn

State = Mapping[str, np.ndarray]
_NETWORK, _PROJECTION, _KEY, _SPEED = "network.", "projection.", "key.", "momentum."
_THREADS = "threads"
_STEPS_SHARE = 0.95  # of an epoch's work; the rest is the report
_FIT_ON = 20_000


class Diverged(UslError):
    """The loss is no longer a finite number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainReport:
    """What an epoch has come to.

    Args:
        epoch: from 1.
        loss: mean over the epoch's views.
        knn_accuracy: the k-NN probe, share of pictures whose 200 nearest others say their class, by the features that an
            encoder would give now; None without classes.
        spread: of the network's output before it is whitened, 0 if all are the same, 1 if they point everywhere alike.
        seconds: that the epoch took.
    """

    epoch: int
    loss: float
    knn_accuracy: float | None
    spread: float
    seconds: float


def weights_of(state: State) -> dict[str, np.ndarray]:
    """The network's tensors by name, without what belongs to projection and optimiser, out of a training's state."""
    return {name: array for name, array in state.items() if name.startswith(_NETWORK)}


class Pretraining:
    """A training that goes on epoch by epoch; the same seed gives the same epochs on one machine, also after `restore`.

    Args:
        pixels: (n, 32, 32, 3) uint8.
        params: the settings.
        seed: whole number >= 0.
        device: see `pretrain`.
        sample: what the k-NN probe looks at.
    """

    def __init__(self, pixels: NDArray[np.uint8], params: PretrainParams, seed: int, device: str, sample: ProbeSample) -> None:
        import torch

        self._pixels, self._params, self._seed, self._sample = pixels, params, seed, sample
        self._facts = SMALL_NETWORKS[params.backbone]
        self._device = find_device(device)
        # Half precision only in the network, where the device multiplies it faster; the loss stays in float32.
        self._half = has_bfloat16(self._device)
        self._network, self._projection = self._new_networks()
        self._key: nn.Module | None = None
        if params.method == "moco":
            self._key = torch.nn.Sequential(*self._new_networks()).requires_grad_(False)
            drawn = np.random.default_rng([seed, 0]).standard_normal((params.queue, params.projection_dim))
            self._queue = unit(torch.from_numpy(drawn)).to(self._device)
        groups = [
            {"params": [tensor for tensor in self._trained().values() if (tensor.ndim > 1) == decays], "weight_decay": decay}
            for decays, decay in ((True, params.weight_decay), (False, 0.0))
        ]
        self._optimiser = torch.optim.SGD(groups, lr=params.learning_rate, momentum=0.9)
        for tensor in self._trained().values():
            self._optimiser.state[tensor]["momentum_buffer"] = torch.zeros_like(tensor, requires_grad=False)
        self.epoch, self._n_threads = 0, torch.get_num_threads()

    def _new_networks(self) -> tuple[nn.Sequential, nn.Module]:
        """Network and projection before training, the same at every call."""
        import torch

        p = self._params
        made = (
            new_network(p.backbone, self._seed),
            new_projection(self._facts.width, p.projection_dim, self._seed + 1),
        )
        return tuple(part.to(self._device).to(memory_format=torch.channels_last) for part in made)  # type: ignore[return-value]

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
        return {"epoch": np.array(self.epoch), _THREADS: np.array(self._n_threads)} | {
            name: tensor.detach().cpu().numpy().copy() for name, tensor in self._named().items()
        }

    def restore(self, state: State) -> None:
        """Go on where `state` was taken, on as many threads, since sums round by their number."""
        import torch

        self.epoch, self._n_threads = int(state["epoch"]), int(state.get(_THREADS, self._n_threads))
        with torch.no_grad():
            for name, tensor in self._named().items():
                tensor.copy_(torch.tensor(np.array(state[name])))

    def run_epoch(self, on_progress: Progress) -> PretrainReport:
        """Once over all images in random order, then a report.

        Raises:
            Diverged: a loss is not finite; the epoch counts as not done.
            UslError: memory ran out.
            Cancelled: as raised by `on_progress`.
        """
        start = time.perf_counter()
        note = f"epoch {self.epoch + 1} of {self._params.n_epochs}"
        try:
            with self._same_arithmetic():
                loss = self._steps(lambda share: on_progress(_STEPS_SHARE * share, note))
                on_progress(_STEPS_SHARE, f"{note}: judging")
                knn_accuracy, spread_now = self._probed()
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, MemoryError) or "out of memory" in str(error) or "allocate memory" in str(error):
                half = max(self._params.batch_size // 2, 2)
                raise UslError(f"memory ran out with batch_size = {self._params.batch_size}; try {half}") from error
            raise
        self.epoch += 1
        return PretrainReport(
            epoch=self.epoch,
            loss=loss,
            knn_accuracy=knn_accuracy,
            spread=spread_now,
            seconds=time.perf_counter() - start,
        )

    def seconds(self, n: int, n_steps: int = 3) -> float:
        """What an epoch of n images would take, by a few steps after one to warm up. Leaves the state in disorder."""
        batches = self._batches(np.arange(len(self._pixels)))
        rng = np.random.default_rng(self._seed)
        times = []
        for at in range(1 + n_steps):
            begin = time.perf_counter()
            self._step(batches[at % len(batches)], rng, 0.0)
            times.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        self._probed()
        probed = (time.perf_counter() - begin) * min(n, MOST) / len(self._sample.rows)
        return float(np.median(times[1:])) * len(batches) * n / len(self._pixels) + probed

    def pooled(self, rows: Sequence[int] | np.ndarray) -> FloatArray:
        """(r, w) float32: what the stages of the network as it is give for some images, see `whitening`."""
        import torch

        self._network.eval()
        try:
            with torch.inference_mode():
                blocks = [
                    pool_stages(self._network, self._facts.stages, normalised(self._on_device(rows_now))).cpu().numpy()
                    for rows_now in np.array_split(np.asarray(rows), math.ceil(len(rows) / 512))
                ]
        finally:
            self._network.train()
        return np.concatenate(blocks)

    def fit_whitening(self) -> Whitening:
        """The last layer of an encoder, fitted on at most 20,000 of the images."""
        n = len(self._pixels)
        rows = np.linspace(0, n - 1, min(n, _FIT_ON)).round().astype(np.int64)
        with self._same_arithmetic():
            return fit_whitening(self.pooled(rows), self._facts.stages, self._facts.dim)

    def _probed(self) -> tuple[float | None, float]:
        """k-NN accuracy, if there are classes, and spread."""
        pooled = self.pooled(self._sample.rows)
        output = pooled[:, -self._facts.width :]
        output = output / np.maximum(np.linalg.norm(output, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        if not self._sample.has_classes:
            return None, spread(output)
        whitening = fit_whitening(pooled, self._facts.stages, self._facts.dim)
        return self._sample.accuracy(whitening(pooled)), spread(output)

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
            one, other = unit(projected).split(len(rows))
            loss = nt_xent(one, other, p.temperature).mean()
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
        """The slower network's view of a batch, in shuffled parts, so that the statistics of a batch do not betray partners."""
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

    @contextmanager
    def _same_arithmetic(self) -> Iterator[None]:
        with torch_threads(self._n_threads), blas_threads(self._n_threads), same_convolutions(self._device):
            yield
