"""The settings of contrastive learning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ..errors import UslError
from ..parameters import parameter
from ..validation import real_number, whole_number

Method = Literal["simclr", "moco"]
Backbone = Literal["mini", "resnet18-32"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainParams:
    """The settings of contrastive learning; the defaults suit pictures of 32 x 32 pixels.

    Args:
        method: "simclr" (https://arxiv.org/abs/2002.05709): the other pictures of a batch are the negatives. "moco": MoCo v2
            (https://arxiv.org/abs/2003.04297), where they are a queue of earlier pictures as a slower network sees them.
        backbone: a key of `encoders.small.SMALL_NETWORKS`.
        n_epochs: passes over the images, >= 1.
        batch_size: images per step, >= 2; each gives two views.
        learning_rate: of SGD with momentum 0.9 after the warm-up, in (0, 10]; falls to 0 along a cosine.
        warmup_epochs: during which it rises from 0, >= 0; at most a tenth of the epochs count.
        weight_decay: of SGD, >= 0; scales and shifts of the normalisation are spared.
        temperature: of the similarities, in (0, 10].
        projection_dim: length of the vectors that are compared, >= 2.
        queue: of MoCo, earlier pictures to compare with, >= 1.
        key_momentum: of MoCo, what the slower network keeps of itself at a step, in [0, 1).
        min_crop: smallest share of a picture that a view shows, in (0, 1].

    Raises:
        UslError: a value is outside its range.
    """

    method: Method = parameter(
        "simclr",
        label="Method",
        key="lmethod",
        flag="--method",
        help="SimCLR compares each picture with the others of its batch, MoCo v2 with a queue of earlier ones.",
    )
    backbone: Backbone = parameter(
        "mini",
        label="Network",
        key="lbackbone",
        flag="--backbone",
        usage="the latter wants a GPU",
        help="The network that learns; resnet18-32 wants a GPU.",
    )
    n_epochs: int = parameter(
        100,
        label="Epochs",
        key="lepochs",
        flag="--epochs",
        unit="N",
        low=1,
        high=2000,
        typed=True,
        help="Passes over all images.",
    )
    batch_size: int = parameter(
        256,
        label="Batch size",
        key="lbatch",
        flag="--batch-size",
        unit="B",
        usage="images per step, two views each",
        low=2,
        high=4096,
        typed=True,
        help="Images per step.",
    )
    learning_rate: float = parameter(
        0.12,
        label="Learning rate",
        key="lrate",
        flag="--learning-rate",
        unit="R",
        usage="of SGD",
        low=0.001,
        high=1.0,
        step=0.001,
        help="Step width of SGD after the warm-up.",
    )
    warmup_epochs: int = 5
    weight_decay: float = 1e-4
    temperature: float = parameter(
        0.2,
        label="Temperature",
        key="ltemperature",
        flag="--temperature",
        unit="T",
        usage="of the similarities",
        low=0.05,
        high=1.0,
        step=0.05,
        help="Lower: the nearest pictures count for more.",
    )
    projection_dim: int = 128
    queue: int = 4096
    key_momentum: float = 0.99
    min_crop: float = 0.2

    def __post_init__(self) -> None:
        for name, choices in (("method", get_args(Method)), ("backbone", get_args(Backbone))):
            if getattr(self, name) not in choices:
                raise UslError(f"{name} must be one of {', '.join(map(repr, choices))} but is {getattr(self, name)!r}")
        for name, low in (("n_epochs", 1), ("batch_size", 2), ("warmup_epochs", 0), ("projection_dim", 2), ("queue", 1)):
            whole_number(getattr(self, name), name, low)
        real_number(self.learning_rate, "learning_rate", 0, 10, open_low=True)
        real_number(self.temperature, "temperature", 0, 10, open_low=True)
        real_number(self.weight_decay, "weight_decay", 0)
        real_number(self.min_crop, "min_crop", 0, 1, open_low=True)
        if real_number(self.key_momentum, "key_momentum", 0, 1) == 1:
            raise UslError("key_momentum must be below 1, or the slower network would never change")
