"""What a button has chosen stays chosen, whatever a browser says that did not know it yet."""

from __future__ import annotations

import re

from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates

from pages.ui import settled

from .conftest import App


def sent(app: App) -> WidgetStates:
    """What a browser sends that knows what is on the screen now; it speaks of no button that is not pressed."""
    states = WidgetStates()
    states.widgets.extend(
        state for state in app.test._tree.get_widget_states().widgets if state.WhichOneof("value") != "trigger_value"
    )
    return states


def late(app: App, states: WidgetStates) -> App:
    """A request that was on its way while the last one was answered."""
    app.test._run(states)
    return app


def with_value(states: WidgetStates, key: str, value: str | float) -> WidgetStates:
    """The same, but one control says something else."""
    changed = WidgetStates()
    changed.CopyFrom(states)
    (state,) = [state for state in changed.widgets if re.fullmatch(rf"\$\$ID-\w+-{key}", state.id)]
    _set(state, value)
    return changed


def _set(state: WidgetState, value: str | float) -> None:
    if isinstance(value, str):
        state.string_value = value
    else:
        state.double_array_value.data[:] = [value]


def test_an_opened_data_set_stays_open_when_a_browser_answers_late():
    app = App().open("data")
    before = sent(app)
    app.press("open-shapes")
    for _ in range(3):
        late(app, before).fine()
        assert app.test.session_state["data"] == "shapes"
        assert app.test.query_params["data"] == "shapes"
    app.run().fine()
    assert app.test.session_state["data"] == "shapes"
    assert app.test.button(key="open-shapes").disabled


def test_the_way_back_is_open_once_the_browser_knows():
    app = App().open("data")
    app.press("open-shapes").run()
    late(app, with_value(sent(app), "data", "digits"))  # as Back does
    assert app.test.session_state["data"] == "digits"


def test_several_choices_in_a_row():
    app = App().open("data")
    before = sent(app)
    app.press("open-shapes")
    middle = sent(app)
    app.press("open-digits")
    for states in (middle, before, middle):
        late(app, states)
        assert app.test.session_state["data"] == "digits"
    late(app, sent(app))
    assert app.test.session_state["data"] == "digits"


def test_a_reset_stays_and_a_move_after_it_counts():
    app = App().open("compare", rlambda="0.9")
    slider = app.widget("slider", "rlambda")
    assert slider.value == 0.9
    before = sent(app)
    reset = next(button.key for button in app.test.button if button.key and "reset" in button.key and "rlambda" in button.key)
    app.press(reset)
    default = app.widget("slider", "rlambda").value
    assert default != 0.9
    late(app, before).fine()
    assert app.widget("slider", "rlambda").value == default
    late(app, with_value(before, "rlambda", 1.2)).fine()  # moved before the reset arrived
    assert app.widget("slider", "rlambda").value == 1.2


def test_nothing_waits_for_a_browser_that_knows():
    app = App().open("data").press("open-shapes").run()
    assert not app.test.session_state[settled._UNCONFIRMED].values
