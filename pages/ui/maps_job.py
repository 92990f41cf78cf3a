"""The job that draws the UMAP while the page shows PCA."""

from __future__ import annotations

from usl_core.artefacts import load_map
from usl_core.prepared import Prepared

from . import cached, folders, jobs
from .state import Choices


def show(choices: Choices, made: Prepared) -> None:
    """Its progress, until there is a UMAP; nothing afterwards."""
    if made.umap is not None or len(made.features) < 5 or folders.is_read_only():
        return
    jobs.section(
        cached.job_key("map", made.source, choices.encoder),
        "map",
        {"source": made.source, "encoder": choices.encoder},
        doing="This is PCA; UMAP is being drawn",
        label="Draw with UMAP",
        help="Keeps neighbours together better than PCA. It takes from seconds to minutes and is then kept on disk.",
        auto="background",
        is_there=lambda: load_map(made.features) is not None,
    )
