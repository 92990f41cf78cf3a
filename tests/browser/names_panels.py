"""A page of its own for the tests of names and colours: classes with difficult names, one of which lies in two parts, and more
clusters than there are colours."""

import numpy as np
import streamlit as st

from pages.ui import maps

GROUPS, EACH = 24, 150
NAMES = [
    *(
        "in two parts",
        "an extraordinarily long name of a class",
        "חתול",
        "قطة ذات اسم طويل جدا لا ينتهي",
        "<b>bold</b>",
        "👩‍👩‍👧‍👧 family",
    ),
    *(f"kind {at}" for at in range(6, GROUPS)),
]
rng = np.random.default_rng(0)
angle = 2 * np.pi * np.arange(GROUPS) / GROUPS
middles = np.column_stack([np.cos(angle), np.sin(angle)]) * 10
kinds = np.repeat(np.arange(GROUPS), EACH)
points = middles[kinds] + rng.normal(0, 0.5, (len(kinds), 2))
points[: EACH // 3] = rng.normal((-14, 14), 0.3, (EACH // 3, 2))  # and the mean of the first lies on nobody
corners = points[rng.choice(len(points), 150, replace=False)]
clusters = ((points[:, None] - corners) ** 2).sum(-1).argmin(1)

background = maps.Background(xy=points.astype(np.float32), version="names")
colour = st.radio("Colour", ("kind", "few", "cluster", "distance"), horizontal=True)
picks = rng.choice(len(points), 40, replace=False)
panels = [maps.Panel(title=method, method=method, picks=picks) for method in ("usl", "random")]
channels = [
    maps.Channel(name="kind", values=kinds, names=NAMES, categorical=True),
    maps.Channel(name="few", values=kinds // 4, names=[f"few {at}" for at in range(6)], categorical=True),
    maps.Channel(name="cluster", values=clusters, categorical=True),
    maps.Channel(name="distance", values=np.linalg.norm(points, axis=1)),
]
maps.show("names", background, panels, channels, colour, alt="Made-up points of named kinds")
