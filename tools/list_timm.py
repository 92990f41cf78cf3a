"""Write assets/encoders/timm.csv: what is known of every pretrained network of timm without importing timm.

    python -m tools.list_timm

Builds each of them without weights, on torch's meta device, to learn the length of its features and the size of its file;
takes some 20 minutes on two cores. To be run again when requirements.txt allows a newer timm.
"""

from __future__ import annotations

import csv
import sys
from typing import Any

import timm
import torch

from usl_core.encoders.timm_table import COLUMNS, TABLE, TimmFacts

_IMAGE_LANGUAGE = ("_clip", "siglip", "mci", "gap_siglip")
_MOST_CLASSES = 1152
"""The last layer of a network trained with captions leads to at most so many dimensions that captions share."""
_PLAIN_SIDES = {518: (224, 256)}
"""Networks whose position embeddings are resampled see that instead: DINOv2's own evaluation."""


def facts_of(name: str) -> TimmFacts | None:
    """One row; None for a network that cannot be used as an encoder, with a line about why."""
    found = timm.get_pretrained_cfg(name)
    published: dict[str, Any] = {} if found is None else found.to_dict()
    architecture, _, tag = name.partition(".")
    if not published.get("hf_hub_id") or published.get("crop_mode") == "border" or published["input_size"][0] != 3:
        return None
    side = published["input_size"][1]
    side, resize = _PLAIN_SIDES.get(side, (side, int(side // published["crop_pct"]) if published["crop_pct"] else side))
    other_side = side != published["input_size"][1]
    projected = (
        any(part in architecture for part in _IMAGE_LANGUAGE)
        and "_ft_" not in f"_{tag}_"
        and 0 < published["num_classes"] <= _MOST_CLASSES
        and published["num_classes"] != 1000
    )
    try:
        with torch.device("meta"):
            network = timm.create_model(name, pretrained=False, **({"img_size": side} if other_side else {})).eval()
            size = sum(tensor.numel() for tensor in network.state_dict().values()) * 4 / 1e6
            if not projected:
                network.reset_classifier(0)  # type: ignore[operator]
            shape = network(torch.empty(1, 3, side, side)).shape
    except Exception as error:  # noqa: BLE001 - whatever its reason, such a network stays out of the list
        print(f"{name}: {type(error).__name__}: {str(error)[:100]}", file=sys.stderr)  # noqa: T201
        return None
    if len(shape) != 2:
        return None
    return TimmFacts(
        name=name,
        dim=shape[1],
        side=side,
        resize=None if published["crop_mode"] == "squash" else resize,
        resized_input=other_side,
        interpolation="bilinear" if published["interpolation"] == "bilinear" else "bicubic",
        mean=tuple(published["mean"]),
        std=tuple(published["std"]),
        projected=projected,
        size_mb=round(size, 1),
        licence=published.get("license") or "unknown",
        hub=published["hf_hub_id"],
        file=published.get("hf_hub_filename") or "model.safetensors",
    )


def main() -> None:
    """Write the table."""
    rows = [facts for name in timm.list_pretrained() if (facts := facts_of(name)) is not None]
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(facts.row() for facts in rows)
    print(f"{len(rows):,} networks in {TABLE}")  # noqa: T201


if __name__ == "__main__":
    main()
