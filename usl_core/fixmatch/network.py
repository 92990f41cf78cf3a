"""WideResNet (Zagoruyko and Komodakis, BMVC 2016) for pictures of 32 x 32 pixels, as FixMatch has it: leaky rectifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn

_SLOPE = 0.1  # of the rectifiers below 0
_GROUPS = ((16, 1), (32, 2), (64, 2))  # channels before they are widened, and stride of the first block


def wide_resnet(n_classes: int, depth: int, width: int, seed: int) -> nn.Sequential:
    """With random weights, the same for the same seed; (b, 3, 32, 32) in, (b, n_classes) logits out.

    Args:
        n_classes: C.
        depth: 6 b + 4.
        width: of the groups, in multiples of 16, 32 and 64 channels.
        seed: of the weights.
    """
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):  # building draws weights, which the caller's generator must not notice
        torch.random.default_generator.manual_seed(seed)
        layers: list[nn.Module] = [nn.Conv2d(3, 16, 3, padding=1, bias=False)]
        channels = 16
        for base, stride in _GROUPS:
            for block in range((depth - 4) // 6):
                layers.append(_block(channels, base * width, stride if block == 0 else 1))
                channels = base * width
        pooled = (nn.BatchNorm2d(channels), nn.LeakyReLU(_SLOPE), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        made = nn.Sequential(*layers, *pooled, nn.Linear(channels, n_classes))
        _fill(made)
        return made


def _block(channels: int, out: int, stride: int) -> nn.Module:
    """Normalised before it is convolved; where the shape changes, what goes past it is rectified as well."""
    from torch import nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Sequential(nn.BatchNorm2d(channels), nn.LeakyReLU(_SLOPE))
            self.change = nn.Sequential(
                nn.Conv2d(channels, out, 3, stride, 1, bias=False),
                nn.BatchNorm2d(out),
                nn.LeakyReLU(_SLOPE),
                nn.Conv2d(out, out, 3, 1, 1, bias=False),
            )
            same = channels == out and stride == 1
            self.past = None if same else nn.Conv2d(channels, out, 1, stride, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            ready = self.first(x)
            past = x if self.past is None else self.past(ready)
            changed: torch.Tensor = self.change(ready)
            return past + changed

    return Block()


def _fill(network: nn.Module) -> None:
    """He's initialisation; the normalisation's scales are 1 and its shifts 0 from the start."""
    from torch import nn

    for part in network.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, _SLOPE, mode="fan_out", nonlinearity="leaky_relu")
        elif isinstance(part, nn.Linear):
            nn.init.xavier_normal_(part.weight)
            nn.init.zeros_(part.bias)
