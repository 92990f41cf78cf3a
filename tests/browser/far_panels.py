"""A page of its own for the tests of the maps: more points than are drawn and indexed in one go, two specks far from all the
others, and picks that lie on each other."""

import numpy as np
import streamlit as st

from pages.ui import maps

N, RIGHT, BELOW, PILE = 120_000, 40, 7, 6
rng = np.random.default_rng(0)
clusters = rng.integers(0, 6, N)
xy = (rng.uniform(-4, 4, (6, 2))[clusters] + rng.uniform(-1, 1, (N, 2))).astype(np.float32)
xy[:RIGHT] = rng.normal((60, 1), 0.1, (RIGHT, 2))
xy[RIGHT : RIGHT + BELOW] = rng.normal((0, -70), 0.1, (BELOW, 2))
middle = 1000
pile = np.argsort(np.linalg.norm(xy - xy[middle], axis=1))[:PILE]
others = [5, RIGHT + 2, *range(2000, 2010)]  # one in each speck
panels = [
    maps.Panel(title="A", method="usl", picks=[*others, *pile], clustering=clusters),
    maps.Panel(title="B", method="random", picks=others[1:]),
]
channels = [maps.Channel(name="distance", values=np.linalg.norm(xy, axis=1), digits=2)]
rows = maps.show("far", maps.Background(xy=xy, version="far"), panels, channels, "distance", alt="Made-up points", pinned=None,
                 on_pin=lambda row: st.session_state.update(pin=row))  # fmt: skip
st.text(f"selected: {0 if rows is None else len(rows)}; pinned: {st.session_state.get('pin')}")
