"""USL Explorer's library: which m of n unlabelled images should be labelled?

Every public name resolves on first use, so that importing the package costs next to nothing. See README.md for the API
in ten lines and https://arxiv.org/abs/2110.03006 for the paper.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "scan": "images.scan",
    "open_image": "images.scan",
    "encode": "features.encode",
    "encode_views": "features.views",
    "encoder_cards": "encoders.registry",
    "default_encoder": "encoders.registry",
    "find_neighbors": "graph.neighbors",
    "utility": "graph.density",
    "log_density": "graph.density",
    "density_percentile": "graph.density",
    "density_peaks": "graph.density",
    "find_near_duplicates": "graph.near_duplicates",
    "kmeans": "clustering.kmeans",
    "read_labels": "labels.read",
    "fit_logistic": "learners.logistic",
    "learn": "learners.registry",
    "learner_cards": "learners.registry",
    "select": "selection.registry",
    "methods": "selection.registry",
    "method_cards": "selection.registry",
    "KCenterParams": "selection.k_center",
    "UslParams": "selection.usl_params",
    "UsltParams": "uslt.params",
    "train_uslt": "uslt.train",
    "export_finetuned": "uslt.finetune",
    "PretrainParams": "pretrain.params",
    "pretrain_encoder": "pretrain.encoder",
    "ImageFixMatchParams": "fixmatch.params",
    "LabelledSet": "fixmatch.image_set",
    "project": "projection.project",
    "trustworthiness": "projection.trust",
    "compare": "evaluation.comparison",
    "evaluate": "evaluation.evaluate",
    "score_selection": "evaluation.metrics",
    "overlap": "evaluation.metrics",
    "export_picks": "export.formats",
    "export_formats": "export.formats",
    "Guess": "export.picked",
    "demo_cards": "demos.bundled",
    "load_demo": "demos.bundled",
    "load_toy": "demos.toys",
    "toys": "demos.toys",
    "UslError": "errors",
    "Cancelled": "errors",
    "ImageSet": "types",
    "Features": "types",
    "Neighbors": "types",
    "Selection": "types",
    "Views": "types",
    "Problem": "types",
    "Sample": "types",
    "Note": "types",
}

__all__ = ["__version__", *_HOMES]

if TYPE_CHECKING:
    from .clustering.kmeans import kmeans
    from .demos.bundled import demo_cards, load_demo
    from .demos.toys import load_toy, toys
    from .encoders.registry import default_encoder, encoder_cards
    from .errors import Cancelled, UslError
    from .evaluation.comparison import compare
    from .evaluation.evaluate import evaluate
    from .evaluation.metrics import overlap, score_selection
    from .export.formats import export_formats, export_picks
    from .export.picked import Guess
    from .features.encode import encode
    from .features.views import encode_views
    from .fixmatch.image_set import LabelledSet
    from .fixmatch.params import ImageFixMatchParams
    from .graph.density import density_peaks, density_percentile, log_density, utility
    from .graph.near_duplicates import find_near_duplicates
    from .graph.neighbors import find_neighbors
    from .images.scan import open_image, scan
    from .labels.read import read_labels
    from .learners.logistic import fit_logistic
    from .learners.registry import learn, learner_cards
    from .pretrain.encoder import pretrain_encoder
    from .pretrain.params import PretrainParams
    from .projection.project import project
    from .projection.trust import trustworthiness
    from .selection.k_center import KCenterParams
    from .selection.registry import method_cards, methods, select
    from .selection.usl_params import UslParams
    from .types import Features, ImageSet, Neighbors, Note, Problem, Sample, Selection, Views
    from .uslt.finetune import export_finetuned
    from .uslt.params import UsltParams
    from .uslt.train import train_uslt


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_HOMES[name]}")
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
