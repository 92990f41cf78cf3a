"""The heads that USL-T trains: C centroids each, after an optional projection that they share.

The projection is a perceptron of two layers whose output is added to the features. Its second layer starts at zero, so that a
training starts from the features as they are: started at random, it collapsed on separable blobs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..types import FloatArray
from .losses import similarities
from .params import Similarity, UsltParams

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_PROJECTION = ("hidden_weight", "hidden_bias", "out_weight")


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """Trainable tensors by name, and how they make logits.

    Args:
        tensors: "weight" (H * C, d), "bias" (H * C,) if linear, and the projection's two layers if there is one.
        n_heads: H.
        similarity: see `losses.similarities`.
    """

    tensors: Mapping[str, Tensor]
    n_heads: int
    similarity: Similarity

    @property
    def n_clusters(self) -> int:
        """C."""
        return len(self.tensors["weight"]) // self.n_heads

    def logits(self, features: Tensor) -> Tensor:
        """(b, d) features to (b, H, C) logits; all heads in one matrix product."""
        hidden = features
        if "hidden_weight" in self.tensors:
            first, first_bias, second = (self.tensors[name] for name in _PROJECTION)
            hidden = features + (features @ first.T + first_bias).relu() @ second.T
        z = similarities(hidden, self.tensors["weight"], self.tensors.get("bias"), self.similarity)
        return z.view(len(features), self.n_heads, self.n_clusters)


def new_heads(
    values: FloatArray, n_clusters: int, params: UsltParams, rng: np.random.Generator, device: torch.device | str = "cpu"
) -> Heads:
    """Heads before training.

    Args:
        values: (n, d) features; centroids that start at "features" start at some of them.
        n_clusters: C <= n.
        params: heads, similarity, start and projection count.
        rng: draws the start.
        device: where the tensors go.
    """
    import torch

    d = values.shape[1]
    arrays: dict[str, FloatArray] = {}
    if params.projection:
        arrays["hidden_weight"] = _uniform(rng, (params.projection, d), d)
        arrays["hidden_bias"] = np.zeros(params.projection, dtype=np.float32)
        arrays["out_weight"] = np.zeros((d, params.projection), dtype=np.float32)
    if params.start == "features":
        drawn = [rng.choice(len(values), n_clusters, replace=False) for _ in range(params.n_heads)]
        arrays["weight"] = values[np.concatenate(drawn)]
    else:
        arrays["weight"] = _uniform(rng, (params.n_heads * n_clusters, d), d)
    if params.similarity == "linear":
        arrays["bias"] = np.zeros(params.n_heads * n_clusters, dtype=np.float32)
    tensors = {name: torch.tensor(array, device=device, requires_grad=True) for name, array in arrays.items()}
    return Heads(tensors, params.n_heads, params.similarity)


def _uniform(rng: np.random.Generator, shape: tuple[int, int], fan_in: int) -> FloatArray:
    """Uniform in +- 1 / sqrt(fan_in), the usual start of a linear layer."""
    bound = fan_in**-0.5
    return rng.uniform(-bound, bound, shape).astype(np.float32)
