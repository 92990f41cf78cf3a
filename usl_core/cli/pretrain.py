"""What the command `pretrain` does."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..demos.torchvision_sets import PREFIX as TORCHVISION
from ..errors import UslError
from ..names import duration_text
from ..pipeline.prepared import DEMO_PREFIX
from ..pretrain.params import PretrainParams
from ..validation import whole_number
from .folders import lasting, refuse_unwritable, title_of
from .inputs import cache_dir_of, images_of
from .output import how_it_begins, progress_bar, say_notes
from .output_files import report_problems
from .streams import put, say

if TYPE_CHECKING:
    from ..pretrain.trainer import PretrainReport

SETTINGS = ("method", "backbone", "n_epochs", "batch_size", "learning_rate", "temperature")
_COLUMNS = {"epoch": 6, "loss": 9, "knn_accuracy": 13, "spread": 8, "seconds": 9}


def run_pretrain(options: argparse.Namespace) -> None:
    """`pretrain`: train, tell after every epoch, and keep the network as an encoder."""
    from ..encoders.trained import PREFIX, check_name, encoders_dir
    from ..export.files import write_atomically
    from ..pretrain.encoder import estimate, pretrain_encoder, record_of

    whole_number(options.seed, "--seed", 0)
    params = PretrainParams(**{name: getattr(options, name) for name in SETTINGS if hasattr(options, name)})
    out = Path(options.out) if options.out is not None else None
    name = _name(options.folder, out)
    check_name(name)
    images = images_of(options.folder, options)
    record = record_of(images, params, options.seed, cache_dir_of(options))
    if options.restart:
        record.forget()
    done = record.epochs()
    to_go = params.n_epochs - len(done)
    if done or options.resume:
        say(how_it_begins(len(done), finished=to_go == 0))
    if to_go:
        with progress_bar("estimate", options) as on_progress:
            found = estimate(images, params, device=options.device, on_progress=on_progress)
        whole = duration_text(found.reading + found.epoch * to_go)
        say(f"an epoch takes about {duration_text(found.epoch)} here, everything {whole}")
    report_problems(images, options, None)
    put("".join(f"{column:>{width}}" for column, width in _COLUMNS.items()))
    for report in done:
        _tell(report)
    with progress_bar("pretrain", options) as on_progress:
        card, trained = pretrain_encoder(
            images,
            name,
            params,
            seed=options.seed,
            source=title_of(options.folder, images),
            device=options.device,
            cache_dir=cache_dir_of(options),
            on_epoch=_tell,
            on_progress=on_progress,
        )
    say_notes(trained.notes)
    say(f"exported {card.name}, {card.size_mb:.1f} MB; use it with --encoder {card.name}")
    if out is not None:
        stem = card.name.removeprefix(PREFIX)
        for suffix in (".safetensors", ".json"):
            write_atomically(out.with_suffix(suffix), (encoders_dir() / f"{stem}{suffix}").read_bytes())
        say(f"wrote {out.with_suffix('.safetensors')} and {out.with_suffix('.json').name}")


def _name(folder: str, out: Path | None) -> str:
    """What the encoder is called: as its file, or as the folder as far as that can be."""
    from ..encoders.trained import name_for

    if out is None:
        return name_for(Path(lasting(folder).removeprefix(DEMO_PREFIX).removeprefix(TORCHVISION)).stem)
    if out.suffix != ".safetensors":
        raise UslError(f"--out must end in .safetensors but is {str(out)!r}")
    if not out.parent.is_dir():
        raise UslError(f"--out names the folder {str(out.parent)!r}, which does not exist; make it first")
    refuse_unwritable(str(out.parent), "--out")
    return out.stem


def _tell(report: PretrainReport) -> None:
    accuracy = "-" if report.knn_accuracy is None else f"{100 * report.knn_accuracy:.1f} %"
    cells = (report.epoch, f"{report.loss:.4f}", accuracy, f"{report.spread:.2f}", f"{report.seconds:.1f} s")
    put("".join(f"{cell:>{width}}" for cell, width in zip(cells, _COLUMNS.values(), strict=True)), at_once=True)
