"""Collapses are named when they are there, and only then."""

from __future__ import annotations

import numpy as np
import pytest

import usl_core as usl
from usl_core.uslt.collapse import alarms
from usl_core.uslt.params import UsltParams
from usl_core.uslt.reports import EpochReport
from usl_core.uslt.train import train_uslt

PARAMS = UsltParams(n_epochs=20)


def report(sizes, *, entropy: float = 0.3, epoch: int = 20) -> EpochReport:
    clusters = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    return EpochReport(
        epoch=epoch,
        loss=1.0,
        global_loss=0.5,
        local_loss=0.1,
        confident_share=0.5,
        assignment_entropy=entropy,
        clusters=clusters,
        confidence=np.full(len(clusters), 0.5, dtype=np.float32),
        n_clusters=len(sizes),
        picks=np.arange(len(sizes)),
    )


@pytest.mark.parametrize(
    ("sizes", "entropy", "kinds"),
    [
        ([10] * 10, 0.3, []),
        ([91, *[1] * 9], 0.3, ["one-cluster"]),
        ([100, *[0] * 9], 0.3, ["one-cluster"]),
        ([10] * 10, 0.95, ["uniform"]),
        ([100, *[0] * 9], 0.95, ["one-cluster", "uniform"]),
        ([20] * 5 + [0] * 5, 0.3, ["dying"]),
        ([13] * 8 + [0] * 2, 0.3, []),
        ([9, 1], 0.3, []),  # two clusters, one of them large: the data may be like that
        ([100], 1.0, []),
    ],
)
def test_each_collapse_has_its_name(sizes, entropy, kinds):
    assert [alarm.kind for alarm in alarms([report(sizes, entropy=entropy)], PARAMS)] == kinds


def test_nothing_is_said_while_the_training_warms_up():
    assert alarms([], PARAMS) == ()
    assert alarms([report([100, 0], entropy=1.0, epoch=4)], PARAMS) == ()
    assert alarms([report([10] * 10, entropy=1.0, epoch=5)], PARAMS) != ()


def test_clusters_are_dying_when_few_were_alive_for_as_long_as_a_warm_up():
    few, many = [20] * 5 + [0] * 5, [13] * 8 + [0] * 2
    window = PARAMS.n_epochs // 4
    history = [report(many, epoch=10), *(report(few, epoch=11 + at) for at in range(window))]
    assert [alarm.kind for alarm in alarms(history, PARAMS)] == ["dying"]
    assert alarms(history[:-1], PARAMS) == (), "they come and go while others are born"


def test_of_the_other_collapses_only_the_latest_epoch_counts():
    assert alarms([report([100, *[0] * 9], epoch=19), report([10] * 10)], PARAMS) == ()


@pytest.mark.parametrize(
    ("params", "kind", "word"),
    [
        (UsltParams(adjust_strength=0.0), "dying", "alpha"),
        (UsltParams(sharpen_temperature=1.0), "uniform", "Lower t"),
        (UsltParams(adjust_strength=0.0, sharpen_temperature=1.0), "one-cluster", "alpha"),
    ],
)
def test_real_collapses_are_named_with_their_remedy(params, kind, word):
    demo = usl.load_demo("digits")
    history = train_uslt(demo.features, 40, params, neighbors=demo.neighbors).history
    found = {alarm.kind: alarm for alarm in alarms(history, params)}
    assert kind in found
    assert word in found[kind].remedy


def test_a_good_training_raises_none():
    demo = usl.load_demo("digits")
    params = UsltParams()
    history = train_uslt(demo.features, 40, params, neighbors=demo.neighbors).history
    for at in range(1, len(history) + 1):
        assert [alarm.kind for alarm in alarms(history[:at], params)] in ([], ["uniform"]), at
    assert alarms(history, params) == ()
