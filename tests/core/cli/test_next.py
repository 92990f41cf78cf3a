"""The command `next`: labels are back, the next images are picked, and the run can be repeated."""

from __future__ import annotations

import csv
import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import usl_core as usl
from usl_core.cli.parser import main
from usl_core.export.run_record import load_run_record

METHODS = [name for name in usl.methods(second_round=True) if name != "usl-t"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """40 images without class folders; their colour tells their kind."""
    rng = np.random.default_rng(0)
    root = tmp_path / "photos"
    root.mkdir()
    for number in range(40):
        base = np.full((8, 8, 3), 60 + 120 * (number % 2))
        pixels = np.clip(base + rng.normal(scale=30, size=(8, 8, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(root / f"{number:02}.png")
    return root


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.csv"
    rows = [f"{number:02}.png,{'dark' if number % 2 == 0 else 'bright'}" for number in range(12)]
    path.write_text("path,label\n" + "\n".join(rows) + "\n")
    return path


def run(*arguments: object) -> int:
    return main([*map(str, arguments), "--encoder", "pixels:pca"] if "--from" not in arguments else [*map(str, arguments)])


def read_picks(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_respects_what_is_labelled_and_can_be_repeated(folder, labels, tmp_path, capsys, method):
    (tmp_path / "veto.txt").write_text("12.png\n")
    out, again = tmp_path / "out", tmp_path / "again"
    veto = tmp_path / "veto.txt"
    assert run("next", folder, "--labels", labels, "--budget", 5, "--method", method, "--vetoed", veto, "--out", out) == 0
    captured = capsys.readouterr()
    rows = read_picks(out / "picks.csv")
    assert captured.out.splitlines() == [row["path"] for row in rows]
    assert len({row["path"] for row in rows}) == 5
    assert all(int(row["path"][:2]) > 12 for row in rows)
    assert {row["predicted"] for row in rows} <= {"dark", "bright"}
    assert all(0.5 <= float(row["confidence"]) <= 1 for row in rows)
    assert "12 images have a class" in captured.err
    labels.unlink()
    assert run("select", "--from", out / "run.json", "--out", again) == 0
    for name in ("picks.csv", "picks.npy", "run.json"):
        assert (again / name).read_bytes() == (out / name).read_bytes()


def test_the_record_holds_the_labels(folder, labels, tmp_path):
    assert run("next", folder, "--labels", labels, "--budget", 2, "--method", "margin", "--out", tmp_path / "out") == 0
    record = load_run_record(tmp_path / "out" / "run.json")
    assert record.labels is not None
    assert record.labels.file == str(labels)
    assert record.labels.class_names == ("bright", "dark")
    assert record.labels.ids(40).tolist() == [1, 0] * 6 + [-1] * 28
    assert record.labelled == tuple(range(12))
    assert record.labels.digest == json.loads((tmp_path / "out" / "run.json").read_text())["labels"]["digest"] != ""


def test_what_is_odd_is_said_and_kept(folder, labels, tmp_path, capsys):
    with labels.open("a") as file:
        file.write("00.png,bright\nnowhere.png,dark\n30.png,\n31.png,Dark\n")
        file.writelines(f"lost/{number}.jpg,=1+1\n" for number in range(30))
    out = tmp_path / "out"
    assert run("next", folder, "--labels", labels, "--budget", 25, "--out", out) == 0
    err = capsys.readouterr().err
    assert "1 image has more than one class" in err
    assert "'00.png': 'dark' (line 2), 'bright' (line 14)" in err
    assert "1 class name is probably misspelt" in err
    assert "'Dark' (1 image) is probably 'dark' (6)" in err
    assert "1 image has no class yet" in err
    assert "and 11 more, see labels-report.txt" in err
    report = (out / "labels-report.txt").read_text()
    assert all(f"lost/{number}.jpg" in report for number in range(30))
    picked = {row["path"] for row in read_picks(out / "picks.csv")}
    assert not picked & {f"{number:02}.png" for number in (*range(12), 31)}
    labels.write_text("path,label\n00.png,dark\n")
    assert run("next", folder, "--labels", labels, "--budget", 3, "--out", out) == 0
    assert not (out / "labels-report.txt").exists()


def test_no_class_at_all_is_no_classifier(folder, labels, tmp_path, capsys):
    labels.write_text("path,label\n00.png,\n")
    assert run("next", folder, "--labels", labels, "--budget", 3, "--method", "uherding", "--out", tmp_path / "out") == 0
    assert "predicted" not in (tmp_path / "out" / "picks.csv").read_text()
    assert "maxherding" in capsys.readouterr().err
    assert run("next", folder, "--labels", labels, "--budget", 3, "--method", "margin") == 2
    assert "labelled is empty" in capsys.readouterr().err


def test_class_folders_of_the_images_are_not_asked(folder, labels, tmp_path):
    """Where folders tell the classes, the second round must not look at those that nobody has labelled."""
    for number in range(40):
        (folder / str(number % 3)).mkdir(exist_ok=True)
        (folder / f"{number:02}.png").rename(folder / str(number % 3) / f"{number:02}.png")
    assert run("next", folder, "--labels", labels, "--budget", 4, "--method", "margin", "--out", tmp_path / "out") == 0
    assert {row["predicted"] for row in read_picks(tmp_path / "out" / "picks.csv")} <= {"dark", "bright"}


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        ("path,label\n00.png,dark\n", (), "give --budget"),
        ("path,label\n00.png,dark\n", ("--budget", 40), "[1, 39] (images left of 40: 1 labelled, 0 vetoed)"),
        ("path,label\n00.png,dark\n", ("--budget", 3, "--method", "magic"), "magic"),
        ("path\n00.png\n", ("--budget", 3), "no column of classes"),
    ],
)
def test_a_mistake_is_one_line(folder, labels, capsys, content, arguments, said):
    labels.write_text(content)
    assert run("next", folder, "--labels", labels, *arguments) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: ")
    assert said in last


# ---------------------------------------------------------------- other names for classes


def test_the_option_that_the_message_names_repairs_it(folder, labels, tmp_path, capsys):
    with labels.open("a") as file:
        file.write("31.png,Dark\n33.png,brihgt\n")
    out = tmp_path / "out"
    assert run("next", folder, "--labels", labels, "--budget", 2, "--method", "margin", "--out", out) == 0
    named = [line.rpartition("; if so, give ")[2] for line in capsys.readouterr().err.splitlines() if "; if so, give " in line]
    words = [word for line in named for word in shlex.split(line)]
    assert words == ["--rename", "Dark=dark", "--rename", "brihgt=bright"]
    assert "if so, give --rename Dark=dark" in (out / "labels-report.txt").read_text()
    assert run("next", folder, "--labels", labels, *words, "--budget", 2, "--method", "margin", "--out", out) == 0
    err = capsys.readouterr().err
    assert "class 'Dark' is read as 'dark'" in err
    assert "misspelt" not in err
    assert not (out / "labels-report.txt").exists()
    record = load_run_record(out / "run.json").labels
    assert record.class_names == ("bright", "dark")
    assert record.renamed == {"Dark": "dark", "brihgt": "bright"}
    assert run("select", "--from", out / "run.json", "--out", tmp_path / "again") == 0
    assert "note: " not in capsys.readouterr().err
    assert (tmp_path / "again" / "run.json").read_bytes() == (out / "run.json").read_bytes()


def test_a_class_that_is_not_there_is_not_renamed(folder, labels, capsys):
    assert run("next", folder, "--labels", labels, "--budget", 2, "--rename", "drak=bright") == 2
    assert "has no class 'drak', so it cannot be renamed; do you mean 'dark'?" in capsys.readouterr().err


# ---------------------------------------------------------------- a run that moved


def files_of(place: Path) -> list[bytes]:
    return [(place / name).read_bytes() for name in ("picks.csv", "picks.npy")]


def test_a_run_that_moved_with_its_labels_finds_them(folder, labels, tmp_path, capsys):
    home, out = tmp_path / "project", tmp_path / "project" / "rounds" / "2"
    home.mkdir()
    labels = labels.rename(home / "labels.csv")
    assert run("next", folder, "--labels", labels, "--budget", 3, "--method", "margin", "--out", out) == 0
    assert json.loads((out / "run.json").read_text())["labels"]["file"] == "../../labels.csv"
    first = files_of(out)
    moved = home.rename(tmp_path / "elsewhere")
    record = moved / "rounds" / "2" / "run.json"
    assert load_run_record(record).labels.file == str(moved / "labels.csv")
    capsys.readouterr()
    again = tmp_path / "again"
    assert run("select", "--from", record, "--out", again) == 0
    assert "note: " not in capsys.readouterr().err
    assert files_of(again) == first
    assert json.loads((again / "run.json").read_text())["labels"]["file"] == "../elsewhere/labels.csv"

    (moved / "labels.csv").write_text("path,label\n00.png,bright\n")
    assert run("next", "--from", record, "--out", again) == 0
    assert "labels.csv has changed since the run; the labels that run.json holds are used" in capsys.readouterr().err
    assert files_of(again) == first

    (moved / "labels.csv").write_bytes(b"\0")
    assert run("select", "--from", record, "--out", again) == 0
    assert "note: the file of labels cannot be read any more" in capsys.readouterr().err
    assert files_of(again) == first

    (moved / "labels.csv").unlink()
    assert run("select", "--from", record, "--out", again) == 0
    assert "labels.csv, from which the labels of the run came, is not there" in capsys.readouterr().err
    assert files_of(again) == first


def test_links_do_not_mislead(folder, labels, tmp_path):
    """`..` behind a link leads to where the linked folder lies."""
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "out").symlink_to(tmp_path / "far" / "away")
    assert run("next", folder, "--labels", labels, "--budget", 2, "--out", tmp_path / "out") == 0
    for place in (tmp_path / "out", tmp_path / "far" / "away"):
        assert load_run_record(place / "run.json").labels.file == str(labels)


def test_a_record_with_an_absolute_path_is_read(folder, labels, tmp_path, capsys):
    """Earlier versions wrote such."""
    out = tmp_path / "out"
    assert run("next", folder, "--labels", labels, "--budget", 2, "--out", out) == 0
    document = json.loads((out / "run.json").read_text())
    document["labels"]["file"] = str(labels)
    del document["labels"]["renamed"]
    (out / "run.json").write_text(json.dumps(document, indent=2))
    capsys.readouterr()
    assert run("select", "--from", out / "run.json") == 0
    assert "note: " not in capsys.readouterr().err


# ---------------------------------------------------------------- going on


def test_the_next_round_goes_on_from_the_last(folder, labels, tmp_path, capsys):
    """Images, encoder, vetoes and earlier labels are those of the run; new labels go above them."""
    for name, rows in (("veto", (12, 13)), ("known", (14,)), ("veto-too", (15,))):
        (tmp_path / f"{name}.txt").write_text("".join(f"{row}.png\n" for row in rows))
    lists = ["--vetoed", tmp_path / "veto.txt", "--labelled", tmp_path / "known.txt"]
    assert run("next", folder, "--labels", labels, "--budget", 3, *lists, "--out", tmp_path / "two") == 0
    second = load_run_record(tmp_path / "two" / "run.json")
    assert (second.vetoed, second.labelled) == ((12, 13), (*range(12), 14))

    picks = read_picks(tmp_path / "two" / "picks.csv")
    new = tmp_path / "new.csv"
    new.write_text("path,label\n00.png,grey\n" + "".join(f"{row['path']},bright\n" for row in picks))
    more = ["--labels", new, "--budget", 4, "--method", "margin", "--vetoed", tmp_path / "veto-too.txt"]
    words = [str(word) for word in ("next", "--from", tmp_path / "two" / "run.json", *more, "--out", tmp_path / "three")]
    assert main(words) == 0
    third = load_run_record(tmp_path / "three" / "run.json")
    rows = {int(row["path"][:2]) for row in picks}
    assert third.encoder == "pixels:pca"
    assert third.vetoed == (12, 13, 15)
    assert set(third.labelled) == {*range(12), 14, *rows}
    assert dict(third.labels.named()) == {
        **{row: "dark" if row % 2 == 0 else "bright" for row in range(1, 12)},
        **dict.fromkeys(rows, "bright"),
        0: "grey",
    }
    assert not {int(row["path"][:2]) for row in read_picks(tmp_path / "three" / "picks.csv")} & {*range(16), *rows}
    assert main(["next", "--from", str(tmp_path / "three" / "run.json"), "--out", str(tmp_path / "again")]) == 0
    assert files_of(tmp_path / "again") == files_of(tmp_path / "three")


def test_what_the_run_fixed_is_taken_back(folder, labels, tmp_path):
    (tmp_path / "veto.txt").write_text("12.png\n13.png\n")
    (tmp_path / "allow.txt").write_text("13.png\n")
    first = ["next", folder, "--labels", labels, "--budget", 3, "--vetoed", tmp_path / "veto.txt", "--near-duplicates", 0.9999]
    assert run(*first, "--out", tmp_path / "two") == 0
    on = ["next", "--from", tmp_path / "two" / "run.json", "--labels", labels, "--budget", 20]
    assert run(*on, "--out", tmp_path / "same") == 0
    same = load_run_record(tmp_path / "same" / "run.json")
    assert (same.near_duplicates, same.vetoed) == (0.9999, (12, 13))
    assert run(*on, "--near-duplicates", "off", "--allow", tmp_path / "allow.txt", "--out", tmp_path / "other") == 0
    other = load_run_record(tmp_path / "other" / "run.json")
    assert (other.near_duplicates, other.vetoed) == (None, (12,))
    assert run(*on, "--near-duplicates", "0.99", "--out", tmp_path / "anew") == 0
    assert load_run_record(tmp_path / "anew" / "run.json").near_duplicates == 0.99


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "which labels came back? give --labels FILE"),
        (("--rename", "a=b"), "which labels came back? give --labels FILE"),
        (("--from", "RUN", "--rename", "a=b"), "--rename is about the classes of --labels"),
        (("--from", "RUN", "--budget", 3), "--from repeats a run exactly, so budget cannot be changed beside it"),
        (("--from", "RUN", "--near-duplicates", "off"), "--from repeats a run exactly, so near_duplicates cannot be changed"),
        (("--from", "RUN", "--allow", "LABELS"), "--allow is of no use where a run is repeated"),
        (("--labels", "LABELS", "--allow", "LABELS"), "--allow is about what the run of --from vetoed"),
        (("--from", "RUN", "--labels", "LABELS"), "how many images? give --budget M"),
        (
            ("--from", "RUN", "--labels", "LABELS", "--budget", 3, "--encoder", "x"),
            "goes on with the images of a run, so encoder",
        ),
    ],
)
def test_what_does_not_go_together_is_told(folder, labels, tmp_path, capsys, words, said):
    assert run("next", folder, "--labels", labels, "--budget", 2, "--out", tmp_path / "out") == 0
    places = {"RUN": tmp_path / "out" / "run.json", "LABELS": labels}
    assert main(["next", str(folder), *(str(places.get(word, word)) for word in words)]) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_a_missing_file_of_labels_is_told(folder, tmp_path, capsys):
    assert run("next", folder, "--labels", tmp_path / "nowhere.csv", "--budget", 3) == 2
    assert "--labels" in capsys.readouterr().err
