"""A table of shares as a heat map that says its numbers, as a plotly figure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UslError
from ..names import display_name, hover_name
from .layout import base_layout
from .palette import Theme, ThemeName, contrast, theme_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

_ROW, _LEAST_ROW, _ROWS_WITH_NUMBERS = 28, 9, 40  # pixels; pixels; beyond, the numbers would lie on each other
_TALLEST, _TOP, _BOTTOM = 900, 44, 40  # pixels


def heat_map(
    values: NDArray[np.floating],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    measure: str,
    unit: str = "%",
    high: float = 100.0,
    digits: int = 0,
    theme: ThemeName = "light",
) -> go.Figure:
    """Numbers in [0, high] as colours; as numbers too, while there are few rows.

    Args:
        values: (r, c), NaN where unknown, which stays empty.
        rows: names, from the top.
        columns: names, from the left.
        measure: what a number is that one points at.
        unit: of the numbers.
        high: the largest number that there can be.
        digits: decimals that are shown.
        theme: "light" or "dark".

    Raises:
        UslError: names that do not belong to the values, or no values.
    """
    import plotly.graph_objects as go

    grid = np.asarray(values, dtype=np.float64)
    if not grid.size or grid.shape != (len(rows), len(columns)):
        raise UslError(
            f"values must have one row per name ({len(rows)}) and one column per name ({len(columns)}) but have shape "
            f"{grid.shape}"
        )
    look, has_numbers = theme_of(theme), len(rows) <= _ROWS_WITH_NUMBERS
    row_names, column_names = ([escape(display_name(name, 28)) for name in names] for names in (rows, columns))
    pointed_columns = [hover_name(column) for column in columns]
    numbers = [["" if np.isnan(value) else f"{value:.{digits}f}" for value in line] for line in grid]
    scale = list(zip(np.linspace(0, 1, len(look.scale)).tolist(), look.scale, strict=True))
    heat = {
        "type": "heatmap",
        "z": grid,
        "zmin": 0.0,
        "zmax": high,
        "colorscale": scale,
        "text": numbers,
        "customdata": [[f"{row}, {column}" for column in pointed_columns] for row in map(hover_name, rows)],
        "hovertemplate": "%{customdata}<br>%{text} " + escape(unit) + "<extra>" + escape(measure) + "</extra>",
        "hoverongaps": False,
        **{"xgap": 1, "ygap": int(has_numbers)},
        "colorbar": {
            **{"orientation": "h", "len": 170, "lenmode": "pixels", "thickness": 8, "outlinewidth": 0},
            **{"x": 0, "xanchor": "left", "xpad": 0, "yref": "container", "y": 1, "yanchor": "top", "ypad": 0},
            **{"tickvals": [0, high / 2, high], "ticktext": ["0", f"{high / 2:g}", f"{high:g} {unit}"]},
        },
    }
    written = [
        _written(number, x, y, grid[y, x] / high, look)
        for y, line in enumerate(numbers if has_numbers else [])
        for x, number in enumerate(line)
        if number
    ]
    inner = min(max(_ROW * len(rows) if has_numbers else _LEAST_ROW * len(rows), 80), _TALLEST)
    bare = {"showgrid": False, "zeroline": False, "ticks": "", "fixedrange": True, "automargin": True, "ticklabelstandoff": 4}
    layout = {
        **base_layout(look),
        **{"height": inner + _TOP + _BOTTOM, "margin": {"l": 8, "r": 8, "t": _TOP, "b": _BOTTOM}, "annotations": written},
        "xaxis": {**bare, "tickvals": list(range(len(columns))), "ticktext": column_names},
        "yaxis": {**bare, "autorange": "reversed"}
        | (
            {"tickvals": list(range(len(rows))), "ticktext": row_names} if len(rows) <= _ROWS_WITH_NUMBERS else _some(row_names)
        ),
    }
    return go.Figure({"data": [heat], "layout": layout})


def _written(number: str, x: int, y: int, share: float, look: Theme) -> dict[str, Any]:
    """A number in its cell, in whichever of black and white stands out more; plotly's own choice is grey on green."""
    step = min(max(share, 0.0), 1.0) * (len(look.scale) - 1)
    ground = look.scale[round(step)]
    colour = max(("#ffffff", "#000000"), key=lambda ink: contrast(ink, ground))
    return {"text": number, "x": x, "y": y, "showarrow": False, "font": {"size": 12, "color": colour}}


def _some(names: Sequence[str]) -> dict[str, list[int] | list[str]]:
    """Every so many of the names, so that none lies on the next."""
    step = -(-len(names) // _ROWS_WITH_NUMBERS)
    places = list(range(0, len(names), step))
    return {"tickvals": places, "ticktext": [names[place] for place in places]}
