"""The training itself: random views, a loss, a step, and after every epoch a report."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..encoders.device import find_device, has_bfloat16
from ..encoders.small import SMALL_NETWORKS, new_network, normalised
from ..encoders.whitening import Whitening, fit_whitening, pool_stages
from ..training.trainer import Batch, State, Trainer
from ..types import FloatArray, IntArray
from .knn_probe import MOST, ProbeSample, spread
from .losses import info_nce, nt_xent
from .params import PretrainParams
from .projection import new_projection, unit
from .views import N_DRAWS, random_views

if TYPE_CHECKING:
    from torch import Tensor, nn

_NETWORK, _PROJECTION, _KEY, _SPEED = "network.", "projection.", "key.", "momentum."
_FIT_ON = 20_000


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
    seconds: float = 0.0


def weights_of(state: State) -> dict[str, np.ndarray]:
    """The network's tensors by name, without what belongs to projection and optimiser, out of a training's state."""
    return {name: array for name, array in state.items() if name.startswith(_NETWORK)}


class Pretraining(Trainer[PretrainReport]):
    """See `Trainer`.

    Args:
        pixels: (n, 32, 32, 3) uint8.
        params: the settings.
        seed: whole number >= 0.
        device: see `pretrain`.
        sample: what the k-NN probe looks at.
    """

    steps_share = 0.95
    least_batch = 2

    def __init__(self, pixels: NDArray[np.uint8], params: PretrainParams, seed: int, device: str, sample: ProbeSample) -> None:
        import torch

        super().__init__(len(pixels), params.n_epochs, params.batch_size, seed, find_device(device), torch.get_num_threads())
        self._pixels, self._params, self._sample = pixels, params, sample
        self._facts = SMALL_NETWORKS[params.backbone]
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

    def seconds(self, n: int, n_steps: int = 3) -> float:
        """What an epoch of n images would take, by a few steps after one to warm up. Leaves the state in disorder."""
        rng = np.random.default_rng(self._seed)
        batches = self._batches(np.arange(self._n), rng)
        times = []
        for step in range(1 + n_steps):
            begin = time.perf_counter()
            self._step(batches[step % len(batches)], None, rng, 0.0)
            times.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        self._probed()
        probed = (time.perf_counter() - begin) * min(n, MOST) / len(self._sample.rows)
        return float(np.median(times[1:])) * len(batches) * n / self._n + probed

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
        rows = np.linspace(0, self._n - 1, min(self._n, _FIT_ON)).round().astype(np.int64)
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

    def _batches(self, order: IntArray, rng: np.random.Generator) -> list[Batch]:
        """Of nearly the same size, so that none has too few negatives."""
        return [(rows,) for rows in np.array_split(order, max(1, round(self._n / self.batch_size)))]

    def _report(self, terms: Sequence[float], on_progress: Callable[[float], None]) -> PretrainReport:
        on_progress(0.0)
        knn_accuracy, spread_now = self._probed()
        return PretrainReport(epoch=self.epoch + 1, loss=terms[0], knn_accuracy=knn_accuracy, spread=spread_now)

    def _likely_cause(self) -> str:
        return f"learning_rate = {self._params.learning_rate:g}; try a tenth of it"

    def _rate(self, epoch: float) -> float:
        """The learning rate: rising in a line, then falling along a cosine."""
        p = self._params
        warmup = min(p.warmup_epochs, p.n_epochs / 10)
        if epoch < warmup:
            return p.learning_rate * (epoch + 0.01) / (warmup + 0.01)
        return p.learning_rate * 0.5 * (1 + math.cos(math.pi * (epoch - warmup) / (p.n_epochs - warmup)))

    def _step(self, batch: Batch, loaded: None, rng: np.random.Generator, done: float) -> tuple[float]:
        import torch

        p, (rows,) = self._params, batch
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
        self._check(loss)
        for group in self._optimiser.param_groups:
            group["lr"] = self._rate(self.epoch + done)
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        if self._key is not None:
            self._follow(unit(key))
        return (float(loss.detach()),)

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
