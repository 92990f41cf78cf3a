"""Which encoder suits some images, and why: decided by what they look like and what is on this machine.

Measured by `python -m benchmarks encoders`: small pictures in colour are told apart best by EfficientNet-Lite0 at 160 pixels,
small grey ones (digits, Fashion-MNIST) by `bundled:mini`, and photographs want to be seen large.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..encoders.efficientnet import LITE0, LITE0_160
from ..encoders.registry import BUNDLED, chosen_encoder, default_encoder
from ..images.looks import Looks, looks_of
from ..types import ImageSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """An encoder by its full name, and the reason, to be read after "because"."""

    encoder: str
    why: str


def recommended_encoder(images: ImageSet) -> Recommendation:
    """What these images are best looked at through, without a download.

    Args:
        images: up to 16 of them are opened.

    Raises:
        UslError: `USL_ENCODER` names no encoder.
    """
    return recommended_for(looks_of(images))


def recommended_for(looks: Looks | None) -> Recommendation:
    """The same, from what the images look like; None: that is not known."""
    chosen = chosen_encoder()
    if chosen is not None:
        return Recommendation(encoder=chosen, why="whoever runs this machine has chosen it")
    usual = default_encoder()
    if looks is not None and looks.is_small:
        if looks.is_grey:
            return Recommendation(encoder=BUNDLED, why="it tells small grey images apart best of those that come along")
        if usual == LITE0:
            return Recommendation(encoder=LITE0_160, why="the images are small, and at 160 pixels it tells such apart best")
    reasons = {LITE0: "it knows everyday objects, is quick for what it tells, and comes along", BUNDLED: "it comes along"}
    on_disk = "its weights are on this machine already, and it tells more than what comes along"
    return Recommendation(encoder=usual, why=reasons.get(usual, on_disk))
