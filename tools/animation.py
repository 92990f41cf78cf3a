"""Frames to one animated WebP under a limit; frames that show the same become one."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

from PIL import Image, ImageChops

QUALITY = 82
"""Of the lossy coding, 0 to 100: from 80 on small print of the app is as sharp as in the frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What is seen for a while.

    Args:
        image: RGB, of one size in all frames of a film.
        milliseconds: how long, at least 1.
    """

    image: Image.Image
    milliseconds: int


def merged(frames: Sequence[Frame]) -> list[Frame]:
    """Frames in a row that show the same become one that stays as long as all of them."""
    kept: list[Frame] = []
    for frame in frames:
        if kept and not ImageChops.difference(kept[-1].image, frame.image).getbbox():
            kept[-1] = replace(kept[-1], milliseconds=kept[-1].milliseconds + frame.milliseconds)
        else:
            kept.append(frame)
    return kept


def encode(frames: Sequence[Frame], *, max_bytes: int) -> bytes:
    """The film as a file that plays for ever.

    Args:
        frames: at least two that differ, RGB, of one size.
        max_bytes: what the file may have.

    Returns:
        An animated WebP. Only what changes from frame to frame is in it.

    Raises:
        ValueError: there is nothing that moves, frames differ in size or kind, or the file would be larger.
    """
    kinds = sorted({(frame.image.mode, *frame.image.size) for frame in frames})
    if len(kinds) > 1 or any(mode != "RGB" for mode, *_ in kinds):
        raise ValueError(f"frames must be RGB and of one size but are {kinds}")
    if short := [frame.milliseconds for frame in frames if frame.milliseconds < 1]:
        raise ValueError(f"a frame must stay at least 1 ms but one stays {short[0]}")
    film = merged(frames)
    if len(film) < 2:
        raise ValueError(f"a film needs two frames that differ, and {len(film)} of {len(frames)} do")
    first, *rest = film
    written = io.BytesIO()
    first.image.save(
        written,
        "WEBP",
        save_all=True,
        append_images=[frame.image for frame in rest],
        duration=[frame.milliseconds for frame in film],
        loop=0,
        quality=QUALITY,
        method=4,
        allow_mixed=True,  # each frame lossless where that is smaller: flat colours of a page often are
    )
    data = written.getvalue()
    if len(data) > max_bytes:
        raise ValueError(
            f"the film has {len(data):,} bytes and may have {max_bytes:,}; make it shorter, narrower or of fewer frames"
        )
    return data
