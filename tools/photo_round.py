"""A round of labelling in the browser, from a folder to labels and on: `python -m tools.photo_round photos.zip`.

A real browser drives the real app as somebody would who labels: open the folder, review 20 picks by keys and buttons, take
them home for Label Studio, bring the labels back, pick 20 more by what a classifier of these is unsure of. Only the labelling
tool is played: each task gets the kind that the WordNet number in the file's name says, which the app knows nothing about.
Prints what came of it as a table in Markdown.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Locator, Page

import usl_core as usl
from tests.browser.helpers import button, encode, open_folder
from tests.browser.server import fresh_browser, running_app, settle

BUDGET = 20
KINDS = ("animal", "thing", "food or nature")
_FIRST_THING, _FIRST_FOOD = 2_660_000, 7_000_000
"""WordNet numbers its nouns by subject: animals come before 2,660,000, what is made before 7,000,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What came of it.

    Args:
        flagged: picks of the method that the app says to look at twice.
        changed: how many of them the reviewer had replaced.
        labels: class by path, of what was reviewed and labelled.
        second: paths of the next picks.
        files: names of what was taken home for the labelling tool.
    """

    flagged: int
    changed: int
    labels: Mapping[str, str]
    second: Sequence[str]
    files: Sequence[str]


def play(page: Page, address: str, m: int, class_of: Callable[[str], str], classes: Sequence[str], folder: Path) -> Round:
    """One round on the page Review.

    Args:
        page: of a browser.
        address: of the page, its data set included.
        m: picks of each round.
        class_of: who labels: the class of an image, by its path.
        classes: that the labelling tool offers.
        folder: for what is taken home.
    """
    page.goto(address)
    page.locator(".desk .picks button").nth(m - 1).wait_for()
    settle(page)
    page.get_by_text("Looking for doubtful picks").wait_for(state="detached")
    flagged, changed = _review(page)
    written = _export(page, classes, folder)
    tasks = json.loads((folder / "label-studio-tasks.json").read_text(encoding="utf-8"))
    labels = {task["data"]["path"]: class_of(task["data"]["path"]) for task in tasks}
    back = folder / "project-1-export.json"
    back.write_text(json.dumps([_annotated(number, task, labels) for number, task in enumerate(tasks, start=1)]), "utf-8")
    page.locator(".st-key-labels-file input[type=file]").set_input_files(back)
    button(page, "labels-take").click()
    page.get_by_text("All of them are part of this review.").wait_for()
    settle(page)
    button(page, "next-round").click()
    page.get_by_text(f"Began round 2 with {len(labels)} labels").first.wait_for()
    settle(page)
    session = _session(page)
    return Round(
        flagged=flagged,
        changed=changed,
        labels={path: name for path, name in session["labels"].items() if name is not None},
        second=[slot["path"] for slot in session["slots"]],
        files=written,
    )


def _review(page: Page) -> tuple[int, int]:
    """Decide all picks: what is flagged is replaced by the first runner-up, once, and what is not is accepted at a click.

    Returns:
        How many were flagged at first, and how many were replaced.
    """
    desk = page.locator(".desk")
    flagged = [place for place, pick in enumerate(_picks(page)) if pick["flags"]]
    for place in flagged:
        desk.locator(".picks button").nth(place).click()
        page.keyboard.press("s")
        page.keyboard.press("a")
    _heard(desk)
    settle(page)
    page.get_by_text("Looking for doubtful picks").wait_for(state="detached")
    accept = button(page, "accept-unflagged")
    if accept.is_enabled():
        accept.click()
    page.wait_for_function(
        "root => root.review.model.data.picks.every(pick => pick.decided || pick.flags.length)", arg=desk.element_handle()
    )
    for place, pick in enumerate(_picks(page)):
        if not pick["decided"]:
            desk.locator(".picks button").nth(place).click()
            page.keyboard.press("a")
    _heard(desk)
    picks = _picks(page)
    assert all(pick["decided"] for pick in picks)
    return len(flagged), sum(pick["swapped"] for pick in picks)


def _picks(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.locator(".desk").evaluate("root => root.review.model.data.picks")
    return found


def _heard(desk: Locator) -> None:
    """Wait until Python knows of everything."""
    desk.page.wait_for_function("root => root.review.model.pending.length === 0", arg=desk.element_handle())


def _export(page: Page, classes: Sequence[str], folder: Path) -> list[str]:
    page.get_by_role("button", name="Label Studio").click()
    settle(page)
    field = page.locator(".st-key-export-classes input")
    field.fill(", ".join(classes))
    field.press("Enter")
    settle(page)
    page.get_by_role("button", name="Make the files").click()
    archive = _downloaded(page, "Download picks-export.zip", folder)
    with zipfile.ZipFile(archive) as held:
        held.extractall(folder)
        return sorted(held.namelist())


def _annotated(number: int, task: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    """A task as Label Studio exports it."""
    chosen = {"choices": [labels[task["data"]["path"]]]}
    result = [{"from_name": "label", "to_name": "image", "type": "choices", "value": chosen}]
    return {"id": number, "data": task["data"], "annotations": [{"id": number, "result": result, "was_cancelled": False}]}


def _session(page: Page) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        document = json.loads(_downloaded(page, "review.json", Path(folder)).read_text(encoding="utf-8"))
    found: dict[str, Any] = document["session"]
    return found


def _downloaded(page: Page, name: str, folder: Path) -> Path:
    link = page.get_by_role("link", name=name)
    link.wait_for()
    with page.expect_download() as found:
        link.click()
    target = folder / found.value.suggested_filename
    found.value.save_as(target)
    return target


def kind_of(path: str) -> str:
    """The kind of a photo whose name begins with its WordNet number, as in n02099601_golden_retriever.JPEG.

    Raises:
        ValueError: it does not.
    """
    found = re.match(r"n(\d{8})_", Path(path).name)
    if found is None:
        raise ValueError(f"{path!r} does not begin with a WordNet number, such as n02099601_")
    number = int(found[1])
    return KINDS[0] if number < _FIRST_THING else KINDS[1] if number < _FIRST_FOOD else KINDS[2]


def accuracies(features: usl.Features, labelled: Sequence[Sequence[str]]) -> list[tuple[int, int, float, float]]:
    """With ever more labels: how many there are, and how many photos without; the share of these that a logistic classifier of
    the labels gets right, and that the nearest labelled photo does."""
    paths, truth = features.images.paths, np.array([KINDS.index(kind_of(path)) for path in features.images.paths])
    known, found = np.full(len(paths), -1), []
    for some in labelled:
        rows = [paths.index(path) for path in some]
        known[rows] = truth[rows]
        others = np.flatnonzero(known < 0)
        fitted = usl.fit_logistic(features, known)
        said = fitted.classes[fitted.probabilities(features.values[others]).argmax(axis=1)]
        mine = np.flatnonzero(known >= 0)
        nearest = truth[mine[(features.values[others] @ features.values[mine].T).argmax(axis=1)]]
        logistic, nn = (float((one == truth[others]).mean()) for one in (said, nearest))
        found.append((len(mine), len(others), logistic, nn))
    return found


def table(one: Round, scores: Sequence[tuple[int, int, float, float]]) -> str:
    """What is printed."""

    def counted(paths: Sequence[str]) -> str:
        counts = Counter(map(kind_of, paths))
        return ", ".join(f"{counts[kind]} {kind}" for kind in KINDS)

    lines = [
        ("reviewed", f"{len(one.labels)} picks of USL, {one.flagged} flagged, {one.changed} swapped for a runner-up"),
        ("taken home", ", ".join(f"`{name}`" for name in one.files)),
        ("labels back", counted(list(one.labels))),
        ("second round", f"{len(one.second)} picks of uherding: {counted(one.second)}"),
        *(
            (f"right with {n} labels", f"{100 * logistic:.1f} % of the other {left} (logistic), {100 * nearest:.1f} % (1-NN)")
            for n, left, logistic, nearest in scores
        ),
    ]
    return "\n".join(["| step | what came of it |", "|---|---|", *(f"| {step} | {said} |" for step, said in lines)])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tools.photo_round", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("photos", type=Path, help="a .zip archive of photos whose names begin with WordNet numbers")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch).resolve()
        with zipfile.ZipFile(options.photos) as archive:
            archive.extractall(root / "archive")
        (root / "home").mkdir()
        (photos,) = (root / "archive").iterdir()
        with running_app(USL_DATA_ROOTS=str(root)) as server, fresh_browser(accept_downloads=True) as browser:
            page = browser.new_page()
            open_folder(page, server.address, photos)
            encode(page)
            address = f"{server.address}/review?{page.url.partition('?')[2]}&m={BUDGET}"
            one = play(page, address, BUDGET, kind_of, KINDS, root / "home")
            features = usl.encode(photos, cache_dir=server.cache)
        sys.stdout.write(table(one, accuracies(features, [list(one.labels), one.second])) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
