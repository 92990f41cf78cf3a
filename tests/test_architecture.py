"""The rules of the house, held by reading the code: who may import whom, what stays lazy, what nobody does."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import usl_core

from .conftest import LONGEST

ROOT = Path(__file__).resolve().parents[1]
CORE = sorted((ROOT / "usl_core").rglob("*.py"))
PAGES = sorted((ROOT / "pages").rglob("*.py"))
PRODUCT = [*CORE, *PAGES, *([ROOT / "app.py"] if (ROOT / "app.py").exists() else [])]
HEAVY = {"torch", "torchvision", "umap", "numba", "faiss", "sklearn", "scipy", "pandas", "pyarrow", "PIL", "plotly", "tqdm"}
COMMAND_LINE = {ROOT / "usl_core" / "__main__.py", *sorted((ROOT / "usl_core" / "cli").glob("*.py"))}
SELECTION = sorted((ROOT / "usl_core" / "selection").glob("*.py"))
SELECTION_SHARED = {
    "candidate_clusters",
    "cards",
    "context",
    "coverage",
    "kernel_means",
    "recursion",
    "regularizer",
    "second_round",
    "usl_params",
}  # not selectors: what several of them may use
ROOMS = (
    *("cache", "images", "labels", "graph", "clustering", "learners", "encoders", "features", "projection", "training"),
    *(
        "uslt",
        "pretrain",
        "fixmatch",
        "selection",
        "evaluation",
        "explain",
        "demos",
        "pipeline",
        "figures",
        "review",
        "export",
        "report",
        "cli",
        "jobs",
    ),
)
"""Of the library, from the bottom to the top; below them all are the modules that lie in `usl_core` itself."""
GLOBAL_RANDOMNESS = {
    *("seed", "set_state", "rand", "randn", "randint", "random", "choice", "shuffle", "permutation", "normal", "uniform"),
    *("manual_seed", "manual_seed_all", "use_deterministic_algorithms"),
}


@dataclass(frozen=True)
class Import:
    """One imported module.

    Args:
        module: absolute dotted name.
        line: where.
        on_load: it runs when the importing module is loaded.
        for_types: it stands under `if TYPE_CHECKING` and never runs.
    """

    module: str
    line: int
    on_load: bool
    for_types: bool


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


LIBRARY = {_dotted(path) for path in CORE} - {"usl_core"}


@cache
def _imports(path: Path) -> list[Import]:
    package = _dotted(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    found: list[Import] = []

    def visit(node: ast.AST, on_load: bool, for_types: bool) -> None:
        if isinstance(node, ast.Import):
            found.extend(Import(alias.name, node.lineno, on_load, for_types) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found.append(Import(module, node.lineno, on_load, for_types))
            found.extend(Import(f"{module}.{alias.name}", node.lineno, on_load, for_types) for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for guarded in node.body:
                visit(guarded, on_load, True)
            for other in node.orelse:
                visit(other, on_load, for_types)
        else:
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for child in ast.iter_child_nodes(node):
                visit(child, on_load and not inside, for_types)

    visit(_tree(path), True, False)
    return found


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _calls(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


def _top(module: str) -> str:
    return module.split(".")[0]


def _offending(paths: Iterable[Path], forbidden: Callable[[Path, Import], bool]) -> list[str]:
    """File, line and module of every import that the rule forbids."""
    return [f"{_name(path)}:{i.line} imports {i.module}" for path in paths for i in _imports(path) if forbidden(path, i)]


# ---------------------------------------------------------------- who imports whom


def test_there_is_something_to_read():
    """A rule that loops over no file would hold whatever the files say."""
    assert CORE
    assert PAGES
    assert set(CORE) >= COMMAND_LINE
    assert SELECTION
    assert list((ROOT / "pages").glob("*.py"))


def test_the_library_stands_alone():
    above = {"streamlit", "pages", "app", "benchmarks", "tests", "pytest", "hypothesis"}
    assert not _offending(CORE, lambda path, i: _top(i.module) in above)


def test_the_app_does_not_need_tests_or_benchmarks():
    app = [path for path in PRODUCT if path not in CORE]
    assert not _offending(app, lambda path, i: _top(i.module) in {"benchmarks", "tests", "pytest", "hypothesis"})


def test_pages_are_never_imported():
    pages = {f"pages.{page.stem}" for page in (ROOT / "pages").glob("*.py")}
    assert not _offending(PRODUCT, lambda path, i: i.module in pages)


def test_selectors_never_import_each_other():
    selectors = {_dotted(path) for path in SELECTION if path.stem != "__init__" and path.stem not in SELECTION_SHARED}
    doors = [path for path in SELECTION if path.stem == "settings"]  # of the registry's makings; no selector imports either
    assert not _offending(doors, lambda path, i: i.module in selectors - {_dotted(path), "usl_core.selection.registry"})
    rest = [path for path in SELECTION if path not in doors]
    assert not _offending(rest, lambda path, i: i.module in selectors - {_dotted(path)})


def _room(module: str) -> str:
    """The package that a module of the library or of the pages is in, or the module itself if it is in none."""
    return module.removeprefix("usl_core.").removeprefix("pages.ui.").split(".")[0]


def test_the_rooms_are_those_that_are_known():
    assert {path.parent.name for path in CORE if path.name == "__init__.py"} - {"usl_core"} == set(ROOMS)


def test_imports_only_go_down():
    """From room to room, and from a room to the ground floor; imports inside functions and for types too."""
    floors = {room: floor for floor, room in enumerate(ROOMS)}

    def climbs(path: Path, i: Import) -> bool:
        own, other = floors.get(_room(_dotted(path)), -1), floors.get(_room(i.module), -1)
        return i.module in LIBRARY and other > own and _dotted(path) not in ("usl_core", "usl_core.__main__")

    assert not _offending(CORE, climbs)


def _cycle(graph: dict[str, set[str]]) -> str:
    """A cycle in words, or nothing if there is none."""
    done: set[str] = set()

    def descend(name: str, trail: tuple[str, ...]) -> str:
        if name in trail:
            return " -> ".join([*trail[trail.index(name) :], name])
        if name in done:
            return ""
        done.add(name)
        return next(filter(None, (descend(below, (*trail, name)) for below in sorted(graph.get(name, ())))), "")

    return next(filter(None, (descend(name, ()) for name in sorted(graph))), "")


def test_a_cycle_is_found():
    assert _cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == ""
    assert _cycle({"a": {"b"}, "b": {"c"}, "c": {"d", "b"}}) == "b -> c -> b"


def test_no_module_reaches_itself():
    """Inside the library and inside the pages, through imports of any kind: inside functions, for types."""
    for paths in (CORE, [path for path in PAGES if "ui" in path.parts]):
        names = {_dotted(path) for path in paths} - {"usl_core", "pages.ui.maps"}
        graph = {_dotted(path): {i.module for i in _imports(path) if i.module in names} - {_dotted(path)} for path in paths}
        assert _cycle({name: below for name, below in graph.items() if name in names}) == ""


def test_no_room_of_the_pages_reaches_itself():
    paths = [path for path in PAGES if "ui" in path.parts]
    names = {_dotted(path) for path in paths}
    graph: dict[str, set[str]] = {}
    for path in paths:
        below = {_room(i.module) for i in _imports(path) if i.module in names}
        graph.setdefault(_room(_dotted(path)), set()).update(below - {_room(_dotted(path))})
    assert _cycle(graph) == ""


def test_the_ground_floor_stands_on_nothing():
    ground_floor = {"usl_core.errors", "usl_core.types", "usl_core.validation", "usl_core.read_only"}
    names = ("errors", "types", "validation", "distances", "fingerprints", "disk", "read_only")
    paths = [ROOT / "usl_core" / f"{name}.py" for name in names]
    assert not _offending(paths, lambda path, i: i.module in LIBRARY - ground_floor)


def test_the_longest_test_files_are_there():
    assert not [name for name in LONGEST if not (ROOT / "tests" / f"{name}.py").is_file()]


def test_every_room_has_its_tests():
    tested = {path.parent.name for path in (ROOT / "tests" / "core").glob("*/test_*.py")}
    assert tested == set(ROOMS)


def test_only_the_command_line_knows_the_command_line():
    command_line = {_dotted(path) for path in COMMAND_LINE}
    others = [path for path in PRODUCT if path not in COMMAND_LINE]
    assert not _offending(others, lambda path, i: i.module in command_line)


# ---------------------------------------------------------------- what stays lazy


def test_heavy_packages_are_imported_where_they_are_used():
    assert not _offending(CORE, lambda path, i: _top(i.module) in HEAVY and i.on_load and not i.for_types)


def test_pages_never_import_the_heaviest_packages():
    heaviest = HEAVY - {"plotly", "pandas", "pyarrow", "PIL"}
    assert not _offending(PAGES, lambda path, i: _top(i.module) in heaviest and not i.for_types)


def _printed_by(code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def _loaded_after(code: str) -> set[str]:
    return set(map(_top, _printed_by(f"{code}\nimport sys; print(' '.join(sorted(sys.modules)))")))


def test_importing_the_library_loads_nothing_heavy():
    assert not _loaded_after("import usl_core") & (HEAVY | {"streamlit", "numpy"})


def test_importing_every_module_loads_nothing_heavy():
    modules = ", ".join(_dotted(path) for path in CORE if path.name != "__main__.py")
    assert not _loaded_after(f"import {modules}") & (HEAVY | {"streamlit"})


def test_listing_the_methods_loads_nothing_heavy():
    assert not _loaded_after("import usl_core; usl_core.methods(); usl_core.UslParams()") & (HEAVY | {"streamlit"})


def test_what_home_shows_first_waits_for_nothing_heavy():
    of_streamlit = _loaded_after("import streamlit; streamlit.App; streamlit.title; streamlit.components.v2")
    first = "from pages.ui import nav, state\nfrom pages.ui.access import folders\nfrom pages.ui.parts import header"
    ours = _loaded_after(f"import app\n{first}") - of_streamlit
    assert not ours & (HEAVY | {"numpy"})


_UNTIL_THE_TITLE = """
import sys
import streamlit as st
from streamlit.testing.v1 import AppTest
import app
{first}
before, title = set(sys.modules), st.title

def seen(text, **more):
    print(*sorted(set(sys.modules) - before))
    return title(text, **more)

st.title = seen
test = AppTest.from_file("{main}", default_timeout=120).switch_page("../{page}.py").run()
assert [found.value for found in test.title] == ["{heading}"]
"""


def _loaded_until_the_title(page: str, heading: str, first: str = "") -> set[str]:
    main = ROOT / "pages" / "ui" / "main.py"
    return set(_printed_by(_UNTIL_THE_TITLE.format(main=main, page=page, heading=heading, first=first)))


@pytest.mark.parametrize(
    ("page", "heading"), [("home", "Which m images should you label?"), ("compare", "Which method would I trust?")]
)
def test_no_heading_waits_for_anything_heavy_or_for_the_sidebar(page, heading):
    """It is the first of a page, whatever the page needs to be drawn."""
    loaded = _loaded_until_the_title(page, heading)
    assert {"pages.ui.nav", "pages.ui.state", "streamlit.emojis"} <= loaded
    assert not set(map(_top, loaded)) & (HEAVY | {"numpy"})
    assert not [module for module in loaded if module.startswith(("usl_core.", "pages.ui.sidebar", "pages.ui.parts"))]


def test_the_server_loads_what_stands_before_a_heading_while_the_browser_still_loads():
    prepare = "from pages.ui.server.lifespan import _prepare_heading; _prepare_heading()"
    loaded = _loaded_until_the_title("compare", "Which method would I trust?", prepare)
    assert not [name for name in loaded if name.startswith("pages.")]
    assert not loaded & {"streamlit.emojis", "streamlit.material_icon_names"}


# ---------------------------------------------------------------- the public names


def test_every_public_name_resolves():
    assert usl_core.__all__
    assert not [name for name in usl_core.__all__ if getattr(usl_core, name) is None or name not in dir(usl_core)]


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'usl_core' has no attribute 'nothing'"):
        usl_core.nothing


def test_type_checkers_see_what_resolves():
    block = next(node for node in _tree(ROOT / "usl_core" / "__init__.py").body if isinstance(node, ast.If))
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    seen = {
        alias.asname or alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == usl_core._HOMES


def test_no_public_name_is_also_a_module():
    """`usl_core.x` would be the function or the module `x`, depending on what was imported first."""
    modules = {path.stem for path in (ROOT / "usl_core").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert not modules & set(usl_core.__all__)


# ---------------------------------------------------------------- what nobody does


def test_nothing_prints_but_the_command_line():
    printing = ("print", "pprint", "pprint.pprint")
    others = [path for path in PRODUCT if path not in COMMAND_LINE]
    assert not [f"{_name(path)}:{line} {call}" for path in others for call, line in _calls(path) if call in printing]


def test_nothing_touches_global_randomness():
    assert not [f"{_name(path)}:{line}" for path in PRODUCT for line in _global_draws(path)]


def _global_draws(path: Path) -> list[int]:
    """Lines that draw from a random state of the whole process."""
    modules = ("np.random", "numpy.random", "random", "torch", "torch.cuda", "torch.random", "torch.random.default_generator")
    forbidden = {f"{module}.{function}" for module in modules for function in GLOBAL_RANDOMNESS}
    tree = _tree(path)
    # Building a network draws from torch's global state; forked, that state is put back afterwards.
    forks = [node for node in ast.walk(tree) if isinstance(node, ast.With) and "fork_rng" in ast.unparse(node.items[0])]
    forked = {id(inner) for fork in forks for inner in ast.walk(fork)}
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in forbidden
        and id(node) not in forked
        and not any(keyword.arg == "generator" for keyword in node.keywords)
    ]


def test_no_environment_variable_is_read_on_import():
    def on_load(node: ast.AST) -> Iterator[ast.AST]:
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                yield child
                yield from on_load(child)

    assert not [
        f"{_name(path)}:{node.lineno}"
        for path in PRODUCT
        for node in on_load(_tree(path))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    ]


def test_no_star_imports():
    assert not _offending(PRODUCT, lambda path, i: i.module.endswith(".*"))


def test_every_module_says_what_it_is():
    silent = [path for path in PRODUCT if not ast.get_docstring(_tree(path))]
    assert not [_name(path) for path in silent if path.read_text(encoding="utf-8").strip()]


# ---------------------------------------------------------------- pages stay descriptions


def test_the_launcher_is_short():
    if not (ROOT / "app.py").exists():
        pytest.skip("there is no app.py")
    assert len((ROOT / "app.py").read_text(encoding="utf-8").splitlines()) < 40


def test_a_page_is_short():
    pages = sorted((ROOT / "pages").glob("*.py"))
    lengths = {_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in pages}
    assert not {name: length for name, length in lengths.items() if length >= 150}
