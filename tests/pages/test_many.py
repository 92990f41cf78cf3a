"""Lists of paths in the app, and folders of so many files that the page asks before it looks through them."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from pages.ui.access import folders, sources
from pages.ui.data import many, pick
from pages.ui.jobs.state import Job
from pages.ui.server.pictures import image_of
from usl_core.errors import UslError
from usl_core.images.subsets import with_sample, with_split
from usl_core.pipeline.prepared import known_images

from .conftest import name_of, unescaped, write_images


@pytest.fixture
def album(root):
    """Thirty images; to this server, more than twenty are very many."""
    write_images(root / "album" / "cats", 18, seed=1)
    write_images(root / "album" / "dogs", 12, seed=2)
    return root / "album"


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(many, "ASK_BEYOND", 20)
    monkeypatch.setattr(many, "USUAL_SAMPLE", 10)


SAMPLE = "a uniform sample of 10 of 30 files, seed 0"


# --- very many files -------------------------------------------------------------------------------------------------


def test_the_page_asks_before_it_looks_through_very_many_files(app, album, few):
    name = name_of(album)
    app.open("data", data=name).until_done().fine()
    assert "There are 30 image files." in app.plain
    assert known_images(str(album)) is None
    assert app.widget("number_input", "sample-size").value == 10
    app.run().fine()
    assert "There are 30 image files." in app.plain, "it does not start again by itself"
    app.press("use-sample").until_done().fine()
    assert app.test.query_params["sample"] == "10"
    assert "Images 10" in app.text
    assert f"These images are {SAMPLE}." in app.plain
    assert "sample of 10" in app.plain
    encode = next(button.key for button in app.test.button if button.label.startswith("Encode with"))
    app.press(encode).until_done().fine()
    on_top = next(unescaped(line.value) for line in app.test.caption if "10 images" in line.value)
    assert SAMPLE in on_top
    app.go("compare").fine()
    assert SAMPLE in app.plain
    assert "--sample 10 --sample-seed 0" in app.plain
    again = app.__class__().open("data", data=name, sample="10").fine()
    assert f"These images are {SAMPLE}." in again.plain
    again.press("other-sample").fine()
    assert "There are 30 image files." in again.plain
    assert "sample" not in again.test.query_params


def test_the_number_to_draw_is_ones_own(app, album, few):
    app.open("data", data=name_of(album)).until_done().fine()
    app.widget("number_input", "sample-size").set_value(7).run()
    app.press("use-sample").until_done().fine()
    assert "Images 7" in app.text
    assert app.test.query_params["sample"] == "7"


def test_all_may_be_looked_through_all_the_same(app, album, few):
    app.open("data", data=name_of(album)).until_done().fine()
    app.press("scan-all").until_done().fine()
    assert "Images 30" in app.text
    assert "other-sample" not in app.keys("button")


def test_who_cancels_the_look_through_all_is_asked_again(app, album, few, monkeypatch):
    find, ended = many.work.find, {"status": "cancelled"}

    def known(key):
        return Job(id="x", key=key, task="scan", **ended) if key.startswith("scan all") else find(key)

    monkeypatch.setattr(many.work, "find", known)
    app.open("data", data=name_of(album)).until_done().fine()
    assert "There are 30 image files." in app.plain
    assert "scan-all" in app.keys("button")
    ended.update(status="failed", error="the disk is gone")
    app.run()
    assert "the disk is gone" in app.plain
    assert "scan-all" not in app.keys("button")
    assert known_images(str(album)) is None


def test_as_many_as_are_usual_are_not_asked_about(app, album, few):
    many.ASK_BEYOND = 30
    app.open("data", data=name_of(album)).until_done().fine()
    assert "Images 30" in app.text


def test_a_sample_of_a_split_is_called_by_both(app, root):
    write_images(root / "set" / "train" / "cats", 9, seed=1)
    write_images(root / "set" / "train" / "dogs", 9, seed=2)
    write_images(root / "set" / "val" / "cats", 9, seed=3)
    write_images(root / "set" / "val" / "dogs", 9, seed=4)
    name = name_of(root / "set")
    app.open("data", data=name, sample="24-5", choose="true").until_done().fine()
    assert "a uniform sample of 24 of 36 files, seed 5" in app.plain
    app.widget("selectbox", "choose-split").set_value("val").run()
    app.fine()
    assert app.test.query_params["split"] == "val"
    assert "set, sample of 24, val" in app.plain
    assert sources.source_of(f"{name}+24-5~val") == with_split(with_sample(str(root / "set"), (24, 5)), "val")
    app.press("open-digits").fine()
    assert "sample" not in app.test.query_params


@pytest.mark.parametrize("sample", ["0", "x", "-1", "1e9", "5-x", "5--1", "+", "~", "9" * 40, "../.."])
def test_odd_samples_in_the_address_are_told(app, album, sample):
    app.open("data", data=name_of(album), sample=sample)
    assert not app.test.exception
    assert "knows no data set" in app.plain


def test_a_demo_has_no_sample_in_the_address(app):
    app.open("data", data="digits", sample="5")
    assert not app.test.exception
    assert "knows no data set" in app.plain


# --- lists -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def table(album):
    rows = ["path,species,label,fold"]
    for at, file in enumerate(sorted(album.rglob("*.png"))):
        rows.append(f"{file.relative_to(album.parent)},x,{'even' if at % 2 == 0 else 'odd'},{at % 3}/{at % 3}")
    path = album.parent / "table.csv"
    path.write_text("\n".join(rows))
    return path


def test_a_list_is_opened_from_the_browser_of_folders(app, root, table):
    for name in ("notes.txt", ".hidden.csv", "more.TSV", "other.parquet"):
        (root / name).write_bytes(b"")
    listed = folders.contents(root)
    assert (listed.lists, listed.archives) == (("more.TSV", "other.parquet", "table.csv"), ())
    app.open("data").fine()
    assert "3 tables" in app.plain
    app.press("list-2").until_done().fine()
    assert "Images 30" in app.text
    assert "Classes 2" in app.text
    assert "table.csv" in app.plain
    assert any("album/cats/000.png" in str(item) for item in app.gallery("Images of the data set"))


def test_splits_of_a_list_have_any_name(app, root, table):
    name = name_of(table)
    app.open("data", data=name).until_done().fine()
    app.widget("selectbox", "choose-split").set_value("1/1").run()
    app.fine()
    assert app.test.query_params["split"] == "1/1"
    assert "Images 10" in app.text
    assert "table.csv, 1/1" in app.plain
    spelled = f"{name}~{quote('1/1', safe='')}"
    items = app.gallery("Images of the data set")
    assert all(item["src"].startswith(f"api/image/{quote(spelled)}/") for item in items)
    digest = items[0]["src"].rpartition("/")[2]
    assert image_of(spelled, digest, "small").startswith(b"\xff\xd8")
    encode = next(button.key for button in app.test.button if button.label.startswith("Encode with"))
    app.press(encode).until_done().fine()
    app.go("compare").fine()
    assert "10 images" in app.plain
    assert f"{table} --split 1/1" in app.plain


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("bad.csv", b"id,title\n1,x\n", "has no column of paths"),
        ("bad.csv", b"", "names no file"),
        ("bad.tsv", b"path\tlabel\na.png\tx\na.png\ty\n", "two labels"),
        ("bad.parquet", b"no parquet", "cannot be read"),
    ],
)
def test_a_list_that_cannot_be_used_says_so_and_nothing_else_changes(app, root, name, content, said):
    (root / name).write_bytes(content)
    app.open("data").fine()
    app.press("list-0")
    assert not app.test.exception
    assert said in app.plain
    assert app.test.query_params.get("data", "digits") == "digits"
    assert "Images 1,797" in app.text
    app.run().fine()


def test_a_list_opens_nothing_outside_of_the_roots(app, root, tmp_path):
    write_images(tmp_path / "outside", 2, seed=5)
    write_images(root / "inside", 2, seed=6)
    rows = [*(tmp_path / "outside").glob("*.png"), "../outside/000.png", "inside/000.png"]
    (root / "list.csv").write_text("\n".join(["path", *map(str, rows)]))
    app.open("data", data=name_of(root / "list.csv")).until_done().fine()
    assert "Images 1" in app.text
    assert "Problems 2" in app.text, "the same file by another path counts once"
    assert "leads out of the folders" in app.plain


def test_a_list_may_be_typed_too(app, root, table):
    (root / "paths.txt").write_text("album/cats/000.png\nalbum/dogs/000.png\n")
    app.open("data").fine()
    app.widget("text_input", pick._FIELD).set_value(str(root / "paths.txt")).run()
    app.until_done().fine()
    assert "Images 2" in app.text


@pytest.mark.parametrize("split", ["1/1", "train", "a~b", "50%", "é", "x y", "+5-0"])
def test_names_of_splits_survive_the_address(root, table, split):
    name = name_of(table)
    assert sources.source_of(f"{name}~{quote(split, safe=' ')}") == with_split(str(table), split)
    assert sources.whole_of(f"{name}~{quote(split, safe=' ')}") == name


def test_folders_have_splits_of_known_names_only(root, album):
    name = name_of(album)
    assert sources.source_of(f"{name}~val") == f"{album}::val"
    for wrong in ("~", "~other", "~%2e%2e", "+5", "+0-0", "+5-0-0", "+5-0+5-0"):
        with pytest.raises(UslError, match="knows no data set"):
            sources.source_of(name + wrong)


def test_the_record_names_the_sample(app, album):
    from usl_core.export.files import run_record
    from usl_core.pipeline.prepared import prepare
    from usl_core.selection.registry import select

    made = prepare(with_sample(str(album), (10, 0)), "pixels:pca")
    document = run_record(select(made.features, 2, "random"), made.features, folder=str(album))
    assert json.loads(json.dumps(document))["sample"] == {"n": 10, "of": 30, "seed": 0}
