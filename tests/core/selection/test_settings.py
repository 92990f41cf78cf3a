"""Parameters of any method, by METHOD.NAME: on the command line, in commands that repeat a view, in lists."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usl_core.cli.inputs import method_params
from usl_core.cli.parser import build_parser, main
from usl_core.errors import UslError
from usl_core.export.command_text import compare_command, select_command
from usl_core.parameters import parameter
from usl_core.selection import registry, settings
from usl_core.selection.k_center import KCenterParams
from usl_core.selection.registry import params_document, params_from
from usl_core.selection.settings import assignments, listed, params_by_assignment
from usl_core.selection.usl_params import UslParams


@dataclass(frozen=True, slots=True, kw_only=True)
class Toy:
    """Parameters of every kind."""

    radius: float = parameter(0.5, label="Radius", help="How far.", high=2.0, step=0.05, main=True)
    hops: int | None = parameter(None, label="Hops", help="How many.", usage="hops at most", unset="all", high=9, off=0)
    kind: Literal["soft", "hard"] = parameter("soft", label="Kind", help="Which.")
    calm: bool = parameter(True, label="Wild", help="Whether.")


@pytest.fixture
def toy(monkeypatch) -> None:
    """herding has them."""
    usual = registry.default_params
    for module in (registry, settings):
        monkeypatch.setattr(module, "default_params", lambda method: Toy() if method == "herding" else usual(method))


def asked(command: str):
    return build_parser().parse_args(shlex.split(command)[3:])


TOYS = st.builds(
    Toy,
    radius=st.floats(0, 2),
    hops=st.none() | st.integers(1, 9),
    kind=st.sampled_from(["soft", "hard"]),
    calm=st.booleans(),
)


@given(made=TOYS, first=st.sampled_from(["mean", "random"]))
def test_the_command_line_reads_back_what_a_command_says(made, first):
    with pytest.MonkeyPatch.context() as patch:
        usual = registry.default_params
        patch.setattr(settings, "default_params", lambda method: Toy() if method == "herding" else usual(method))
        one = asked(select_command("photos", "herding", 3, 0, "pixels:pca", made))
        assert method_params(one, ["herding"]) == {"herding": made}
        chosen = {"usl": UslParams(reg_weight=0.7), "herding": made, "k-center": KCenterParams(first=first)}
        both = asked(compare_command("photos", ["random", *chosen], 3, 0, "pixels:pca", chosen, "pca"))
        assert method_params(both, ["random", *chosen]) == chosen


def test_what_is_at_its_default_is_not_said(toy):
    assert assignments("herding", Toy()) == []
    assert assignments("herding", Toy(radius=0.7, hops=2, calm=False)) == [
        "herding.radius=0.7",
        "herding.hops=2",
        "herding.calm=false",
    ]
    assert "--set" not in select_command("photos", "herding", 3, 0, "pixels:pca", Toy())
    assert params_by_assignment([], ["herding", "random", "usl"]) == {"herding": Toy()}


def test_none_can_be_said(toy, monkeypatch):
    assert params_by_assignment(["herding.hops=none"], ["herding"]) == {"herding": Toy()}
    with pytest.raises(UslError, match=r"herding\.radius must be a number but is 'none'"):
        params_by_assignment(["herding.radius=none"], ["herding"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("radius=1", "--set takes METHOD.NAME=VALUE, such as k-center.first=random, but is 'radius=1'"),
        ("herding.radius", "--set takes METHOD.NAME=VALUE"),
        ("herding.=1", "--set takes METHOD.NAME=VALUE"),
        ("hording.radius=1", "names the method 'hording', but methods with settings are"),
        ("herding.raduis=1", "names 'raduis' of herding, which has radius, hops, kind, calm"),
        ("random.radius=1", "names 'radius' of random, which has no settings"),
        ("usl.reg_weight=1", "the settings of usl have options of their own"),
        (
            "k-center.first=random",
            r"k-center\.first is a setting of k-center, but the method is 'herding, random'; leave it out",
        ),
        ("herding.radius=far", r"herding\.radius must be a number but is 'far'"),
        ("herding.hops=1.5", r"herding\.hops must be a whole number but is '1\.5'"),
        ("herding.kind=", r"herding\.kind must be one of soft, hard but is ''"),
        ("herding.calm=no", r"herding\.calm must be true or false but is 'no'"),
    ],
)
def test_mistakes_are_named(toy, given, message):
    with pytest.raises(UslError, match=message):
        params_by_assignment([given], ["herding", "random"])


def test_twice_is_a_mistake(toy):
    with pytest.raises(UslError, match=r"--set herding\.radius is given twice"):
        params_by_assignment(["herding.radius=1", "herding.radius=1"], ["herding"])


def test_all_are_listed(toy):
    lines = {key: (values, what) for key, values, what in listed()}
    assert lines["herding.radius"] == ("number (0.5)", "How far.")
    assert lines["herding.hops"] == ("whole number (all)", "hops at most")
    assert lines["herding.calm"] == ("true or false (true)", "Whether.")
    assert lines["k-center.first"][0] == "mean, random (mean)"
    assert not [key for key in lines if key.startswith("usl")]


def test_documents_hold_them(toy):
    made = Toy(radius=1.25, hops=3, kind="hard", calm=False)
    document = json.loads(json.dumps(params_document(made)))
    assert params_from("herding", document) == made
    assert params_from("herding", None) == Toy()
    assert params_from("random", None) is None


def test_select_takes_them_and_a_run_repeats_them(tmp_path, capsys):
    chosen = ("select", "demo:digits", "-m", "4", "--method", "k-center", "-q", "--set", "k-center.first=random", "--seed", "3")
    assert main([*chosen, "--out", str(tmp_path)]) == 0
    first = capsys.readouterr().out
    assert json.loads((tmp_path / "run.json").read_text())["params"] == {"first": "random"}
    assert main(["select", "--from", str(tmp_path / "run.json"), "-q"]) == 0
    assert capsys.readouterr().out == first
    assert main(["select", "--from", str(tmp_path / "run.json"), "-q", "--set", "k-center.first=mean"]) == 2
    assert "settings cannot be changed beside it" in capsys.readouterr().err
    assert main(["methods"]) == 0
    assert re.search(r"^k-center\.first +mean, random \(mean\)", capsys.readouterr().out, re.M)
