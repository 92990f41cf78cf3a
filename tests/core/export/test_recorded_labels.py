"""Labels in a run.json: they come back as they were, and what somebody has broken is named."""

from __future__ import annotations

import json

import pytest

from usl_core.errors import UslError
from usl_core.export.recorded_labels import RecordedLabels, recorded_labels

LABELS = RecordedLabels(
    file="/labels.csv", kind="a table", digest="ab", class_names=("a", "=b", "c"), rows=(1, 4, 5), classes=(2, 0, 2)
)


def test_they_survive_json():
    document = json.loads(json.dumps({"labels": LABELS.document()}))
    assert recorded_labels("run.json", document, 6) == LABELS
    assert LABELS.ids(6).tolist() == [-1, 2, -1, -1, 0, 2]
    assert recorded_labels("run.json", {}, 6) is None
    assert recorded_labels("run.json", {"labels": None}, 6) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rows", [1, 4, 6]),
        ("rows", [1, 1, 5]),
        ("rows", [4, 1, 5]),
        ("rows", "145"),
        ("classes", [0, 1, 3]),
        ("classes", [0, 1]),
        ("classes", [True, 1, 2]),
        ("class_names", ["a", "a", "c"]),
        ("class_names", [1, 2, 3]),
        ("file", None),
        ("digest", 3),
    ],
)
def test_what_is_broken_is_named(field, value):
    with pytest.raises(UslError, match=f"run.json: labels.{field} "):
        recorded_labels("run.json", {"labels": {**LABELS.document(), field: value}}, 6)


def test_labels_that_are_none_are_named():
    with pytest.raises(UslError, match=r"run\.json: labels must be of type dict"):
        recorded_labels("run.json", {"labels": [1]}, 6)
