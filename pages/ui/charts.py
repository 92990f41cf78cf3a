"""The plotly figures of the pages, dressed for the visitor's theme and with words for those who cannot see them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from usl_core import figures
from usl_core.demos import Demo
from usl_core.metrics import Scorecard
from usl_core.palette import ThemeName, method_style
from usl_core.types import ImageSet, Selection

from . import cached
from .state import Choices, ColourBy

_CONFIG = {
    "displaylogo": False,
    "showSendToCloud": False,
    "scrollZoom": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
}
# Three maps do not fit on a telephone: there they scroll sideways inside their frame.
_STYLE = "<style>.st-key-maps { overflow-x: auto; } .st-key-maps > div { min-width: 820px; }</style>"


def theme_name() -> ThemeName:
    """The theme that the visitor sees."""
    return "dark" if st.context.theme.type == "dark" else "light"


def maps(choices: Choices, demo: Demo, selections: Mapping[str, Selection], percentiles: np.ndarray, colour: ColourBy) -> None:
    """One linked map per method, on the same coordinates."""
    facts = figures.MapFacts(
        paths=demo.images.paths,
        percentile=percentiles,
        clusters=selections["usl"].cluster_labels,
        labels=demo.images.labels,
        class_names=demo.images.class_names,
        peaks=cached.density_peaks(choices.dataset, choices.params.n_neighbors) if colour == "density" else (),
    )
    panels = [
        figures.Panel(method=method, picks=chosen.indices, clusters=chosen.clusters) for method, chosen in selections.items()
    ]
    figure = figures.map_figure(demo.maps["umap"], panels, facts=facts, colour=colour, theme=theme_name())
    names = ", ".join(method_style(method).label for method in selections)
    alt = (
        f"{len(panels)} maps of the same {len(demo.images):,} images, one per method ({names}), coloured by {colour}; "
        f"{choices.budget} picks on each. The galleries below list the same picks."
    )
    with st.container(key="maps"):
        st.html(_STYLE)
        st.plotly_chart(figure, theme=None, key="map_figure", config=_CONFIG, alt=alt)


def class_bars(cards: Mapping[str, Scorecard], images: ImageSet) -> None:
    """How many picks of each class every method has, or a sentence where classes are unknown."""
    if not images.class_names:
        st.caption("The classes are unknown: the images do not lie in class subfolders.")
        return
    counts = {method: card.class_counts for method, card in cards.items()}
    figure = figures.class_bars(counts, images.class_names, theme=theme_name())
    said = "; ".join(
        f"{method_style(method).label}: "
        + ", ".join(f"{name} {count}" for name, count in zip(images.class_names, row, strict=True))
        for method, row in counts.items()
    )
    st.plotly_chart(figure, theme=None, key="class_bars", config=_CONFIG, alt=f"Picks per class. {said}")
