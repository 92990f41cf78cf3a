"""CONTRIBUTING.md: its list of rooms is that of the code, and its examples work when they are followed as they are written."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import usl_core as usl

from .test_architecture import ROOMS, ROOT
from .test_docs import Block, _read

PAGE = ROOT / "CONTRIBUTING.md"
LONGEST = 200
COPIED = ("usl_core", "pages")  # what examples change; the rest is linked
LINKED = ("app.py", "assets", ".streamlit", "pyproject.toml")
METHOD, LABEL, ENCODER, NEW_PAGE = "densest", "Densest", "pixels:histogram", "outliers"

_NEW = re.compile(r"# ((?:usl_core|pages)/[\w/]+\.py)")
_CHANGED = re.compile(r"--- ([\w/]+\.py)")


# ---------------------------------------------------------------- the rooms


def test_the_rooms_are_listed_from_the_top_to_the_bottom():
    (block,) = (block for block in _read(PAGE)[1] if any(line.startswith("usl_core/ ") for line in block.lines))
    listed = [found[1] for line in block.lines if (found := re.match(r"  (\w+) ", line))]
    assert listed == list(reversed(ROOMS))


def test_the_page_is_short():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LONGEST
    assert not [line for line in lines if len(line) > 129]  # a line of a diff is one longer than that of the code


# ---------------------------------------------------------------- how examples are followed


def follow(blocks: Iterable[Block], root: Path) -> set[Path]:
    """Write new files and make changes; returns what was touched."""
    touched = set()
    for block in blocks:
        if block.language == "python":
            new = _NEW.fullmatch(block.lines[0])
            assert new, f"{PAGE.name}:{block.line}: the first line must say which file this is"
            path = root / new[1]
            assert not path.exists(), f"{new[1]} is there already"
            path.write_text("\n".join(block.lines[1:]) + "\n", encoding="utf-8")
            touched.add(path)
        elif block.language == "diff":
            for name, hunk in hunks(block):
                path = root / name
                path.write_text(changed(path.read_text(encoding="utf-8"), hunk, name), encoding="utf-8")
                touched.add(path)
    return touched


def hunks(block: Block) -> Iterator[tuple[str, list[str]]]:
    """The lines that stand together, each with the file that they stand in."""
    starts = [index for index, line in enumerate(block.lines) if _CHANGED.fullmatch(line) or line == "@@"]
    name = ""
    for start, end in pairwise([*starts, len(block.lines)]):
        found = _CHANGED.fullmatch(block.lines[start])
        name = found[1] if found else name
        yield name, list(block.lines[start + 1 : end])


def changed(text: str, hunk: list[str], name: str) -> str:
    """The text with a hunk's lines; what they replace must stand there exactly once."""
    assert {line[0] for line in hunk} <= {" ", "+", "-"}, hunk
    lines = text.splitlines()
    old, new = ([line[1:] for line in hunk if line[0] in signs] for signs in (" -", " +"))
    places = [index for index in range(len(lines)) if lines[index : index + len(old)] == old]
    assert len(places) == 1, f"these lines stand {len(places)} times in {name}: {old}"
    lines[places[0] : places[0] + len(old)] = new
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("hunk", "result"),
    [
        ([" b", "+x"], "a\nb\nx\nc\nc\n"),
        (["-b", "+x"], "a\nx\nc\nc\n"),
        (["+x", " a"], "x\na\nb\nc\nc\n"),
        ([" c", "+x"], None),
        ([" d", "+x"], None),
    ],
)
def test_a_change_fits_in_one_place_or_not_at_all(hunk, result):
    if result is None:
        with pytest.raises(AssertionError, match="these lines stand"):
            changed("a\nb\nc\nc\n", hunk, "letters")
    else:
        assert changed("a\nb\nc\nc\n", hunk, "letters") == result


@pytest.fixture(scope="module")
def followed(tmp_path_factory) -> Path:
    """A copy of the repository after all three examples."""
    root = tmp_path_factory.mktemp("followed")
    for name in COPIED:
        shutil.copytree(ROOT / name, root / name)  # compiled modules too
    for name in LINKED:
        (root / name).symlink_to(ROOT / name)
    touched = follow(_read(PAGE)[1], root)
    assert len(touched) == 7
    done = run(root, "ruff", "check", *map(str, touched))
    assert done.returncode == 0, done.stdout
    done = run(root, "ruff", "format", "--check", *map(str, touched))
    assert done.returncode == 0, done.stdout
    return root


def run(root: Path, *module: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(root), "USL_CACHE_DIR": str(root / "cache")}
    command = [sys.executable, "-m", *module]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=120)


def output(root: Path, *module: str) -> str:
    done = run(root, *module)
    assert done.returncode == 0, done.stderr
    return done.stdout


# ---------------------------------------------------------------- a selector


def test_the_selector_is_listed_and_selects(followed):
    assert METHOD not in usl.methods()
    assert METHOD in [line.partition(" ")[0] for line in output(followed, "usl_core", "methods").splitlines()]
    asked = ("usl_core", "select", "demo:digits", "--method", METHOD, "--budget", "10", "-q")
    picked = output(followed, *asked, "--out", "picks").split()
    assert len(set(picked)) == 10
    assert output(followed, "usl_core", "select", "--from", "picks/run.json", "-q").split() == picked
    demo = usl.load_demo("digits")
    rows = {path: row for row, path in enumerate(demo.images.paths)}
    for k, paths in ((20, picked), (3, output(followed, *asked, "--set", "densest.n_neighbors=3").split())):
        u = usl.utility(demo.neighbors, k)
        np.testing.assert_allclose(u[[rows[path] for path in paths]], np.sort(u)[::-1][:10], rtol=1e-5)
    assert "densest.n_neighbors" in output(followed, "usl_core", "methods")


# ---------------------------------------------------------------- an encoder


def test_the_encoder_is_listed_and_encodes(followed):
    assert ENCODER not in [card.name for card in usl.encoder_cards()]
    assert ENCODER in [line.split()[0] for line in output(followed, "usl_core", "encoders").splitlines()]
    folder = followed / "made"
    folder.mkdir()
    for index, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)):
        Image.fromarray(pixels // (1 + index % 3)).save(folder / f"{index}.png")
    said = output(followed, "usl_core", "encode", "made", "--encoder", ENCODER, "-q")
    assert re.search(rf"^images +12$.*^encoder +{ENCODER}$.*^problems +0$", said, re.M | re.S), said


# ---------------------------------------------------------------- a page, and the method in the app

_VISIT = """
import json
import streamlit as st
from streamlit.testing.v1 import AppTest
from pages.ui.jobs.pool import pool

menus, navigation = [], st.navigation

def seen(pages, **more):
    menus.append([page.url_path for page in pages])
    return navigation(pages, **more)

st.navigation = seen

def visit(page, **query):
    test = AppTest.from_file("pages/ui/main.py", default_timeout=120)
    for key, value in query.items():
        test.query_params[key] = value
    test.switch_page(f"../{page}.py").run()
    parts = [json.loads(part.proto.json) for part in test.get("bidi_component") if part.proto.json]
    return {
        "title": test.title[0].value,
        "wrong": [found.value for kind in (test.exception, test.error) for found in kind],
        "galleries": {part["title"]: [item["row"] for item in part["items"]] for part in parts if "items" in part},
    }

told = {"page": visit("outliers", k="5"), "compare": visit("compare", m="10", map="PCA", methods=["Random", "Densest"])}
pool().close()
print(json.dumps({**told, "menu": menus[-1]}))
"""


@pytest.fixture(scope="module")
def visited(followed) -> dict:
    (followed / "visit.py").write_text(_VISIT, encoding="utf-8")
    return json.loads(output(followed, "visit").splitlines()[-1])


def test_the_page_opens_and_is_in_the_menu(visited):
    assert NEW_PAGE in visited["menu"]
    assert visited["page"]["title"] == "Who is alone?"
    assert not visited["page"]["wrong"]
    demo = usl.load_demo("digits")
    density = usl.density_percentile(usl.utility(demo.neighbors, 5))
    assert visited["page"]["galleries"]["Outliers"] == np.argsort(density, kind="stable")[:24].tolist()


def test_compare_knows_the_selector(followed, visited):
    assert not visited["compare"]["wrong"]
    assert set(visited["compare"]["galleries"]) >= {"Picks of Random", f"Picks of {LABEL}"}
    assert len(visited["compare"]["galleries"][f"Picks of {LABEL}"]) == 10
