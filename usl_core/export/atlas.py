"""All images, with a map and their neighbours, as Embedding Atlas reads them.

Reference:
    https://apple.github.io/embedding-atlas/tool.html: --x, --y and --neighbors name columns; neighbours are a struct of `ids`,
    row numbers, and `distances`; images are a struct with `bytes`.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from ..errors import UslError
from ..graph.density import density_percentile, mean_distance
from ..images.scan import thumbnail
from .files import run_json
from .picked import PickedRun
from .plain_names import encodable

MOST_NEIGHBORS = 15
MOST_PICTURES = 2000
_SIZE = 96


def write_atlas(run: PickedRun, folder: Path) -> None:
    """atlas.parquet: a row per image, and embedding-atlas.txt: the line that opens it.

    A class that is predicted, and not known, has a confidence. Where there are at most 2,000 images, there are pictures of all,
    else of the picks.
    """
    import pyarrow
    from pyarrow import parquet

    images, n = run.images, len(run.features)
    drawn = run.map()
    rank = {row: rank for rank, row in enumerate(run.rows, start=1)}
    k = min(MOST_NEIGHBORS, run.neighbors.k_max)
    graph = zip(run.neighbors.indices[:, :k].tolist(), run.neighbors.distances[:, :k].tolist(), strict=True)
    # The tool's own neighbours begin with the image itself, and what it computes from them counts on that.
    near = [{"ids": [row, *ids], "distances": [0.0, *lengths]} for row, (ids, lengths) in enumerate(graph)]
    near_kind = pyarrow.struct([("ids", pyarrow.list_(pyarrow.int64())), ("distances", pyarrow.list_(pyarrow.float32()))])
    percentile = density_percentile(-mean_distance(run.neighbors, run.n_neighbors))
    guesses = [run.guesses.get(row) for row in range(n)]
    labels = [None if guess is None else encodable(guess.label) for guess in guesses]
    sure = [None if guess is None else guess.score for guess in guesses]
    origins = [None if guess is None else encodable(guess.origin) for guess in guesses]
    clusters = run.selection.cluster_labels
    table = pyarrow.table(
        {
            "row": pyarrow.array(range(n), pyarrow.int64()),
            "path": pyarrow.array([encodable(path) for path in images.paths], pyarrow.string()),
            "picked": pyarrow.array([row in rank for row in range(n)], pyarrow.bool_()),
            "rank": pyarrow.array([rank.get(row) for row in range(n)], pyarrow.int64()),
            "label": pyarrow.array(labels, pyarrow.string()),
            "label_confidence": pyarrow.array(sure, pyarrow.float64()),
            "label_origin": pyarrow.array(origins, pyarrow.string()),
            "cluster": pyarrow.array([None] * n if clusters is None else clusters.tolist(), pyarrow.int64()),
            "density_percentile": pyarrow.array(percentile.tolist(), pyarrow.float64()),
            "projection_x": pyarrow.array(drawn.xy[:, 0]),
            "projection_y": pyarrow.array(drawn.xy[:, 1]),
            "neighbors": pyarrow.array(near, near_kind),
            "image": pyarrow.array(_pictures(run), pyarrow.struct([("bytes", pyarrow.binary())])),
        }
    )
    metadata = {"run.json": run_json(run.document), "map": drawn.note}
    parquet.write_table(table.replace_schema_metadata(metadata), folder / "atlas.parquet")
    (folder / "embedding-atlas.txt").write_text(f"{shlex.join(atlas_words())}\n", encoding="ascii")


def atlas_words() -> list[str]:
    """The words of the line that opens atlas.parquet."""
    columns = ["--x", "projection_x", "--y", "projection_y", "--neighbors", "neighbors", "--image", "image"]
    return ["embedding-atlas", "atlas.parquet", *columns]


def _pictures(run: PickedRun) -> list[dict[str, bytes] | None]:
    """A small JPEG of each image, or None."""
    n, found = len(run.features), list[dict[str, bytes] | None]()
    wanted = set(range(n)) if n <= MOST_PICTURES else set(run.rows)
    for row in range(n):
        run.report(row / n, f"{row:,} of {n:,} images drawn")
        found.append(_picture(run, row) if row in wanted else None)
    return found


def _picture(run: PickedRun, row: int) -> dict[str, bytes] | None:
    try:
        return {"bytes": thumbnail(run.images, row, _SIZE)}
    except UslError:
        if row in run.rows:
            raise
        return None  # not picked, and gone since it was encoded: the map shows where it was
