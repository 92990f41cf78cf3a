"""What others published, beside ours: the same question on other images, with other networks and learners."""

from __future__ import annotations

import math

import streamlit as st

from usl_core.evaluation.published import PUBLISHED, Published
from usl_core.figures.budgets import Point, published_points
from usl_core.figures.palette import method_style

from .. import state
from ..parts import charts, tables


def show() -> None:
    """Charts of the image sets that several numbers are known of, and all of them as a table."""
    st.caption(
        "Not comparable one to one with curves of these images: other data, encoders that learned from them, and learners "
        "(semi-supervised ones) that train a network on all images. What can be compared is who comes before whom, and even "
        "that changes with the learner. Hollow markers are other people's numbers."
    )
    sets = [name for name in dict.fromkeys(one.data for one in PUBLISHED) if _several(name)]
    for place, name in zip(st.columns(len(sets), gap="medium"), sets, strict=True):
        with place:
            figure = published_points(_by_setting(name), unit="accuracy, %", theme=state.theme_name())
            alt = f"Accuracies on {name} that others published, by setting and method. The table below has the same numbers."
            st.markdown(f"**{name}**")
            st.plotly_chart(figure, theme=None, key=f"published-{name}", config={**charts.CONFIG, "scrollZoom": False}, alt=alt)
    with st.expander("As a table, with sources"):
        tables.rows(
            ("Images", "Labels", "Learner", "Method", "Accuracy, %", "Source"),
            [_line(one) for one in PUBLISHED],
            words=True,
            label="Accuracies that others published",
        )
        places = dict.fromkeys((one.source, one.url.removeprefix("https://")) for one in PUBLISHED)  # no page leads away
        tables.rows(("Source", "Where it was read"), places, words=True, label="Sources of these accuracies")


def _several(name: str) -> bool:
    return sum(one.data == name for one in PUBLISHED) > 2


def _by_setting(name: str) -> dict[str, list[tuple[str, Point]]]:
    """By labels and learner: only within one setting do the numbers say who is better."""
    rows: dict[str, list[tuple[str, Point]]] = {}
    for one in sorted((one for one in PUBLISHED if one.data == name), key=lambda one: one.budget):
        rows.setdefault(f"{one.budget:,} labels\n{one.learner}", []).append((one.method, _point(one)))
    return rows


def _point(one: Published) -> Point:
    spread = math.nan if one.deviation is None else one.deviation
    said = f"% at {one.budget:,}: {one.learner}; {one.source}"
    return Point(
        budget=one.budget, mean=one.accuracy, low=one.accuracy - spread, high=one.accuracy + spread, said=_with_note(said, one)
    )


def _line(one: Published) -> tuple[str, ...]:
    accuracy = f"{one.accuracy:.1f}" + (f" ± {one.deviation:.1f}" if one.deviation is not None else "")
    return (one.data, f"{one.budget:,}", one.learner, method_style(one.method).label, accuracy, _with_note(one.source, one))


def _with_note(text: str, one: Published) -> str:
    return f"{text} ({one.note})" if one.note else text
