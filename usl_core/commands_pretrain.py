"""What the command `pretrain` does."""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from .cli_inputs import cache_dir_of
from .cli_output import progress_bar, say
from .errors import UslError
from .prepared import DEMO_PREFIX
from .pretrain.params import PretrainParams
from .validation import whole_number

if TYPE_CHECKING:
    from .pretrain.trainer import PretrainReport
    from .types import ImageSet

SETTINGS = ("method", "backbone", "n_epochs", "batch_size", "learning_rate", "temperature")
_COLUMNS = {"epoch": 6, "loss": 9, "knn_accuracy": 13, "spread": 8, "seconds": 9}


def run_pretrain(options: argparse.Namespace) -> None:
    """`pretrain`: train, tell after every epoch, and keep the network as an encoder."""
    from .encoder_trained import PREFIX, check_name, encoders_dir
    from .pretrain.judge import judge_sample
    from .pretrain.pixels import load_pixels
    from .pretrain.records import PretrainRecord
    from .pretrain.train import export_pretrained
    from .pretrain.trainer import Pretraining

    whole_number(options.seed, "--seed", 0)
    params = PretrainParams(**{name: getattr(options, name) for name in SETTINGS if hasattr(options, name)})
    out = Path(options.out) if options.out else None
    name = _name(options.folder, out)
    check_name(name)
    images = _images(options)
    with progress_bar("read", options) as on_progress:
        pixels, rows = load_pixels(images, on_progress=on_progress)
    labels = None if images.labels is None else images.labels[rows]
    record = PretrainRecord(images.fingerprint, params, options.seed, cache_dir_of(options))
    if not options.resume:
        record.forget()
    done = record.epochs()
    if options.resume:
        after = f"going on after epoch {len(done)}"
        say(after if done else "there is no unfinished training with these settings; beginning anew")
    if len(done) < params.n_epochs:
        probe = Pretraining(pixels, params, options.seed, options.device, judge_sample(len(pixels), None))
        epoch = probe.seconds_per_epoch()
        say(f"an epoch takes about {_time(epoch)} here, what is left {_time(epoch * (params.n_epochs - len(done)))}")
    print("".join(f"{column:>{width}}" for column, width in _COLUMNS.items()))
    for report in done:
        _tell(report)
    with progress_bar("pretrain", options) as on_progress:
        trained = record.train(pixels, labels=labels, device=options.device, on_epoch=_tell, on_progress=on_progress)
    for note in trained.notes:
        say(f"note: {note}")
    card = export_pretrained(name, trained, Path(options.folder).name.removeprefix(DEMO_PREFIX))
    say(f"exported {card.name}, {card.size_mb:.1f} MB; use it with --encoder {card.name}")
    if out is not None:
        stem = card.name.removeprefix(PREFIX)
        for suffix in (".safetensors", ".json"):
            shutil.copyfile(encoders_dir() / f"{stem}{suffix}", out.with_suffix(suffix))
        say(f"wrote {out.with_suffix('.safetensors')} and {out.with_suffix('.json').name}")


def _images(options: argparse.Namespace) -> ImageSet:
    if options.folder.startswith(DEMO_PREFIX):
        from .demos import load_demo

        return load_demo(options.folder.removeprefix(DEMO_PREFIX)).images
    from .images import scan

    with progress_bar("scan", options) as on_progress:
        return scan(options.folder, cache_dir=cache_dir_of(options), on_progress=on_progress)


def _name(folder: str, out: Path | None) -> str:
    """What the encoder is called: as its file, or as the folder as far as that can be."""
    if out is None:
        return re.sub(r"[^A-Za-z0-9_-]+", "-", Path(folder.removeprefix(DEMO_PREFIX)).stem).strip("-")[:40] or "images"
    if out.suffix != ".safetensors":
        raise UslError(f"--out must end in .safetensors but is {str(out)!r}")
    if not out.parent.is_dir():
        raise UslError(f"--out names the folder {str(out.parent)!r}, which does not exist; make it first")
    return out.stem


def _tell(report: PretrainReport) -> None:
    accuracy = "-" if report.knn_accuracy is None else f"{100 * report.knn_accuracy:.1f} %"
    cells = (report.epoch, f"{report.loss:.4f}", accuracy, f"{report.spread:.2f}", f"{report.seconds:.1f} s")
    print("".join(f"{cell:>{width}}" for cell, width in zip(cells, _COLUMNS.values(), strict=True)), flush=True)


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
