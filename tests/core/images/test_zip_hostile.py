"""Archives that mean harm: links, nested archives, bombs of every make. What is good in them loads."""

from __future__ import annotations

import io
import os
import stat
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from usl_core.errors import Cancelled
from usl_core.images import archive as image_archive
from usl_core.images.scan import read_bytes, scan
from usl_core.images.sources import open_source
from usl_core.images.zip_overlaps import overlaps_of
from usl_core.images.zip_reader import Member
from usl_core.types import ImageSet

Look = Callable[..., ImageSet]


def picture(number: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), (number % 256, 0, 7)).save(buffer, "png")
    return buffer.getvalue()


def local(name: bytes, data: bytes, method: int = 0, *, crc: int | None = None, size: int | None = None) -> bytes:
    """A member with its header; `data` as it is packed."""
    crc = zlib.crc32(data) if crc is None else crc
    return (
        b"PK\3\4"
        + struct.pack("<5H3L2H", 20, 0, method, 0, 0x21, crc, len(data), size or len(data), len(name), 0)
        + name
        + data
    )


def entry(name: bytes, packed: int, at: int, method: int = 0, *, crc: int, size: int, mode: int = 0, system: int = 3) -> bytes:
    """The line of a member in the table of contents."""
    made = 20 | system << 8
    head = struct.pack("<6H3L", made, 20, 0, method, 0, 0x21, crc, packed, size)
    return b"PK\1\2" + head + struct.pack("<5H2L", len(name), 0, 0, 0, 0, mode << 16, at) + name


def ended(body: bytes, entries: list[bytes]) -> bytes:
    table = b"".join(entries)
    return body + table + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(entries), len(entries), len(table), len(body), 0)


@pytest.fixture
def look(tmp_path: Path) -> Look:
    def scanned(data: bytes, **options: object) -> ImageSet:
        (tmp_path / "x.zip").write_bytes(data)
        return scan(tmp_path / "x.zip", cache_dir=tmp_path / "cache", **options)  # type: ignore[arg-type]

    return scanned


def quiet(fraction: float, note: str) -> None:
    """No report."""


def causes(found: ImageSet) -> dict[str, str]:
    return {problem.path: problem.cause for problem in found.problems}


# --- links and the like ----------------------------------------------------------------------------------------------


def with_modes(modes: dict[str, int], system: int = 3) -> bytes:
    """Members whose content is the target of a link, or a picture where it has no type."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("good.png", picture())
        for number, (name, mode) in enumerate(modes.items(), 1):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = system, mode << 16
            archive.writestr(info, picture(number) if stat.S_IFMT(mode) in (0, stat.S_IFREG) else b"/etc/passwd")
    return buffer.getvalue()


def test_links_and_devices_are_not_followed(look: Look) -> None:
    kinds = {
        "link.png": (stat.S_IFLNK | 0o777, "link"),
        "folder-link": (stat.S_IFLNK | 0o777, "link"),
        "pipe.png": (stat.S_IFIFO | 0o644, "device, pipe"),
        "device.jpg": (stat.S_IFCHR | 0o644, "device, pipe"),
        "socket.gif": (stat.S_IFSOCK | 0o644, "device, pipe"),
    }
    fine = {"plain.png": 0, "file.png": stat.S_IFREG | 0o600, "bits.png": 0o777}
    found = look(with_modes({name: mode for name, (mode, _) in kinds.items()} | fine | {"link.txt": stat.S_IFLNK}))
    assert set(found.paths) == {"good.png", *fine}
    assert set(causes(found)) == set(kinds)
    for name, (_, word) in kinds.items():
        assert word in causes(found)[name]
    assert "passwd" not in str(found.problems)


def test_what_other_systems_write_there_is_no_mode(look: Look) -> None:
    """MS-DOS and Windows keep attributes in the lower half, and whatever they like in the upper."""
    assert look(with_modes({"a.png": 0}, system=0)).problems == ()
    data = bytearray(with_modes({"a.png": 0}, system=0))
    at = data.rindex(b"a.png") - 46
    data[at + 40 : at + 42] = struct.pack("<H", stat.S_IFLNK | 0o777)
    found = look(bytes(data))
    assert (found.paths, found.problems) == (("a.png", "good.png"), ())


def test_archives_inside_are_named_and_not_opened(look: Look) -> None:
    inner = with_modes({})
    nested = ("inner.zip", "deep/er/Inner.ZIP", "x.tar.gz", "y.7z")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in {
            "good.png": picture(),
            "disguised.png": inner,
            "labels.csv": b"x",
            **dict.fromkeys(nested, inner),
        }.items():
            archive.writestr(name, data)
    found = look(buffer.getvalue())
    assert found.paths == ("good.png",)
    assert set(causes(found)) == {*nested, "disguised.png"}
    assert all("inside an archive" in causes(found)[name] for name in nested)
    assert "not an image" in causes(found)["disguised.png"]


# --- bombs -----------------------------------------------------------------------------------------------------------


def test_what_would_swell_is_refused_unopened(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    n_bytes = 2**26 + 1
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = b"BM" + bytes(n_bytes - 2)
    packed, crc = packer.compress(zeros) + packer.flush(), zlib.crc32(zeros)
    del zeros
    good, body, entries = picture(), b"", list[bytes]()
    for name, data, method, size, check in (
        (b"bomb.bmp", packed, 8, n_bytes, crc),
        (b"good.png", good, 0, len(good), zlib.crc32(good)),
        (b"bomb-without-extension", packed, 8, n_bytes, crc),
        (b"even larger.bmp", packed, 8, 2**28 + 1, crc),
    ):
        entries.append(entry(name, len(data), len(body), method, crc=check, size=size))
        body += local(name, data, method, crc=check, size=size)
    tracemalloc.start()
    try:
        found = look(ended(body, entries))
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert found.paths == ("good.png",)
    assert f"its {len(packed):,} bytes would become {n_bytes:,}, as those of a zip bomb do" in causes(found)["bomb.bmp"]
    assert "zip bomb" in causes(found)["bomb-without-extension"]
    assert "more than the limit of 268,435,456" in causes(found)["even larger.bmp"]
    monkeypatch.setattr(image_archive, "_BOMB_BYTES", 2**28)
    assert "zip bomb" not in causes(look(ended(body, entries)))["bomb.bmp"], "what is smaller is judged by its pixels"


def test_members_that_share_bytes_are_refused_and_others_load(look: Look) -> None:
    """A bomb whose every file is one kernel, quoted by all of the headers before it."""
    good, kernel = picture(1), picture(2)
    body = local(b"first.png", good)
    entries = [entry(b"first.png", len(good), 0, crc=zlib.crc32(good), size=len(good))]
    quoted = local(b"z9.png", kernel)
    starts = [(b"z9.png", 0, kernel)]
    for number in range(8, -1, -1):
        name = b"z%d.png" % number
        content = quoted
        quoted = local(name, content)
        starts = [(name, 0, content), *((other, at + 30 + len(name), data) for other, at, data in starts)]
    for name, at, content in starts:
        entries.append(entry(name, len(content), len(body) + at, crc=zlib.crc32(content), size=len(content)))
    body += quoted
    entries.append(entry(b"last.png", len(good), len(body), crc=zlib.crc32(good), size=len(good)))
    body += local(b"last.png", good)
    found = look(ended(body, entries))
    assert found.paths == ("first.png", "last.png")
    assert set(causes(found)) == {f"z{number}.png" for number in range(10)}
    assert all("shares bytes" in cause for cause in causes(found).values())


def test_one_kernel_under_many_names_is_refused(look: Look) -> None:
    data, good = picture(3), picture(4)
    body = local(b"kernel", data) + local(b"good.png", good)
    entries = [entry(b"%d.png" % number, len(data), 0, crc=zlib.crc32(data), size=len(data)) for number in range(100)]
    entries.append(entry(b"good.png", len(good), len(local(b"kernel", data)), crc=zlib.crc32(good), size=len(good)))
    found = look(ended(body, entries))
    assert found.paths == ("good.png",)
    assert len(found.problems) == 100


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_what_is_listed_twice_is_one(look: Look) -> None:
    data = picture(3)
    line = entry(b"a.png", len(data), 0, crc=zlib.crc32(data), size=len(data))
    found = look(ended(local(b"a.png", data), [line, line]))
    assert found.paths == ("a.png",)
    assert read_bytes(found, 0) == data
    assert "more than once" in causes(found)["a.png"]


def test_a_false_place_costs_no_other_member(look: Look) -> None:
    data = picture(3)
    body = local(b"good.png", data)
    entries = [
        entry(b"good.png", len(data), 0, crc=zlib.crc32(data), size=len(data)),
        *(entry(b"%d.png" % at, len(data), at, crc=zlib.crc32(data), size=len(data)) for at in (1, 30, len(body) - 3)),
    ]
    found = look(ended(body, entries))
    assert found.paths == ("good.png",)
    assert set(causes(found)) == {"1.png", "30.png", f"{len(body) - 3}.png"}
    assert all("damaged" in cause for cause in causes(found).values())


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 60)), max_size=12), st.randoms())
def test_overlaps_are_those_that_pairs_have(spans: list[tuple[int, int]], rng: object) -> None:
    members = [Member(str(at), None, 0, 0, 0, packed, packed, offset) for at, (offset, packed) in enumerate(spans)]
    expected = set()
    for one, (start, packed) in enumerate(spans):
        for other, (begin, size) in enumerate(spans):
            if one != other and packed and size and start < begin + 30 + size and begin < start + 30 + packed:
                expected.add(one)
    found = overlaps_of(members, range(len(members)), quiet)
    assert found <= expected, "nobody is accused who shares nothing"
    rest = [place for place in range(len(members)) if place not in found]
    assert not overlaps_of(members, rest, quiet), "what is left shares nothing"


def test_every_archive_of_the_standard_library_is_free_of_overlaps(tmp_path: Path) -> None:
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(tmp_path / "x.zip", "w", method) as archive:
            for number in range(300):
                archive.writestr(f"{number}.png", picture(number)[: 40 + number] if number % 7 else b"")
        source = open_source(tmp_path / "x.zip")
        assert not source._overlapping  # type: ignore[union-attr]


# --- many members ----------------------------------------------------------------------------------------------------


def test_a_long_table_of_contents_can_be_cancelled_and_tells_how_far_it_is(tmp_path: Path) -> None:
    entries = [entry(b"%d.png" % number, 0, 0, crc=0, size=0) for number in range(20_000)]
    (tmp_path / "x.zip").write_bytes(ended(b"PK\3\4" + bytes(26), entries))
    notes: list[str] = []

    def stop_at(words: str) -> None:
        def report(fraction: float, note: str) -> None:
            notes.append(note)
            if note.startswith(words):
                raise Cancelled(note)

        with pytest.raises(Cancelled):
            open_source(tmp_path / "x.zip", report=report).listing(report)

    stop_at("reading the archive's table of contents: 19,456 files")
    stop_at("sorting 20,000 image files")
    assert sum(note.startswith("looking for image files") for note in notes) >= 20
    os.utime(tmp_path / "x.zip", ns=(time.time_ns(), 1))
    stop_at("looking for image files: 10,240 found")
