"""timm's pretrained networks as encoders: `timm:NAME` for each of them, and a dozen that are worth knowing.

Preprocessing, weights and the place of the features are those of timm: what comes before the last layer, pooled; of networks
trained with captions (CLIP, SigLIP, MobileCLIP) what images and captions share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ..errors import UslError
from .base import EncoderCard
from .hub import fetch_file, find_file
from .network import NetworkEncoder, seeded
from .timm_table import TimmFacts, timm_table

if TYPE_CHECKING:
    from pathlib import Path

    import torch

PREFIX = "timm:"
CURATED: Mapping[str, str] = {
    "vit_small_patch14_dinov2.lvd142m": "self-supervised (DINOv2) on 142 million images",
    "vit_base_patch14_dinov2.lvd142m": "self-supervised (DINOv2) on 142 million images",
    "vit_small_patch16_dinov3.lvd1689m": "self-supervised (DINOv3) on 1.7 billion images",
    "vit_base_patch16_dinov3.lvd1689m": "self-supervised (DINOv3) on 1.7 billion images",
    "vit_small_patch16_224.dino": "self-supervised (DINO) on ImageNet-1k",
    "vit_base_patch16_clip_quickgelu_224.openai": "images and captions (CLIP) on 400 million pairs",
    "vit_base_patch16_siglip_224.v2_webli": "images and captions (SigLIP 2) on WebLI",
    "fastvit_mci0.apple_mclip": "images and captions (MobileCLIP-S0) on DataCompDR",
    "fastvit_mci2.apple_mclip2_dfndr2b": "images and captions (MobileCLIP 2-S2) on DFNDR-2B",
    "convnext_tiny.fb_in22k": "supervised on ImageNet-22k",
    "convnext_tiny.fb_in22k_ft_in1k": "supervised on ImageNet-22k, then ImageNet-1k",
    "resnet50.a1_in1k": "supervised on ImageNet-1k (A1 recipe)",
}
"""Those that stand in the list of encoders, and what each was trained on."""
_SLOW_MB = 60.0


def cards() -> list[EncoderCard]:
    """The curated ones."""
    table = timm_table()
    return [_card(table[name]) for name in CURATED if name in table]


def search(text: str, most: int = 20) -> list[EncoderCard]:
    """Cards of the networks whose names hold all words of a text, the smallest first.

    Args:
        text: words, as `vit small dino`; upper and lower case are the same.
        most: cards.
    """
    words = text.casefold().split()
    found = [facts for name, facts in timm_table().items() if all(word in name.casefold() for word in words)]
    return [_card(facts) for facts in sorted(found, key=lambda facts: (facts.size_mb, facts.name))[:most]]


def card_of(name: str) -> EncoderCard:
    """The card of `timm:NAME`. Raises as `timm_facts`."""
    return _card(timm_facts(name))


def timm_facts(name: str) -> TimmFacts:
    """What is known of the network `timm:NAME`.

    Raises:
        UslError: timm has no such network; the message has the most alike.
    """
    table, wanted = timm_table(), name.removeprefix(PREFIX)
    if wanted in table:
        return table[wanted]
    tagged = [known for known in table if known.partition(".")[0] == wanted]
    alike = tagged or get_close_matches(wanted, table, 3, 0.5)
    raise UslError(
        f"there is no encoder {name!r}: timm {'has it with the tags' if tagged else 'knows no network of that name'}"
        + (f"{'' if tagged else '; alike are'} {', '.join(PREFIX + known for known in alike[:6])}" if alike else "")
    )


class TimmEncoder(NetworkEncoder):
    """Features of one of timm's networks.

    Args:
        name: `timm:` and the name of a pretrained network.
        random_weights: seeded random weights instead of the published ones; for benchmarks and tests only.

    Raises:
        UslError: timm has no such network.
    """

    def __init__(self, name: str, *, random_weights: bool = False) -> None:
        self.facts = facts = timm_facts(name)
        self.random_weights = random_weights
        place = "projection" if facts.projected else "pooled"
        source = "random weights, seed 0" if random_weights else f"{facts.hub} {facts.file}"
        super().__init__(
            name,
            weights_id=f"timm {facts.name}, {place} features, {source}",
            preprocessing=facts.preprocessing,
            dim=facts.dim,
            shard_size=64 if facts.size_mb > _SLOW_MB else 256,
        )

    def network(self, on_note: Callable[[str], None]) -> torch.nn.Module:
        facts = self.facts
        path = None
        if not self.random_weights:
            path = fetch_file(self.name, _key(facts), facts.hub, facts.file, facts.size_mb, on_note)
        return new_timm(facts, path)


def new_timm(facts: TimmFacts, weights: Path | None) -> torch.nn.Module:
    """A network of timm without the layer that leads to classes.

    Args:
        facts: which.
        weights: its file; None: seeded random weights.

    Raises:
        UslError: the file is damaged or holds other weights.
    """
    import timm
    import torch

    settings: dict[str, Any] = {"img_size": facts.side} if facts.resized_input else {}
    if weights is not None:
        overlay = {"file": str(weights), "hf_hub_id": None, "url": "", "custom_load": False}
        settings["pretrained_cfg_overlay"] = overlay
    try:
        made = seeded(lambda: timm.create_model(facts.name, pretrained=weights is not None, **settings))
    except Exception as error:
        if weights is None:
            raise
        raise UslError(
            f"the weights file {weights} does not fit {PREFIX}{facts.name} ({' '.join(str(error).split())[:200]}); "
            "delete it, and it is downloaded again"
        ) from error
    assert isinstance(made, torch.nn.Module)
    if not facts.projected:  # not before: timm takes whatever weights there are for a network without its classes
        made.reset_classifier(0)  # type: ignore[operator]
    return made


def _card(facts: TimmFacts) -> EncoderCard:
    return EncoderCard(
        name=PREFIX + facts.name,
        dim=facts.dim,
        input_size=facts.side,
        training=CURATED.get(facts.name) or f"as its tag says: {facts.name.partition('.')[2]}",
        size_mb=facts.size_mb,
        licence=facts.licence,
        weights=facts.name,
        weights_file=facts.file,
        weights_url=f"https://huggingface.co/{facts.hub}",
        cached=find_file(_key(facts), facts.hub, facts.file) is not None,
    )


def _key(facts: TimmFacts) -> str:
    return f"timm-{facts.name}"
