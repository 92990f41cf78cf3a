"""A list of paths as a source: every form of it, what it says of classes and splits, and what it may name."""

from __future__ import annotations

import csv
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pyarrow import parquet

from usl_core.cache.store import Store
from usl_core.errors import Cancelled, UslError
from usl_core.export.files import write_picks_zip
from usl_core.images import list_parquet, list_table, listed_names, scan_index
from usl_core.images import listing as image_listing
from usl_core.images.decode import verify
from usl_core.images.listing import LEADS_OUT
from usl_core.images.lists import read_image_list
from usl_core.images.records import recall_images, remember_images
from usl_core.images.scan import open_image, read_bytes, scan
from usl_core.images.sources import check_list
from usl_core.images.subsets import in_split, subset
from usl_core.types import ImageSet

Look = Callable[..., ImageSet]
NAMES = ("a1.png", "a2.png", "a10.png", "sub/b.png", "sub/c, d.png", "öl/é.png", "e f.png", "-g.png")


def picture(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), (number % 256, number // 256, 7)).save(buffer, "png")
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight pictures, each of its own colour."""
    root = tmp_path.resolve() / "data"
    for number, name in enumerate(NAMES):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(picture(number))
    return root


@pytest.fixture
def look(folder: Path, tmp_path: Path) -> Look:
    """The scan of a list with this content, which lies beside the pictures."""

    def scanned(content: bytes | str | pa.Table, name: str = "list.csv", **options: object) -> ImageSet:
        if isinstance(content, pa.Table):
            parquet.write_table(content, folder / name)
        else:
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return scan(folder / name, cache_dir=tmp_path / "cache", **options)  # type: ignore[arg-type]

    return scanned


def causes(found: ImageSet) -> dict[str, str]:
    return {problem.path: problem.cause for problem in found.problems}


def classes(found: ImageSet) -> dict[str, str]:
    assert found.labels is not None
    return {path: found.class_names[label] for path, label in zip(found.paths, found.labels, strict=True)}


def splits(found: ImageSet) -> dict[str, str]:
    assert found.splits is not None
    return {path: found.split_names[split] for path, split in zip(found.paths, found.splits, strict=True)}


# --- forms -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("header", ["", "path", "File name", "IMAGE_PATH", '"images"', "\ufefffile"])
@pytest.mark.parametrize("name", ["list.csv", "LIST.TSV", "list.txt"])
def test_a_list_of_paths_alone(look: Look, name: str, header: str, end: str) -> None:
    if header == "path" and end == "\r" and name == "LIST.TSV":
        header = "filename"
    rows = [f'"{path}"' if "," in path and name != "list.txt" else path for path in NAMES]
    found = look(end.join([*([header] if header else []), *rows, ""]), name)
    assert sorted(found.paths) == sorted(NAMES)
    assert found.paths[1:4] == ("a1.png", "a2.png", "a10.png"), "natural order"
    assert (found.problems, found.labels, found.splits, found.class_names) == ((), None, None, ())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "mac_roman", "cp850"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_tables_in_every_encoding(look: Look, folder: Path, separator: str, encoding: str) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator)
    writer.writerow(["id", "Label", "Image Path", "note"])
    for number, name in enumerate(NAMES):
        writer.writerow([number, f"class {number % 2}", name, "x\ny"])
    found = look(text.getvalue().encode(encoding))
    assert sorted(found.paths) == sorted(NAMES)
    assert classes(found)["öl/é.png"] == "class 1"
    unsaid = encoding.startswith("utf")
    assert [note.text for note in found.notes] == (
        [] if unsaid else [f"the list {folder / 'list.csv'} is not UTF-8 and was read as {encoding}"]
    )
    assert len(subset(found, [0]).notes) == len(found.notes), "what is said of the list outlives its images"


def test_the_line_of_a_spreadsheet_and_joined_tables(look: Look) -> None:
    found = look("sep=;\r\npath;label\r\na1.png;x\r\n\r\npath;label\r\na2.png;y\r\n")
    assert classes(found) == {"a1.png": "x", "a2.png": "y"}
    assert found.problems == ()


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())], ids=str)
def test_parquet(look: Look, kind: pa.DataType) -> None:
    table = pa.table(
        {
            "thumb": pa.array([b"\xff"] * 3, pa.binary()),
            "file": pa.array(["a1.png", "a2.png", "a10.png"], kind),
            "target": pa.array([10, 9, 10], pa.int16()),
            "subset": pa.array(["train", "test", "train"], kind),
        }
    )
    found = look(table, "list.parquet")
    assert classes(found) == {"a1.png": "10", "a2.png": "9", "a10.png": "10"}
    assert found.class_names == ("9", "10")
    assert splits(found) == {"a1.png": "train", "a2.png": "test", "a10.png": "train"}


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([True, False, True], ("False", "True")),
        ([1.5, -2.25, 10.0], ("-2.25", "1.5", "10")),
        ([3, 20, -1], ("-1", "3", "20")),
        (["b10", "b9", "a"], ("a", "b9", "b10")),
        ([" x ", "x", "y"], ("x", "y")),
    ],
)
def test_labels_of_any_scalar_kind(look: Look, values: list[object], names: tuple[str, ...]) -> None:
    paths = ["a1.png", "a2.png", "a10.png"]
    assert look(pa.table({"path": paths, "class": values}), "list.parquet").class_names == names
    if not isinstance(values[0], float):
        assert look("\n".join(["path,class", *map(",".join, zip(paths, map(str, values), strict=True))])).class_names == names


def test_class_names_come_before_class_numbers(look: Look) -> None:
    assert classes(look("label,class_name,path\n0,cat,a1.png\n1,dog,a2.png\n")) == {"a1.png": "cat", "a2.png": "dog"}


def test_our_own_exports_are_lists(look: Look, folder: Path) -> None:
    exact = (
        "rank,path,index,method,seed,cluster,label,density,score\r\n1,-g.png,0,usl,0,0,=x,1.0,\r\n2,a1.png,1,usl,0,1,y,1.0,\r\n"
    )
    guarded = "\ufeff" + exact.replace("path", "path_as_text").replace("-g.png", "'-g.png").replace("=x", "'=x")
    for content in (exact, guarded):
        assert classes(look(content)) == {"-g.png": "=x", "a1.png": "y"}


def test_folders_say_nothing_where_there_is_a_list(look: Look, folder: Path) -> None:
    for name in ("train/cat/1.png", "train/dog/2.png", "val/cat/3.png", "val/dog/4.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(picture(len(name) + ord(name[-5])))
    paths = "train/cat/1.png\ntrain/dog/2.png\nval/cat/3.png\nval/dog/4.png\n"
    found = look(paths, "list.txt")
    assert (found.labels, found.splits, found.class_names, found.split_names) == (None, None, (), ())
    with pytest.raises(UslError, match="it has no column split, subset, set, partition or fold"):
        in_split(found, "train")
    part = in_split(look("path,split\n" + paths.replace("\n", ",train\n")), "train")
    assert len(part) == 4, "a set of one split is that split"
    assert part.labels is None


@pytest.mark.parametrize("first", ["fichier", "bilder", "путь"])
def test_a_header_in_another_language(look: Look, first: str) -> None:
    found = look(f"{first}\na1.png\na2.png\n", "list.txt")
    assert found.paths == ("a1.png", "a2.png")
    assert [note.path for note in found.notes] == ["list.txt"]
    assert f"taken for the header of a table: '{first}'" in found.notes[0].text


def test_an_image_that_is_called_like_a_header(look: Look, folder: Path) -> None:
    (folder / "image").write_bytes(picture(99))
    assert look("image\na1.png\n", "list.txt").paths == ("a1.png", "image")
    (folder / "image").unlink()
    assert look("image\na1.png\n", "list.txt").paths == ("a1.png",)


# --- paths -----------------------------------------------------------------------------------------------------------


def test_how_a_path_may_be_spelled(look: Look, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    elsewhere = tmp_path.resolve() / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "x.png").write_bytes(picture(50))
    (folder / "~").mkdir()
    (folder / "~" / "home.png").write_bytes(picture(51))
    (folder / "back\\slash.png").write_bytes(picture(52))
    (folder / ".hidden.png").write_bytes(picture(53))
    (folder / "link.png").symlink_to(elsewhere / "x.png")
    rows = {
        "./a1.png": "a1.png",
        "sub//./b.png": "sub/b.png",
        "sub\\c, d.png": "sub/c, d.png",
        "  a2.png\t": "a2.png",
        str(folder / "a10.png"): str(folder / "a10.png"),
        str(elsewhere / "x.png"): str(elsewhere / "x.png"),
        "~/home.png": "~/home.png",
        "back\\slash.png": "back\\slash.png",
        ".hidden.png": ".hidden.png",
        "link.png": "link.png",
        "sub/../e f.png": "sub/../e f.png",
        "~/a1.png": None,
        "~/../-g.png": "~/../-g.png",
    }
    found = look("\n".join(rows), "list.txt")
    assert set(found.paths) == {name for name in rows.values() if name}
    assert causes(found) == {"~/a1.png": "the file, or what it links to, does not exist"}
    for row, path in enumerate(found.paths):
        assert read_bytes(found, row) == (folder / path).read_bytes()
        assert open_image(found, row).size == (8, 6)
    inside = look("\n".join(rows), "list.txt", within=[folder])
    assert {path for path, cause in causes(inside).items() if cause == LEADS_OUT} == {str(elsewhere / "x.png"), "link.png"}
    assert len(inside) == len(found) - 2


def test_nothing_outside_of_the_roots_is_looked_at(look: Look, folder: Path) -> None:
    """Not even whether it is there: the same cause for what exists and what does not."""
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "secret.png").write_bytes(picture(9))
    (folder / "door").symlink_to(outside)
    (folder / "secret.png").symlink_to(outside / "secret.png")
    (folder / "nothing.png").symlink_to(outside / "nothing.png")
    rows = [
        *("../outside/secret.png", "../outside/nothing.png", "..\\outside\\other.png"),
        *("door/secret.png", "door/nothing.png", "secret.png", "nothing.png", "/etc/passwd", "/etc/nothing", "/dev/zero"),
        "/proc/self/environ",
    ]
    again = ["sub/../../outside/secret.png", str(outside / "secret.png")]  # the same file counts once
    found = look("\n".join(["a1.png", *rows, *again]), "list.txt", within=[folder])
    assert (found.paths, found.notes) == (("a1.png",), ())
    assert set(causes(found)) == set(rows)
    assert set(causes(found).values()) == {LEADS_OUT}


def test_a_file_that_becomes_a_link_to_the_outside_is_not_read(look: Look, folder: Path) -> None:
    (folder.parent / "secret.png").write_bytes(picture(0))
    found = look("a1.png\n", within=[folder])
    (folder / "a1.png").unlink()
    (folder / "a1.png").symlink_to("../secret.png")
    with pytest.raises(UslError, match="leads out"):
        read_bytes(found, 0)


def test_what_is_no_image_is_a_problem_and_the_others_load(look: Look, folder: Path) -> None:
    (folder / "bad.png").write_bytes(b"text")
    (folder / "notes.md").write_bytes(b"# text")
    (folder / "drawing.svg").write_bytes(b"<svg/>")
    os.mkfifo(folder / "pipe.png")
    (folder / "round.png").symlink_to("round.png")
    expected = {
        "gone.png": "does not exist",
        "gone\\too.png": "does not exist",
        "a1.png/below.png": "does not exist",
        "bad.png": "not an image",
        "notes.md": "not an image",
        "drawing.svg": "drawing",
        "sub": "it is a folder",
        "pipe.png": "pipe",
        "round.png": "cannot be opened",
        "/dev/zero": "device",
        "x" * 5000: "cannot be opened",
    }
    found = look("\n".join(["a1.png", *expected]), "list.txt")
    assert found.paths == ("a1.png",)
    assert set(causes(found)) == set(expected)
    for path, words in expected.items():
        assert words in causes(found)[path]


def test_names_that_are_no_text(look: Look, folder: Path) -> None:
    try:
        (folder / os.fsdecode(b"latin\xe9.png")).write_bytes(picture(7))
    except OSError:
        pytest.skip("this file system refuses names that are no text")
    found = look(b"path\na1.png\nlatin\xe9.png\n")
    assert found.paths == ("a1.png",)
    assert causes(found) == {"latin\\udce9.png": "the name of the file is not valid text (UTF-8); rename it"}
    assert "NUL" in causes(look(pa.table({"path": ["a\0b.png", "a1.png"]}), "x.parquet"))["a\\x00b.png"]


# --- rows that repeat or contradict ----------------------------------------------------------------------------------


def test_a_path_twice_counts_once_and_is_said(look: Look, folder: Path) -> None:
    again = ("./a1.png", str(folder / "a1.png"), "sub/../a1.png", "sub\\..\\a1.png")
    found = look(
        "\n".join(["path,label", "a1.png,x", *(f"{path},x" for path in again), "a2.png,y", "gone.png,x", "gone.png,x"])
    )
    assert classes(found) == {"a1.png": "x", "a2.png": "y"}
    said = {note.path: note.text for note in found.notes}
    assert said["a1.png"] == "the list names it 5 times; it counts once"
    assert len(found.problems) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('path,label\n"a1.png",cat\na2.png,dog\n./a1.png,dog\n', "'a1.png' two labels: 'cat' in line 2 and 'dog' in line 4"),
        ('sep=,\n\npath,note,label\na1.png,"x\ny",cat\na1.png,,dog\n', "two labels: 'cat' in line 5 and 'dog' in line 6"),
        ("path,fold\na1.png,1\na2.png,1\na1.png,2\n", "two splits: '1' in line 2 and '2' in line 4"),
        ("path,label\ngone.png,cat\ngone.png,dog\n", "two labels"),
    ],
)
def test_a_path_with_two_labels_is_an_error_that_names_both_lines(look: Look, content: str, said: str) -> None:
    with pytest.raises(UslError, match="keep one of the two") as error:
        look(content)
    assert said in str(error.value)


def test_rows_of_parquet_are_counted_as_such(look: Look) -> None:
    with pytest.raises(UslError, match=r"'a' in row 1 and 'b' in row 3"):
        look(pa.table({"path": ["a1.png", None, "a1.png"], "label": ["a", "x", "b"]}), "list.parquet")


def test_the_row_with_a_label_tells_it(look: Look) -> None:
    assert classes(look("path,label\na1.png,\na1.png,cat\na2.png,dog\na2.png,\n")) == {"a1.png": "cat", "a2.png": "dog"}


def test_rows_without_a_path_are_told(look: Look) -> None:
    found = look("path,label\na1.png,x\n,y\n\n , \n")
    assert causes(found) == {"list.csv, line 3": "it holds something, but no path"}


# --- labels and splits -----------------------------------------------------------------------------------------------

HALF = (
    "path,label,split\na1.png,cat,train\na2.png,dog,train\na10.png,,test\n-g.png,  ,test\ne f.png,cat,val\ngone.png,cat,val\n"
)


def test_images_without_a_label(look: Look) -> None:
    found = look(HALF)
    assert (found.labels, found.class_names) == (None, ())
    assert [(note.path, note.text) for note in found.notes] == [
        ("-g.png", "the list gives it no label, and neither to 1 more; so the images have no classes")
    ]
    train, test, val = (in_split(found, split) for split in ("train", "test", "val"))
    assert classes(train) == {"a1.png": "cat", "a2.png": "dog"}
    assert classes(val) == {"e f.png": "cat"}
    assert (test.labels, train.notes, val.notes, test.notes) == (None, (), (), ()), "no label at all needs no word"
    assert [list(causes(part)) for part in (train, test, val)] == [[], [], ["gone.png"]]
    assert classes(subset(train, [1])) == {"a2.png": "dog"}


def test_images_without_a_split(look: Look) -> None:
    found = look("path,split\na1.png,train\na2.png,\n")
    assert (found.splits, found.split_names) == (None, ())
    assert found.notes[0].path == "a2.png"
    assert "no split" in found.notes[0].text
    with pytest.raises(UslError, match="says nothing of some images"):
        in_split(found, "train")


def test_a_column_that_says_a_thousand_things_holds_no_splits(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listed_names, "_MOST_SPLITS", 2)
    assert look("path,set\na1.png,x\na2.png,y\n").split_names == ("x", "y")
    found = look("path,set\na1.png,x\na2.png,y\na10.png,z\n")
    assert (found.splits, found.split_names) == (None, ())
    assert [(note.path, note.text) for note in found.notes] == [
        ("list.csv", "the column of splits says 3 different things, so it was taken for something else")
    ]


def test_a_list_is_looked_at_before_anybody_goes_there(look: Look, folder: Path) -> None:
    look("path\na1.png\n", "good.csv")
    for name, content in {"bad.csv": "id,title\n1,x\n", "empty.txt": "", "two.csv": "path,label\na1.png,x\na1.png,y\n"}.items():
        (folder / name).write_text(content)
        with pytest.raises(UslError, match=f"the list .*{name}"):
            check_list(folder / name)
    check_list(folder / "two.csv", seconds=-1)  # no time at all: the scan will say
    for path in (folder / "good.csv", folder, folder / "a1.png"):
        check_list(path, [folder])
    with pytest.raises(UslError, match="does not exist"):
        check_list(folder / "gone.csv")


def test_only_usable_images_decide(look: Look) -> None:
    found = look("path,label,split\na1.png,cat,0\na2.png,dog,1\ngone.png,,\n")
    assert found.class_names == ("cat", "dog")
    assert found.split_names == ("0", "1")


def test_labels_and_splits_are_kept(look: Look, tmp_path: Path) -> None:
    found, store = look(HALF), Store(tmp_path / "cache")
    remember_images(found, store)
    again = recall_images(found.root, store)
    assert again is not None
    assert again.problems == found.problems
    for split in found.split_names:
        one, other = in_split(found, split), in_split(again, split)
        assert (one.paths, one.class_names, one.problems, one.notes) == (
            other.paths,
            other.class_names,
            other.problems,
            other.notes,
        )
        assert (one.labels is None) == (other.labels is None)
        assert one.labels is None or np.array_equal(one.labels, other.labels)  # type: ignore[arg-type]


@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["", "cat", "dog", "10", "9"]), st.sampled_from(["a", "b"])), min_size=1, max_size=8
    ),
    kept=st.sets(st.integers(0, 7), min_size=1),
)
def test_parts_of_a_list_are_what_a_list_of_the_parts_is(
    rows: list[tuple[str, str]], kept: set[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "parts"
    folder.mkdir(exist_ok=True)
    for number in range(8):
        (folder / f"{number}.png").write_bytes(picture(number))
    table = [f"{number}.png,{label},{split}" for number, (label, split) in enumerate(rows)]

    def of(lines: list[str]) -> ImageSet:
        (folder / "list.csv").write_text("\n".join(["path,label,split", *lines]))
        return scan(folder / "list.csv", cache_dir=folder / "cache")

    def said(images: ImageSet) -> list[tuple[str, str | None, str | None]]:
        labels = [None] * len(images) if images.labels is None else [images.class_names[at] for at in images.labels]
        assert images.splits is not None
        return list(zip(images.paths, labels, [images.split_names[at] for at in images.splits], strict=True))

    whole = of(table)
    keep = sorted(number for number in kept if number < len(rows)) or [0]
    part, fresh = subset(whole, keep), of([table[row] for row in keep])
    if whole.labels is not None:
        assert said(part) == said(fresh)
    assert part.listed is not None
    assert fresh.listed is not None
    assert (part.listed.ids.tolist(), part.listed.names) == (fresh.listed.ids.tolist(), fresh.listed.names)
    for split in whole.split_names:
        assert said(in_split(whole, split)) == said(of([line for line in table if line.endswith(f",{split}")]))


# --- mistakes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        ("id,title\n1,x\n", "l.csv", r"has no column of paths; its columns are 'id', 'title': call one of them path"),
        ("a1.png;cat\na2.png;dog\n", "l.csv", r"no column of paths; its columns are 'a1.png', 'cat'"),
        ("", "l.csv", "the list names no file"),
        ("\n\n", "l.txt", "the list names no file"),
        ("path\n", "l.tsv", "the list names no file"),
        ("nothing.png\n", "l.txt", "none of the 1 can be read; the first is 'nothing.png'"),
        (b"PK\x03\x04 a workbook", "l.csv", "workbook"),
        (b"not parquet at all", "l.parquet", "cannot be read .*write it again as Parquet"),
        (b"", "l.parquet", "cannot be read"),
        ('path,label\na1.png,"' + "x" * 200_000, "l.csv", "no table from line 2 on .*field larger"),
        (pa.table({"image": [1, 2]}), "l.parquet", "column 'image' .* must hold texts, the paths, but holds int64"),
        (pa.table({"image": [{"bytes": b"", "path": "a1.png"}]}), "l.parquet", "must hold texts, the paths, but holds struct"),
        (pa.table({"path": ["a1.png"], "label": [["x"]]}), "l.parquet", "column 'label' .* one text or number per row"),
        (pa.table({"x": ["a1.png"]}), "l.parquet", "no column of paths; its columns are 'x'"),
    ],
)
def test_lists_that_cannot_be_used(look: Look, content: bytes | str | pa.Table, name: str, said: str) -> None:
    with pytest.raises(UslError, match=said) as error:
        look(content, name)
    assert "\n" not in str(error.value)


def test_parquet_that_is_cut_off(look: Look, folder: Path) -> None:
    look(pa.table({"path": list(NAMES)}), "l.parquet")
    data = (folder / "l.parquet").read_bytes()
    for cut in (4, len(data) // 2, len(data) - 4, len(data) - 1):
        with pytest.raises(UslError, match="cannot be read"):
            look(data[:cut], "l.parquet")


def test_what_is_no_list_by_its_name_or_kind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "list.doc").write_text("a1.png\n")
    os.mkfifo(folder / "pipe.csv")
    for name in ("list.doc", "pipe.csv"):
        with pytest.raises(UslError, match=r"neither a folder nor a \.zip archive nor a list of paths \(a file named \.csv"):
            scan(folder / name)
    (folder / "folder.csv").mkdir()
    (folder / "folder.csv" / "a.png").write_bytes(picture(3))
    assert scan(folder / "folder.csv").paths == ("a.png",)
    (folder / "big.csv").write_text("a1.png\n" * 20)
    parquet.write_table(pa.table({"path": ["a1.png"]}), folder / "big.parquet")
    for module in (list_table, list_parquet):
        monkeypatch.setattr(module, "MAX_LIST_BYTES", 100)
    for name in ("big.csv", "big.parquet"):
        with pytest.raises(UslError, match="more than the limit of 100"):
            scan(folder / name)


# --- scans again, cancelled, exported --------------------------------------------------------------------------------


def test_a_second_scan_decodes_nothing(look: Look, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = list[bytes]()
    monkeypatch.setattr(scan_index, "verify", lambda data, turn: (seen.append(data), verify(data, turn)))
    monkeypatch.setattr(image_listing, "_SETTLED_NS", -(10**18))
    first = look("path,label\na1.png,x\na2.png,y\n")
    assert len(seen) == 2
    second = look("path,label\na2.png,z\na1.png,x\n")
    assert (second.digests, second.fingerprint, len(seen)) == (first.digests, first.fingerprint, 2)
    assert classes(second) == {"a1.png": "x", "a2.png": "z"}, "labels are read again"
    look("path\na2.png\na1.png\na10.png\n")
    assert len(seen) == 3


@pytest.mark.parametrize("words", ["reading the list", "looking for the listed files", "sorting", "checked"])
def test_every_step_can_be_cancelled(look: Look, words: str) -> None:
    def stop(fraction: float, note: str) -> None:
        if note.startswith(words):
            raise Cancelled(note)

    with pytest.raises(Cancelled):
        look("path,label\na1.png,x\na2.png,y\n", on_progress=stop)


def test_the_picked_images_keep_inside_their_archive(look: Look, folder: Path, tmp_path: Path) -> None:
    other = tmp_path.resolve() / "other"
    other.mkdir()
    (other / "x.png").write_bytes(picture(60))
    rows = ["a1.png", "../other/x.png", str(folder / "a2.png"), "sub/../a10.png"]
    found = look("\n".join(rows), "list.txt")
    assert len(found) == 4
    write_picks_zip(tmp_path / "picks.zip", found, range(4))
    with zipfile.ZipFile(tmp_path / "picks.zip") as archive:
        names = archive.namelist()
        assert len(set(names)) == 4
        assert not any(name.startswith("/") or ".." in name.split("/") for name in names)
        assert [archive.read(name) for name in names] == [read_bytes(found, row) for row in range(4)]


def test_lists_of_images_are_found_in_a_list(look: Look, folder: Path, tmp_path: Path) -> None:
    """--labelled for a source that is a list itself."""
    found = look("\n".join(["a1.png", str(folder / "a2.png"), "sub/b.png"]), "list.txt")
    rows = (tmp_path / "rows.txt", f"{folder / 'a1.png'}\n{folder / 'a2.png'}\n./sub/b.png\n")
    rows[0].write_text(rows[1])
    assert read_image_list(rows[0], found, "--labelled", [str(folder / "list.txt")]).rows == (0, 1, 2)
