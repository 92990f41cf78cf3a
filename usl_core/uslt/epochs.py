"""What every training of USL-T does: compose the losses, step, remember, report."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..training.trainer import Batch, Trainer
from ..types import IntArray, Neighbors
from .heads import Heads
from .losses import confident, global_loss, hard_assignment, local_loss, log_soft_assignment, total_loss, updated_mean
from .params import UsltParams
from .reports import EpochReport, Reporter

if TYPE_CHECKING:
    from torch import Tensor

_MIN_STEPS = 8  # per epoch
_MOMENTS = ("exp_avg", "exp_avg_sq")


class EpochTraining(Trainer[EpochReport]):
    """See `Trainer`.

    Args:
        n: number of images.
        neighbors: kNN graph of them.
        heads: before training.
        params: the settings.
        seed: whole number >= 0.
        reporter: makes the reports.
        n_threads: see `Trainer`.
    """

    steps_share = 0.8

    def __init__(
        self, n: int, neighbors: Neighbors, heads: Heads, params: UsltParams, seed: int, reporter: Reporter, n_threads: int
    ) -> None:
        import torch

        device = heads.tensors["weight"].device
        batch_size = min(params.batch_size, max(n // _MIN_STEPS, 1))
        super().__init__(n, params.n_epochs, batch_size, seed, device, n_threads)
        self._heads, self._params, self._reporter = heads, params, reporter
        nearest = neighbors.indices[:, : params.n_neighbors]
        alone = params.count_self or nearest.shape[1] == 0
        self._nearest = np.column_stack([np.arange(n), nearest]) if alone else nearest
        self._mean = torch.full((params.n_heads, heads.n_clusters), 1 / heads.n_clusters, device=device)
        self._steps_done = torch.zeros((), device=device)
        self._moments = {
            name: tuple(torch.zeros_like(tensor, requires_grad=False) for _ in _MOMENTS)
            for name, tensor in self._trained().items()
        }

    @abstractmethod
    def _logits(self, rows: IntArray, near: IntArray, loaded: Any, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """(b, H, C) logits: of the weak views and of the neighbours' strong views, both without gradient, and of the strong
        views."""

    @abstractmethod
    def _weak_logits(self) -> Iterator[Tensor]:
        """Logits of all weak views in order, block by block."""

    def _trained(self) -> Mapping[str, Tensor]:
        """What the optimiser moves, by name."""
        return self._heads.tensors

    def _kept(self) -> Mapping[str, Tensor]:
        """What changes while training without being moved by the optimiser, by name."""
        return {}

    def _named(self) -> dict[str, Tensor]:
        moments = {
            f"{name}.{which}": tensor
            for name, tensors in self._moments.items()
            for which, tensor in zip(_MOMENTS, tensors, strict=True)
        }
        return {**self._trained(), **self._kept(), **moments, "step": self._steps_done, "mean_assignment": self._mean}

    def _batches(self, order: IntArray, rng: np.random.Generator) -> list[Batch]:
        near = self._nearest[order, rng.integers(self._nearest.shape[1], size=self._n)].astype(np.int64)
        slices = (slice(start, start + self.batch_size) for start in range(0, self._n, self.batch_size))
        return [(order[batch], near[batch]) for batch in slices]

    def _step(self, batch: Batch, loaded: Any, rng: np.random.Generator, done: float) -> tuple[float, float]:
        rows, near = batch
        z_weak, z_near, z = self._logits(rows, near, loaded, rng)
        p, log_soft = self._params, log_soft_assignment(z)
        global_term = global_loss(
            z_weak,
            log_soft,
            p.confidence_threshold,
            strict=p.strict_threshold,
            balance=p.balance,
            balance_sum=p.balance_sum,
            normalise=p.normalise,
        )
        local_term = local_loss(z_near, log_soft, self._mean, p.adjust_strength, p.sharpen_temperature)
        loss = total_loss(global_term, local_term, p.local_weight)
        self._check(loss)
        self._descend(loss)
        self._mean = updated_mean(self._mean, z_near, p.mean_momentum)
        return global_term.sum().item(), local_term.sum().item()

    def _descend(self, loss: Tensor) -> None:
        """One step of Adam. Its function, since making the class imports torch's compiler, which takes two seconds."""
        import torch
        from torch.optim.adam import adam

        tensors = list(self._trained().values())
        slopes = list(torch.autograd.grad(loss, tensors))
        first, second = (list(moments) for moments in zip(*self._moments.values(), strict=True))
        counts = [self._steps_done.clone() for _ in tensors]
        with torch.no_grad():
            adam(
                *(tensors, slopes, first, second, [], counts),
                fused=True,
                amsgrad=False,
                beta1=0.9,
                beta2=0.999,
                lr=self._params.learning_rate,
                weight_decay=self._params.weight_decay,
                eps=1e-8,
                maximize=False,
            )
        self._steps_done = counts[0]

    def _report(self, terms: Sequence[float], on_progress: Callable[[float], None]) -> EpochReport:
        import torch

        p, n = self._params, self._n
        clusters, sure = np.empty(n, dtype=np.int32), np.empty(n, dtype=np.float32)
        judged, over, entropy = 0, 0.0, 0.0
        with torch.no_grad():
            for z in self._weak_logits():
                some = slice(judged, judged + len(z))
                judged += len(z)
                on_progress(judged / n)
                clusters[some] = hard_assignment(z[:, 0]).cpu().numpy()
                log_soft = log_soft_assignment(z)
                top = log_soft.amax(dim=-1).exp()
                sure[some] = top.mean(dim=-1).cpu().numpy()
                over += float(confident(top, p.confidence_threshold, strict=p.strict_threshold).float().mean(dim=-1).sum())
                entropy -= float((log_soft.exp() * log_soft).sum())
        global_term, local_term = terms
        log_c = np.log(self._heads.n_clusters)
        return self._reporter.report(
            clusters,
            sure,
            self._heads.n_clusters,
            epoch=self.epoch + 1,
            loss=global_term + p.local_weight * local_term,
            global_loss=global_term,
            local_loss=local_term,
            confident_share=over / n,
            assignment_entropy=entropy / (n * p.n_heads * log_c) if log_c else 0.0,
        )

    def _likely_cause(self) -> str:
        return likely_cause(self._params)


def likely_cause(params: UsltParams) -> str:
    """Which setting may have made the loss infinite, and what to try."""
    if params.sharpen_temperature < 1e-3:
        return f"sharpen_temperature (t) = {params.sharpen_temperature:g}; try 0.25"
    if params.adjust_strength > 100:
        return f"adjust_strength (alpha) = {params.adjust_strength:g}; try 5"
    if params.local_weight > 1e6:
        return f"local_weight (lambda) = {params.local_weight:g}; try 5"
    return f"learning_rate = {params.learning_rate:g}; try a tenth of it"
