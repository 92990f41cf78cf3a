"""What the page Diversity shows: the rounds of USL term by term, the three steps to it, and what lambda and alpha change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import streamlit as st

from usl_core.cache.store import fingerprint
from usl_core.demos.toys import toys
from usl_core.evaluation.metrics import METRICS, Scorecard, nearest_other_pick
from usl_core.explain.rounds import Rounds
from usl_core.figures.curves import count_bars, curves
from usl_core.pipeline.artefacts import Map
from usl_core.pipeline.prepared import Prepared
from usl_core.types import Selection

from .. import cached, explained, maps, state
from ..jobs import work
from ..parts import charts, tables
from ..review import bulk
from ..state import Choices, Key
from ..text import plain

_TAIL = 99.5  # percentile; beyond, copies of a pick in another cluster would take the whole colour scale
_TERMS = ("utility U", "penalty λ·RegBar", "U − λ·RegBar")
_SWEPT = {"reg_weight": "λ (relative)", "reg_power": "α"}


def shown_on(title: str) -> str | None:
    """Whether to explain on the open images or on a toy.

    Args:
        title: of the open data set.

    Returns:
        Name of a toy, or None.
    """
    images = "these images"
    answer = st.segmented_control(
        "Shown on",
        [images, *toys()],
        default=images,
        required=True,
        key=Key.SHOWN_ON,
        bind="query-params",
        help=f"These images: {plain(title, 60)}. The others are points in the plane, where the map is the feature space itself "
        "and distances can be seen.",
    )
    return None if answer in (None, images) else answer


def as_toy(toy: str, choices: Choices) -> tuple[Prepared, Choices]:
    """A toy in the place of the images, a budget that it can bear, and no near-duplicates: they are a matter of images."""
    made = cached.toy(toy)
    return made, replace(choices, budget=min(choices.budget, len(made.features)), near_duplicates=None)


def round_slider(n_rounds: int) -> int:
    """The round to look at, the last at first."""
    if n_rounds == 1:
        return 1
    return int(
        st.slider(
            "Round t",
            1,
            n_rounds,
            n_rounds,
            key=f"round-{n_rounds}",
            help="1 takes the densest image of each cluster; each later round feels the push of the picks before it.",
        )
    )


def terms_maps(choices: Choices, made: Prepared, drawn: Map, number: int, row: int | None) -> None:
    """Both terms and their difference on one scale, with the picks of a round and the moves that led to it."""
    rounds = explained.rounds(made, choices)
    terms = (rounds.utility, rounds.penalties[number - 1], rounds.regularised(number))
    reach = max(_reach(term) for term in (rounds.utility, rounds.penalties[-1], rounds.regularised(len(rounds)))) or 1.0
    channels = []
    for name, term in zip(_TERMS, terms, strict=True):
        middle = float(np.median(term))
        channels.append(maps.Channel(name=name, values=term, low=middle - reach, high=middle + reach, digits=3))
    picked = cached.selection(made, choices, "usl")
    if picked.cluster_labels is not None:
        channels.append(maps.Channel(name="cluster", values=picked.cluster_labels, categorical=True))
    if made.images.labels is not None:
        channels.append(maps.Channel(name="class", values=made.images.labels, names=made.images.class_names, categorical=True))
    moves = rounds.moves(number)
    panels = [
        maps.Panel(
            title=name, method="usl", picks=rounds.picks[number - 1], clusters=picked.clusters, colour=name, arrows=moves
        )
        for name in _TERMS
    ]
    alt = (
        f"Three maps of {len(made.images):,} images in round {number}: utility, penalty, and their difference, with "
        f"{rounds.picks.shape[1]} picks; {len(moves)} of them moved in this round, which arrows show. The table below has the "
        "numbers."
    )
    rows = maps.show(
        "diversity-maps",
        maps.background_of(choices, made, drawn),
        panels,
        channels,
        _TERMS[0],
        alt=alt,
        pinned=row,
        on_pin=None if drawn.method == "plane" else state.pin,
        selectable=drawn.method != "plane",
    )
    bulk.inside("diversity-maps", choices, made, rows, {"usl": picked}, row)
    st.caption(
        f"One scale: on all three maps a step of colour is the same amount. Each is centred on its median image, because what "
        f"is added to all images alike moves no pick; colours span ±{reach:.3g}. Arrows lead from where a pick was."
    )


def _reach(term: np.ndarray) -> float:
    return float(np.percentile(np.abs(term - np.median(term)), _TAIL))


def round_line(picked: Selection, number: int) -> None:
    """The numbers of a round in a sentence."""
    step = picked.trace[number - 1]
    moved = f"{step.moved} picks moved" if number > 1 else f"{step.moved} first picks, not pushed yet"
    st.markdown(
        f"**Round {number} of {len(picked.trace)}:** {moved}; mean utility of the picks {step.mean_utility:.3f}, mean penalty "
        f"{step.mean_penalty:.3f}, objective {step.objective:.3f}."
    )


def rounds_charts(choices: Choices, made: Prepared, picked: Selection, number: int) -> None:
    """Objective, moves and spacing by round."""
    rounds, theme, length = explained.rounds(made, choices), state.theme_name(), len(picked.trace)
    spacing = _spacing(made, rounds)
    mark = number if length > 1 else None
    objective = {
        "objective": [step.objective for step in picked.trace],
        "mean U": [step.mean_utility for step in picked.trace],
        "mean λ·RegBar": [step.mean_penalty for step in picked.trace],
    }
    moved = [step.moved for step in picked.trace]
    left, middle, right = st.columns(3, gap="medium")
    with left:
        st.markdown("**Objective of the picks**")
        figure = curves(objective, length=length, unit="per pick", along="round", mark=mark, theme=theme)
        alt = f"Objective by round, from {objective['objective'][0]:.3f} to {objective['objective'][-1]:.3f}."
        st.plotly_chart(figure, theme=None, key="diversity-objective", config=charts.CONFIG, alt=alt)
    with middle:
        st.markdown("**Picks that moved**")
        figure = count_bars(moved[1:] and [0, *moved[1:]], unit="picks", mark=mark, theme=theme)
        alt = "Moved picks by round from round 2: " + (", ".join(map(str, moved[1:])) or "none")
        st.plotly_chart(figure, theme=None, key="diversity-moves", config=charts.CONFIG, alt=alt)
    with right:
        st.markdown("**Distance to the nearest other pick**")
        figure = curves(
            {"mean over the picks": spacing},
            length=length,
            unit="distance",
            along="round",
            mark=mark,
            from_zero=False,
            theme=theme,
        )
        alt = f"Mean distance from a pick to the nearest other pick, from {spacing[0]:.3f} to {spacing[-1]:.3f}."
        st.plotly_chart(figure, theme=None, key="diversity-spacing", config=charts.CONFIG, alt=alt)
    st.caption(
        "RegBar starts at 0 and takes in 1 − m_reg of the push per round, so the objective falls while it builds up, even "
        "where no pick moves. What the push is for is on the right: picks that stand apart."
    )
    with st.expander("The rounds as a table"):
        lines = [
            (
                number,
                step.moved,
                f"{step.mean_utility:.4f}",
                f"{step.mean_penalty:.4f}",
                f"{step.objective:.4f}",
                f"{apart:.4f}",
            )
            for number, (step, apart) in enumerate(zip(picked.trace, spacing, strict=True), start=1)
        ]
        titles = ("Round", "Moved", "Mean U", "Mean λ·RegBar", "Objective", "Distance to the nearest other pick")
        tables.rows(titles, lines, label="The rounds")


def _spacing(made: Prepared, rounds: Rounds) -> list[float]:
    if rounds.picks.shape[1] < 2:
        return [0.0] * len(rounds)
    return [float(nearest_other_pick(made.features.values[picks]).mean()) for picks in rounds.picks]


def steps_maps(choices: Choices, made: Prepared, drawn: Map, row: int | None) -> None:
    """The three pictures of the paper: local, + global, + regularisation."""
    steps, cards = explained.steps(made, choices)
    channels = [
        maps.Channel(
            name="density percentile", values=cached.density_percentiles(made, choices.params.n_neighbors), low=0, high=100
        )
    ]
    clusters = steps[1].clusters
    if clusters is not None:
        channels.append(maps.Channel(name="cluster", values=clusters, categorical=True))
    if made.images.labels is not None:
        channels.append(maps.Channel(name="class", values=made.images.labels, names=made.images.class_names, categorical=True))
    panels = [
        maps.Panel(
            title=step.title,
            method="usl",
            picks=step.picks,
            clusters=step.selection.clusters,
            colour="density percentile" if step.clusters is None else "cluster",
        )
        for step in steps
    ]
    alt = (
        "Three maps with the picks after each step: "
        + "; ".join(step.title for step in steps)
        + ". The table below compares them."
    )
    rows = maps.show(
        "steps-maps",
        maps.background_of(choices, made, drawn),
        panels,
        channels,
        "cluster",
        alt=alt,
        pinned=row,
        on_pin=None if drawn.method == "plane" else state.pin,
        selectable=drawn.method != "plane",
    )
    bulk.inside("steps-maps", choices, made, rows, {"usl": steps[-1].selection}, row)
    tables.rows(("Score", *(step.title for step in steps)), _score_lines(cards), label="The three steps in numbers")


def _score_lines(cards: Sequence[Scorecard]) -> list[tuple[str, ...]]:
    lines = []
    for metric in METRICS:
        values = [getattr(card, metric.key) for card in cards]
        if not any(np.isnan(values)):
            lines.append((f"{metric.title} {metric.arrow}", *map(metric.text, values)))
    return lines


def sweeps(choices: Choices, made: Prepared) -> None:
    """What the picks become over a row of lambdas and a row of alphas, computed when asked for."""
    arguments = {
        "source": made.source,
        "encoder": choices.encoder,
        "budget": choices.budget,
        "params": asdict(choices.params),
        "seed": choices.seed,
        "near_duplicates": choices.near_duplicates,
    }
    key = f"sweep {fingerprint(made.features.fingerprint, arguments)}"
    job = work.section(
        key,
        "sweep",
        arguments,
        doing="USL at each value",
        label="Sweep λ and α",
        help="Runs USL at eight values of λ and seven of α, everything else as in the sidebar.",
        quiet=True,
    )
    if job is None:
        return
    for column, (swept, symbol) in zip(st.columns(2, gap="large"), _SWEPT.items(), strict=True):
        with column:
            _sweep_table(symbol, job.result[swept])


def _sweep_table(symbol: str, found: Mapping[str, Any]) -> None:
    known = [metric for metric in METRICS if metric.key in found["scores"]]
    lines = []
    for index, value in enumerate(found["values"]):
        cells = [metric.text(found["scores"][metric.key][index]) for metric in known]
        lines.append((f"{value:g}", found["changed"][index], *cells))
    titles = (symbol, "picks unlike λ = 0", *(metric.title for metric in known))
    tables.rows(titles, lines, label=f"USL by {symbol}")
