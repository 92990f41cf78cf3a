"""The list of encoders, and the one of a name."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from difflib import get_close_matches

from ..errors import UslError
from . import checkpoints, efficientnet, own_checkpoints, own_vectors, pixels, timm
from .base import Encoder, EncoderCard
from .bundled import NAME as BUNDLED
from .bundled import bundled_card, bundled_encoder
from .efficientnet import LITE0, LiteEncoder
from .small import METHODS, SIDE, SMALL_NETWORKS
from .torchvision import TorchvisionEncoder
from .trained import PREFIX as TRAINED_PREFIX
from .trained import get_trained, trained_cards
from .weights import LICENCE, NETWORKS, TRAINING, weights_dir

_WITHOUT_WEIGHTS: Mapping[str, tuple[EncoderCard, Callable[[], Encoder]]] = {
    pixels.PIXELS: (pixels.CARD, pixels.PixelEncoder),
}
"""Encoders that need no file: the card of each, and what makes it."""
ENV_ENCODER = "USL_ENCODER"
BETTER = (
    "timm:vit_base_patch14_dinov2.lvd142m",
    "timm:vit_base_patch16_dinov3.lvd1689m",
    "timm:vit_small_patch14_dinov2.lvd142m",
    "timm:vit_small_patch16_dinov3.lvd1689m",
    "timm:vit_base_patch16_siglip_224.v2_webli",
    "timm:vit_base_patch16_clip_quickgelu_224.openai",
    "timm:convnext_tiny.fb_in22k_ft_in1k",
    "torchvision:convnext_tiny",
    "torchvision:vit_b_16",
    "timm:resnet50.a1_in1k",
    "torchvision:resnet50",
)
"""Published networks that are worth more than EfficientNet-Lite0 where their weights are here already, the best first."""


def encoder_cards() -> list[EncoderCard]:
    """All encoders but the rest of timm's: those that come along, the published, those trained or added here.

    Imports nothing heavy, needs no network.

    >>> usl.encoder_cards()[0].name
    'pixels:pca'
    """
    return [
        *(card for card, _ in _WITHOUT_WEIGHTS.values()),
        _bundled(),
        *efficientnet.cards(),
        *_torchvision(),
        *timm.cards(),
        *checkpoints.cards(),
        *_trained(),
        *own_checkpoints.cards(),
        *own_vectors.cards(),
    ]


def card_of(name: str) -> EncoderCard:
    """The card of one encoder, be it in the list or another one of timm's.

    Raises:
        UslError: no such encoder.
    """
    for card in encoder_cards():
        if card.name == name:
            return card
    if name.startswith(timm.PREFIX):
        return timm.card_of(name)
    raise _unknown(name)


def training_of(name: str) -> str:
    """What an encoder was trained on, in words; empty of one that is not, or no longer, known."""
    try:
        return card_of(name).training
    except UslError:
        return ""


def _bundled() -> EncoderCard:
    ours = bundled_card()
    return EncoderCard(
        name=BUNDLED,
        dim=SMALL_NETWORKS[ours["network"]].dim,
        input_size=SIDE,
        training=f"{METHODS[ours['recipe']['method']]}, {ours['recipe']['n_epochs']} epochs on {ours['data']}",
        size_mb=ours["size_mb"],
        licence=ours["licence"],
    )


def _torchvision() -> list[EncoderCard]:
    folder = weights_dir()
    return [
        EncoderCard(
            name=name,
            dim=facts.dim,
            input_size=224,
            training=TRAINING,
            size_mb=facts.size_mb,
            licence=LICENCE,
            weights=facts.weights,
            weights_file=facts.file,
            weights_url=facts.url,
            cached=(folder / facts.file).is_file(),
        )
        for name, facts in NETWORKS.items()
    ]


def _trained() -> list[EncoderCard]:
    return [
        EncoderCard(
            name=card.name,
            dim=(SMALL_NETWORKS if (is_small := card.network in SMALL_NETWORKS) else NETWORKS)[card.network].dim,
            input_size=SIDE if is_small else 224,
            training=card.training,
            size_mb=card.size_mb,
            licence="yours: trained here from random weights" if is_small else LICENCE,
        )
        for card in trained_cards()
    ]


def chosen_encoder() -> str | None:
    """The encoder that `USL_ENCODER` names, for all images on this machine, or None.

    Raises:
        UslError: there is no such encoder.
    """
    name = os.environ.get(ENV_ENCODER, "").strip()
    if not name:
        return None
    try:
        get_encoder(name)
    except UslError as error:
        raise UslError(f"{ENV_ENCODER} names no encoder: {error}") from error
    return name


def default_encoder() -> str:
    """What images are looked at through unless the user says otherwise, by its full name.

    That of `USL_ENCODER`; else one of `BETTER` whose weights are here already, the first if there are several; else
    EfficientNet-Lite0, which comes along. For small images `encode` may choose another, see `recommended_encoder`.

    Raises:
        UslError: `USL_ENCODER` names no encoder.

    >>> usl.default_encoder() in [card.name for card in usl.encoder_cards()]
    True
    """
    chosen = chosen_encoder()
    if chosen is not None:
        return chosen
    cached = {card.name for card in (*_torchvision(), *timm.cards()) if card.cached}
    fallback = LITE0 if efficientnet.is_installed() else BUNDLED
    return next((name for name in BETTER if name in cached), fallback)


def get_encoder(name: str, weights: str | None = None) -> Encoder:
    """The encoder of that name.

    Args:
        name: as in `encoder_cards()`, or `timm:NAME` for any pretrained network of timm.
        weights: None for the published ones; `random` for seeded random ones, for benchmarks and tests.

    Raises:
        UslError: no such encoder, or weights that it cannot have.
    """
    if name in _WITHOUT_WEIGHTS:
        _check(name, weights, (None,))
        return _WITHOUT_WEIGHTS[name][1]()
    if name.startswith(TRAINED_PREFIX):
        _check(name, weights, (None,))
        return get_trained(name)
    if name.startswith(own_checkpoints.PREFIX):
        _check(name, weights, (None,))
        return own_checkpoints.OwnEncoder(name)
    if own_vectors.is_vectors(name):
        _check(name, weights, (None,))
        return own_vectors.VectorsEncoder(name)
    if name == BUNDLED:
        _check(name, weights, (None, "random"))
        return bundled_encoder(random_weights=weights == "random")
    for prefix, known, make in _PUBLISHED:
        if name.startswith(prefix) and (known is None or name in known):
            _check(name, weights, (None, "random"))
            return make(name, random_weights=weights == "random")
    raise _unknown(name)


_PUBLISHED: tuple[tuple[str, Mapping[str, object] | None, Callable[..., Encoder]], ...] = (
    ("efficientnet:", efficientnet.SIDES, LiteEncoder),
    ("torchvision:", NETWORKS, TorchvisionEncoder),
    (timm.PREFIX, None, timm.TimmEncoder),
    (checkpoints.PREFIX, checkpoints.PUBLISHED, checkpoints.PublishedEncoder),
)
"""Families of published networks: how their names begin, which there are, and what makes one."""


def _check(name: str, weights: str | None, choices: tuple[str | None, ...]) -> None:
    if weights not in choices:
        raise UslError(f"weights of {name} must be {' or '.join(map(repr, choices))} but is {weights!r}")


def _unknown(name: str) -> UslError:
    known = [card.name for card in encoder_cards()]
    wanted = name.rpartition(":")[2].casefold()
    alike = [other for other in known if wanted and wanted in other.casefold()] or get_close_matches(name, known, 3, 0.5)
    some = alike[:6] or [pixels.PIXELS, BUNDLED, LITE0]
    return UslError(
        f"there is no encoder {name!r}; {'did you mean ' if alike else 'choose '}{' or '.join(some)}{'?' if alike else '.'} "
        f"`encoders` lists all of them, and {timm.PREFIX}NAME is any other one of timm"
    )
