"""Lists of images in every form that people, spreadsheets and this program write."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from usl_core.errors import UslError
from usl_core.images.lists import read_image_list
from usl_core.images.name_finder import NameFinder
from usl_core.names import guarded, unguarded
from usl_core.types import ImageSet, Problem

ROOT = Path(__file__).resolve().parents[3]
NAMES = (
    "cat/0.png",
    "cat/1.png",
    "dog, big/2.png",
    "öl/é.png",
    "京都 😀.png",
    " leading.png",
    "trailing.png ",
    "carriage\rreturn.png",
    "line\nbreak.png",
    'say "cheese".png',
    '"quoted".png',
    "semi;colon.png",
    "tab\t.png",
    "=SUM(1;2).png",
    "-1.png",
    "'=apostrophe.png",
    "#hash.png",
    "back\\slash.png",
    "0001",
    "\u2028.png",
    "path.png",
)


def image_set(*names: str, root: Path = Path("/nowhere/photos")) -> ImageSet:
    problem = Problem("cat/broken.jpg", "the file is damaged")
    return ImageSet(root=root, paths=names, digests=tuple(map(str, range(len(names)))), problems=(problem,), fingerprint="f")


IMAGES = image_set(*NAMES)


def rows(content: bytes, tmp_path: Path, images: ImageSet = IMAGES, folders: tuple[str, ...] = ()) -> list[str]:
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    return [images.paths[row] for row in read_image_list(path, images, "--labelled", folders).rows]


def table(
    names: tuple[str, ...], separator: str = ",", header: str = "path", quoting: int = csv.QUOTE_MINIMAL, end="\r\n"
) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=end)
    writer.writerow(["rank", header, "label"])
    writer.writerows([at, name, f"a {at}"] for at, name in enumerate(names))
    return text.getvalue()


# ---------------------------------------------------------------- tables and plain lists


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_every_name_comes_back_from_a_table(tmp_path, separator, encoding):
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL):
        content = table(NAMES, separator, quoting=quoting).encode(encoding)
        assert rows(content, tmp_path) == list(NAMES)
    marked = ("\ufeff" + table(NAMES, separator)).encode(encoding)
    assert rows(marked, tmp_path) == list(NAMES)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("header", ["path", "Path", " file ", "filename", "File Name", "image_path", "IMAGE"])
def test_headers_and_line_ends(tmp_path, header, end):
    names = NAMES[:5]
    for separator in (",", ";"):
        assert rows(table(names, separator, header, end=end).encode(), tmp_path) == list(names)
    assert rows(f'"{header}"{end}"cat/0.png"{end}'.encode(), tmp_path) == ["cat/0.png"]
    assert rows(f"{header}{end}cat/0.png{end}dog, big/2.png".encode(), tmp_path) == ["cat/0.png", "dog, big/2.png"]
    assert rows(f"{header}{end}cat/0.png{end}".encode("utf-16"), tmp_path) == ["cat/0.png"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_plain_lists(tmp_path, end):
    names = [name for name in NAMES if "\n" not in name and (end == "\n" or "\r" not in name)]
    assert rows((end.join(names) + end).encode(), tmp_path) == names
    assert rows((end.join(names) + end).encode("utf-8-sig"), tmp_path) == names
    assert rows((end + end.join(["cat/0.png", "", "cat/1.png", "cat/0.png"])).encode(), tmp_path) == ["cat/0.png", "cat/1.png"]


def test_a_plain_list_may_hold_a_carriage_return_where_an_image_does(tmp_path):
    assert rows(b"cat/0.png\r\ncarriage\rreturn.png\r\n", tmp_path) == ["cat/0.png", "carriage\rreturn.png"]


@pytest.mark.parametrize(
    "content",
    [
        "cat/0.png;12;x\r\ndog, big/2.png;13;y\r\n",
        '"cat/0.png"\n"dog, big/2.png"\n',
        '12,cat/0.png\n13,"dog, big/2.png"\n',
        "sep=;\r\nlabel;path\r\n1;cat/0.png\r\n2;dog, big/2.png\r\n;;\r\n",
        "label;path\r\n1;cat/0.png\r\n;\r\nlabel;path\r\n2;dog, big/2.png\r\n",
        "\r\n\r\npath\r\ncat/0.png\r\ndog, big/2.png\r\n",
        "path;note\ncat/0.png\ndog, big/2.png;x\n",
    ],
)
def test_what_spreadsheets_leave(tmp_path, content):
    assert rows(content.encode(), tmp_path) == ["cat/0.png", "dog, big/2.png"]


def test_names_of_images_are_no_headers(tmp_path):
    images = image_set("image", "path, 1.png", "a.png")
    assert rows(b"image\na.png\n", tmp_path, images) == ["image", "a.png"]
    assert rows(b"path, 1.png\na.png\n", tmp_path, images) == ["path, 1.png", "a.png"]


@pytest.mark.parametrize("encoding", ["cp1252", "mac_roman", "cp850"])
def test_what_is_no_utf8_is_read_in_a_code_page_and_said(tmp_path, encoding):
    path = tmp_path / "list.csv"
    path.write_bytes(table(("öl/é.png", "cat/0.png"), ";").encode(encoding))
    found = read_image_list(path, IMAGES, "--vetoed")
    assert [IMAGES.paths[row] for row in found.rows] == ["cat/0.png", "öl/é.png"]
    assert found.notes == (f"--vetoed {path} is not UTF-8 and was read as {encoding}",)


def test_an_empty_list_is_allowed_and_said(tmp_path):
    path = tmp_path / "empty.csv"
    for content in (b"", b"\n\r\n", b"\xef\xbb\xbf", b"path\r\n", b"rank;path;label\r\n;;\r\n"):
        path.write_bytes(content)
        found = read_image_list(path, IMAGES, "--labelled")
        assert found.rows == ()
        assert found.notes == (f"--labelled {path} names no image",)


# ---------------------------------------------------------------- spellings


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("./cat/0.png", "cat/0.png"),
        ("cat//0.png", "cat/0.png"),
        ("dog/../cat/0.png", "cat/0.png"),
        ("cat\\0.png", "cat/0.png"),
        (".\\cat\\0.png", "cat/0.png"),
        ("  cat/0.png\t", "cat/0.png"),
        ("/nowhere/photos/cat/0.png", "cat/0.png"),
        ("/nowhere/./photos//cat/0.png", "cat/0.png"),
        ("leading.png", " leading.png"),
        ("trailing.png", "trailing.png "),
        ("line\r\nbreak.png", "line\nbreak.png"),
        ("carriage\nreturn.png", "carriage\rreturn.png"),
        ("carriage\\u000dreturn.png", "carriage\rreturn.png"),
        ("\\xf6l/\\xe9.png", "öl/é.png"),
        ("\\u4eac\\u90fd \\U0001f600.png", "京都 😀.png"),
        (unicodedata.normalize("NFD", "öl/é.png"), "öl/é.png"),
        ("Ã¶l/Ã©.png", "öl/é.png"),
        ("'=SUM(1;2).png", "=SUM(1;2).png"),
        ("'0001", "0001"),
    ],
)
def test_a_name_is_found_however_it_is_spelled(spelled, name):
    row = NameFinder(IMAGES).find(spelled)
    assert row is not None
    assert IMAGES.paths[row] == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "/", "cat", "/nowhere/photos", "/nowhere/photosx/cat/0.png", "../cat/0.png", "\0", "CAT/0.png"]
)
def test_what_names_no_image_is_not_found(name):
    assert NameFinder(IMAGES).find(name) is None


def test_what_stands_there_comes_before_what_may_be_meant():
    images = image_set("a\\b.png", "a/b.png", "\\x41.png", "A.png", "'=x.png", "=x.png", " y.png", "y.png")
    finder = NameFinder(images)
    assert [finder.find(name) for name in images.paths] == list(range(len(images)))
    assert finder.find("./a\\b.png") == 0


def test_two_images_that_look_the_same_are_not_guessed_between(tmp_path):
    composed, decomposed = "é.png", unicodedata.normalize("NFD", "é.png")
    images = image_set(composed, decomposed, " z.png", "z.png ")
    assert rows(composed.encode(), tmp_path, images) == [composed]
    assert rows(decomposed.encode(), tmp_path, images) == [decomposed]
    with pytest.raises(UslError, match="any of 2 images whose names look the same"):
        rows(b"z.png", tmp_path, images)


def test_paths_of_this_machine_are_found_over_links_and_from_here(tmp_path, monkeypatch):
    real = tmp_path / "real" / "photos"
    (real / "cat").mkdir(parents=True)
    (real / "cat" / "0.png").touch()
    link = tmp_path / "link"
    link.symlink_to(real)
    images = image_set("cat/0.png", root=real)
    for path in (real / "cat/0.png", link / "cat/0.png"):
        assert rows(str(path).encode(), tmp_path, images) == ["cat/0.png"]
        assert rows(str(path).encode(), tmp_path, images, (str(link),)) == ["cat/0.png"]
    monkeypatch.chdir(tmp_path)
    for path in ("link/cat/0.png", "real/photos/cat/0.png", "./real/../real/photos/cat/0.png"):
        assert rows(path.encode(), tmp_path, images) == ["cat/0.png"]
    gone = image_set("cat/0.png", root=Path("/nowhere/photos"))
    assert rows(b"/else/where/cat/0.png", tmp_path, gone, ("/else/where",)) == ["cat/0.png"], "the folder need not be there"


def test_an_archive_is_a_folder_of_its_own(tmp_path):
    images = image_set("cat/0.png", root=tmp_path / "photos.zip")
    assert rows(str(tmp_path / "photos.zip" / "cat" / "0.png").encode(), tmp_path, images) == ["cat/0.png"]


@pytest.mark.parametrize("header", ["Dateiname", "Fichier image", "ファイル名"])
@pytest.mark.parametrize("separator", [";", "\t", ","])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_header_in_another_language(tmp_path, header, separator, encoding):
    images = image_set("a.png", "cat/ü.png", "word")
    file = tmp_path / "list.csv"
    file.write_bytes(f"Rang{separator}{header}\r\n1{separator}cat/ü.png\r\n2{separator}a.png\r\n".encode(encoding))
    listed = read_image_list(file, images, "--labelled")
    assert listed.rows == (0, 1)
    assert header in listed.notes[0]
    file.write_bytes(f"{header}\na.png\n".encode(encoding))
    assert read_image_list(file, images, "--labelled").rows == (0,)
    for lines in ("b.png\na.png", "cats/b\na.png", "wrd\nword", f"{header}\nb.png", header):
        with pytest.raises(UslError, match="no readable image"):
            rows(lines.encode(), tmp_path, images)


# ---------------------------------------------------------------- cells for spreadsheets


@given(st.text(alphabet="=+-@'\" ;,|\t\r\na1＝\u200b"))
@example("a;=cmd|' /C calc'!A0")
def test_a_guarded_cell_starts_nothing_and_comes_back(name):
    cell = guarded(name)
    assert unguarded(cell) == name
    for part in (piece for line in cell.splitlines() for piece in line.replace("\t", ";").replace(",", ";").split(";")):
        assert not part.lstrip(' "\u200b').startswith(("=", "+", "-", "@", "＝"))


def test_harmless_cells_stay_as_they_are():
    for name in ("cat/0.png", "a=b.png", "dog, big/2.png", "京都 😀.png", "x - y.png", ""):
        assert guarded(name) == name
    assert [guarded(name) for name in ("0001", "1-2", "1/2", "1e5", "3")] == ["'0001", "'1-2", "'1/2", "'1e5", "'3"]


@given(
    st.sets(
        st.text(min_size=1, max_size=6).filter(lambda name: name.isprintable() and name.strip() == name), min_size=1, max_size=5
    )
)
@example({"'=x.png", "=x.png"})
def test_the_guarded_column_gives_every_name_back(tmp_path_factory, names):
    names = tuple(sorted({unicodedata.normalize("NFC", name) for name in names}))
    content = "\ufeff" + table(tuple(map(guarded, names)), header="path_as_text")
    assert rows(content.encode(), tmp_path_factory.getbasetemp(), image_set(*names)) == list(names)


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"cat/2.png\n", ["'cat/2.png', which is no readable image", "plain list", "did you mean 'dog, big/2.png'?"]),
        (b"CAT/0.PNG\n", ["did you mean 'cat/0.png'?"]),
        (b"C:\\me\\photos\\cat\\1.png\n", ["did you mean 'cat/1.png'?"]),
        (b"0.png\n", ["did you mean 'cat/0.png'?"]),
        (b"cat/broken.jpg\n", ["it could not be used: the file is damaged"]),
        (b"a\nb\nc\nd\ne\ncat/0.png\na\n", ["names 5 that are no readable images", "'a', 'b', 'c' and others"]),
        (b"rank;path\r\n1;x.png\r\n", ["'x.png'", "table with semicolons, column 'path'"]),
        ("path\nx.png\n".encode("utf-16"), ["'x.png'", "in UTF-16-LE"]),
        ("öl/x.png\n".encode("cp1252"), ["'öl/x.png'", "in cp1252"]),
        (b"\n".join(b"%d.jpg" % number for number in range(3000)), ["names 1,000 or more"]),
        (b'path\n"cat/0.png\ncat/1.png\n', ["cat/0.png\\u000acat/1.png"]),
        (b'path\n"' + 150_000 * b"x", ["field larger than field limit"]),
        (b"\x1b[31m\n", ["'\\u001b[31m'"]),
        (bytes(range(256)) * 20, ["no readable image"]),
        (b"PK\x03\x04....", ["workbook", "save it as CSV"]),
    ],
)
def test_a_list_of_something_else_is_told_apart(tmp_path, content, said):
    with pytest.raises(UslError) as error:
        rows(content, tmp_path)
    assert str(error.value).startswith(f"--labelled {tmp_path / 'list.txt'} ")
    assert "\n" not in str(error.value)
    for words in said:
        assert words in str(error.value)


def test_what_is_no_file_is_refused_at_once(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"x" * 1001)
    monkeypatch.setattr("usl_core.images.lists.MAX_LIST_BYTES", 1000)
    for name, cause in {
        "pipe": "pipe",
        ".": "folder",
        "gone": "No such file",
        "large": "1,001 bytes, more than the limit",
        "\0": "null",
        "/dev/zero": "device",
    }.items():
        with pytest.raises(UslError, match=f"--vetoed .*cannot be read.*{cause}"):
            read_image_list(tmp_path / name if name != "/dev/zero" else name, IMAGES, "--vetoed")


def test_a_pipe_that_the_shell_hands_over_is_read(tmp_path):
    for at in range(3):
        Image.fromarray(np.random.default_rng(at).integers(0, 255, (8, 8, 3), np.uint8)).save(tmp_path / f"{at}.png")
    command = f"{sys.executable} -m usl_core select {tmp_path} -m 1 -q --encoder pixels:pca --method random"
    lists = "--labelled <(echo 0.png) --vetoed /dev/stdin <<< ./1.png"
    done = subprocess.run(["bash", "-c", f"{command} {lists}"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "2.png\n", "")


def test_a_long_list_is_read(tmp_path):
    names = tuple(f"class {at % 10}/{at:06d}.jpg" for at in range(100_000))
    images = replace(IMAGES, paths=names)
    found = read_image_list(_written(tmp_path, "\n".join(names)), images, "--labelled")
    assert len(found.rows) == len(names)


def _written(tmp_path: Path, text: str) -> Path:
    (tmp_path / "many.txt").write_text(text)
    return tmp_path / "many.txt"
