"""One of near-duplicates: a switch of the whole app, a slider that stands in two places, and the groups on the page Data."""

from __future__ import annotations

import re
import shlex
import time

import numpy as np
import pytest

import usl_core as usl
from pages.ui import cached, state
from pages.ui.data.near_duplicates import SHOWN_GROUPS
from pages.ui.jobs.pool import pool
from usl_core.cli.parser import build_parser, main
from usl_core.explain.sweeps import sweep
from usl_core.graph.near_duplicates import find_near_duplicates

SWITCH, ON = "one", {"one": "true"}


@pytest.fixture(scope="module")
def shapes() -> usl.Features:
    return usl.load_demo("shapes").features


def test_the_usual_cosine_is_that_of_the_library(shapes):
    assert find_near_duplicates(np.eye(2)).cosine == state.USUALLY_ALIKE


def test_data_shows_the_groups(app, shapes):
    app.open("data", data="shapes").fine()
    found = usl.find_near_duplicates(shapes, 0.99)
    for figure in (f"Groups {len(found):,}", f"Images in them {found.n_images:,}"):
        assert figure in app.text
    assert f"Different images {len(found.open):,}" in app.text
    for number, group in enumerate(found.groups(most=SHOWN_GROUPS), start=1):
        items = app.gallery(f"Group {number} of near-duplicates")
        assert [item["row"] for item in items] == group.tolist()
        assert items[0]["lines"][-1] == "stands for it"
        cosine = float(items[1]["lines"][-1])
        assert cosine == pytest.approx(float(shapes.values[group[0]] @ shapes.values[group[1]]), abs=6e-4)
    assert f"The {SHOWN_GROUPS} largest of {len(found)} groups" in app.plain


def test_the_slider_is_part_of_the_address_and_both_say_the_same(app, shapes):
    app.open("data", data="shapes", alike="0.95", **ON).fine()
    assert app.widget("slider", "alike-data").value == app.widget("slider", "alike-sidebar").value == 0.95
    assert f"Groups {len(usl.find_near_duplicates(shapes, 0.95)):,}" in app.text
    app.widget("slider", "alike-sidebar").set_value(0.97).run()
    assert app.fine().widget("slider", "alike-data").value == 0.97
    app.widget("slider", "alike-data").set_value(0.985).run()
    assert app.fine().widget("slider", "alike-sidebar").value == 0.985
    assert app.test.session_state["alike"] == "0.985"
    app.press("reset-alike-data").fine()
    assert app.widget("slider", "alike-sidebar").value == state.USUALLY_ALIKE
    assert app.test.session_state["alike"] == ""
    assert "reset-alike-sidebar" not in app.keys("button")


@pytest.mark.parametrize("nonsense", ["nan", "inf", "-1", "0.5", "2", "alike", "1e999", ""])
def test_nonsense_in_the_address_is_the_usual_cosine(app, nonsense):
    app.open("data", alike=nonsense).fine()
    assert app.widget("slider", "alike-data").value == state.USUALLY_ALIKE


def test_data_says_what_they_cost(app, shapes):
    app.open("data", data="shapes", m="600", alike="0.97").fine()
    graph = usl.load_demo("shapes").neighbors
    found = usl.find_near_duplicates(shapes, 0.97, neighbors=graph)
    said = {}
    for method in ("random", "stratified", "usl"):
        picked = usl.select(shapes, 600, method, labels=shapes.images.labels, neighbors=graph)
        said[method] = found.repeats(picked.indices)
    assert min(said.values()) > 0
    counts = f"**Random** {said['random']}, **Stratified** {said['stratified']}, **USL** {said['usl']}"
    assert f"Of 600 picks, so many show what another pick shows: {counts}." in app.plain
    app.widget("toggle", SWITCH).set_value(True).run()
    assert f"Of 600 picks, so many would show what another pick shows: {counts}." in app.fine().plain


def test_without_near_duplicates_data_says_so(app):
    app.open("data", data="digits", alike="0.999").fine()
    assert "No two images are alike at cosine 0.999 or more" in app.plain
    assert "so many" not in app.plain


def test_every_method_obeys_and_the_page_says_so(app, shapes):
    query = {"data": "shapes", "m": "400", "alike": "0.97"}
    graph = usl.load_demo("shapes").neighbors
    found = usl.find_near_duplicates(shapes, 0.97, neighbors=graph)
    app.open("compare", **query).fine()
    freely = app.maps()["panels"]
    assert "one of near-duplicates" not in app.plain
    app.widget("toggle", SWITCH).set_value(True).run()
    app.fine()
    assert "one of near-duplicates (cosine 0.97)" in app.plain
    assert f"near-duplicates, at cosine 0.97 or more: {len(found)} groups hold {found.n_images} images" in app.plain
    panels = app.maps()["panels"]
    assert [len(panel["picks"]) for panel in panels] == [400] * 3
    assert all(found.repeats(np.array(panel["picks"])) == 0 for panel in panels)
    assert all(found.repeats(np.array(panel["picks"])) > 0 for panel in freely)
    expected = usl.select(shapes, 400, neighbors=graph, near_duplicates=0.97).indices
    assert panels[-1]["picks"] == expected.tolist()


def test_the_command_repeats_the_picks_and_jobs_are_told(app, tmp_path, monkeypatch):
    app.open("compare", data="shapes", m="400", alike="0.97", methods=["Random", "USL"], **ON).fine()
    (code,) = (element.value for element in app.test.code if "usl_core select" in element.value)
    select, compare = code.splitlines()
    assert all("--near-duplicates 0.97" in line for line in (select, compare))
    build_parser().parse_args(shlex.split(compare)[3:])
    monkeypatch.chdir(tmp_path)
    assert main([*shlex.split(select)[3:], "--quiet"]) == 0
    assert np.load(tmp_path / "picks" / "picks.npy").tolist() == app.maps()["panels"][-1]["picks"]


def test_jobs_obey(app, shapes):
    graph = usl.load_demo("shapes").neighbors
    query = {"data": "shapes", "m": "60", "alike": "0.93", "methods": ["Random", "USL"], "k": "5", **ON}
    app.open("compare", **query).fine()
    app.press("start report")
    app.until_done().fine()
    (report,) = [entry.job for key, entry in pool()._entries.items() if key.startswith("report")]
    words = pool().file_of(report.id).read_text(encoding="utf-8")
    assert "at most one of each group, cosine 0.93 or more" in words
    assert "--near-duplicates 0.93" in words
    params = usl.UslParams(n_neighbors=5)
    deadline = time.monotonic() + 60
    while not (seeds := [entry.job for key, entry in pool()._entries.items() if key.startswith("seeds")]):
        assert time.monotonic() < deadline
        time.sleep(0.2)
        app.run()
    app.until_done()
    (seeds,) = [entry.job for key, entry in pool()._entries.items() if key.startswith("seeds")]
    picked = usl.compare(shapes, 60, ["random"], seeds=range(10), neighbors=graph, near_duplicates=0.93).pick_counts("random")
    assert seeds.result["random"]["picked"]["rows"] == picked.nonzero()[0].tolist()
    app.go("diversity").press("start sweep").until_done().fine()
    (swept,) = [entry.job for key, entry in pool()._entries.items() if key.startswith("sweep")]
    weights = swept.result["reg_weight"]
    expected = sweep(shapes, 60, "reg_weight", weights["values"][-1:], params=params, neighbors=graph, near_duplicates=0.93)[0]
    freely = sweep(shapes, 60, "reg_weight", weights["values"][-1:], params=params, neighbors=graph)[0]
    assert weights["scores"]["coverage"][-1] == expected.card.coverage != freely.card.coverage


def test_a_budget_beyond_the_groups_is_a_sentence(app, shapes):
    most = len(usl.find_near_duplicates(shapes, 0.9).open)
    app.open("compare", data="shapes", m=str(most + 1), alike="0.9", **ON)
    assert not app.test.exception
    (error,) = (element.value for element in app.test.error)
    assert re.search(rf"budget must be in .*1, {most}.* near-duplicates at cosine 0.9", error.replace("\\", ""))
    app.widget("toggle", SWITCH).set_value(False).run()
    app.fine()


def test_density_and_diversity_obey_but_toys_have_none(app, shapes):
    graph = usl.load_demo("shapes").neighbors
    expected = usl.select(shapes, 400, neighbors=graph, near_duplicates=0.97).indices.tolist()
    app.open("density", data="shapes", m="400", alike="0.97", **ON).fine()
    app.widget("toggle", "density-picks").set_value(True).run()
    assert app.fine().maps()["panels"][0]["picks"] == expected
    app.go("diversity").fine()
    assert app.maps()["panels"][0]["picks"] == expected
    assert "one of near-duplicates (cosine 0.97)" in app.plain
    toy = type(app)().open("diversity", on="blobs", m="400", alike="0.97", **ON).fine()
    assert "Toy: blobs" in toy.plain
    assert "one of near-duplicates" not in toy.plain


def test_a_finished_training_is_shown_without_another(app, shapes):
    params = usl.UsltParams(n_epochs=2, n_views=0)
    made = cached.prepared("shapes", "bundled:mini")
    cached.training_record(made, 200, params, 0).train(made.neighbors)
    found = usl.find_near_duplicates(shapes, 0.97, neighbors=made.neighbors)
    query = {"data": "shapes", "m": "200", "alike": "0.97", "epochs": "2", "views": "0"}
    app.open("uslt", **query).fine()
    before = app.maps()["panels"][0]["picks"]
    app.widget("toggle", SWITCH).set_value(True).run()
    after = app.fine().maps()["panels"][0]["picks"]
    assert found.repeats(np.array(before)) > found.repeats(np.array(after)) == 0
    assert app.picks("USL-T") == after[:120]
    app.go("compare")
    app.widget("button_group", "methods").set_value(["Random", "USL-T"]).run()
    assert app.fine().maps()["panels"][-1]["picks"] == after
