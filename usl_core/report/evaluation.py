"""An evaluation as one HTML file that opens offline, in light and dark: curves with bands, differences, labels needed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..evaluation.means import budget_means
from ..evaluation.statistics import labels_needed, paired_differences
from ..export.files import write_atomically
from ..figures.budgets import Point, budget_curves
from ..figures.palette import THEMES, ThemeName, method_style
from ..learners.registry import learner_cards
from ..selection.registry import method_cards
from .page import own, policy, templates

if TYPE_CHECKING:
    import pandas

_TARGETS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
_THEMES: tuple[ThemeName, ...] = ("light", "dark")
_REFERENCES = {card.name for card in method_cards() if card.needs_labels}
_SCRIPT = Path(__file__).parent / "templates" / "evaluation.js"


@dataclass(frozen=True, slots=True)
class Figure:
    """A cell of the table.

    Args:
        mean: accuracy in percent; empty where it is unknown.
        interval: of the difference to the rival, in points; empty for the rival.
        verdict: "better", "worse" or "", which means that the difference may be nothing.
        is_best: the best mean of its budget.
    """

    mean: str
    interval: str
    verdict: str
    is_best: bool


def write_evaluation_report(
    frame: pandas.DataFrame,
    path: Path | str,
    *,
    title: str,
    facts: Sequence[tuple[str, str]] = (),
    against: str = "random",
    command: str = "",
) -> None:
    """Write the page.

    Args:
        frame: what `usl.evaluate` returned.
        path: of the file.
        title: name of the data set.
        facts: what is known of it, and its value.
        against: the method that the others are held against.
        command: the command line that repeats this.

    Raises:
        UslError: the rival is not among the methods, or the file cannot be written.
    """
    from plotly.offline import get_plotlyjs

    differences = paired_differences(frame, against)
    names = {card.name: card.title for card in learner_cards()}
    learners = list(dict.fromkeys(frame.learner))
    budgets, methods = sorted(frame.budget.unique()), list(dict.fromkeys(frame.method))
    made = templates()
    scripts = {"plotly": own(get_plotlyjs()), "script": own(_SCRIPT.read_text(encoding="utf-8"))}
    page = made.get_template("evaluation.html").render(
        policy=own(policy(scripts.values())),
        title=title,
        style=own(made.get_template("style.css").render(THEMES)),
        facts=facts,
        command=command,
        against=against,
        n_seeds=frame.seed.nunique(),
        n_compared={learner: int((differences.learner == learner).sum()) for learner in learners},
        learners=[(learner, names.get(learner, learner)) for learner in learners],
        budgets=budgets,
        methods=methods,
        tables={learner: _table(frame, differences, learner, methods, budgets) for learner in learners},
        sentences={learner: _sentence(differences, learner, against) for learner in learners},
        references=[method for method in methods if method in _REFERENCES],
        needed=_needed(frame, learners, methods),
        figures=own(_figures(frame, learners, methods, budgets)),
        **scripts,
    )
    write_atomically(path, page.encode())


def _table(
    frame: pandas.DataFrame, differences: pandas.DataFrame, learner: str, methods: Sequence[str], budgets: Sequence[int]
) -> dict[str, list[Figure]]:
    means = 100 * frame[frame.learner == learner].groupby(["method", "budget"]).accuracy.mean()
    apart = {(row.method, row.budget): row for row in differences[differences.learner == learner].itertuples()}
    rivals = [method for method in methods if method not in _REFERENCES]
    best = {budget: max((round(means.get((method, budget), -1.0), 1) for method in rivals), default=-1) for budget in budgets}

    def figure(method: str, budget: int) -> Figure:
        mean, row = means.get((method, budget), math.nan), apart.get((method, budget))
        if math.isnan(mean):
            return Figure("", "", "", False)
        known = row is not None and not math.isnan(row.low)
        interval = f"{100 * row.low:+.1f} to {100 * row.high:+.1f}".replace("-", "−") if known and row is not None else ""
        return Figure(
            f"{mean:.1f}", interval, "" if row is None else row.verdict, method in rivals and round(mean, 1) == best[budget]
        )

    return {method: [figure(method, budget) for budget in budgets] for method in methods}


def _sentence(differences: pandas.DataFrame, learner: str, against: str) -> str:
    """Who is better or worse than the rival anywhere, in words."""
    found = differences[differences.learner == learner]
    told = []
    for method, rows in found.groupby("method", sort=False):
        for verdict in ("better", "worse"):
            budgets = [f"{budget:,}" for budget in rows[rows.verdict == verdict].budget]
            if budgets:
                told.append(f"{method_style(method).label} is {verdict} at m = {', '.join(budgets)}")
    name = method_style(against).label
    return f"Against {name}: {'; '.join(told)}." if told else f"No difference to {name} is more than chance may make it."


def _needed(frame: pandas.DataFrame, learners: Sequence[str], methods: Sequence[str]) -> list[tuple[str, str, list[str]]]:
    """Per learner and target that some method reaches: labels of each method."""
    rows, lowest = [], int(frame.budget.min())
    for target in _TARGETS:
        found = {(row.learner, row.method): row for row in labels_needed(frame, target).itertuples()}
        for learner in learners:
            budgets = [found[learner, method].budget if (learner, method) in found else math.nan for method in methods]
            if all(budget == lowest for budget in budgets) or all(map(math.isnan, budgets)):
                continue  # what all reach at once, or none at all, tells nobody apart
            rows.append(
                (learner, f"{100 * target:.0f} %", [_labels(found.get((learner, method)), lowest) for method in methods])
            )
    return sorted(rows, key=lambda row: learners.index(row[0]))


def _labels(row: Any, lowest: int) -> str:
    if row is None or math.isnan(row.budget):
        return "–"
    if row.budget == lowest == row.high:
        return f"≤ {lowest:,}"
    if math.isnan(row.low):
        return f"{row.budget:,.0f}"
    return f"{row.budget:,.0f} ({row.low:,.0f} to {'∞' if math.isnan(row.high) else f'{row.high:,.0f}'})"


def _figures(frame: pandas.DataFrame, learners: Sequence[str], methods: Sequence[str], budgets: Sequence[int]) -> str:
    """The curves as JSON, by theme and learner."""
    means = budget_means(frame)
    drawn: dict[str, dict[str, Any]] = {}
    for theme in _THEMES:
        drawn[theme] = {}
        for learner in learners:
            of_learner = means[means.learner == learner]
            points: Mapping[str, list[Point]] = {
                method: [
                    Point(budget=int(row.budget), mean=100 * row.mean, low=100 * row.low, high=100 * row.high)
                    for row in of_learner[of_learner.method == method].itertuples(index=False, name="Mean")
                ]
                for method in methods
            }
            figure = budget_curves(points, unit="accuracy, %", budgets=[int(budget) for budget in budgets], theme=theme)
            drawn[theme][learner] = json.loads(figure.to_json())
    return json.dumps(drawn, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
