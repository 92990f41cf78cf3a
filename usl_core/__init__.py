"""USL Explorer's library: which m of n unlabelled images should be labelled?

Every public name resolves on first use, so that importing the package costs next to nothing. See README.md for the API
in ten lines and https://arxiv.org/abs/2110.03006 for the paper.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "scan": "images",
    "open_image": "images",
    "encode": "features",
    "encode_views": "views",
    "encoder_cards": "encoders",
    "default_encoder": "encoders",
    "find_neighbors": "neighbors",
    "utility": "density",
    "log_density": "density",
    "density_percentile": "density",
    "density_peaks": "density",
    "kmeans": "clustering",
    "select": "selection",
    "methods": "selection",
    "method_cards": "selection",
    "UslParams": "selection.usl",
    "UsltParams": "uslt.params",
    "train_uslt": "uslt.train",
    "export_finetuned": "uslt.finetune",
    "PretrainParams": "pretrain.params",
    "pretrain_encoder": "pretrain.encoder",
    "project": "projection",
    "trustworthiness": "projection",
    "compare": "comparison",
    "score_selection": "metrics",
    "overlap": "metrics",
    "demo_cards": "demos",
    "load_demo": "demos",
    "load_toy": "toy_sets",
    "toys": "toy_sets",
    "UslError": "errors",
    "Cancelled": "errors",
    "ImageSet": "types",
    "Features": "types",
    "Neighbors": "types",
    "Selection": "types",
    "Views": "types",
    "Problem": "types",
    "Note": "types",
}

__all__ = ["__version__", *_HOMES]

if TYPE_CHECKING:
    from .clustering import kmeans
    from .comparison import compare
    from .demos import demo_cards, load_demo
    from .density import density_peaks, density_percentile, log_density, utility
    from .encoders import default_encoder, encoder_cards
    from .errors import Cancelled, UslError
    from .features import encode
    from .images import open_image, scan
    from .metrics import overlap, score_selection
    from .neighbors import find_neighbors
    from .pretrain.encoder import pretrain_encoder
    from .pretrain.params import PretrainParams
    from .projection import project, trustworthiness
    from .selection import method_cards, methods, select
    from .selection.usl import UslParams
    from .toy_sets import load_toy, toys
    from .types import Features, ImageSet, Neighbors, Note, Problem, Selection, Views
    from .uslt.finetune import export_finetuned
    from .uslt.params import UsltParams
    from .uslt.train import train_uslt
    from .views import encode_views


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_HOMES[name]}")
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
