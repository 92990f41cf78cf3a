"""Controls that derive from the declaration of a parameter."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

import usl_core as usl
from pages.ui.sidebar import controls, knobs
from usl_core.parameters import declared


def made_up() -> None:
    import streamlit as st

    from pages.ui.sidebar import knobs
    from tests.core.test_parameters import MoreParams

    advanced = knobs.controls(MoreParams, main=False, high={"hops": 7})
    st.session_state["made"] = MoreParams(**advanced)


def test_a_made_up_parameter_has_a_control_that_is_bound_to_its_address():
    app = AppTest.from_function(made_up)
    app.query_params["warp"] = "0.5"
    app.run()
    assert not app.exception
    assert app.slider(key="warp").label == "Warp ω"
    assert (app.slider(key="hops").max, app.slider(key="hops").help) == (7, "How many.")
    assert app.session_state["made"].warp == 0.5, "as the address says"
    assert (app.session_state["made"].hops, app.session_state["made"].calm) == (None, True)
    app.slider(key="hops").set_value(3)
    app.toggle(key="wild").set_value(True)
    app.run()
    assert (app.session_state["made"].hops, app.session_state["made"].calm) == (3, False)


@pytest.mark.parametrize("params", [usl.UslParams, usl.UsltParams])
def test_controls_show_what_was_published(params):
    for name in [name for name in dir(params) if name.startswith("published")]:
        made = getattr(params, name)()
        shown = knobs.shown(made)
        again = {known.name: known.meant(shown[known.how.key]) for known in declared(params).values()}
        if getattr(made, "horizon_distance", None) == 2:  # as far as unit vectors can lie apart: all picks, which None says too
            again["horizon_distance"] = 2.0
        assert params(**again) == made


def test_the_addresses_are_those_of_old_links():
    keys = [known.how.key for params in (usl.UslParams, usl.UsltParams) for known in declared(params).values()]
    assert set(keys) == {
        *("k", "rlambda", "absolute", "alpha", "mreg", "iterations", "horizon", "hpicks", "estimate", "init", "ksteps"),
        *("squared", "self", "tau", "tlambda", "talpha", "t", "mu", "c", "heads", "similarity", "start", "projection"),
        *("views", "strength", "noise", "epochs", "batch", "rate", "decay", "balance", "balancesum", "normalise", "strict"),
    }
    assert controls._ABSOLUTE_WEIGHT.how.key == "lambda"
