"""`python -m benchmarks.demo_maps` draws the demos with the pixels alone and with the bundled encoder: assets/features.png.

The colours are classes, which neither encoder was told.
"""

from __future__ import annotations

import tempfile

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import usl_core as usl
from usl_core.encoders.pixels import PIXELS
from usl_core.encoders.registry import BUNDLED
from usl_core.figures.palette import CATEGORICAL, THEMES, category_places
from usl_core.types import FloatArray, IntArray

from .harness import ROOT

PANEL, MARGIN, TITLE = 560, 24, 52
_SHARPER = 2  # drawn this much larger, then reduced, so that the dots are round


def main() -> None:
    """Write the picture."""
    demos = [usl.load_demo(card.name) for card in usl.demo_cards()]
    width, height = 2 * PANEL + 3 * MARGIN, len(demos) * (PANEL + TITLE) + MARGIN
    theme = THEMES["light"]
    picture = Image.new("RGB", (_SHARPER * width, _SHARPER * height), theme.background)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(_SHARPER * 18)
    for row, demo in enumerate(demos):
        labels = np.asarray(demo.images.labels, dtype=np.int64)
        for column, encoder in enumerate((PIXELS, BUNDLED)):
            with tempfile.TemporaryDirectory() as cache:
                values = np.array(usl.encode(demo.images, encoder, cache_dir=cache).values)
            graph = usl.find_neighbors(values, demo.neighbors.k_max)
            share = float((labels[graph.indices[:, 0]] == labels).mean())
            left, top = MARGIN + column * (PANEL + MARGIN), row * (PANEL + TITLE) + TITLE
            words = f"{demo.card.name}, {encoder}: {100 * share:.1f} % of nearest neighbours share the class"
            draw.text((_SHARPER * left, _SHARPER * (top - 36)), words, fill=theme.text, font=font)
            _panel(draw, usl.project(values, neighbors=graph), labels, left, top)
    picture.resize((width, height), Image.Resampling.LANCZOS).quantize(128).save(
        ROOT / "assets" / "features.png", optimize=True
    )


def _panel(draw: ImageDraw.ImageDraw, xy: FloatArray, labels: IntArray, left: int, top: int) -> None:
    low, high = xy.min(axis=0), xy.max(axis=0)
    scale = (PANEL - 16) / float((high - low).max())
    centred = (xy - (low + high) / 2) * scale + PANEL / 2
    colours = [CATEGORICAL[place] for place in category_places(labels)]
    radius = 2.2 * _SHARPER
    for (x, y), colour in zip(centred.tolist(), colours, strict=True):
        placed = (_SHARPER * (left + x), _SHARPER * (top + PANEL - y))
        draw.ellipse((placed[0] - radius, placed[1] - radius, placed[0] + radius, placed[1] + radius), fill=colour)


if __name__ == "__main__":
    main()
