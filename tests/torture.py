"""A folder of everything that can be wrong with files and their names, and what must become of each.

`make` writes it. Each case ends in one of four ways: the image is loaded; one line of the report names it and its cause; it is
passed over and counted; or it is nothing that anybody would take for an image, and is left alone.
"""

from __future__ import annotations

import io
import os
import socket
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

End = Literal["loaded", "problem", "passed over", "left alone"]
LOADED, PROBLEM, PASSED, ALONE = End.__args__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Case:
    """One file, or one folder with files.

    Args:
        name: where it lies, relative to the folder; bytes that are no text as `os.fsdecode` has them.
        make: writes it there.
        end: what must become of it.
        word: a part of the cause, or of what is counted.
        shown: what the report calls it, where that is not `name`.
        is_file: it is an ordinary file: it may lie in an archive or stand in a list too, and ends there the same way.
    """

    name: str
    make: Callable[[Path], Any]
    end: End
    word: str = ""
    shown: str = ""
    is_file: bool = True

    @property
    def path(self) -> str:
        """What image set and report call it."""
        return self.shown or self.name


_numbers = iter(range(10**6))


def pixels(width: int = 24, height: int = 16) -> np.ndarray:
    """A picture that no other case has."""
    return np.random.default_rng(next(_numbers)).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(image: Image.Image | np.ndarray | None = None, kind: str = "png", **options: Any) -> bytes:
    """An image file."""
    shown = Image.fromarray(pixels() if image is None else image) if not isinstance(image, Image.Image) else image
    buffer = io.BytesIO()
    shown.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of(width: int, height: int, rows: bytes, *, depth: int = 8, colours: int = 2) -> bytes:
    """A PNG whose header says what it likes."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def with_exif(damage: bool) -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a place"
    data = encoded(kind="jpeg", exif=exif)
    return data.replace(b"Exif\0\0MM\0*", b"Exif\0\0MM\xff\xff") if damage else data


def palette(**options: Any) -> bytes:
    image = Image.new("P", (8, 6), 0)
    image.putpalette([255, 0, next(_numbers) % 256, 0, 0, 255])
    image.paste(1, (0, 0, 4, 6))
    return encoded(image, **options)


def frames(kind: str) -> bytes:
    pictures = [Image.fromarray(pixels()) for _ in range(3)]
    return encoded(pictures[0], kind, save_all=True, append_images=pictures[1:])


def cut(data: bytes, share: float) -> bytes:
    return data[: int(len(data) * share)]


def deep(dtype: str, kind: str) -> bytes:
    values = np.random.default_rng(next(_numbers)).random((16, 24))
    return encoded(Image.fromarray((values if dtype == "float32" else values * 65535).astype(dtype)), kind)


def contents() -> list[Case]:
    """Files that are fine but odd, and files that are not."""
    good, bad = [], []

    def fine(name: str, data: bytes) -> None:
        good.append(Case(name, lambda path: path.write_bytes(data), LOADED))

    def wrong(name: str, data: bytes, word: str) -> None:
        bad.append(Case(name, lambda path: path.write_bytes(data), PROBLEM, word))

    jpeg, png = encoded(pixels(60, 40), "jpeg"), encoded(pixels(60, 40))
    fine("plain.png", png)
    fine("plain.jpg", jpeg)
    fine("png-in-truth.jpg", encoded())
    fine("jpeg-in-truth.png", encoded(kind="jpeg"))
    fine("upper.JPEG", encoded(kind="jpeg"))
    fine("no-extension", encoded(kind="jpeg"))
    fine("unknown.kind", encoded())
    fine("cmyk.jpg", encoded(Image.fromarray(pixels()).convert("CMYK"), "jpeg"))
    fine("cmyk.tif", encoded(Image.fromarray(pixels()).convert("CMYK"), "tiff"))
    fine("deep.png", deep("uint16", "png"))
    fine("deep.tif", deep("uint16", "tiff"))
    fine("float.tif", deep("float32", "tiff"))
    fine("bits.tif", encoded(Image.fromarray(pixels()).convert("1"), "tiff"))
    fine("palette.png", palette(transparency=b"\x00\x80"))
    fine("palette.gif", palette(kind="gif", transparency=0))
    fine("grey-and-alpha.png", encoded(Image.fromarray(pixels()).convert("LA")))
    fine("rgba.webp", encoded(Image.fromarray(pixels()).convert("RGBA"), "webp"))
    fine("animated.gif", frames("gif"))
    fine("animated.webp", frames("webp"))
    fine("animated.png", frames("png"))
    fine("pages.tif", frames("tiff"))
    fine("progressive.jpg", encoded(kind="jpeg", progressive=True))
    fine("turned.jpg", with_exif(damage=False))
    fine("exif-damaged.jpg", with_exif(damage=True))
    fine("icc-damaged.jpg", encoded(kind="jpeg", icc_profile=b"no profile at all"))
    fine("icc-damaged.png", encoded(icc_profile=b"no profile at all"))
    fine("no-end-marker.jpg", encoded(kind="jpeg").removesuffix(b"\xff\xd9"))
    fine("something-follows.jpg", encoded(kind="jpeg") + b"and more of something else" * 9)
    fine("one-pixel.png", encoded(pixels(1, 1)))
    fine("one-pixel.gif", encoded(pixels(1, 1), "gif"))
    fine("tall.png", encoded(pixels(1, 30_000)))
    fine("wide.jpg", encoded(pixels(30_000, 1), "jpeg"))
    fine("plain.bmp", encoded(kind="bmp"))
    fine("plain.ppm", encoded(kind="ppm"))
    fine("copy-1.png", png)
    fine("large.png", encoded(Image.new("RGB", (6000, 4000), (next(_numbers) % 256, 5, 9))))

    wrong("empty.jpg", b"", "empty")
    wrong("one-byte.png", b"\x89", "not an image")
    wrong("text.jpg", b"hello, I am a text", "not an image")
    wrong("page.png", b" <!doctype html><html>404</html>", "web page")
    wrong("zeros.gif", bytes(5000), "not an image")
    wrong("noise.webp", np.random.default_rng(1).bytes(5000), "not an image")
    wrong("pointer.jpg", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull")
    wrong("film.jpg", b"\0\0\0\x18ftypisom" + bytes(64), "film")
    for share in (0.01, 0.3, 0.9):
        wrong(f"cut-{share}.jpg", cut(jpeg, share), "cut off" if share != 0.01 else "")
        wrong(f"cut-{share}.png", cut(png, share), "")
    wrong("cut-in-header.png", png[:20], "")
    wrong("cut-after-signature.png", png[:8], "")
    wrong("cut-progressive.jpg", cut(encoded(pixels(60, 40), "jpeg", progressive=True), 0.5), "cut off")
    for kind in ("gif", "bmp", "webp", "tiff", "ppm"):
        wrong(f"cut.{kind}", cut(encoded(pixels(60, 40), kind), 0.4), "")
    wrong("huge-by-its-header.png", png_of(100_000, 100_000, b"x"), "more than the limit")
    wrong("wider-than-a-number.png", png_of(2**31 - 1, 2**31 - 1, b"x"), "")
    wrong("no-pixels.png", png_of(0, 0, b""), "")
    wrong(
        "huge-by-its-header.bmp", _patched(encoded(kind="bmp"), 18, struct.pack("<ii", 60_000, 60_000)), "more than the limit"
    )
    wrong("bomb.png", png_of(20_000, 20_000, bytes(10**7)), "")
    wrong("phone.heic", b"\0\0\0\x20ftypheic" + bytes(50), "HEIC")
    wrong("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "drawing")
    wrong("project.psd", b"8BPS" + bytes(60), "project")
    wrong("camera.cr2", b"II*\0\x10\0\0\0CR" + bytes(60), "raw file")
    wrong("modern.jxl", b"\xff\x0a" + bytes(60), "not read")
    wrong("icon.ico", b"\0\0\1\0\1\0" + bytes(60), "not read")
    wrong("medical.dcm", bytes(128) + b"DICM", "not read")
    wrong("scan", bytes(128) + b"DICM" + bytes(60), "DICOM")
    return [*good, *bad]


def _patched(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


HARMLESS_NAMES = (
    *("line\nbreak.png", "carriage\rreturn.png", "tab\t.png", "bell\a.png", "escape\x1b[31m.png", "😀👩‍👩‍👧.png", "京都.png"),
    *("\u202egnp.evil", "mark\u200f.png", "\u2066isolate.png", "-dash.png", "--help.png", 'quote".png', "'apostrophe.png"),
    *("per%20cent.png", "semi;colon.png", "comma, comma.png", "=SUM(1;2).png", "@at.png", "+plus.png", "<b>bold</b>.png"),
    *("**stars**[x](y).png", "$(reboot).png", "`tick`.png", "a|b&c>d.png", "star*?.png", "{brace}.png", "#hash.png", "~.png"),
    *("trailing.png ", " leading.png", "dot.png.", "CON.png", "nul.png", "\u2028separator.png", "\u200binvisible.png"),
    *("n" * 251 + ".png", "é" * 120 + ".png", "x.tar.gz.png", "NaN.png", "000.png", "0x10.png", "1e999.png", "ab::train.png"),
    *("img.png.jpg", "a b/c d/e f.png", "deep/" * 40 + "below.png", "folder.png/inside.png", "%2e%2e/up.png", "tilde/~/x.png"),
    *(unicodedata.normalize("NFC", "ä.png"), unicodedata.normalize("NFD", "ä.png"), "back\\slash.png", "C:\\drive.png"),
)


def names() -> list[Case]:
    """Good images with names that are hard to bear."""

    def good(name: str) -> Case:
        data = encoded()
        return Case(name, lambda path: path.write_bytes(data), LOADED)

    picture = encoded()
    hidden, trash = "hidden image file", "thumbnails, trash"
    return [
        *map(good, HARMLESS_NAMES),
        Case(".hidden.png", lambda path: path.write_bytes(picture), PASSED, hidden, is_file=False),
        Case("._double.jpg", lambda path: path.write_bytes(picture), PASSED, hidden, is_file=False),
        Case(".git/object.png", lambda path: path.write_bytes(picture), PASSED, "hidden folder", is_file=False),
        Case("@eaDir/thumb.png", lambda path: path.write_bytes(picture), PASSED, trash, is_file=False),
        Case("__MACOSX/._a.png", lambda path: path.write_bytes(picture), PASSED, trash, is_file=False),
        Case("inside.zip", lambda path: path.write_bytes(zipped({"a.png": picture})), PASSED, "archive", is_file=False),
        Case(".photo.HEIC.icloud", lambda path: path.write_bytes(b"bplist"), PROBLEM, "iCloud", "photo.HEIC", is_file=False),
        Case(
            os.fsdecode(b"latin\xe9.png"), lambda path: path.write_bytes(picture), PROBLEM, "UTF-8", "latin\\udce9.png", False
        ),
        Case(
            os.fsdecode(b"folder\xff/x.png"), lambda path: path.write_bytes(picture), PROBLEM, "UTF-8", "folder\\udcff", False
        ),
        *(
            Case(name, lambda path, data=data: path.write_bytes(data), ALONE, is_file=False)
            for name, data in {
                "Thumbs.db": b"\xd0\xcf\x11\xe0",
                "desktop.ini": b"[x]",
                ".DS_Store": b"\0\0\0\1Bud1",
                "notes.txt": b"\xff\xd8\xff",
                "labels.csv": picture,
                "README": b"text",
                "film.mp4": b"\0\0\0\x18ftypisom",
                "model.pt": b"PK\3\4",
                "half.jpg.part": picture,
                "plain": b"text without an extension",
                "empty": b"",
            }.items()
        ),
    ]


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def things(outside: Path) -> list[Case]:
    """What is no ordinary file; only where the system has it."""

    def link(target: str | Path) -> Callable[[Path], None]:
        return lambda path: path.symlink_to(target)

    def listen(path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.path.relpath(path))

    def sparse(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(2**33)

    def locked(path: Path) -> None:
        path.write_bytes(encoded())
        path.chmod(0)

    def locked_folder(path: Path) -> None:
        path.mkdir()
        (path / "x.png").write_bytes(encoded())
        path.chmod(0)

    outside.mkdir()
    (outside / "there.png").write_bytes(encoded())
    found = [
        Case("sparse.png", sparse, PROBLEM, "more than the limit", is_file=False),
        Case("folder-that-is-empty", lambda path: path.mkdir(), ALONE, is_file=False),
    ]
    if os.name == "posix":
        found += [
            Case("link.png", link(outside / "there.png"), LOADED, is_file=False),
            Case("dangling.png", link("nowhere.png"), PROBLEM, "does not exist", is_file=False),
            Case("loop.png", link("loop.png"), PROBLEM, "cannot be opened", is_file=False),
            Case("zero.png", link("/dev/zero"), PROBLEM, "device", is_file=False),
            Case("folder-link", link(outside), PROBLEM, "link to a folder", is_file=False),
            Case("up", link(".."), PROBLEM, "link to a folder", is_file=False),
            Case("pipe.png", os.mkfifo, PROBLEM, "pipe", is_file=False),
            Case("pipe-without-extension", os.mkfifo, ALONE, is_file=False),
            Case("socket.png", listen, PROBLEM, "socket", is_file=False),
        ]
        if os.geteuid() != 0:  # root may open everything
            found += [
                Case("locked.png", locked, PROBLEM, "cannot be opened", is_file=False),
                Case("locked-folder", locked_folder, PROBLEM, "cannot be opened", is_file=False),
            ]
    return found


SHARED_ENDS = {"phone.heic": "HEIC"}
"""Of the development data, the files that are no images to us, and a word of the cause."""


def shared_cases(images: Path) -> list[Case]:
    """The development data in a folder of their own."""
    return [
        Case(
            f"shared/{file.name}",
            lambda path, file=file: path.write_bytes(file.read_bytes()),
            PROBLEM if file.name in SHARED_ENDS else LOADED,
            SHARED_ENDS.get(file.name, ""),
        )
        for file in sorted(images.iterdir())
    ]


def make(folder: Path, shared: Path | None = None) -> list[Case]:
    """Write the folder, and beside it what links in it lead to.

    Args:
        folder: does not exist yet.
        shared: images of the development data, if they are here.

    Returns:
        What is in it; names that this file system refuses are left out.
    """
    folder.mkdir()
    made = []
    for case in (*contents(), *names(), *things(folder.with_name("outside")), *(shared_cases(shared) if shared else ())):
        path = folder / case.name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            case.make(path)
        except (OSError, ValueError):  # a name that cannot be here
            continue
        made.append(case)
    return made
