"""Uploaded files onto the disk: names that lie, limits, what is left out, and that nothing half is left."""

from __future__ import annotations

import errno
import io
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.ui.access import upload_files, uploads
from pages.ui.access.upload_files import write
from pages.ui.access.upload_names import MAX_NAME_BYTES, is_hidden, mended_name, numbered, safe_parts
from usl_core.errors import UslError


class Sent(io.BytesIO):
    """What Streamlit makes of an uploaded file."""

    def __init__(self, name: str, data: bytes = b"x", size: int | None = None) -> None:
        super().__init__(data)
        self.name, self.size = name, len(data) if size is None else size


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "upload"
    made.mkdir()
    return made


def written(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("raw", "cause"),
    [
        *((name, "path of its own") for name in ("/etc/passwd", "//x/a.png", "\\\\host\\a.png", "C:\\a.png", "c:/a.png", "/")),
        *((name, "leads out") for name in ("..", "../a.png", "a/../../b.png", "a/..", "a/..\\b.png", "..\\a.png", "a/ .. /b")),
        *((name, "no name") for name in ("", ".", "./.", "a/", "photos/")),
        ("a/" * 30 + "b.png", "31 folders deep"),
        ("/".join(["n" * 190] * 20), "longer than 2,000 bytes"),
    ],
)
def test_names_that_lead_elsewhere_are_refused(raw, cause):
    with pytest.raises(UslError, match=cause):
        safe_parts(raw)


@pytest.mark.parametrize(
    ("raw", "parts"),
    [
        ("a.png", ("a.png",)),
        ("photos/2024/ä 😀.jpg", ("photos", "2024", "ä 😀.jpg")),
        ("./photos//a.png", ("photos", "a.png")),
        ("a\0.png", ("a_.png",)),
        ("line\nbreak.png", ("line_break.png",)),
        ("a\\b.png", ("a_b.png",)),
        ("\u202egnp.exe.png", ("_gnp.exe.png",)),
        ("caf\udce9.png", ("caf_.png",)),
        ("a:b?.png", ("a_b_.png",)),
        ("CON/nul.png", ("_CON", "_nul.png")),
        ("class. /a.png", ("class__", "a.png")),
        ("...", ("___",)),
    ],
)
def test_names_that_cannot_be_written_everywhere_are_mended(raw, parts):
    assert safe_parts(raw) == parts


def test_long_names_are_cut_and_keep_what_tells_them_apart():
    one, other = (mended_name("ä" * 300 + end) for end in ("1.png", "2.png"))
    assert one != other
    for name in (one, other):
        assert len(name.encode()) <= MAX_NAME_BYTES
        assert name.endswith(".png")


@given(st.text(st.characters(categories=None), max_size=80) | st.text("./\\:a \0", max_size=12))
def test_whatever_a_name_says_it_stays_inside(raw):
    root = Path("/srv/upload")
    try:
        parts = safe_parts(raw)
    except UslError:
        return
    path = Path(os.path.normpath(root.joinpath(*parts)))
    assert path.is_relative_to(root)
    assert path != root
    assert len(path.relative_to(root).parts) == len(parts)
    path.as_posix().encode()  # it is text
    assert not any(ord(character) < 32 for part in parts for character in part)
    assert safe_parts("/".join(parts)) == parts, "mended once and for all"


def test_copies_are_numbered():
    assert [numbered("a.b.png", copy) for copy in (1, 2, 3)] == ["a.b.png", "a.b (2).png", "a.b (3).png"]
    assert numbered(".png", 2) == ".png (2)"
    assert numbered("a", 2) == "a (2)"


def test_hidden_is_what_any_folder_above_says():
    assert is_hidden((".git", "a.png"))
    assert is_hidden(("a", ".b.png"))
    assert not is_hidden(("a.b", "c.png"))


# ---------------------------------------------------------------- files


def test_a_folder_keeps_its_subfolders_and_gives_its_name(folder):
    let_go = []
    files = [Sent("pets/cat/1.png", b"one"), Sent("pets/dog/1.png", b"two"), Sent("pets/dog/deep/3.jpg", b"x" * (3 << 20))]
    told: list[float] = []
    made = write(files, folder, let_go=let_go.append, on_progress=lambda fraction, note: told.append(fraction))
    assert made.path == folder / "pets"
    assert made.notes == ()
    assert written(made.path) == {"cat/1.png": b"one", "dog/1.png": b"two", "dog/deep/3.jpg": b"x" * (3 << 20)}
    assert let_go == files
    assert all(file.closed for file in files), "their bytes are out of memory"
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(told) > 4, "a long file is copied in blocks"


def test_loose_images_lie_together_and_equal_names_beside_each_other(folder):
    made = write([Sent("a.png", b"1"), Sent("a.png", b"2"), Sent("a (2).png", b"3"), Sent("a.png", b"4")], folder)
    found = written(made.path)
    assert sorted(found.values()) == [b"1", b"2", b"3", b"4"]
    assert found["a.png"] == b"1"
    assert made.path.name == "Uploaded images"


def test_many_files_of_one_name_take_no_longer_than_others(folder, monkeypatch):
    opened, real = [], Path.open
    monkeypatch.setattr(Path, "open", lambda self, *mode: (opened.append(self), real(self, *mode))[1])
    write([Sent("image.png") for _ in range(300)], folder)
    assert len(opened) == 300


def test_a_file_in_place_of_a_folder_is_told(folder):
    made = write([Sent("a.png", b"1"), Sent("b/c.png", b"2"), Sent("a.png/d.png", b"3"), Sent("b", b"4")], folder)
    assert written(made.path) == {"a.png": b"1", "b/c.png": b"2", "b (2)": b"4"}
    assert "1 could not be kept: a.png/d.png: a file has the name of its folder" in made.notes[0]


def test_what_is_no_image_or_hidden_is_left_out_and_said(folder):
    names = ["p/a.png", "p/notes.txt", "p/b.zip", "p/.DS_Store", "p/.git/x.png", "p/raw.cr2", "p/nameless", "p/../../evil.png"]
    made = write([Sent(name) for name in names], folder)
    assert set(written(made.path)) == {"a.png", "raw.cr2", "nameless"}, "what the scan has to say of them is of interest"
    assert made.notes == (
        "Of the uploaded files, 2 are hidden and 2 are no images; these were left out.",
        "1 could not be kept: p/../../evil.png: its name leads out of the folder.",
    )
    assert not list(folder.parent.rglob("evil.png"))


def test_long_lists_of_causes_are_cut(folder):
    made = write([Sent("a.png"), *(Sent(f"../{number}.png") for number in range(9))], folder)
    assert "and 6 more" in made.notes[0]


def test_a_file_that_is_too_large_to_be_an_image_is_told(folder):
    made = write([Sent("a.png"), Sent("film.png", b"x", size=2**28 + 1)], folder)
    assert set(written(made.path)) == {"a.png"}
    assert "more than the limit of 268,435,456" in made.notes[0]


@pytest.mark.parametrize("names", [["a.txt"], [".a.png"], ["../a.png"], ["p/a.txt", "p/.b.png"]])
def test_nothing_to_keep_is_an_error(folder, names):
    with pytest.raises(UslError, match="is an image that can be kept") as told:
        write([Sent(name) for name in names], folder)
    assert str(len(names)) in str(told.value)


def _zip(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return packed.getvalue()


def test_an_archive_is_kept_as_it_is(folder):
    data = _zip("cat/a.png", "../../evil.png")
    made = write([Sent("My Photos.ZIP", data)], folder)
    assert made.path == folder / "My Photos.ZIP"
    assert written(folder) == {"My Photos.ZIP": data}


@pytest.mark.parametrize("data", [b"", b"no archive", _zip("a.png")[:-30]], ids=["empty", "text", "cut off"])
def test_a_damaged_archive_is_an_error(folder, data):
    with pytest.raises(UslError, match=r"'photos.zip' is no .zip archive, or is cut off"):
        write([Sent("photos.zip", data)], folder)


def test_an_archive_comes_alone(folder):
    with pytest.raises(UslError, match="2 files with 1 archives"):
        write([Sent("photos.zip", _zip("a.png")), Sent("a.png")], folder)


# ---------------------------------------------------------------- limits


def test_too_many_files_are_refused_before_any_is_copied(folder, monkeypatch):
    monkeypatch.setenv(uploads.ENV_MAX_FILES, "3")
    with pytest.raises(UslError, match=r"4 files are more than the 3 .* nothing was kept.*USL_UPLOAD_MAX_FILES"):
        write([Sent(f"{number}.png") for number in range(4)], folder)
    assert written(folder) == {}
    write([Sent(f"{number}.png") for number in range(3)], folder)


def test_too_many_bytes_are_refused_before_any_is_copied(folder, monkeypatch):
    monkeypatch.setenv(uploads.ENV_MAX_MB, "1")
    files = [Sent("a.png", b"x" * 600_000), Sent("b.png", b"x" * 400_001)]
    with pytest.raises(UslError, match=r"1 MB are more than the 1 MB .*USL_UPLOAD_MAX_MB"):
        write(files, folder)
    assert written(folder) == {}
    write([Sent("a.png", b"x" * 600_000), Sent("b.png", b"x" * 400_000)], folder)


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", "1e3", "٣", "9" * 12])
def test_a_limit_that_is_none_is_told(monkeypatch, text):
    monkeypatch.setenv(uploads.ENV_MAX_MB, text)
    with pytest.raises(UslError, match="USL_UPLOAD_MAX_MB must be a whole number"):
        uploads.max_bytes()


def test_a_full_disk_is_told(folder, monkeypatch):
    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(upload_files.Path, "open", lambda self, mode: Full())
    with pytest.raises(UslError, match=r"the upload cannot be written .* no space is left for the 3 bytes"):
        write([Sent("a.png", b"123")], folder)
