"""The command line: what can be asked for, and how it is spelled. What it does stands in a module per command."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from ..errors import Cancelled, UslError
from ..names import spelled_out
from ..uslt.params import UsltParams
from .cache import add_parser as add_cache_parser
from .cards import run_datasets, run_methods
from .compare import run_compare
from .encode import run_encode
from .evaluate import add_parser as add_evaluate_parser
from .export import add_parser as add_export_parser
from .fixmatch import add_parser as add_fixmatch_parser
from .inputs import USLT_PRESETS
from .next import add_parser as add_next_parser
from .options import (
    PRESET_HELP,
    SHARED,
    SOURCE_HELP,
    add_beginning,
    add_encoders,
    add_encoding,
    add_lists,
    add_map,
    add_near_duplicates,
    add_parameters,
    add_picking,
    add_pretrain,
    add_settings,
    add_spreadsheet,
    add_usl,
    add_uslt,
    preset_name,
)
from .select import run_select
from .streams import BROKEN_PIPE, abandon, make_ready, put, put_all, say
from .train_uslt import run_train

_DESCRIPTION = """\
Which m images of a folder should be labelled? Select them by random, stratified, USL or USL-T selection (Unsupervised
Selective Labeling, ECCV 2022), or compare the methods side by side."""

_EXAMPLES = """\
examples:
  python -m usl_core select photos --budget 40 --out picks        40 images of the folder photos, by USL
  python -m usl_core select photos --from picks/run.json --out b  the same picks again
  python -m usl_core next photos --labels labels.csv --budget 20 --method margin --out next
                                                                  the labels are back: 20 images more
  python -m usl_core compare photos --budget 40 --seeds 10 --report report
                                                                  one HTML page: maps, galleries, scores
  python -m usl_core evaluate photos --budgets 10,20,40 --out worth
                                                                  accuracy by budget, with intervals
  python -m usl_core compare demo:digits --budget 20              on a bundled data set
  python -m usl_core train-uslt photos --budget 40 --out picks    USL-T, epoch by epoch
  python -m usl_core encode photos --encoder torchvision:resnet18 features only, into the cache
  python -m usl_core select photos.csv --budget 40 --split train  the images that a table lists, with its labels and splits
  python -m usl_core pretrain photos --epochs 100 --out mine.safetensors
                                                                  an encoder of your own, trained:mine, without labels

A folder may also be a .zip archive, demo:digits or demo:shapes, or a list of paths: .csv, .tsv or .parquet with a column path,
and label and split if there are any, or .txt, one path a line; or a well-known data set, torchvision:cifar10 say, which is
downloaded once (see `datasets`) into USL_DATASETS_DIR, or where this platform keeps a user's data. Class subfolders, if there
are any, give labels; folders such as train and val above the same classes are splits: --split train takes the images of one.
--sample 20000 looks at a uniform sample of the files and opens no others.
The cache lies in USL_CACHE_DIR, or where this platform keeps caches, and keeps itself below USL_CACHE_MAX_GB (20; 0, none or
unlimited: no limit); `cache` lists, verifies and prunes it."""

_SELECT_HELP = """\
Writes picks.csv (rank, path, ...), picks.npy (row numbers), run.json (everything needed to repeat the run) and, if there are
any, problems.csv (files that could not be used, and why) into --out, and prints the picked paths. Without --out it only prints.
picks.csv holds every path exactly, and --labelled takes it back. A spreadsheet may run or rewrite names that begin with =, +, -
or @, and garble others; with --spreadsheet there is picks-spreadsheet.csv for it, which --labelled takes back as well."""

_TRAIN_HELP = """\
Trains USL-T on cached features and prints what it has learnt after every epoch; then picks like `select`. Every epoch is kept
in the cache: after an interruption the same command goes on, and ends as if there had been none; --restart begins anew.
With --mode finetune the encoder, one of torchvision's networks, is trained together with the heads, from the images; that wants
a GPU, and the settings start from the released CIFAR-10 code. --export keeps it as an encoder."""

_PRETRAIN_HELP = """\
Learns features from the images themselves, without labels: SimCLR or MoCo v2 on pictures of 32 x 32 pixels. Says first how long
it will take on this machine, and after every epoch the loss, the spread of the features (near 0: they have collapsed) and,
where class folders tell the classes, how many images their 200 nearest others name rightly. The network appears among the
encoders as trained:NAME. Every epoch is kept in the cache: after an interruption the same command goes on, and ends as if there
had been none; --restart begins anew."""

_COMPARE_HELP = """\
Runs every method at the same budget on the same images, once per seed, and prints mean and standard deviation of each
score. --report writes one self-contained HTML file with the maps, galleries and scores, and scores.csv with every score of
every seed."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {spelled_out(message)} (see: {self.prog} --help)\n")

    def _print_message(self, message: str, file: Any = None) -> None:  # argparse's own passes over what cannot be written
        if file is sys.stdout:
            put(message.removesuffix("\n"), at_once=True)
        else:
            say(message.removesuffix("\n"))


def build_parser() -> argparse.ArgumentParser:
    """The parser of `python -m usl_core`."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = _Parser(prog="python -m usl_core", description=_DESCRIPTION, epilog=_EXAMPLES, formatter_class=raw)
    actions = parser.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")

    select = actions.add_parser(
        "select", help="pick the images to label", description=_SELECT_HELP, formatter_class=raw, epilog=_EXAMPLES
    )
    select.add_argument("folder", nargs="?", help=f"{SOURCE_HELP} (may be left out with --from)")
    select.add_argument("--from", dest="record", metavar="RUN.JSON", help="repeat that run exactly")
    add_picking(select, "where picks.csv, picks.npy, run.json and problems.csv go")
    select.set_defaults(run=run_select)

    add_next_parser(actions, raw, _EXAMPLES)

    compare = actions.add_parser(
        "compare", help="several methods side by side", description=_COMPARE_HELP, formatter_class=raw, epilog=_EXAMPLES
    )
    compare.add_argument("folder", help=SOURCE_HELP)
    compare.add_argument("--budget", "-m", type=int, required=True, metavar="M", help="how many images each method picks")
    compare.add_argument("--methods", default="random,stratified,usl", metavar="A,B,...", help="default: %(default)s")
    compare.add_argument("--seed", type=int, default=0, metavar="S", help="first random seed (default: 0)")
    compare.add_argument("--seeds", type=int, default=1, metavar="N", help="run N seeds, S to S+N-1 (default: 1)")
    compare.add_argument("--report", metavar="DIR", help="write report.html and scores.csv there")
    add_map(compare)
    add_near_duplicates(compare)
    add_encoding(compare)
    add_usl(compare)
    add_uslt(compare)
    add_settings(compare)
    compare.set_defaults(run=run_compare)

    add_evaluate_parser(actions, raw, _EXAMPLES)

    train = actions.add_parser(
        "train-uslt", help="train USL-T and watch it", description=_TRAIN_HELP, formatter_class=raw, epilog=_EXAMPLES
    )
    train.add_argument("folder", help=SOURCE_HELP)
    train.add_argument("--budget", "-m", type=int, required=True, metavar="M", help="how many images to pick")
    train.add_argument("--seed", type=int, default=0, metavar="S", help="random seed (default: 0)")
    add_lists(train)
    add_near_duplicates(train)
    train.add_argument(
        "--mode",
        choices=("frozen", "finetune"),
        default="frozen",
        help="the heads alone, on cached features (default), or the encoder with them",
    )
    train.add_argument("--export", metavar="NAME", help="keep the finetuned encoder as trained:NAME")
    add_beginning(train)
    train.add_argument(
        "--out", metavar="DIR", help="where picks.csv, picks.npy, history.csv, problems.csv and, of frozen, run.json go"
    )
    add_spreadsheet(train)
    add_encoding(train)
    train.add_argument("--preset", type=preset_name, choices=tuple(USLT_PRESETS), help=PRESET_HELP)
    train.add_argument("--lambda", dest="reg_weight", type=float, default=argparse.SUPPRESS, metavar="L", help="default: 5")
    train.add_argument("--alpha", dest="reg_power", type=float, default=argparse.SUPPRESS, metavar="A", help="default: 5")
    add_parameters(train, UsltParams, SHARED)
    add_uslt(train)
    train.set_defaults(run=run_train)

    encode = actions.add_parser("encode", help="compute features into the cache", formatter_class=raw, epilog=_EXAMPLES)
    encode.add_argument("folder", help=SOURCE_HELP)
    add_encoding(encode)
    encode.set_defaults(run=run_encode)

    add_pretrain(actions.add_parser("pretrain", help="learn features", description=_PRETRAIN_HELP, formatter_class=raw))

    add_fixmatch_parser(actions, raw)

    methods = actions.add_parser("methods", help="list the selection methods")
    methods.set_defaults(run=run_methods)
    datasets = actions.add_parser("datasets", help="list the well-known data sets that can be had by name")
    datasets.set_defaults(run=run_datasets)
    add_encoders(actions, raw)
    add_export_parser(actions)
    add_cache_parser(actions)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        Exit status: 0 done, 2 a mistake in the input or an output that takes nothing (one line on standard error),
        130 interrupted, 141 the reader of the output has gone.
    """
    restarted = False
    try:
        make_ready()
        logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
        options = build_parser().parse_args(arguments)
        restarted = getattr(options, "restart", False)
        options.run(options)
        put_all()
    except UslError as error:
        say("error: " + spelled_out(" ".join(str(error).split("\n"))))
        return _with_what_is_left(2)
    except (KeyboardInterrupt, Cancelled):
        same = "the same command without --restart" if restarted else "the next run"
        say(f"\ninterrupted; finished parts are in the cache and {same} goes on from there")
        return _with_what_is_left(130)
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        return _with_what_is_left(BROKEN_PIPE)
    return 0


def _with_what_is_left(status: int) -> int:
    """The status, after writing what standard output still holds; where it cannot be written, Python would fail at its end."""
    if sys.stdout is not None:
        try:
            put_all()
        except (UslError, BrokenPipeError):
            abandon(sys.stdout)
    return status
