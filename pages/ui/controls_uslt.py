"""The settings of USL-T in the sidebar."""

from __future__ import annotations

from typing import Any

import streamlit as st

from usl_core.selection.usl import UslParams
from usl_core.uslt.params import MAX_HEADS, UsltParams

from . import state
from .knobs import DEFAULTS, choice, number, slider
from .state import Key

_OF_USLT = [
    *(Key.TAU, Key.LOCAL_WEIGHT, Key.ADJUST, Key.TEMPERATURE, Key.MEAN_MOMENTUM, Key.CLUSTERS, Key.HEADS, Key.SIMILARITY),
    *(Key.START, Key.PROJECTION, Key.VIEWS, Key.VIEW_STRENGTH, Key.NOISE, Key.EPOCHS, Key.BATCH, Key.LEARNING_RATE),
    *(Key.WEIGHT_DECAY, Key.NORMALISE),
]
_SWITCHES = (Key.BALANCE, Key.BALANCE_SUM, Key.STRICT)
_MAX_CLUSTERS = 5000


def section(n: int | None, usl: UslParams) -> UsltParams:
    """The controls.

    Args:
        n: images of the open data set, if known.
        usl: USL's settings; k, and whether an image counts itself, are those of both methods.
    """
    st.subheader("USL-T", divider="gray")
    tau = slider(
        "Threshold τ",
        Key.TAU,
        0.0,
        1.0,
        0.05,
        "Only images at least this sure of their cluster take part in the global loss. 0: all of them; 1: none.",
    )
    weight = slider(
        "Local weight λ", Key.LOCAL_WEIGHT, 0.0, 10.0, 0.5, "How much neighbours must agree, beside the global loss."
    )
    adjust_help = (
        "Logit adjustment: what large clusters lose in the neighbours' votes. 0 lets few clusters swallow all the rest."
    )
    adjust = slider("Adjustment α", Key.ADJUST, 0.0, 10.0, 0.5, adjust_help)
    with st.expander("Advanced"):
        advanced = _advanced(n)
    return UsltParams(
        n_neighbors=usl.n_neighbors,
        count_self=usl.count_self,
        confidence_threshold=tau,
        local_weight=weight,
        adjust_strength=adjust,
        **advanced,
    )


def _advanced(n: int | None) -> dict[str, Any]:
    with st.container(horizontal=True):
        st.button(
            "Defaults",
            key="uslt-preset-paper",
            on_click=state.assign,
            kwargs={key: DEFAULTS[key] for key in _OF_USLT} | dict.fromkeys(_SWITCHES, False),
            help="All of USL-T's settings back: the paper's formulas, for features that stay as they are.",
        )
        with st.popover("Published"):
            st.caption("The settings of the released code.")
            st.button(
                "CIFAR-10",
                key="uslt-preset-cifar",
                on_click=state.assign,
                kwargs=_choices_of(UsltParams.published_cifar10()),
                help="Made for training the whole encoder: heads alone learn slowly with these settings.",
            )
            st.button(
                "CIFAR-100",
                key="uslt-preset-cifar100",
                on_click=state.assign,
                kwargs=_choices_of(UsltParams.published_cifar100()),
                help="As for CIFAR-10, but clusters are added up in the global loss, which is divided by the batch.",
            )
            st.button(
                "ImageNet",
                key="uslt-preset-imagenet",
                on_click=state.assign,
                kwargs=_choices_of(UsltParams.published_imagenet()) | {Key.CLUSTERS: 0},
                help="Made for a frozen encoder; here with as many clusters as labels in place of 3,000.",
            )
    temperature_help = "Sharpening: below 1 a neighbour's vote becomes surer than it is. 1 leaves assignments near uniform."
    temperature = slider("Sharpening t", Key.TEMPERATURE, 0.05, 2.0, 0.05, temperature_help)
    mean_help = "Share of each batch in the running mean that the adjustment looks at."
    mean = slider("Mean momentum μ", Key.MEAN_MOMENTUM, 0.05, 1.0, 0.05, mean_help)
    heads = slider(
        "Heads", Key.HEADS, 1, MAX_HEADS, 1, "Trained side by side, each with its own clusters; the first is picked from."
    )
    similarity = choice(
        "Similarity",
        Key.SIMILARITY,
        ("linear", "cosine", "neg_sq_l2"),
        "Of an image and a centroid: a linear head, 40 times the cosine, or minus the squared distance as in k-means.",
    )
    start = choice("Centroids start", Key.START, ("random", "features"), "At random, or at images drawn at random.")
    clusters_help = "0: as many as labels. With more, the largest are picked from."
    clusters = number("Clusters C", Key.CLUSTERS, 0, min(n or _MAX_CLUSTERS, _MAX_CLUSTERS), clusters_help)
    epochs = number("Epochs", Key.EPOCHS, 1, 1000, "How often the training goes over all images.")
    rate = slider("Learning rate", Key.LEARNING_RATE, 0.0001, 0.2, 0.0001, "Step width of Adam.", format="%.4f")
    decay = slider("Weight decay", Key.WEIGHT_DECAY, 0.0, 0.01, 0.0001, "Pull of Adam towards zero.", format="%.4f")
    batch = number("Batch size", Key.BATCH, 1, 100_000, "Images per step; at most an eighth of all, so that there are steps.")
    views_help = "Augmented views per image, encoded once before the first training. 0: noise on the features in their place."
    views = number("Views A", Key.VIEWS, 0, 16, views_help)
    strength_help = "How strongly views are augmented, 1 as published; 0: what suits the encoder (0.1 to 1)."
    strength = slider("View strength", Key.VIEW_STRENGTH, 0.0, 1.0, 0.05, strength_help)
    noise = slider("Noise", Key.NOISE, 0.0, 2.0, 0.05, "Length of the noise beside a feature vector of length 1, where A is 0.")
    projection_help = "Hidden width of a perceptron between features and heads; 0: none."
    projection = number("Projection", Key.PROJECTION, 0, 4096, projection_help)
    normalise = choice(
        "Global loss by",
        Key.NORMALISE,
        ("batch", "masked"),
        "Divided by all images of the batch (the formula), or by those over τ (published code).",
    )
    balance = st.toggle(
        "Balance clusters",
        key=Key.BALANCE,
        bind="query-params",
        help="In the global loss each cluster weighs the same, not each image, as in the published CIFAR code.",
    )
    balance_sum = st.toggle(
        "Add clusters up",
        key=Key.BALANCE_SUM,
        bind="query-params",
        help="Balanced clusters are added up, not averaged: the global loss grows with them (released CIFAR-100 code).",
    )
    strict = st.toggle(
        "Strictly over τ", key=Key.STRICT, bind="query-params", help="More than τ, as in the published code, not at least τ."
    )
    return {
        "sharpen_temperature": temperature,
        "mean_momentum": mean,
        "n_heads": heads,
        "similarity": similarity,
        "start": start,
        "n_clusters": clusters or None,
        "n_epochs": epochs,
        "learning_rate": rate,
        "weight_decay": decay,
        "batch_size": batch,
        "n_views": views,
        "view_strength": strength or None,
        "noise": noise,
        "projection": projection,
        "normalise": normalise,
        "balance": balance,
        "balance_sum": balance_sum,
        "strict_threshold": strict,
    }


def _choices_of(preset: UsltParams) -> dict[str, Any]:
    """A preset as choices; k is USL's too and stays."""
    return {
        Key.TAU: preset.confidence_threshold,
        Key.LOCAL_WEIGHT: preset.local_weight,
        Key.ADJUST: preset.adjust_strength,
        Key.TEMPERATURE: preset.sharpen_temperature,
        Key.MEAN_MOMENTUM: preset.mean_momentum,
        Key.CLUSTERS: preset.n_clusters or 0,
        Key.HEADS: preset.n_heads,
        Key.SIMILARITY: preset.similarity,
        Key.START: preset.start,
        Key.PROJECTION: preset.projection,
        Key.EPOCHS: preset.n_epochs,
        Key.BATCH: preset.batch_size,
        Key.LEARNING_RATE: preset.learning_rate,
        Key.WEIGHT_DECAY: preset.weight_decay,
        Key.NORMALISE: preset.normalise,
        Key.BALANCE: preset.balance,
        Key.BALANCE_SUM: preset.balance_sum,
        Key.STRICT: preset.strict_threshold,
    }
