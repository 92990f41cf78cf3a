"""The idea in three pictures, drawn anew from a 2-D point set whenever a control moves; as SVG, without a chart library."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import streamlit as st

from usl_core.demos.toys import load_toy, toy_steps, toys
from usl_core.explain.steps import Step
from usl_core.figures.categories import category_palette, places_on_map
from usl_core.figures.palette import method_style, theme_of
from usl_core.read_only import read_only
from usl_core.types import FloatArray

from .. import state
from ..state import Key
from ..text import plain

DEFAULT_TOY = "long-tail"
_SIDE, _REACH = 320, 1.3  # pixels; the point sets lie within 1.2 of the origin
_WHY = (
    "The densest images are typical, but all from the same crowd: most groups get no label.",
    "k-means makes m regions and takes the densest image of each: every region is served, borders are not.",
    "Picks of other regions push back, so neighbours do not huddle at a common border.",
)


def show() -> None:
    """Controls and pictures."""
    with st.container(horizontal=True, gap="large", vertical_alignment="bottom"):
        toy = st.segmented_control(
            "Points", toys(), default=DEFAULT_TOY, required=True, key=Key.TOY, bind="query-params", help="Made-up 2-D data."
        )
        with st.container(width=220):
            budget = st.slider("Labels", 2, 40, 10, key=Key.TOY_BUDGET, bind="query-params", help="The budget m.")
        with st.container(width=220):
            weight = st.slider(
                "Regularisation",
                0.0,
                5.0,
                1.0,
                0.25,
                key=Key.TOY_WEIGHT,
                bind="query-params",
                help="λ in units of the two terms' spreads.",
            )
    points, groups, made = steps(toy or DEFAULT_TOY, budget, weight)
    n_groups = len(np.unique(groups))
    # Markdown, because the browser has the code for it from the start; for HTML and for images it fetches more first.
    for column, step, why in zip(st.columns(len(made), gap="medium"), made, _WHY, strict=True):
        served = f"{len(np.unique(groups[step.picks]))} of {n_groups} groups get a label"
        alt = f"{step.title}: {len(points)} points, {len(step.picks)} picks; {served}."
        picture = b64encode(_svg(points, step).encode()).decode()
        column.markdown(f"![{alt}](data:image/svg+xml;base64,{picture})\n\n**{plain(step.title)}**  \n{why} {served}.")


@lru_cache(maxsize=256)
def steps(toy: str = DEFAULT_TOY, budget: int = 10, weight: float = 1.0) -> tuple[FloatArray, np.ndarray, list[Step]]:
    """Points (n, 2), their groups (n,), and the three steps. Without arguments: what Home shows at first."""
    points, groups = load_toy(toy)
    return read_only((points, groups, toy_steps(points, budget, weight)))


def _svg(points: FloatArray, step: Step) -> str:
    theme = state.theme_name()
    look, style = theme_of(theme), method_style("usl")
    colours: Sequence[str] = (look.muted,)
    places = np.zeros(len(points), np.uint8)
    if step.clusters is not None:
        count = int(step.clusters.max()) + 1
        colours, places = category_palette(count, theme), places_on_map(points, step.clusters, count)[step.clusters]
    placed = np.round((points * (1, -1) + _REACH) * (_SIDE / (2 * _REACH)), 1)
    layers = []
    for place in np.unique(places):
        dots = "".join(f"M{x:g} {y:g}h0" for x, y in placed[places == place])
        layers.append(f"<path d='{dots}' stroke='{colours[place]}' stroke-opacity='.5'/>")
    diamonds = "".join(f"M{x:g} {y - 7:g}l6 7-6 7-6-7z" for x, y in placed[step.picks])
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{2 * _SIDE}' height='{2 * _SIDE}' viewBox='0 0 {_SIDE} {_SIDE}'>"
        f"<g fill='none' stroke-width='4' stroke-linecap='round'>{''.join(layers)}</g>"
        f"<path d='{diamonds}' fill='{style.colour}' stroke='{look.outline}' stroke-width='1.2'/></svg>"
    )
