"""Files of vectors that were made elsewhere: .npy, .npz, .csv, .tsv and .parquet, each read from the first row to the last."""

from __future__ import annotations

from pathlib import Path

from ..errors import UslError
from .vector_table import VectorTable

SUFFIXES = (".npy", ".npz", ".csv", ".tsv", ".parquet")
MAX_DIM = 65_536


def read_vectors(path: Path) -> VectorTable:
    """Look at a file of vectors; the vectors themselves are read when they are wanted.

    - .npy: (n, d) numbers.
    - .npz: such an array, the only one or one that is called like vectors, and perhaps one of n paths.
    - .csv, .tsv: a column of paths, as in lists of images, and columns of numbers; or columns of numbers alone.
    - .parquet: the same, or one column of lists.

    Args:
        path: of the file; by the end of its name it is known what it is.

    Raises:
        UslError: it is none of these, cannot be read, or holds no such vectors.
    """
    kind, said = path.suffix.lower(), f"the file of vectors {path}"
    if kind in (".npy", ".npz"):
        from .vector_arrays import read_npy, read_npz

        table = (read_npy if kind == ".npy" else read_npz)(path, said)
    elif kind in (".csv", ".tsv"):
        from .vector_csv import read_csv

        table = read_csv(path, said)
    elif kind == ".parquet":
        from .vector_parquet import read_parquet

        table = read_parquet(path, said)
    else:
        raise UslError(f"{said} must end with {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}; write it as one of them")
    if table.n < 1:
        raise UslError(f"{said} holds no vectors")
    if not 1 <= table.dim <= MAX_DIM:
        raise UslError(f"the vectors in {path} must have 1 to {MAX_DIM:,} numbers but have {table.dim:,}")
    return table
