"""USL-T on cached features: the encoder stays as it is, the heads learn; interactive on a CPU."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UslError
from ..types import FloatArray, IntArray, Neighbors, Progress
from .losses import confident, global_loss, hard_assignment, local_loss, log_soft_assignment, total_loss, updated_mean
from .model import new_heads, restored
from .params import UsltParams
from .reports import EpochReport, Judge

_MIN_STEPS = 8  # per epoch
_MOMENTS = ("exp_avg", "exp_avg_sq")


if TYPE_CHECKING:
    from torch import Tensor


class Diverged(UslError):
    """The loss is no longer a finite number."""


class FrozenTraining:
    """A training that goes on epoch by epoch; the same seed gives the same epochs, also after `restore`.

    Args:
        views: (n, 1 + A, d) float32 unit vectors, the weak view first; with A = 0 noise on it makes the strong ones.
        neighbors: kNN graph of the same rows.
        params: the settings.
        n_clusters: C.
        seed: whole number >= 0.
        judge: makes the reports.
    """

    def __init__(
        self,
        views: FloatArray,
        neighbors: Neighbors,
        params: UsltParams,
        n_clusters: int,
        seed: int,
        judge: Judge,
    ) -> None:
        import torch

        self._n, self._n_views, d = views.shape
        self._vectors = _tensor_of(views.reshape(-1, d))
        self._params, self._seed, self._judge = params, seed, judge
        self.batch_size = min(params.batch_size, max(self._n // _MIN_STEPS, 1))
        # Rows are gathered into the same memory every time; fresh memory made that five times slower.
        self._teachers, self._students = (torch.empty(rows * self.batch_size, d) for rows in (2, 1))
        nearest = neighbors.indices[:, : params.n_neighbors]
        alone = params.count_self or nearest.shape[1] == 0
        self._nearest = np.column_stack([np.arange(self._n), nearest]) if alone else nearest
        self.epoch = 0
        self._heads = new_heads(views[:, 0], n_clusters, params, np.random.default_rng([seed, 0]))
        self._begin({})

    def _begin(self, state: Mapping[str, np.ndarray]) -> None:
        """Optimiser and running mean at their start, or as they were."""
        import torch

        c = self._heads.n_clusters
        self._mean = torch.tensor(state["mean_assignment"]) if state else torch.full((self._params.n_heads, c), 1 / c)
        self._steps = torch.tensor(state["step"]) if state else torch.zeros(())
        self._moments = {
            name: tuple(
                torch.tensor(state[f"{name}.{moment}"]) if state else torch.zeros_like(tensor, requires_grad=False)
                for moment in _MOMENTS
            )
            for name, tensor in self._heads.tensors.items()
        }

    def state(self) -> dict[str, np.ndarray]:
        """Everything that the next epoch depends on, as copies."""
        arrays: dict[str, np.ndarray] = dict(self._heads.state())
        for name, moments in self._moments.items():
            arrays |= {f"{name}.{key}": moment.numpy().copy() for key, moment in zip(_MOMENTS, moments, strict=True)}
        known = {"step": self._steps, "mean_assignment": self._mean}
        return arrays | {name: tensor.numpy().copy() for name, tensor in known.items()} | {"epoch": np.array(self.epoch)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on where `state` was taken."""
        self.epoch = int(state["epoch"])
        self._heads = restored({name: state[name] for name in self._heads.tensors}, self._params)
        self._begin(state)

    def _descend(self, loss: Tensor) -> None:
        """One step of Adam. Its function, since making the class imports torch's compiler, which takes two seconds."""
        import torch
        from torch.optim.adam import adam

        tensors = list(self._heads.tensors.values())
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

    def run_epoch(self, on_progress: Progress) -> EpochReport:
        """Once over all images in random order, then an assignment of each.

        Raises:
            Diverged: a loss is not finite; the epoch counts as not done.
            Cancelled: as raised by `on_progress`.
        """
        start = time.perf_counter()
        n, size = self._n, self.batch_size
        rng = np.random.default_rng([self._seed, self.epoch + 1])
        order = rng.permutation(n)
        near = self._nearest[order, rng.integers(self._nearest.shape[1], size=n)].astype(np.int64)
        sums = np.zeros(2)
        for at in range(0, n, size):
            on_progress(at / n, f"epoch {self.epoch + 1}")
            rows = order[at : at + size]
            sums += len(rows) * np.asarray(self._step(rows, near[at : at + size], rng))
        global_term, local_term = (sums / n).tolist()
        self.epoch += 1
        return self._report(global_term, local_term, start)

    def _step(self, rows: IntArray, near: IntArray, rng: np.random.Generator) -> tuple[float, float]:
        import torch

        p, b = self._params, len(rows)
        self._gather(rows, 0, self._teachers[:b])
        self._strong(near, rng, self._teachers[b : 2 * b])
        self._strong(rows, rng, self._students[:b])
        with torch.no_grad():
            z_weak, z_near = self._heads.logits(self._teachers[: 2 * b]).split(b)
        log_soft = log_soft_assignment(self._heads.logits(self._students[:b]))
        global_term = global_loss(
            z_weak, log_soft, p.confidence_threshold, strict=p.strict_threshold, balance=p.balance, normalise=p.normalise
        )
        local_term = local_loss(z_near, log_soft, self._mean, p.adjust_strength, p.sharpen_temperature)
        loss = total_loss(global_term, local_term, p.local_weight)
        if not torch.isfinite(loss):
            raise Diverged(diverged(p, self.epoch + 1))
        self._descend(loss)
        self._mean = updated_mean(self._mean, z_near, p.mean_momentum)
        return global_term.sum().item(), local_term.sum().item()

    def _gather(self, rows: IntArray, view: IntArray | int, out: Tensor) -> None:
        import torch

        torch.index_select(self._vectors, 0, torch.from_numpy(rows * self._n_views + view), out=out)

    def _strong(self, rows: IntArray, rng: np.random.Generator, out: Tensor) -> None:
        """A strong view of each row, drawn anew."""
        if self._n_views > 1:
            self._gather(rows, rng.integers(1, self._n_views, size=len(rows)), out)
            return
        self._gather(rows, 0, out)
        noisy = out.numpy()  # the same memory
        noisy += rng.standard_normal(noisy.shape, dtype=np.float32) * np.float32(self._params.noise * noisy.shape[1] ** -0.5)
        noisy /= np.maximum(np.linalg.norm(noisy, axis=1, keepdims=True), np.finfo(np.float32).tiny)

    def _report(self, global_term: float, local_term: float, start: float) -> EpochReport:
        import torch

        p, n = self._params, self._n
        clusters, sure = np.empty(n, dtype=np.int32), np.empty(n, dtype=np.float32)
        over, entropy = 0.0, 0.0
        with torch.no_grad():
            for at in range(0, n, len(self._teachers)):
                rows = np.arange(at, min(at + len(self._teachers), n))
                self._gather(rows, 0, self._teachers[: len(rows)])
                z = self._heads.logits(self._teachers[: len(rows)])
                some = slice(at, at + len(z))
                clusters[some] = hard_assignment(z[:, 0]).numpy()
                log_soft = log_soft_assignment(z)
                top = log_soft.amax(dim=-1).exp()
                sure[some] = top.mean(dim=-1).numpy()
                over += float(confident(top, p.confidence_threshold, strict=p.strict_threshold).float().mean(dim=-1).sum())
                entropy -= float((log_soft.exp() * log_soft).sum())
        log_c = np.log(self._heads.n_clusters)
        return self._judge.report(
            clusters,
            sure,
            self._heads.n_clusters,
            epoch=self.epoch,
            loss=global_term + p.local_weight * local_term,
            global_loss=global_term,
            local_loss=local_term,
            confident_share=over / n,
            assignment_entropy=entropy / (n * p.n_heads * log_c) if log_c else 0.0,
            seconds=time.perf_counter() - start,
        )


def _tensor_of(vectors: FloatArray) -> Tensor:
    """The same memory, which may be read-only; nothing here writes to it, so torch's warning about that is beside the point."""
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(vectors)


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
