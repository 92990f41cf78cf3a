"""What is to be evaluated: methods, budgets, seeds, learners, and what is to be seen of it; all of it in the address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from usl_core.errors import UslError
from usl_core.evaluation.evaluate import BUDGETS, LEARNERS, METHODS
from usl_core.evaluation.metrics import Metric
from usl_core.figures.palette import method_style
from usl_core.learners.registry import learner_cards
from usl_core.selection.registry import params_document

from ..sidebar.controls import METHOD_OF
from ..state import Choices, Key

N_SEEDS, MOST_SEEDS, MOST_BUDGETS = 10, 50, 12
METRICS = {
    metric.title: metric
    for metric in (
        Metric(
            "accuracy",
            "Accuracy",
            "Share of the tested images whose class the learner finds: of all that were not picked and are no copies of picks.",
            "higher",
            1,
            percent=True,
        ),
        Metric(
            "macro_accuracy",
            "Macro accuracy",
            "Mean over the classes of the share of their tested images that the learner gets right: a rare class counts as "
            "much as a common one.",
            "higher",
            1,
            percent=True,
        ),
        Metric(
            "calibration_error",
            "Calibration error",
            "How far, on average, the learner's confidence lies from the share of images that it gets right.",
            "lower",
            1,
            percent=True,
        ),
    )
}
_TRAINED = "usl-t"


def params_told(choices: Choices, methods: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The parameters of the sidebar by method, for those that have some."""
    found = {method: params_document(choices.of(method)) for method in methods}
    return {method: params for method, params in found.items() if params is not None}


def methods() -> list[str]:
    """Whose picks are evaluated; USL-T, which would train for each budget and seed, is not offered."""
    options = [label for label, name in METHOD_OF.items() if name != _TRAINED]
    default = [method_style(name).label for name in METHODS if name in METHOD_OF.values()]
    chosen = st.pills(
        "Methods",
        options,
        selection_mode="multi",
        default=default,
        key=Key.EVALUATED,
        bind="query-params",
        help="Whose picks are labelled. Stratified looks at the class labels, so it is a reference and not a method to use. "
        "USL-T is not here: it would train anew for each budget and seed.",
    )
    return [METHOD_OF[label] for label in options if label in chosen]


def learners() -> list[str]:
    """What is fitted to the picks."""
    options = [card.name for card in learner_cards()]
    chosen = st.pills(
        "Learners",
        options,
        selection_mode="multi",
        default=[name for name in LEARNERS if name in options],
        key=Key.LEARNERS,
        bind="query-params",
        help="What is fitted to the picks. The order of the methods depends on it, so look at two.\n\n"
        + "\n\n".join(f"**{card.name}** ({card.title}): {card.summary}" for card in learner_cards()),
    )
    return [name for name in options if name in chosen]


def title_of(learner: str) -> str:
    """What a learner is called above its figures."""
    return next((card.title for card in learner_cards() if card.name == learner), learner)


def seeds() -> int:
    """How many there are."""
    chosen = st.number_input(
        "Seeds",
        2,
        MOST_SEEDS,
        N_SEEDS,
        1,
        key=Key.N_SEEDS,
        bind="query-params",
        width=110,
        help=f"Each method is run with the seeds 0, 1, 2, … The more, the narrower the intervals; {N_SEEDS} tell apart what "
        "differs clearly.",
    )
    return int(chosen or N_SEEDS)


def budgets(n: int) -> list[int]:
    """Numbers of labels, ascending.

    Args:
        n: images with a known class; at least one has to be left to test on.

    Raises:
        UslError: no numbers, too many, or one that is out of range.
    """
    usual = usual_budgets(n)
    shown = ", ".join(map(str, usual))
    typed = st.text_input(
        "Budgets",
        key=Key.BUDGETS,
        bind="query-params",
        max_chars=120,
        placeholder=shown,
        width=220,
        help=f"Numbers of labels, separated by commas: up to {MOST_BUDGETS} between 1 and {n - 1:,}. Empty: {shown}. "
        "Budget m and seed of the sidebar play no part here.",
    )
    return read_budgets(typed, n) if typed and typed.strip() else usual


def usual_budgets(n: int) -> list[int]:
    """Those of `BUDGETS` that leave half of the images to test on, or else a quarter and half of them."""
    fitting = [budget for budget in BUDGETS if budget <= n // 2]
    return fitting if len(fitting) > 1 else sorted({max(n // 4, 1), max(n // 2, 1)})


def read_budgets(text: str, n: int) -> list[int]:
    """The numbers of a text, ascending and once each.

    Raises:
        UslError: see `budgets`.
    """
    words = text.replace(",", " ").replace(";", " ").split()
    for word in words:
        if not (word.isascii() and word.isdigit() and len(word) < 10 and 1 <= int(word) < n):
            raise UslError(
                f"budgets must be whole numbers from 1 to {n - 1} (one image with a known class has to be left to test on), "
                f"separated by commas, but hold {word!r:.40}"
            )
    found = sorted({int(word) for word in words})
    if not 1 <= len(found) <= MOST_BUDGETS:
        raise UslError(f"budgets must be 1 to {MOST_BUDGETS} numbers but are {len(found)}")
    return found


def metric() -> Metric:
    """What is looked at."""
    chosen = st.segmented_control(
        "Show",
        list(METRICS),
        default="Accuracy",
        required=True,
        key=Key.METRIC,
        bind="query-params",
        help=" ".join(f"{one.title}: {one.help}" for one in METRICS.values()),
    )
    return METRICS[chosen or "Accuracy"]


def learner_shown(options: Sequence[str]) -> str:
    """Whose numbers stand in tables and heat maps."""
    if len(options) == 1:
        return options[0]
    chosen = st.segmented_control(
        "Learner",
        list(options),
        default=options[0],
        required=True,
        key=Key.LEARNER,
        bind="query-params",
        help="Whose numbers are shown below.",
    )
    return chosen if chosen in options else options[0]


def rival(options: Sequence[str]) -> str:
    """The method that the others are held against."""
    labels = {method_style(method).label: method for method in options}
    chosen = st.selectbox(
        "Against",
        list(labels),
        key=Key.RIVAL,
        bind="query-params",
        width=190,
        help="The method that the others are held against: the differences in the table are to this one.",
    )
    return labels.get(chosen, options[0])


def budget_shown(options: Sequence[int]) -> int:
    """The budget of maps and heat maps."""
    if len(options) == 1:
        return options[0]
    default = options[len(options) // 2]
    chosen = st.segmented_control(
        "Budget",
        list(options),
        default=default,
        required=True,
        key=Key.AT_BUDGET,
        bind="query-params",
        help="Of the maps and heat maps below.",
    )
    return chosen if chosen in options else default


def target() -> float:
    """The accuracy that is wanted, as a share."""
    chosen = st.slider(
        "Accuracy to reach, %",
        5,
        99,
        80,
        1,
        key=Key.TARGET,
        bind="query-params",
        help="Read off the curves between the budgets.",
    )
    return chosen / 100
