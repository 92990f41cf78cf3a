"""ResNet-18 for CIFAR as the USL authors trained it (CLD): torchvision's layers under other names, and a projection.

Reference: https://github.com/frank-xwang/CLD-UnsupervisedLearning
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .network import seeded
from .preprocessing import Preprocessing

if TYPE_CHECKING:
    import torch

CIFAR_RESNET18 = "cifar:resnet18"
DIM = 128
PREPROCESSING = Preprocessing(side=32, resize=None, colours=((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)))


def new_cifar_resnet18() -> torch.nn.Module:
    """(b, 3, 32, 32) -> (b, 128), with seeded random weights."""
    import torch
    from torchvision.models import resnet18

    made: torch.nn.Module = seeded(lambda: resnet18(weights=None, num_classes=DIM))
    made.conv1 = seeded(lambda: torch.nn.Conv2d(3, 64, 3, padding=1, bias=False))
    made.maxpool = torch.nn.Identity()
    return made


def in_torchvisions_names(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The authors' tensors under the names that `new_cifar_resnet18` has: `shortcut` is `downsample`, `linear` is `fc`."""
    import torch

    own = {name.replace("shortcut", "downsample"): tensor for name, tensor in tensors.items()}
    weight, bias = own.pop("linear.weight", None), own.pop("linear.bias", None)
    if weight is not None:
        if bias is None and weight.ndim == 2:
            # Of the kind that compares directions: it stands the other way round, and the pooled vector has unit length, which
            # makes no difference here, since every feature vector is given unit length.
            weight, bias = torch.nn.functional.normalize(weight, dim=0).T, torch.zeros(weight.shape[1])
        own["fc.weight"] = weight.contiguous()
    if bias is not None:
        own["fc.bias"] = bias
    return own
