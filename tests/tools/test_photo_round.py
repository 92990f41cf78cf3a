"""The round on photos: who is which kind, and what is said of it; the round itself is played in tests/browser."""

from __future__ import annotations

import pytest

from tools.photo_round import Round, kind_of, table


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("n01440764_tench.JPEG", "animal"),
        ("photos/n02655020_puffer.JPEG", "animal"),
        ("n02666196_abacus.JPEG", "thing"),
        ("n06785654_crossword_puzzle.JPEG", "thing"),
        ("n07697537_hotdog.JPEG", "food or nature"),
        ("n09193705_alp.JPEG", "food or nature"),
        ("n13133613_ear.JPEG", "food or nature"),
    ],
)
def test_the_number_says_the_kind(path, kind):
    assert kind_of(path) == kind


def test_a_name_without_a_number_is_refused():
    with pytest.raises(ValueError, match=r"'cat\.jpg' does not begin with a WordNet number"):
        kind_of("cat.jpg")


def test_what_is_printed():
    one = Round(
        flagged=1,
        changed=1,
        labels={"n01440764_tench.JPEG": "animal", "n02666196_abacus.JPEG": "thing"},
        second=["n07697537_hotdog.JPEG"],
        files=["run.json"],
    )
    lines = table(one, [(2, 8, 0.5, 0.625), (3, 7, 4 / 7, 5 / 7)]).splitlines()
    assert lines[2:] == [
        "| reviewed | 2 picks of USL, 1 flagged, 1 swapped for a runner-up |",
        "| taken home | `run.json` |",
        "| labels back | 1 animal, 1 thing, 0 food or nature |",
        "| second round | 1 picks of uherding: 0 animal, 0 thing, 1 food or nature |",
        "| right with 2 labels | 50.0 % of the other 8 (logistic), 62.5 % (1-NN) |",
        "| right with 3 labels | 57.1 % of the other 7 (logistic), 71.4 % (1-NN) |",
    ]
