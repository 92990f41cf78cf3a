"""The wheel, installed into an environment of its own: both commands from another folder, with everything that comes along."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page

import usl_core as usl

from .helpers import open_compare, picks
from .server import ROOT, running_app

pytestmark = pytest.mark.browser
BARE = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}


PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    wheels = tmp_path_factory.mktemp("wheels")
    subprocess.run([*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(ROOT)], check=True)
    (built,) = wheels.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory) -> Path:
    """Where the commands are: in a fresh environment that sees the packages of this one, and of ours only the wheel."""
    fresh = tmp_path_factory.mktemp("fresh")
    venv.create(fresh, with_pip=False)
    (site,) = (fresh / "lib").glob("python*/site-packages")
    (site / "outer.pth").write_text(sysconfig.get_path("purelib"))
    python = str(fresh / "bin" / "python")
    subprocess.run([*PIP, "--python", python, "install", "--no-deps", "--no-index", str(wheel)], check=True, env=BARE)
    return fresh / "bin"


def run(command: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([command, *arguments], cwd=folder, env=BARE, capture_output=True, text=True, timeout=120)


def test_the_wheel_holds_what_users_need_and_nothing_else(wheel):
    names = {Path(name) for name in zipfile.ZipFile(wheel).namelist()}
    tops = {name.parts[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"usl_core", "usl_explorer"}
    assert {name.parts[1] for name in names if name.parts[0] == "usl_explorer"} == {"app.py", "pages", "assets", ".streamlit"}
    for folder in ("usl_core", "pages"):
        ours = {path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix != ".pyc"}
        inside = ours if folder == "usl_core" else {Path("usl_explorer") / name for name in ours}
        assert inside <= names
    assert not [name for name in names if name.suffix in (".pyc", ".ipynb") or "__pycache__" in name.parts]


def test_the_library_is_the_installed_one_and_typed(programs, tmp_path):
    found = run(programs / "python", "-c", "import usl_core; print(usl_core.__file__, usl_core.__version__)", folder=tmp_path)
    file, version = found.stdout.split()
    assert Path(file).is_relative_to(programs.parent)
    assert version == usl.__version__
    assert (Path(file).parent / "py.typed").is_file()
    stated = "from importlib.metadata import version; print(version('usl-explorer'))"
    assert run(programs / "python", "-c", stated, folder=tmp_path).stdout.strip() == version


def test_usl_selects_from_what_comes_along(programs, tmp_path):
    done = run(programs / "usl", "select", "demo:digits", "--budget", "3", "--out", "picks", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    demo = usl.load_demo("digits")
    chosen = usl.select(demo.features, 3, neighbors=demo.neighbors)
    assert done.stdout.split() == [demo.images.paths[row] for row in chosen.indices]
    assert (tmp_path / "picks" / "run.json").is_file()
    assert run(programs / "usl", "select", "nowhere", "--budget", "3", folder=tmp_path).returncode == 2


def test_usl_explorer_opens_the_app(programs, tmp_path, page: Page):
    command = [str(programs / "usl-explorer"), "--no-browser", "--data-root", str(tmp_path)]
    (tmp_path / "elsewhere").mkdir()
    with running_app(command=command, folder=tmp_path / "elsewhere") as server:
        open_compare(page, server.address, "?m=7")
        assert len(picks(page, "USL")) == 7
        page.get_by_role("link", name="Data", exact=True).first.click()
        page.get_by_role("button", name="elsewhere").wait_for()


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--port", "0"], "a port is a whole number from 1 to 65535, and '0' is none"),
        (["--port", "many"], "'many' is none"),
        (["--data-root", "nowhere"], "'nowhere' is no folder"),
        (["--browse"], "unrecognized arguments"),
    ],
)
def test_a_mistake_is_one_line(programs, tmp_path, arguments, what):
    done = run(programs / "usl-explorer", *arguments, folder=tmp_path)
    assert done.returncode == 2
    assert what in done.stderr
    assert done.stderr.count("\n") == 1
