"""torchvision's networks as encoders: published weights, preprocessing and forward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .network import NetworkEncoder, behead, seeded
from .preprocessing import Preprocessing
from .weights import NETWORKS, damaged, load_weights, weights_dir

if TYPE_CHECKING:
    import torch


CROP = 224


class TorchvisionEncoder(NetworkEncoder):
    """Penultimate features of one network.

    Args:
        name: a key of `NETWORKS`.
        random_weights: seeded random weights instead of the published ones; for benchmarks and tests only.
    """

    def __init__(self, name: str, *, random_weights: bool = False) -> None:
        self.facts = facts = NETWORKS[name]
        self.architecture, self.random_weights = name, random_weights
        super().__init__(
            name,
            # The file's name holds the hash of its content.
            weights_id="random weights, seed 0" if random_weights else f"{facts.weights} {facts.file}",
            preprocessing=Preprocessing(side=CROP, resize=facts.resize),
            dim=facts.dim,
            channels_last=facts.channels_last,
            shard_size=facts.shard_size,
        )

    def network(self, on_note: Callable[[str], None]) -> torch.nn.Module:
        made = new_torchvision(self.architecture)
        self._fill(made, on_note)
        return made

    def trainable(self) -> torch.nn.Module:
        """The network without its last layer, in training mode, to be changed; nothing in it is dropped at random.

        Raises:
            UslError: its weights are missing or damaged.
        """
        import torch
        from torchvision.ops import StochasticDepth

        network = self.network(lambda note: None).requires_grad_(True).train()
        for layer in network.modules():
            # They draw from the generator of the whole process, so that a resumed training would end elsewhere.
            if isinstance(layer, torch.nn.Dropout | StochasticDepth):
                layer.p = 0.0
        return network

    def _fill(self, network: torch.nn.Module, on_note: Callable[[str], None]) -> None:
        """Give a new network its weights, and take its last layer away."""
        if not self.random_weights:
            state = load_weights(self.name, self.facts, on_note)
            try:
                network.load_state_dict(state)
            except (RuntimeError, TypeError, AttributeError) as error:
                raise damaged(weights_dir() / self.facts.file, f"its contents do not fit {self.name}") from error
        behead(network, self.facts.head)


def new_torchvision(name: str) -> torch.nn.Module:
    """One of torchvision's networks with all its layers and seeded random weights.

    Args:
        name: a key of `NETWORKS`.
    """
    import torchvision

    return seeded(lambda: getattr(torchvision.models, NETWORKS[name].builder)(weights=None))
