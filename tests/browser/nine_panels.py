"""A page of its own for the tests of the maps: as many panels as there may be, of more points than any bundled data set has."""

import numpy as np
import streamlit as st

from pages.ui import maps
from usl_core.figures.palette import METHOD_STYLE

N = 20_000
rng = np.random.default_rng(0)
background = maps.Background(xy=rng.normal(size=(N, 2)).astype(np.float32), version="nine")
power = st.slider("Power", 1, 9, 1)
methods = [*METHOD_STYLE, *METHOD_STYLE, *METHOD_STYLE][:9]
panels = [
    maps.Panel(title=f"{method} {at}", method=method, picks=rng.choice(N, 30, False)) for at, method in enumerate(methods)
]
channels = [maps.Channel(name="distance", values=np.linalg.norm(background.xy, axis=1) ** power, digits=2)]
rows = maps.show("nine", background, panels, channels, "distance", alt="Nine panels of made-up points")
st.text(f"selected: {0 if rows is None else len(rows)}")
