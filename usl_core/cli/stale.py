"""What an earlier run wrote into --out, and this one may not write again."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ..errors import UslError

_OURS = {
    "picks-spreadsheet.csv": b"\xef\xbb\xbfrank,path_as_text,",
    "problems.csv": b"kind,path,cause",
    "problems-spreadsheet.csv": b"\xef\xbb\xbfkind,path_as_text,cause",
    "run.json": b'{\n  "format": ',
    "labels-report.txt": b"labels: ",
}
"""Files that a run may or may not write, and how they begin."""


def remove_stale(out: Path, *names: str) -> None:
    """Remove what an earlier run wrote and this one may not write again; files of others that are called so stay."""
    for name in names:
        with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
            try:
                with (out / name).open("rb") as file:
                    ours = file.read(len(_OURS[name])) == _OURS[name]
                if ours:
                    (out / name).unlink()
            except PermissionError as error:
                raise UslError(f"{out / name} is of an earlier run and cannot be removed ({error.strerror})") from error
