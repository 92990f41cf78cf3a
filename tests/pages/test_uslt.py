"""The page USL-T, and USL-T on Compare: before, while and after a training, and between two sessions."""

from __future__ import annotations

import time

import pytest

import usl_core as usl
from pages.ui.jobs.pool import pool
from pages.ui.maps.arrays import STORE, category_codes
from usl_core.features.views import views_key
from usl_core.uslt.records import TrainingRecord

from .conftest import App, name_of, write_images

N_EXPERIMENTS = 2  # with a chart
QUICK = {"epochs": "4", "views": "0", "m": "12"}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("USL_CACHE_DIR", str(tmp_path / "cache"))


def record(budget: int = 12, **settings) -> TrainingRecord:
    demo = usl.load_demo("digits")
    params = usl.UsltParams(**{"n_epochs": 4, "n_views": 0, **settings})
    key = views_key(demo.features, params.n_views) if params.n_views else None
    return TrainingRecord(demo.features, budget, params, views_key=key)


def open_uslt(app: App, **query) -> App:
    return app.open("uslt", **{**QUICK, **query})


def active() -> list[str]:
    return [key for key, entry in pool()._entries.items() if entry.job.active]


def test_before_a_training_there_is_a_button_and_nothing_else(app):
    open_uslt(app).fine()
    assert app.heading == "How does learning select?"
    assert "uslt-start" in app.keys("button")
    assert len(app.test.get("plotly_chart")) == N_EXPERIMENTS


def test_from_start_to_picks(app):
    open_uslt(app).fine().press("uslt-start").fine()
    app.until_done().run().fine()
    demo = usl.load_demo("digits")
    expected = usl.train_uslt(demo.features, 12, record().params, neighbors=demo.neighbors, labels=demo.images.labels)
    assert app.picks("USL-T") == expected.last.picks.tolist()
    assert len(app.test.get("plotly_chart")) == 3 + N_EXPERIMENTS
    assert "trained with noise on the features" in app.plain
    metrics = {element.label: element.value for element in app.test.metric}
    assert metrics["Clusters alive"] == f"{expected.last.n_alive} of 12"
    assert metrics["Purity"] == f"{expected.last.purity:.0%}"
    assert "uslt-start" not in app.keys("button")


def test_the_training_begins_with_what_the_slider_says_by_then(app):
    open_uslt(app).fine()
    app.test.number_input(key="m").set_value(11)
    app.press("uslt-start").fine()
    (key,) = active()
    assert key == f"uslt {record(11).key}"


def test_the_replay_shows_any_epoch(app):
    history = record().train(usl.load_demo("digits").neighbors).history
    open_uslt(app).fine()
    app.widget("slider", "uslt-epoch-4").set_value(2).run()
    app.fine()
    (panel,) = app.maps()["panels"]
    assert panel["title"].startswith(f"epoch 2: {history[1].n_alive} clusters")
    assert panel["picks"] == history[1].picks.tolist()
    assert f"Epoch 2: {history[1].n_alive} clusters" in app.plain
    clusters = next(channel for channel in app.maps()["channels"] if channel["name"] == "cluster")
    assert STORE.find(clusters["codes"]) == category_codes(history[1].clusters).tobytes()
    for colour in ("confidence", "class", "cluster"):
        app.widget("button_group", "drawn").set_value(colour).run()
        assert app.fine().maps()["colour"] == colour


def test_a_link_to_a_finished_training_shows_it_at_once(app):
    record().train(usl.load_demo("digits").neighbors)
    open_uslt(app).fine()
    assert len(app.picks("USL-T")) == 12
    assert active() == []


def long_training(app: App) -> App:
    open_uslt(app, epochs="1000").fine().press("uslt-start").fine()
    (key,) = active()
    deadline = time.monotonic() + 60
    while not record(n_epochs=1000).epochs():
        assert time.monotonic() < deadline, pool().find(key)
        time.sleep(0.1)
    return app.run().fine()


def stopped(app: App) -> App:
    deadline = time.monotonic() + 10
    while active():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return app.run().fine()


def test_pause_keeps_the_epochs_and_cancel_does_not(app):
    long_training(app)
    assert app.test.get("plotly_chart")
    app.press("uslt-pause")
    stopped(app)
    done = len(record(n_epochs=1000).epochs())
    assert done > 0
    assert app.test.button(key="uslt-start").label == f"Go on after epoch {done}"
    app.press("uslt-start").fine()
    app.press("uslt-cancel")
    stopped(app)
    assert record(n_epochs=1000).epochs() == []
    assert app.test.button(key="uslt-start").label == "Start the training"


def test_another_training_replaces_the_first_only_after_asking(app):
    long_training(app)
    (first,) = active()
    app.widget("slider", "talpha").set_value(2.0).run()
    app.fine()
    assert "A training with other settings is running" in app.text
    app.press("uslt-other").fine()
    app.press("uslt-keep").fine()
    assert active() == [first]
    app.press("uslt-other").fine()
    app.press("uslt-replace").fine()
    deadline = time.monotonic() + 10
    while first in active():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (second,) = active()
    assert second != first
    assert record(n_epochs=1000).epochs(), "the epochs of the first are kept"


def test_two_sessions_do_not_disturb_each_other(app):
    long_training(app)
    (first,) = active()
    other = App()
    open_uslt(other, epochs="1000").fine()
    assert "uslt-pause" in other.keys("button"), "it sees the same training"
    other.widget("slider", "talpha").set_value(2.0).run()
    other.fine()
    assert "uslt-start" in other.keys("button"), "its own sidebar, its own training"
    other.press("uslt-start").fine()
    assert len(active()) == 2
    assert first in active()


def test_compare_shows_the_last_training_and_says_when_the_settings_are_others(app):
    open_uslt(app).press("uslt-start").until_done().run()
    app.go("compare")
    app.widget("button_group", "methods").set_value(["USL", "USL-T"]).run()
    app.fine()
    before = app.picks("USL-T")
    assert "trained last" not in app.text
    app.widget("slider", "tau").set_value(0.9).run()
    app.fine()
    assert "trained last" in app.text
    assert app.picks("USL-T") == before
    assert "--tau" not in app.test.code[0].value, "the command repeats what is shown, not what the sidebar says"


def test_a_training_that_dies_says_so_and_can_be_started_again(app, monkeypatch):
    monkeypatch.setattr(pool(), "_command", ("false",))
    open_uslt(app).press("uslt-start").until_done()
    assert not app.test.exception
    assert "ended with exit status 1" in app.plain
    assert "uslt-start" in app.keys("button")


def test_the_read_only_server_does_not_train(app, monkeypatch):
    monkeypatch.setenv("USL_READ_ONLY", "1")
    open_uslt(app)
    assert not app.test.exception
    assert "does not train" in app.text
    assert "uslt-start" not in app.keys("button")


def test_without_features_the_way_is_shown(app, root):
    write_images(root / "album", 5)
    open_uslt(app, data=name_of(root / "album")).fine()
    assert "Encode them on the page Data" in app.text


def interrupted_after(epoch: int) -> None:
    from usl_core.errors import Cancelled

    def stop(report):
        if report.epoch == epoch:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        record().train(usl.load_demo("digits").neighbors, on_epoch=stop)


def test_an_interrupted_training_is_shown_and_offered_to_be_gone_on_with(app):
    interrupted_after(2)
    open_uslt(app).fine()
    assert app.test.button(key="uslt-start").label == "Go on after epoch 2"
    assert len(app.test.get("plotly_chart")) == 3 + N_EXPERIMENTS


def test_begin_anew_throws_the_epochs_away(app):
    interrupted_after(2)
    open_uslt(app).fine().press("uslt-anew").fine()
    assert len(active()) == 1
    assert record().epochs() == [], "its process is only just starting"


def test_a_collapse_is_named_with_its_remedy(app):
    settings = {"adjust_strength": 0.0, "sharpen_temperature": 1.0, "n_epochs": 30}
    record(**settings).train(usl.load_demo("digits").neighbors)
    open_uslt(app, epochs="30", talpha="0", t="1").fine()
    warnings = " ".join(element.value for element in app.test.warning)
    assert "collapse" in warnings
    assert "Raise alpha" in warnings


def test_compare_shows_a_finished_training_and_the_command_that_repeats_it(app):
    training = record().train(usl.load_demo("digits").neighbors)
    app.open("compare", **QUICK, methods=["Random", "USL", "USL-T"]).fine()
    assert app.picks("USL-T") == training.last.picks.tolist()
    command = app.test.code[0].value
    assert "--methods random,usl,usl-t" in command
    assert "--epochs 4" in command


def test_compare_offers_to_train_where_there_is_no_training(app):
    app.open("compare", **QUICK, methods=["Random", "USL", "USL-T"]).fine()
    assert [key for key in app.keys("button") if key.startswith("start uslt")]
    assert len([found for found in app.components() if str(found.get("title", "")).startswith("Picks of")]) == 2


def test_an_experiment_is_a_click_and_the_saved_run_stands_there_before(app):
    open_uslt(app).fine()
    assert app.text.count("This is the saved run") == 3
    app.press("start experiment kmeans").fine()
    app.until_done().run().fine()
    assert app.text.count("This is the saved run") == 2
    assert "100.0% of the points assigned as by Lloyd" in app.text
