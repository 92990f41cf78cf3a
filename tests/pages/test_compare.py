"""The page Compare, run without a browser: what it shows for which choices."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import usl_core as usl

MAIN = str(Path(__file__).resolve().parents[2] / "pages" / "ui" / "main.py")


@pytest.fixture
def app() -> AppTest:
    return AppTest.from_file(MAIN, default_timeout=60)


def html(app: AppTest) -> str:
    return "".join(element.proto.body for element in app.get("html"))


def map_spec(app: AppTest) -> dict:
    return json.loads(app.get("plotly_chart")[0].proto.spec)


def pick_traces(app: AppTest) -> list[dict]:
    return [trace for trace in map_spec(app)["data"] if trace["type"] == "scatter" and trace.get("name", "").endswith("pick")]


def test_it_opens_on_the_demo_without_an_error(app):
    app.run()
    assert not app.exception
    assert not app.error
    page = html(app)
    assert "1,797 images" in page
    assert "trustworthiness 0.9" in page
    assert page.count("<li ") == 3 * 40
    for title in ("Random", "Stratified", "USL"):
        assert any(heading.value == title for heading in app.subheader)


def test_the_gallery_shows_exactly_what_the_library_selects(app):
    app.run()
    demo = usl.load_demo("digits")
    page = html(app)
    for method in ("random", "stratified", "usl"):
        chosen = usl.select(demo.features, 40, method, labels=demo.images.labels, neighbors=demo.neighbors)
        addresses = [f"api/thumb/digits/{index}'" for index in chosen.indices]
        assert all(address in page for address in addresses)
    every = usl.select(demo.features, 40, "usl", neighbors=demo.neighbors)
    listed = page.split("Picks of USL")[1].split("</ol>")[0]
    assert [int(part.split("'")[0]) for part in listed.split("api/thumb/digits/")[1:]] == every.indices.tolist()


@pytest.mark.parametrize(
    ("label", "value", "params"),
    [
        ("Neighbours k", 150, {"n_neighbors": 150}),
        ("Weight λ", 1.5, {"reg_weight": 1.5}),
        ("Power α", 3.0, {"reg_power": 3.0}),
    ],
)
def test_each_slider_reaches_the_method(app, label, value, params):
    app.run()
    next(slider for slider in app.slider if slider.label == label).set_value(value)
    app.run()
    demo = usl.load_demo("digits")
    expected = usl.select(demo.features, 40, "usl", usl.UslParams(**params), neighbors=demo.neighbors)
    listed = html(app).split("Picks of USL")[1].split("</ol>")[0]
    assert [int(part.split("'")[0]) for part in listed.split("api/thumb/digits/")[1:]] == expected.indices.tolist()


def test_relative_lambda_has_its_own_slider_and_says_what_it_comes_to(app):
    app.run()
    app.toggle[0].set_value(True)
    app.run()
    assert not app.exception
    assert any(slider.label == "Weight λ (relative)" for slider in app.slider)
    demo = usl.load_demo("digits")
    params = usl.UslParams(reg_weight=1.0, relative_weight=True)
    weight = usl.select(demo.features, 40, "usl", params, neighbors=demo.neighbors).info["reg_weight"]
    assert any(f"λ is {weight:.3g} in absolute terms" in caption.value for caption in app.caption)


def test_budget_and_seed_and_data_set(app):
    app.run()
    app.slider[0].set_value(150)
    app.number_input[0].set_value(7)
    app.run()
    assert html(app).count("<li ") == 3 * 120
    assert any("the first 120 of 150 picks" in caption.value for caption in app.caption)
    app.slider[0].set_value(1)
    app.run()
    assert not app.exception
    assert html(app).count("<li ") == 3


def test_a_link_repeats_the_view(app):
    app.query_params["data"] = "shapes"
    app.query_params["m"] = "12"
    app.query_params["colour"] = "class"
    app.query_params["lambda"] = "1.25"
    app.run()
    assert not app.exception
    page = html(app)
    assert "Shapes" in page
    assert page.count("<li ") == 3 * 12
    assert next(slider for slider in app.slider if slider.label == "Weight λ").value == 1.25
    demo = usl.load_demo("shapes")
    assert set(demo.images.class_names) <= {trace.get("name") for trace in map_spec(app)["data"]}


@pytest.mark.parametrize(
    "query", [{"m": "0"}, {"m": "many"}, {"k": "-3"}, {"data": "../../etc"}, {"colour": "<b>"}, {"seed": "1e99"}]
)
def test_nonsense_in_a_link_falls_back_to_the_default(app, query):
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    assert html(app).count("<li ") == 3 * 40


def test_scores_are_those_of_the_library(app):
    app.run()
    demo = usl.load_demo("digits")
    chosen = usl.select(demo.features, 40, "usl", neighbors=demo.neighbors)
    card = usl.score_selection(demo.features, chosen, demo.neighbors, labels=demo.images.labels)
    assert f"{card.nearest_pick_accuracy * 100:.1f} %" in html(app)
    assert f"{card.k_center_radius:.3f}" in html(app)


def test_every_chart_has_words(app):
    app.run()
    for chart in app.get("plotly_chart"):
        assert len(chart.proto.alt) > 40
