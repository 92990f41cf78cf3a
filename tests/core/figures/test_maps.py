"""Figures: what is drawn, where, in which colours, and that no file name becomes markup."""

from __future__ import annotations

import base64
import itertools
import unicodedata

import numpy as np
import pytest

from usl_core.errors import UslError
from usl_core.figures.categories import category_palette, places_on_map
from usl_core.figures.layers import MAX_LEGEND, PICK_SIZES
from usl_core.figures.maps import METHOD_STYLE, MapFacts, Panel, class_bars, class_histogram, map_figure, method_style
from usl_core.figures.markers import MARKERS
from usl_core.figures.palette import CATEGORICAL, THEMES, VIRIDIS, category_places, contrast
from usl_core.figures.vision import VISIONS, colour_distances
from usl_core.names import display_name, hover_name
from usl_core.report.marks import mark
from usl_core.selection.registry import methods

N = 60


def facts(n: int = N, **changes) -> MapFacts:
    given = {
        "paths": [f"dir/{at:04d}.png" for at in range(n)],
        "percentile": np.linspace(0, 100, n),
        "clusters": np.arange(n) % 7,
        "labels": (np.arange(n) % 3).astype(np.int32),
        "class_names": ("cat", "dog", "emu"),
        "peaks": [4, 9],
    }
    return MapFacts(**{**given, **changes})


def coordinates(n: int = N) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, 2)).astype(np.float32)


def panels(*names: str) -> list[Panel]:
    return [
        Panel(method=name, picks=np.array([3 + at, 11, 40]), clusters=np.array([5, -1, 0]))
        for at, name in enumerate(names or ("random", "usl"))
    ]


def traces(fig, panel: int, kind: str):
    axis = f"x{panel + 1 if panel else ''}"
    mine = [trace for trace in fig.data if trace.xaxis == axis]
    picks = [trace for trace in mine if (trace.legendgroup or "").startswith("method ")]
    peaks = [trace for trace in mine if trace.legendgroup == "peaks"]
    if kind == "background":
        return [trace for trace in mine if trace not in picks and trace not in peaks]
    return {"picks": picks, "peaks": peaks}[kind]


def test_every_panel_shows_every_image_and_its_own_picks_on_the_same_coordinates():
    xy = coordinates()
    fig = map_figure(xy, panels("random", "stratified", "usl"), facts=facts())
    for at, panel in enumerate(panels("random", "stratified", "usl")):
        (background,) = traces(fig, at, "background")
        assert background.type == "scattergl"
        assert np.array_equal(background.customdata, np.arange(N))
        assert np.array_equal(np.stack([background.x, background.y], axis=1), xy)
        assert background.x.dtype == np.float32
        drawn, repeated = traces(fig, at, "picks")
        assert (drawn.type, repeated.type) == ("scatter", "scattergl")
        assert np.array_equal(drawn.customdata, panel.picks)
        assert np.array_equal(drawn.x, xy[panel.picks, 0])
        assert np.array_equal(repeated.y, xy[panel.picks, 1])
        style = METHOD_STYLE[panel.method]
        assert drawn.marker.symbol == repeated.marker.symbol == style.symbol
        assert drawn.marker.color == style.colour
        assert drawn.marker.line.width >= 1
        assert drawn.marker.size > 2 * background.marker.size
        assert background.marker.opacity < 1
        assert repeated.hoverinfo == "skip"
        (peaks,) = traces(fig, at, "peaks")
        assert peaks.customdata.tolist() == [4, 9]


def test_arrays_travel_as_typed_arrays():
    sent = map_figure(coordinates(), panels(), facts=facts()).to_dict()["data"][0]
    assert sent["x"]["dtype"] == "f4"
    assert len(base64.b64decode(sent["x"]["bdata"])) == 4 * N


def test_picks_are_over_the_background_in_drawing_order():
    fig = map_figure(coordinates(), panels(), facts=facts())
    order = [trace.legendgroup or "background" for trace in fig.data if trace.xaxis == "x"]
    assert order == ["background", "peaks", "method random", "method random"]


def test_axes_are_linked_equal_and_bare():
    fig = map_figure(coordinates(), panels("random", "stratified", "cluster-stratified", "usl"), facts=facts())
    assert (fig.layout.yaxis.scaleanchor, fig.layout.yaxis.scaleratio) == ("x", 1)
    assert fig.layout.xaxis.matches is None  # plotly warns about an axis that matches itself
    for number in ("2", "3", "4"):
        assert fig.layout[f"xaxis{number}"].matches == "x"
        assert fig.layout[f"yaxis{number}"].matches == "y"
    for number in ("", "2", "3", "4"):
        assert fig.layout[f"xaxis{number}"].showticklabels is False
        assert fig.layout[f"xaxis{number}"].range == fig.layout.xaxis.range
    low, high = fig.layout.xaxis.range
    assert low < coordinates()[:, 0].min() <= coordinates()[:, 0].max() < high


def test_hover_says_rank_file_class_density_and_cluster():
    fig = map_figure(coordinates(), panels("usl"), facts=facts())
    first, second, _ = traces(fig, 0, "picks")[0].text
    assert first == "<b>pick 1</b> dir/0003.png<br>cat · density percentile 5 · cluster 5"
    assert second == "<b>pick 2</b> dir/0011.png<br>emu · density percentile 19"
    (background,) = traces(fig, 0, "background")
    assert background.text[8] == "dir/0008.png<br>emu · density percentile 14 · cluster 1"
    bare = map_figure(coordinates(), panels("usl"), facts=facts(clusters=None, labels=None, class_names=(), peaks=()))
    assert traces(bare, 0, "background")[0].text[8] == "dir/0008.png<br>density percentile 14"
    assert not traces(bare, 0, "peaks")


def test_density_has_a_colour_bar_shared_by_all_panels():
    fig = map_figure(coordinates(), panels(), facts=facts())
    assert {traces(fig, at, "background")[0].marker.coloraxis for at in (0, 1)} == {"coloraxis"}
    assert (fig.layout.coloraxis.cmin, fig.layout.coloraxis.cmax) == (0, 100)
    assert "density" in fig.layout.coloraxis.colorbar.title.text
    assert [color for _, color in fig.layout.coloraxis.colorscale] == list(VIRIDIS[:-1])


def test_few_classes_have_a_legend_that_acts_on_all_panels():
    fig = map_figure(coordinates(), panels(), facts=facts(), colour="class")
    for at in (0, 1):
        shown = traces(fig, at, "background")
        assert [trace.name for trace in shown] == ["cat", "dog", "emu"]
        assert [trace.legendgroup for trace in shown] == ["class 0", "class 1", "class 2"]
        assert [trace.showlegend for trace in shown] == [at == 0] * 3
        assert sorted(np.concatenate([trace.customdata for trace in shown])) == list(range(N))
        assert [trace.marker.color for trace in shown] == list(CATEGORICAL[:3])
    assert "coloured by class" in [note.text for note in fig.layout.annotations]


def test_many_classes_and_clusters_have_the_colours_of_the_pages_and_no_legend():
    labels, clusters = np.arange(N).astype(np.int32) % 30, np.arange(N) % 40
    many = facts(labels=labels, class_names=[f"c{at}" for at in range(30)], clusters=clusters)
    for colour, ids in (("class", labels), ("cluster", clusters)):
        for theme in THEMES:
            fig = map_figure(coordinates(), panels("usl"), facts=many, colour=colour, theme=theme)
            (background,) = traces(fig, 0, "background")
            assert background.showlegend is False
            count = len(np.unique(ids))
            worn = np.array(category_palette(count, theme))[places_on_map(coordinates(), ids, count)[ids]]
            assert colours_of(background.marker) == worn.tolist()
            assert len(set(worn)) == count, "a colour each"
            assert "share" not in " ".join(note.text for note in fig.layout.annotations)


def test_images_without_a_cluster_have_the_colour_of_notes():
    clusters = np.arange(N) - 1
    fig = map_figure(coordinates(), panels("usl"), facts=facts(clusters=clusters), colour="cluster", theme="dark")
    shown = colours_of(traces(fig, 0, "background")[0].marker)
    assert shown[0] == THEMES["dark"].muted
    assert THEMES["dark"].muted not in shown[1:]


def test_a_figure_says_how_many_clusters_share_its_colours():
    n = 60
    for clusters, note in ((np.arange(n), f"{n} share 48 colours, neighbours never the same"), (np.arange(n) % 48, "")):
        fig = map_figure(coordinates(n), panels("usl"), facts=facts(n, clusters=clusters), colour="cluster")
        assert (note or "coloured by cluster") in " ".join(text.text for text in fig.layout.annotations)
        assert bool(note) == ("share" in " ".join(text.text for text in fig.layout.annotations))


def test_ids_far_beyond_any_number_of_clusters_are_drawn_too():
    clusters = np.where(np.arange(N) < 3, 10**12, np.arange(N))
    (background,) = traces(
        map_figure(coordinates(), panels("usl"), facts=facts(clusters=clusters), colour="cluster"), 0, "background"
    )
    assert len(set(colours_of(background.marker)[:3])) == 1


def colours_of(marker) -> list[str]:
    """What plotly paints: the steps of a colour scale, which it wants from 0 to 1, at (value - cmin) / (cmax - cmin)."""
    edges = [edge for edge, _ in marker.colorscale]
    assert (edges[0], edges[-1]) == (0, 1)
    at = (np.asarray(marker.color, dtype=float) - marker.cmin) / (marker.cmax - marker.cmin)
    return [marker.colorscale[int(np.searchsorted(edges, share, side="right")) - 1][1] for share in at]


def test_category_colours_are_stable_and_in_range():
    places = category_places(np.array([0, 19, 20, 21, 10**12, -1]))
    assert places.tolist()[:2] == [0, 19]
    assert places.max() < len(CATEGORICAL)
    assert np.array_equal(category_places(np.array([21, 10**12])), places[[3, 4]])
    spread = np.bincount(category_places(np.arange(20, 2020)), minlength=20)
    assert spread.min() > 50


def test_sampling_keeps_all_picks_and_says_so():
    n = 500
    chosen = [Panel(method="random", picks=np.array([0, 499])), Panel(method="usl", picks=np.array([250, 0]))]
    fig = map_figure(coordinates(n), chosen, facts=facts(n), max_points=50)
    (shown,) = traces(fig, 0, "background")
    rows = np.asarray(shown.customdata)
    assert len(rows) == 50
    assert {0, 250, 499} <= set(rows.tolist())
    assert any("50 of 500 images drawn" in note.text for note in fig.layout.annotations)
    again = map_figure(coordinates(n), chosen, facts=facts(n), max_points=50)
    assert np.array_equal(traces(again, 1, "background")[0].customdata, rows)
    other = map_figure(coordinates(n), chosen, facts=facts(n), max_points=50, seed=1)
    assert not np.array_equal(traces(other, 0, "background")[0].customdata, rows)
    assert np.array_equal(traces(again, 0, "background")[0].x, coordinates(n)[rows, 0])


def test_more_picks_than_points_are_all_drawn():
    chosen = [Panel(method="usl", picks=np.arange(30))]
    (shown,) = traces(map_figure(coordinates(), chosen, facts=facts(), max_points=5), 0, "background")
    assert shown.customdata.tolist() == list(range(30))


def test_no_note_where_nothing_is_left_out():
    fig = map_figure(coordinates(), panels(), facts=facts(), max_points=N)
    assert not any("drawn" in note.text for note in fig.layout.annotations)


def test_far_images_do_not_shrink_the_rest_and_are_counted():
    n = 400
    xy = np.random.default_rng(0).random((n, 2)).astype(np.float32)
    xy[[3, 7, 9]] = [(90, 0), (91, 0), (0, -80)]
    chosen = [Panel(method="usl", picks=np.array([3, 50])), Panel(method="random", picks=np.array([3, 60]))]
    fig = map_figure(xy, chosen, facts=facts(n))
    for axis in (fig.layout.xaxis, fig.layout.yaxis, fig.layout.xaxis2):
        assert axis.range[1] - axis.range[0] < 10
    assert any("3 images beyond the frame, 1 pick among them" in note.text for note in fig.layout.annotations)
    assert 3 in traces(fig, 0, "background")[0].customdata, "they are there for whoever zooms out"
    assert not any("beyond" in note.text for note in map_figure(coordinates(), panels(), facts=facts()).layout.annotations)
    sampled = map_figure(xy, chosen, facts=facts(n), max_points=50).layout.annotations
    assert any("beyond the frame" in note.text and "50 of 400 images drawn" in note.text for note in sampled)


def test_one_image_and_equal_coordinates_can_be_drawn():
    one = facts(1, peaks=())
    fig = map_figure(np.zeros((1, 2)), [Panel(method="usl", picks=np.array([0]))], facts=one)
    low, high = fig.layout.xaxis.range
    assert low < 0 < high


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_columns_stack_the_panels(columns):
    fig = map_figure(coordinates(), panels("random", "stratified", "usl"), facts=facts(), columns=columns, panel_height=300)
    left = {round(fig.layout[f"xaxis{number}"].domain[0], 6) for number in ("", "2", "3")}
    assert len(left) == columns
    assert fig.layout.height >= 300 * -(-3 // columns)


def test_the_figure_offers_no_upload():
    for fig in (map_figure(coordinates(), panels(), facts=facts()), class_bars({"usl": [1]}, ["cat"])):
        assert "sendChartToCloud" in fig.layout.modebar.remove


BAD = {
    "three coordinates": (lambda: map_figure(np.zeros((N, 3)), panels(), facts=facts()), "(n, 2)"),
    "coordinates not finite": (lambda: map_figure(np.full((N, 2), np.nan), panels(), facts=facts()), "finite"),
    "no panels": (lambda: map_figure(coordinates(), [], facts=facts()), "panels"),
    "too many panels": (lambda: map_figure(coordinates(), panels(*"abcdefghij"), facts=facts()), "panels"),
    "unknown colour": (lambda: map_figure(coordinates(), panels(), facts=facts(), colour="red"), "'red'"),
    "unknown theme": (lambda: map_figure(coordinates(), panels(), facts=facts(), theme="neon"), "'neon'"),
    "no clusters": (lambda: map_figure(coordinates(), panels(), facts=facts(clusters=None), colour="cluster"), "clusters"),
    "no labels": (lambda: map_figure(coordinates(), panels(), facts=facts(labels=None), colour="class"), "labels"),
    "short paths": (lambda: map_figure(coordinates(), panels(), facts=facts(paths=["a"])), "paths"),
    "short percentile": (lambda: map_figure(coordinates(), panels(), facts=facts(percentile=np.ones(3))), "percentile"),
    "short clusters": (lambda: map_figure(coordinates(), panels(), facts=facts(clusters=np.ones(3, int))), "clusters"),
    "label without name": (lambda: map_figure(coordinates(), panels(), facts=facts(class_names=("cat",))), "class_names"),
    "pick outside": (
        lambda: map_figure(coordinates(), [Panel(method="usl", picks=np.array([N]))], facts=facts()),
        "picks of usl",
    ),
    "peak outside": (lambda: map_figure(coordinates(), panels(), facts=facts(peaks=[N])), "peaks"),
    "no points": (lambda: map_figure(coordinates(), panels(), facts=facts(), max_points=0), "max_points"),
    "no columns": (lambda: map_figure(coordinates(), panels(), facts=facts(), columns=0), "columns"),
    "bars without classes": (lambda: class_bars({"usl": []}, []), "class"),
    "bars of other classes": (lambda: class_bars({"usl": [1, 2]}, ["cat"]), "usl"),
    "histogram without classes": (lambda: class_histogram([], []), "class"),
    "histogram of other classes": (lambda: class_histogram([1, 2], ["cat"]), "sizes"),
    "expected of other classes": (lambda: class_bars({"usl": [1]}, ["cat"], expected=[1, 2]), "expected"),
}


@pytest.mark.parametrize(("call", "named"), BAD.values(), ids=BAD)
def test_a_mistake_is_named(call, named):
    with pytest.raises(UslError) as error:
        call()
    assert named in str(error.value)


def test_a_histogram_says_what_it_counts():
    fig = class_histogram([3, 0, 1500], ["cat", "<b>dog</b>", "emu"], theme="dark")
    (bars,) = fig.data
    assert bars.y.tolist() == [3, 0, 1500]
    assert list(bars.customdata) == ["cat", "&lt;b&gt;dog&lt;/b&gt;", "emu"]
    assert fig.layout.xaxis.ticktext == tuple(bars.customdata)
    assert fig.layout.yaxis.title.text == "images"
    assert bars.marker.color != class_histogram([1], ["cat"]).data[0].marker.color, "one accent per theme"


def test_class_bars_differ_by_pattern_and_colour():
    fig = class_bars({"random": [1, 2], "usl": [3, 0]}, ["cat", "<b>dog</b>"], expected=[2.5, 1.5])
    random, usl, expected = fig.data
    assert usl.y.tolist() == [3, 0]
    assert random.marker.pattern.shape != usl.marker.pattern.shape
    assert random.marker.color != usl.marker.color
    assert fig.layout.xaxis.ticktext == ("cat", "&lt;b&gt;dog&lt;/b&gt;")
    assert expected.y.tolist() == [2.5] * 3 + [1.5] * 3


def test_methods_look_different_in_colour_and_shape():
    assert set(methods(second_round=True)) <= set(METHOD_STYLE)
    for a, b in itertools.combinations(METHOD_STYLE.values(), 2):
        assert a.colour != b.colour
        assert a.symbol != b.symbol
        assert a.label != b.label
    assert set(PICK_SIZES) <= {style.symbol for style in METHOD_STYLE.values()}


def test_bars_of_two_methods_differ_by_pattern_or_else_clearly_by_colour_to_every_vision():
    """Plotly has eight patterns. Those of USL's own methods and of the second round are one method's alone among these."""
    of_old = [METHOD_STYLE[name].pattern for name in methods()[:5] + methods(second_round=True)[-3:]]
    assert len(set(of_old)) == 8
    looks = list(METHOD_STYLE.values())
    shares = np.array([[a.pattern == b.pattern and a != b for b in looks] for a in looks])
    assert shares.any()
    for vision in VISIONS:
        apart = colour_distances([look.colour for look in looks], vision)
        assert apart[shares].min() >= (0.25 if vision == "normal" else 0.10), vision


def covered(symbol: str, side: int = 80) -> np.ndarray:
    """(side, side) bool: where a marker of radius 1 covers a field from -2 to 2."""
    at = (np.arange(side) + 0.5) / side * 4 - 2
    x, y = np.meshgrid(at, at)
    corners = MARKERS[symbol]
    inside = np.zeros((side, side), dtype=bool) if corners else x**2 + y**2 <= 1
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        if y0 != y1:  # a ray to the right crosses the side from one corner to the next
            inside ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) / (y1 - y0) * (x1 - x0))
    return inside


def test_no_two_markers_cover_the_same_and_all_cover_about_as_much():
    shapes = {symbol: covered(symbol) for symbol in MARKERS}
    areas = [shape.mean() * 16 for shape in shapes.values()]
    assert 2 < min(areas) <= max(areas) < 4
    for a, b in itertools.combinations(MARKERS, 2):
        alike = (shapes[a] & shapes[b]).sum() / (shapes[a] | shapes[b]).sum()
        assert alike < 0.94, (a, b)


@pytest.mark.parametrize("vision", VISIONS)
def test_the_colours_of_methods_are_apart_to_every_vision(vision):
    """Those of unknown methods, too, which share one with USL-T."""
    colours = [*(style.colour for style in METHOD_STYLE.values()), *{method_style(f"m{at}").colour for at in range(50)}]
    apart = colour_distances(list(dict.fromkeys(colours)), vision)
    assert len(apart) == len(METHOD_STYLE) + 3
    least = 0.10 if vision == "normal" else 0.04
    assert apart[~np.eye(len(apart), dtype=bool)].min() >= least
    for name in THEMES:
        assert min(contrast(style.colour, THEMES[name].background) for style in METHOD_STYLE.values()) >= 2.2


def test_an_unknown_method_gets_a_lasting_look_of_its_own():
    style = method_style("my-method")
    assert style == method_style("my-method")
    assert style.label == "my-method"
    assert style.symbol not in {known.symbol for known in METHOD_STYLE.values()}
    assert len({method_style(f"m{at}") for at in range(50)}) > 10
    fig = map_figure(coordinates(), panels("my-method"), facts=facts())
    assert traces(fig, 0, "picks")[0].marker.symbol == style.symbol


def test_every_marker_has_an_icon_of_its_own_shape():
    names = [*METHOD_STYLE, *{method_style(f"m{at}").symbol: f"m{at}" for at in range(50)}.values()]
    shapes = {method_style(name).symbol: mark(name).replace(method_style(name).colour, "") for name in names}
    assert set(shapes) == set(MARKERS)
    assert len(set(shapes.values())) == len(shapes)


@pytest.mark.parametrize("name", THEMES)
def test_both_themes_are_legible(name):
    look = THEMES[name]
    for colour in (look.text, look.muted, look.accent):
        assert contrast(colour, look.background) >= 4.5
    assert contrast(look.hover_text, look.hover) >= 4.5
    assert contrast(look.outline, look.background) >= 3
    for colour in CATEGORICAL:
        assert contrast(colour, look.background) >= 3
    for colour in look.scale:
        assert contrast(colour, look.background) >= 1.4
    fig = map_figure(coordinates(), panels(), facts=facts(), theme=name)
    assert fig.layout.font.color == look.text
    assert all(trace.marker.line.color == look.outline for trace in traces(fig, 0, "picks"))


def test_contrast_as_wcag_defines_it():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#ffffff", "#000000") == contrast("#000000", "#ffffff")
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_the_categorical_palette_is_distinct():
    assert len(set(CATEGORICAL)) == MAX_LEGEND == 20


NASTY = {
    "image": "<img src=x onerror=alert(1)>.png",
    "link": '<a href="javascript:alert(1)">x</a>.png',
    "bold": "<b>x</b><br>y.png",
    "entity": "&lt;b&gt;.png",
    "template": "%{customdata}.png",
    "newline": "a\nb\r\tc\x00.png",
    "line separator": "a\u2028b\u2029c.png",
    "right to left override": "photo\u202egnp.exe",
    "isolate": "a\u2066b\u2069.png",
    "surrogate": "caf\udce9.png",
}


@pytest.mark.parametrize("name", NASTY.values(), ids=NASTY)
def test_no_name_becomes_markup(name):
    shown = hover_name(name)
    assert "<" not in shown
    assert ">" not in shown
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in shown)
    inside = shown.strip("\u2068\u2069")
    assert not any(
        unicodedata.bidirectional(c) in ("RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI", "PDI") for c in inside
    )
    shown.encode("utf-8")
    fig = map_figure(coordinates(), panels("usl"), facts=facts(paths=[name] * N, class_names=(name, "b", "c")), colour="class")
    texts = [text for trace in fig.data for text in (trace.text if trace.text is not None else ())]
    texts += [trace.name for trace in fig.data]
    for text in texts:
        plain = text.replace("<br>", "").removeprefix("<b>").replace("</b> ", " ", 1)
        assert "<" not in plain


def test_the_spelling_of_what_cannot_be_seen():
    assert display_name("a\nb") == "a\\u000ab"
    assert display_name("photo\u202egnp.exe") == "photo\\u202egnp.exe"
    assert display_name("caf\udce9.png") == "caf\\udce9.png"
    assert hover_name("&amp;.png") == "&amp;amp;.png"
    assert display_name("नमस्ते\u200dक.png") == "नमस्ते\u200dक.png"
    assert hover_name("תמונה.png") == "\u2068תמונה.png\u2069"


def test_long_names_are_shortened_in_the_middle():
    name = "beginning-" + "x" * 200 + "-end.jpeg"
    shown = display_name(name, 60)
    assert len(shown) == 60
    assert shown.startswith("beginning-")
    assert shown.endswith("-end.jpeg")
    assert shown.count("…") == 1
    assert display_name("x" * 60, 60) == "x" * 60
    assert len(display_name("x" * 61, 60)) == 60
    assert len(display_name("xyzw", 3)) == 3
    assert len(display_name("\n" * 100, 30)) == 30


def test_confidence_colours_the_background_in_percent():
    confidence = np.linspace(0.1, 1, N)
    figure = map_figure(coordinates(), panels("usl-t"), facts=facts(confidence=confidence), colour="confidence")
    (background,) = [trace for trace in figure.data if trace.marker.coloraxis]
    assert np.allclose(background.marker.color, 100 * confidence, atol=1e-4)
    assert figure.layout.coloraxis.colorbar.title.text == "confidence, %"
    assert "density" in map_figure(coordinates(), panels(), facts=facts()).layout.coloraxis.colorbar.title.text


def test_confidence_must_be_there_and_of_these_images():
    with pytest.raises(UslError, match="cannot be coloured by confidence: it is not known"):
        map_figure(coordinates(), panels(), facts=facts(), colour="confidence")
    with pytest.raises(UslError, match=r"confidence must have one entry per image \(60\) but has 3"):
        map_figure(coordinates(), panels(), facts=facts(confidence=np.ones(3)), colour="density")
