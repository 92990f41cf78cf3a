"""Widgets in, parameter objects out. Each control says what it does in a sentence and can be put back by itself."""

from __future__ import annotations

from typing import Any

import streamlit as st

from usl_core.clustering import KmeansInit
from usl_core.density import Estimate
from usl_core.errors import UslError
from usl_core.palette import method_style
from usl_core.prepared import N_NEIGHBORS
from usl_core.selection import methods, runs_as
from usl_core.selection.usl import UslParams

from . import cached, controls_uslt, sources, state
from .knobs import DEFAULTS, NO_HORIZON, STYLE, choice, number, slider
from .state import Choices, ColourBy, Key, MapMethod
from .text import plain

_MAX_BUDGET = 1_000_000
METHOD_OF = {method_style(name).label: name for name in methods()}
"""Methods by what they are called on screen, which is also what addresses hold."""

_OF_USL = [
    *(Key.NEIGHBORS, Key.RELATIVE_WEIGHT, Key.ABSOLUTE, Key.WEIGHT, Key.POWER, Key.MOMENTUM, Key.ITERATIONS),
    *(Key.HORIZON_DISTANCE, Key.HORIZON_PICKS, Key.ESTIMATE, Key.INIT, Key.KMEANS_ITERATIONS, Key.SQUARED, Key.COUNT_SELF),
]


def sidebar() -> Choices:
    """The controls that every page shares, for the data set that is open."""
    name, encoder = state.data(), state.encoder()
    n, k_max, problem = _extent(name, encoder)
    with st.sidebar:
        st.html(STYLE)
        _data_line(name, encoder, problem)
        budget = number(
            "Budget m",
            Key.BUDGET,
            1,
            n or _MAX_BUDGET,
            "How many images you can pay to label. Every method picks exactly this many.",
        )
        seed = number(
            "Seed",
            Key.SEED,
            0,
            2**31 - 1,
            "Starts the random draws of every method and of k-means. The same seed gives the same picks.",
        )
        params = _usl(k_max)
        uslt = controls_uslt.section(n, params)
    return Choices(data=name, encoder=encoder, budget=budget, seed=seed, params=params, uslt=uslt)


def _extent(name: str, encoder: str) -> tuple[int | None, int, str]:
    """Number of images and largest k of the open data set, as far as they are known; and what is wrong with it."""
    try:
        made = cached.prepared(name, encoder)
        if made is not None:
            return len(made.features), max(made.neighbors.k_max, 1), ""
        images = cached.images(name)
        return (len(images) if images is not None else None), N_NEIGHBORS, ""
    except UslError as error:
        return None, N_NEIGHBORS, str(error)


def _data_line(name: str, encoder: str, problem: str) -> None:
    title = "unknown data set" if problem else plain(sources.title_of(name), 40)
    st.markdown(f"**{title}**  \n:small[{plain(encoder)}]")


def _usl(k_max: int) -> UslParams:
    st.subheader("USL", divider="gray")
    k = slider(
        "Neighbours k",
        Key.NEIGHBORS,
        1,
        k_max,
        1,
        "An image is typical when its k nearest neighbours are near. Small k looks at fine detail, large k at the crowd.",
    )
    weight_place = st.container()
    power_help = "How fast that push fades with distance: 1 / distance^α. A large α lets only near picks matter."
    power = slider("Power α", Key.POWER, 0.25, 4.0, 0.25, power_help)
    with st.expander("Advanced"):
        relative, advanced = _advanced()
    with weight_place:  # which slider stands here, a switch below it says
        weight = _weight(relative)
    return UslParams(n_neighbors=k, reg_weight=weight, reg_power=power, relative_weight=relative, **advanced)


def _weight(relative: bool) -> float:
    meaning = "How strongly the picks of other clusters push a pick away. 0 takes the densest image of each cluster."
    if relative:
        unit = "At 1 that push matters as much as density, on any data and at any budget."
        return slider("Weight λ", Key.RELATIVE_WEIGHT, 0.0, 5.0, 0.05, f"{meaning} {unit}")
    unit = "Absolute, so what it does depends on the encoder and the budget."
    return slider("Weight λ (absolute)", Key.WEIGHT, 0.0, 2.0, 0.05, f"{meaning} {unit}")


def _advanced() -> tuple[bool, dict[str, Any]]:
    """Whether lambda is relative, and the other settings by name."""
    with st.container(horizontal=True):
        st.button(
            "Paper's formulas",
            key="preset-paper",
            on_click=state.assign,
            kwargs={key: DEFAULTS[key] for key in _OF_USL},
            help="All of USL's settings back to the paper's formulas.",
        )
        with st.popover("Published"):
            st.caption("The settings of the released code. k is cut to what this data set's graph holds.")
            for key, (title, preset) in _PRESETS.items():
                st.button(title, key=f"preset-{key}", on_click=state.assign, kwargs=_as_choices(preset()), help=_TOLD[key])
    absolute = st.toggle(
        "Absolute λ",
        key=Key.ABSOLUTE,
        bind="query-params",
        help="Take λ as it is, as the released code does. Otherwise it counts in units of the two terms' spreads, which makes "
        "one value right for any encoder and any budget.",
    )
    momentum_help = "m_reg: how much of the last round's push is kept in the next; more makes the rounds calmer."
    distance_help = f"Only picks nearer than this push. {NO_HORIZON:g} is the largest distance there is: all picks push."
    momentum = slider("Momentum m_reg", Key.MOMENTUM, 0.0, 0.99, 0.01, momentum_help)
    rounds = slider("Rounds T", Key.ITERATIONS, 1, 50, 1, "How often the picks are made anew; the first round has no push.")
    distance = slider("Horizon, distance", Key.HORIZON_DISTANCE, 0.05, NO_HORIZON, 0.05, distance_help)
    picks = number("Horizon, picks", Key.HORIZON_PICKS, 0, 10_000, "Only this many nearest picks push; 0: all of them.")
    estimate: Estimate = choice(
        "Density from",
        Key.ESTIMATE,
        ("mean", "kth"),
        "The mean distance to the k neighbours (the paper), or the distance to the k-th alone.",
    )
    init: KmeansInit = choice(
        "k-means starts from",
        Key.INIT,
        ("k-means++", "random"),
        "k-means++ spreads the first centres; random points, as in the released code, end in worse clusters.",
    )
    steps_help = "At most so many steps of k-means; it stops when nothing moves."
    steps = number("k-means steps", Key.KMEANS_ITERATIONS, 1, 1000, steps_help)
    squared = st.toggle(
        "Squared distances",
        key=Key.SQUARED,
        bind="query-params",
        help="Square the distances in both terms, as the released code does; α then acts on the square.",
    )
    count_self = st.toggle(
        "Count the image itself",
        key=Key.COUNT_SELF,
        bind="query-params",
        help="The image is the first of its own k neighbours, at distance 0, as in the released code.",
    )
    return not absolute, {
        "reg_momentum": momentum,
        "n_iterations": rounds,
        "horizon_distance": distance if distance < NO_HORIZON else None,
        "horizon_picks": picks or None,
        "estimate": estimate,
        "kmeans_init": init,
        "kmeans_iterations": steps,
        "squared_distances": squared,
        "count_self": count_self,
    }


_PRESETS = {
    "cifar10": ("CIFAR-10", UslParams.published_cifar10),
    "cifar100": ("CIFAR-100", UslParams.published_cifar100),
    "imagenet-moco": ("ImageNet, MoCo", UslParams.published_imagenet_moco),
    "imagenet-clip": ("ImageNet, CLIP", UslParams.published_imagenet_clip),
}
_SQUARED = "λ absolute, distances squared, the image itself counted, k-means from random points"
_TOLD = {
    "cifar10": f"For m = 40: k 400, λ 0.5, α 0.5; {_SQUARED}.",
    "cifar100": f"For m = 400: k 400, λ 1, α 1, only picks at a squared distance below 1 push; {_SQUARED}.",
    "imagenet-moco": f"For m = 2,911: k 20, λ 1.5, α 0.5, two rounds, the 128 nearest picks push; {_SQUARED}.",
    "imagenet-clip": f"For m = 2,911: k 20, λ 0.05, α 1, two rounds, the 32 nearest picks push; {_SQUARED}.",
}


def _as_choices(preset: UslParams) -> dict[str, Any]:
    """Published settings as choices; k is cut to the slider's range when the slider is made."""
    return {
        Key.NEIGHBORS: preset.n_neighbors,
        Key.ABSOLUTE: not preset.relative_weight,
        Key.WEIGHT: preset.reg_weight,
        Key.POWER: preset.reg_power,
        Key.MOMENTUM: preset.reg_momentum,
        Key.ITERATIONS: preset.n_iterations,
        Key.HORIZON_DISTANCE: preset.horizon_distance or NO_HORIZON,
        Key.HORIZON_PICKS: preset.horizon_picks or 0,
        Key.ESTIMATE: preset.estimate,
        Key.INIT: preset.kmeans_init,
        Key.KMEANS_ITERATIONS: preset.kmeans_iterations,
        Key.SQUARED: preset.squared_distances,
        Key.COUNT_SELF: preset.count_self,
    }


def methods_to_compare(has_labels: bool) -> list[str]:
    """Two to four methods; under the names that they run as."""
    options = list(dict.fromkeys(method_style(runs_as(name, has_labels)).label for name in METHOD_OF.values()))
    default = list(dict.fromkeys(method_style(runs_as(name, has_labels)).label for name in state.DEFAULT_METHODS))
    chosen = st.pills(
        "Methods",
        options,
        selection_mode="multi",
        default=default,
        key=Key.METHODS,
        bind="query-params",
        help="Two to four methods, side by side at the same budget on the same images.",
    )
    return [METHOD_OF[label] for label in options if label in chosen]


def colour_by(has_classes: bool) -> ColourBy:
    """What the background points of a map show."""
    options: list[ColourBy] = ["density", "cluster", *(("class",) if has_classes else ()), "pick frequency"]
    chosen = st.segmented_control(
        "Colour by",
        options,
        default="density",
        required=True,
        key=Key.COLOUR,
        bind="query-params",
        help="Density: share of images in a less dense place. Cluster: the k-means cluster that USL picks one image from. "
        "Pick frequency: for which share of ten seeds a method picks the image; USL-T takes no part.",
    )
    return chosen or "density"


def map_method() -> MapMethod:
    """How the map is to be drawn."""
    chosen = st.segmented_control(
        "Map",
        ["UMAP", "PCA"],
        default="UMAP",
        required=True,
        key=Key.MAP,
        bind="query-params",
        help="UMAP keeps neighbours together; PCA is there at once. Distances on a map mislead: all numbers are computed "
        "in feature space.",
    )
    return "pca" if chosen == "PCA" else "umap"
