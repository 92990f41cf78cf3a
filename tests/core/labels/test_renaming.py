"""Classes under other names: what a message offers can be given back, and what cannot be renamed is said."""

from __future__ import annotations

import json
import shlex

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import usl_core as usl
from usl_core.errors import UslError
from usl_core.labels.entries import Entry, LabelFile, class_text
from usl_core.labels.renaming import renamed
from usl_core.labels.returned import LabelReport
from usl_core.labels.spelling import Typo
from usl_core.names import spelled_out


def file_of(*classes: tuple[str, ...]) -> LabelFile:
    return LabelFile(
        kind="pairs", entries=[Entry(names=(f"{at}.png",), classes=one, where="") for at, one in enumerate(classes)]
    )


def after(*renames: str, classes: tuple[tuple[str, ...], ...] = (("Dark",), ("dark",), ("bright",))) -> list[tuple[str, ...]]:
    file = file_of(*classes)
    renamed(file, renames, "labels.csv")
    return [entry.classes for entry in file.entries]


def test_a_class_becomes_another_and_two_change_places():
    assert after("Dark=dark") == [("dark",), ("dark",), ("bright",)]
    assert after("dark=bright", "bright=dark") == [("Dark",), ("bright",), ("dark",)]
    assert after("Dark= pitch  dark ") == [("pitch dark",), ("dark",), ("bright",)]
    assert after("Dark=dark", classes=(("Dark", "dark"),)) == [("dark",)], "no image of two classes any more"
    assert after() == [("Dark",), ("dark",), ("bright",)]


def test_a_name_may_hold_the_sign():
    assert after("=1+1=two", classes=(("=1+1",),)) == [("two",)]
    assert after("a=b=c", classes=(("a",),)) == [("b=c",)]
    assert after("a=b=c", classes=(("a=b",),)) == [("c",)]
    assert after("a=b=c", classes=(("a",), ("a=b",), ("c",))) == [("a",), ("c",), ("c",)], "the new name is a class, too"


@pytest.mark.parametrize(
    ("renames", "said"),
    [
        (["dork=dark"], r"labels\.csv has no class 'dork', so it cannot be renamed; do you mean 'dark'\?"),
        (["???=dark"], r"it has 'Dark', 'bright', 'dark'"),
        (["dark"], r"must be given as OLD=NEW but is 'dark'"),
        (["=dark"], r"must be given as OLD=NEW but is .=dark"),
        (["dark= "], r"the new name of class 'dark' is empty"),
        (["a=b=c"], r"may mean 'a' to become 'b=c' or 'a=b' to become 'c'"),
        (["dark=a", "dark=b"], r"class 'dark' is renamed twice, to 'a' and 'b'"),
    ],
)
def test_what_is_wrong_is_said(renames, said):
    with pytest.raises(UslError, match=said):
        after(*renames, classes=(("Dark",), ("dark",), ("bright",), ("a",), ("a=b",))[: 5 if renames == ["a=b=c"] else 3])


def test_nothing_to_rename_is_said():
    with pytest.raises(UslError, match="it has none at all"):
        renamed(file_of((), ()), {"a": "b"}, "labels.csv")


NAMES = st.text(min_size=1, max_size=8).map(class_text).filter(bool)


@given(NAMES, NAMES)
@example("-rf", "=cmd|' /C calc'!A0")
@example("a\u202eb", "$(touch x); `id`")
@example("--rename", "a=b")
@example("'", '"')
@example("=", "0=")
def test_the_option_that_a_message_names_can_be_given_back(old, meant):
    """Through the shell, as it stands on the terminal."""
    assume(old != meant)
    assume(f"{old}={meant}" != f"{meant}={old}")  # nobody can tell; see the case a=b=c above
    report = LabelReport(n_entries=2, typos=(Typo(old, 1, meant, 9),))
    (line,) = next(lines for heading, lines in report.lists("--rename") if "misspelt" in heading)
    words = shlex.split(spelled_out(line).rpartition("; if so, give ")[2])
    given_back = words[1] if words[0] == "--rename" and len(words) == 2 else words[0].removeprefix("--rename=")
    file = file_of((old,), (meant,))
    assert renamed(file, [given_back], "labels.csv") == {old: meant}
    assert [entry.classes for entry in file.entries] == [(meant,), (meant,)]


def test_the_option_is_not_named_where_there_is_none():
    report = LabelReport(n_entries=1, typos=(Typo("Dark", 1, "dark", 9),))
    assert [line for _, lines in report.lists() for line in lines] == ["'Dark' (1 image) is probably 'dark' (9)"]


def test_read_labels_renames(tmp_path):
    images = usl.load_demo("digits").images
    (tmp_path / "labels.json").write_text(
        json.dumps({images.paths[0]: "zero", images.paths[1]: "Zero", images.paths[2]: "two"})
    )
    labels = usl.read_labels(tmp_path / "labels.json", images, rename={"Zero": "zero"})
    assert [name for _, name in labels.named()] == ["zero", "zero", "two"]
    assert labels.renamed == {"Zero": "zero"}
    assert not labels.report.typos
    assert usl.read_labels(tmp_path / "labels.json", images).report.typos
    with pytest.raises(UslError, match=r"labels\.json has no class 'one'"):
        usl.read_labels(tmp_path / "labels.json", images, rename=["one=1"])
