"""A table of shares as a heat map that says its numbers, as a plotly figure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import UslError
from ..names import display_name
from .layout import base_layout
from .palette import ThemeName, theme_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

_ROW, _LEAST_ROW, _ROWS_WITH_NUMBERS = 28, 9, 40  # pixels; pixels; beyond, the numbers would lie on each other
_TALLEST = 900  # pixels


def heat_map(
    values: NDArray[np.floating],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    measure: str,
    high: float = 100.0,
    digits: int = 0,
    theme: ThemeName = "light",
) -> go.Figure:
    """Numbers in [0, high] as colours; as numbers too, while there are few rows.

    Args:
        values: (r, c), NaN where unknown, which stays empty.
        rows: names, from the top.
        columns: names, from the left.
        measure: title of the colour bar, and of a number that one points at.
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
    look = theme_of(theme)
    row_names, column_names = ([escape(display_name(name, 28)) for name in names] for names in (rows, columns))
    numbers = [["" if np.isnan(value) else f"{value:.{digits}f}" for value in line] for line in grid]
    scale = list(zip(np.linspace(0, 1, len(look.scale)).tolist(), look.scale, strict=True))
    heat = {
        "type": "heatmap",
        "z": grid,
        "zmin": 0.0,
        "zmax": high,
        "colorscale": scale,
        "text": numbers,
        "customdata": [[f"{row}, {column}" for column in column_names] for row in row_names],
        "hovertemplate": "%{customdata}<br>%{text}<extra>" + escape(measure) + "</extra>",
        "hoverongaps": False,
        **{"xgap": 1, "ygap": 1 if len(rows) <= _ROWS_WITH_NUMBERS else 0},
        "colorbar": {
            "title": {"text": measure, "side": "top", "font": {"size": 12}},
            **{"orientation": "h", "len": 170, "lenmode": "pixels", "thickness": 8, "outlinewidth": 0},
            **{"x": 0, "xanchor": "left", "xpad": 0, "yref": "container", "y": 1, "yanchor": "top", "ypad": 0},
            "tickvals": [0, high / 2, high],
        },
        **({"texttemplate": "%{text}"} if len(rows) <= _ROWS_WITH_NUMBERS else {}),
    }
    inner = min(max(_ROW * len(rows) if len(rows) <= _ROWS_WITH_NUMBERS else _LEAST_ROW * len(rows), 80), _TALLEST)
    bare = {"showgrid": False, "zeroline": False, "ticks": "", "fixedrange": True, "automargin": True}
    layout = {
        **base_layout(look),
        **{"height": inner + 150, "margin": {"l": 8, "r": 8, "t": 62, "b": 40}},
        "xaxis": {**bare, "tickvals": list(range(len(columns))), "ticktext": column_names},
        "yaxis": {**bare, "autorange": "reversed"}
        | (
            {"tickvals": list(range(len(rows))), "ticktext": row_names} if len(rows) <= _ROWS_WITH_NUMBERS else _some(row_names)
        ),
    }
    return go.Figure({"data": [heat], "layout": layout})


def _some(names: Sequence[str]) -> dict[str, list[int] | list[str]]:
    """Every so many of the names, so that none lies on the next."""
    step = -(-len(names) // _ROWS_WITH_NUMBERS)
    places = list(range(0, len(names), step))
    return {"tickvals": places, "ticktext": [names[place] for place in places]}
