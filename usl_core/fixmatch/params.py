"""The settings of FixMatch and FlexMatch on images."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UslError
from ..parameters import parameter
from ..validation import real_number, whole_number


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFixMatchParams:
    """The settings of FixMatch (https://arxiv.org/abs/2001.07685) and FlexMatch (https://arxiv.org/abs/2110.08263) on images.

    The defaults are those of the papers for CIFAR-10, but for `n_epochs`: theirs are 2^20 steps, see `published`.

    Args:
        flex: FlexMatch: the threshold of a class is lower as long as few images are taken for it with confidence.
        n_epochs: passes over all images, >= 1.
        batch_size: images with a label per step (B), >= 1.
        ratio: images without a label per step, in multiples of B (mu), >= 1.
        confidence_threshold: tau in [0, 1): what a class must be taken for at least with, for the strong view to learn it.
        unlabelled_weight: lambda_u >= 0 of the loss on images without a label.
        learning_rate: of SGD with Nesterov momentum 0.9, in (0, 10]; falls as cos(7 pi s / 16) with s, what is done, in [0, 1].
        weight_decay: of the kernels, >= 0; scales and shifts of the normalisation are spared.
        ema_decay: what the averaged weights, which predict, keep of themselves at a step, in [0, 1); less at first.
        depth: of the WideResNet, 6 b + 4 with b >= 1 blocks in each of its three groups.
        width: how many times as many channels it has as a ResNet, >= 1.
        mirror: views may be mirrored; not for digits and letters.

    Raises:
        UslError: a value is outside its range.
    """

    flex: bool = parameter(
        False,
        label="FlexMatch",
        key="fflex",
        flag="--flex",
        usage="FlexMatch: thresholds per class, lower for what is learned more slowly",
        help="A class that is learned more slowly has a lower threshold.",
    )
    n_epochs: int = parameter(
        500,
        label="Epochs",
        key="fepochs",
        flag="--epochs",
        unit="N",
        usage="passes over all images",
        low=1,
        high=20_000,
        typed=True,
        help="Passes over all images.",
    )
    batch_size: int = parameter(
        64,
        label="Batch size, B",
        key="fbatch",
        flag="--batch-size",
        unit="B",
        usage="images with a label per step",
        low=1,
        high=1024,
        typed=True,
        help="Images with a label per step.",
    )
    ratio: int = parameter(
        7,
        label="Ratio, μ",
        key="fratio",
        flag="--ratio",
        unit="MU",
        usage="images without a label per step, times B",
        low=1,
        high=32,
        typed=True,
        help="Images without a label per step, in multiples of the batch size.",
    )
    confidence_threshold: float = parameter(
        0.95,
        label="Confidence threshold, τ",
        key="ftau",
        flag="--tau",
        unit="T",
        usage="a guess below it teaches nothing",
        low=0.0,
        high=0.99,
        step=0.01,
        help="A guess that the network is less sure of teaches nothing.",
    )
    unlabelled_weight: float = parameter(
        1.0,
        label="Unlabelled weight, λ",
        key="fweight",
        flag="--unlabelled-weight",
        unit="W",
        usage="of the loss on images without a label; 0: only labels count",
        low=0.0,
        high=10.0,
        step=0.1,
        help="Weight of the loss on images without a label.",
    )
    learning_rate: float = parameter(
        0.03,
        label="Learning rate",
        key="frate",
        flag="--learning-rate",
        unit="R",
        usage="of SGD",
        low=0.001,
        high=1.0,
        step=0.001,
        help="Step width of SGD at the beginning.",
    )
    weight_decay: float = parameter(
        5e-4,
        label="Weight decay",
        key="fdecay",
        flag="--weight-decay",
        unit="D",
        low=0.0,
        high=0.01,
        step=1e-4,
        format="%.4f",
        help="Pulls the weights towards 0.",
    )
    ema_decay: float = 0.999
    depth: int = parameter(
        28,
        label="Depth",
        key="fdepth",
        flag="--depth",
        unit="D",
        usage="of the WideResNet: 10, 16, 22, 28, ...",
        low=10,
        high=40,
        step=6,
        typed=True,
        help="Layers of the WideResNet.",
    )
    width: int = parameter(
        2,
        label="Width",
        key="fwidth",
        flag="--width",
        unit="W",
        usage="of the WideResNet",
        low=1,
        high=10,
        typed=True,
        help="Channels of the WideResNet, in multiples of a ResNet's.",
    )
    mirror: bool = parameter(
        True,
        label="Never mirror",
        key="fmirror",
        flag="--no-mirror",
        usage="views are never mirrored: for digits, letters and whatever has a left and a right",
        help="For digits, letters and whatever has a left and a right.",
    )

    def __post_init__(self) -> None:
        for name in ("n_epochs", "batch_size", "ratio", "width"):
            whole_number(getattr(self, name), name, 1)
        if whole_number(self.depth, "depth", 10) % 6 != 4:
            raise UslError(f"depth must be 10, 16, 22, 28 or so (6 b + 4) but is {self.depth}")
        real_number(self.learning_rate, "learning_rate", 0, 10, open_low=True)
        for name in ("unlabelled_weight", "weight_decay"):
            real_number(getattr(self, name), name, 0)
        for name in ("confidence_threshold", "ema_decay"):
            if real_number(getattr(self, name), name, 0, 1) == 1:
                raise UslError(f"{name} must be below 1")

    @classmethod
    def published(cls, *, flex: bool = False) -> ImageFixMatchParams:
        """Those of the papers for CIFAR-10: 2^20 steps of 448 images are 9,395 passes over 50,000."""
        return cls(flex=flex, n_epochs=9395)
