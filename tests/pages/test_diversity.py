"""Diversity, run without a browser: rounds, terms, steps and sweeps are those of the library, on images and on toys."""

from __future__ import annotations

import re

import pytest

import usl_core as usl
from usl_core.explain.steps import steps_to_usl
from usl_core.pipeline.prepared import load_prepared


@pytest.fixture(scope="module")
def digits():
    return usl.load_demo("digits")


def panels(app, at):
    """The panels of the first (0) or second (1) map on the page."""
    return [found["panels"] for found in app.components() if "panels" in found][at]


def test_it_opens_on_the_last_round(app, digits):
    app.open("diversity", m="15").fine()
    chosen = usl.select(digits.features, 15, "usl", neighbors=digits.neighbors)
    assert app.heading == "What does the regulariser do?"
    last = chosen.trace[-1]
    assert f"Round {len(chosen.trace)} of {len(chosen.trace)}:" in app.plain
    assert f"objective {last.objective:.3f}" in app.plain
    assert [panel["picks"] for panel in panels(app, 0)] == [chosen.indices.tolist()] * 3
    assert app.picks("USL") == chosen.indices.tolist()


def test_the_round_slider_shows_each_round_and_its_moves(app, digits):
    app.open("diversity", m="40", rlambda="2").fine()
    params = usl.UslParams(reg_weight=2.0, relative_weight=True)
    chosen = usl.select(digits.features, 40, "usl", params, neighbors=digits.neighbors)
    length = len(chosen.trace)
    moved = 0
    for at in (1, 2, length // 2):
        app.widget("slider", f"round-{length}").set_value(at).run()
        step = chosen.trace[at - 1]
        assert f"Round {at} of {length}:" in app.fine().plain
        assert f"mean utility of the picks {step.mean_utility:.3f}" in app.plain
        for panel in panels(app, 0):
            assert panel["picks"] == step.picks.tolist()
            assert len(panel["arrows"]) == (step.moved if at > 1 else 0)
        moved += len(panels(app, 0)[0]["arrows"])
    assert moved, "nothing moved, so no arrow was tested"


@pytest.mark.parametrize("toy", ["blobs", "rings"])
def test_a_toy_takes_the_place_of_the_images(app, toy):
    app.open("diversity", on=toy, m="12").fine()
    made = load_prepared(f"toy:{toy}")
    chosen = usl.select(made.features, 12, "usl", neighbors=made.neighbors)
    assert f"Toy: {toy} · {len(made.features)} images" in app.plain or f"Toy: {toy}" in app.plain
    assert panels(app, 0)[0]["picks"] == chosen.indices.tolist()
    steps = steps_to_usl(made.features.values, 12, usl.UslParams(), neighbors=made.neighbors)
    assert [panel["picks"] for panel in panels(app, 1)] == [step.picks.tolist() for step in steps]
    assert not [found for found in app.components() if found.get("title") == "Picks of USL"], "a toy has no images"


def test_a_budget_beyond_the_toy_is_cut(app):
    app.open("diversity", on="moons", m="1000").fine()
    assert len(panels(app, 0)[0]["picks"]) == 300


def test_one_image_and_one_round_are_no_mistake(app):
    app.open("diversity", m="1", iterations="1").fine()
    assert "Round 1 of 1:" in app.plain


def test_the_sweep_comes_from_a_worker(app, digits):
    app.open("diversity", m="10").fine()
    app.press("start sweep").until_done().fine()
    tables = re.findall(r"aria-label='(USL by [^']+)'", app.text)
    assert tables == ["USL by λ (relative)", "USL by α"]
    plain = usl.select(digits.features, 10, "usl", usl.UslParams(reg_weight=0.0), neighbors=digits.neighbors)
    pushed = usl.select(
        digits.features, 10, "usl", usl.UslParams(reg_weight=5.0, relative_weight=True), neighbors=digits.neighbors
    )
    changed = len(set(pushed.indices.tolist()) - set(plain.indices.tolist()))
    assert f"<th scope='row'>5</th><td>{changed}</td>" in app.text
