"""How often flags are raised: on images drawn at random, which are mostly fine, and on the same images after blurring them.

Five draws of 40 from the two bundled demos and, where they lie beside the checkout, from photographs and CIFAR-10. USL's
clusters at m = 40 say what is usual around each image. Blurred on purpose is by a Gaussian of 4 pixels of 375, and 2 at least.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import ImageFilter

import usl_core as usl
from usl_core.encoders.registry import BUNDLED
from usl_core.images.subsets import subset
from usl_core.review.flags import KINDS, find_flags, flags_of_pixels, reference_facts
from usl_core.review.pixel_facts import PixelFacts, pixel_facts
from usl_core.review.pool import pool_of
from usl_core.review.rounds import first_call, select_call
from usl_core.types import Features, ImageSet

from .features import CIFAR
from .harness import Row

N_DRAWS, DRAWN, BUDGET, N_CIFAR = 5, 40, 40, 4000
_BLUR = 4 / 375
PHOTOS = CIFAR.with_name("photos.zip")


def rows() -> list[Row]:
    """All rows of this group; prints how many images each rule flags."""
    print(f"| {N_DRAWS} x {DRAWN} images of | {' | '.join(KINDS)} | blurred on purpose |")
    print("|---" * (len(KINDS) + 2) + "|")
    found = [_row(name, features) for name, features in _data()]
    return [row for row in found if row is not None]


def _row(name: str, features: Features) -> Row | None:
    graph = usl.find_neighbors(features, usl.UslParams().n_neighbors)
    call = first_call(features, method="usl", budget=BUDGET)
    pool = pool_of(features, graph, call, select_call(call, features, graph))
    usual = reference_facts(features.images)
    kinds, flagged = Counter[str](), 0
    for seed in range(N_DRAWS):
        drawn = np.random.default_rng(seed).choice(len(features), DRAWN, replace=False)
        found = find_flags(pool, drawn.tolist(), reference=usual)
        kinds.update(flag.kind for flags in found.values() for flag in flags)
        flagged += len(found)
    blurred = _blurred(features.images, usual)
    counts = " | ".join(str(kinds[kind]) for kind in KINDS)
    print(f"| {name} | {counts} | {blurred} of {DRAWN} |")
    if not blurred:  # too small for a sharpness to judge
        return None
    return Row(
        what=f"{name}: flagged, of {N_DRAWS} x {DRAWN} at random",
        ours=100 * flagged / (N_DRAWS * DRAWN),
        rival=100 * blurred / DRAWN,
        rival_name=f"flagged, of {DRAWN} blurred on purpose",
        unit="%",
    )


def _blurred(images: ImageSet, usual: PixelFacts) -> int:
    """Of the first draw, how many are flagged as blurred once they are."""
    with tempfile.TemporaryDirectory() as folder:
        for row in np.random.default_rng(0).choice(len(images), DRAWN, replace=False).tolist():
            image = usl.open_image(images, row)
            image.filter(ImageFilter.GaussianBlur(max(_BLUR * min(image.size), 2))).save(Path(folder, f"{row}.png"))
        made = usl.scan(folder)
        facts = pixel_facts(made, range(len(made)))
    return sum(any(flag.kind == "blurred" for flag in flags_of_pixels(facts, place, usual)) for place in range(len(facts)))


def _data() -> Iterator[tuple[str, Features]]:
    for name in ("digits", "shapes"):
        yield name, usl.load_demo(name).features
    with tempfile.TemporaryDirectory() as cache:
        for name, path, most in (("photographs", PHOTOS, None), (f"CIFAR-10 ({N_CIFAR:,})", CIFAR, N_CIFAR)):
            if not path.is_file():
                print(f"no {path.name} beside the checkout: without {name}", file=sys.stderr)
                continue
            images = usl.scan(path, cache_dir=cache)
            if most is not None:
                images = subset(images, np.sort(np.random.default_rng(0).choice(len(images), most, replace=False)).tolist())
            yield name, usl.encode(images, BUNDLED, cache_dir=cache)
