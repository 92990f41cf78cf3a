"""Files of vectors that were made elsewhere: every way to write them, and every file that will not do."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from usl_core.encoders.own_vectors import add_vectors, get_vectors, own_vectors
from usl_core.encoders.registry import encoder_cards, get_encoder
from usl_core.encoders.trained import encoders_dir, trained_cards
from usl_core.encoders.vector_files import MAX_DIM, read_vectors
from usl_core.encoders.vector_table import VectorTable
from usl_core.errors import UslError

NAMES = ["a.png", "b.png", "c.png"]
VALUES = np.array([[1.5, -2.0], [0.25, 3.0], [4.0, -0.5]])


@pytest.fixture(autouse=True)
def own_encoders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USL_ENCODERS_DIR", str(tmp_path / "encoders"))


def values_of(table: VectorTable) -> np.ndarray:
    first, second = (np.concatenate(list(table.blocks())) for _ in range(2))  # each call begins anew
    np.testing.assert_array_equal(first, second)
    assert first.shape == (table.n, table.dim)
    return first


# --- tables of text ----------------------------------------------------------------------------------------------------------

ROWS = [(name, *row) for name, row in zip(NAMES, VALUES.tolist(), strict=True)]


def lines(*rows: object, by: str = ",", end: str = "\n") -> str:
    return "".join(by.join(map(str, row)) + end for row in rows)  # type: ignore[call-overload]


BARE = [row[1:] for row in ROWS]
BY_PATH = {
    "as asked for": lines(("path", "x", "y"), *ROWS),
    "path in between": lines(("x", "File Name", "y"), *((row[1], row[0], row[2]) for row in ROWS)),
    "semicolons": lines(("path", "x", "y"), *ROWS, by=";"),
    "bars": lines(("path", "x", "y"), *ROWS, by="|"),
    "tabs": lines(("path", "x", "y"), *ROWS, by="\t"),
    "decimal commas": lines(("path", "x", "y"), *ROWS, by=";").replace(".", ",").replace(",png", ".png"),
    "said separator": "sep=;\n" + lines(("path", "x", "y"), *ROWS, by=";"),
    "line ends of Windows": lines(("path", "x", "y"), *ROWS, end="\r\n"),
    "blank lines": "\n\n" + lines(("path", "x", "y"), *ROWS, end="\n\n"),
    "trailing separators": lines(("path", "x", "y"), *((*row, "") for row in ROWS)),
    "quotes": lines(("path", "x", "y"), *((f'"{row[0]}"', *row[1:]) for row in ROWS)),
    "a data frame": lines(("", "path", "0", "1"), *((at, *row) for at, row in enumerate(ROWS))),
    "a data frame with paths as its index": lines(("", "0", "1"), *ROWS),
    "labels and splits": lines(("path", "label", "x", "y", "split"), *((r[0], 7, r[1], r[2], 1) for r in ROWS)),
    "labels as text": lines(("path", "class", "x", "y"), *((r[0], "cat", r[1], r[2]) for r in ROWS)),
    "no header": lines(*ROWS),
    "another word for paths": lines(("bild", "x", "y"), *ROWS),
}
BY_ORDER = {
    "no paths": lines(("x", "y"), *BARE),
    "no header": lines(*BARE),
    "numbers as the header": lines((0, 1), *BARE),
    "row numbers": lines(("", "0", "1"), *((at, *row) for at, row in enumerate(BARE))),
    "spaces": lines(("x", "y"), *BARE, by=" , "),
}


@pytest.mark.parametrize("how", BY_PATH)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_tables_with_paths(how: str, encoding: str, tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_bytes(BY_PATH[how].encode(encoding))
    table = read_vectors(tmp_path / "e.csv")
    assert table.names == NAMES
    np.testing.assert_array_equal(values_of(table), VALUES)


@pytest.mark.parametrize("how", BY_ORDER)
def test_tables_without_paths(how: str, tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text(BY_ORDER[how])
    table = read_vectors(tmp_path / "e.csv")
    assert table.names is None
    np.testing.assert_array_equal(values_of(table), VALUES)


def test_columns_that_are_left_out_are_named(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text(BY_PATH["labels and splits"])
    assert add_vectors(tmp_path / "e.csv").left_out == ("label", "split")
    (tmp_path / "e.csv").write_text(BY_ORDER["row numbers"])
    assert str(add_vectors(tmp_path / "e.csv")) == "3 vectors of 2 numbers, matched by natural order; left out: row numbers"


def test_a_table_in_a_code_page(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_bytes(lines(("path", "x"), ("Zoë.png", 1), ("b.png", 2)).encode("cp1252"))
    assert read_vectors(tmp_path / "e.csv").names == ["Zoë.png", "b.png"]


def test_empty_cells_are_no_numbers_but_rows_stay(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("path,x,y\na.png,,1\nb.png,NA,2\nc.png,3,null\nd.png,4,5\n")
    table = read_vectors(tmp_path / "e.csv")
    np.testing.assert_array_equal(values_of(table), [[np.nan, 1], [np.nan, 2], [3, np.nan], [4, 5]])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no vectors"),
        (b"\n\n", "holds no vectors"),
        (b"path,x\n", "has a header and no rows"),
        (b"path,label\na.png,1\n", "has no columns of numbers .*'path', 'label'"),
        (b"just some words\nand more\n", "has no columns of numbers"),
        (b"path,x,y\na.png,1,2\nb.png,1\n", "line 3 of .* has 2 columns instead of 3"),
        (b"path,x,y\na.png,1,2\nb.png,1,2,3\n", "line 3 of .* has 4 columns instead of 3"),
        (b"path,x\n" + b"a.png,1\n" * 150 + b"b.png,one\n", "line 152 of .* has 'one' in the column 'x', which is no number"),
        (b'path,x\n"a.png,1\n' + b"b" * 200_000 + b"\n", "is no table from line"),
        (b"\x93NUMPY\0\1,2\n", "is no text"),
    ],
)
def test_tables_that_will_not_do(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_bytes(content)
    with pytest.raises(UslError, match=said):
        values_of(read_vectors(tmp_path / "e.csv"))


# --- arrays --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrays", "names"),
    [
        ({"anything": VALUES}, None),
        ({"anything": VALUES, "paths": np.array(NAMES)}, NAMES),
        ({"anything": VALUES, "filenames": np.array(NAMES, dtype="S")}, NAMES),
        ({"anything": VALUES, "bilder": np.array(NAMES)}, NAMES),
        ({"anything": VALUES, "labels": np.array(["cat", "dog", "cat"])}, None),
        ({"anything": VALUES, "labels": np.array(["cat", "dog", "cat"]), "path": np.array(NAMES)}, NAMES),
        ({"anything": VALUES, "paths": np.array(NAMES[:2])}, None),
        ({"anything": VALUES, "onehot": np.eye(3, dtype=np.int64)}, None),
        ({"other": np.ones((9, 9)), "features": VALUES}, None),
        ({"X": VALUES, "neighbours": np.ones((3, 7)), "y": np.array([1, 2, 3])}, None),
        ({"anything": VALUES, "classes": np.array(["a", 1], dtype=object)}, None),
    ],
)
def test_archives(arrays: dict[str, Any], names: list[str] | None, tmp_path: Path) -> None:
    np.savez(tmp_path / "e.npz", **arrays)
    table = read_vectors(tmp_path / "e.npz")
    assert table.names == names
    np.testing.assert_array_equal(values_of(table), VALUES)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({}, "must hold an array of .* but holds no array"),
        ({"a": np.array(NAMES)}, r"must hold an array of \(n, d\) real numbers.*but holds a \(3,\) of <U5"),
        ({"a": VALUES, "b": VALUES}, "several arrays of vectors .*'a', 'b'.*; call the one that is meant 'features'"),
        ({"a": VALUES, "paths": np.array(NAMES, dtype=object)}, "'paths' of .* holds Python objects, .*save it as text"),
        ({"a": VALUES.astype(complex)}, "must hold an array"),
    ],
)
def test_archives_that_will_not_do(arrays: dict[str, Any], said: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "e.npz", **arrays)
    with pytest.raises(UslError, match=said):
        read_vectors(tmp_path / "e.npz")


class Touch:
    """Unpickled, this would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.path}",)


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    bad = np.array([[Touch(touched)], [Touch(touched)]], dtype=object)
    np.save(tmp_path / "e.npy", bad)
    np.savez(tmp_path / "e.npz", features=VALUES[:2], paths=bad[:, 0])
    for name in ("e.npy", "e.npz"):
        with pytest.raises(UslError, match="holds Python objects, which are not read"):
            read_vectors(tmp_path / name)
    assert not touched.exists()


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.ones(3), r"must hold \(n, d\) real numbers, a row for each image, but holds \(3,\) of float64"),
        (np.ones((3, 2, 1)), r"\(3, 2, 1\) of float64; reshape"),
        (np.ones((3, 2), dtype=complex), "of complex128"),
        (np.array([["a"]]), "<U1"),
        (np.ones((0, 5)), "holds no vectors"),
        (np.ones((5, 0)), "must have 1 to 65,536 numbers but have 0"),
        (np.ones((2, MAX_DIM + 1), dtype=np.int8), "must have 1 to 65,536 numbers but have 65,537"),
        (np.zeros(3, dtype=[("a", "f4")]), "real numbers"),
    ],
)
def test_arrays_that_will_not_do(array: np.ndarray, said: str, tmp_path: Path) -> None:
    np.save(tmp_path / "e.npy", array)
    with pytest.raises(UslError, match=said):
        read_vectors(tmp_path / "e.npy")


@pytest.mark.parametrize("name", ["e.npy", "e.npz", "e.parquet"])
@pytest.mark.parametrize("damage", ["noise", "empty", "cut off", "cut in the header"])
def test_damaged_files(name: str, damage: str, tmp_path: Path) -> None:
    path = tmp_path / name
    values = np.random.default_rng(0).normal(size=(5000, 8))
    if name == "e.parquet":
        write_parquet(path, {"v": list(values)})
    else:
        (np.save if name == "e.npy" else np.savez)(path, values)  # type: ignore[operator]
    whole = path.read_bytes()
    path.write_bytes({"noise": b"no such file\n" * 99, "empty": b"", "cut off": whole[:-999]}.get(damage, whole[:20]))
    with pytest.raises(UslError, match=r"e\.np|e\.parquet"):
        values_of(read_vectors(path))


def test_an_archive_that_was_changed_fails_its_checksum(tmp_path: Path) -> None:
    np.savez(tmp_path / "e.npz", features=np.ones((5000, 8)))
    data = bytearray((tmp_path / "e.npz").read_bytes())
    data[100_000] ^= 1
    (tmp_path / "e.npz").write_bytes(data)
    with pytest.raises(UslError, match=r"cannot be read .*CRC"):
        values_of(read_vectors(tmp_path / "e.npz"))


def test_a_header_that_promises_too_much_takes_no_memory(tmp_path: Path) -> None:
    import io

    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (10**12, 1000)})
    (tmp_path / "e.npy").write_bytes(file.getvalue())
    with zipfile.ZipFile(tmp_path / "e.npz", "w") as archive:
        archive.writestr("features.npy", file.getvalue())
    with pytest.raises(UslError, match="is cut off: it has 0 bytes of 4,000,000,000,000,000"):
        read_vectors(tmp_path / "e.npy")
    with pytest.raises(UslError, match="is cut off after 0 of 1,000,000,000,000 vectors"):
        list(read_vectors(tmp_path / "e.npz").blocks())


# --- Parquet ---------------------------------------------------------------------------------------------------------------


def write_parquet(path: Path, columns: dict[str, Any]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table(columns), path, row_group_size=2)


def _lists(kind: str) -> Any:
    import pyarrow as pa

    if kind == "tensor":
        return pa.FixedShapeTensorArray.from_numpy_ndarray(VALUES)
    kinds = {"list": pa.list_(pa.float64()), "large": pa.large_list(pa.float32()), "fixed": pa.list_(pa.float64(), 2)}
    return pa.array(VALUES.tolist(), kinds[kind])


COLUMNS: dict[str, Callable[[], dict[str, Any]]] = {
    "numbers": lambda: {"path": NAMES, "x": VALUES[:, 0], "y": VALUES[:, 1]},
    "numbers and labels": lambda: {"label": [1, 2, 3], "x": VALUES[:, 0], "path": NAMES, "y": VALUES[:, 1].astype("f4")},
    "list": lambda: {"path": NAMES, "embedding": _lists("list"), "score": [1.0, 2.0, 3.0]},
    "large list": lambda: {"path": NAMES, "v": _lists("large")},
    "fixed size list": lambda: {"v": _lists("fixed"), "image": NAMES},
    "tensor": lambda: {"path": NAMES, "v": _lists("tensor")},
    "several lists": lambda: {"path": NAMES, "boxes": [[1], [2], [3]], "features": _lists("list")},
    "a text that looks like paths": lambda: {"bild": NAMES, "caption": ["x", "y", "z"], "v": _lists("list")},
}


@pytest.mark.parametrize("how", COLUMNS)
def test_parquet(how: str, tmp_path: Path) -> None:
    write_parquet(tmp_path / "e.parquet", COLUMNS[how]())
    table = read_vectors(tmp_path / "e.parquet")
    assert table.names == NAMES
    np.testing.assert_array_equal(values_of(table), VALUES)
    assert table.left_out == (("label",) if "labels" in how else ())


def test_parquet_without_paths_and_with_gaps(tmp_path: Path) -> None:
    import pyarrow as pa

    write_parquet(tmp_path / "e.parquet", {"v": pa.array([None, [1.0, 2.0], [None, 3.0], None])})
    table = read_vectors(tmp_path / "e.parquet")
    assert table.names is None
    np.testing.assert_array_equal(values_of(table), [[np.nan] * 2, [1, 2], [np.nan, 3], [np.nan] * 2])
    write_parquet(tmp_path / "f.parquet", {"x": pa.array([1, None, 3]), "y": [1.0, 2.0, 3.0]})
    np.testing.assert_array_equal(values_of(read_vectors(tmp_path / "f.parquet")), [[1, 1], [np.nan, 2], [3, 3]])


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"path": NAMES}, "has neither a column of lists nor columns of numbers; its columns are 'path'"),
        ({"v": [[1.0, 2.0], [1.0], [1.0, 2.0]]}, "row 2 of .* has 1 numbers where the first has 2"),
        ({"boxes": [[1.0]], "masks": [[2.0]]}, "several columns of lists .*'boxes', 'masks'.*'features'"),
        ({"v": [[1.0, 2.0]][:0]}, "has neither|holds no vectors"),
        ({"path": [], "x": np.ones(0)}, "holds no vectors"),
    ],
)
def test_parquet_that_will_not_do(columns: dict[str, Any], said: str, tmp_path: Path) -> None:
    write_parquet(tmp_path / "e.parquet", columns)
    with pytest.raises(UslError, match=said):
        values_of(read_vectors(tmp_path / "e.parquet"))


# --- adding ------------------------------------------------------------------------------------------------------------------


def test_what_is_known_of_a_file_that_was_added(tmp_path: Path) -> None:
    np.save(tmp_path / "My run (3).npy", VALUES)
    known = add_vectors(tmp_path / "My run (3).npy")
    assert known.name == "vectors:My-run-3"
    assert (known.n, known.dim, known.matched, known.left_out) == (3, 2, "natural", ())
    assert own_vectors() == [known] == [get_vectors(known.name)]
    assert [card.name for card in encoder_cards() if card.name.startswith("vectors:")] == [known.name]
    assert get_encoder(known.name).name == known.name
    assert trained_cards() == []
    again = add_vectors(tmp_path / "My run (3).npy", "b.2", "plain")
    assert (again.name, again.matched) == ("vectors:b.2", "plain")
    assert get_encoder(again.name).identity("float32") != get_encoder(known.name).identity("float32")


@pytest.mark.parametrize(
    ("file", "name", "order", "said"),
    [
        ("e.npy", "??", None, "name must be 1 to 60 letters"),
        ("e.npy", None, "random", "order must be 'natural' or 'plain' but is 'random'"),
        ("e.npz", None, "plain", "are matched by the paths beside them"),
        ("none.npy", None, None, "cannot be read"),
        ("folder.npy", None, None, "cannot be read .*it is a folder"),
        ("e.txt", None, None, "must end with .npy, .npz, .csv, .tsv or .parquet"),
        ("nul\0.npy", None, None, "cannot be read"),
    ],
)
def test_what_cannot_be_added(file: str, name: str | None, order: str | None, said: str, tmp_path: Path) -> None:
    np.save(tmp_path / "e.npy", VALUES)
    np.savez(tmp_path / "e.npz", VALUES, paths=np.array(NAMES))
    (tmp_path / "folder.npy").mkdir()
    (tmp_path / "e.txt").write_text("1,2\n")
    with pytest.raises(UslError, match=said):
        add_vectors(tmp_path / file, name, order)
    assert own_vectors() == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    for name in ("e.npy", "e.csv", "e.npz", "e.parquet"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(UslError, match="a device, pipe or socket"):
            add_vectors(tmp_path / name)


@pytest.mark.parametrize("name", ["vectors:none", "vectors:../e", "vectors:", "vectors:a/b"])
def test_a_name_that_was_not_added(name: str) -> None:
    with pytest.raises(UslError, match=r"there are no vectors .*; add their file first"):
        get_encoder(name)


@pytest.mark.parametrize("change", [{"format": 9}, {"matched": "luck"}, {"dim": None, "extra": 1}])
def test_a_damaged_record_is_left_out_and_named_when_it_is_asked_for(change: dict[str, Any], tmp_path: Path) -> None:
    np.save(tmp_path / "e.npy", VALUES)
    known = add_vectors(tmp_path / "e.npy")
    record = next(encoders_dir().glob("*.vectors.json"))
    record.write_text(json.dumps({**json.loads(record.read_text()), **change}))
    assert own_vectors() == []
    assert known.name not in [card.name for card in encoder_cards()]
    with pytest.raises(UslError, match=r"is damaged .*; add the file of vectors again"):
        get_encoder(known.name)
