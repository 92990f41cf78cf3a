"""USL-T on cached features: the encoder stays as it is, the heads learn; interactive on a CPU.

On one thread, so that the picks are the same however many cores there are. Heads are small: on two cores a second thread would
save a tenth of the time with 40 clusters on the demos, and a third with 400 clusters.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..read_only import tensor_of
from ..types import FloatArray, IntArray, Neighbors
from .epochs import EpochTraining
from .heads import new_heads
from .params import UsltParams
from .reports import Reporter

if TYPE_CHECKING:
    from torch import Tensor


class FrozenTraining(EpochTraining):
    """See `EpochTraining`.

    Args:
        views: (n, 1 + A, d) float32 unit vectors, the weak view first; with A = 0 noise on it makes the strong ones.
        neighbors: kNN graph of the same rows.
        params: the settings.
        n_clusters: C.
        seed: whole number >= 0.
        reporter: makes the reports.
    """

    def __init__(
        self, views: FloatArray, neighbors: Neighbors, params: UsltParams, n_clusters: int, seed: int, reporter: Reporter
    ) -> None:
        import torch

        n, self._n_views, d = views.shape
        self._vectors = tensor_of(views.reshape(-1, d))
        heads = new_heads(views[:, 0], n_clusters, params, np.random.default_rng([seed, 0]))
        super().__init__(n, neighbors, heads, params, seed, reporter, n_threads=1)
        # Rows are gathered into the same memory every time; fresh memory made that five times slower.
        self._teachers, self._students = (torch.empty(rows * self.batch_size, d) for rows in (2, 1))

    def _logits(self, rows: IntArray, near: IntArray, loaded: None, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        import torch

        b = len(rows)
        self._gather(rows, 0, self._teachers[:b])
        self._strong(near, rng, self._teachers[b : 2 * b])
        self._strong(rows, rng, self._students[:b])
        with torch.no_grad():
            z_weak, z_near = self._heads.logits(self._teachers[: 2 * b]).split(b)
        return z_weak, z_near, self._heads.logits(self._students[:b])

    def _weak_logits(self) -> Iterator[Tensor]:
        for start in range(0, self._n, len(self._teachers)):
            rows = np.arange(start, min(start + len(self._teachers), self._n))
            self._gather(rows, 0, self._teachers[: len(rows)])
            yield self._heads.logits(self._teachers[: len(rows)])

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
