"""The picks alone, for people and programs: csv, tsv, json, npy, txt, parquet."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path

from ..names import spelled_out
from .files import picks_npy, run_json
from .picked import PickedRun
from .plain_names import encodable
from .tables import PickRow, table_bytes


def write_csv(run: PickedRun, folder: Path) -> None:
    """picks.csv, exact, and picks-spreadsheet.csv, which no spreadsheet runs or rewrites."""
    (folder / "picks.csv").write_bytes(table_bytes(*_table(run)))
    (folder / "picks-spreadsheet.csv").write_bytes(table_bytes(*_table(run), spreadsheet=True))


def write_tsv(run: PickedRun, folder: Path) -> None:
    """picks.tsv: as picks-spreadsheet.csv, between tabs, since a spreadsheet is what opens it."""
    (folder / "picks.tsv").write_bytes(table_bytes(*_table(run), spreadsheet=True, separator="\t"))


def write_json(run: PickedRun, folder: Path) -> None:
    """picks.json: an object per pick, and the run."""
    picks = [asdict(row) | _known(run, row.index) for row in run.table]
    text = json.dumps({"picks": picks, "run": dict(run.document)}, indent=2, allow_nan=False)
    (folder / "picks.json").write_text(text + "\n", encoding="ascii")


def _known(run: PickedRun, row: int) -> dict[str, object]:
    guess = run.guesses.get(row)
    found: dict[str, object] = {} if guess is None else {"guess": asdict(guess)}
    return found | ({"note": run.notes[row]} if row in run.notes else {})


def write_npy(run: PickedRun, folder: Path) -> None:
    """picks.npy: the rows, (m,) int64 in rank order."""
    (folder / "picks.npy").write_bytes(picks_npy(run.selection))


def write_txt(run: PickedRun, folder: Path) -> None:
    """picks.txt: a path a line, spelled as on a terminal, which --labelled takes back."""
    lines = [spelled_out(run.images.paths[row]) + "\n" for row in run.rows]
    (folder / "picks.txt").write_bytes("".join(lines).encode())


def write_parquet(run: PickedRun, folder: Path) -> None:
    """picks.parquet: the columns of picks.csv; run.json is in the metadata of the file."""
    import pyarrow
    from pyarrow import parquet

    kinds = {
        **{name: pyarrow.string() for name in ("path", "method", "label", "predicted")},
        **{name: pyarrow.int64() for name in ("rank", "index", "seed", "cluster")},
        **{name: pyarrow.float64() for name in ("density", "score", "confidence")},
    }
    header, rows = _table(run)
    columns = {name: list(map(_storable, column)) for name, column in zip(header, zip(*rows, strict=True), strict=True)}
    schema = pyarrow.schema([(name, kinds[name]) for name in header], metadata={"run.json": run_json(run.document)})
    parquet.write_table(pyarrow.table(columns, schema=schema), folder / "picks.parquet")


def _storable(value: object) -> object:
    return encodable(value) if isinstance(value, str) else value


def _table(run: PickedRun) -> tuple[list[str], list[list[object]]]:
    """Header and cells: those of `PickRow` with the class that is known, and what is predicted if anything is."""
    header = [field.name for field in fields(PickRow)]
    rows = [
        [(run.known_class(row.index) or row.label) if name == "label" else getattr(row, name) for name in header]
        for row in run.table
    ]
    if not run.has_predictions:
        return header, rows
    predicted = [run.predicted_class(row.index) or (None, None) for row in run.table]
    return [*header, "predicted", "confidence"], [[*row, *guess] for row, guess in zip(rows, predicted, strict=True)]
