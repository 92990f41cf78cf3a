"""What the commands `methods`, `datasets` and `encoders` do."""

from __future__ import annotations

import argparse

from ..disk import size_text
from ..errors import UslError
from ..selection.registry import method_cards
from ..selection.settings import FLAG, listed
from .output import print_rows
from .streams import put

_MOST_FOUND = 40


def run_methods(options: argparse.Namespace) -> None:
    """`methods`: what can be selected with."""
    needs = {card.name: "needs labels" if card.needs_labels else "" for card in method_cards()}
    cards = method_cards(second_round=True)
    print_rows([(card.name, needs.get(card.name, "second round, see `next`"), card.summary) for card in cards])
    put(f"\nSettings, by {FLAG} METHOD.NAME=VALUE, and their defaults; those of USL and USL-T: see `select --help`.")
    print_rows(listed())


def run_datasets(options: argparse.Namespace) -> None:
    """`datasets`: what can be had by name, from torchvision."""
    from ..demos.torchvision_sets import archive_path, dataset_cards

    print_rows(
        [
            (
                card.source,
                f"{card.n:,} images",
                f"{card.n_classes} classes",
                ", ".join(card.splits) or "no splits",
                f"{card.side} pixels",
                "ready" if archive_path(card).exists() else f"downloads {size_text(card.size_mb * 1e6)} once",
                f"{card.terms}; {card.citation}",
            )
            for card in dataset_cards()
        ]
    )


def run_encoders(options: argparse.Namespace) -> None:
    """`encoders`: what can turn images into features; with --search, those of timm too."""
    from ..encoders import timm
    from ..encoders.registry import encoder_cards

    cards = encoder_cards()
    if options.search is not None:
        words = options.search.casefold().split()
        cards = [card for card in cards if all(word in f"{card.name} {card.training}".casefold() for word in words)]
        known = {card.name for card in cards}
        cards += [card for card in timm.search(options.search, most=_MOST_FOUND) if card.name not in known]
        if not cards:
            raise UslError(f"no encoder is named or described by {options.search!r}; try fewer or other words")
    print_rows(
        [
            (
                card.name,
                f"{card.dim} dimensions",
                card.size,
                "ready" if card.cached else "downloads once",
                card.training,
            )
            for card in cards
        ]
    )


def run_add_vectors(options: argparse.Namespace) -> None:
    """`add-vectors`: a file of vectors that were made elsewhere becomes `vectors:NAME`."""
    from ..encoders.own_vectors import add_vectors

    known = add_vectors(options.file, options.name, options.order)
    put(f"{known.name}: {known}, of {known.path}")


def run_add_encoder(options: argparse.Namespace) -> None:
    """`add-encoder`: a weights file of the user's own becomes `file:NAME`."""
    from ..encoders.own_checkpoints import add_checkpoint

    known = add_checkpoint(options.file, options.arch, options.prefix, options.name)
    put(f"{known.name}: {known.architecture} with the weights of {known.path}, {known.size_mb} MB")
