"""What is worth knowing of the file that is being decoded, told from deep inside a decoder to whoever asked.

Pillow tells of oddities through `warnings.warn`. Python prints such a warning once for each place in the code, so that the
second file with the same oddity goes unmentioned, never says which file was meant, and keeps its filters for the whole
process: no thread can listen for itself (before Python 3.14). So Pillow's modules are given another `warnings`, which
hands the words to whoever listens in this thread, and passes them on as ever where nobody does.
"""

from __future__ import annotations

import ctypes
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import Any

_MAX_TEXT = 200


@dataclass(slots=True)
class Remarks:
    """What was said of one file.

    Args:
        texts: plain sentences, each once.
        by_rule: the pixels are not 8-bit numbers taken as they are; they depend on the rules of `pixel_range`, or on how
            this version understands what the file says of transparency.
    """

    texts: list[str] = field(default_factory=list)
    by_rule: bool = False

    def add(self, text: str) -> None:
        """One more sentence, unless it was said before."""
        text = " ".join(text.split())[:_MAX_TEXT]
        if text not in self.texts:
            self.texts.append(text)


_listener: ContextVar[Remarks | None] = ContextVar("remarks", default=None)


@contextmanager
def listening() -> Iterator[Remarks]:
    """What is said in this thread meanwhile; inside another `listening` it is the same."""
    outer = _listener.get()
    if outer is not None:
        yield outer
        return
    _route_warnings()
    remarks = Remarks()
    token = _listener.set(remarks)
    try:
        yield remarks
    finally:
        _listener.reset(token)


def note(text: str) -> None:
    """Tell whoever listens: one plain sentence on the file that is being decoded."""
    remarks = _listener.get()
    if remarks is not None:
        remarks.add(text)


def note_by_rule() -> None:
    """Tell that the pixels depend on rules; see `Remarks`."""
    remarks = _listener.get()
    if remarks is not None:
        remarks.by_rule = True


class _Warnings:
    """What Pillow's modules see as the module `warnings`."""

    def __getattr__(self, name: str) -> Any:
        return getattr(warnings, name)

    def warn(self, message: Any, category: type[Warning] | None = None, stacklevel: int = 1, source: Any = None) -> None:
        """As `warnings.warn`, but to the listener of this thread if there is one."""
        from PIL.Image import DecompressionBombWarning

        if _listener.get() is None:
            warnings.warn(message, category, stacklevel + 1, source)
        elif category is not DecompressionBombWarning:  # sizes are judged by limits of our own
            note(f"the decoder warns: {message}")


@cache
def _route_warnings() -> None:
    from PIL import GifImagePlugin, Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, _imaging

    for module in (Image, GifImagePlugin, JpegImagePlugin, PngImagePlugin, TiffImagePlugin):
        if vars(module).get("warnings") is warnings:
            module.__dict__["warnings"] = _Warnings()
    logging.getLogger("PIL").addHandler(logging.NullHandler())  # or `logging` prints errors that Pillow raises beside that
    # libtiff prints what goes wrong, and returns an error beside that, which Pillow raises.
    with suppress(OSError, AttributeError):  # where it is built into Pillow there is no way to reach it
        ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)
