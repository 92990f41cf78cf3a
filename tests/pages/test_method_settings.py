"""The settings of methods beside USL and USL-T: where they are shown, what they change, and that addresses hold them."""

from __future__ import annotations

from dataclasses import replace

import pytest

import usl_core as usl
from pages.ui import cached
from pages.ui.access import folders
from pages.ui.jobs.pool import pool
from pages.ui.review import picks
from usl_core.selection import registry
from usl_core.selection.k_center import KCenterParams

from .conftest import App

LABELS = ["Random", "k-center"]


def expected(first: str, seed: int = 3) -> list[int]:
    demo = usl.load_demo("digits")
    return usl.select(demo.features, 10, "k-center", KCenterParams(first=first), seed=seed).indices.tolist()


def open_compare(app, **query):
    return app.open("compare", m="10", seed="3", map="PCA", methods=LABELS, **query)


def test_a_method_with_settings_has_its_controls_on_compare(app):
    open_compare(app).fine()
    assert app.picks("k-center") == expected("mean")
    control = next(found for found in app.test.get("button_group") if found.proto.label == "First pick")
    assert control.key == "k-center.first"
    assert "Settings of k-center" in [found.proto.popover.label for found in app.test.get("popover")]
    app.test.session_state["k-center.first"] = "random"
    app.run().fine()
    assert app.picks("k-center") == expected("random")
    assert "--set k-center.first=random" in app.plain


def test_an_address_holds_them(app):
    open_compare(app, **{"k-center.first": "random"}).fine()
    assert app.picks("k-center") == expected("random")
    app.go("data").go("compare").fine()
    assert app.picks("k-center") == expected("random")


def test_review_shows_and_follows_them(app):
    app.open("review", m="10", seed="3", map="PCA", method="k-center", **{"k-center.first": "random"}).fine()
    told = next(found for found in app.components() if "picks" in found and "classes" in found)
    assert [pick["row"] for pick in told["picks"]] == expected("random")


@pytest.mark.parametrize("page", ["compare", "review"])
def test_nothing_is_shown_where_there_is_nothing_to_set(app, page):
    app.open(page, m="10", map="PCA").fine()
    assert not [found for found in app.test.get("button_group") if found.key == "k-center.first"]


# ---------------------------------------------------------------- methods that take a while


@pytest.fixture
def slow(monkeypatch) -> None:
    """k-center takes a while on any number of images."""
    card = replace(registry._BY_NAME["k-center"], quick_up_to=0)
    monkeypatch.setitem(registry._BY_NAME, "k-center", card)
    for function in (cached._select, cached._score, picks._pool):
        function.clear()


def test_a_slow_method_is_a_job_and_the_others_do_not_wait(app, slow):
    open_compare(app, **{"k-center.first": "random"}).fine()
    assert [panel["title"] for panel in app.maps()["panels"]] == ["Random, 10 picks"]
    assert any("k-center picks" in bar.proto.text for bar in app.test.get("progress"))
    assert app.test.button(key=f"cancel {next(key for key in pool()._entries if key.startswith('select k-center'))}")
    app.until_done().fine()
    assert app.picks("k-center") == expected("random")
    assert "k-center: this seed alone" in app.plain
    app.test.session_state["k-center.first"] = "mean"
    app.run().fine()
    assert [panel["title"] for panel in app.maps()["panels"]] == ["Random, 10 picks"]
    app.until_done().fine()
    assert app.picks("k-center") == expected("mean")
    cached._select.clear()
    assert open_compare(App()).fine().picks("k-center") == expected("mean"), "kept on disk"


def test_other_settings_give_up_what_was_asked_for(app, slow):
    open_compare(app).fine()
    (key,) = (key for key in pool()._entries if key.startswith("select k-center"))
    app.test.session_state["k-center.first"] = "random"
    app.run().fine()
    assert key not in pool()._entries or pool().find(key).status in ("stopping", "cancelled", "done")


def test_a_cancelled_one_can_be_asked_for_again(app, slow):
    open_compare(app).fine()
    key = next(key for key in pool()._entries if key.startswith("select k-center"))
    app.press(f"cancel {key}")
    app.until_done().fine()
    if pool().find(key).status == "cancelled":  # it may have been done before
        assert "Cancelled at" in app.plain
        app.press("start select k-center").until_done()
    assert app.fine().picks("k-center") == expected("mean")


def test_a_server_that_computes_nothing_says_so(app, slow, monkeypatch):
    monkeypatch.setenv(folders.ENV_READ_ONLY, "1")
    open_compare(app).fine()
    assert "k-center takes a while on so many images, and this server computes nothing new" in app.plain
    assert [panel["title"] for panel in app.maps()["panels"]] == ["Random, 10 picks"]


def test_review_waits_for_a_slow_method(app, slow):
    app.open("review", m="10", seed="3", map="PCA", method="k-center").fine()
    assert any("k-center picks" in bar.proto.text for bar in app.test.get("progress"))
    app.until_done().fine()
    told = next(found for found in app.components() if "picks" in found and "classes" in found)
    assert [pick["row"] for pick in told["picks"]] == expected("mean")
