"""What an earlier version recorded is repeated as it was."""

from __future__ import annotations

import json

import pytest

from usl_core.cli.parser import main

from .old_runs import RECORDS, RUNS, write_pictures


@pytest.mark.parametrize("name", RUNS)
def test_an_old_record_gives_its_picks_again(name, tmp_path, capsys):
    write_pictures(tmp_path / "pictures")
    record = RECORDS / f"{name}.json"
    again = tmp_path / "again"
    assert main(["select", str(tmp_path / "pictures"), "--from", str(record), "--out", str(again), "--quiet"]) == 0, (
        capsys.readouterr().err
    )
    old, new = json.loads(record.read_text()), json.loads((again / "run.json").read_text())
    assert new["format"] == old["format"] == 1, "what is repeated by the old rules is recorded under the old rules"
    for key in ("method", "budget", "seed", "labelled", "vetoed", "params", "fingerprints"):
        assert new[key] == old[key], key


def test_the_old_rules_matter(tmp_path):
    """With today's rules these runs give other picks: or the test above would prove nothing."""
    write_pictures(tmp_path / "pictures")
    for name in ("random", "usl-relative"):
        document = json.loads((RECORDS / f"{name}.json").read_text()) | {"format": 2}
        record = tmp_path / f"{name}.json"
        record.write_text(json.dumps(document))
        assert main(["select", str(tmp_path / "pictures"), "--from", str(record), "--quiet"]) == 2
