"""No image vanishes: whatever looks like one is read or named, and what is passed over on purpose is counted."""

from __future__ import annotations

import os
import socket
import sys
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import AvifImagePlugin, Image

from usl_core.cache.store import Store
from usl_core.errors import UslError
from usl_core.images import archive as image_archive
from usl_core.images import folder as image_folder
from usl_core.images import listing as image_listing
from usl_core.images.records import recall_images, remember_images
from usl_core.images.scan import open_image, scan
from usl_core.images.subsets import subset
from usl_core.types import ImageSet

Make = Callable[[dict[str, bytes]], Path]


def picture(number: int = 0, kind: str = "png") -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (8, 6), (number % 256, number // 256, 7)).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture(params=["folder", "zip"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Files in a folder, and the same in an archive."""

    def folder(files: dict[str, bytes]) -> Path:
        for name, data in files.items():
            (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "data" / name).write_bytes(data)
        return tmp_path / "data"

    def archive(files: dict[str, bytes]) -> Path:
        with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as packed:
            for name, data in files.items():
                packed.writestr(name, data)
        return tmp_path / "x.zip"

    return folder if request.param == "folder" else archive


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], ImageSet]:
    """`scan` without the plug-in for HEIC, wherever it may be installed."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    return lambda path: scan(path, cache_dir=tmp_path / "cache")


def causes(found: ImageSet) -> dict[str, str]:
    return {problem.path: problem.cause for problem in found.problems}


# --- read or named ---------------------------------------------------------------------------------------------------


def test_every_way_to_name_a_jpeg_is_read(make: Make, look: Callable[[Path], ImageSet]) -> None:
    names = ("a.JPE", "b.jfif", "c.jif", "d.pjpeg", "e.mpo", "f", "g.jpg_large", "h.0001", "i.heic", "k.unknown", "x.y/l")
    found = look(make({name: picture(number, "jpeg") for number, name in enumerate(names)}))
    assert set(found.paths) == set(names)
    assert found.problems == found.skipped == ()
    assert all(open_image(found, row).size == (8, 6) for row in range(len(found)))


@pytest.mark.skipif(not AvifImagePlugin.SUPPORTED, reason="this Pillow reads no AVIF")
def test_avif_is_read_under_any_name(make: Make, look: Callable[[Path], ImageSet]) -> None:
    found = look(
        make({"a.avif": picture(1, "avif"), "b.AVIFS": picture(2, "avif"), "c": picture(3, "avif"), "d.jpg": picture(4)})
    )
    assert found.paths == ("a.avif", "b.AVIFS", "c", "d.jpg")


HEIC = b"\0\0\0\x18ftypheic" + bytes(40)
NAMED = {
    "phone.heic": (HEIC, "pillow-heif"),
    "phone.HIF": (HEIC, "pillow-heif"),
    "phone.jpg": (HEIC, "pillow-heif"),
    "phone": (HEIC, "pillow-heif"),
    "a.jxl": (b"\xff\x0a", "convert it"),
    "a.jp2": (b"x", "convert it"),
    "a.svg": (b"<svg/>", "export it as PNG"),
    "a.psd": (b"8BPS", "export it"),
    "a.cr2": (b"II*\0", "raw file of a camera"),
    "a.NEF": (b"MM\0*", "raw file of a camera"),
    "a.arw": (b"II*\0", "raw file of a camera"),
    "a.dng": (b"II*\0", "raw file of a camera"),
    "a.ico": (b"\0\0\1\0", "convert it"),
    "a.tga": (b"x", "convert it"),
    "a.pam": (b"P7", "convert it"),
    "drawing": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "export it as PNG"),
    "layers.backup": (b"8BPS\0\1", "export it"),
    "scan": (bytes(128) + b"DICM" + bytes(100), "DICOM"),
    "cut": (picture()[:40], "cut off"),
}


def test_what_is_not_read_is_named(make: Make, look: Callable[[Path], ImageSet]) -> None:
    found = look(make({"good.png": picture(), **{name: data for name, (data, _) in NAMED.items()}}))
    assert found.paths == ("good.png",)
    assert set(causes(found)) == set(NAMED)
    assert not {name: causes(found)[name] for name, (_, words) in NAMED.items() if words not in causes(found)[name]}


def test_a_folder_of_phone_photos_says_why_there_is_none(make: Make, look: Callable[[Path], ImageSet]) -> None:
    with pytest.raises(UslError, match=r"none of the 2 can be read; the first is 'IMG_1.HEIC'.*pillow-heif"):
        look(make({"IMG_1.HEIC": HEIC, "IMG_2.HEIC": HEIC}))


def test_verdicts_on_heic_do_not_outlive_the_lack_of_the_plug_in(
    make: Make, look: Callable[[Path], ImageSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_listing, "_SETTLED_NS", -(10**18))
    path = make({"good.png": picture(), "phone.heic": HEIC})
    assert len(look(path)) == 1
    plug_in = type(sys)("pillow_heif")
    plug_in.HeifImageFile = lambda file: Image.open(BytesIO(picture(5)))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pillow_heif", plug_in)
    monkeypatch.setattr("usl_core.images.kinds.version", lambda name: "1")
    assert len(look(path)) == 2


def test_other_files_are_no_problem(make: Make, look: Callable[[Path], ImageSet]) -> None:
    others = {
        "notes.txt": b"\xff\xd8\xff",
        "labels.csv": picture(1),
        "meta.json": picture(2),
        "film.mp4": b"\0\0\0\x18ftypisom",
        "x.jpg.part": picture(3),
        "README": b"text",
        "Makefile": b"all:",
        "plain": b"text without an extension",
        "film": b"\0\0\0\x18ftypisom" + bytes(20),
        "odd.xyz": b"BM this is a text about cars",
        "empty": b"",
        "Thumbs.db": b"x",
    }
    found = look(make({"good.png": picture(), **others}))
    assert found.paths == ("good.png",)
    assert found.problems == found.skipped == ()


# --- what is opened --------------------------------------------------------------------------------------------------


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are sniffed at from here on."""
    seen: list[str] = []
    open_file, head = image_folder.open_regular, image_archive.Archive._head

    def watch_file(path: Path) -> object:
        seen.append(path.name)
        return open_file(path)

    def watch_member(archive: image_archive.Archive, name: str) -> bytes:
        seen.append(name)
        return head(archive, name)

    monkeypatch.setattr(image_folder, "open_regular", watch_file)
    monkeypatch.setattr(image_archive.Archive, "_head", watch_member)
    return seen


def test_only_files_of_unknown_kinds_are_sniffed_at(make: Make, look: Callable[[Path], ImageSet], opened: list[str]) -> None:
    names = ("a.txt", "b.csv", "c.json", "d.npy", "e.pt", "f.raw", "g.zip", "README", "h.png", "i.xyz", "k")
    look(make({name: picture(number) for number, name in enumerate(names)}))
    assert opened == ["i.xyz", "k"]


def test_many_files_of_an_unknown_kind_are_not_all_opened(
    make: Make, look: Callable[[Path], ImageSet], opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_listing, "_TRIES", 20)
    files = {f"{number}.xyz": b"no image" for number in range(1, 101)}
    found = look(make({"a.png": picture(1), **files, "photo.abc": picture(2)}))
    assert found.paths == ("a.png", "photo.abc")
    assert opened == [*(f"{number}.xyz" for number in range(1, 21)), "photo.abc"]
    assert [str(line) for line in found.skipped] == ["80 files named .xyz, since 20 others in a row are no images"]


def test_many_images_of_an_unknown_kind_are_not_all_sniffed_at(
    make: Make, look: Callable[[Path], ImageSet], opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_listing, "_TRIES", 20)
    found = look(make({f"img{number}": picture(number) for number in range(100)} | {"z-last": b"text"}))
    assert len(found) == 100
    assert len(opened) == 20
    assert list(causes(found)) == ["z-last"], "what counted as an image unseen is not passed over either"


def test_extensions_without_end_count_as_one(
    make: Make, look: Callable[[Path], ImageSet], opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_listing, "_TRIES", 10)
    monkeypatch.setattr(image_listing, "_MAX_KINDS", 5)
    files = {f"a.{number}": b"x" for number in range(100)} | {f"b.k{number}": b"x" for number in range(100)}
    look(make({"good.png": picture(), **files}))
    assert len(opened) <= 10 + 6


# --- passed over and counted -----------------------------------------------------------------------------------------


FURNITURE = (
    *("@eaDir", "#recycle", "$RECYCLE.BIN", "lost+found", ".thumbnails", "System Volume Information", "__MACOSX"),
    *("$Recycle.Bin", "@Recycle", ".Trash-1000", "RECYCLER", ".AppleDouble"),
)


@pytest.mark.parametrize("name", FURNITURE)
def test_thumbnails_and_trash_are_counted(make: Make, look: Callable[[Path], ImageSet], name: str) -> None:
    found = look(
        make(
            {
                "cat/1.png": picture(1),
                "dog/1.png": picture(2),
                f"{name}/x.png": picture(3),
                f"cat/{name}/a/b/thumb.jpg": picture(4),
                f"cat/{name}/a/c/thumb.jpg": picture(4),
                f"dog/{name}/bad.jpg": b"",
            }
        )
    )
    assert found.paths == ("cat/1.png", "dog/1.png")
    assert found.class_names == ("cat", "dog")
    assert found.problems == ()
    assert [str(line) for line in found.skipped] == ["3 folders of thumbnails, trash or the system"]


def test_hidden_files_and_folders_are_counted(make: Make, look: Callable[[Path], ImageSet]) -> None:
    hidden = {".a.png": picture(1), "x/._b.jpg": b"x", ".DS_Store": b"x", ".git/objects/c.png": picture(2)}
    found = look(make({"good.png": picture(), **hidden}))
    assert found.paths == ("good.png",)
    assert [str(line) for line in found.skipped] == ["2 hidden image files", "1 hidden folder"]


def test_photos_that_are_not_on_this_disk_are_named(tmp_path: Path, look: Callable[[Path], ImageSet]) -> None:
    (tmp_path / "data").mkdir()
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    for name, data in {"good.png": picture(), ".IMG_1.HEIC.icloud": b"bplist00", ".x.icloud": b"", "lfs.jpg": pointer}.items():
        (tmp_path / "data" / name).write_bytes(data)
    found = causes(look(tmp_path / "data"))
    assert set(found) == {"IMG_1.HEIC", "lfs.jpg"}
    assert "iCloud" in found["IMG_1.HEIC"]
    assert "git lfs pull" in found["lfs.jpg"]


def test_a_class_may_be_called_nearly_like_trash(make: Make, look: Callable[[Path], ImageSet]) -> None:
    names = ("lost", "recycle", "recycled", "snapshot", "thumbnails", "trash")
    found = look(make({f"{name}/1.png": picture(number) for number, name in enumerate(names)}))
    assert found.class_names == names
    assert found.skipped == ()


def test_nothing_but_what_is_passed_over(make: Make, look: Callable[[Path], ImageSet]) -> None:
    with pytest.raises(UslError, match="passed over: 1 folder of thumbnails"):
        look(make({"@eaDir/a.png": picture(), "notes.txt": b"x"}))


def test_counts_are_kept(make: Make, look: Callable[[Path], ImageSet], tmp_path: Path) -> None:
    found = look(make({"a.png": picture(1), "b.png": picture(2), "@eaDir/c.png": picture(3)}))
    store = Store(tmp_path / "cache")
    remember_images(found, store)
    recalled = recall_images(found.root, store)
    assert recalled is not None
    assert recalled.skipped == found.skipped == subset(found, [1]).skipped != ()
    assert look(found.root).skipped == found.skipped, "a second scan, too"


# --- links, pipes and permissions behind unknown names ---------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="POSIX links and pipes")
def test_odd_files_without_extension(tmp_path: Path, look: Callable[[Path], ImageSet]) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "good.png").write_bytes(picture())
    (folder / "broken").symlink_to("nowhere")
    (folder / "itself").symlink_to("itself")
    (folder / "zero").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe")
    (tmp_path / "photo").write_bytes(picture(1))
    (folder / "link").symlink_to(tmp_path / "photo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(folder / "socket"))
        found = look(folder)
    assert found.paths == ("good.png", "link")
    assert set(causes(found)) <= {"itself"}
    inside = scan(folder, within=[folder.resolve()], cache_dir=tmp_path / "cache")
    assert inside.paths == ("good.png",)
    assert any("links lead out" in str(line) or "link leads out" in str(line) for line in inside.skipped)


@pytest.mark.skipif(os.name != "posix", reason="POSIX links")
def test_links_that_lead_out_among_many_images_without_extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_listing, "_TRIES", 3)
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(5):
        (folder / f"a{number}").write_bytes(picture(number))
    (tmp_path / "secret").write_bytes(picture(9))
    for name, target in {"b-there": tmp_path / "secret", "b-not-there": tmp_path / "nothing"}.items():
        (folder / name).symlink_to(target)
    found = scan(folder, within=[folder.resolve()], cache_dir=tmp_path / "cache")
    assert len(found) == 5
    assert causes(found) == {"b-there": image_listing.LEADS_OUT, "b-not-there": image_listing.LEADS_OUT}


def test_a_file_without_extension_that_may_not_be_opened_is_named(
    tmp_path: Path, look: Callable[[Path], ImageSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    for name in ("good.png", "locked"):
        (tmp_path / "data" / name).write_bytes(picture())

    def refuse(path: Path) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(image_folder, "open_regular", refuse)
    assert "Permission denied" in causes(look(tmp_path / "data"))["locked"]
