"""Where the files lie that come along: beside the package in a checkout, in the app's folder once it is installed."""

from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_INSTALLED = _ROOT / "usl_explorer" / "assets"

ASSETS = _INSTALLED if _INSTALLED.is_dir() else _ROOT / "assets"
