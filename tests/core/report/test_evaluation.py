"""The page of an evaluation: its numbers are those of the frame, and it says better only where that is more than chance."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas
import pytest

from usl_core.errors import UslError
from usl_core.evaluation.statistics import paired_differences
from usl_core.report.evaluation import write_evaluation_report


def frame(gain: float, n_seeds: int = 8) -> pandas.DataFrame:
    """Random at 50 and 60 %, stratified 30 points above, USL `gain`, and noise that cancels over an even number
    of seeds."""
    rows = []
    for method, more in (("random", 0.0), ("stratified", 0.3), ("usl", gain)):
        for budget, base in ((10, 0.5), (40, 0.6)):
            for seed in range(n_seeds):
                accuracy = base + more + 0.002 * (-1) ** (seed + len(method))
                for learner in ("1-nn", "linear"):
                    rows.append(
                        {
                            **{"method": method, "budget": budget, "seed": seed, "learner": learner, "accuracy": accuracy},
                            **{"macro_accuracy": accuracy, "calibration_error": 0.1, "classes_covered": 2, "n_tested": 100},
                            **{"class_accuracy": (accuracy, accuracy), "picks": (seed, budget)},
                        }
                    )
    return pandas.DataFrame(rows)


def page(made: pandas.DataFrame, tmp_path: Path, **more: object) -> str:
    path = tmp_path / "page.html"
    write_evaluation_report(made, path, title="<b>my & photos</b>", **more)  # type: ignore[arg-type]
    return path.read_text(encoding="utf-8")


def test_the_numbers_are_those_of_the_frame(tmp_path):
    made = frame(0.1)
    html = page(made, tmp_path, command="python -m usl_core evaluate 'a b'", facts=[("images", "120")])
    for (_, _, _), accuracy in made.groupby(["learner", "method", "budget"]).accuracy.mean().items():
        assert f"{100 * accuracy:.1f}" in html
    for row in paired_differences(made).itertuples():
        assert f"{100 * row.low:+.1f} to {100 * row.high:+.1f}".replace("-", "−") in html
    assert "USL is better at m = 10, 40" in html
    assert "&lt;b&gt;my &amp; photos&lt;/b&gt;" in html
    assert "<b>my" not in html
    assert "python -m usl_core evaluate &#39;a b&#39;" in html
    assert "<li><span>images</span> 120</li>" in html


def test_what_may_be_chance_is_grey_and_unsaid(tmp_path):
    html = page(frame(0.0)[lambda its: its.method != "stratified"], tmp_path)
    assert html.count("No difference to Random is more than chance may make it.") == 2
    table = html[html.index('id="tables"') : html.index('<script type="application/json"')]
    assert "▲</small>" not in table
    assert table.count('class="faint"') == 4


def test_who_sees_the_labels_is_no_winner(tmp_path):
    html = page(frame(0.1), tmp_path)
    row = re.search(r"Stratified</span> †</th>(.*?)</tr>", html, re.S)
    assert row is not None
    assert "best" not in row[1]
    assert "† sees the class labels" in html


def test_labels_needed_stand_where_they_tell_methods_apart(tmp_path):
    html = page(frame(0.1), tmp_path)
    needed = html[html.index('id="needed"') :]
    assert "<td>50 %</td>" not in needed or "≤ 10" in needed
    assert "<td>95 %</td>" not in needed  # nobody gets there
    assert "≤ 10" in needed


def test_one_seed_has_no_intervals(tmp_path):
    html = page(frame(0.1, n_seeds=1), tmp_path)
    assert "mean over 1 seed." in html
    assert "Bands: 95" not in html
    assert "NaN" not in html[html.index('id="figures"') : html.index("</script>", html.index('id="figures"'))]


def test_curves_are_there_in_both_themes(tmp_path):
    html = page(frame(0.1), tmp_path)
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', html, re.S)
    assert found is not None
    drawn = json.loads(found[1])
    assert set(drawn) == {"light", "dark"}
    assert set(drawn["light"]) == {"1-nn", "linear"}
    assert {trace["name"] for trace in drawn["dark"]["1-nn"]["data"]} == {"Random", "Stratified", "USL"}


def test_a_rival_that_took_no_part_is_named(tmp_path):
    with pytest.raises(UslError, match="usl-t"):
        page(frame(0.1), tmp_path, against="usl-t")
