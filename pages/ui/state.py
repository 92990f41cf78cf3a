"""What a visitor has chosen. Every choice is bound to the address, so a link repeats the view and Back goes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal, NoReturn
from urllib.parse import quote

import streamlit as st

from . import settled

if TYPE_CHECKING:  # every page begins here; what computes is loaded when the heading is on screen
    from usl_core.figures.palette import ThemeName
    from usl_core.projection.params import UmapParams
    from usl_core.selection.usl_params import UslParams
    from usl_core.uslt.params import UsltParams

ColourBy = Literal["density", "cluster", "class", "pick frequency"]
MapMethod = Literal["umap", "pca"]

DEFAULT_DATA = "digits"
SPLIT_MARK, SAMPLE_MARK = "~", "+"
"""Between the name of a data set and that of the split of it that is looked at; and, before that, the sample."""
_UNQUOTED = " "  # in names of splits; what else could not stand in an address is quoted
DEFAULT_METHODS = ("random", "stratified", "usl")
LEAST_ALIKE, USUALLY_ALIKE = 0.8, 0.99
"""Cosines from which on images may be near-duplicates here, and are unless somebody says otherwise."""


class Key:
    """Names of the choices in the session and in the address; those of parameters stand where the parameters do."""

    DATA = "data"
    SPLIT = "split"
    SAMPLE = "sample"
    ENCODER = "encoder"
    PIN = "pin"
    BUDGET = "m"
    SEED = "seed"
    METHODS = "methods"
    COLOUR = "colour"
    MAP = "map"
    DRAWN = "drawn"
    SHOWN_ON = "on"
    TOY = "toy"
    TOY_BUDGET = "toym"
    TOY_WEIGHT = "toylambda"
    CHOOSE = "choose"
    ENCODERS = "encoders"
    OWN = "own"
    LEARN = "learn"
    LEARN_NAME = "lname"
    ONE_OF_ALIKE = "one"
    ALIKE = "alike"
    FIRST = "first"
    ORDER = "order"
    EXPORT = "export"
    REVIEWED = "method"
    REVIEW_COLOUR = "by"
    EVALUATED = "rivals"
    LEARNERS = "learners"
    BUDGETS = "budgets"
    N_SEEDS = "seeds"
    METRIC = "metric"
    LEARNER = "learner"
    RIVAL = "against"
    AT_BUDGET = "at"
    TARGET = "target"
    PICTURE = "picture"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The choices of the sidebar.

    Args:
        data: short name of the data set, see `sources`.
        encoder: full name.
        budget: m.
        seed: of every method.
        params: of USL.
        uslt: of USL-T.
        umap: of the map.
        near_duplicates: the cosine from which on at most one of images that are alike may be picked; None: they all may.
        others: parameter objects of other methods, by name, as far as a page has shown their controls.
    """

    data: str
    encoder: str
    budget: int
    seed: int
    params: UslParams
    uslt: UsltParams
    umap: UmapParams
    near_duplicates: float | None = None
    others: Mapping[str, Any] = field(default_factory=dict)

    def of(self, method: str) -> Any:
        """The parameter object of a method; None where it has none, or where nobody has changed its defaults."""
        own = {"usl": self.params, "usl-t": self.uslt}
        return own[method] if method in own else self.others.get(method)


_CHOICES = "choices"
_TO_CHOOSE = "to-choose"
_CARRIED = {Key.DATA: DEFAULT_DATA} | dict.fromkeys((Key.SPLIT, Key.SAMPLE, Key.ENCODER, Key.PIN, Key.ALIKE, Key.FIRST), "")


def choose(choices: Choices) -> None:
    """Keep what the sidebar says, for the page."""
    st.session_state[_CHOICES] = choices


def choices() -> Choices:
    """What the sidebar says."""
    chosen: Choices = st.session_state[_CHOICES]
    return chosen


def theme_name() -> ThemeName:
    """The theme that the visitor sees."""
    return "dark" if st.context.theme.type == "dark" else "light"


def mend_address() -> None:
    """Drop numbers without end from the address, since Streamlit's field for whole numbers does not survive them, and read an
    address from before lambda was relative by default as it was meant."""
    endless = [key for key in st.query_params if any(map(_is_endless, st.query_params.get_all(key)))]
    for key in endless:
        del st.query_params[key]
    opened = not st.session_state.get(_OPENED, False)
    st.session_state[_OPENED] = True
    if (opened and _read_old_lambda()) or endless:
        st.rerun()


_OPENED = "opened"
_OLD_SWITCH, _OLD_DEFAULT = "relative", 1.0
_WEIGHT, _RELATIVE_WEIGHT, _ABSOLUTE, _MOMENTUM, _ROUNDS = "lambda", "rlambda", "absolute", "mreg", "iterations"


def _read_old_lambda() -> bool:
    """Whether the address was an old one: `lambda` alone was absolute, and beside `relative=true` stood a lambda in units that
    did not know how far the penalty grows by the last round."""
    query = st.query_params
    switch = query.get(_OLD_SWITCH)
    if switch is None and (_WEIGHT not in query or _ABSOLUTE in query):
        return False
    if switch is not None:
        del query[_OLD_SWITCH]
    if switch == "true":
        momentum, rounds = _number(query, _MOMENTUM, 0, 0.99, 0.9), _number(query, _ROUNDS, 1, 50, 10)
        weight = _number(query, _RELATIVE_WEIGHT, 0, 5, _OLD_DEFAULT) * (1 - momentum ** (rounds - 1))
        query[_RELATIVE_WEIGHT] = f"{round(20 * weight) / 20:g}"
    elif _WEIGHT in query:
        query[_ABSOLUTE] = "true"
    return True


def _number(query: Mapping[str, str], key: str, low: float, high: float, default: float) -> float:
    """A number of the address; the default where it lies outside or is none, since its control will drop it."""
    try:
        number = float(query.get(key, default))
    except ValueError:
        return default
    return number if low <= number <= high else default


def _is_endless(text: str) -> bool:
    try:
        return not isfinite(float(text))
    except ValueError:
        return False


def carry() -> None:
    """Put the choices that are made by buttons and links into the address.

    Streamlit binds widgets only, and what a list or a menu is bound to must be what it displays. These are therefore text
    fields that nobody sees or tabs to. Called once per run, before any page.
    """
    if to_choose := st.session_state.pop(_TO_CHOOSE, None):
        settled.put(to_choose)
    settled.restore()
    with st.container(key="carried"):
        st.html("<style>.st-key-carried { display: none; }</style>")
        for key, default in _CARRIED.items():
            st.text_input(key, default, key=key, bind="query-params", max_chars=200)
        settled.carry()


def choose_now(values: Mapping[str, Any]) -> NoReturn:
    """Choose something in the middle of a page, by keys that `carry` carries; the page runs anew with it."""
    st.session_state[_TO_CHOOSE] = dict(values)
    st.rerun()


def data() -> str:
    """Name of the data set that is looked at, with its sample and its split if only these are; see `sources`."""
    name: str = st.session_state.get(Key.DATA) or DEFAULT_DATA
    if drawn := st.session_state.get(Key.SAMPLE):
        n, _, seed = drawn.partition("-")
        name = f"{name}{SAMPLE_MARK}{n}-{seed or 0}"
    return f"{name}{SPLIT_MARK}{quote(split(), safe=_UNQUOTED)}" if split() else name


def split() -> str:
    """The split that is looked at; empty: all of the data set."""
    return st.session_state.get(Key.SPLIT) or ""


def alike() -> float:
    """The cosine from which on images are near-duplicates, whether or not one of them at most may be picked."""
    text = st.session_state.get(Key.ALIKE) or ""
    try:
        cosine = float(text)
    except ValueError:
        return USUALLY_ALIKE
    return cosine if LEAST_ALIKE <= cosine <= 1 else USUALLY_ALIKE


def alike_from(cosine: float) -> None:
    """Take images for near-duplicates from this cosine on; for callbacks."""
    settled.put({Key.ALIKE: "" if cosine == USUALLY_ALIKE else f"{cosine:g}"})


def pinned(n: int) -> int | None:
    """The image that is pinned, if it is one of n."""
    row = _whole(st.session_state.get(Key.PIN))
    return row if row is not None and row < n else None


def first(budget: int) -> int:
    """How many of the picks are shown: the first r of m, all of them unless somebody chose fewer."""
    r = _whole(st.session_state.get(Key.FIRST))
    return r if r is not None and 1 <= r < budget else budget


def show_first(r: int, budget: int) -> None:
    """Show the first r of the m picks; for callbacks. All of them is no choice, and stays so when m changes."""
    settled.put({Key.FIRST: "" if r >= budget else str(r)})


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def pin(row: int | None) -> None:
    """Pin an image, or none; for callbacks."""
    settled.put({Key.PIN: "" if row is None else str(row)})


def open_data(name: str) -> None:
    """Look at another data set; for callbacks. A pinned row would be another image there, and the name of an encoder is
    that of the images it learns from."""
    settled.put({Key.DATA: name} | dict.fromkeys((Key.SAMPLE, Key.SPLIT, Key.PIN, Key.LEARN_NAME), ""))


def use_split(name: str) -> None:
    """Look at one split of the data set, or, if empty, at all of it; for callbacks. Rows are numbered within a split."""
    settled.put({Key.SPLIT: name, Key.PIN: ""})


def use_sample(n_files: int | None) -> None:
    """Look at a uniform sample of that many files of the data set, or, if None, at all of it; for callbacks."""
    settled.put({Key.SAMPLE: "" if n_files is None else str(n_files), Key.SPLIT: "", Key.PIN: ""})


def assign(**values: Any) -> None:
    """Set choices by their keys; for callbacks."""
    settled.put(values)
