"""Options that several commands share, and those of `pretrain`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

from . import commands_pretrain
from .parameters import declared
from .pretrain.params import PretrainParams


def add_parameters(group: argparse._ActionsContainer, params: type, names: Iterable[str] | None = None) -> None:
    """An option for each parameter of a dataclass, or for those of these names; what is not given leaves no trace."""
    for name, known in declared(params).items():
        if names is not None and name not in names:
            continue
        how = known.how
        given: dict[str, Any] = {"dest": name, "default": argparse.SUPPRESS}
        if known.kind is bool:
            group.add_argument(how.flag, action="store_false" if known.default else "store_true", help=how.usage, **given)
            continue
        default = [] if known.default is None else [f"{known.default:g}" if known.kind is not str else known.default]
        default += [how.unset] if how.unset else []
        told = [how.usage] if how.usage else []
        told += [f"default: {', '.join(default)}"] if default else []
        text = " ".join([told[0], *(f"({part})" for part in told[1:])])
        if known.options:
            group.add_argument(how.flag, choices=known.options, help=text, **given)
        else:
            group.add_argument(how.flag, type=known.kind, metavar=how.unit, help=text, **given)


def add_lists(parser: argparse.ArgumentParser) -> None:
    """--labelled and --vetoed."""
    parser.add_argument(
        "--labelled", metavar="FILE", help="images that have a label already: paths, one a line, or a table with a column path"
    )
    parser.add_argument("--vetoed", metavar="FILE", help="images that must not be picked, in the same form")


def add_pretrain(parser: argparse.ArgumentParser) -> None:
    """The arguments of `pretrain`."""
    parser.add_argument("folder", help="folder, .zip or demo:NAME")
    parser.add_argument("--out", metavar="FILE", help="NAME.safetensors: write it there too (default: NAME is the folder's)")
    add_split(parser)
    add_beginning(parser)
    add_problems(parser)
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="random seed (default: 0)")
    parser.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda, ... (default: auto)")
    parser.add_argument("--cache-dir", metavar="DIR", help="default: USL_CACHE_DIR or the platform's cache directory")
    parser.add_argument("--quiet", "-q", action="store_true", help="no progress bar")
    add_parameters(parser.add_argument_group("training"), PretrainParams)
    parser.set_defaults(run=commands_pretrain.run_pretrain)


def add_encoding(parser: argparse.ArgumentParser) -> None:
    """How images become features, and what every run over them has."""
    add_split(parser)
    group = parser.add_argument_group("features")
    group.add_argument(
        "--encoder", metavar="NAME", help="see `encoders` (default: a network whose weights are here, else bundled:mini)"
    )
    group.add_argument("--device", metavar="D", help="auto, cpu, cuda, ... (default: auto)")
    group.add_argument(
        "--precision", choices=("float32", "bfloat16"), help="bfloat16 changes the third digit (default: float32)"
    )
    group.add_argument("--cache-dir", metavar="DIR", help="default: USL_CACHE_DIR or the platform's cache directory")
    add_problems(group)
    group.add_argument("--quiet", "-q", action="store_true", help="no progress bar")


def add_split(parser: argparse.ArgumentParser) -> None:
    """--split."""
    parser.add_argument("--split", metavar="NAME", help="only the images of this folder of train, val, test or the like")


def add_beginning(parser: argparse.ArgumentParser) -> None:
    """--restart and --resume."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--restart", action="store_true", help="begin anew, whatever earlier runs have done")
    group.add_argument("--resume", action="store_true", help="go on after the last finished epoch, as is done anyway")


def add_problems(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """--problems."""
    parser.add_argument("--problems", metavar="FILE", help="list the files that could not be used there, in CSV")


def add_spreadsheet(parser: argparse.ArgumentParser) -> None:
    """--spreadsheet."""
    parser.add_argument(
        "--spreadsheet",
        action="store_true",
        help="write picks-spreadsheet.csv too, which opens right in Excel and runs nothing",
    )
