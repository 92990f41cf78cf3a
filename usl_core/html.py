"""HTML from templates: whatever a template prints is text unless it was made here, so no caller has to remember to escape."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from .names import display_name

_LONGEST = 2000


@cache
def environment(folder: Path) -> Environment:
    """The templates of a folder. Every value is escaped, on one line and without characters that hide or reorder others;
    `Markup` goes through as it is. A value that a template names and nobody gave is an error.

    Filters: `short(limit)` cuts a name in its middle, `grouped` writes 12,345, `code` keeps the ends of lines.
    """
    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_on_one_line,
    )
    made.filters["short"] = display_name
    made.filters["grouped"] = _grouped
    made.filters["code"] = _code
    return made


def _on_one_line(value: object) -> object:
    return display_name(value, _LONGEST) if isinstance(value, str) and not isinstance(value, Markup) else value


def _grouped(value: int) -> str:
    return f"{value:,}"


def _code(source: str) -> Markup:
    return Markup("\n").join(display_name(line, _LONGEST) for line in source.split("\n"))
