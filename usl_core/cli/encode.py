"""What the command `encode` does."""

from __future__ import annotations

import argparse

from ..names import spelled_out
from .inputs import features_of
from .output_files import report_problems
from .streams import put


def run_encode(options: argparse.Namespace) -> None:
    """`encode`: compute or find the features and say what they are."""
    features = features_of(options.folder, options)
    images = features.images
    report_problems(images, options, None)
    put(f"images       {len(features):,}")
    if images.sample is not None:
        put(f"drawn from   {images.sample}")
    put(f"dimensions   {features.values.shape[1]}")
    put(f"encoder      {features.encoder}")
    put(f"fingerprint  {features.fingerprint}")
    unknown = "unknown (no class subfolders)" if images.listed is None else "unknown (not every image has a label in the list)"
    put(f"classes      {len(images.class_names) or unknown}")
    if images.split_names:
        put(f"splits       {spelled_out(', '.join(images.split_names))}")
    put(f"problems     {len(images.problems)}")
    put(f"duplicates   {sum(len(group) - 1 for group in images.duplicates)} exact copies in {len(images.duplicates)} groups")
