"""The command `export`: a recorded run again, or a clear refusal."""

from __future__ import annotations

import ast
import csv
import json
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet

from usl_core.cache.store import fingerprint
from usl_core.cli.parser import main


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """run.json of three picks of nine images in two classes, one labelled and one vetoed."""
    rng = np.random.default_rng(0)
    for at in range(9):
        path = tmp_path / "photos" / ("cat" if at < 5 else "dog") / f"{at}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(path)
    (tmp_path / "labelled.txt").write_text("cat/0.png\n")
    (tmp_path / "vetoed.txt").write_text("dog/8.png\n")
    lists = ["--labelled", tmp_path / "labelled.txt", "--vetoed", tmp_path / "vetoed.txt"]
    words = [
        "select",
        tmp_path / "photos",
        "-m",
        3,
        "--k",
        3,
        "--encoder",
        "pixels:pca",
        *lists,
        "--out",
        tmp_path / "run",
        "-q",
    ]
    assert main(list(map(str, words))) == 0
    return tmp_path / "run" / "run.json"


def export(run: Path, *words: object) -> int:
    try:
        return main(["export", "--from", str(run), "--map", "pca", "-q", *map(str, words)])
    except SystemExit as stop:
        return int(stop.code or 0)


def test_the_run_is_repeated(run, tmp_path, capsys):
    out = tmp_path / "out"
    assert export(run, "--format", "npy, html,json,npy", "--out", out) == 0
    assert np.load(out / "picks.npy").tolist() == np.load(run.with_name("picks.npy")).tolist()
    assert {path.name for path in out.iterdir()} == {"picks.npy", "picks.json", "report.html", "run.json"}
    first, again = (json.loads(path.read_text()) for path in (run, out / "run.json"))
    assert again == first
    assert again["labelled"] == [0]
    assert again["vetoed"] == [8]
    assert main(["select", "--from", str(out / "run.json"), "-q"]) == 0
    assert "wrote picks.json, picks.npy, report.html, run.json to" in capsys.readouterr().err


@pytest.fixture
def decided(run: Path) -> Path:
    """The run after a review: another order, one image in place of another, and the first of them has a label by now."""
    record = json.loads(run.read_text())
    picks = np.load(run.with_name("picks.npy")).tolist()
    instead = next(row for row in range(8) if row not in picks and row != 0)
    rows = [picks[2], instead, picks[0]]
    record["decided"] = [{"row": row, "cluster": at - 1, "score": [None, -0.5, 2][at]} for at, row in enumerate(rows)]
    record["labelled"] = sorted([0, rows[0]])
    record["fingerprints"]["picks"] = fingerprint(np.array(rows, dtype=np.int64))
    run.write_text(json.dumps(record))
    return run


def test_picks_that_were_decided_by_hand_are_those_of_the_record(decided, tmp_path, capsys):
    record = json.loads(decided.read_text())
    rows = [pick["row"] for pick in record["decided"]]
    assert export(decided, "--format", "npy,json", "--out", tmp_path / "out") == 0
    assert "no method ran" in capsys.readouterr().err
    assert np.load(tmp_path / "out" / "picks.npy").tolist() == rows
    again = json.loads((tmp_path / "out" / "run.json").read_text())
    assert {**again, "notes": record["notes"]} == record
    told = json.loads((tmp_path / "out" / "picks.json").read_text())
    assert [pick["cluster"] for pick in told["picks"]] == [None, 0, 1]
    assert main(["select", "--from", str(tmp_path / "out" / "run.json"), "-q"]) == 0
    paths = [f"{'cat' if row < 5 else 'dog'}/{row}.png" for row in rows]
    assert capsys.readouterr().out.splitlines() == paths


@pytest.mark.parametrize(
    ("place", "name", "value", "said"),
    [
        (0, "row", 9, "decided.0.row must be in [0, 8] but is 9"),
        (1, "row", "x", "decided.1.row must be of type int"),
        (2, "cluster", -2, "decided.2.cluster must be at least -1"),
        (1, "score", "high", "decided.1.score must be a number"),
        (None, None, [], "decided must name as many different images"),
        (None, None, 5, "decided must be of type list"),
        (None, None, [3, 4, 5], "decided.0 must be of type dict"),
    ],
)
def test_decided_picks_that_cannot_be_are_told(decided, tmp_path, capsys, place, name, value, said):
    record = json.loads(decided.read_text())
    if place is None:
        record["decided"] = value
    else:
        record["decided"][place][name] = value
    decided.write_text(json.dumps(record))
    assert export(decided, "--format", "csv", "--out", tmp_path / "out") == 2
    assert said in capsys.readouterr().err


def test_an_image_is_decided_once(decided, tmp_path, capsys):
    record = json.loads(decided.read_text())
    record["decided"][1] = record["decided"][0]
    decided.write_text(json.dumps(record))
    assert export(decided, "--format", "csv", "--out", tmp_path / "out") == 2
    assert "as many different images" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "word"], "'word' is no format; choose from csv, "),
        (["--format", ","], "no format is named"),
        (["--format", "csv", "--out", ""], "--out must name a folder"),
    ],
)
def test_a_mistake_is_one_line(run, tmp_path, capsys, words, said):
    assert export(run, "--out", tmp_path / "out", *words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1 + error.count("wrote picks")
    assert not (tmp_path / "out").exists()


def test_other_images_are_refused(run, tmp_path, capsys):
    (tmp_path / "photos" / "cat" / "1.png").unlink()
    assert export(run, "--format", "csv", "--out", tmp_path / "out") == 2
    assert "have changed since the run" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_moved_is_named(run, tmp_path, capsys):
    (tmp_path / "photos").rename(tmp_path / "album")
    assert export(run, "--format", "csv", "--out", tmp_path / "out") == 2
    assert "which is not there" in capsys.readouterr().err
    assert export(run, tmp_path / "album", "--format", "csv", "--out", tmp_path / "out") == 0
    assert json.loads((tmp_path / "out" / "run.json").read_text())["folder"] == str(tmp_path / "album")


def test_classes_and_addresses_reach_the_tasks(run, tmp_path):
    more = ["--classes", "bird,dog", "--url-prefix", "https://example.org/"]
    assert export(run, "--format", "label-studio", "--out", tmp_path / "out", *more) == 0
    config = (tmp_path / "out" / "label-studio-config.xml").read_text()
    assert [config.index(f'"{name}"') for name in ("bird", "dog", "cat")] == sorted(
        config.index(f'"{name}"') for name in ("bird", "dog", "cat")
    )
    tasks = json.loads((tmp_path / "out" / "label-studio-tasks.json").read_text())
    assert all(task["data"]["image"].startswith("https://example.org/") for task in tasks)


# ---------------------------------------------------------------- labels and predictions


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """run.json of four picks by `next` of twelve dark and bright images without class folders, six of them labelled."""
    rng = np.random.default_rng(0)
    (tmp_path / "flat").mkdir()
    for at in range(12):
        pixels = np.clip(60 + 120 * (at % 2) + rng.normal(scale=20, size=(8, 8, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "flat" / f"{at:02}.png")
    rows = "".join(f"{at:02}.png,{('dark', 'bright')[at % 2]}\n" for at in range(6))
    (tmp_path / "labels.csv").write_text(f"path,label\n{rows}")
    words = ["next", tmp_path / "flat", "--labels", tmp_path / "labels.csv", "-m", 4, "--method", "margin"]
    assert main([*map(str, words), "--encoder", "pixels:pca", "--out", str(tmp_path / "two"), "-q"]) == 0
    return tmp_path / "two" / "run.json"


def test_a_run_of_next_is_repeated_with_its_labels(flat, tmp_path):
    """Its method goes by them, and no folder tells classes."""
    out = tmp_path / "out"
    assert export(flat, "--format", "npy,label-studio,embedding-atlas", "--out", out) == 0
    assert np.load(out / "picks.npy").tolist() == np.load(flat.with_name("picks.npy")).tolist()
    first, again = (json.loads(path.read_text()) for path in (flat, out / "run.json"))
    assert again == first
    assert 'value="bright"' in (out / "label-studio-config.xml").read_text()
    table = parquet.read_table(out / "atlas.parquet").to_pylist()
    assert [row["label"] for row in table] == ["dark", "bright"] * 3 + [None] * 6
    assert {row["label_origin"] for row in table[:6]} == {"labels"}
    assert {row["label_confidence"] for row in table} == {None}


def test_predictions_go_where_a_format_takes_them(flat, tmp_path):
    formats = "csv,tsv,json,parquet,zip,label-studio,cvat,coco,fiftyone,embedding-atlas,markdown"
    out = tmp_path / "out"
    assert export(flat, "--format", formats, "--predictions", "--out", out) == 0
    said = {}
    with flat.with_name("picks.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            said[row["path"]] = (row["predicted"], float(row["confidence"]))
    assert len(said) == 4

    def told(rows: list[dict]) -> dict[str, tuple[str, float]]:
        assert {row["label"] or None for row in rows} == {None}
        return {row["path"]: (row["predicted"], float(row["confidence"])) for row in rows}

    with (out / "picks.csv").open(newline="", encoding="utf-8") as file:
        assert told(list(csv.DictReader(file))) == said
    assert told(parquet.read_table(out / "picks.parquet").to_pylist()) == said
    with zipfile.ZipFile(out / "images.zip") as archive:
        assert told(list(csv.DictReader(archive.read("manifest.csv").decode().splitlines()))) == said
    picks = json.loads((out / "picks.json").read_text())["picks"]
    assert {pick["path"]: (pick["guess"]["label"], pick["guess"]["score"]) for pick in picks} == said
    assert {pick["guess"]["origin"] for pick in picks} == {"logistic classifier of 6 labels"}
    for task in json.loads((out / "label-studio-tasks.json").read_text()):
        (prediction,) = task["predictions"]
        assert (prediction["result"][0]["value"]["choices"], prediction["score"]) == (
            [said[task["data"]["path"]][0]],
            said[task["data"]["path"]][1],
        )
    with zipfile.ZipFile(out / "cvat.zip") as archive:
        images = ElementTree.fromstring(archive.read("annotations.xml")).iter("image")
        tags = {image.get("name"): [(tag.get("label"), tag.get("source")) for tag in image.iter("tag")] for image in images}
    assert tags == {path: [(name, "auto")] for path, (name, _) in said.items()}
    coco = json.loads((out / "coco.json").read_text())
    names = {kind["id"]: kind["name"] for kind in coco["categories"]}
    files = {image["id"]: image["file_name"] for image in coco["images"]}
    assert {files[box["image_id"]]: (names[box["category_id"]], box["score"]) for box in coco["annotations"]} == said
    values = {
        node.targets[0].id: node.value
        for node in ast.parse((out / "picks_fiftyone.py").read_text()).body
        if isinstance(node, ast.Assign)
    }
    literal = ast.literal_eval(values["PICKS"])
    assert {pick["path"]: (pick["label"], pick["score"]) for pick in literal} == said
    atlas = {row["path"]: row for row in parquet.read_table(out / "atlas.parquet").to_pylist()}
    assert {path: (atlas[path]["label"], atlas[path]["label_confidence"]) for path in said} == said
    assert (atlas["00.png"]["label"], atlas["00.png"]["label_confidence"]) == ("dark", None)
    assert "## Predicted classes" in (out / "picks.md").read_text()


def test_labels_that_came_back_since_go_above_the_recorded(flat, tmp_path, capsys):
    paths = [pick["path"] for pick in _picks(flat, tmp_path / "before")]
    new = tmp_path / "new.csv"
    new.write_text(f"path,label\n00.png,grey\n{paths[0]},Dark\n{paths[1]},=1+1\n{paths[2]},\nnowhere.png,dark\n")
    out, more = tmp_path / "out", ["--labels", new, "--rename", "Dark=dark", "--predictions"]
    assert export(flat, "--format", "csv,json,tree,embedding-atlas", "--out", out, *more) == 0
    err = capsys.readouterr().err
    assert "class 'Dark' is read as 'dark'" in err
    assert "'nowhere.png'" in err
    assert "'nowhere.png'" in (out / "labels-report.txt").read_text()
    guesses = {pick["path"]: pick["guess"] for pick in json.loads((out / "picks.json").read_text())["picks"]}
    assert [(guesses[path]["label"], guesses[path]["score"]) for path in paths[:2]] == [("dark", None), ("=1+1", None)]
    assert all(0 < guesses[path]["score"] <= 1 for path in paths[2:])
    assert guesses[paths[2]]["origin"] == "logistic classifier of 8 labels"
    kept = {path.parent.name: path.name for path in (out / "labelled").rglob("*.png")}
    assert kept == {"dark": paths[0], "=1+1": paths[1]}, "what is only predicted is filed nowhere"
    spreadsheet = (out / "picks-spreadsheet.csv").read_text(encoding="utf-8-sig")
    assert ",'=1+1," in spreadsheet
    labels = {row["path"]: row["label"] for row in parquet.read_table(out / "atlas.parquet").to_pylist()}
    assert (labels["00.png"], labels["01.png"]) == ("grey", "bright")
    assert json.loads((out / "run.json").read_text()) == json.loads(flat.read_text()), "the run itself is as it was"


def test_a_format_that_fails_leaves_no_report_of_the_labels(flat, tmp_path, capsys):
    (tmp_path / "new.csv").write_text("path,label\nnowhere.png,dark\n")
    assert export(flat, "--format", "csv,index-csv", "--labels", tmp_path / "new.csv", "--out", tmp_path / "out") == 2
    assert "'nowhere.png'" in capsys.readouterr().err
    assert not list((tmp_path / "out").iterdir())


def _picks(run: Path, out: Path) -> list[dict]:
    assert export(run, "--format", "json", "--out", out) == 0
    return json.loads((out / "picks.json").read_text())["picks"]


def test_class_folders_are_known_and_labels_go_above_them(run, tmp_path, capsys):
    (tmp_path / "labels.csv").write_text("path,label\ncat/1.png,bird\ncat/2.png,bird\ncat/3.png,bird\n")
    out = tmp_path / "out"
    assert export(run, "--format", "embedding-atlas", "--labels", tmp_path / "labels.csv", "--predictions", "--out", out) == 0
    rows = parquet.read_table(out / "atlas.parquet").to_pylist()
    assert [row["label"] for row in rows] == ["cat", *["bird"] * 3, "cat", *["dog"] * 4]
    err = capsys.readouterr().err
    assert "the class of every pick is known, so none is predicted" in err
    assert "only one class is labelled" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--predictions"], "there are none; give --labels FILE"),
        (["--rename", "a=b"], "--rename is about the classes of --labels"),
        (["--labels", "nowhere.csv"], "--labels nowhere.csv"),
        (["--labels", "LABELS", "--rename", "catt=cat"], "has no class 'catt', so it cannot be renamed; do you mean 'cat'?"),
    ],
)
def test_labels_that_cannot_be_used_are_told(run, tmp_path, capsys, words, said):
    (tmp_path / "labels.csv").write_text("path,label\ncat/1.png,cat\n")
    given = [tmp_path / "labels.csv" if word == "LABELS" else word for word in words]
    assert export(run, "--format", "csv", "--out", tmp_path / "out", *given) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_a_record_that_is_none_is_refused(tmp_path, capsys):
    (tmp_path / "run.json").write_text('{"format": 2, "method"')
    assert export(tmp_path / "run.json", "--format", "csv", "--out", tmp_path / "out") == 2
    assert "is no readable run record" in capsys.readouterr().err
