"""The rules of the house, held by reading the code: who may import whom, what stays lazy, what nobody does."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import usl_core

ROOT = Path(__file__).resolve().parents[1]
CORE = sorted((ROOT / "usl_core").rglob("*.py"))
PAGES = sorted((ROOT / "pages").rglob("*.py"))
PRODUCT = [*CORE, *PAGES, *([ROOT / "app.py"] if (ROOT / "app.py").exists() else [])]
HEAVY = {"torch", "torchvision", "umap", "numba", "faiss", "sklearn", "scipy", "pandas", "PIL", "plotly", "tqdm"}
COMMAND_LINE = {
    ROOT / "usl_core" / "__main__.py",
    *sorted((ROOT / "usl_core").glob("cli*.py")),
    *sorted((ROOT / "usl_core").glob("commands*.py")),
}
SELECTION_SHARED = {"candidate_clusters", "context", "recursion", "regularizer"}  # not selectors: what several of them may use
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


def _ids(path: Path) -> str:
    return _name(path)


# ---------------------------------------------------------------- who imports whom


@pytest.mark.parametrize("path", CORE, ids=_ids)
def test_the_library_stands_alone(path):
    above = {"streamlit", "pages", "app", "benchmarks", "tests", "pytest", "hypothesis"}
    assert not [i for i in _imports(path) if _top(i.module) in above]


@pytest.mark.parametrize("path", [p for p in PRODUCT if p not in CORE], ids=_ids)
def test_the_app_does_not_need_tests_or_benchmarks(path):
    assert not [i for i in _imports(path) if _top(i.module) in {"benchmarks", "tests", "pytest", "hypothesis"}]


@pytest.mark.parametrize("path", PRODUCT, ids=_ids)
def test_pages_are_never_imported(path):
    pages = {f"pages.{page.stem}" for page in (ROOT / "pages").glob("*.py")}
    assert not [i for i in _imports(path) if i.module in pages]


@pytest.mark.parametrize("path", sorted((ROOT / "usl_core" / "selection").glob("*.py")), ids=_ids)
def test_selectors_never_import_each_other(path):
    selectors = {
        f"usl_core.selection.{other.stem}"
        for other in (ROOT / "usl_core" / "selection").glob("*.py")
        if other.stem != "__init__" and other.stem not in SELECTION_SHARED and other != path
    }
    assert not [i for i in _imports(path) if i.module in selectors]


def test_imports_only_go_down():
    """Inside the library no module can reach itself through its imports, not even through those inside functions."""
    names = {_dotted(path) for path in CORE} - {"usl_core"}
    graph = {
        _dotted(path): {i.module for i in _imports(path) if i.module in names and not i.for_types} - {_dotted(path)}
        for path in CORE
        if _dotted(path) in names
    }
    # A module inside a package loads the package first; only what is named counts here.
    done: set[str] = set()

    def descend(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"import cycle: {' -> '.join([*trail[trail.index(name) :], name])}"
        if name not in done:
            for below in sorted(graph[name]):
                descend(below, (*trail, name))
            done.add(name)

    for name in sorted(graph):
        descend(name, ())


@pytest.mark.parametrize("background", ["errors", "types", "validation", "distances", "fingerprints", "disk", "regular_files"])
def test_the_ground_floor_stands_on_nothing(background):
    ground_floor = {"usl_core.errors", "usl_core.types", "usl_core.validation"}
    assert _own_modules_below(ROOT / "usl_core" / f"{background}.py") <= ground_floor


@pytest.mark.parametrize(
    "path", [*sorted((ROOT / "usl_core" / "cache").glob("*.py")), ROOT / "usl_core" / "store.py"], ids=_ids
)
def test_the_cache_stands_on_the_ground_floor(path):
    below = {name for name in _own_modules_below(path) if not name.startswith("usl_core.cache")}
    assert below <= {"usl_core.errors", "usl_core.disk", "usl_core.fingerprints"}


def _own_modules_below(path: Path) -> set[str]:
    imported = {i.module for i in _imports(path) if _top(i.module) == "usl_core" and not i.for_types}
    return (imported & {_dotted(module) for module in CORE}) - {"usl_core"}


def test_only_the_command_line_knows_the_command_line():
    command_line = {_dotted(path) for path in COMMAND_LINE}
    for path in PRODUCT:
        if path not in COMMAND_LINE:
            assert not [i for i in _imports(path) if i.module in command_line], _name(path)


# ---------------------------------------------------------------- what stays lazy


@pytest.mark.parametrize("path", CORE, ids=_ids)
def test_heavy_packages_are_imported_where_they_are_used(path):
    assert not [i for i in _imports(path) if _top(i.module) in HEAVY and i.on_load and not i.for_types]


@pytest.mark.parametrize("path", PAGES, ids=_ids)
def test_pages_never_import_the_heaviest_packages(path):
    heaviest = HEAVY - {"plotly", "pandas", "PIL"}
    assert not [i for i in _imports(path) if _top(i.module) in heaviest and not i.for_types]


def _loaded_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(' '.join(sorted(sys.modules)))"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return {_top(module) for module in done.stdout.split()}


def test_importing_the_library_loads_nothing_heavy():
    assert not _loaded_after("import usl_core") & (HEAVY | {"streamlit", "numpy"})


def test_importing_every_module_loads_nothing_heavy():
    modules = ", ".join(_dotted(path) for path in CORE if path.name != "__main__.py")
    assert not _loaded_after(f"import {modules}") & (HEAVY | {"streamlit"})


def test_listing_the_methods_loads_nothing_heavy():
    assert not _loaded_after("import usl_core; usl_core.methods(); usl_core.UslParams()") & (HEAVY | {"streamlit"})


def test_homes_heading_waits_for_nothing_heavy():
    of_streamlit = _loaded_after("import streamlit; streamlit.App; streamlit.title; streamlit.components.v2")
    ours = _loaded_after("import app\nfrom pages.ui import folders, header, nav, state") - of_streamlit
    assert not ours & (HEAVY | {"numpy"})


# ---------------------------------------------------------------- the public names


@pytest.mark.parametrize("name", usl_core.__all__)
def test_every_public_name_resolves(name):
    assert getattr(usl_core, name) is not None
    assert name in dir(usl_core)


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


@pytest.mark.parametrize("path", [p for p in PRODUCT if p not in COMMAND_LINE], ids=_ids)
def test_nothing_prints_but_the_command_line(path):
    assert not [line for call, line in _calls(path) if call in ("print", "pprint", "pprint.pprint")]


@pytest.mark.parametrize("path", PRODUCT, ids=_ids)
def test_nothing_touches_global_randomness(path):
    modules = ("np.random", "numpy.random", "random", "torch", "torch.cuda", "torch.random", "torch.random.default_generator")
    forbidden = {f"{module}.{function}" for module in modules for function in GLOBAL_RANDOMNESS}
    tree = _tree(path)
    # Building a network draws from torch's global state; forked, that state is put back afterwards.
    forks = [node for node in ast.walk(tree) if isinstance(node, ast.With) and "fork_rng" in ast.unparse(node.items[0])]
    forked = {id(inner) for fork in forks for inner in ast.walk(fork)}
    drawn = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in forbidden
        and id(node) not in forked
        and not any(keyword.arg == "generator" for keyword in node.keywords)
    ]
    assert not drawn


@pytest.mark.parametrize("path", PRODUCT, ids=_ids)
def test_no_environment_variable_is_read_on_import(path):
    def on_load(node: ast.AST) -> Iterator[ast.AST]:
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                yield child
                yield from on_load(child)

    reads = [
        node.lineno for node in on_load(_tree(path)) if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    ]
    assert not reads


@pytest.mark.parametrize("path", PRODUCT, ids=_ids)
def test_no_star_imports(path):
    assert not [i for i in _imports(path) if i.module.endswith(".*")]


@pytest.mark.parametrize("path", PRODUCT, ids=_ids)
def test_every_module_says_what_it_is(path):
    assert ast.get_docstring(_tree(path)) or not path.read_text(encoding="utf-8").strip()


# ---------------------------------------------------------------- pages stay descriptions


def test_the_launcher_is_short():
    if not (ROOT / "app.py").exists():
        pytest.skip("there is no app.py")
    assert len((ROOT / "app.py").read_text(encoding="utf-8").splitlines()) < 40


@pytest.mark.parametrize("path", sorted((ROOT / "pages").glob("*.py")), ids=_ids)
def test_a_page_is_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < 150
