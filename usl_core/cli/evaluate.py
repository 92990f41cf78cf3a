"""What the command `evaluate` does."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..encoders.own_vectors import is_vectors
from ..errors import UslError
from ..evaluation.evaluate import BUDGETS, LEARNERS, METHODS, Evaluation, evaluation
from ..learners.registry import learner_cards
from ..pipeline.artefacts import load_or_find_neighbors
from ..selection.registry import params_document
from ..types import Features, Views
from ..validation import whole_number
from .folders import refuse_unwritable, title_of
from .inputs import cache_dir_of, features_of, method_params, views_of
from .labels import add_rename, labels_back, tell_labels, write_labels_report
from .options import SOURCE_HELP, add_encoding, add_near_duplicates, add_settings, add_usl, add_uslt
from .output import print_rows, progress_bar
from .output_files import report_problems
from .streams import can_write, say

if TYPE_CHECKING:
    import pandas

_HELP = """\
Does it help? Picks by every method at every budget with every seed, gives the picks their true labels, and tests what each
learner makes of them on all images that are not picked (copies of picks left out), or on --held-out. The true labels are class
subfolders, or --labels, in any form that `next` takes; then only the labelled images take part. Prints the mean accuracies; a
mark says better or worse than --against, by intervals and tests that are corrected for all comparisons. Into --out go
evaluation.csv and .parquet (a row per method, budget, seed and learner), differences.csv, evaluation.html and evaluation.json.
Every cell is kept in the cache: after an interruption the same command goes on, and one that asks for more computes what is
new."""
_GROUPED = ("learner", "method", "budget")


def add_parser(actions: Any, raw: type[argparse.HelpFormatter], examples: str) -> None:
    """Register the command."""
    parser = actions.add_parser(
        "evaluate", help="what picks are worth once they have labels", description=_HELP, formatter_class=raw, epilog=examples
    )
    parser.add_argument("folder", help=SOURCE_HELP)
    parser.add_argument("--methods", default=",".join(METHODS), metavar="A,B,...", help="default: %(default)s")
    parser.add_argument("--budgets", default=",".join(map(str, BUDGETS)), metavar="M,...", help="default: %(default)s")
    parser.add_argument("--seeds", type=int, default=10, metavar="N", help="run N seeds, S to S+N-1 (default: 10)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="first random seed (default: 0)")
    parser.add_argument(
        "--learners",
        default=",".join(LEARNERS),
        metavar="A,B,...",
        help=f"among {', '.join(card.name for card in learner_cards())} (default: %(default)s)",
    )
    parser.add_argument("--against", default="random", metavar="METHOD", help="whom to compare with (default: random)")
    parser.add_argument("--labels", metavar="FILE", help="the true labels: path,label in CSV, or an export")
    add_rename(parser)
    parser.add_argument("--held-out", metavar="FOLDER", help="images in class subfolders to test on")
    parser.add_argument("--workers", type=int, metavar="N", help="processes at a time (default: one for each core)")
    parser.add_argument("--out", metavar="DIR", help="where the tables and the page go")
    add_near_duplicates(parser)
    add_encoding(parser)
    add_usl(parser)
    add_uslt(parser)
    add_settings(parser)
    parser.set_defaults(run=run_evaluate)


def run_evaluate(options: argparse.Namespace) -> None:
    """`evaluate`: select, learn and test, print the means, write the tables."""
    from ..evaluation.statistics import paired_differences

    methods, learners = _listed(options.methods), _listed(options.learners)
    whole_number(options.seeds, "--seeds", 1)
    whole_number(options.seed, "--seed", 0)
    if options.workers is not None:
        whole_number(options.workers, "--workers", 1)
    if options.rename and options.labels is None:
        raise UslError("--rename is about the classes of --labels; add --labels FILE, or leave it out")
    if options.against not in methods:
        raise UslError(f"--against must be one of --methods ({', '.join(methods)}) but is {options.against!r}")
    refuse_unwritable(options.out, "--out")
    params = method_params(options, methods)
    features = features_of(options.folder, options)
    held_out = None if options.held_out is None else features_of(options.held_out, options)
    truth = _truth(features, options)
    report_problems(features.images, options, options.out)
    asked = evaluation(
        *(truth.values, truth.labels, methods, _numbers(options.budgets)),
        range(options.seed, options.seed + options.seeds),
        learners,
        params=params,
        held_out=held_out,
        held_out_labels=truth.of_held_out(held_out),
        neighbors=None if truth.rows is not None else _neighbors(features, params, options),
        views=None if truth.rows is not None else _views(features, params, learners, options),
        near_duplicates=options.near_duplicates,
        cache_dir=cache_dir_of(options),
    )
    n_known = len(asked.known())
    if n_known:
        say(f"note: {n_known:,} of {asked.n_runs:,} runs are known from before")
    with progress_bar("evaluate", options) as on_progress:
        frame = asked.run(on_progress, n_workers=options.workers)
    if truth.rows is not None:
        frame["picks"] = [tuple(truth.rows[list(picks)].tolist()) for picks in frame.picks]
    differences = paired_differences(frame, options.against)
    _print(frame, differences)
    if options.out is not None:
        _write(options, asked, frame, differences, features, truth)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Truth:
    """What picks and guesses are held against.

    Args:
        values: what is selected from.
        labels: of these images; None: those of the image set.
        rows: of the images that take part, in the image set; None: all.
        class_names: the name of each class id.
    """

    values: Features | NDArray[np.float32]
    labels: NDArray[np.int64] | None
    rows: NDArray[np.int64] | None
    class_names: tuple[str, ...]

    def of_held_out(self, held_out: Features | None) -> NDArray[np.int64] | None:
        """Classes of held-out images by the names of --labels; None where their own count.

        Raises:
            UslError: they have no class, or one that --labels does not know.
        """
        if held_out is None or self.labels is None:
            return None
        images = held_out.images
        if images.labels is None:
            raise UslError(f"--held-out {images.root} has no class subfolders, which tell the classes to test on")
        if unknown := [name for name in images.class_names if name not in self.class_names]:
            known = ", ".join(self.class_names)
            raise UslError(f"--held-out has the class {unknown[0]!r}, which --labels does not know; it has {known}")
        return np.array([self.class_names.index(name) for name in images.class_names])[images.labels]


def _truth(features: Features, options: argparse.Namespace) -> _Truth:
    if options.labels is None:
        return _Truth(values=features, labels=None, rows=None, class_names=features.images.class_names)
    back = labels_back(options, features.images, options.folder)
    tell_labels(back, options)
    write_labels_report(back, options)
    if len(back.rows) < 2:
        raise UslError(
            f"--labels must give two images or more a class, one to pick and one to test, but gives {len(back.rows)}"
        )
    if len(back.rows) < len(features):
        say(f"note: the {len(back.rows):,} images with a label take part, as if there were no others")
    return _Truth(values=features.values[back.rows], labels=back.classes, rows=back.rows, class_names=back.class_names)


def _neighbors(features: Features, params: dict[str, Any], options: argparse.Namespace) -> Any:
    k = max([50, *(made.n_neighbors for made in params.values() if hasattr(made, "n_neighbors"))])
    with progress_bar("neighbours", options) as on_progress:
        return load_or_find_neighbors(features, k, cache_dir=cache_dir_of(options), on_progress=on_progress)


def _views(features: Features, params: dict[str, Any], learners: Sequence[str], options: argparse.Namespace) -> Views | None:
    """Augmented views, where a method or a learner trains on them; vectors made elsewhere have none."""
    from ..uslt.params import UsltParams

    if "usl-t" in params:
        return views_of(features, params["usl-t"], options)
    if any(card.uses_views and card.name in learners for card in learner_cards()) and not is_vectors(features.encoder):
        return views_of(features, UsltParams(), options)
    return None


def _listed(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _numbers(text: str) -> list[int]:
    words = _listed(text)
    if not words or not all(word.isascii() and word.isdigit() for word in words):
        raise UslError(f"--budgets must be whole numbers, separated by commas, but is {text!r}")
    return [int(word) for word in words]


def _print(frame: pandas.DataFrame, differences: pandas.DataFrame) -> None:
    """Mean accuracies in percent, a table per learner, with what is better or worse than the rival."""
    marks = {"better": "▲", "worse": "▼", "": ""} if can_write("▲▼") else {"better": "+", "worse": "-", "": ""}
    means = 100 * frame.groupby(list(_GROUPED)).accuracy.mean()
    sds = 100 * frame.groupby(list(_GROUPED)).accuracy.std()
    said = {(row.learner, row.method, row.budget): marks[row.verdict] for row in differences.itertuples()}
    budgets = sorted(frame.budget.unique())
    beside = "±" if can_write("±") else "+/-"
    rows: list[list[str]] = []
    for learner in dict.fromkeys(frame.learner):
        rows.append([f"accuracy by {learner} (%)", *(f"m = {budget:,}" for budget in budgets)])
        for method in dict.fromkeys(frame.method):
            cells = []
            for budget in budgets:
                key = (learner, method, budget)
                spread = "" if np.isnan(sds[key]) else f" {beside} {sds[key]:.1f}"
                cells.append(f"{means[key]:.1f}{spread} {said.get(key, '')}".rstrip())
            rows.append([method, *cells])
    print_rows(rows)


def _write(
    options: argparse.Namespace,
    asked: Evaluation,
    frame: pandas.DataFrame,
    differences: pandas.DataFrame,
    features: Features,
    truth: _Truth,
) -> None:
    from ..export.files import write_atomically
    from ..report.evaluation import write_evaluation_report

    out = Path(options.out)
    flat = frame.assign(
        class_accuracy=[" ".join("" if np.isnan(share) else f"{share:.6g}" for share in row) for row in frame.class_accuracy],
        picks=[" ".join(map(str, row)) for row in frame.picks],
    )
    lists = frame.assign(class_accuracy=frame.class_accuracy.map(list), picks=frame.picks.map(list))
    command = shlex.join(["python", "-m", "usl_core", *sys.argv[1:]])
    write_atomically(out / "evaluation.csv", flat.to_csv(index=False, lineterminator="\r\n").encode())
    write_atomically(out / "evaluation.parquet", lists.to_parquet(index=False))
    write_atomically(out / "differences.csv", differences.to_csv(index=False, lineterminator="\r\n").encode())
    document = {
        "command": command,
        "features": features.fingerprint,
        "images": features.images.fingerprint,
        "encoder": features.encoder,
        "n_images": len(truth.values),
        "classes": list(truth.class_names),
        "against": options.against,
        "params": {method: params_document(made) for method, made in asked.params.items()},
    }
    write_atomically(out / "evaluation.json", (json.dumps(document, indent=2) + "\n").encode())
    tested = "images that were not picked" if options.held_out is None else f"held-out images in {Path(options.held_out).name}"
    facts = [("images", f"{len(truth.values):,}"), ("encoder", features.encoder), ("tested on", tested)]
    write_evaluation_report(
        frame,
        out / "evaluation.html",
        title=title_of(options.folder, features.images),
        facts=facts,
        against=options.against,
        command=command,
    )
    say(f"wrote evaluation.csv, evaluation.parquet, differences.csv, evaluation.html and evaluation.json to {options.out}")
