"""Archives as they come: names in any encoding, numbers that lie, and what precedes and follows."""

from __future__ import annotations

import io
import os
import struct
import threading
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from usl_core.errors import UslError
from usl_core.images import zip_reader
from usl_core.images.scan import read_bytes, scan
from usl_core.images.sources import open_source
from usl_core.images.zip_names import member_name
from usl_core.images.zip_reader import BadZip, ZipReader
from usl_core.types import ImageSet

UTF8 = 0x800


def picture(number: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), (number, 0, 7)).save(buffer, "png")
    return buffer.getvalue()


def unicode_field(name: bytes, plain: bytes, version: int = 1) -> bytes:
    content = struct.pack("<BL", version, zlib.crc32(plain)) + name
    return struct.pack("<HH", 0x7075, len(content)) + content


def archive(*members: tuple[bytes, int, bytes], contents: list[bytes] | None = None) -> bytes:
    """An archive of stored pictures, from the raw name, flags and extra field of each."""
    body, table = b"", b""
    for number, (name, flags, extra) in enumerate(members):
        data = contents[number] if contents else picture(number)
        shared = struct.pack("<HHHHLLLHH", flags, 0, 0, 0x21, zlib.crc32(data), len(data), len(data), len(name), len(extra))
        table += b"PK\1\2\x14\0\x14\0" + shared + struct.pack("<HHHLL", 0, 0, 0, 0, len(body)) + name + extra
        body += b"PK\3\4\x14\0" + shared + name + extra + data
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(members), len(members), len(table), len(body), 0)
    return body + table + end


@pytest.fixture
def look(tmp_path: Path) -> Callable[[bytes], ImageSet]:
    """The scan of an archive with these bytes."""

    def scanned(data: bytes) -> ImageSet:
        (tmp_path / "x.zip").write_bytes(data)
        return scan(tmp_path / "x.zip", cache_dir=tmp_path / "cache")

    return scanned


def causes(found: ImageSet) -> dict[str, str]:
    return {problem.path: problem.cause for problem in found.problems}


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "flags", "extra", "name"),
    [
        (b"plain.png", 0, b"", "plain.png"),
        ("Öl/京都.png".encode(), UTF8, b"", "Öl/京都.png"),
        ("Öl/京都.png".encode(), 0, b"", "Öl/京都.png"),
        ("u\u0308.png".encode(), 0, b"", "u\u0308.png"),
        ("é.png".encode("cp437"), 0, b"", "é.png"),
        (b"\x81\x82.png", 0, b"", "üé.png"),
        (b"\xc0\xaf.png", 0, b"", b"\xc0\xaf.png".decode("cp437")),  # an overlong slash is no UTF-8
        (b"\xed\xa0\x80.png", 0, b"", b"\xed\xa0\x80.png".decode("cp437")),  # neither is a surrogate
        (b"_.png", 0, unicode_field("東.png".encode(), b"_.png"), "東.png"),
        (b"_.png", 0, b"\x55\x54\5\0\3\0\0\0\0" + unicode_field("東.png".encode(), b"_.png"), "東.png"),
        (b"_.png", 0, unicode_field("東.png".encode(), b"_.jpg"), "_.png"),
        (b"_.png", 0, unicode_field("東.png".encode(), b"_.png", version=2), "_.png"),
        (b"_.png", 0, unicode_field(b"\xff.png", b"_.png"), "_.png"),
        (b"_.png", 0, unicode_field(b"", b"_.png"), "_.png"),
        (b"_.png", 0, unicode_field("東.png".encode(), b"_.png")[:-3], "_.png"),
        (b"_.png", 0, b"\x75\x70\2\0\1\0", "_.png"),
        (b"_.png", 0, b"\x75\x70\xff\xff\1", "_.png"),
        (b"_.png", 0, b"\x75", "_.png"),
        ("ä.png".encode(), UTF8, unicode_field(b"b.png", "ä.png".encode()), "ä.png"),
        (b"\xff.png", UTF8, unicode_field("東.png".encode(), b"\xff.png"), "東.png"),
        (b"", 0, b"", ""),
    ],
)
def test_names_of_members(raw: bytes, flags: int, extra: bytes, name: str) -> None:
    assert member_name(raw, flags, extra) == (name, None)


@pytest.mark.parametrize(
    ("raw", "flags", "shown", "words"),
    [
        (b"\xfe\xff.png", UTF8, "\\xfe\\xff.png", "says that its name is UTF-8"),
        (b"\xfe\0.png", UTF8, "\\xfe\\x00.png", "says that its name is UTF-8"),
        (b"\xc0\xaf.png", UTF8, "\\xc0\\xaf.png", "says that its name is UTF-8"),
        (b"a.png\0.exe", 0, "a.png\\x00.exe", "NUL"),
        (b"a\0.png", UTF8, "a\\x00.png", "NUL"),
    ],
)
def test_names_that_cannot_be(raw: bytes, flags: int, shown: str, words: str) -> None:
    name, cause = member_name(raw, flags, b"")
    assert name == shown
    assert cause is not None
    assert words in cause


@given(st.binary(max_size=40), st.integers(0, 0xFFFF), st.binary(max_size=60))
def test_any_bytes_have_a_name_that_can_be_shown(raw: bytes, flags: int, extra: bytes) -> None:
    name, cause = member_name(raw, flags, extra)
    assert "\0" not in name
    assert name.encode("utf-8") is not None
    assert cause is None or flags & UTF8 or b"\0" in raw or b"\0" in extra


def test_one_bad_name_does_not_cost_the_others(look: Callable[[bytes], ImageSet]) -> None:
    found = look(archive((b"\xfe\xff.png", UTF8, b""), (b"fine.png", 0, b""), (b"a\0.png", 0, b"")))
    assert found.paths == ("fine.png",)
    assert read_bytes(found, 0) == picture(1)
    assert list(causes(found)) == ["\\xfe\\xff.png", "a\\x00.png"]
    assert all("rename" in cause for cause in causes(found).values())


def test_classes_with_undeclared_names(look: Callable[[bytes], ImageSet]) -> None:
    found = look(
        archive(
            ("猫/1.png".encode(), 0, b""), ("犬/1.png".encode(), 0, b""), (b"x", 0, unicode_field("猫/2.png".encode(), b"x"))
        )
    )
    assert found.paths == ("犬/1.png", "猫/1.png", "猫/2.png")
    assert found.class_names == ("犬", "猫")


def test_names_that_become_the_same(look: Callable[[bytes], ImageSet]) -> None:
    same = "ä.png".encode()
    found = look(archive((same, UTF8, b""), (same, 0, b""), (b"x.png", 0, unicode_field(same, b"x.png"))))
    assert found.paths == ("ä.png",)
    assert read_bytes(found, 0) == picture(2)
    assert "more than once" in causes(found)["ä.png"]


@pytest.mark.parametrize(
    "name", ["/abs.png", "../up.png", "C:/win.png", "a/../../b.png", "\\\\server\\share\\a.png", "c:\\a.png"]
)
def test_a_decoded_name_must_stay_inside(look: Callable[[bytes], ImageSet], name: str) -> None:
    field = unicode_field(name.encode(), b"innocent.png")
    found = look(archive((b"fine.png", 0, b""), (b"innocent.png", 0, field)))
    assert found.paths == ("fine.png",)
    assert list(causes(found).values()) == ["the name leads out of the archive"]


def test_long_names(look: Callable[[bytes], ImageSet]) -> None:
    names = [b"a" * 60_000 + b".png", b"d/" * 30_000 + b"b.png"]
    found = look(archive(*((name, 0, b"") for name in names)))
    assert sorted(map(len, found.paths)) == sorted(map(len, names))


# --- the form --------------------------------------------------------------------------------------------------------


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as made:
        for name, data in files.items():
            made.writestr(name, data)
        made.comment = comment
    return buffer.getvalue()


FILES = {"a.png": picture(1), "b/c.png": picture(2)}


@pytest.mark.parametrize("comment", [b"", b"a comment", b"x" * 65535, b"PK\5\6" * 40])
@pytest.mark.parametrize("before", [b"", b"#!/bin/sh\nexit\n", b"PK\5\6" + bytes(100)])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_comments_and_what_precedes(look: Callable[[bytes], ImageSet], comment: bytes, before: bytes, method: int) -> None:
    found = look(before + packed(FILES, method, comment))
    assert found.paths == tuple(FILES)
    assert [read_bytes(found, row) for row in range(2)] == list(FILES.values())


def test_something_follows(look: Callable[[bytes], ImageSet]) -> None:
    assert look(packed(FILES) + b"\0" * 100).paths == tuple(FILES)


def zip64(shift: int = 0, more: bytes = b"") -> bytes:
    """All numbers of an archive moved to where 64 bits are; `more` stands in fields of the makers."""
    data = picture(1)
    wide = struct.pack("<HHQQQ", 1, 24, len(data), len(data), 0)
    local = (
        b"PK\3\4"
        + struct.pack("<HHHHHLLLHH", 45, 0, 0, 0, 0x21, zlib.crc32(data), len(data), len(data), 5, 0)
        + b"a.png"
        + data
    )
    entry = b"PK\1\2" + struct.pack("<HHHHHHLLL", 45, 45, 0, 0, 0, 0x21, zlib.crc32(data), 2**32 - 1, 2**32 - 1)
    entry += struct.pack("<HHHHHLL", 5, len(wide), 0, 0, 0, 0, 2**32 - 1) + b"a.png" + wide
    end64 = b"PK\6\6" + struct.pack("<QHHLLQQQQ", 44 + len(more), 45, 45, 0, 0, 1, 1, len(entry), len(local)) + more
    locator = b"PK\6\7" + struct.pack("<LQL", 0, len(local) + len(entry) + shift, 1)
    end = b"PK\5\6" + struct.pack("<HHHHLLH", 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    return bytes(shift) + local + entry + end64 + locator + end


@pytest.mark.parametrize("shift", [0, 1000])
def test_zip64(look: Callable[[bytes], ImageSet], shift: int) -> None:
    data = zip64(shift)
    assert zipfile.ZipFile(io.BytesIO(data)).read("a.png") == picture(1), "the sample is right"
    found = look(data)
    assert read_bytes(found, 0) == picture(1)


def test_zip64_with_fields_of_the_makers(look: Callable[[bytes], ImageSet]) -> None:
    found = look(zip64(more=b"\1\2\3\4 and so on"))
    assert read_bytes(found, 0) == picture(1)


def test_written_piece_by_piece(tmp_path: Path) -> None:
    """Sizes that follow the contents, as in archives that were written to a pipe."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as made:  # type: ignore[arg-type]
        for name, data in FILES.items():
            made.writestr(name, data)
    (tmp_path / "x.zip").write_bytes(pipe.data)
    found = scan(tmp_path / "x.zip", cache_dir=tmp_path / "cache")
    assert [read_bytes(found, row) for row in range(2)] == list(FILES.values())


def test_a_hundred_thousand_members(tmp_path: Path) -> None:
    names = [f"{number % 9}/{number}.png".encode() for number in range(100_000)]
    local = b"PK\3\4" + bytes(26)
    entries = (b"PK\1\2" + bytes(24) + struct.pack("<H", len(name)) + bytes(16) + name for name in names)
    table = b"".join(entries)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(names) % 2**16, len(names) % 2**16, len(table), len(local), 0)
    (tmp_path / "x.zip").write_bytes(local + table + end)
    listing = open_source(tmp_path / "x.zip").listing(lambda fraction, note: None)
    assert listing.names[:2] == ["0/0.png", "0/9.png"]
    assert len(listing.names) == 100_000


def test_a_table_of_contents_that_would_fill_the_memory(
    look: Callable[[bytes], ImageSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zip_reader, "_MAX_TABLE_BYTES", 100)
    with pytest.raises(UslError, match="more than the limit of 100"):
        look(packed(FILES))


@pytest.mark.parametrize("cut", [1, 10, 30, 100, 200])
def test_cut_archives_say_so(look: Callable[[bytes], ImageSet], cut: int) -> None:
    with pytest.raises(UslError, match=r"damaged or no \.zip"):
        look(packed(FILES)[:-cut])
    with pytest.raises(UslError, match=r"damaged or no \.zip"):
        look(packed(FILES)[cut:])


def test_numbers_that_lie_end_in_a_cause(look: Callable[[bytes], ImageSet], tmp_path: Path) -> None:
    """Every byte of the table of contents and of the end, changed to a few values; memory stays small."""
    data = packed(FILES)
    start = data.index(b"PK\1\2")
    tracemalloc.start()
    try:
        for at in range(start, len(data)):
            for value in (0, 1, 0x7F, 0xFF):
                changed = data[:at] + bytes([value]) + data[at + 1 :]
                (tmp_path / "x.zip").write_bytes(changed)
                try:
                    reader = ZipReader(tmp_path / "x.zip")
                except BadZip:
                    continue
                for member in reader.members:
                    with suppress(BadZip):
                        assert reader.read(member) in FILES.values()
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()


def test_wide_numbers_that_lie(tmp_path: Path) -> None:
    data = zip64()
    for at in range(data.index(b"PK\1\2"), len(data) - 22):
        (tmp_path / "x.zip").write_bytes(data[:at] + b"\xff" + data[at + 1 :])
        with suppress(BadZip):
            reader = ZipReader(tmp_path / "x.zip")
            for member in reader.members:
                assert len(reader.head(member, 10)) <= 10


def test_reading_without_pread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pread", raising=False)  # as on Windows
    (tmp_path / "x.zip").write_bytes(packed({f"{n}.png": picture(n) for n in range(20)}))
    reader = ZipReader(tmp_path / "x.zip")
    wrong: list[int] = []

    def work() -> None:
        for _ in range(20):
            wrong.extend(n for n, member in enumerate(reader.members) if reader.read(member) != picture(n))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_head_of_a_member_costs_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.zip").write_bytes(packed({"a": os.urandom(3_000_000), "b": bytes(3_000_000)}))
    reader = ZipReader(tmp_path / "x.zip")
    read, pread = [], os.pread
    monkeypatch.setattr(zip_reader.os, "pread", lambda *given: read.append(given[1]) or pread(*given))
    assert [len(reader.head(member, 256)) for member in reader.members] == [256, 256]
    assert max(read) <= 5000


# --- the file itself -------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="POSIX pipes and devices")
@pytest.mark.parametrize("kind", ["pipe", "zero", "folder"])
def test_an_archive_that_is_no_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.zip"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "zero":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    outcomes: list[str] = []

    def work() -> None:
        try:
            scan(path, cache_dir=tmp_path / "cache")
        except UslError as error:
            outcomes.append(str(error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), "it hangs"
    assert len(outcomes) == 1


@pytest.mark.skipif(os.name != "posix", reason="POSIX pipes")
def test_an_archive_that_becomes_a_pipe_while_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, made, outcomes = tmp_path / "x.zip", ZipReader.__init__, []
    path.write_bytes(packed(FILES))

    def swap(reader: ZipReader, path: Path, *rest: object) -> None:
        path.unlink()
        os.mkfifo(path)
        made(reader, path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(ZipReader, "__init__", swap)

    def work() -> None:
        try:
            open_source(path)
        except UslError as error:
            outcomes.append(str(error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), "it hangs"
    assert "pipe" in outcomes[0]


@pytest.mark.skipif(os.name != "posix", reason="POSIX pipes and /proc")
def test_what_is_no_archive_by_its_contents(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "text").write_bytes(b"x" * 100_000)
    (tmp_path / "archive").write_bytes(packed(FILES))
    assert [zip_reader.is_zip(tmp_path / name) for name in ("pipe", "text", "archive")] == [False, False, True]
    assert scan(tmp_path / "archive", cache_dir=tmp_path / "cache").paths == tuple(FILES)
    for path in (tmp_path / "pipe", tmp_path / "text", Path("/dev/zero"), Path("/proc/self/status")):
        with pytest.raises(UslError, match=r"neither a folder nor a \.zip archive|does not exist"):
            scan(path, cache_dir=tmp_path / "cache")


def test_nothing_stays_open(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(packed(FILES))
    lowest = os.open(tmp_path / "x.zip", os.O_RDONLY)
    os.close(lowest)
    reader = ZipReader(tmp_path / "x.zip")
    assert reader.members
    del reader
    again = os.open(tmp_path / "x.zip", os.O_RDONLY)
    os.close(again)
    assert again == lowest
