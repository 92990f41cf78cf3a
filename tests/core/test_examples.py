"""Every public function has an example, and every example runs."""

from __future__ import annotations

import doctest
import inspect

import pytest

import usl_core as usl
from usl_core.evaluation.comparison import Comparison

FUNCTIONS = [name for name in usl.__all__ if inspect.isfunction(getattr(usl, name))]


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("USL_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("USL_ENCODERS_DIR", str(tmp_path_factory.mktemp("encoders")))
        yield


def run(thing: object, name: str) -> int:
    """How many examples its docstring has; all of them are run."""
    (test,) = doctest.DocTestFinder(recurse=False).find(thing, name, globs={"usl": usl})
    said: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=said.append)
    assert not said, "".join(said)
    return len(test.examples)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_of_a_function_runs(name, request):
    if name == "pretrain_encoder":
        request.getfixturevalue("narrow")
    assert run(getattr(usl, name), name) > 0


def test_the_example_of_the_frame_runs():
    assert run(Comparison.frame, "frame") > 0
