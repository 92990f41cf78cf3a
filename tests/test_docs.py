"""What readers read: links lead somewhere, commands and examples run, what is named exists, README shows the product first."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

import usl_core as usl
from usl_core.cli import parser as cli

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [page for page in (README, ROOT / "CONTRIBUTING.md", *DOCS) if page.exists()]
FIRST_SCREEN, LONGEST = 25, 150  # lines of README

FOLDER = "photos"  # what the pages call the reader's own images
ELSEWHERE = {"build", "mypy", "pip", "playwright", "pytest", "ruff", "streamlit", "venv"}  # modules that are run and not ours
OF_OTHERS = {"--help", "--server.address"}  # options of every parser, and of Streamlit
ONLY_PARSED = ("torchvision:", "cifar10")  # in a command: weights or images that are not here
CUT = {  # instead of what takes longer
    "train-uslt": ("--epochs", "3"),
    "pretrain": ("--epochs", "1", "--batch-size", "16"),
    "fixmatch": ("--epochs", "1", "--batch-size", "8", "--depth", "10", "--width", "1"),
}
FILLED_IN = {"M": "40"}  # for a capital letter in a command

_LINK = re.compile(r"\]\(\s*([^)\s]+)[^)]*\)|<(\w+:[^>\s]*)>|^\[[^\]]+\]:\s*(\S+)|\b(?:src|href)=\"([^\"]*)\"", re.M)
_CODE = re.compile(r"(`+)(.+?)\1", re.S)
_COMMAND = re.compile(r"(?:\$ )?(?:\w+=\S+ )*(?:\.venv/bin/)?((?:python[\d.]* -m [\w.]+|usl-explorer|usl|make)(?: .*)?)$")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Args:
        language: behind the fence; may be empty.
        line: number of its first line.
        lines: what stands in it.
    """

    language: str
    line: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """One call of a program of ours.

    Args:
        page: where it stands.
        line: its number there.
        program: a module for `python -m`, else `usl-explorer` or `make`.
        arguments: what follows.
        inline: it stands in a sentence, not in a block.
    """

    page: Path
    line: int
    program: str
    arguments: tuple[str, ...]
    inline: bool

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line} {self.program} {shlex.join(self.arguments)}".strip()


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# ---------------------------------------------------------------- how a page is read


@cache
def _read(page: Path) -> tuple[str, tuple[Block, ...]]:
    """The page with an empty line for each line of its blocks, and the blocks."""
    prose: list[str] = []
    blocks: list[Block] = []
    inside: tuple[str, str, int, list[str]] | None = None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = re.match(r" *(```+|~~~+) *(\w*)", line)
        if inside is None and fence:
            inside = (fence[1], fence[2], number + 1, [])
        elif inside is not None and line.strip() == inside[0]:
            blocks.append(Block(inside[1], inside[2], tuple(inside[3])))
            inside = None
        elif inside is not None:
            inside[3].append(line)
        else:
            prose.append(line)
            continue
        prose.append("")
    assert inside is None, f"{_name(page)}: the block that begins above line {inside[2]} never ends"
    return "\n".join(prose), tuple(blocks)


def _spans(page: Path) -> list[tuple[int, str]]:
    """Code within sentences, each with its line."""
    prose, _ = _read(page)
    return [(prose.count("\n", 0, found.start()) + 1, " ".join(found[2].split())) for found in _CODE.finditer(prose)]


def _links(page: Path) -> list[str]:
    without_code = _CODE.sub("", _read(page)[0])
    return [next(filter(None, found.groups())) for found in _LINK.finditer(without_code)]


def _anchors(page: Path) -> set[str]:
    """What GitHub calls the headings: small letters, no punctuation, hyphens for spaces; a number for the second of a name."""
    anchors: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", _read(page)[0], re.M):
        text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        base = slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        number = 0
        while slug in anchors:
            number += 1
            slug = f"{base}-{number}"
        anchors.add(slug)
    return anchors


def _target(page: Path, link: str) -> Path:
    path = link.partition("#")[0]
    return (page.parent / path).resolve() if path else page


def _fault(page: Path, link: str) -> str | None:
    """What is wrong with a link, if anything is."""
    if urlsplit(link).scheme:
        parts = urlsplit(link)
        return None if parts.scheme in ("http", "https") and parts.hostname and "." in parts.hostname else "no web address"
    target = _target(page, link)
    if not target.is_relative_to(ROOT) or link.startswith("/"):
        return "leads out of the repository"
    spelled = ROOT
    for part in target.relative_to(ROOT).parts:  # as it is spelled, which some file systems do not mind
        if part not in {entry.name for entry in spelled.iterdir()}:
            return "no such file"
        spelled /= part
    anchor = link.partition("#")[2]
    if anchor and (target.suffix != ".md" or anchor not in _anchors(target)):
        return "no such heading"
    return None


def _command(page: Path, line: int, text: str, inline: bool) -> Command | None:
    found = _COMMAND.match(text.strip())
    if found is None:
        return None
    first, *words = shlex.split(found[1], comments=not inline)
    if first.startswith("python"):
        first, words = words[1], words[2:]
    if first in ELSEWHERE or (inline and first == "usl" and not words):  # usl is a method, too
        return None
    words = [FILLED_IN.get(word, word) for word in words]
    return Command(page, line, "usl_core" if first == "usl" else first, tuple(words), inline)


def _commands() -> Iterator[Command]:
    for page in PAGES:
        for block in _read(page)[1]:
            whole = "\n".join(block.lines).replace("\\\n", " \0").split("\n")  # a long line may go on after a backslash
            at = block.line
            for text in whole:
                if block.language != "python" and (found := _command(page, at, text.replace("\0", ""), inline=False)):
                    yield found
                at += 1 + text.count("\0")
        for line, text in _spans(page):
            if found := _command(page, line, text, inline=True):
                yield found


COMMANDS = list(_commands())


# ---------------------------------------------------------------- links


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_no_link_is_dead(page):
    assert not {link: fault for link in _links(page) if (fault := _fault(page, link))}


def test_every_page_is_reachable_from_the_readme():
    reached, waiting = set(), [README]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md" and page.exists():
            reached.add(page)
            waiting += [_target(page, link) for link in _links(page) if not urlsplit(link).scheme]
    assert not set(DOCS) - reached


@pytest.mark.parametrize(
    ("link", "fault"),
    [
        ("README.md", None),
        ("README.md#usl-explorer", None),
        ("#the-library", None),
        ("https://example.org/page", None),
        ("https:/example.org", "no web address"),
        ("ftp://example.org/file", "no web address"),
        ("docs/nowhere.md", "no such file"),
        ("readme.md", "no such file"),
        ("README.md#nowhere", "no such heading"),
        ("../elsewhere.md", "leads out of the repository"),
    ],
)
def test_a_dead_link_is_seen(link, fault):
    assert _fault(README, link) == fault


# ---------------------------------------------------------------- commands


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory but for `photos`: 60 of the digits, in a folder for each class; and labels of a few."""
    with zipfile.ZipFile(ROOT / "assets" / "demos" / "digits.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))
        archive.extractall(tmp_path / FOLDER, names[::30])
    rows = [f"{name},{name.partition('/')[0]}" for name in names[::150]]
    (tmp_path / "labels.csv").write_text("\n".join(["path,label", *rows]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _below(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of its commands."""
    actions = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return {name: below for action in actions for name, below in action.choices.items()}


def _strict(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Without abbreviations, by which an option would outlive its name."""
    parser.allow_abbrev = False
    for below in _below(parser).values():
        _strict(below)
    return parser


def _parse_usl(arguments: tuple[str, ...]) -> argparse.Namespace:
    options = _strict(cli.build_parser()).parse_args(arguments)
    encoder, method = getattr(options, "encoder", None), getattr(options, "method", None)
    if encoder and not encoder.startswith("trained:"):
        assert encoder in {card.name for card in usl.encoder_cards()}
    if options.command in ("select", "compare"):  # the method of pretrain is another thing, and its parser's
        named = [method] if method else getattr(options, "methods", "").split(",")
        assert set(filter(None, named)) <= set(usl.methods())
    return options


def _parse_launch(arguments: tuple[str, ...]) -> None:
    from pages.ui.server import launch

    _strict(launch._parser()).parse_args(arguments)


def _parse_benchmarks(arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """With groups that measure nothing."""
    program: Any = import_module("benchmarks.__main__")
    called: list[str] = []
    monkeypatch.setattr(program, "import_module", lambda name: called.append(name) or SimpleNamespace(rows=list))
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    assert program.main() == 0
    assert called
    assert all(find_spec(name) for name in called)


class _Parsed(Exception):
    pass


def _parse_module(name: str, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to where its arguments are understood; a module that takes none must be given none."""
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin)
    assert source.is_relative_to(ROOT)
    assert '__name__ == "__main__"' in source.read_text(encoding="utf-8")
    if "parse_args" not in source.read_text(encoding="utf-8"):
        assert not arguments
        return
    parse_args = argparse.ArgumentParser.parse_args

    def stop(parser: argparse.ArgumentParser, *given: Any) -> None:
        parse_args(_strict(parser), *given)
        raise _Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    with pytest.raises(_Parsed):
        import_module(name).main()


def _check_make(arguments: tuple[str, ...]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in arguments:
        variable, equals, _ = word.partition("=")
        pattern = rf"^{variable} *[?:]?=" if equals else rf"^{re.escape(word)}:(?!=)"
        assert re.search(pattern, makefile, re.M), f"the Makefile has no {variable}"


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_command_is_understood(command, here, monkeypatch, capsys):
    parsers: dict[str, Callable[[], object]] = {
        "usl_core": lambda: _parse_usl(command.arguments),
        "usl-explorer": lambda: _parse_launch(command.arguments),
        "benchmarks": lambda: _parse_benchmarks(command.arguments, monkeypatch),
        "make": lambda: _check_make(command.arguments),
    }
    if command.inline and command.program == "usl_core" and not command.arguments:
        return  # the name of the program
    try:
        parsers.get(command.program, lambda: _parse_module(command.program, command.arguments, monkeypatch))()
    except SystemExit:
        pytest.fail(f"{command}: {capsys.readouterr().err}")


def test_commands_are_found():
    assert {"usl_core", "usl-explorer", "benchmarks", "make"} <= {command.program for command in COMMANDS}
    assert {"select", "compare", "train-uslt", "pretrain", "encode", "methods", "encoders", "cache"} <= {
        command.arguments[0] for command in COMMANDS if command.program == "usl_core" and command.arguments
    }


def _to_run(page: Path) -> list[Command]:
    return [
        command
        for command in COMMANDS
        if command.page == page
        and command.program == "usl_core"
        and not command.inline
        and not any(word.startswith(ONLY_PARSED) for word in command.arguments)
    ]


@pytest.mark.parametrize("page", [page for page in PAGES if _to_run(page)], ids=_name)
def test_the_commands_of_a_page_run_in_their_order(page, here, monkeypatch, capsys):
    for command in _to_run(page):
        arguments = [*command.arguments, *CUT.get(command.arguments[0], ())]
        monkeypatch.setattr(sys, "argv", ["usl", *arguments])  # a report says it
        assert cli.main(arguments) == 0, f"{command}: {capsys.readouterr().err}"
        options = _parse_usl(command.arguments)
        for written in (getattr(options, "out", None), getattr(options, "report", None)):
            assert written is None or (here / written).exists(), command
        goes_on = command.arguments[0] == "next" and options.labels is not None  # from a run, to other picks
        if getattr(options, "record", None) and not goes_on:
            repeated, first = (np.load(folder / "picks.npy") for folder in (here / options.out, Path(options.record).parent))
            assert repeated.tolist() == first.tolist()


# ---------------------------------------------------------------- examples and names


@pytest.mark.parametrize("page", [page for page in PAGES if "```python" in page.read_text(encoding="utf-8")], ids=_name)
def test_the_python_of_a_page_compiles(page):
    for block in _read(page)[1]:
        if block.language == "python":
            compile("\n" * (block.line - 1) + "\n".join(block.lines), str(page), "exec")


def test_the_example_of_the_readme_runs(here, capsys):
    (example,) = (block for block in _read(README)[1] if block.language == "python")
    names: dict[str, Any] = {}
    exec(compile("\n".join(example.lines), str(README), "exec"), names)
    assert len(set(names["picks"].indices)) == len(set(names["training"].last.picks)) == 40
    assert names["xy"].shape == (len(names["images"].paths), 2)
    assert "[20 rows x" in capsys.readouterr().out  # two methods, ten seeds


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_what_a_page_names_exists(page):
    """Options, parts of the library, files and environment variables."""
    from pages.ui.server import launch

    commands = _below(cli.build_parser())
    options = {name: set(parser._option_string_actions) for name, parser in commands.items()}
    anywhere = OF_OTHERS.union(launch._parser()._option_string_actions, *options.values())
    source = "".join(file.read_text(encoding="utf-8") for top in ("usl_core", "pages") for file in (ROOT / top).rglob("*.py"))
    for line, code in _spans(page):
        where = f"{_name(page)}:{line}: {code}"
        given = set(re.findall(r"(?<!\S)--[a-z][\w.-]*", code))
        if given and not _COMMAND.match(code):  # those are parsed
            first = code.split()[0]
            assert given <= (anywhere if first.startswith("--") else options.get(first, set())), where
        for name in re.findall(r"\busl\.(\w+)", code):
            assert name in usl.__all__, where
        for params, name in re.findall(r"\b(\w+Params)\.(\w+)", code):
            assert hasattr(getattr(usl, params), name), where
        for variable in re.findall(r"\bUSL_[A-Z_]+", code):
            assert f'"{variable}"' in source, where
        if re.match(r"(usl_core|pages|benchmarks|tests|docs|assets)/", code):
            assert (ROOT / code).exists(), where


# ---------------------------------------------------------------- README itself


def test_the_first_screen_shows_the_product():
    first = README.read_text(encoding="utf-8").splitlines()[:FIRST_SCREEN]
    assert any(line.startswith("![") and "(assets/compare.webp)" in line for line in first)
    assert {"make run", "make test"} <= {line.partition("#")[0].strip() for line in first}
    assert any("`pip install .`" in line for line in first)


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_the_readme_gives_no_figure_that_the_docs_do_not_give():
    """So that one which is measured anew is not left behind."""
    section = _read(README)[0].partition("## What it is worth")[2].partition("\n## ")[0]
    docs = "\n".join(_read(page)[0] for page in DOCS)
    for figure in (r"\d[\d,]*\.\d+", r"^\|.*±.*"):  # a number with decimals; a row of a table
        given = set(re.findall(figure, section, re.M))
        assert given
        assert not given - set(re.findall(figure, docs, re.M))
