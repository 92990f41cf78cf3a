"""The settings of methods beside USL and USL-T: where they are shown, what they change, and that addresses hold them."""

from __future__ import annotations

import pytest

import usl_core as usl
from usl_core.selection.k_center import KCenterParams

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
