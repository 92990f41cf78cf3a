"""What a visitor takes home: the picks in files, the report, the picked images, and the command that makes them again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import streamlit as st

from usl_core.cache.store import fingerprint
from usl_core.export.command_text import compare_command, select_command
from usl_core.export.files import picks_csv, picks_npy, run_json, run_record
from usl_core.figures.palette import method_style
from usl_core.images.subsets import source_parts
from usl_core.pipeline.prepared import Prepared
from usl_core.projection.params import UmapParams
from usl_core.selection.registry import params_document
from usl_core.types import Selection

from ..access import sources
from ..addresses import file_url
from ..jobs import work
from ..jobs.state import Job
from ..state import Choices
from . import file_links


def show(
    choices: Choices,
    made: Prepared,
    selections: Mapping[str, Selection],
    whole: Mapping[str, Selection],
    map_method: str,
    umap: UmapParams,
) -> None:
    """The section at the end of Compare.

    Args:
        choices: of the sidebar.
        made: the data set.
        selections: the picks that are shown, by method.
        whole: all picks of the same methods: only those can be made again, so record, report and commands are about them.
        map_method: of the report.
        umap: its settings.
    """
    titles = {method_style(method).label: method for method in selections}
    left, right = st.columns(2, gap="large")
    with left:
        options = list(titles)
        preferred = options.index("USL") if "USL" in options else 0
        label = st.selectbox("Picks of", options, index=preferred, key="download-method")
        method = titles.get(label, next(iter(titles.values())))
        _files(choices, made, selections[method], whole[method], method)
        _archive(choices, made, selections[method], whole[method], method)
    with right:
        _report(choices, made, whole, map_method, umap)
    if len(selections[method]) < len(whole[method]):
        st.caption(
            f":material/info: Tables and images are those of the first {len(selections[method])} picks; run.json, the report "
            f"and the commands are about all {len(whole[method])}."
        )
    params = whole[method].params
    commands = [
        select_command(
            sources.told_of(made.source), method, choices.budget, choices.seed, choices.encoder, params, choices.near_duplicates
        ),
        _compare_command(choices, made, whole, map_method, umap),
    ]
    st.caption("The same from the command line: the picks of this method, and the report")
    st.code("\n".join(commands), language=None, wrap_lines=True)


def _files(choices: Choices, made: Prepared, selection: Selection, whole: Selection, method: str) -> None:
    k = choices.params.n_neighbors

    def table(spreadsheet: bool) -> bytes:
        return picks_csv(selection, made.features, made.neighbors, k, spreadsheet=spreadsheet)

    def record() -> bytes:
        return run_json(_record(choices, made, whole, method))

    with st.container(horizontal=True):
        about = "Rank, path, row, cluster, class, density and score of each pick"
        file_links.link("picks.csv", lambda: table(False), f"{about}; every path exactly.", source=made.source)
        file_links.link(
            "picks-spreadsheet.csv",
            lambda: table(True),
            f"{about}, for Excel and the like, which run no name in it.",
            source=made.source,
        )
        file_links.link(
            "picks.npy", lambda: picks_npy(selection), "The picked rows in rank order, for NumPy.", source=made.source
        )
        file_links.link(
            "run.json", record, "Everything that repeats the run: python -m usl_core select --from run.json", source=made.source
        )


def _record(choices: Choices, made: Prepared, whole: Selection, method: str) -> dict[str, Any]:
    folder, _, split = source_parts(sources.told_of(made.source))
    return run_record(whole, made.features, folder=folder, split=split, method=method, near_duplicates=choices.near_duplicates)


def _archive(choices: Choices, made: Prepared, selection: Selection, whole: Selection, method: str) -> None:
    record = _record(choices, made, whole, method)
    told = {"source": made.source, "encoder": choices.encoder, "indices": selection.indices.tolist(), "record": record}
    known = {name: value for name, value in record.items() if name != "versions"}  # they grow when torch is imported
    job = work.section(
        f"archive {fingerprint(made.features.fingerprint, selection.indices, known)}",
        "archive",
        {**told, "out": "{out}"},
        doing="Packing the images",
        label="Pack the picked images",
        help="One .zip with the picked files as they are, and run.json.",
        quiet=True,
    )
    _link(job, "picks.zip")


def _report(choices: Choices, made: Prepared, selections: Mapping[str, Selection], map_method: str, umap: UmapParams) -> None:
    arguments: dict[str, Any] = {
        "source": made.source,
        "encoder": choices.encoder,
        "methods": list(selections),
        "budget": choices.budget,
        "params": {method: params_document(params) for method, params in _params(selections).items()},
        "seed": choices.seed,
        "near_duplicates": choices.near_duplicates,
        "map_method": map_method,
        "map_settings": asdict(umap),
        "title": sources.title_of(choices.data),
        "command": _compare_command(choices, made, selections, map_method, umap),
    }
    st.caption("One page with these maps, galleries and scores; it opens anywhere, offline.")
    job = work.section(
        f"report {fingerprint(made.features.fingerprint, arguments)}",
        "report",
        {**arguments, "out": "{out}"},
        doing="Writing the report",
        label="Write the report",
        help="One HTML file; everything is inside.",
        quiet=True,
    )
    _link(job, "report.html")


def _compare_command(
    choices: Choices, made: Prepared, selections: Mapping[str, Selection], map_method: str, umap: UmapParams
) -> str:
    methods, params = list(selections), _params(selections)
    return compare_command(
        sources.told_of(made.source),
        methods,
        choices.budget,
        choices.seed,
        choices.encoder,
        params,
        map_method,
        choices.near_duplicates,
        umap,
    )


def _params(selections: Mapping[str, Selection]) -> dict[str, Any]:
    """What the picks on screen were made with; of USL-T the sidebar may say something else by now."""
    return {method: picked.params for method, picked in selections.items() if picked.params is not None}


def _link(job: Job | None, name: str) -> None:
    if job is not None:
        file_links.anchor(file_url(job.id), name, f"Download {name}")
