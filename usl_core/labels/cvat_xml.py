"""Labels in the XML of CVAT ("CVAT for images 1.1"): tags of images, and where an image has none, the labels of its shapes.

Only elements and attributes are read. A file with a document type is refused, so that there are no entities to expand and
nothing outside is looked up; nothing is kept of deep nesting but its depth.
"""

from __future__ import annotations

from typing import Any
from xml.parsers import expat

from ..errors import UslError
from .entries import Entry, LabelFile, class_text, distinct

_SHAPES = {"box", "polygon", "polyline", "points", "ellipse", "cuboid", "skeleton", "mask"}
_DEEPEST = 100


class _Refused(Exception):
    """Raised out of the parser."""


class _Reader:
    def __init__(self, parser: Any) -> None:
        self.file = LabelFile(kind="XML of CVAT")
        self.root: str | None = None
        self._parser, self._depth = parser, 0
        self._image: tuple[str, int] | None = None
        self._tags, self._parts = list[str](), list[str]()

    def start(self, element: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _Refused(f"elements lie more than {_DEEPEST} deep in each other")
        if self.root is None:
            self.root = element
        line = self._parser.CurrentLineNumber
        if element == "image" and self._image is None:
            self._tags, self._parts = [], []
            name = attributes.get("name", "")
            self._image = (name, line)
            if not name.strip():
                self.file.unreadable.append((f"line {line}", "the image has no name"))
        elif self._image is not None and (element == "tag" or element in _SHAPES):
            label = class_text(attributes.get("label", ""))
            if label:
                (self._tags if element == "tag" else self._parts).append(label)
            else:
                self.file.unreadable.append((f"line {line}", f"the {element} has no label"))

    def end(self, element: str) -> None:
        self._depth -= 1
        if element == "image" and self._image is not None:
            name, line = self._image
            if name.strip():
                classes = distinct(self._tags or self._parts)
                self.file.entries.append(Entry(names=(name,), classes=classes, where=f"line {line}"))
            self._image = None

    def doctype(self, *_: object) -> None:
        raise _Refused("it has a document type, which CVAT does not write; take out the part that begins with <!DOCTYPE")


def read_cvat_xml(data: bytes, called: str) -> LabelFile:
    """What the bytes say.

    Raises:
        UslError: it is no such XML; the message names the line.
    """
    parser = expat.ParserCreate()
    reader = _Reader(parser)
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.StartDoctypeDeclHandler = reader.doctype
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise UslError(f"{called} is no readable XML from line {error.lineno} on ({expat.ErrorString(error.code)})") from error
    except _Refused as error:
        raise UslError(f"{called} is not read: line {parser.CurrentLineNumber}: {error}") from error
    except (ValueError, LookupError) as error:  # an encoding that nobody knows
        raise UslError(f"{called} is no readable XML ({error})") from error
    if reader.root != "annotations":
        raise UslError(f"{called} must be XML of CVAT, whose outermost element is annotations, but that is {reader.root!r:.60}")
    return reader.file
