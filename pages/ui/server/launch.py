"""The command `usl-explorer`: starts the server and opens the browser."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import streamlit as st

from ..access import folders

_PORT = 8501
_PATIENCE = 120.0  # seconds until the server must answer


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} (see: {self.prog} --help)\n")


def run(app: st.App, script: Path, arguments: Sequence[str] | None = None) -> None:
    """Serve until stopped.

    Args:
        app: what to serve.
        script: app.py; Streamlit's settings lie beside it.
        arguments: of the command line; None: those of the process.
    """
    options = _parser().parse_args(arguments)
    if options.data_root:
        os.environ[folders.ENV_ROOTS] = os.pathsep.join(map(str, options.data_root))
    if options.read_only:
        os.environ[folders.ENV_READ_ONLY] = "1"
    if not options.no_browser and _has_display():
        threading.Thread(target=_open_browser, args=(f"http://127.0.0.1:{options.port}",), daemon=True).start()
    sys.argv = [str(script)]  # by which Streamlit finds its settings
    app.run(config={"server.port": options.port})


def _parser() -> _Parser:
    parser = _Parser(prog="usl-explorer", description="Which m images should be labelled? Opens the app on bundled images.")
    parser.add_argument("--port", type=_port, default=_PORT, metavar="N", help=f"default: {_PORT}")
    parser.add_argument(
        "--data-root",
        type=_folder,
        action="append",
        metavar="DIR",
        help="a folder that visitors may open, with all below it; may be given several times (default: the home directory)",
    )
    parser.add_argument("--read-only", action="store_true", help="a public demo: no folders, no encoding")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"a port is a whole number from 1 to 65535, and {text!r} is none")
    return int(text)


def _folder(text: str) -> Path:
    path = Path(text).expanduser().resolve()
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is no folder")
    if os.pathsep in str(path):
        raise argparse.ArgumentTypeError(f"the name of a folder to open must not hold {os.pathsep!r}, and {str(path)!r} does")
    return path


def _has_display() -> bool:
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open_browser(address: str) -> None:
    """Once the server answers."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5):
                webbrowser.open(address)
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
