"""Everything that an export writes, in one .zip archive: what a browser can take home."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..disk import told_if_unwritable
from ..types import Features, Neighbors, Progress, Selection
from .formats import Writer, export_picks
from .picked import Guess


def export_bundle(
    path: Path | str,
    selection: Selection,
    features: Features,
    neighbors: Neighbors,
    formats: Sequence[str],
    *,
    n_neighbors: int = 20,
    record: Mapping[str, object] | None = None,
    guesses: Mapping[int, Guess] | None = None,
    classes: Iterable[str] = (),
    notes: Mapping[int, str] | None = None,
    more: Mapping[str, Writer] | None = None,
    on_progress: Progress | None = None,
) -> list[str]:
    """Write what `export_picks` writes into one archive.

    Args:
        path: of the archive; missing folders are made.
        selection: and all that follows, see `export_picks`.

    Returns:
        Names of what is in it, in order.

    Raises:
        UslError: as `export_picks`, or the archive cannot be written.

    >>> from tempfile import mkdtemp
    >>> from usl_core.export.bundle import export_bundle
    >>> demo = usl.load_demo("digits")
    >>> picks = usl.select(demo.features, 10, neighbors=demo.neighbors)
    >>> export_bundle(f"{mkdtemp()}/picks.zip", picks, demo.features, demo.neighbors, ["npy", "txt"])
    ['picks.npy', 'picks.txt', 'run.json']
    """
    path = Path(path)
    with told_if_unwritable(str(path), path, "choose another folder"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".bundle-", dir=path.parent) as scratch:
            folder = Path(scratch) / "files"
            export_picks(
                selection,
                features,
                neighbors,
                folder,
                formats,
                n_neighbors=n_neighbors,
                record=record,
                guesses=guesses,
                classes=classes,
                notes=notes,
                more=more,
                on_progress=on_progress,
            )
            whole = Path(scratch) / "whole.zip"
            found = sorted(file for file in folder.rglob("*") if file.is_file())
            with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
                for file in found:
                    archive.write(file, file.relative_to(folder).as_posix())
            whole.replace(path)
    return [file.relative_to(folder).as_posix() for file in found]
