"""`usl`, or `python -m usl_core`: the command line."""

import codecs
import os
import sys


def _in_utf8() -> None:
    """Begin again where Python would read names of files as ASCII, because the locale says so: nearly all of them are UTF-8.

    The terminal keeps its encoding.
    """
    if os.name == "posix" and codecs.lookup(sys.getfilesystemencoding()).name == "ascii":
        os.environ.setdefault("PYTHONIOENCODING", getattr(sys.stdout, "encoding", None) or "ascii")
        os.execv(sys.executable, [sys.orig_argv[0], "-X", "utf8", *sys.orig_argv[1:]])


def main() -> int:
    """The command `usl`.

    Returns:
        Exit status, see `cli.main`.
    """
    _in_utf8()
    from .cli.parser import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
