"""Options that several commands share, and those of `pretrain`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

from ..encoders.own_vectors import ORDERS
from ..graph.near_duplicates import checked_cosine
from ..parameters import declared
from ..pretrain.params import PretrainParams
from ..projection.params import UmapParams
from ..selection.settings import FLAG
from ..selection.usl_params import UslParams
from ..uslt.params import UsltParams
from .cards import run_add_encoder, run_add_vectors, run_encoders
from .inputs import MAP_PREFIX, USL_PRESETS, USLT_PRESETS
from .pretrain import run_pretrain

SHARED = {"n_neighbors", "count_self"}
"""Parameters that USL and USL-T share, and whose options stand once."""
PRESET_HELP = """start from the formulas (paper) or from the settings of the released code for that data set; published is
published-cifar10"""
SOURCE_HELP = "folder, .zip, list of paths (.csv, .tsv, .txt, .parquet) or demo:NAME"


def add_parameters(
    group: argparse._ActionsContainer, params: type, names: Iterable[str] | None = None, *, prefix: str = ""
) -> None:
    """An option for each parameter of a dataclass, or for those of these names; what is not given leaves no trace. `prefix`
    stands before their names in the result, where several dataclasses have fields of one name."""
    for name, known in declared(params).items():
        if names is not None and name not in names:
            continue
        how = known.how
        given: dict[str, Any] = {"dest": prefix + name, "default": argparse.SUPPRESS}
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


def add_map(parser: argparse.ArgumentParser) -> None:
    """--map and the settings of UMAP."""
    group = parser.add_argument_group("map of the report")
    group.add_argument("--map", choices=("umap", "pca"), default="umap", help="default: umap")
    add_parameters(group, UmapParams, prefix=MAP_PREFIX)


def add_lists(parser: argparse.ArgumentParser) -> None:
    """--labelled and --vetoed."""
    parser.add_argument(
        "--labelled", metavar="FILE", help="images that have a label already: paths, one a line, or a table with a column path"
    )
    parser.add_argument("--vetoed", metavar="FILE", help="images that must not be picked, in the same form")


def add_near_duplicates(parser: argparse.ArgumentParser) -> None:
    """--near-duplicates."""
    parser.add_argument(
        "--near-duplicates",
        action=_NearDuplicates,
        metavar="COS",
        help="pick at most one of images whose features have this cosine or more, such as 0.99; off: only copies are one "
        "(default: off, or as in the run that is gone on from)",
    )


class _NearDuplicates(argparse.Action):
    """Two attributes, since `off` is not the same as an option that is left out where a record says something."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        try:
            cosine = None if values == "off" else checked_cosine(float(values))
        except ValueError:  # a UslError is one, too
            raise argparse.ArgumentError(self, f"must be off or a cosine in (0, 1] but is {values}") from None
        namespace.near_duplicates = cosine
        namespace.near_duplicates_off = True if cosine is None else None


def add_pretrain(parser: argparse.ArgumentParser) -> None:
    """The arguments of `pretrain`."""
    parser.add_argument("folder", help=SOURCE_HELP)
    parser.add_argument("--out", metavar="FILE", help="NAME.safetensors: write it there too (default: NAME is the folder's)")
    add_part(parser)
    add_beginning(parser)
    add_problems(parser)
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="random seed (default: 0)")
    add_running(parser, "auto")
    add_parameters(parser.add_argument_group("training"), PretrainParams)
    parser.set_defaults(run=run_pretrain)


_ADD_HELP = """\
Makes a weights file of your own an encoder, file:NAME: a .safetensors file, or one that torch.save wrote, of tensors alone; a
file that would have to run code to be read is refused. The file stays where it is. --arch says which network it is of: one of
torchvision's as in `encoders`, timm:NAME for any of timm's, or cifar:resnet18; --prefix what stands before the names of the
encoder's tensors, as in module.encoder_q. or backbone. Layers behind the features may be there and are left out."""


_VECTORS_HELP = """\
Makes a file of features that were computed elsewhere an encoder, vectors:NAME. The file stays where it is. It may be .npy,
(n, d) numbers; .npz, such an array and perhaps one of n paths; .csv or .tsv, a column path and columns of numbers; .parquet,
the same or one column of lists. Paths are found as in lists of images, best relative to the folder of the images. Vectors
without paths are matched by order: a row for each image, or for each file where some cannot be used."""


def add_encoders(actions: Any, raw: type[argparse.HelpFormatter]) -> None:
    """The commands `encoders`, `add-encoder` and `add-vectors`."""
    encoders = actions.add_parser("encoders", help="list the encoders")
    encoders.add_argument("--search", metavar="WORDS", help="those with all of these words, among all that timm has too")
    encoders.set_defaults(run=run_encoders)
    own = actions.add_parser(
        "add-encoder", help="make a weights file of your own an encoder", description=_ADD_HELP, formatter_class=raw
    )
    own.add_argument("file", help=".safetensors, .pth, .pt, .ckpt, ...")
    own.add_argument("--arch", required=True, metavar="NAME", help="torchvision:resnet50, timm:NAME, cifar:resnet18, ...")
    own.add_argument(
        "--prefix", default="", metavar="TEXT", help="before the names of the encoder's tensors (default: nothing)"
    )
    own.add_argument("--name", metavar="NAME", help="the encoder becomes file:NAME (default: the file's name)")
    own.set_defaults(run=run_add_encoder)
    vectors = actions.add_parser(
        "add-vectors", help="make features from elsewhere an encoder", description=_VECTORS_HELP, formatter_class=raw
    )
    vectors.add_argument("file", help=".npy, .npz, .csv, .tsv or .parquet")
    vectors.add_argument("--name", metavar="NAME", help="the encoder becomes vectors:NAME (default: the file's name)")
    vectors.add_argument(
        "--order",
        choices=ORDERS,
        help="of rows without paths: img2 before img10 (natural, default), or as sorted and ImageFolder have it (plain)",
    )
    vectors.set_defaults(run=run_add_vectors)


def add_encoding(parser: argparse.ArgumentParser) -> None:
    """How images become features, and what every run over them has."""
    add_part(parser)
    group = parser.add_argument_group("features")
    group.add_argument(
        "--encoder",
        metavar="NAME",
        help="see `encoders` (default: the best network whose weights are here; efficientnet:lite0 comes along)",
    )
    group.add_argument(
        "--precision", choices=("float32", "bfloat16"), help="bfloat16 changes the third digit (default: float32)"
    )
    add_problems(group)
    add_running(group)


def add_part(parser: argparse.ArgumentParser) -> None:
    """--split, --sample and --sample-seed."""
    parser.add_argument(
        "--split",
        metavar="NAME",
        help="only the images of this folder of train, val, test or the like, or this split of a list",
    )
    parser.add_argument(
        "--sample", type=int, metavar="N", help="look at N of the files, drawn uniformly; the others are not opened"
    )
    parser.add_argument("--sample-seed", type=int, metavar="S", help="random seed of --sample (default: 0)")


def add_beginning(parser: argparse.ArgumentParser) -> None:
    """--restart and --resume."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--restart", action="store_true", help="begin anew, whatever earlier runs have done")
    group.add_argument("--resume", action="store_true", help="go on after the last finished epoch, as is done anyway")


def add_picking(parser: argparse.ArgumentParser, where: str) -> None:
    """What `select` and `next` have: how many images are picked, how, from which features, and where the files go."""
    parser.add_argument("--budget", "-m", type=int, metavar="M", help="how many images to pick")
    parser.add_argument("--method", help="see `methods` (default: usl)")
    parser.add_argument("--seed", type=int, metavar="S", help="random seed (default: 0)")
    add_lists(parser)
    add_near_duplicates(parser)
    parser.add_argument("--out", metavar="DIR", help=where)
    add_spreadsheet(parser)
    add_encoding(parser)
    add_usl(parser)
    add_uslt(parser)
    add_settings(parser)


def add_running(parser: argparse._ActionsContainer, device: str | None = None) -> None:
    """--device, --cache-dir and --quiet."""
    parser.add_argument("--device", default=device, metavar="D", help="auto, cpu, cuda, ... (default: auto)")
    parser.add_argument("--cache-dir", metavar="DIR", help="default: USL_CACHE_DIR or the platform's cache directory")
    parser.add_argument("--quiet", "-q", action="store_true", help="no progress bar")


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


def preset_name(text: str) -> str:
    """What a preset is called, with hyphens for underscores."""
    return text.replace("_", "-")


def add_usl(parser: argparse.ArgumentParser) -> None:
    """The parameters of USL, and the presets."""
    group = parser.add_argument_group("USL (the paper's symbol in brackets)", argument_default=argparse.SUPPRESS)
    group.add_argument(
        "--preset",
        type=preset_name,
        choices=tuple(dict.fromkeys([*USL_PRESETS, *USLT_PRESETS])),
        help=PRESET_HELP,
    )
    add_parameters(group, UslParams)
    group.add_argument(
        "--relative",
        dest="relative_weight",
        action="store_true",
        default=argparse.SUPPRESS,
        help="in units of the spreads (default)",
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    """--set, for the parameters of all other methods."""
    group = parser.add_argument_group("other methods")
    group.add_argument(
        FLAG,
        action="append",
        dest="settings",
        metavar="METHOD.NAME=VALUE",
        help="a setting of another method, such as k-center.first=random; `methods` lists them; may be given several times",
    )


def add_uslt(parser: argparse.ArgumentParser) -> None:
    """The parameters of USL-T."""
    text = "--k and --count-self count here too; so do --lambda and --alpha, unless usl is compared with usl-t"
    group = parser.add_argument_group("USL-T (the paper's symbol in brackets)", text)
    add_parameters(group, UsltParams, declared(UsltParams).keys() - SHARED)
