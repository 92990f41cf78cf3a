"""Images with hostile names and classes, and what is exported of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from usl_core.cache.store import fingerprint
from usl_core.export.formats import export_picks
from usl_core.graph.neighbors import find_neighbors
from usl_core.images.scan import scan
from usl_core.selection.registry import select
from usl_core.types import Features, Neighbors, Selection
from usl_core.validation import unit_rows

HOSTILE = (
    *("=cmd|' /C calc'!A0/1.png", "=cmd|' /C calc'!A0/e..\\..\\evil.png", "<script>alert(1)</script>/a&b'\".png"),
    *("<script>alert(1)</script>/new\nline.png", '""" + exit(1) + """/{x}\\\'.png', "-rf $(touch pwned)/`id`;x.png"),
    *("]]>/caf\x85\u202e\u2028.png", "| a | b/[x](javascript:alert(1)).png", "öl 京/😀.png", "öl 京/manifest.csv.png"),
)
PLAIN = ("cat/b10.png", "cat/b9.png", "cat/sub/x.png", "dog/1.jpg", "dog/2.png", "Dog/3.png", "dog/z.png", "cat/c.png")


def made(root: Path, names: tuple[str, ...]) -> Features:
    rng = np.random.default_rng(0)
    for at, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 255, (6 + at, 9, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / name, format="jpeg" if name.endswith("jpg") else "png")
    images = scan(root)
    assert len(images) == len(names), images.problems
    values = unit_rows(rng.normal(size=(len(images), 6)).astype(np.float32))
    return Features(values=values, fingerprint=fingerprint(values), encoder="test:encoder", images=images)


def picked_of(features: Features, rows: list[int] | None = None) -> tuple[Selection, Neighbors]:
    """Those rows, or all of them backwards."""
    rows = list(range(len(features)))[::-1] if rows is None else rows
    graph = find_neighbors(features, 3)
    return replace(select(features, len(rows), "random"), indices=np.array(rows)), graph


def exported(features: Features, out: Path, *formats: str, rows: list[int] | None = None, **more) -> Path:
    selection, graph = picked_of(features, rows)
    export_picks(selection, features, graph, out, formats, n_neighbors=3, map_method="pca", **more)
    return out
