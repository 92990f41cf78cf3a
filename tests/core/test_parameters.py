"""A parameter that is declared once is found wherever people meet it."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Literal

import pytest

from usl_core.cli.options import add_parameters
from usl_core.export.command_text import select_command
from usl_core.parameters import declared, parameter
from usl_core.pretrain.params import PretrainParams
from usl_core.selection.usl_params import UslParams
from usl_core.uslt.params import UsltParams


@dataclass(frozen=True, slots=True, kw_only=True)
class MoreParams(UslParams):
    """USL with a few parameters more, of every kind."""

    warp: float = parameter(
        0.3, label="Warp ω", key="warp", flag="--warp", help="How.", usage="warp factor", unit="W", high=2.0
    )
    hops: int | None = parameter(None, label="Hops", key="hops", flag="--hops", help="How many.", unset="all", high=9, off=0)
    kind: Literal["soft", "hard"] = parameter("soft", label="Kind", key="kind", flag="--kind", help="Which.")
    calm: bool = parameter(True, label="Wild", key="wild", flag="--wild", help="Whether.", usage="be wild")


def test_the_declaration_is_read_from_the_field():
    known = declared(MoreParams)
    assert list(known)[-4:] == ["warp", "hops", "kind", "calm"]
    kinds = [(each.kind, each.options, each.default) for each in known.values()][-4:]
    assert kinds == [(float, (), 0.3), (int, (), None), (str, ("soft", "hard"), "soft"), (bool, (), True)]
    assert MoreParams().warp == 0.3


def test_a_new_parameter_is_an_option_and_in_the_command():
    parser = argparse.ArgumentParser()
    add_parameters(parser, MoreParams)
    assert vars(parser.parse_args([])) == {}, "what is not given leaves no trace"
    given = parser.parse_args(["--warp", "1.5", "--hops", "3", "--kind", "hard", "--wild"])
    assert vars(given) == {"warp": 1.5, "hops": 3, "kind": "hard", "calm": False}
    help = " ".join(parser.format_help().split())
    for words in ("--warp W warp factor (default: 0.3)", "default: all", "{soft,hard} default: soft", "--wild be wild"):
        assert words in help
    command = select_command("photos", "usl", 3, 0, "pixels:pca", MoreParams(warp=0.7, hops=2, kind="hard", calm=False))
    assert "--warp 0.7 --hops 2 --kind hard --wild" in command


@pytest.mark.parametrize("params", [MoreParams, UslParams, UsltParams, PretrainParams])
def test_what_a_control_shows_means_what_was_set(params):
    for known in declared(params).values():
        assert known.meant(known.shown_default) == known.default
        assert known.shown(known.meant(known.shown_default)) == known.shown_default
        if known.kind in (int, float):
            shown = known.shown_default
            assert isinstance(shown, int | float)
            assert known.how.low <= shown <= known.how.high or known.how.off == shown
    hops = declared(MoreParams)["hops"]
    assert (hops.shown(None), hops.meant(0), hops.meant(4)) == (0, None, 4)
    calm = declared(MoreParams)["calm"]
    assert (calm.shown(True), calm.meant(True)) == (False, False)
