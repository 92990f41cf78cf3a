"""Review without a browser: what is decided there, who hears of it, and that nothing of it gets lost."""

from __future__ import annotations

import io
import json
import re
import zipfile
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState

import usl_core as usl
from pages.ui import maps
from pages.ui.access import folders
from pages.ui.jobs.pool import pool
from pages.ui.review import desk, opened, overview, picks, visitor
from usl_core.pipeline.prepared import find_images, prepare
from usl_core.review import store
from usl_core.uslt.records import TrainingRecord

from .conftest import App, name_of, unescaped, write_images

SOURCE = "demo:digits"


@pytest.fixture(scope="module")
def digits():
    return usl.load_demo("digits")


class Desk:
    """The desk of an open page, as the browser's side of it."""

    def __init__(self, app: App, stream: str = "tab") -> None:
        self.app, self.stream, self.events = app, stream, list[dict[str, Any]]()

    @property
    def told(self) -> dict[str, Any]:
        return next(found for found in self.app.components() if "answered" in found)

    @property
    def rows(self) -> list[int]:
        return [pick["row"] for pick in self.told["picks"]]

    def pick(self, row: int) -> dict[str, Any]:
        return next(pick for pick in self.told["picks"] if pick["row"] == row)

    def do(self, kind: str, row: int | None = None, value: Any = None) -> dict[str, Any]:
        event = {"n": len(self.events) + 1, "kind": kind, "row": row, "value": value}
        self.events.append(event)
        return event

    def send(self, log: Any = None) -> Desk:
        """All that was done and not answered, as the script sends it."""
        test = self.app.test
        answered = self.told["answered"]["n"] if self.told["answered"]["stream"] == self.stream else 0
        unheard = [event for event in self.events if event["n"] > answered]
        log = {"stream": self.stream, "tries": 0, "events": unheard} if log is None else log
        proto = next(one.proto for one in test.get("bidi_component") if "answered" in (one.proto.json or ""))
        states = test._tree.get_widget_states()
        states.widgets.append(WidgetState(id=proto.id, json_value=json.dumps({"log": log})))
        test._run(states)
        return self


def open_review(app: App, **query: str) -> Desk:
    app.open("review", **query).fine()
    return Desk(app)


def leave(app: App) -> None:
    """Close the page."""
    app.test.session_state["review-opened"].close()


def saved() -> Any:
    """The review of the digits as it is on the disk."""
    owner = store.Owner.new("a test")
    file, loaded = store.open_session(SOURCE, owner, take_over=True)
    file.close()
    return loaded.timeline


# ---------------------------------------------------------------- the picks


def test_it_opens_with_the_picks_of_usl(app, digits):
    here = open_review(app, m="12")
    expected = usl.select(digits.features, 12, "usl", neighbors=digits.neighbors).indices.tolist()
    assert here.rows == expected
    assert here.told["chosen"] == expected[0]
    assert app.maps()["panels"][0]["picks"] == expected
    assert app.maps()["pinned"] == expected[0]
    assert not any(pick["decided"] for pick in here.told["picks"])
    assert [len(pick["spares"]) for pick in here.told["picks"][: picks.AROUND + 1]] == [5] * (picks.AROUND + 1)
    assert here.told["picks"][picks.AROUND + 1]["spares"] is None, "they take a look at all images each"
    assert app.heading == "Is this pick worth its label?"


def test_the_first_r_of_the_picks_in_either_order(app, digits):
    whole = usl.select(digits.features, 12, "usl", neighbors=digits.neighbors)
    here = open_review(app, m="12", first="5")
    assert here.rows == whole.indices[:5].tolist()
    assert app.maps()["panels"][0]["picks"] == here.rows
    leave(app)
    again = open_review(App(), m="12", first="5", order="regularised utility")
    assert again.rows == whole.indices[np.argsort(-whole.scores, kind="stable")][:5].tolist()


def test_why_a_pick_was_picked(app, digits):
    here = open_review(app, m="12")
    row = here.rows[3]
    leave(app)
    open_review(second := App(), m="12", pin=str(row))
    u = usl.utility(digits.neighbors, 20)
    assert f"{u[row]:.3f}" in second.text
    assert [item["row"] for item in second.gallery("Nearest neighbours")] == digits.neighbors.indices[row, :12].tolist()
    assert {item["row"] for item in second.gallery("Who pushes it away")} <= set(here.rows)


# ---------------------------------------------------------------- actions


def test_actions_are_done_once_and_written(app):
    here = open_review(app, m="12")
    first, second, third, fourth, fifth = here.rows[:5]
    best = here.pick(second)["spares"][0]["row"]
    swapped = here.pick(third)["spares"][2]["row"]
    here.do("accept", first)
    here.do("veto", second)
    here.do("swap", third, swapped)
    here.do("label", fourth, "vier")
    here.do("note", fourth, "blurred")
    here.do("pin", fifth, True)
    here.send()
    assert here.rows[:5] == [first, best, swapped, fourth, fifth]
    assert here.told["answered"] == {"stream": "tab", "n": 6}
    assert here.told["classes"] == ["vier"]
    assert [here.pick(row)["decided"] for row in here.rows[:5]] == [True, False, False, True, True]
    assert here.pick(fourth)["label"] == "vier"
    assert here.pick(fourth)["note"] == "blurred"
    log = {"stream": "tab", "tries": 1, "events": here.events}  # the answer did not come in time
    before = here.told["picks"]
    here.send(log)
    assert here.told["picks"] == before
    session = saved().session
    assert len(session.vetoed) == 1
    assert session.labels
    assert list(session.notes.values()) == ["blurred"]
    assert len(saved().past) == 6


def test_a_veto_chooses_what_comes_in_its_place(app):
    here = open_review(app, m="12")
    row = here.rows[2]
    here.do("choose", row)
    here.send()
    assert here.told["chosen"] == row
    here.do("veto", row)
    here.send()
    assert here.told["chosen"] == here.rows[2] != row


def test_undo_and_redo(app):
    here = open_review(app, m="12")
    before = here.rows
    here.do("veto", before[0])
    here.send()
    after = here.rows
    assert after != before
    assert here.told["undo"]
    here.do("undo")
    here.send()
    assert here.rows == before
    assert here.told["redo"]
    here.do("redo")
    here.send()
    assert here.rows == after


@pytest.mark.parametrize(
    "log",
    [
        None,
        7,
        {"stream": 3, "events": []},
        {"stream": "x", "events": [None, {"n": "1"}, {"n": True, "kind": "veto", "row": 0}]},
        {"stream": "x", "events": [{"n": 1, "kind": "veto", "row": -1}, {"n": 2, "kind": "veto", "row": 10**9}]},
        {"stream": "x", "events": [{"n": 1, "kind": "veto", "row": [1]}, {"n": 2, "kind": ["veto"], "row": 1}]},
        {"stream": "x", "events": [{"n": 1, "kind": "swap", "row": 1, "value": {"a": 1}}]},
    ],
)
def test_what_makes_no_sense_does_nothing(app, log):
    here = open_review(app, m="6")
    before = here.told["picks"]
    here.send(log if log is not None else {"events": None})
    app.fine()
    assert here.told["picks"] == before


def test_an_action_that_is_unknown_or_impossible_is_said(app):
    here = open_review(app, m="6")
    here.do("explode", here.rows[0])
    here.do("accept", next(row for row in range(100) if row not in here.rows))
    here.send()
    assert len(app.test.error) == 2
    app.run()
    assert not app.test.error


def test_accepting_all_that_is_not_flagged(app):
    here = open_review(app, m="6")
    app.until_done().press("accept-unflagged").fine()
    flagged = {pick["row"] for pick in here.told["picks"] if pick["flags"]}
    assert all(pick["accepted"] == (pick["row"] not in flagged) for pick in here.told["picks"])


# ---------------------------------------------------------------- other settings, other tabs, other visitors


def test_untouched_picks_follow_the_sidebar_and_decided_ones_wait(app, digits):
    here = open_review(app, m="12")
    app.widget("number_input", "m").set_value(10).run()
    app.fine()
    assert len(here.rows) == 10
    kept = here.rows[1]
    here.do("accept", kept)
    here.send()
    app.widget("number_input", "seed").set_value(3).run()
    app.fine()
    assert "seed 3, not 0" in app.plain
    assert here.rows[1] == kept
    assert not here.told["picks"][1]["swapped"]
    before = here.rows
    app.press("pick-again").fine()
    assert here.rows[1] == kept
    assert here.rows != before
    assert "pick-again" not in app.keys("button")


def test_a_second_tab_is_told_and_may_take_over(app):
    here = open_review(app, m="6")
    here.do("accept", here.rows[0])
    here.send()
    other = App().open("review", m="6")
    assert not other.test.exception
    assert "take-over" in other.keys("button")
    other.press("take-over").fine()
    there = Desk(other, "other")
    assert there.pick(there.rows[0])["accepted"]
    here.do("accept", here.rows[1])
    here.send()
    assert "take-over" in app.keys("button")
    assert "review.json" in app.text
    assert [slot.accepted for slot in saved().session.slots[:2]] == [True, False]


def test_a_review_is_there_again(app):
    here = open_review(app, m="6")
    here.do("label", here.rows[0], "six")
    here.send()
    leave(app)
    again = open_review(App(), m="6")
    assert again.told["classes"] == ["six"]
    assert again.pick(again.rows[0])["label"] == "six"


def test_strangers_keep_theirs_to_themselves(app, monkeypatch):
    monkeypatch.setenv(folders.ENV_READ_ONLY, "1")
    here = open_review(app, m="6")
    here.do("accept", here.rows[0])
    here.send()
    assert not list(store.sessions_dir().rglob("*.json"))
    other = open_review(App(), m="6")
    assert not other.pick(other.rows[0])["accepted"]
    assert "Kept for as long as this page is open" in app.text


def test_a_review_goes_home_and_comes_back(app):
    here = open_review(app, m="6")
    here.do("label", here.rows[0], "six")
    here.send()
    content = opened.as_file(app.test.session_state["review-opened"].timeline)
    here.do("undo")
    here.send()
    app.test.file_uploader(key="review-file").upload("mine.json", content).run()
    app.press("review-file-use").fine()
    assert here.pick(here.rows[0])["label"] == "six"


def test_a_bad_file_is_refused_by_its_name(app):
    open_review(app, m="6")
    app.test.file_uploader(key="review-file").upload("mine.json", b'{"no": "review"}').run()
    assert "'mine.json' is no review" in unescaped(app.test.error[0].value)


def test_a_review_of_other_images_loses_its_picks_and_nothing_else(app):
    shapes = open_review(App(), data="shapes", m="6")
    shapes.do("accept", shapes.rows[0])
    shapes.do("label", shapes.rows[1], "<b>=cmd|' /C calc'!A0</b>")
    shapes.send()
    content = opened.as_file(shapes.app.test.session_state["review-opened"].timeline)
    here = open_review(app, m="6")
    app.test.file_uploader(key="review-file").upload("shapes.json", content).run()
    assert "It is about other images" in app.plain
    app.press("review-file-use")
    assert "6 that the review knows are gone" in unescaped(app.test.warning[0].value)
    app.press("reconcile")
    assert not app.test.exception
    session = app.test.session_state["review-opened"].session
    assert len(session.labels) == 1
    app.press("pick-again").fine()
    assert len(here.rows) == 6


def test_changed_images_are_listed(app, root):
    folder = write_images(root / "mine", 14)
    prepare(str(folder), "pixels:pca")
    here = open_review(app, data=name_of(folder), encoder="pixels:pca", m="4")
    here.do("accept", here.rows[0])
    here.do("accept", here.rows[1])
    here.send()
    gone = here.pick(here.rows[0])["file"]
    (folder / gone).unlink()
    find_images(str(folder))
    prepare(str(folder), "pixels:pca")
    app.run()
    assert gone in app.text
    app.press("reconcile")
    assert not app.test.exception
    assert "reconcile" not in app.keys("button")
    assert len(here.rows) == 3
    app.press("pick-again")
    assert not app.test.exception
    assert len(here.rows) == 4
    assert "pick-again" not in app.keys("button")


@pytest.mark.parametrize(
    ("reviews", "address", "headers", "read_only", "is_kept"),
    [
        ("", None, {}, "0", True),
        ("", "192.0.2.7", {}, "0", False),
        ("", None, {"X-Forwarded-For": "192.0.2.7"}, "0", False),
        ("", None, {}, "1", False),
        ("memory", None, {}, "0", False),
        ("disk", "192.0.2.7", {}, "0", True),
        ("disk", None, {}, "1", False),
    ],
)
def test_where_a_review_is_kept(monkeypatch, reviews, address, headers, read_only, is_kept):
    monkeypatch.setenv(visitor.ENV_REVIEWS, reviews)
    monkeypatch.setenv(folders.ENV_READ_ONLY, read_only)
    monkeypatch.setattr(visitor.st, "context", SimpleNamespace(ip_address=address, headers=headers))
    assert visitor.keeps_on_disk(SOURCE) is is_kept


# ---------------------------------------------------------------- maps


def test_actions_for_all_that_a_lasso_holds(app, digits):
    app.open("compare", m="6", methods="USL").fine()
    inside = np.array(sorted([*app.picks("USL")[:2], 5, 7]))
    version = usl.load_demo("digits").features.fingerprint
    app.test.session_state[f"{maps._SELECTED}-compare-maps"] = (version, inside)
    app.run().fine()
    app.press("inside-veto").fine()
    here = open_review(app, m="6")
    assert not set(here.rows) & set(inside.tolist())
    assert len(here.rows) == 6
    app.test.session_state[f"{maps._SELECTED}-{overview.MAPS}"] = (version, np.array([11, 12]))
    app.run()
    app.press("inside-label")
    assert "choose a class" in app.test.error[0].value
    here.do("label", here.rows[0], "vier")
    here.send()
    app.test.selectbox(key="inside-class").set_value("vier").run()
    app.press("inside-label").fine()
    session = app.test.session_state["review-opened"].session
    assert session.labelled_rows(digits.images).tolist() == sorted([here.rows[0], 11, 12])


@pytest.mark.parametrize(("page", "key"), [("diversity", "diversity-maps"), ("diversity", "steps-maps"), ("uslt", "uslt-map")])
def test_a_lasso_on_any_map_acts_on_the_review(app, digits, tmp_path, monkeypatch, page, key):
    monkeypatch.setenv("USL_CACHE_DIR", str(tmp_path / "cache"))
    TrainingRecord(digits.features, 6, usl.UsltParams(n_epochs=1, n_views=0)).train(digits.neighbors)
    app.open(page, m="6", epochs="1", views="0").fine()
    assert all(found["selectable"] for found in app.components() if "panels" in found)
    inside = np.array([5, 7])
    app.test.session_state[f"{maps._SELECTED}-{key}"] = (digits.features.fingerprint, inside)
    app.run().fine()
    app.press(f"inside-{key}-veto").fine()
    session = app.test.session_state["review-opened"].session
    assert session.vetoed_rows(digits.images).tolist() == inside.tolist()
    assert "2 images" in app.plain


# ---------------------------------------------------------------- labels, rounds, exports


def test_labels_come_back_and_the_next_round_goes_by_them(app, digits):
    here = open_review(app, m="10")
    paths, known = digits.images.paths, digits.images.class_names
    mine = here.rows
    here.do("label", mine[0], "mine")
    here.send()
    lines = [f"{paths[row]},{known[digits.images.labels[row]]}" for row in mine]
    table = "path,label\n" + "\n".join([*lines, f"{paths[mine[1]]},other", "nowhere.png,1"])
    app.test.file_uploader(key="labels-file").upload("back.csv", table.encode()).run().run()
    assert any("no image here" in one.label for one in app.test.expander)
    app.press("labels-take")
    session = app.test.session_state["review-opened"].session
    assert len(session.conflicts) == 2
    assert "All of them are part of this review." in app.text
    assert "labels-take" not in [one.key for one in app.test.button]
    assert len(session.labels) >= 9
    before = here.rows
    app.run()
    app.test.selectbox(key="next-after-uherding").set_value("Margin").run()
    app.test.number_input(key="next-budget").set_value(5).run()
    app.press("next-round")
    assert not app.test.exception
    assert not app.test.error
    assert len(here.rows) == 5
    assert not set(here.rows) & set(before)
    assert "%" in app.text
    assert "logistic" in app.text
    app.test.selectbox(key="by").set_value("predicted class").run()
    app.fine()
    assert "predicted class" in [channel["name"] for channel in app.maps()["channels"]]


def test_exports_hold_what_was_decided(app, digits):
    here = open_review(app, m="5")
    row = here.rows[1]
    here.do("label", row, "vier")
    here.do("note", row, "<b>blurred</b>")
    here.send()
    app.until_done()
    app.widget("button_group", "export").set_value(["CSV", "JSON", "TXT", "Label Studio", "markdown", "HTML report"]).run()
    app.test.text_input(key="export-classes").set_value("null, vier,eins").run()
    app.press("start export").until_done().fine()
    job = next(entry.job for key, entry in pool()._entries.items() if key.startswith("export "))
    with zipfile.ZipFile(io.BytesIO(pool().file_of(job.id).read_bytes())) as archive:
        assert archive.read("picks.txt").decode().split() == [digits.images.paths[one] for one in here.rows]
        held = archive.read("picks.json").decode()
        record = json.loads(archive.read("run.json"))
        markdown, report = (archive.read(name).decode() for name in ("picks.md", "report.html"))
        choices = re.findall('<Choice value="(.*?)"', archive.read("label-studio-config.xml").decode())
    assert choices[:3] == ["vier", "null", "eins"]
    assert [pick["row"] for pick in record["decided"]] == here.rows
    assert record["labelled"] == [row]
    assert "blurred" in held
    assert "vier" in held
    assert "reg\\_weight" in markdown
    notes = report.partition('<section id="remarks"')[2].partition("</section>")[0]
    assert "&lt;b&gt;blurred&lt;/b&gt;" in notes
    assert "vier" in notes
    assert notes.count("<tr>") == 2
    assert "reg_weight = 0.5" in report
    assert "Download picks-export.zip" in app.text


def test_every_script_is_served_under_the_digest_of_all():
    from starlette.applications import Starlette
    from starlette.testclient import TestClient

    from pages.ui.server import guard, routes

    client = TestClient(Starlette(routes=list(routes.ROUTES), middleware=list(guard.MIDDLEWARE)), base_url="http://127.0.0.1")
    for path in desk.SCRIPTS.glob("*.js"):
        assert client.get(f"/api/review/{desk.scripts_version()}/{path.name}").content == path.read_bytes()
    for path in ("0000000000000000/index.js", f"{desk.scripts_version()}/desk.css", f"{desk.scripts_version()}/..%2fdesk.py"):
        assert client.get(f"/api/review/{path}").status_code == 404


# ---------------------------------------------------------------- USL-T


def test_usl_t_is_reviewed_by_its_training(app, digits, tmp_path, monkeypatch):
    monkeypatch.setenv("USL_CACHE_DIR", str(tmp_path / "cache"))
    query = {"m": "6", "method": "USL-T", "epochs": "2", "views": "0"}
    here = open_review(app, **query)
    assert here.rows == usl.select(digits.features, 6, "usl", neighbors=digits.neighbors).indices.tolist()
    assert "USL-T has not been trained yet with these settings" in app.plain
    assert "Train it on the page USL-T" in app.text
    params = usl.UsltParams(n_epochs=2, n_views=0)
    trained = TrainingRecord(digits.features, 6, params).train(digits.neighbors)
    app.run().fine()
    assert here.rows == trained.last.picks.tolist(), "nothing was decided, so the picks follow"
    assert "has not been trained" not in app.plain
    assert "Confidence" in app.text
    row, best = here.rows[0], here.pick(here.rows[0])["spares"][0]["row"]
    assert trained.last.clusters[best] == trained.last.clusters[row]
    free = np.setdiff1d(np.flatnonzero(trained.last.clusters == trained.last.clusters[row]), here.rows)
    assert trained.last.confidence[best] == trained.last.confidence[free].max()
    here.do("veto", row)
    here.do("accept", here.rows[1])
    here.send()
    assert here.rows[0] == best
    app.widget("number_input", "m").set_value(7).run()
    app.fine()
    assert "USL-T has not been trained yet with these settings (m = 7, seed 0)" in app.plain
    app.press("pick-again")
    assert "has not been trained yet" in unescaped(app.test.error[0].value)
    app.press("set-back").fine()
    assert app.widget("number_input", "m").value == 6
    app.test.selectbox(key="next-after-usl").set_value("USL-T").run()
    app.fine()
    assert not app.test.button(key="next-round").disabled
    app.test.number_input(key="next-budget").set_value(5).run()
    assert app.test.button(key="next-round").disabled
    TrainingRecord(digits.features, 6, params).forget()
    app.run().fine()
    assert here.rows[0] == best, "picks stay"
    assert "The training behind these picks" in app.plain
    here.do("veto", best)
    here.send()
    assert "open the training first" in unescaped(app.test.error[0].value)
