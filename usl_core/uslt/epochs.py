"""What every training of USL-T does: draw batches, compose the losses, step, remember, report."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arithmetic import torch_threads
from ..errors import UslError
from ..types import IntArray, Neighbors, Progress
from .losses import confident, global_loss, hard_assignment, local_loss, log_soft_assignment, total_loss, updated_mean
from .model import Heads
from .params import UsltParams
from .reports import EpochReport, Reporter

if TYPE_CHECKING:
    from torch import Tensor

_MIN_STEPS = 8  # per epoch
_STEPS_SHARE = 0.8  # of an epoch's work; the rest is the assignment of all images
_THREADS = "threads"
_MOMENTS = ("exp_avg", "exp_avg_sq")


class Diverged(UslError):
    """The loss is no longer a finite number."""


class EpochTraining(ABC):
    """A training that goes on epoch by epoch; the same seed gives the same epochs on one machine, also after `restore`.

    Args:
        n: number of images.
        neighbors: kNN graph of them.
        heads: before training.
        params: the settings.
        seed: whole number >= 0.
        reporter: makes the reports.
        n_threads: on which torch computes; another number gives other last bits, and in the end other picks. What was begun
            on one number goes on with it.
    """

    def __init__(
        self, n: int, neighbors: Neighbors, heads: Heads, params: UsltParams, seed: int, reporter: Reporter, n_threads: int
    ) -> None:
        import torch

        self._n, self._heads, self._params, self._seed, self._reporter = n, heads, params, seed, reporter
        self._n_threads = n_threads
        self.batch_size = min(params.batch_size, max(n // _MIN_STEPS, 1))
        nearest = neighbors.indices[:, : params.n_neighbors]
        alone = params.count_self or nearest.shape[1] == 0
        self._nearest = np.column_stack([np.arange(n), nearest]) if alone else nearest
        self.epoch = 0
        device = heads.tensors["weight"].device
        self._mean = torch.full((params.n_heads, heads.n_clusters), 1 / heads.n_clusters, device=device)
        self._steps = torch.zeros((), device=device)
        self._moments = {
            name: tuple(torch.zeros_like(tensor, requires_grad=False) for _ in _MOMENTS)
            for name, tensor in self._trained().items()
        }

    @abstractmethod
    def _load(self, rows: IntArray, near: IntArray) -> Any:
        """Begin to fetch what a step needs; called one step ahead."""

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

    def state(self) -> dict[str, np.ndarray]:
        """Everything that the next epoch depends on, as copies."""
        return {"epoch": np.array(self.epoch), _THREADS: np.array(self._n_threads)} | {
            name: tensor.detach().cpu().numpy().copy() for name, tensor in self._named().items()
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on where `state` was taken."""
        import torch

        self.epoch, self._n_threads = int(state["epoch"]), int(state[_THREADS])
        with torch.no_grad():
            for name, tensor in self._named().items():
                tensor.copy_(torch.tensor(np.array(state[name])))

    def _named(self) -> dict[str, Tensor]:
        moments = {
            f"{name}.{which}": tensor
            for name, tensors in self._moments.items()
            for which, tensor in zip(_MOMENTS, tensors, strict=True)
        }
        return {**self._trained(), **self._kept(), **moments, "step": self._steps, "mean_assignment": self._mean}

    def run_epoch(self, on_progress: Progress) -> EpochReport:
        """Once over all images in random order, then an assignment of each.

        Raises:
            Diverged: a loss is not finite; the epoch counts as not done.
            UslError: memory ran out.
            Cancelled: as raised by `on_progress`.
        """
        start = time.perf_counter()
        rng = np.random.default_rng([self._seed, self.epoch + 1])
        order = rng.permutation(self._n)
        near = self._nearest[order, rng.integers(self._nearest.shape[1], size=self._n)].astype(np.int64)
        batches = [slice(at, at + self.batch_size) for at in range(0, self._n, self.batch_size)]
        sums = np.zeros(2)
        try:
            with torch_threads(self._n_threads):
                ahead = self._load(order[batches[0]], near[batches[0]])
                for at, batch in enumerate(batches):
                    on_progress(_STEPS_SHARE * batch.start / self._n, f"epoch {self.epoch + 1}")
                    rows, loaded = order[batch], ahead
                    if at + 1 < len(batches):
                        ahead = self._load(order[batches[at + 1]], near[batches[at + 1]])
                    sums += len(rows) * np.asarray(self._step(*self._logits(rows, near[batch], loaded, rng)))
                global_term, local_term = (sums / self._n).tolist()
                report = self._report(global_term, local_term, start, on_progress)
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, MemoryError) or "out of memory" in str(error) or "allocate memory" in str(error):
                half = max(self.batch_size // 2, 1)
                raise UslError(f"memory ran out with batch_size = {self.batch_size}; try {half}") from error
            raise
        self.epoch += 1
        return report

    def _step(self, z_weak: Tensor, z_near: Tensor, z: Tensor) -> tuple[float, float]:
        import torch

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
        if not torch.isfinite(loss):
            raise Diverged(diverged(p, self.epoch + 1))
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
        counts = [self._steps.clone() for _ in tensors]
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
        self._steps = counts[0]

    def _report(self, global_term: float, local_term: float, start: float, on_progress: Progress) -> EpochReport:
        import torch

        p, n = self._params, self._n
        clusters, sure = np.empty(n, dtype=np.int32), np.empty(n, dtype=np.float32)
        at, over, entropy = 0, 0.0, 0.0
        with torch.no_grad():
            for z in self._weak_logits():
                some = slice(at, at + len(z))
                at += len(z)
                on_progress(_STEPS_SHARE + (1 - _STEPS_SHARE) * at / n, f"epoch {self.epoch + 1}")
                clusters[some] = hard_assignment(z[:, 0]).cpu().numpy()
                log_soft = log_soft_assignment(z)
                top = log_soft.amax(dim=-1).exp()
                sure[some] = top.mean(dim=-1).cpu().numpy()
                over += float(confident(top, p.confidence_threshold, strict=p.strict_threshold).float().mean(dim=-1).sum())
                entropy -= float((log_soft.exp() * log_soft).sum())
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
            seconds=time.perf_counter() - start,
        )


def diverged(params: UsltParams, epoch: int) -> str:
    """What to tell when the loss is no longer finite: which setting is the likely cause."""
    if params.sharpen_temperature < 1e-3:
        cause = f"sharpen_temperature (t) = {params.sharpen_temperature:g}; try 0.25"
    elif params.adjust_strength > 100:
        cause = f"adjust_strength (alpha) = {params.adjust_strength:g}; try 5"
    elif params.local_weight > 1e6:
        cause = f"local_weight (lambda) = {params.local_weight:g}; try 5"
    else:
        cause = f"learning_rate = {params.learning_rate:g}; try a tenth of it"
    return f"the loss is no longer finite in epoch {epoch}; the likely cause is {cause}"
