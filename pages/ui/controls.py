"""Widgets in, parameter objects out."""

from __future__ import annotations

import streamlit as st

from usl_core.demos import demo_cards
from usl_core.selection.usl import UslParams

from .state import Choices, ColourBy, Key

BUDGETS = (1, 200)
NEIGHBORS = (1, 200)


def sidebar() -> Choices:
    """The controls that every page shares."""
    names = [card.name for card in demo_cards()]
    with st.sidebar:
        dataset = st.segmented_control(
            "Data set",
            names,  # shown as they are: the address holds what is shown, and must not change with a title
            default=names[0],
            required=True,
            key=Key.DATASET,
            bind="query-params",
            help="Bundled images; nothing is downloaded.",
        )
        budget = st.slider(
            "Budget m",
            *BUDGETS,
            value=40,
            key=Key.BUDGET,
            bind="query-params",
            help="How many images you can pay to label. Every method picks exactly this many.",
        )
        seed = st.number_input(
            "Seed",
            0,
            2**31 - 1,
            value=0,
            step=1,
            key=Key.SEED,
            bind="query-params",
            help="Starts the random draws of every method and of k-means. The same seed gives the same picks.",
        )
        params = _usl()
    return Choices(dataset=dataset or names[0], budget=budget, seed=int(seed or 0), params=params)


def _usl() -> UslParams:
    st.subheader("USL", divider="gray")
    k = st.slider(
        "Neighbours k",
        *NEIGHBORS,
        value=20,
        key=Key.NEIGHBORS,
        bind="query-params",
        help="An image is typical when its k nearest neighbours are near. Small k looks at fine detail, large k at the crowd.",
    )
    relative = st.toggle(
        "Relative λ",
        key=Key.RELATIVE,
        bind="query-params",
        help="Measure λ in units of the two terms' spreads: 1 weighs the push of other picks as much as density, on any data.",
    )
    weight_help = "How strongly the picks of other clusters push a pick away. 0 takes the densest image of each cluster."
    if relative:
        weight = st.slider(
            "Weight λ (relative)",
            0.0,
            5.0,
            value=1.0,
            step=0.05,
            key=Key.RELATIVE_WEIGHT,
            bind="query-params",
            help=weight_help,
        )
    else:
        weight = st.slider("Weight λ", 0.0, 2.0, value=0.5, step=0.05, key=Key.WEIGHT, bind="query-params", help=weight_help)
    power = st.slider(
        "Power α",
        0.25,
        4.0,
        value=1.0,
        step=0.25,
        key=Key.POWER,
        bind="query-params",
        help="How fast that push fades with distance: 1 / distance^α. A large α lets only near picks matter.",
    )
    return UslParams(n_neighbors=k, reg_weight=weight, reg_power=power, relative_weight=relative)


def colour_by(has_classes: bool) -> ColourBy:
    """What the background points of a map show."""
    options: list[ColourBy] = ["density", "cluster", "class"] if has_classes else ["density", "cluster"]
    chosen = st.segmented_control(
        "Colour by",
        options,
        default="density",
        required=True,
        key=Key.COLOUR,
        bind="query-params",
        help="Density: share of images in a less dense place. Cluster: the k-means cluster that USL picks one image from.",
    )
    return chosen or "density"
