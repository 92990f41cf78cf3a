"""The page Evaluate: without labels, with those of the images or of Review, before, while and after it computes."""

from __future__ import annotations

import io
import json
import shlex
import time
from typing import Any

import numpy as np
import pandas
import pytest

import usl_core as usl
from pages.ui.access import folders
from pages.ui.jobs.pool import pool
from pages.ui.views.evaluate import FEWEST, Asked
from pages.ui.views.evaluate_settings import read_budgets, usual_budgets
from usl_core.cli import parser
from usl_core.errors import UslError
from usl_core.evaluation.means import budget_means
from usl_core.pipeline.prepared import prepare
from usl_core.review.labelling import label

from .conftest import App, name_of, unescaped, write_images

QUICK = {"seeds": "3", "budgets": "10, 30", "rivals": ["Random", "Stratified", "USL"]}
SECTIONS = ("How many labels does each method need?", "What they pick", "Take it home")


def made_up(asked: Asked, share: float = 1.0) -> pandas.DataFrame:
    """Runs with the columns of an evaluation, USL ahead and steady."""
    rng = np.random.default_rng(0)
    n, n_classes = len(asked.truth), len(asked.truth.names)
    ahead = {"usl": 0.1, "stratified": 0.02}
    lines: list[dict[str, Any]] = []
    for budget in asked.budgets:
        for seed in range(asked.n_seeds):
            for method in asked.methods:
                picks = rng.choice(n, budget, replace=False) if method != "usl" else np.arange(budget)
                for learner in asked.learners:
                    accuracy = min(0.4 + 0.12 * np.log10(budget) + ahead.get(method, 0) + rng.normal(0, 0.004), 1)
                    by_class = tuple(float(accuracy) if place else float("nan") for place in range(n_classes))
                    lines.append(
                        {
                            **{"method": method, "budget": budget, "seed": seed, "learner": learner},
                            **{"accuracy": accuracy, "macro_accuracy": accuracy - 0.05, "calibration_error": 0.2},
                            **{"classes_covered": min(budget, n_classes), "n_tested": n - budget},
                            **{"class_accuracy": by_class, "picks": tuple(asked.truth.rows[picks].tolist())},
                        }
                    )
    return pandas.DataFrame(lines[: round(share * len(lines))], columns=[*lines[0]])


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the cache is made to hold: the share of the runs; and, once a page was drawn, what was asked of it."""
    told: dict[str, Any] = {"share": 1.0}

    def frame(asked: Asked) -> pandas.DataFrame:
        told["asked"] = asked
        return made_up(asked, told["share"])

    monkeypatch.setattr(Asked, "known", frame)
    return told


def open_evaluate(app: App, **query: Any) -> App:
    return app.open("evaluate", **{**QUICK, **query})


def charts(app: App) -> list[dict[str, Any]]:
    return [json.loads(element.proto.spec) for element in app.test.get("plotly_chart")]


def sections(app: App) -> list[str]:
    return [str(element.value) for element in app.test.subheader]


def file(app: App, name: str) -> bytes:
    made: bytes = app.test.session_state[f"offered {name}"].make()
    return made


# ---------------------------------------------------------------- before and after


def test_before_it_there_is_a_button_and_what_others_found(app, known):
    known["share"] = 0
    open_evaluate(app).fine()
    assert app.heading == "Does it help?"
    assert "start evaluate" in app.keys("button")
    assert not set(SECTIONS) & set(sections(app))
    assert "What others found" in sections(app)
    assert "Not comparable one to one" in app.plain


def test_what_is_asked_for_is_what_the_address_says(app, known):
    open_evaluate(app, learners=["linear"], m="25", k="7").fine()
    asked = known["asked"]
    assert list(asked.methods) == ["random", "stratified", "usl"]
    assert list(asked.budgets) == [10, 30]
    assert list(asked.learners) == ["linear"]
    assert asked.n_seeds == 3
    assert asked.n_runs == 18
    assert asked.settings["params"]["usl"]["n_neighbors"] == 7
    assert asked.settings["reviewed"] is None


def test_a_finished_evaluation_shows_all_of_it_and_no_button(app, known):
    open_evaluate(app).fine()
    assert "start evaluate" not in app.keys("button")
    assert set(SECTIONS) <= set(sections(app))
    frame = made_up(known["asked"])
    expected = {(row.method, row.budget): row.mean for row in budget_means(frame[frame.learner == "1-nn"]).itertuples()}
    for mean in expected.values():
        assert f"{100 * mean:.1f} %" in app.plain
    first = charts(app)[0]
    assert [trace["name"] for trace in first["data"] if trace.get("showlegend")] == ["Random", "Stratified", "USL"]
    assert "▲" in app.plain


def test_a_part_of_it_shows_curves_and_the_button(app, known):
    known["share"] = 0.5
    open_evaluate(app).fine()
    assert "start evaluate" in app.keys("button")
    assert "of 36 are known already" in next(one.help for one in app.test.button if one.key == "start evaluate")
    assert not set(SECTIONS) & set(sections(app))
    lines = [trace for trace in charts(app)[0]["data"] if trace.get("showlegend")]
    assert len(lines) == 3


@pytest.mark.parametrize("metric", ["Macro accuracy", "Calibration error"])
def test_other_numbers(app, known, metric):
    open_evaluate(app, metric=metric).fine()
    assert f"{metric}, 1-nn" in app.plain
    assert charts(app)[0]["layout"]["yaxis"]["title"]["text"] == f"{metric.lower()}, %"


def test_the_maps_show_how_often_images_are_picked(app, known):
    open_evaluate(app, at="10").fine()
    told = app.maps()
    assert [panel["picks"] for panel in told["panels"]] == [[], [], list(range(10))]
    assert told["panels"][2]["title"] == "USL, 10 images, 10 by half the seeds"
    assert [channel["name"] for channel in told["channels"]][-3:] == [
        f"picked by {name}, % of seeds" for name in ("Random", "Stratified", "USL")
    ]
    app.test.button_group(key="at").set_value(30).run()
    assert app.fine().maps()["panels"][2]["picks"] == list(range(30))


def test_the_rival_and_the_learner_can_be_chosen(app, known):
    open_evaluate(app, against="USL", learner="linear").fine()
    assert "Accuracy, linear" in app.plain
    assert "difference to USL" in app.plain
    assert "▼" in app.plain


def test_it_is_taken_home(app, known):
    open_evaluate(app).fine()
    frame = made_up(known["asked"])
    read = pandas.read_csv(io.BytesIO(file(app, "evaluation.csv")))
    assert list(read.columns) == list(frame.columns)
    assert np.allclose(read.accuracy, frame.accuracy)
    assert [int(word) for word in read.picks[0].split()] == list(frame.picks[0])
    again = pandas.read_parquet(io.BytesIO(file(app, "evaluation.parquet")))
    assert [tuple(picks) for picks in again.picks] == list(frame.picks)
    assert set(pandas.read_csv(io.BytesIO(file(app, "differences.csv"))).method) == {"stratified", "usl"}
    assert b"<html" in file(app, "evaluation.html")


def test_the_command_asks_for_the_same(app, known):
    open_evaluate(app, k="7", against="USL", one="true").fine()
    (command,) = [element.value for element in app.test.code if "evaluate" in element.value]
    assert command.startswith("python -m usl_core evaluate demo:digits ")
    options = parser.build_parser().parse_args(shlex.split(command)[3:])
    assert (options.methods, options.budgets, options.seeds) == ("random,stratified,usl", "10,30", 3)
    assert (options.learners, options.against, options.near_duplicates) == ("1-nn,linear", "usl", 0.99)
    assert options.n_neighbors == 7


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize("text", ["abc", "0", "10, -3", "1797", "1e3", "10, 20.5", "9" * 60, "٣", "nan"])
def test_numbers_that_no_budget_can_be_are_refused_with_the_rule(text):
    with pytest.raises(UslError, match="whole numbers from 1 to 1796"):
        read_budgets(text, 1797)


def test_budgets_are_read_however_they_are_separated():
    assert read_budgets(" 30;10 10,,20 ", 31) == [10, 20, 30]
    with pytest.raises(UslError, match="1 to 12 numbers but are 13"):
        read_budgets(",".join(map(str, range(1, 14))), 100)


@pytest.mark.parametrize(("n", "expected"), [(1797, [10, 20, 40, 100]), (90, [10, 20, 40]), (30, [7, 15]), (2, [1])])
def test_the_usual_budgets_leave_images_to_test_on(n, expected):
    assert usual_budgets(n) == expected


def test_a_wrong_budget_in_the_address_is_a_message(app, known):
    open_evaluate(app, budgets="10, <b>x</b>")
    assert not app.test.exception
    (error,) = app.test.error
    assert "whole numbers from 1 to 1796" in unescaped(error.value)
    assert "asked" not in known


@pytest.mark.parametrize(
    "query",
    [
        {"seeds": "9999", "metric": "speed", "against": "<b>", "learner": "magic", "budgets": "  "},
        {"seeds": "x", "at": "7", "target": "400", "picture": "GIF", "budgets": "30;10 10"},
        {"learners": "magic"},
    ],
)
def test_an_address_that_makes_no_sense_is_no_accident(app, known, query):
    open_evaluate(app, **query).fine()
    assert set(SECTIONS) <= set(sections(app)) or "Choose a method and a learner" in app.plain


def test_nothing_chosen_is_said(app, known):
    open_evaluate(app).fine()
    app.test.button_group(key="rivals").set_value([]).run()
    assert "Choose a method and a learner" in app.fine().plain


# ---------------------------------------------------------------- the job


def job() -> Any:
    (entry,) = [entry for key, entry in pool()._entries.items() if key.startswith("evaluate ")]
    return entry.job


def test_from_start_to_the_table(app):
    open_evaluate(app, seeds="2", budgets="10", rivals=["Random", "USL"]).fine().press("start evaluate").fine()
    app.until_done().fine()
    assert set(SECTIONS) <= set(sections(app))
    demo = usl.load_demo("digits")
    card = usl.score_selection(
        demo.features, usl.select(demo.features, 10, neighbors=demo.neighbors), demo.neighbors, labels=demo.images.labels
    )
    told = {channel["name"] for channel in app.maps()["channels"]}
    assert "picked by USL, % of seeds" in told
    frame = pandas.read_csv(io.BytesIO(file(app, "evaluation.csv")))
    one = frame[(frame.method == "usl") & (frame.seed == 0) & (frame.learner == "1-nn")]
    assert one.accuracy.item() == pytest.approx(card.nearest_pick_accuracy, abs=0.002)
    again = App()
    open_evaluate(again, seeds="2", budgets="10", rivals=["Random", "USL"]).fine()
    assert set(SECTIONS) <= set(sections(again)), "what is in the cache needs no job"


def test_while_it_runs_and_after_it_was_cancelled(app):
    open_evaluate(app, seeds="50", budgets="100, 200, 400").fine().press("start evaluate").fine()
    assert job().active
    (cancel,) = [key for key in app.keys("button") if key.startswith("cancel evaluate ")]
    assert not set(SECTIONS) & set(sections(app))
    app.press(cancel)
    deadline = time.monotonic() + 60
    while job().active:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    app.run().fine()
    assert "Cancelled at" in app.plain
    assert next(one.label for one in app.test.button if one.key == "start evaluate") == "Resume"


def test_a_refusal_is_shown_with_another_try(app):
    asked = {"one": "true", "alike": "0.8", "budgets": "1700", "seeds": "2", "rivals": ["Random"]}
    open_evaluate(app, **asked).fine().press("start evaluate")
    app.until_done()
    (error,) = app.test.error
    assert "budget must be" in unescaped(error.value)
    assert next(one.label for one in app.test.button if one.key == "start evaluate") == "Try again"


def test_a_public_server_computes_nothing(app, known, monkeypatch):
    monkeypatch.setenv(folders.ENV_READ_ONLY, "1")
    known["share"] = 0
    open_evaluate(app).fine()
    assert "start evaluate" not in app.keys("button")
    assert "does not evaluate" in app.plain


# ---------------------------------------------------------------- without labels


@pytest.fixture
def unlabelled(root, app):
    """An encoded folder whose images have no classes."""
    folder = write_images(root / "photos", 60)
    made = prepare(str(folder), "bundled:mini", within=(root,))
    return name_of(folder), made


def test_without_labels_it_says_what_is_missing(app, known, unlabelled):
    name, _ = unlabelled
    app.open("evaluate", data=name).fine()
    assert "classes of these images are unknown" in app.plain
    assert f"from {FEWEST} images" in app.plain
    assert "No image has one yet" in app.plain
    assert "Coverage" in app.plain
    assert "Nearest-pick accuracy" not in app.plain
    assert "What others found" in sections(app)
    assert "asked" not in known


def test_labels_of_review_serve_and_the_page_says_how_many(app, known, unlabelled, tmp_path):
    (name, made), folder = unlabelled, tmp_path
    app.open("review", data=name, m="8").fine()
    review = app.test.session_state["review-opened"]
    for start, word in ((0, "cat"), (20, "<b>dog</b>")):
        assert review.act(lambda session, start=start, word=word: label(session, made.images, range(start, start + 15), word))
    app.go("evaluate").fine()
    assert "Only the 30 of 60 images" in app.test.warning[0].value
    asked = known["asked"]
    assert asked.truth.rows.tolist() == [*range(15), *range(20, 35)]
    assert list(asked.budgets) == [7, 15]
    assert asked.settings["reviewed"] is not None
    panel = app.maps()["panels"][-1]
    assert set(panel["picks"]) <= set(asked.truth.rows.tolist())
    assert "<b>dog" not in app.text
    told = pandas.read_csv(io.BytesIO(file(app, "labels.csv")))
    assert told.path.tolist() == [made.images.paths[row] for row in asked.truth.rows]
    assert set(told.label) == {"cat", "<b>dog</b>"}
    (folder / "labels.csv").write_bytes(file(app, "labels.csv"))
    back = usl.read_labels(folder / "labels.csv", made.images)
    assert sorted(back.rows.tolist()) == asked.truth.rows.tolist()
    assert any("--labels labels.csv" in element.value for element in app.test.code)


def test_images_that_are_not_encoded_have_no_page(app):
    app.open("evaluate", encoder="torchvision:resnet18")
    assert "have not been encoded" in app.plain
