"""The numbers of several selections side by side, each with its definition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np
import streamlit as st

from usl_core.cache.store import fingerprint
from usl_core.evaluation.metrics import METRICS, Metric, Scorecard, expected_overlap, overlap
from usl_core.pipeline.prepared import Prepared
from usl_core.selection.registry import is_quick, method_cards, params_document
from usl_core.types import Selection

from ..jobs import work
from ..state import Choices
from . import tables

_Pairs = Mapping[str, Sequence[float | None]]


N_SEEDS = 10


def show(
    choices: Choices, made: Prepared, cards: Mapping[str, Scorecard], titles: Mapping[str, str], first: int | None = None
) -> None:
    """The table, at first for the seed on screen; mean and deviation over several seeds come from a job in the background.

    USL-T, and what else takes a while on so many images, takes no part in that: ten times that is too much to start unasked.

    Args:
        choices: of the sidebar.
        made: the data set.
        cards: the numbers by method.
        titles: of the methods.
        first: how many of the picks the numbers are about; None: all, and only then there are those over seeds.
    """
    if first is not None:
        table(cards, titles)
        st.caption(
            f"The first {first} of {choices.budget} picks, seed {choices.seed}. ★ best of its row; † sees the class labels, so "
            "it is a reference only. Means over seeds are there for all picks only. Point at a name for its definition."
        )
        return
    key, arguments = _job(choices, made, cards)
    if not arguments["methods"]:
        table(cards, titles)
        return
    found = over_seeds(choices, made, cards)
    table(cards, titles, {method: of["scores"] for method, of in found.items()})
    job = work.background(key, "seeds", arguments, f"mean ± standard deviation over seeds 0 to {N_SEEDS - 1}: computing")
    small = f" Small print: mean ± standard deviation over seeds 0 to {N_SEEDS - 1}." if job is not None else ""
    st.caption(
        f"Seed {choices.seed}. ★ best of its row; † sees the class labels, so it is a reference only.{small} "
        f"{'USL-T: this training alone. ' if 'usl-t' in cards else ''}{_of_one_seed(made, titles)}"
        "Point at a name for its definition."
    )


def _of_one_seed(made: Prepared, titles: Mapping[str, str]) -> str:
    slow = [title for method, title in titles.items() if not is_quick(method, len(made.features))]
    return f"{', '.join(slow)}: this seed alone. " if slow else ""


def over_seeds(choices: Choices, made: Prepared, methods: Iterable[str]) -> Mapping[str, Any]:
    """What the job found for each method, see `tasks.score_over_seeds`; nothing before it is done."""
    done = work.find(_job(choices, made, methods)[0])
    return done.result if done is not None and done.status == "done" else {}


def pick_shares(choices: Choices, made: Prepared, methods: Iterable[str]) -> dict[str, np.ndarray]:
    """(n,) share of the seeds that pick each image, in percent, by method; nothing before the job is done."""
    shares = {}
    for method, found in over_seeds(choices, made, methods).items():
        share = np.zeros(len(made.features), dtype=np.float32)
        share[found["picked"]["rows"]] = 100 * np.array(found["picked"]["counts"]) / N_SEEDS
        shares[method] = share
    return shares


def _job(choices: Choices, made: Prepared, methods: Iterable[str]) -> tuple[str, dict[str, Any]]:
    """Key and arguments."""
    methods = [method for method in methods if method != "usl-t" and is_quick(method, len(made.features))]
    arguments = {
        "source": made.source,
        "encoder": choices.encoder,
        "methods": methods,
        "budget": choices.budget,
        "params": {method: params_document(params) for method in methods if (params := choices.of(method)) is not None},
        "n_seeds": N_SEEDS,
        "near_duplicates": choices.near_duplicates,
    }
    return f"seeds {fingerprint(made.features.fingerprint, arguments)}", arguments


def table(cards: Mapping[str, Scorecard], titles: Mapping[str, str], over_seeds: Mapping[str, _Pairs] | None = None) -> None:
    """One row per number, one column per method. The best value of a row is bold and starred; a method that looks at the
    class labels is a reference and takes no part.

    Args:
        cards: of the seed on screen.
        titles: of the methods.
        over_seeds: mean and standard deviation by method and number, once they are known.
    """
    references = {card.name for card in method_cards() if card.needs_labels}
    heads = [titles[method] + "\u00a0†" * (method in references) for method in cards]
    known = [metric for metric in METRICS if any(metric.text(getattr(card, metric.key)) for card in cards.values())]
    lines = [_row(metric, cards, references, over_seeds or {}) for metric in known]
    tables.rows(("Score", *heads), lines, numbers=True, label="Scores by method")
    with st.expander("What the numbers mean"):
        meanings = [(metric.title, metric.definition, metric.direction) for metric in known]
        tables.rows(("Number", "Definition", "Direction"), meanings, words=True, label="What the numbers mean")


def _row(
    metric: Metric, cards: Mapping[str, Scorecard], references: Set[str], over_seeds: Mapping[str, _Pairs]
) -> list[tables.Cell]:
    values = {method: getattr(card, metric.key) for method, card in cards.items()}
    best = metric.best({method: value for method, value in values.items() if method not in references})
    return [
        tables.Cell(text=metric.title, help=metric.help, sign=metric.arrow),
        *(
            tables.Cell(
                text=metric.text(value) or "–",
                small=_spread(metric, over_seeds.get(method, {}).get(metric.key)),
                is_best=method in best,
            )
            for method, value in values.items()
        ),
    ]


def _spread(metric: Metric, pair: Sequence[float | None] | None) -> str:
    """Mean and standard deviation, in small print under the number."""
    if pair is None or pair[0] is None or pair[1] is None:
        return ""
    mean, deviation = (metric.number(value, least_digits=1) for value in (pair[0], pair[1]))
    return f"{mean} ± {deviation}"


def overlap_table(selections: Mapping[str, Selection], titles: Mapping[str, str], n: int) -> None:
    """How many picks two methods share, beside what two random draws would share."""
    shared = overlap({method: picked.indices for method, picked in selections.items()})
    lines = [(titles[a], *(shared[a, b] for b in selections)) for a in selections]
    tables.rows(
        ("Shared picks", *(titles[method] for method in selections)), lines, numbers=True, label="Picks that two methods share"
    )
    budget = len(next(iter(selections.values())))
    st.caption(f"Two random draws of {budget} from {n:,} images share {expected_overlap(n, budget, budget):.1f} on average.")
