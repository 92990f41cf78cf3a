"""The settings of the maps: each is a map of its own, in the address, on disk; the one of before stays until it is there."""

from __future__ import annotations

import numpy as np
import pytest

import usl_core as usl
from pages.ui import cached
from pages.ui.jobs.pool import pool
from usl_core.export.command_text import compare_command
from usl_core.pipeline.artefacts import load_or_draw_map
from usl_core.pipeline.prepared import prepare
from usl_core.projection.params import UmapParams

from .conftest import name_of, rebuilt, write_images
from .job_helpers import command

DEFAULT = "drawn with UMAP, 15 neighbours, min_dist 0.8, seed 0"
NEVER = command("import time; time.sleep(600)")


@pytest.fixture
def album(root) -> str:
    """A small data set with its default UMAP."""
    made = prepare(str(write_images(root / "album", 30)))
    load_or_draw_map(made.features, made.neighbors)
    return name_of(root / "album")


def map_jobs() -> dict[str, str]:
    return {key: entry.job.status for key, entry in pool()._entries.items() if key.startswith("map ")}


def test_a_setting_draws_another_map_while_the_one_of_before_stays(app, album):
    app.open("compare", data=album, m="5").fine()
    first = app.maps()["xy"]
    assert map_jobs() == {}
    app.widget("number_input", "mapk").set_value(6).run()
    app.fine()
    assert "drawn with UMAP, 15 neighbours" in app.plain
    assert "This is the map of before" in "".join(bar.proto.text for bar in app.test.get("progress"))
    assert app.maps()["xy"] == first
    assert len(map_jobs()) == 1
    app.until_done().fine()
    assert "drawn with UMAP, 6 neighbours" in app.plain
    assert app.maps()["xy"] != first
    app.press("reset-mapk").fine()
    assert "drawn with UMAP, 15 neighbours" in app.plain
    assert app.maps()["xy"] == first


def test_a_link_shows_its_map_at_once_where_it_is_on_disk(app, album):
    made = cached.prepared(album, "bundled:mini")
    drawn = load_or_draw_map(made.features, made.neighbors, "umap", UmapParams(n_neighbors=4, min_dist=0.5, seed=9))
    for page in ("compare", "density", "diversity", "uslt"):
        seen = type(app)().open(page, data=album, m="5", mapk="4", mindist="0.5", mapseed="9").fine()
        assert "drawn with UMAP, 4 neighbours, min_dist 0.5, seed 9" in seen.plain
        if page == "compare":
            np.testing.assert_array_equal(rebuilt(seen.maps()["xy"]), drawn.xy)
    assert map_jobs() == {}


def test_one_setting_after_another_keeps_what_was_seen_last(app, album, monkeypatch):
    app.open("compare", data=album, m="5", mindist="0.5").until_done().fine()
    assert "min_dist 0.5" in app.plain
    monkeypatch.setattr(pool(), "_command", NEVER)
    app.widget("number_input", "mapseed").set_value(3).run()
    assert "min_dist 0.5, seed 0" in app.fine().plain, "not the default map, which was not on the screen"
    code = app.test.code[0].value
    umap = UmapParams(min_dist=0.5)
    source = cached.prepared(album, "bundled:mini").source
    words = compare_command(
        source, ["random", "cluster-stratified", "usl"], 5, 0, "bundled:mini", {"usl": usl.UslParams()}, "umap", None, umap
    )
    assert "--map-min-dist 0.5" in words
    assert words in code, "the command draws the map that is on the screen"
    assert "--map-seed" not in code


def test_a_setting_that_is_left_ends_its_job_and_begins_again_when_it_is_chosen_again(app, album, monkeypatch):
    monkeypatch.setattr(pool(), "_command", NEVER)
    app.open("compare", data=album, m="5").fine()
    app.widget("button_group", "mindist").set_value("0.5").run()
    (first,) = map_jobs()
    app.widget("button_group", "mindist").set_value("0.8").run()
    app.fine()
    (second,) = set(map_jobs()) - {first}
    assert map_jobs()[first] in ("stopping", "cancelled")
    assert map_jobs()[second] in ("waiting", "running")
    app.widget("button_group", "mindist").set_value("0.5").run()
    assert map_jobs()[first] in ("waiting", "running"), "nobody cancelled it"
    app.widget("button_group", "mindist").set_value("auto").run()
    assert {status in ("stopping", "cancelled") for status in map_jobs().values()} == {True}
    assert "Resume" not in app.fine().text


def test_a_map_that_is_cancelled_stays_cancelled(app, album, monkeypatch):
    monkeypatch.setattr(pool(), "_command", NEVER)
    app.open("compare", data=album, m="5", mapseed="7").fine()
    (key,) = map_jobs()
    app.press(f"cancel {key}")
    app.until_done().fine()
    assert map_jobs() == {key: "cancelled"}
    assert [button.label for button in app.test.button if button.key == "start map"] == ["Resume"]
    app.run().fine()
    assert map_jobs() == {key: "cancelled"}


def test_the_map_of_a_demo_can_be_drawn_otherwise(app):
    app.open("compare", m="5", mindist="0.1").fine()
    assert DEFAULT in app.plain
    app.until_done().fine()
    assert "drawn with UMAP, 15 neighbours, min_dist 0.1, seed 0" in app.plain


def test_pca_and_toys_have_no_settings(app):
    app.open("compare", m="5", mindist="0.1", map="PCA").fine()
    assert "drawn with PCA" in app.plain
    assert "--map-" not in app.test.code[0].value
    app.open("diversity", on="moons").fine()
    assert map_jobs() == {}


@pytest.mark.parametrize(
    "query",
    [
        *({"mapk": "1"}, {"mapk": "-3"}, {"mapk": "many"}, {"mapk": "1e9"}, {"mapk": "inf"}, {"mapk": ""}),
        *({"mindist": "3"}, {"mindist": "<b>"}, {"mindist": "nan"}, {"mindist": ""}),
        *({"mapseed": "-1"}, {"mapseed": "1e99"}, {"mapseed": "0.5"}, {"mapseed": "nan"}),
    ],
    ids=str,
)
def test_nonsense_in_the_address_is_the_default(app, query):
    app.open("compare", m="5", map="PCA", **query).fine()
    assert "Map settings" in [block.label for block in app.test.expander]
    chosen = app.test.session_state["choices"].umap
    assert chosen in (UmapParams(), UmapParams(n_neighbors=200))


def test_many_neighbours_of_few_images_are_those_that_there_are(app, album):
    app.open("compare", data=album, m="5", mapk="150").until_done().fine()
    assert "drawn with UMAP, 30 neighbours" in app.plain
