"""What USL-T is trained with where the sidebar has nothing to say about it."""

from __future__ import annotations

from dataclasses import replace

from usl_core.encoders.own_vectors import is_vectors
from usl_core.pipeline.prepared import Prepared
from usl_core.uslt.params import UsltParams

from .state import Choices


def params_of(choices: Choices, made: Prepared) -> UsltParams:
    """The settings of the sidebar; without augmented views where vectors were made elsewhere."""
    return replace(choices.uslt, n_views=0) if is_vectors(made.features.encoder) else choices.uslt
