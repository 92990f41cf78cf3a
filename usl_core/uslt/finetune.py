"""USL-T end to end: the encoder learns together with the heads, from the images themselves; for a GPU.

As the published CIFAR code has it, the image as it is gives the hard target, strong views of it and of a neighbour give the
losses, all through the same network in training mode; linear heads see its features as they come. Pictures are decoded while
the device computes, and augmented on the device.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..encoders.device import find_device, has_bfloat16
from ..encoders.registry import get_encoder
from ..encoders.torchvision import TorchvisionEncoder
from ..encoders.trained import TrainedCard, export_encoder
from ..errors import UslError
from ..features.augment import N_DRAWS, strong_views
from ..images.scan import open_image
from ..training.trainer import Batch
from ..types import Features, IntArray, Neighbors
from .epochs import EpochTraining
from .heads import new_heads
from .params import UsltParams
from .reports import Reporter

if TYPE_CHECKING:
    from torch import Tensor

NETWORK = "network."
"""Before the names of the network's tensors in a state."""

_Pictures = list[Future[NDArray[np.uint8]]]


class FinetuneTraining(EpochTraining):
    """See `EpochTraining`.

    Args:
        features: of the images, by what is trained; centroids that start at "features" start at some of them.
        neighbors: kNN graph of the features, fixed before training.
        params: the settings.
        n_clusters: C.
        seed: whole number >= 0.
        reporter: makes the reports.
        device: see `usl_core.encode`.
    """

    def __init__(
        self,
        features: Features,
        neighbors: Neighbors,
        params: UsltParams,
        n_clusters: int,
        seed: int,
        reporter: Reporter,
        device: str = "auto",
    ) -> None:
        import torch

        self._images, self._encoder, where = features.images, trainable_encoder(features), find_device(device)
        # Half precision only in the network, where the device multiplies it faster; heads and losses stay in float32.
        self._half = where.type == "cuda" and has_bfloat16(where)
        self._network = self._encoder.trainable().to(where)
        self._strength = self._encoder.view_strength if params.view_strength is None else params.view_strength
        colours = self._encoder.preprocessing.colours
        self._mean_colour, self._spread = (torch.tensor(value, device=where).view(1, 3, 1, 1) * 255 for value in colours)
        self._pool = ThreadPoolExecutor(thread_name_prefix="decode")
        heads = new_heads(features.values, n_clusters, params, np.random.default_rng([seed, 0]), where)
        super().__init__(len(features), neighbors, heads, params, seed, reporter, torch.get_num_threads())

    def _trained(self) -> Mapping[str, Tensor]:
        network = {f"{NETWORK}{name}": tensor for name, tensor in self._network.named_parameters()}
        return {**self._heads.tensors, **network}

    def _kept(self) -> Mapping[str, Tensor]:
        return {f"{NETWORK}{name}": tensor for name, tensor in self._network.named_buffers()}

    def _load(self, batch: Batch) -> tuple[_Pictures, _Pictures]:
        rows, near = batch
        return self._open(rows.tolist()), self._open(near.tolist())

    def _open(self, rows: Sequence[int]) -> _Pictures:
        return [self._pool.submit(self._pixels, row) for row in rows]

    def _pixels(self, row: int) -> NDArray[np.uint8]:
        return self._encoder.prepare(open_image(self._images, row, min_side=self._encoder.decode_side))

    def _logits(
        self, rows: IntArray, near: IntArray, loaded: tuple[_Pictures, _Pictures], rng: np.random.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        import torch

        weak, neighbor = (self._on_device(pictures) for pictures in loaded)
        draws = rng.random((2, len(rows), N_DRAWS))
        with torch.no_grad():
            teachers = torch.cat([weak, strong_views(neighbor, draws[0], self._strength)])
            z_weak, z_near = self._forward(teachers).split(len(rows))
        return z_weak, z_near, self._forward(strong_views(weak, draws[1], self._strength))

    def _weak_logits(self) -> Iterator[Tensor]:
        self._network.eval()
        try:
            blocks = [range(start, min(start + self.batch_size, self._n)) for start in range(0, self._n, self.batch_size)]
            ahead = self._open(blocks[0])
            for following in [*blocks[1:], range(0)]:
                pictures, ahead = ahead, self._open(following)
                yield self._forward(self._on_device(pictures))
        finally:
            self._network.train()

    def _on_device(self, pictures: _Pictures) -> Tensor:
        """(b, 3, s, s) float32 in [0, 255]."""
        import torch

        stacked = torch.from_numpy(np.stack([picture.result() for picture in pictures]))
        return stacked.to(self._device, non_blocking=True).permute(0, 3, 1, 2).float()

    def _forward(self, pictures: Tensor) -> Tensor:
        import torch

        x = (pictures - self._mean_colour) / self._spread
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._half):
            features = self._network(x.contiguous(memory_format=torch.channels_last)).float()
        if self._params.similarity == "neg_sq_l2":  # its centroids lie among unit vectors
            features = torch.nn.functional.normalize(features)
        return self._heads.logits(features)


def export_finetuned(name: str, features: Features, state: Mapping[str, np.ndarray]) -> TrainedCard:
    """Keep the network of a finetuned training as an encoder.

    Args:
        name: see `export_encoder`.
        features: that the training was given.
        state: of the training.

    Raises:
        UslError: as `export_encoder`.

    >>> features = usl.encode(usl.scan("photos"), "torchvision:resnet18")  # doctest: +SKIP
    >>> training = usl.train_uslt(features, 40, mode="finetune")  # doctest: +SKIP
    >>> usl.export_finetuned("mine", features, training.state)  # doctest: +SKIP
    """
    encoder = trainable_encoder(features)
    training = f"USL-T on {len(features):,} images without their labels, from {encoder.name}"
    return export_encoder(name, encoder.architecture, network_of(state), training)


def trainable_encoder(features: Features) -> TorchvisionEncoder:
    """The encoder that made the features.

    Raises:
        UslError: it has no network to train.
    """
    encoder = get_encoder(features.encoder)
    if not isinstance(encoder, TorchvisionEncoder):
        raise UslError(f"{features.encoder} cannot be trained; choose a network of torchvision's, such as torchvision:resnet18")
    return encoder


def network_of(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The network's tensors by name, without what belongs to heads and optimiser, out of a training's state."""
    optimiser = (".exp_avg", ".exp_avg_sq")
    return {
        name.removeprefix(NETWORK): array
        for name, array in state.items()
        if name.startswith(NETWORK) and not name.endswith(optimiser)
    }
