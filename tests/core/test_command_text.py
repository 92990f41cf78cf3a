"""The command line that the app offers must do what the app did."""

import shlex
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import usl_core as usl
from usl_core.cli import build_parser, main
from usl_core.cli_inputs import usl_params
from usl_core.command_text import USL_FLAGS, compare_command, select_command
from usl_core.selection.usl import UslParams

PARAMS = st.builds(
    UslParams,
    n_neighbors=st.integers(1, 500),
    reg_weight=st.floats(0, 5),
    reg_power=st.floats(0.25, 4),
    reg_momentum=st.floats(0, 0.99),
    n_iterations=st.integers(1, 50),
    horizon_distance=st.none() | st.floats(0.05, 2),
    horizon_picks=st.none() | st.integers(1, 100),
    relative_weight=st.booleans(),
    squared_distances=st.booleans(),
    count_self=st.booleans(),
    estimate=st.sampled_from(["mean", "kth"]),
    kmeans_init=st.sampled_from(["k-means++", "random"]),
    kmeans_iterations=st.integers(1, 1000),
)
SOURCES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: not text.startswith("-")
)


def _parsed(command):
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "usl_core"]
    return build_parser().parse_args(words[3:])


def test_every_field_has_an_option():
    assert set(USL_FLAGS) == {field.name for field in fields(UslParams)}
    assert len(set(USL_FLAGS.values())) == len(USL_FLAGS)


@settings(deadline=None)
@given(source=SOURCES, params=PARAMS, budget=st.integers(1, 10**6), seed=st.integers(0, 2**31 - 1))
def test_the_parser_reads_back_what_was_chosen(source, params, budget, seed):
    asked = _parsed(select_command(source, "usl", budget, seed, "dinov2-vits14", params))
    assert (asked.folder, asked.method, asked.budget, asked.seed or 0) == (source, "usl", budget, seed)
    assert asked.encoder == "dinov2-vits14"
    assert usl_params(asked, "usl") == params
    asked = _parsed(compare_command(source, ["random", "usl"], budget, seed, "pixels:pca", params, "pca"))
    assert (asked.folder, asked.methods, asked.budget, asked.seed) == (source, "random,usl", budget, seed)
    assert asked.map == "pca"
    assert usl_params(asked, "usl") == params


def test_defaults_are_left_out():
    command = select_command("demo:digits", "usl", 40, 0, "pixels:pca", UslParams())
    assert command == "python -m usl_core select demo:digits --budget 40 --method usl --out picks"
    assert "--k" not in select_command("demo:digits", "random", 40, 3, "pixels:pca", None)


@pytest.mark.parametrize(
    ("method", "params"), [("random", None), ("usl", UslParams(reg_weight=1.25, n_neighbors=30, relative_weight=True))]
)
def test_the_command_makes_the_same_picks(tmp_path, monkeypatch, method, params):
    monkeypatch.chdir(tmp_path)
    words = shlex.split(select_command("demo:digits", method, 15, 5, "pixels:pca", params))
    assert main([*words[3:], "--quiet"]) == 0
    demo = usl.load_demo("digits")
    chosen = usl.select(demo.features, 15, method, params, seed=5, neighbors=demo.neighbors)
    np.testing.assert_array_equal(np.load(tmp_path / "picks" / "picks.npy"), chosen.indices)
