"""Maps of made-up points and one slider that picks others, drawn by our component or by plotly:
`?how=maps&n=50000&panels=4`."""

import numpy as np
import streamlit as st

from pages.ui import maps
from usl_core.figures import maps as figures
from usl_core.figures.palette import METHOD_STYLE

M = 40
how, n = st.query_params["how"], int(st.query_params["n"])
n_panels = int(st.query_params.get("panels", "4"))


@st.cache_data
def points(n: int) -> np.ndarray:
    return np.random.default_rng(n).normal(size=(n, 2)).astype(np.float32)


xy = points(n)
shift = st.slider("Shift", 0, 100, 0)
methods = list(METHOD_STYLE)[:n_panels]
picks = {method: (np.arange(M) * (n // M) + index + 5 * shift) % n for index, method in enumerate(methods)}
if how == "maps":
    maps.show(
        "measured",
        maps.Background(xy=xy, version="measured"),
        [maps.Panel(title=method, method=method, picks=picks[method]) for method in methods],
        [maps.Channel(name="density percentile", values=np.arange(n) * 100 / n)],
        "density percentile",
        alt="Made-up points",
    )
else:
    figure = figures.map_figure(
        xy,
        [figures.Panel(method=method, picks=picks[method]) for method in methods],
        facts=figures.MapFacts(paths=[str(row) for row in range(n)], percentile=np.arange(n) * 100 / n),
        max_points=n,
    )
    st.plotly_chart(figure, theme=None, key="measured")
