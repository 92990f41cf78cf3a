"""Weights files from the Hugging Face hub: from its cache, from a file put there by hand, or once from the network."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..disk import size_text
from .download import told_where
from .weights import weights_dir


def by_hand(key: str, file: str) -> Path:
    """Where a file may be put by hand: among torch's weights files, under the encoder's own name."""
    return weights_dir() / f"{key}{Path(file).suffix}"


def find_file(key: str, repo: str, file: str) -> Path | None:
    """A weights file that is on this disk, or None; asks no network, imports nothing.

    Args:
        key: what the file is called when it is put there by hand, without its ending.
        repo: of the hub.
        file: which file there.
    """
    placed = by_hand(key, file)
    if placed.is_file():
        return placed
    snapshots = _hub_cache() / f"models--{repo.replace('/', '--')}" / "snapshots"
    found = [path for path in snapshots.glob(f"*/{file}") if path.is_file()] if snapshots.is_dir() else []
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def fetch_file(name: str, key: str, repo: str, file: str, size_mb: float, on_note: Callable[[str], None]) -> Path:
    """The same, downloaded if it is not there: verified, resumed and kept by the hub's own library.

    Args:
        name: of the encoder, for messages.
        key: see `find_file`.
        repo: see there.
        file: see there.
        size_mb: about how large it is.
        on_note: told how far it is, some times a second; may raise to stop, and the next call goes on from there.

    Raises:
        UslError: it cannot be had; the message says which file to put where.
    """
    found = find_file(key, repo, file)
    if found is not None:
        return found
    from httpx2 import HTTPError
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    on_note(f"downloading {repo}, {size_mb:.0f} MB")
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    try:
        bar = _told(on_note, repo)
        return Path(hf_hub_download(repo, file, cache_dir=_hub_cache(), endpoint=endpoint, tqdm_class=bar))
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, HTTPError, OSError) as error:
        placed = by_hand(key, file)
        url = f"{endpoint}/{repo}/resolve/main/{file}"
        cause = " ".join(str(error).split())[:200]
        raise told_where(name, placed.name, url, placed.parent, cause, f"{size_mb:.0f} MB") from error


def _told(on_note: Callable[[str], None], repo: str) -> Any:
    """A progress bar that draws nothing and tells `on_note`."""
    from tqdm import tqdm

    class Told(tqdm):
        def __init__(self, *args: Any, **settings: Any) -> None:
            settings.pop("name", None)
            super().__init__(*args, **{**settings, "file": _NoWhere(), "mininterval": 0.3})

        def display(self, *args: Any, **settings: Any) -> None:
            of = f" of {size_text(self.total)}" if self.total else ""
            rate = self.format_dict["rate"]
            on_note(f"downloading {repo}: {size_text(self.n)}{of}" + (f", {size_text(rate)}/s" if rate else ""))

    return Told


class _NoWhere:
    """A stream that takes everything."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass


def _hub_cache() -> Path:
    """Where the hub's library keeps files, found without importing it."""
    home = os.environ.get("HF_HOME", f"{os.environ.get('XDG_CACHE_HOME', '~/.cache')}/huggingface")
    return Path(os.path.expandvars(os.environ.get("HF_HUB_CACHE", f"{home}/hub"))).expanduser()
