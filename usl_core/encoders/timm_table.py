"""What is known of the pretrained networks of timm without importing timm, see `tools.list_timm`."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache

from .. import bundled_files
from ..errors import UslError
from .preprocessing import IMAGENET, Colour, Interpolation, Preprocessing

TABLE = bundled_files.ASSETS / "encoders" / "timm.csv"
_NAMED: Mapping[str, Colour] = {
    "imagenet": IMAGENET[0],
    "imagenet-std": IMAGENET[1],
    "half": (0.5, 0.5, 0.5),
    "zero": (0.0, 0.0, 0.0),
    "one": (1.0, 1.0, 1.0),
    "clip": (0.48145466, 0.4578275, 0.40821073),
    "clip-std": (0.26862954, 0.26130258, 0.27577711),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TimmFacts:
    """One pretrained network.

    Args:
        name: architecture and tag, as timm spells them.
        dim: length of the features.
        side: of the square that it sees here, in pixels.
        resize: short side before the centre crop; None: the whole image is stretched.
        resized_input: it was published for another side, and its position embeddings are resampled.
        interpolation: of the resizing.
        mean: of red, green and blue in [0, 1].
        std: standard deviations of the same.
        projected: its last layer leads to what images and captions share, and stays.
        size_mb: size of its weights file, as float32.
        licence: of the weights, as timm has it.
        hub: repository of the Hugging Face hub that holds them.
        file: which file there.
    """

    name: str
    dim: int
    side: int
    resize: int | None
    resized_input: bool
    interpolation: Interpolation
    mean: Colour
    std: Colour
    projected: bool
    size_mb: float
    licence: str
    hub: str
    file: str

    @property
    def preprocessing(self) -> Preprocessing:
        """What the network sees of an image."""
        return Preprocessing(
            side=self.side, resize=self.resize, interpolation=self.interpolation, colours=(self.mean, self.std)
        )

    def row(self) -> list[str]:
        """As it stands in the table."""
        texts = {field.name: getattr(self, field.name) for field in fields(self)}
        texts["resize"] = "" if self.resize is None else self.resize
        texts["resized_input"], texts["projected"] = int(self.resized_input), int(self.projected)
        texts["mean"], texts["std"] = _colour_text(self.mean), _colour_text(self.std)
        return [str(text) for text in texts.values()]


COLUMNS = tuple(field.name for field in fields(TimmFacts))


@lru_cache(maxsize=1)
def timm_table() -> Mapping[str, TimmFacts]:
    """All of them by name.

    Raises:
        UslError: the table is missing or damaged.
    """
    try:
        with TABLE.open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            if tuple(next(rows, ())) != COLUMNS:
                raise ValueError("its first line is another one")
            return {facts.name: facts for facts in map(_facts, rows)}
    except (OSError, ValueError, IndexError) as error:
        raise UslError(f"the list {TABLE} of timm's networks is damaged ({error}); install the program again") from error


def _facts(row: list[str]) -> TimmFacts:
    name, dim, side, resize, resized_input, interpolation, mean, std, projected, size_mb, licence, hub, file = row
    return TimmFacts(
        name=name,
        dim=int(dim),
        side=int(side),
        resize=int(resize) if resize else None,
        resized_input=resized_input == "1",
        interpolation="bilinear" if interpolation == "bilinear" else "bicubic",
        mean=_colour(mean),
        std=_colour(std),
        projected=projected == "1",
        size_mb=float(size_mb),
        licence=licence,
        hub=hub,
        file=file,
    )


def _colour_text(colour: Colour) -> str:
    return next((name for name, known in _NAMED.items() if known == colour), " ".join(map(repr, colour)))


def _colour(text: str) -> Colour:
    if text in _NAMED:
        return _NAMED[text]
    red, green, blue = map(float, text.split())
    return red, green, blue
