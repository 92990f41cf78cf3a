"""The sections of a report as HTML. Everything that comes from outside, file names first, goes through `text` or `name`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from .comparison import Comparison
from .figure_layers import MapFacts
from .metrics import METRICS, Metric, expected_overlap, overlap
from .names import display_name
from .palette import method_style
from .report_marks import mark
from .selection import method_cards

MAX_LISTED = 20
MAX_TABLE_ROWS = 1000


def text(value: object) -> str:
    """Any text as HTML, on one line and without characters that hide or reorder others."""
    return escape(display_name(str(value), limit=2000))


def name(value: str, limit: int = 60) -> str:
    """A file or class name: shortened in the middle, whole on hover, unable to reorder the text around it."""
    return f'<bdi title="{text(value)}">{escape(display_name(value, limit))}</bdi>'


def label(method: str) -> str:
    """A method's marker and name."""
    return f"{mark(method)}<span>{text(method_style(method).label)}</span>"


def section(key: str, title: str, body: str) -> str:
    """A section that the navigation can point to."""
    return f'<section id="{key}" aria-labelledby="{key}-title"><h2 id="{key}-title">{title}</h2>\n{body}</section>\n'


def fact_list(comparison: Comparison, map_note: str) -> str:
    """The line under the title."""
    features = comparison.features
    facts = [
        ("images", f"{len(features):,}"),
        ("encoder", f"{features.encoder}, d = {features.values.shape[1]}"),
        ("budget m", f"{comparison.budget:,}"),
        ("seeds", _span(comparison.seeds)),
        ("k of density and coverage", str(comparison.n_neighbors)),
        ("map", map_note or "given coordinates"),
    ]
    return "".join(f"<li><span>{key}</span> {text(value)}</li>" for key, value in facts)


def _span(seeds: Sequence[int]) -> str:
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))


def methods_section(comparison: Comparison) -> str:
    """One sentence per method, and what the runs want a reader to know."""
    summaries = {card.name: card.summary for card in method_cards()}
    rows = []
    for method, runs in comparison.selections.items():
        notes = sorted({note for run in runs for note in run.notes})
        noted = "".join(f"<br><small>{text(note)}</small>" for note in notes)
        rows.append(f"<dt>{label(method)}</dt><dd>{text(summaries.get(method, ''))}{noted}</dd>")
    return section("methods", "The methods", f"<dl>{''.join(rows)}</dl>")


def maps_section(comparison: Comparison, colours: Sequence[str], map_note: str, n_shown: int, n_peaks: int, owner: str) -> str:
    """The switch, the place where the maps go, and how to read them."""
    n = len(comparison.features)
    switch = "".join(
        f'<label><input type="radio" name="colour" value="{colour}"{"" if at else " checked"}>{colour.capitalize()}</label>'
        for at, colour in enumerate(colours)
    )
    sample = f" Of {n:,} images a uniform sample of {n_shown:,} is drawn, with all picks." if n_shown < n else ""
    clusters = f" Clusters are those of {text(method_style(owner).label)}." if owner else ""
    reading = (
        f"Every panel has the same coordinates, {text(map_note) or 'as given'}; zoom and pan move all of them, and hovering "
        f"marks the image in each. Picks are of seed {comparison.seeds[0]}. Crosses are the {n_peaks:,} density peaks: images "
        f"denser than all of their {comparison.n_neighbors} nearest neighbours.{clusters}{sample} A map distorts distances; no "
        "number on this page is computed on it. All picks are listed <a href='#picks'>below</a>."
    )
    names = ", ".join(text(method_style(method).label) for method in comparison.selections)
    body = (
        f'<fieldset class="switch"><legend>Colour by</legend>{switch}</fieldset>'
        f'<figure class="maps"><div id="map-chart" class="chart" role="group" aria-label="Maps of the images with the picks of '
        f'{names}; the same picks are listed in the section Picks"></div>'
        '<div class="preview" id="preview" hidden><img alt=""><span></span></div>'
        "<noscript><p>The maps need JavaScript; the rest of the page does not.</p></noscript>"
        f"<figcaption><p>{reading}</p></figcaption></figure>"
    )
    return section("maps", "Where the picks lie", body)


def scores_section(comparison: Comparison) -> str:
    """Mean and spread of every score, with its definition."""
    methods = list(comparison.scorecards)
    seeing = [card.name for card in method_cards() if card.needs_labels]
    ranked = [method for method in methods if method not in seeing] or methods
    heads = "".join(
        f'<th scope="col" role="columnheader">{label(method)}{"" if method in ranked else " †"}</th>' for method in methods
    )
    rows = "".join(_score_row(comparison, metric, methods, ranked) for metric in METRICS)
    seeds = len(comparison.seeds)
    spread = f"Mean ± standard deviation over {seeds} seeds." if seeds > 1 else "One seed; the spread over seeds is unknown."
    starred = "★ and bold: the best mean" + (", with no regard to the spread." if seeds > 1 else ".")
    reference = " † sees the class labels: a reference, not starred." if len(ranked) < len(methods) else ""
    body = (
        f"<p>{spread} {starred}{reference}</p>"
        f'<table class="scores" role="table" style="--columns:{len(methods)}"><thead role="rowgroup"><tr role="row">'
        f'<th scope="col" role="columnheader">Score</th>{heads}</tr></thead><tbody role="rowgroup">{rows}</tbody></table>'
    )
    return section("scores", "Scores", body)


def _score_row(comparison: Comparison, metric: Metric, methods: Sequence[str], ranked: Sequence[str]) -> str:
    values = {method: comparison.mean_and_sd(method, metric.key) for method in methods}
    if all(math.isnan(mean) for mean, _ in values.values()):
        return ""
    starred = metric.best({method: values[method][0] for method in ranked})
    cells = "".join(
        f'<td role="cell" class="{"best" if method in starred else ""}">{_value(metric, *values[method])}</td>'
        for method in methods
    )
    head = f'{text(metric.title)} <span class="arrow">{metric.arrow} {metric.direction}</span>'
    return (
        f'<tr role="row"><th scope="row" role="rowheader" title="{text(metric.help)}">{head}'
        f"<small>{text(metric.definition)}</small></th>{cells}</tr>"
    )


def _value(metric: Metric, mean: float, sd: float) -> str:
    spread = "" if math.isnan(sd) else f" <small>± {metric.number(sd)}</small>"
    return (metric.text(mean) or "–") + spread


def classes_section(comparison: Comparison, counts: dict[str, np.ndarray], sizes: np.ndarray) -> str:
    """Bars of picks per class and the same as a table."""
    names = comparison.features.images.class_names
    expected = comparison.budget * sizes / sizes.sum()
    heads = "".join(f'<th scope="col">{label(method)}</th>' for method in counts)
    rows = "".join(
        f'<tr><th scope="row">{name(names[at])}</th><td>{sizes[at]:,}</td><td>{expected[at]:.1f}</td>'
        + "".join(f"<td>{values[at]:.{1 if len(comparison.seeds) > 1 else 0}f}</td>" for values in counts.values())
        + "</tr>"
        for at in range(len(names))
    )
    over = f"mean over {len(comparison.seeds)} seeds" if len(comparison.seeds) > 1 else f"seed {comparison.seeds[0]}"
    body = (
        f"<p>Picks per class, {over}. The dotted line is what a uniform draw would give on average.</p>"
        '<figure><div id="bar-chart" class="chart" role="group" aria-label="Bars of picks per class by method; the same '
        'numbers stand in the table below"></div></figure>'
        f'<details><summary>The same as a table</summary><div class="scroll" tabindex="0"><table><thead><tr>'
        f'<th scope="col">Class</th><th scope="col">Images</th><th scope="col">Uniform draw</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></details>"
    )
    return section("classes", "Classes", body)


def overlap_section(comparison: Comparison) -> str:
    """Shared picks of each two methods, beside what chance gives."""
    methods = list(comparison.selections)
    heads = "".join(f'<th scope="col">{label(method)}</th>' for method in methods)
    rows = "".join(
        f'<tr><th scope="row">{label(a)}</th>' + "".join(f"<td>{_shared(comparison, a, b)}</td>" for b in methods) + "</tr>"
        for a in methods
    )
    m = comparison.budget
    chance = expected_overlap(len(comparison.features), m, m)
    own = (
        " On the diagonal: picks that two seeds of the same method share, a measure of how stable it is."
        if len(comparison.seeds) > 1
        else " The diagonal needs more than one seed."
    )
    body = (
        f"<p>Mean number of the {m:,} picks that two methods share at the same seed; two random draws share {chance:.2g} on "
        f'average.{own}</p><div class="scroll" tabindex="0"><table><thead><tr><th scope="col">Shared picks</th>{heads}</tr>'
        f"</thead><tbody>{rows}</tbody></table></div>"
    )
    return section("overlap", "Agreement", body)


def _shared(comparison: Comparison, a: str, b: str) -> str:
    first, second = ([run.indices for run in comparison.selections[method]] for method in (a, b))
    seeds = range(len(comparison.seeds))
    pairs = [(s, s) for s in seeds] if a != b else [(s, t) for s in seeds for t in seeds if s < t]
    found = [overlap({"a": first[s], "b": second[t]})["a", "b"] for s, t in pairs]
    return f"{np.mean(found):.1f}" if found else "–"


def picks_table(comparison: Comparison, facts: MapFacts) -> str:
    """Every pick of the first seed in one table."""
    rows = []
    for method, runs in comparison.selections.items():
        for rank, (row, cluster) in enumerate(zip(runs[0].indices.tolist(), runs[0].clusters.tolist(), strict=True), start=1):
            if rank > MAX_TABLE_ROWS:
                break
            cells = [f"<td class='text'>{name(facts.paths[row], 80)}</td>"]
            if facts.labels is not None:
                cells.append(f"<td class='text'>{name(facts.class_names[facts.labels[row]], 30)}</td>")
            cells.append(f"<td>{facts.percentile[row]:.0f}</td><td>{cluster if cluster >= 0 else '–'}</td>")
            rows.append(f"<tr><th scope='row'>{text(method_style(method).label)}</th><td>{rank}</td>{''.join(cells)}</tr>")
    of_class = '<th scope="col">Class</th>' if facts.labels is not None else ""
    cut = f", the first {MAX_TABLE_ROWS:,} of each method" if comparison.budget > MAX_TABLE_ROWS else ""
    return (
        f"<details><summary>All picks as a table{cut}</summary><div class='scroll' tabindex='0'><table><thead><tr>"
        f'<th scope="col">Method</th><th scope="col">Rank</th><th scope="col">File</th>{of_class}'
        f'<th scope="col">Density percentile</th><th scope="col">Cluster</th></tr></thead><tbody>{"".join(rows)}</tbody>'
        "</table></div></details>"
    )
