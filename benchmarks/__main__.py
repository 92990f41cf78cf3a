"""`python -m benchmarks` runs all groups, or those named (start, app, many, ui, selection, encoding, training, ...)."""

from __future__ import annotations

import argparse
import platform
import sys
from importlib import import_module

from .harness import Row, cores, table

GROUPS = (
    *("start", "app", "many", "ui", "selection", "defaults", "second_round", "rivals", "evaluate", "worth"),
    *("encoding", "encoders", "features", "training", "finetune", "flags"),
)


def main() -> int:
    """Print the table; exit status 1 if a promise was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"among {', '.join(GROUPS)}; default: all")
    chosen = parser.parse_args().groups or list(GROUPS)
    if unknown := set(chosen) - set(GROUPS):
        parser.error(f"unknown group {sorted(unknown)[0]!r}; there are {', '.join(GROUPS)}")
    rows: list[Row] = []
    for group in chosen:
        print(f"measuring {group} ...", file=sys.stderr)
        rows += import_module(f"benchmarks.{group}").rows()
    print(table(rows))
    print(f"\n{platform.machine()}, {cores()} cores, Python {platform.python_version()}")
    return 0 if all(row.kept for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
