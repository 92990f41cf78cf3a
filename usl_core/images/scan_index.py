"""What is known of the files of a source: every file is decoded once to find the damaged ones, and the verdict remembered.

The verdicts are kept in the `Store`, so that the next scan of the same folder only asks for sizes and times. A verdict on a
file that changed less than two seconds before the scan is not remembered: a second change within the clock's resolution
would go unnoticed.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from ..cache.store import Store, fingerprint
from ..errors import UslError
from ..types import Progress
from .decode import verify
from .kinds import decoder_versions
from .listing import Listing
from .notes import listening
from .sources import Source

log = logging.getLogger(__name__)

DIGEST_BYTES = 16
_KIND = "scans"
_ALGORITHM = 3
_BLOCK_FILES, _BLOCK_BYTES = 64, 2**22  # what a thread takes at a time; small, so that progress and cancelling are prompt


_RULES = b"levels 1"  # another text when the rules change: what was computed from the files that they concern is then void


def digest(data: bytes, by_rule: bool = False) -> bytes:
    """What a file is recognised by: `DIGEST_BYTES` bytes that depend on its contents alone.

    Args:
        data: the whole file.
        by_rule: its pixels depend on rules (see `notes.Remarks`), and so its digest depends on their version.
    """
    return blake2b(data, digest_size=DIGEST_BYTES, person=_RULES if by_rule else b"").digest()


class Verdicts:
    """What is known of n files: (n, 16) digests, the cause of each unusable row, notes, and which rows are known for good."""

    def __init__(self, n: int) -> None:
        self.digests = np.zeros((n, DIGEST_BYTES), np.uint8)
        self.causes: dict[int, str] = {}
        self.notes: dict[int, list[str]] = {}
        self.lasting = np.zeros(n, bool)

    def examine(self, row: int, data: bytes, turn: threading.Lock) -> None:
        """Settle row `row`, whose file holds `data`; see `decode.verify` for `turn`."""
        self.digests[row] = np.frombuffer(digest(data), np.uint8)
        self.lasting[row] = True
        try:
            with listening() as remarks:
                verify(data, turn)
            if remarks.texts:
                self.notes[row] = remarks.texts
            if remarks.by_rule:
                self.digests[row] = np.frombuffer(digest(data, by_rule=True), np.uint8)
        except UslError as error:
            self.causes[row] = str(error)
            self.lasting[row] = not isinstance(error.__cause__, MemoryError)


def examined(source: Source, listing: Listing, rows: NDArray[np.int64], store: Store, report: Progress) -> Verdicts:
    """The verdict on listed files, remembered or new.

    Args:
        source: what the listing is of.
        listing: n sorted files.
        rows: ascending, the files that are asked about; of the others there is what is remembered, and it stays remembered.
        store: where the verdicts of the last scan are, and where those of this one go.
        report: see `types.Progress`. If it raises, the verdicts so far are remembered.

    Returns:
        Verdicts on n files, row by row as in `listing`.
    """
    key = fingerprint("scan", _ALGORITHM, decoder_versions(), str(source.root))
    verdicts = _remembered(store, key, source, listing)
    missing = rows[~verdicts.lasting[rows]]
    if len(missing):
        try:
            _examine(source, listing, missing, len(rows), verdicts, report)
        finally:
            verdicts.lasting[missing] &= listing.settled[missing]
            _remember(store, key, source, listing, verdicts)
    return verdicts


def _examine(
    source: Source, listing: Listing, rows: NDArray[np.int64], total: int, verdicts: Verdicts, report: Progress
) -> None:
    """Read and decode the files in `rows`, of `total` that are asked about, block by block in threads (decoders and digests
    release the GIL)."""
    stop, turn = threading.Event(), threading.Lock()

    def work(block: list[int]) -> int:
        for row in block:
            if stop.is_set():
                break
            try:
                data = source.read(listing.names[row])
            except UslError as error:
                verdicts.causes[row] = str(error)
            else:
                verdicts.examine(row, data, turn)
        return len(block)

    done = total - len(rows)
    n_threads = min(8, os.cpu_count() or 1)
    pool = ThreadPoolExecutor(n_threads, thread_name_prefix="scan")
    waiting: deque[Future[int]] = deque()
    blocks = _blocks(rows, listing.stats[:, 0])
    try:
        while True:
            for block in blocks:
                waiting.append(pool.submit(work, block))
                if len(waiting) >= 2 * n_threads:
                    break
            if not waiting:
                break
            done += waiting.popleft().result()
            report(done / total, f"checked {done:,} of {total:,} image files")
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _blocks(rows: NDArray[np.int64], sizes: NDArray[np.int64]) -> Iterator[list[int]]:
    block, n_bytes = [], 0
    for row in rows.tolist():
        block.append(row)
        n_bytes += int(sizes[row])
        if len(block) == _BLOCK_FILES or n_bytes >= _BLOCK_BYTES:
            yield block
            block, n_bytes = [], 0
    if block:
        yield block


def _remembered(store: Store, key: str, source: Source, listing: Listing) -> Verdicts:
    """The verdicts of the last scan that still hold; anything odd about its record means none."""
    n = len(listing.names)
    verdicts = Verdicts(n)
    try:
        entry = store.load(_KIND, key)
        if entry is None:
            return verdicts
        if entry.meta["stamp"] != source.stamp:
            return verdicts
        names = bytes(entry.arrays["names"]).decode().split("\0")
        stats, digests = entry.arrays["stats"], entry.arrays["digests"]
        causes = {int(row): str(cause) for row, cause in entry.meta["causes"].items()}
        notes = {int(row): [str(text) for text in texts] for row, texts in entry.meta["notes"].items()}
        if stats.shape != (len(names), 4) or digests.shape != (len(names), DIGEST_BYTES):
            raise ValueError("its arrays do not fit together")
    except (KeyError, ValueError, TypeError, AttributeError, UslError) as error:
        log.warning("the record of the last scan is unusable (%s); every file is checked again", error)
        return verdicts
    row_of = {name: row for row, name in enumerate(names)}
    old = np.fromiter((row_of.get(name, -1) for name in listing.names), np.int64, n)
    verdicts.lasting = (old >= 0) & (stats[old] == listing.stats).all(axis=1)
    verdicts.digests[verdicts.lasting] = digests[old[verdicts.lasting]]
    if causes or notes:
        same = [(row, int(old[row])) for row in np.flatnonzero(verdicts.lasting).tolist()]
        verdicts.causes = {row: causes[before] for row, before in same if before in causes}
        verdicts.notes = {row: notes[before] for row, before in same if before in notes}
    return verdicts


def _remember(store: Store, key: str, source: Source, listing: Listing, verdicts: Verdicts) -> None:
    rows = np.flatnonzero(verdicts.lasting)
    if len(rows) == 0:
        return
    causes = {position: verdicts.causes[row] for position, row in enumerate(rows.tolist()) if row in verdicts.causes}
    notes = {position: verdicts.notes[row] for position, row in enumerate(rows.tolist()) if row in verdicts.notes}
    names = "\0".join([listing.names[row] for row in rows]).encode()
    arrays: dict[str, np.ndarray] = {
        "names": np.frombuffer(names, np.uint8),
        "stats": listing.stats[rows],
        "digests": verdicts.digests[rows],
    }
    try:
        store.save(_KIND, key, arrays, {"stamp": source.stamp, "causes": causes, "notes": notes})
    except UslError as error:
        log.warning("the next scan will check every file again: %s", error)
