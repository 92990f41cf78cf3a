"""What an evaluation found, in numbers: curves by budget, the table of differences, and how many labels an accuracy takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from usl_core.evaluation.means import budget_means
from usl_core.evaluation.metrics import Metric
from usl_core.evaluation.statistics import labels_needed, paired_differences
from usl_core.figures.budgets import Point, budget_curves
from usl_core.figures.palette import method_style
from usl_core.learners.registry import learner_cards
from usl_core.selection.registry import method_cards

from .. import state
from ..parts import charts, tables
from ..state import Key
from ..text import number_of, plain
from . import evaluate_settings
from .evaluate import Asked

if TYPE_CHECKING:
    import pandas

_WIDEST = 3  # charts beside each other


def curves(asked: Asked, frame: pandas.DataFrame, metric: Metric) -> None:
    """One chart per learner, all on the same axes; of a part of the runs as well.

    Args:
        asked: the evaluation.
        frame: its runs that are known.
        metric: what is shown.
    """
    means = budget_means(frame, metric.key)
    span = _span(means, metric)
    places = st.columns(min(len(asked.learners), _WIDEST), gap="medium")
    for place, learner in enumerate(asked.learners):
        of_learner = means[means.learner == learner]
        points = {method: _points(of_learner[of_learner.method == method], metric) for method in asked.methods}
        figure = budget_curves(
            points, unit=f"{metric.title.lower()}, %", budgets=asked.budgets, span=span, theme=state.theme_name()
        )
        alt = (
            f"{metric.title} of {learner} by budget, one curve per method: {_ends(points, metric)}. The table has the numbers."
        )
        with places[place % len(places)]:
            st.markdown(f"**{plain(evaluate_settings.title_of(learner))}**")
            st.plotly_chart(figure, theme=None, key=f"budget-curves-{learner}", config=chart_config(learner), alt=alt)
    n_tested = frame.n_tested
    tested = f"{n_tested.min():,}" if n_tested.min() == n_tested.max() else f"{n_tested.min():,} to {n_tested.max():,}"
    st.caption(
        f"{metric.help} Lines: mean over {number_of(int(means.n_seeds.max()), 'seed')}. Bands: 95 % interval of the mean "
        f"(Student's t). Tested on {tested} images.{_without_views(asked.learners)}"
    )


def _without_views(learners: Sequence[str]) -> str:
    """That learners which train on augmented views get none here."""
    titles = [card.title for card in learner_cards() if card.uses_views and card.name in learners]
    return f" {' and '.join(titles)}: with noise on the features, in place of augmented views of the images." if titles else ""


def chart_config(name: str) -> dict[str, Any]:
    """Of a chart whose picture may be saved, as the visitor wants it."""
    kind = "svg" if st.session_state.get(Key.PICTURE) == "SVG" else "png"
    return {
        **charts.CONFIG,
        "scrollZoom": False,
        "toImageButtonOptions": {"format": kind, "filename": f"budgets-{name}", "scale": 2},
    }


def _span(means: pandas.DataFrame, metric: Metric) -> tuple[float, float]:
    """Ends of the vertical axis, alike for all learners: whole tens around all intervals."""
    lows, highs = means.low.fillna(means["mean"]), means.high.fillna(means["mean"])
    step = 10 if metric.better == "higher" else 5
    low = step * math.floor(100 * max(lows.min(), 0) / step)
    high = step * math.ceil(100 * min(highs.max(), 1) / step)
    return float(low), float(high if high > low else low + step)


def _points(rows: pandas.DataFrame, metric: Metric) -> list[Point]:
    return [
        Point(
            budget=int(row.budget),
            mean=100 * row.mean,
            low=100 * row.low,
            high=100 * row.high,
            said=f", {number_of(int(row.n_seeds), 'seed')}",
        )
        for row in rows.itertuples(index=False, name="Mean")
    ]


def _ends(points: Mapping[str, Sequence[Point]], metric: Metric) -> str:
    last = {method: max(its, key=lambda point: point.budget) for method, its in points.items() if its}
    return ", ".join(f"{method_style(method).label} {one.mean:.1f} % at {one.budget}" for method, one in last.items())


def table(asked: Asked, frame: pandas.DataFrame, metric: Metric, learner: str, rival: str) -> None:
    """Methods by budgets: the mean, and the difference to a rival, which is grey where it may be nothing.

    Args:
        asked: the evaluation.
        frame: all of its runs.
        metric: what is shown.
        learner: whose numbers.
        rival: that the others are held against.
    """
    rows = frame[frame.learner == learner]
    means = {(row.method, row.budget): row.mean for row in budget_means(rows, metric.key).itertuples(index=False)}
    against = paired_differences(rows, rival, metric=metric.key)
    found = {(row.method, row.budget): row for row in against.itertuples(index=False)}
    references = {card.name for card in method_cards() if card.needs_labels}
    best = {
        budget: metric.best({m: means[m, budget] for m in asked.methods if (m, budget) in means and m not in references})
        for budget in asked.budgets
    }
    lines = [
        [
            tables.Cell(text=method_style(method).label + "\u00a0†" * (method in references)),
            *(
                _cell(metric, means.get((method, budget), math.nan), found.get((method, budget)), method in best[budget])
                for budget in asked.budgets
            ),
        ]
        for method in asked.methods
    ]
    heads = [f"m = {budget:,}" for budget in asked.budgets]
    tables.rows((f"{metric.title}, {learner}", *heads), lines, label=f"{metric.title} of {learner} by method and budget")
    name = method_style(rival).label
    st.caption(
        f"★ best of its budget; † sees the class labels, so it is a reference only. Small print: difference to {name} with its "
        "95 % interval (bootstrap of the differences, seed by seed). ▲ better, ▼ worse: the interval excludes zero, and so "
        "does a test corrected for all comparisons of this learner (Holm, 5 %). Grey: it may be nothing."
    )


def _cell(metric: Metric, mean: float, difference: Any, is_best: bool) -> tables.Cell:
    if difference is None or math.isnan(difference.difference):
        return tables.Cell(text=metric.text(mean) or "–", is_best=is_best)
    sign = {"better": " ▲", "worse": " ▼"}.get(difference.verdict, "")
    numbers = [100 * value for value in (difference.difference, difference.low, difference.high)]
    small = "{:+.1f} ({:+.1f} to {:+.1f})".format(*numbers).replace("-", "\u2212") + sign
    return tables.Cell(text=metric.text(mean) or "–", small=small, is_best=is_best, is_faint=not sign)


def needed(asked: Asked, frame: pandas.DataFrame, wanted: float) -> None:
    """How many labels each method needs for an accuracy, by each learner.

    Args:
        asked: the evaluation.
        frame: all of its runs.
        wanted: the accuracy, as a share.
    """
    found = {(row.learner, row.method): row for row in labels_needed(frame, wanted).itertuples(index=False)}
    lines = [
        [
            method_style(method).label,
            *(_labels(found.get((learner, method)), asked.budgets) for learner in asked.learners),
        ]
        for method in asked.methods
    ]
    tables.rows(("Labels for it", *asked.learners), lines, label=f"Labels that each method needs for {wanted:.0%}")
    st.caption(
        f"Where the curve of a method first reaches {wanted:.0%}, read off between two budgets on the logarithmic axis, with "
        "the 95 % interval over the seeds. A dash: not with the budgets that were evaluated."
    )


def _labels(row: Any, budgets: Sequence[int]) -> tables.Cell:
    if row is None or math.isnan(row.budget):
        return tables.Cell(text="–", small=f"more than {budgets[-1]:,}")
    low = "" if math.isnan(row.low) else f"{row.low:,.0f}"
    high = f"more than {budgets[-1]:,}" if math.isnan(row.high) else f"{row.high:,.0f}"
    text = f"{budgets[0]:,} or fewer" if row.budget <= budgets[0] else f"{row.budget:,.0f}"
    return tables.Cell(text=text, small=f"{low} to {high}" if low and low != high else "")
