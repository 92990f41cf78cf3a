"""A comparison as one HTML file that opens offline, in light and dark, on a desk and on a phone.

Everything is inside: plotly's script once, styles, thumbnails. The page's Content-Security-Policy lets only its own scripts
run, by their hashes, and forbids every connection. `'unsafe-eval'` is needed because plotly compiles its WebGL drawing
functions at run time; with no foreign script and no connection there is nothing for it to evaluate but plotly's own code.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment
from markupsafe import Markup
from numpy.typing import NDArray

from ..errors import UslError
from ..evaluation.comparison import Comparison
from ..export.files import write_atomically
from ..figures.layers import ColourBy, MapFacts, Panel
from ..figures.maps import class_bars, map_figure
from ..figures.palette import THEMES, ThemeName, method_style
from ..graph.density import density_peaks, density_percentile, mean_distance
from ..html import environment
from ..types import FloatArray, IntArray
from ..validation import finite_matrix, whole_number
from . import files, sections
from .marks import mark
from .sections import View

_TEMPLATES = Path(__file__).parent / "templates"
_PANEL_HEIGHT = 380
_LONG = 32  # arrays of more entries are stored once, however many traces use them


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page that the navigation can point to.

    Args:
        key: its address, and the name of its template.
        link: in the navigation.
        title: above it.
        view: what the template is given.
    """

    key: str
    link: str
    title: str
    view: View


def write_report(
    comparison: Comparison,
    xy: Any,
    directory: Path | str,
    *,
    title: str,
    map_note: str = "",
    command: str | None = None,
    max_points: int = 20_000,
) -> Path:
    """Write `report.html`.

    Args:
        comparison: what `compare` returned; maps and gallery show its first seed.
        xy: (n, 2) coordinates of the images.
        directory: made if it is missing.
        title: name of the data set.
        map_note: how the map was drawn, e.g. "drawn with UMAP seed 0, trustworthiness 0.91".
        command: the command line that repeats this; None shows the Python call instead.
        max_points: background points drawn at most; see `map_figure`.

    Returns:
        The file.

    Raises:
        UslError: coordinates that do not belong to the images, or the file cannot be written.
    """
    flat = finite_matrix(xy, "map coordinates")
    n = len(comparison.features)
    if flat.shape != (n, 2):
        raise UslError(f"map coordinates must have shape ({n}, 2), one row per image, but have {flat.shape}")
    whole_number(max_points, "max_points", 1)
    path = Path(directory) / "report.html"
    write_atomically(path, _page(comparison, flat, title, map_note, command, max_points).encode())
    return path


def _page(comparison: Comparison, flat: FloatArray, title: str, map_note: str, command: str | None, max_points: int) -> str:
    from plotly.offline import get_plotlyjs

    images = comparison.features.images
    clusters, owner = _clusters(comparison)
    facts = MapFacts(
        paths=images.paths,
        percentile=density_percentile(-mean_distance(comparison.neighbors, comparison.n_neighbors)),
        clusters=clusters,
        labels=images.labels,
        class_names=images.class_names,
        peaks=density_peaks(comparison.neighbors, comparison.n_neighbors).tolist(),
    )
    colours: list[ColourBy] = ["density"]
    colours += ["cluster"] if clusters is not None else []
    colours += ["class"] if images.labels is not None else []
    counts = _class_counts(comparison)
    sizes = np.bincount(images.labels, minlength=len(images.class_names)) if images.labels is not None else np.empty(0)
    n_shown = min(len(flat), max(max_points, len(_picked(comparison))))
    several = len(comparison.selections) > 1 or len(comparison.seeds) > 1
    n_peaks = len(list(facts.peaks))
    known = [
        Section("methods", "Methods", "The methods", sections.methods(comparison)),
        Section(
            "maps",
            "Maps",
            "Where the picks lie",
            sections.maps(comparison, colours, map_note, n_shown, n_peaks, owner),
        ),
        Section("scores", "Scores", "Scores", sections.scores(comparison)),
        Section("classes", "Classes", "Classes", sections.classes(comparison, counts, sizes) if counts else {}),
        Section("overlap", "Agreement", "Agreement", sections.agreement(comparison) if several else {}),
        Section("picks", "Picks", "Picks", files.picks(comparison, facts, flat)),
        Section("files", "Files", "Files", files.files(images)),
        Section("origin", "Repeat", "How to repeat this", files.origin(comparison, command)),
    ]
    made = templates()
    scripts = {"plotly": own(get_plotlyjs()), "script": own((_TEMPLATES / "script.js").read_text(encoding="utf-8"))}
    return made.get_template("page.html").render(
        policy=own(policy(scripts.values())),
        title=title,
        budget=comparison.budget,
        style=own(made.get_template("style.css").render(THEMES)),
        facts=sections.facts(comparison, map_note),
        sections=[section for section in known if section.view],
        figures=own(_figures(comparison, flat, facts, colours, counts, sizes, max_points)),
        **scripts,
    )


@cache
def templates() -> Environment:
    """Those of all reports."""
    made = environment(_TEMPLATES)
    made.filters["mark"] = mark
    made.filters["method_label"] = lambda method: method_style(method).label
    return made


def own(source: str) -> Markup:
    """What was made here and is no text: scripts, styles, JSON."""
    return Markup(source)  # noqa: S704


def _clusters(comparison: Comparison) -> tuple[IntArray | None, str]:
    """The clusters to colour by, of the first seed, and the method they belong to; USL's own where it took part."""
    first = {method: runs[0].cluster_labels for method, runs in comparison.selections.items()}
    owner = next((method for method in ("usl", *first) if first.get(method) is not None), "")
    return first.get(owner), owner


def _picked(comparison: Comparison) -> IntArray:
    return np.unique(np.concatenate([runs[0].indices for runs in comparison.selections.values()]))


def _class_counts(comparison: Comparison) -> dict[str, NDArray[np.float64]]:
    """Picks per class, mean over the seeds; empty without labels."""
    if comparison.features.images.labels is None:
        return {}
    return {method: np.mean([card.class_counts for card in cards], axis=0) for method, cards in comparison.scorecards.items()}


def policy(scripts: Iterable[str]) -> str:
    """The Content-Security-Policy of a page with these scripts."""
    hashes = " ".join(f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes} 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _figures(
    comparison: Comparison,
    flat: FloatArray,
    facts: MapFacts,
    colours: list[ColourBy],
    counts: dict[str, NDArray[np.float64]],
    sizes: NDArray[Any],
    max_points: int,
) -> str:
    """All figures as JSON: per theme and colour the traces, and a layout per number of columns."""
    panels = [
        Panel(method=method, picks=runs[0].indices, clusters=runs[0].clusters) for method, runs in comparison.selections.items()
    ]
    columns = sorted({1, min(2, len(panels)), min(4, len(panels))})
    arrays = _Shared()
    spec: dict[str, Any] = {"maps": {}, "bars": {}, "columns": columns}
    spec["axes"] = [str(index + 1) if index else "" for index in range(len(panels))]
    themes: tuple[ThemeName, ...] = ("light", "dark")
    for look in themes:
        spec["maps"][look] = {}
        for colour in colours:
            drawn = {
                count: map_figure(
                    flat,
                    panels,
                    facts=facts,
                    colour=colour,
                    theme=look,
                    columns=count,
                    panel_height=_PANEL_HEIGHT,
                    max_points=max_points,
                ).to_dict()
                for count in columns
            }
            layouts = {str(count): arrays.fold(figure["layout"]) for count, figure in drawn.items()}
            spec["maps"][look][colour] = {"data": arrays.fold(drawn[1]["data"]), "layouts": layouts}
        if counts:
            names = comparison.features.images.class_names
            bars = class_bars(counts, names, expected=comparison.budget * sizes / sizes.sum(), theme=look)
            spec["bars"][look] = arrays.fold(bars.to_dict())
    spec |= {"arrays": arrays.arrays, "texts": list(arrays.texts)}
    return json.dumps(spec, separators=(",", ":"), allow_nan=False, ensure_ascii=False).replace("<", "\\u003c")


class _Shared:
    """Replaces every long array in a figure by {"@": place in `arrays`}; equal arrays share a place.

    An array of texts becomes {"of": places in `texts`}, because each colouring cuts the same texts into other arrays.
    """

    def __init__(self) -> None:
        self.arrays: list[Any] = []
        self.texts: dict[str, int] = {}
        self._places: dict[Any, int] = {}

    def fold(self, value: Any) -> Any:
        if isinstance(value, dict):
            if "bdata" in value:
                return self._place(tuple(sorted(value.items())), value)
            return {key: self.fold(part) for key, part in value.items()}
        if isinstance(value, np.ndarray):
            value = value.tolist()
        if isinstance(value, list | tuple):
            if len(value) > _LONG and all(isinstance(part, str) for part in value):
                places = [self.texts.setdefault(part, len(self.texts)) for part in value]
                return self._place(tuple(places), {"of": places})
            return [self.fold(part) for part in value]
        return value

    def _place(self, key: Any, value: Any) -> dict[str, int]:
        if key not in self._places:
            self._places[key] = len(self.arrays)
            self.arrays.append(value)
        return {"@": self._places[key]}
