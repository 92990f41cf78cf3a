"""The network `mini` with a quarter of its channels, for what a training does and not for what it knows: little work."""

from __future__ import annotations

import dataclasses

from torch import nn

from usl_core.encoders.small import SMALL_NETWORKS, SmallNetwork, _convolution, _residual


def _narrow() -> nn.Sequential:
    return nn.Sequential(
        *_convolution(3, 8, 5, stride=2),
        *_convolution(8, 16, 3),
        *_convolution(16, 32, 3, stride=2),
        _residual(32),
        *_convolution(32, 64, 3, stride=2),
        _residual(64),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def narrow_mini() -> SmallNetwork:
    """It goes by the same name and has the same layers, so whatever handles one handles the other."""
    mini = SMALL_NETWORKS["mini"]
    stages = tuple(dataclasses.replace(stage, channels=stage.channels // 4) for stage in mini.stages)
    return dataclasses.replace(mini, build=_narrow, stages=stages)
