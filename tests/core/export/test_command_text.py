"""The command line that the app offers must do what the app did."""

import shlex
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import usl_core as usl
from usl_core.cli.inputs import map_params, method_params
from usl_core.cli.parser import build_parser, main
from usl_core.errors import UslError
from usl_core.export.command_text import compare_command, select_command
from usl_core.parameters import declared
from usl_core.projection.params import UmapParams
from usl_core.selection.usl_params import UslParams
from usl_core.uslt.params import UsltParams

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


@pytest.mark.parametrize("params", [UslParams, UsltParams, UmapParams])
def test_every_field_has_an_option_and_an_address(params):
    known = declared(params)
    assert list(known) == [field.name for field in fields(params)]
    assert len({each.how.flag for each in known.values()}) == len({each.how.key for each in known.values()}) == len(known)


@given(source=SOURCES, params=PARAMS, budget=st.integers(1, 10**6), seed=st.integers(0, 2**31 - 1))
def test_the_parser_reads_back_what_was_chosen(source, params, budget, seed):
    asked = _parsed(select_command(source, "usl", budget, seed, "dinov2-vits14", params))
    assert (asked.folder, asked.method, asked.budget, asked.seed or 0) == (source, "usl", budget, seed)
    assert asked.encoder == "dinov2-vits14"
    assert method_params(asked, ["usl"]) == {"usl": params}
    asked = _parsed(compare_command(source, ["random", "usl"], budget, seed, "pixels:pca", {"usl": params}, "pca"))
    assert (asked.folder, asked.methods, asked.budget, asked.seed) == (source, "random,usl", budget, seed)
    assert asked.map == "pca"
    assert method_params(asked, ["random", "usl"]) == {"usl": params}


USLT = st.builds(
    UsltParams,
    n_neighbors=st.integers(1, 500),
    local_weight=st.floats(0, 10),
    adjust_strength=st.floats(0, 10),
    confidence_threshold=st.floats(0, 1),
    sharpen_temperature=st.floats(0.05, 2),
    mean_momentum=st.floats(0.05, 1),
    n_clusters=st.none() | st.integers(1, 100),
    n_heads=st.integers(1, 5),
    similarity=st.sampled_from(["linear", "cosine", "neg_sq_l2"]),
    start=st.sampled_from(["random", "features"]),
    projection=st.integers(0, 512),
    n_views=st.integers(0, 16),
    view_strength=st.none() | st.floats(0.05, 1),
    noise=st.floats(0, 2),
    n_epochs=st.integers(1, 1000),
    batch_size=st.integers(1, 4096),
    learning_rate=st.floats(1e-4, 1),
    weight_decay=st.floats(0, 0.1),
    strict_threshold=st.booleans(),
    balance=st.booleans(),
    balance_sum=st.booleans(),
    normalise=st.sampled_from(["batch", "masked"]),
    count_self=st.booleans(),
)


@given(params=USLT)
@settings(max_examples=60)
def test_the_command_line_says_what_usl_t_was(params):
    asked = _parsed(select_command("photos", "usl-t", 12, 1, "pixels:pca", params))
    assert method_params(asked, ["usl-t"]) == {"usl-t": params}


@given(params=USLT, k=st.integers(1, 400), weight=st.floats(0, 2))
@settings(max_examples=30)
def test_a_comparison_of_both_says_the_settings_of_each(params, k, weight):
    params = replace(params, n_neighbors=k)
    usl = UslParams(n_neighbors=k, reg_weight=weight, count_self=params.count_self)
    both = {"usl": usl, "usl-t": params}
    asked = _parsed(compare_command("photos", list(both), 12, 1, "pixels:pca", both, "pca"))
    assert method_params(asked, list(both)) == both


UMAP = st.builds(
    UmapParams,
    n_neighbors=st.integers(2, 300),
    min_dist=st.none() | st.floats(0, 1),
    seed=st.integers(0, 2**31 - 1),
)


@given(umap=UMAP, usl=PARAMS)
@settings(max_examples=60)
def test_the_command_line_says_how_the_map_was_drawn(umap, usl):
    command = compare_command("photos", ["usl"], 12, 1, "pixels:pca", {"usl": usl}, "umap", None, umap)
    assert map_params(_parsed(command)) == umap
    assert method_params(_parsed(command), ["usl"]) == {"usl": usl}
    by_pca = compare_command("photos", ["usl"], 12, 1, "pixels:pca", {"usl": usl}, "pca", None, umap)
    assert map_params(_parsed(by_pca)) == UmapParams()


def test_what_is_as_ever_is_not_said():
    assert "--map-" not in compare_command("photos", ["random"], 12, 1, "pixels:pca", {}, "umap", None, UmapParams())


def test_lambda_and_alpha_are_those_of_the_method_that_is_asked_for():
    options = build_parser().parse_args(["select", "x", "--method", "usl-t", "--lambda", "2", "--alpha", "3", "--k", "7"])
    assert method_params(options, ["usl-t"])["usl-t"] == UsltParams(local_weight=2, adjust_strength=3, n_neighbors=7)
    assert method_params(options, ["usl"])["usl"] == UslParams(reg_weight=2, reg_power=3, n_neighbors=7)
    both = method_params(options, ["usl", "usl-t"])
    assert both == {"usl": UslParams(reg_weight=2, reg_power=3, n_neighbors=7), "usl-t": UsltParams(n_neighbors=7)}


@pytest.mark.parametrize(
    ("words", "methods", "said"),
    [
        (["--tau", "0.5"], ["usl"], "confidence_threshold is a setting of usl-t, but the method is 'usl'"),
        (["--kmeans-init", "random"], ["usl-t"], "kmeans_init is a setting of usl, but the method is 'usl-t'"),
        (["--k", "5"], ["random"], "n_neighbors is a setting of usl, but the method is 'random'"),
        (["--preset", "published"], ["random"], "preset is a setting of usl, but the method is 'random'"),
        (["--preset", "published-imagenet"], ["usl"], "published-imagenet is one of usl-t"),
        (["--tau", "2"], ["usl-t"], r"confidence_threshold \(tau\) must be in"),
    ],
)
def test_settings_of_another_method_are_refused(words, methods, said):
    options = build_parser().parse_args(["select", "x", *words])
    with pytest.raises(UslError, match=said):
        method_params(options, methods)


def test_presets_are_those_of_the_method():
    options = build_parser().parse_args(["compare", "x", "-m", "5", "--preset", "published"])
    assert method_params(options, ["usl", "usl-t"]) == {"usl": UslParams.published(), "usl-t": UsltParams.published_cifar10()}
    options = build_parser().parse_args(["select", "x", "--preset", "published-imagenet", "--clusters", "50"])
    assert method_params(options, ["usl-t"])["usl-t"] == replace(UsltParams.published_imagenet(), n_clusters=50)
    options = build_parser().parse_args(["train-uslt", "x", "-m", "400", "--preset", "published_cifar100"])
    assert method_params(options, ["usl-t"])["usl-t"] == UsltParams.published_cifar100()


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "imagenet_moco", "imagenet_clip"])
def test_every_published_setting_of_usl_has_a_preset(name):
    for spelt in (f"published_{name}", f"published-{name.replace('_', '-')}"):
        options = build_parser().parse_args(["select", "x", "--preset", spelt, "--lambda", "0.3"])
        assert method_params(options, ["usl"])["usl"] == replace(getattr(UslParams, f"published_{name}")(), reg_weight=0.3)


def test_a_preset_of_one_method_leaves_the_other_at_the_formulas():
    options = build_parser().parse_args(["compare", "x", "-m", "5", "--preset", "published-imagenet-clip"])
    both = method_params(options, ["usl", "usl-t"])
    assert both == {"usl": UslParams.published_imagenet_clip(), "usl-t": UsltParams()}


def test_lambda_is_relative_unless_it_is_said_to_be_absolute():
    def asked(*words):
        return method_params(build_parser().parse_args(["select", "x", *words]), ["usl"])["usl"]

    assert asked("--lambda", "0.7") == UslParams(reg_weight=0.7, relative_weight=True)
    assert asked("--lambda", "0.7", "--absolute") == UslParams(reg_weight=0.7, relative_weight=False)
    assert asked("--relative") == UslParams()
    assert asked("--preset", "published", "--relative") == replace(UslParams.published(), relative_weight=True)


@given(cosine=st.floats(1e-6, 1) | st.none())
def test_near_duplicates_are_read_back(cosine):
    for asked in (
        _parsed(select_command("photos", "random", 12, 1, "pixels:pca", None, cosine)),
        _parsed(compare_command("photos", ["random"], 12, 1, "pixels:pca", {}, "pca", cosine)),
    ):
        assert asked.near_duplicates == cosine


def test_defaults_are_left_out():
    command = select_command("demo:digits", "usl", 40, 0, "bundled:mini", UslParams())
    assert command == "python -m usl_core select demo:digits --budget 40 --method usl --out picks"
    assert "--k" not in select_command("demo:digits", "random", 40, 3, "bundled:mini", None)
    assert "--encoder pixels:pca" in select_command("demo:digits", "random", 40, 3, "pixels:pca", None)
    assert "--encoder bundled:mini" in select_command("photos", "random", 40, 3, "bundled:mini", None), "the default may differ"


@pytest.mark.parametrize(
    ("method", "params"), [("random", None), ("usl", UslParams(reg_weight=1.25, n_neighbors=30, relative_weight=True))]
)
def test_the_command_makes_the_same_picks(tmp_path, monkeypatch, method, params):
    monkeypatch.chdir(tmp_path)
    words = shlex.split(select_command("demo:digits", method, 15, 5, "bundled:mini", params))
    assert main([*words[3:], "--quiet"]) == 0
    demo = usl.load_demo("digits")
    chosen = usl.select(demo.features, 15, method, params, seed=5, neighbors=demo.neighbors)
    np.testing.assert_array_equal(np.load(tmp_path / "picks" / "picks.npy"), chosen.indices)
