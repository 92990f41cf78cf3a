"""Widgets in, parameter objects out. Each control says what it does in a sentence and can be put back by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import streamlit as st

from usl_core.encoders.registry import BUNDLED
from usl_core.errors import UslError
from usl_core.figures.palette import method_style
from usl_core.parameters import Declared, Parameter, declared
from usl_core.pipeline.prepared import N_NEIGHBORS
from usl_core.selection.registry import methods, runs_as
from usl_core.selection.usl_params import UslParams
from usl_core.uslt.params import UsltParams

from .. import cached, errors, state
from ..access import looking, sources
from ..maps.content import MAX_PANELS
from ..state import Choices, ColourBy, Key, MapMethod
from ..text import plain
from . import controls_uslt, knobs, map_settings, method_settings, near_duplicates
from .knobs import STYLE

METHOD_OF = {method_style(name).label: name for name in methods()}
"""Methods by what they are called on screen, which is also what addresses hold."""

_BUDGET = Declared(
    "budget",
    int,
    (),
    40,
    Parameter(
        label="Budget m",
        key=Key.BUDGET,
        flag="--budget",
        low=1,
        high=1_000_000,
        typed=True,
        help="How many images you can pay to label. Every method picks exactly this many.",
    ),
)
_SEED = Declared(
    "seed",
    int,
    (),
    0,
    Parameter(
        label="Seed",
        key=Key.SEED,
        flag="--seed",
        high=2**31 - 1,
        typed=True,
        help="Starts the random draws of every method and of k-means. The same seed gives the same picks.",
    ),
)
_WEIGHT = declared(UslParams)["reg_weight"]
_RELATIVE_WEIGHT = replace(
    _WEIGHT,
    how=replace(
        _WEIGHT.how, help=f"{_WEIGHT.how.help} At 1 that push matters as much as density, on any data and at any budget."
    ),
)
_ABSOLUTE_WEIGHT = replace(
    _WEIGHT,
    how=replace(
        _WEIGHT.how,
        label="Weight λ (absolute)",
        key="lambda",
        high=2.0,
        help=f"{_WEIGHT.how.help} Absolute, so what it does depends on the encoder and the budget.",
    ),
)


def sidebar() -> Choices:
    """The controls that every page shares, for the data set that is open."""
    name, (encoder, refused) = state.data(), _encoder()
    n, k_max, problem = _extent(name, encoder)
    with st.sidebar:
        st.html(STYLE)
        _data_line(name, encoder, problem)
        if refused:
            errors.say(refused)
        budget = knobs.control(_BUDGET, high=n)
        seed = knobs.control(_SEED)
        alike = near_duplicates.switch()
        params = _usl(k_max)
        uslt = controls_uslt.section(n, params)
        umap = map_settings.section()
    return Choices(
        data=name,
        encoder=encoder,
        budget=budget,
        seed=seed,
        params=params,
        uslt=uslt,
        umap=umap,
        near_duplicates=alike,
        others=method_settings.remembered(),
    )


def _encoder() -> tuple[str, str]:
    """What is looked through; and what is wrong with the choice of this server, which `bundled:mini` takes the place of."""
    try:
        return looking.encoder(), ""
    except UslError as error:
        return BUNDLED, str(error)


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
    k = knobs.control(declared(UslParams)["n_neighbors"], high=k_max)
    weight_place = st.container()
    main = knobs.controls(UslParams, main=True, leave_out=("n_neighbors", "reg_weight"))
    with st.expander("Advanced"):
        _presets()
        advanced = knobs.controls(UslParams, main=False)
    with weight_place:  # which slider stands here, a switch below it says
        weight = knobs.control(_RELATIVE_WEIGHT if advanced["relative_weight"] else _ABSOLUTE_WEIGHT)
    return UslParams(n_neighbors=k, reg_weight=weight, **main, **advanced)


def _presets() -> None:
    with st.container(horizontal=True):
        st.button(
            "Paper's formulas",
            key="preset-paper",
            on_click=state.assign,
            kwargs=knobs.shown(UslParams()) | {_ABSOLUTE_WEIGHT.how.key: _WEIGHT.default},
            help="All of USL's settings back to the paper's formulas.",
        )
        with st.popover("Published"):
            st.caption("The settings of the released code. k is cut to what this data set's graph holds.")
            for key, (title, preset) in _PRESETS.items():
                st.button(title, key=f"preset-{key}", on_click=state.assign, kwargs=_as_choices(preset()), help=_TOLD[key])


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
    """Published settings, of which lambda is absolute, as choices; k is cut to the slider's range when the slider is made."""
    absolute = {_ABSOLUTE_WEIGHT.how.key: preset.reg_weight}
    return knobs.shown(preset, leave_out=("reg_weight",)) | absolute


def methods_to_compare(has_labels: bool) -> list[str]:
    """Two methods or more; under the names that they run as."""
    options = list(dict.fromkeys(method_style(runs_as(name, has_labels)).label for name in METHOD_OF.values()))
    default = list(dict.fromkeys(method_style(runs_as(name, has_labels)).label for name in state.DEFAULT_METHODS))
    chosen = st.pills(
        "Methods",
        options,
        selection_mode="multi",
        default=default,
        key=Key.METHODS,
        bind="query-params",
        help=f"Two to {MAX_PANELS} methods, side by side at the same budget on the same images.",
    )
    methods = [METHOD_OF[label] for label in options if label in chosen]
    if len(methods) > MAX_PANELS:
        st.caption(f":material/info: The first {MAX_PANELS} of these {len(methods)} are shown.")
    return methods[:MAX_PANELS]


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


def set_back(*, method: str, encoder: str, budget: int, seed: int, params: Any, near_duplicates: float | None) -> None:
    """Make the sidebar say what picks were made with; for callbacks."""
    values: dict[str, Any] = {Key.REVIEWED: method_style(method).label, Key.BUDGET: budget, Key.SEED: seed}
    values |= {
        Key.ENCODER: "" if encoder == looking.usual().encoder else encoder,
        Key.ONE_OF_ALIKE: near_duplicates is not None,
    }
    if near_duplicates is not None:
        values[Key.ALIKE] = "" if near_duplicates == state.USUALLY_ALIKE else f"{near_duplicates:g}"
    if isinstance(params, UsltParams):
        values |= controls_uslt.shown(params)
    elif isinstance(params, UslParams):
        weight = _RELATIVE_WEIGHT if params.relative_weight else _ABSOLUTE_WEIGHT
        values |= knobs.shown(params, leave_out=("reg_weight",)) | {weight.how.key: params.reg_weight}
    elif params is not None:
        values |= method_settings.as_choices(method, params)
    state.assign(**values)


def method_to_review(options: Mapping[str, str]) -> str:
    """Whose picks are under review.

    Args:
        options: names of methods by what they are called.
    """
    labels = list(options)
    default = labels.index(method_style("usl").label)
    chosen = st.selectbox(
        "Method",
        labels,
        index=default,
        key=Key.REVIEWED,
        bind="query-params",
        width=200,
        help="Whose picks are under review. What you have accepted, pinned or labelled stays when you choose another one.",
    )
    return options.get(chosen, "usl")
