"""Compare, run without a browser: what it shows for which choices, and that nothing is computed twice."""

from __future__ import annotations

import gc
import io
import json
import re
import time
import zipfile
from dataclasses import fields

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

import usl_core as usl
from pages.ui import cached
from pages.ui.jobs import work
from pages.ui.jobs.pool import pool
from pages.ui.maps.content import MAX_PANELS
from pages.ui.parts import gallery, scores
from pages.ui.server import routes
from pages.ui.sidebar import controls
from pages.ui.sidebar.controls import METHOD_OF
from usl_core.evaluation.metrics import METRICS
from usl_core.export.command_text import compare_command, select_command
from usl_core.export.files import picks_csv
from usl_core.figures.markers import MARKERS
from usl_core.figures.palette import method_style
from usl_core.pipeline.prepared import find_images, prepare

from .conftest import name_of, rebuilt, write_images


@pytest.fixture(scope="module")
def digits():
    return usl.load_demo("digits")


def expected(demo, method="usl", budget=40, seed=0, **params):
    chosen = usl.UslParams(**params) if method == "usl" else None
    picks = usl.select(demo.features, budget, method, chosen, seed=seed, labels=demo.images.labels, neighbors=demo.neighbors)
    return picks.indices.tolist()


def open_compare(app, **query):
    return app.open("compare", **query)


# ---------------------------------------------------------------- what it shows


def test_it_opens_on_the_demo(app, digits):
    open_compare(app).fine()
    assert app.heading == "Which method would I trust?"
    assert "1,797 images" in app.text
    assert "drawn with UMAP, 15 neighbours, min_dist 0.8, seed 0, trustworthiness 0.985" in app.plain
    for method in ("random", "stratified", "usl"):
        assert app.picks(method_style(method).label) == expected(digits, method)


def test_the_maps_show_the_same_picks(app, digits):
    open_compare(app, m="9").fine()
    panels = app.maps()["panels"]
    for panel, method in zip(panels, ("random", "stratified", "usl"), strict=True):
        style = method_style(method)
        assert panel["title"] == f"{style.label}, 9 picks"
        assert panel["style"]["colour"] == style.colour
        assert tuple(map(tuple, panel["style"]["corners"])) == MARKERS[style.symbol]
        assert panel["picks"] == expected(digits, method, 9)


@pytest.mark.parametrize("colour", ["density", "cluster", "class"])
@pytest.mark.parametrize("drawn", ["UMAP", "PCA"])
def test_colours_and_maps(app, digits, colour, drawn):
    open_compare(app, colour=colour, map=drawn).fine()
    assert f"drawn with {drawn}" in app.plain
    shown = app.maps()
    channel = next(channel for channel in shown["channels"] if channel["name"].startswith(shown["colour"]))
    assert channel["name"].split()[0] == colour
    assert channel["kind"] == ("quantity" if colour == "density" else "category")
    if colour == "class":
        assert channel["names"] == list(digits.images.class_names)
    np.testing.assert_array_equal(rebuilt(shown["xy"]), digits.maps[drawn.lower()])


def test_galleries_name_file_class_density_and_cluster(app, digits):
    open_compare(app, m="6").fine()
    percentile = usl.density_percentile(usl.utility(digits.neighbors, 20))
    for item in app.gallery("Picks of USL"):
        row = item["row"]
        assert digits.images.paths[row] in item["text"]
        assert f"class {digits.images.class_names[digits.images.labels[row]]}" in item["text"]
        assert f"density percentile {percentile[row]:.0f}" in item["text"]
        assert "cluster" in item["text"]
        assert item["src"].endswith(digits.images.digests[row])


def test_long_galleries_say_that_they_are_cut(app):
    open_compare(app, m="200").fine()
    assert len(app.picks("USL")) == 120
    assert app.text.count("the first 120 of 200 picks") == 3


def test_scores_and_overlap_are_those_of_the_library(app, digits):
    open_compare(app, m="25").fine()
    chosen = usl.select(digits.features, 25, "usl", neighbors=digits.neighbors)
    card = usl.score_selection(digits.features, chosen, digits.neighbors, labels=digits.images.labels)
    assert f"{card.nearest_pick_accuracy * 100:.1f} %" in app.text
    assert f"{card.k_center_radius:.3f}" in app.text
    shared = len(set(expected(digits, "random", 25)) & set(expected(digits, "usl", 25)))
    assert f"<td>{shared}</td>" in app.text
    for metric in METRICS:
        if metric.title in app.text:
            assert metric.definition[:40].replace("'", "&#x27;") in app.text


def test_a_pinned_image_shows_its_numbers_and_neighbours(app, digits):
    row = expected(digits)[3]
    open_compare(app, pin=str(row)).fine()
    neighbours = digits.neighbors.indices[row, :24].tolist()
    assert [item["row"] for item in app.gallery("The 24 nearest neighbours in feature space")] == neighbours
    assert [item["row"] for item in app.gallery("A closer look")] == [row]
    assert digits.images.paths[row] in app.text
    assert "USL (rank 4)" in app.text
    app.press("unpin").fine()
    assert "pin" not in app.test.query_params
    assert "Click a point" in app.text


@pytest.mark.parametrize("pin", ["-1", "1797", "abc", "1e3", "٣", "99999999999999999999", "<b>", "3.0"])
def test_a_pin_that_is_no_image_pins_nothing(app, pin):
    open_compare(app, pin=pin).fine()
    assert "Click a point" in app.text


# ---------------------------------------------------------------- controls


CONTROLS = [
    ("slider", "k", 150, {"n_neighbors": 150}),
    ("slider", "rlambda", 1.5, {"reg_weight": 1.5}),
    ("slider", "alpha", 3.0, {"reg_power": 3.0}),
    ("slider", "mreg", 0.2, {"reg_momentum": 0.2}),
    ("slider", "iterations", 3, {"n_iterations": 3}),
    ("slider", "horizon", 0.6, {"horizon_distance": 0.6}),
    ("number_input", "hpicks", 2, {"horizon_picks": 2}),
    ("number_input", "ksteps", 2, {"kmeans_iterations": 2}),
    ("toggle", "squared", True, {"squared_distances": True}),
    ("toggle", "self", True, {"count_self": True}),
    ("button_group", "estimate", "kth", {"estimate": "kth"}),
    ("button_group", "init", "random", {"kmeans_init": "random"}),
    ("toggle", "absolute", True, {"relative_weight": False}),
]


@pytest.mark.parametrize(("kind", "key", "value", "params"), CONTROLS, ids=[key for _, key, _, _ in CONTROLS])
def test_each_control_and_each_link_reaches_the_method_and_can_be_put_back(app, digits, kind, key, value, params):
    open_compare(app, m="30").fine()
    before = app.picks("USL")
    app.widget(kind, key).set_value(value).run()
    app.fine()
    assert app.picks("USL") == expected(digits, budget=30, **params)
    linked = open_compare(type(app)(), m="30", **{key: str(value).lower()}).fine()
    assert linked.picks("USL") == app.picks("USL"), "the address repeats the view"
    if f"reset-{key}" in app.keys("button"):
        app.press(f"reset-{key}").fine()
        assert app.picks("USL") == before
        assert f"reset-{key}" not in app.keys("button")


def test_every_parameter_of_usl_has_a_control():
    reached = {name for _, _, _, params in CONTROLS for name in params}
    assert reached == {field.name for field in fields(usl.UslParams)}


def test_budget_and_seed(app, digits):
    open_compare(app).fine()
    app.widget("number_input", "m").set_value(17)
    app.widget("number_input", "seed").set_value(5).run()
    app.fine()
    for method in ("random", "stratified", "usl"):
        assert app.picks(method_style(method).label) == expected(digits, method, 17, 5)


@pytest.mark.parametrize("second", ["home", "data", "compare"])
@pytest.mark.parametrize("first", ["home", "data", "compare"])
def test_what_a_link_sets_goes_along_to_other_pages(app, digits, first, second):
    app.open(first, m="15", k="30", absolute="true", **{"lambda": "1.5"})
    app.go(second).fine()
    assert app.widget("number_input", "m").value == 15
    app.go("compare").fine()
    assert app.picks("USL") == expected(digits, budget=15, n_neighbors=30, relative_weight=False, reg_weight=1.5)


def test_absolute_lambda_has_a_slider_of_its_own(app, digits):
    open_compare(app, m="30", rlambda="3").fine()
    assert app.picks("USL") == expected(digits, budget=30, reg_weight=3.0)
    app.widget("toggle", "absolute").set_value(True).run()
    app.widget("slider", "lambda").set_value(1.5).run()
    assert app.fine().picks("USL") == expected(digits, budget=30, reg_weight=1.5, relative_weight=False)
    app.widget("toggle", "absolute").set_value(False).run()
    assert app.fine().widget("slider", "rlambda").value is not None


@pytest.mark.parametrize(
    ("query", "params"),
    [
        ({"lambda": "1.5"}, {"reg_weight": 1.5, "relative_weight": False}),
        ({"relative": "true"}, {"reg_weight": 0.6}),
        ({"relative": "true", "rlambda": "3", "lambda": "1.5"}, {"reg_weight": 1.85}),
        (
            {"relative": "true", "rlambda": "2", "mreg": "0.5", "iterations": "2"},
            {"reg_weight": 1.0, "reg_momentum": 0.5, "n_iterations": 2},
        ),
        ({"relative": "false"}, {}),
        ({"rlambda": "2"}, {"reg_weight": 2.0}),
        ({"absolute": "false", "lambda": "1.5"}, {}),
        ({"relative": "true", "rlambda": "lots", "iterations": "-3"}, {"reg_weight": 0.6}),
    ],
)
def test_addresses_from_before_lambda_was_relative_are_read_as_they_were_meant(app, digits, query, params):
    open_compare(app, m="30", **query).fine()
    assert app.picks("USL") == expected(digits, budget=30, **params)
    assert "relative" not in app.test.query_params


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "imagenet-moco", "imagenet-clip"])
def test_presets(app, digits, name):
    open_compare(app, m="30").press(f"preset-{name}").fine()
    published = getattr(usl.UslParams, f"published_{name.replace('-', '_')}")()
    cut = {field.name: getattr(published, field.name) for field in fields(usl.UslParams)}
    cut["n_neighbors"] = min(published.n_neighbors, 200)
    assert app.picks("USL") == expected(digits, budget=30, **cut)
    app.press("preset-paper").fine()
    assert app.picks("USL") == expected(digits, budget=30)
    assert set(app.test.query_params) <= {"m"}


def test_relative_lambda_says_what_it_comes_to(app, digits):
    open_compare(app, rlambda="1").fine()
    params = usl.UslParams(reg_weight=1.0)
    weight = usl.select(digits.features, 40, "usl", params, neighbors=digits.neighbors).info["reg_weight"]
    assert f"λ is {weight:.3g} in absolute terms" in app.text


@pytest.mark.parametrize("count", range(1, 10))
def test_lines_of_galleries_are_few_and_even(count):
    methods = [f"m{at}" for at in range(count)]
    lines = gallery.in_lines(methods)
    assert [method for line in lines for method in line if method] == methods
    assert len(lines) == -(-count // 4)
    assert {len(line) for line in lines} == {-(-count // len(lines))}


def test_more_methods_than_panels(app, monkeypatch):
    monkeypatch.setattr(controls, "MAX_PANELS", 2)
    open_compare(app, methods=["Random", "Stratified", "USL"]).fine()
    assert len(app.maps()["panels"]) == 2
    assert "The first 2 of these 3 are shown" in app.plain


def test_two_methods_or_more(app):
    most = list(METHOD_OF)[:MAX_PANELS]
    open_compare(app, methods=most).fine()
    galleries = [found for found in app.components() if str(found.get("title", "")).startswith("Picks of")]
    assert len(galleries) == len(most) - 1, "USL-T has yet to be trained"
    app.widget("button_group", "methods").set_value(["USL"]).run()
    app.fine()
    assert "Choose a second method" in app.text
    app.widget("button_group", "methods").set_value([]).run()
    app.fine()
    assert "Choose two methods or more" in app.text


@pytest.mark.parametrize(
    "query",
    [
        *({"m": "0"}, {"m": "many"}, {"m": "-5"}, {"k": "-3"}, {"k": "1e9"}, {"colour": "<b>"}, {"seed": "1e99"}),
        *({"lambda": "nan"}, {"lambda": "inf"}, {"alpha": "0"}, {"methods": ["nothing"]}, {"estimate": "x"}, {"map": "3d"}),
        *({"iterations": "0.5"}, {"relative": "perhaps"}, {"hpicks": "-1"}, {"m": "9" * 400}, {"horizon": "-1"}),
        *({"m": "inf"}, {"seed": "nan"}, {"hpicks": "-inf"}, {"k": "nan"}, {"ksteps": "1e400"}, {"toym": "inf"}, {"m": ""}),
    ],
    ids=lambda query: str(query)[:40],
)
def test_nonsense_in_the_address_never_breaks_the_page(app, query):
    open_compare(app, **query)
    assert not app.test.exception
    assert not app.test.error
    assert len(app.picks("USL")) in range(1, 121) if "methods" not in query else True


def test_a_value_beyond_the_range_of_this_data_set_is_cut(app, root):
    write_images(root / "album", 12)
    prepare(str(root / "album"))
    open_compare(app, data=name_of(root / "album"), m="500", k="300").fine()
    assert len(app.picks("USL")) <= 12
    app.fine()


# ---------------------------------------------------------------- nothing twice


def test_moving_a_control_recomputes_only_what_depends_on_it(app, digits, monkeypatch):
    cached._select.clear()
    cached._clusters.clear()
    calls: list[str] = []
    for name in ("kmeans", "select", "score_selection"):
        real = getattr(usl, name)

        def counted(*given, real=real, name=name, **more):
            calls.append(f"{name} {given[2]}" if name == "select" else name)
            return real(*given, **more)

        monkeypatch.setattr(cached.usl, name, counted)
    monkeypatch.setattr("usl_core.graph.neighbors.find_neighbors", lambda *a, **k: pytest.fail("searched again"))
    monkeypatch.setattr("usl_core.pipeline.artefacts.find_neighbors", lambda *a, **k: pytest.fail("searched again"))
    open_compare(app, m="31", seed="2").fine()
    assert sorted(call for call in calls if call.startswith("select")) == ["select random", "select stratified", "select usl"]
    assert calls.count("kmeans") == 1
    calls.clear()
    app.widget("slider", "rlambda").set_value(1.0).run()
    assert [call for call in calls if call != "score_selection"] == ["select usl"], "the other methods and k-means stand"
    calls.clear()
    app.widget("slider", "k").set_value(200).run()
    app.fine()
    assert [call for call in calls if call != "score_selection"] == ["select usl"]
    calls.clear()
    app.widget("button_group", "colour").set_value("class").run()
    app.run()
    assert calls == []


def test_seeds_come_from_the_background_and_stay(app):
    open_compare(app, m="12", methods=["Random", "USL"]).fine()
    assert "±" not in "".join(element.proto.body for element in app.test.get("html"))
    deadline = time.monotonic() + 60
    while "Small print" not in app.text:
        assert time.monotonic() < deadline
        time.sleep(0.3)
        app.run()
    demo = usl.load_demo("digits")
    compared = usl.compare(demo.features, 12, ["random", "usl"], seeds=range(scores.N_SEEDS), neighbors=demo.neighbors)
    for method in ("random", "usl"):
        mean, deviation = compared.mean_and_sd(method, "k_center_radius")
        assert f"{mean:.3f} ± {deviation:.3f}" in app.text
    other = open_compare(type(app)(), m="12", methods=["Random", "USL"]).fine()
    assert "Small print" in other.text, "another visitor sees what is done"


def test_a_slider_on_the_move_starts_no_job(app):
    open_compare(app, m="12").fine()
    for value in (0.6, 0.7, 0.8):
        app.widget("slider", "rlambda").set_value(value).run()
    assert not [key for key in pool()._entries if key.startswith("seeds")]


# ---------------------------------------------------------------- other states


def test_what_is_not_encoded_says_so_and_shows_the_way(app, root):
    write_images(root / "album", 4)
    name = name_of(root / "album")
    open_compare(app, data=name).fine()
    assert "not been encoded yet" in app.text
    assert "Encode them on the page Data" in app.plain
    find_images(str(root / "album"))
    app.run().fine()
    assert "not been encoded yet" in app.text


@pytest.mark.parametrize(
    "query", [{"data": "nothing"}, {"data": "folder-0123456789abcdef"}, {"encoder": "x:y"}, {"data": "<b>"}]
)
def test_unknown_data_or_encoder_says_so_and_shows_the_way(app, query):
    open_compare(app, **query)
    assert not app.test.exception
    assert len(app.test.error) == 1
    assert "Choose images on the page Data" in app.plain
    assert not app.test.get("plotly_chart")


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_handful_of_images(app, root, count):
    write_images(root / "album", count)
    prepare(str(root / "album"))
    open_compare(app, data=name_of(root / "album"), pin="0").fine()
    assert sorted(app.picks("USL")) == list(range(count))
    assert sorted(app.picks("Random")) == list(range(count))


def test_without_classes_nothing_asks_for_them(app, root):
    write_images(root / "album", 30)
    prepare(str(root / "album"))
    open_compare(app, data=name_of(root / "album"), m="6", colour="class").fine()
    assert "The classes are unknown" in app.text
    assert len(app.picks("USL")) == 6


def test_umap_takes_the_place_of_pca_and_is_then_on_disk(app, root):
    write_images(root / "album", 40)
    prepare(str(root / "album"))
    name = name_of(root / "album")
    open_compare(app, data=name, m="6", map="PCA").fine()
    assert not [key for key in pool()._entries if key.startswith("map ")], "nobody asked for it"
    app.widget("button_group", "map").set_value("UMAP").run()
    assert "drawn with PCA" in app.fine().plain
    assert [key for key in pool()._entries if key.startswith("map ")]
    app.until_done().fine()
    assert "drawn with UMAP, 15 neighbours, min_dist" in app.plain
    app.widget("button_group", "map").set_value("PCA").run()
    assert "drawn with PCA" in app.fine().plain
    pool.cache_clear()
    cached._prepared.clear()
    fresh = open_compare(type(app)(), data=name, m="6").fine()
    assert "drawn with UMAP, 15 neighbours, min_dist" in fresh.plain, "a new server finds it"


def test_offered_files_follow_the_page_and_go_with_the_session(app, digits):
    client = TestClient(Starlette(routes=list(routes.ROUTES)))

    def offered() -> dict[str, str]:
        links = re.findall(r"href='([^']+)' download='([^']+)'", app.text)
        return {name: address for address, name in links}

    open_compare(app, m="12").fine()
    before = offered()
    assert set(before) == {"picks.csv", "picks-spreadsheet.csv", "picks.npy", "run.json"}
    for budget in (12, 9):
        if budget != 12:
            app.widget("number_input", "m").set_value(budget).run()
        picked = usl.select(digits.features, budget, "usl", neighbors=digits.neighbors)
        answers = {name: client.get(f"/{address}") for name, address in before.items()}
        assert answers["picks.csv"].content == picks_csv(picked, digits.features, digits.neighbors, 20)
        spreadsheet = picks_csv(picked, digits.features, digits.neighbors, 20, spreadsheet=True)
        assert answers["picks-spreadsheet.csv"].content == spreadsheet
        assert np.load(io.BytesIO(answers["picks.npy"].content)).tolist() == picked.indices.tolist()
        assert json.loads(answers["run.json"].content)["budget"] == budget
        for name, got in answers.items():
            assert got.headers["content-disposition"].startswith(f'attachment; filename="{name}";')
        assert offered() == before, "a click while the page runs again must find its file"
    other = open_compare(type(app)(), m="12").fine()
    assert not set(re.findall(r"api/offer/[\w-]+", other.text)) & set(before.values())
    app.test = None
    gc.collect()
    assert client.get("/" + before["picks.csv"]).status_code == 404


def test_hostile_names_never_act(app, root):
    names = ["<img src=x onerror=alert(1)>.png", "![x](y).png", "**b** :red[x].png", "line\nbreak.png", "a.png", "b.png"]
    for at, label in enumerate(("<script>alert(1)<_script>", "**strong**")):
        write_images(root / "<b>album" / label, len(names), names=names, seed=at)
    prepare(str(root / "<b>album"))
    open_compare(app, data=name_of(root / "<b>album"), m="12", pin="0", colour="class").fine()
    for element in app.test.get("html"):
        for markup in ("<img src=x", "<script>", "<b>album"):
            assert markup not in element.proto.body
    for kind in ("markdown", "caption"):
        for element in getattr(app.test, kind):
            for markup in ("<b>album", "![x](", "**strong**", ":red[x]"):
                assert markup not in element.value
    for trace in app.figure()["data"]:
        assert "<script>" not in str(trace.get("name")) + str(trace.get("text"))


# ---------------------------------------------------------------- taking it home


def test_the_commands_are_those_that_repeat_the_view(app):
    open_compare(app, m="15", seed="3", k="30").fine()
    params = usl.UslParams(n_neighbors=30)
    methods = ["random", "stratified", "usl"]
    code = app.test.code[0].value
    assert select_command("demo:digits", "usl", 15, 3, "bundled:mini", params) in code
    assert compare_command("demo:digits", methods, 15, 3, "bundled:mini", {"usl": params}, "umap") in code
    app.widget("selectbox", "download-method").set_value("Random").run()
    assert select_command("demo:digits", "random", 15, 3, "bundled:mini", None) in app.test.code[0].value


def test_report_and_archive_are_jobs_with_a_link_at_the_end(app):
    open_compare(app, m="5").fine()
    for what, name in (("archive", "picks.zip"), ("report", "report.html")):
        app.press(f"start {what}").until_done().fine()
        (job,) = [entry.job for key, entry in pool()._entries.items() if key.startswith(what)]
        assert f"api/file/{job.id}" in app.text
        path = pool().file_of(job.id)
        assert path is not None
        assert path.name == name
        assert path.stat().st_size > 1000
        if what == "archive":
            with zipfile.ZipFile(path) as archive:
                record = json.loads(archive.read("run.json"))
                assert len(archive.namelist()) == 6
            assert (record["budget"], record["method"], record["folder"]) == (5, "usl", "demo:digits")


def test_a_crash_of_a_job_is_a_sentence_and_the_page_lives(app, root, monkeypatch):
    monkeypatch.setattr(pool(), "_command", ("false",))
    open_compare(app, m="5").fine()
    app.press("start archive").until_done()
    assert not app.test.exception
    assert len(app.test.error) == 1
    assert "its process ended with exit status 1" in app.plain
    assert len(app.picks("USL")) == 5
    monkeypatch.undo()
    monkeypatch.setattr(work, "pool", pool)
    app.press("start archive").until_done()


@pytest.mark.parametrize("what", ["archive", "report"])
def test_a_button_pressed_right_after_a_slider_takes_what_the_slider_says(app, what):
    open_compare(app, m="5").fine()
    app.test.number_input(key="m").set_value(6)
    app.press(f"start {what}").fine()
    assert f"start {what}" not in app.keys("button"), "its progress is in the place of the button"
    (job,) = [entry.job for key, entry in pool()._entries.items() if key.startswith(what)]
    app.until_done().fine()
    assert f"api/file/{job.id}" in app.text


def test_a_button_that_was_not_answered_is_forgotten_on_the_next_page(app):
    open_compare(app, m="5").fine()
    app.test.session_state["pressed"] = {"start archive"}
    app.go("density").fine().go("compare").fine()
    assert "start archive" in app.keys("button")
    assert not [key for key in pool()._entries if key.startswith("archive")]


# ---------------------------------------------------------------- for everybody


def test_every_chart_has_words_and_a_table(app):
    open_compare(app, m="7").fine()
    charts = app.test.get("plotly_chart")
    assert len(charts) == 1
    assert all(len(alt) > 40 for alt in (charts[0].proto.alt, app.maps()["alt"]))
    folded = app.text.count("<table")
    app.test.session_state["compare-table"] = True  # unfolded
    app.test.run()
    html = app.text
    assert html.count("<table") == folded + 1 >= 4
    for row in app.picks("USL"):
        assert usl.load_demo("digits").images.paths[row] in html


def test_methods_differ_by_shape_and_not_by_colour_alone():
    markers = [method_style(name).symbol for name in METHOD_OF.values()]
    assert len(set(markers)) == len(markers)


def test_pick_order_is_the_rank(app, digits):
    open_compare(app, m="8").fine()
    assert [item["lines"][0].split(" ")[0] for item in app.gallery("Picks of USL")] == [str(rank) for rank in range(1, 9)]
    assert np.unique(app.picks("USL")).size == 8


# ---------------------------------------------------------------- the first r of m picks


def test_the_first_of_the_picks_are_everywhere(app, digits):
    open_compare(app, m="20", first="7").fine()
    for panel, method in zip(app.maps()["panels"], ("random", "stratified", "usl"), strict=True):
        assert panel["picks"] == expected(digits, method, 20)[:7] == app.picks(method_style(method).label)
        assert panel["title"].endswith(", 7 picks")
    card = usl.score_selection(digits.features, expected(digits, "usl", 20)[:7], digits.neighbors, labels=digits.images.labels)
    assert f"{card.k_center_radius:.3f}" in app.text
    assert "The first 7 of 20 picks" in app.plain
    assert "Two random draws of 7" in app.plain


def test_usl_ranks_by_its_score_if_that_is_wanted(app, digits):
    whole = usl.select(digits.features, 20, "usl", neighbors=digits.neighbors)
    open_compare(app, m="20", first="7", order="regularised utility").fine()
    assert app.picks("USL") == whole.indices[np.argsort(-whole.scores, kind="stable")][:7].tolist()
    assert app.picks("Random") == expected(digits, "random", 20)[:7]


def test_all_picks_stay_all_when_the_budget_changes_and_fewer_stay_fewer(app):
    open_compare(app, m="20").fine()
    app.widget("number_input", "m").set_value(30).run()
    app.fine()
    assert len(app.picks("USL")) == 30
    app.test.slider(key="first-of-30").set_value(8).run()
    assert app.test.query_params["first"] in ("8", ["8"])
    app.widget("number_input", "m").set_value(25).run()
    assert len(app.fine().picks("USL")) == 8
    app.widget("number_input", "m").set_value(5).run()
    assert len(app.fine().picks("USL")) == 5


@pytest.mark.parametrize("first", ["0", "-3", "999", "x", "1e9", "٣"])
def test_what_is_no_rank_shows_all(app, first):
    open_compare(app, m="6", first=first).fine()
    assert len(app.picks("USL")) == 6
