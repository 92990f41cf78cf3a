"""Runs that an earlier version recorded, and the pictures that they were recorded on; see `records/`.

The records were written by the version whose run.json had format 1, with the options named in `RUNS`, on the folder that
`write_pictures` makes. They are never written again: a record is repeated as it was, whatever today's defaults are.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

RECORDS = Path(__file__).parent / "records"
RUNS = {
    "random": ["--method", "random", "--budget", "12", "--seed", "3"],
    "stratified": ["--method", "stratified", "--budget", "12"],
    "usl": ["--budget", "10"],
    "usl-relative": ["--budget", "9", "--relative", "--lambda", "3", "--k", "5", "--vetoed", "vetoed.txt"],
    "usl-relative-alone": ["--budget", "1", "--relative"],
    "usl-published": ["--budget", "12", "--preset", "published", "--labelled", "labelled.txt"],
}


def write_pictures(folder: Path) -> None:
    """40 pictures of 16 x 16 pixels in two class folders; ten of them are copies of others. Written out byte by byte, so that
    no library's version counts."""
    rng = np.random.default_rng(1)
    hue, place = rng.integers(0, 255, (30, 3)), rng.integers(0, 12, (30, 2))
    for row in range(40):
        which = row if row < 30 else 3 * (row - 30)
        pixels = np.full((16, 16, 3), 90 if which % 2 else 160, dtype=np.uint8)
        top, left = place[which]
        pixels[top : top + 4, left : left + 4] = hue[which]
        header = b"BM" + struct.pack("<IHHI", 54 + pixels.size, 0, 0, 54)
        header += struct.pack("<IiiHHIIiiII", 40, 16, -16, 1, 24, 0, pixels.size, 2835, 2835, 0, 0)
        path = folder / ("odd" if which % 2 else "even") / f"{row:02}.bmp"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(header + pixels.tobytes())
