"""Picks on disk: the same as those that were made, made once, and never those of other settings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import usl_core as usl
from usl_core.errors import Cancelled, UslError
from usl_core.jobs.tasks import TASKS
from usl_core.pipeline import kept_picks
from usl_core.pipeline.kept_picks import KeptPicks
from usl_core.selection import registry
from usl_core.selection.k_center import KCenterParams


@pytest.fixture
def demo():
    return usl.load_demo("digits")


@pytest.mark.parametrize("method", ["k-center", "kmeans-center", "herding", "stratified", "usl"])
@pytest.mark.parametrize("near_duplicates", [None, 0.98])
def test_what_is_read_is_what_was_made(demo, method, near_duplicates):
    picks = KeptPicks(demo.features, method, 12, seed=3, near_duplicates=near_duplicates)
    assert picks.load() is None
    assert picks.version is None
    made = picks.make(demo.neighbors)
    read = KeptPicks(demo.features, method, 12, seed=3, near_duplicates=near_duplicates).load()
    wanted = usl.select(
        *(demo.features, 12, method),
        seed=3,
        labels=demo.images.labels,
        neighbors=demo.neighbors,
        near_duplicates=near_duplicates,
    )
    for found in (made, read):
        for name in ("indices", "clusters", "scores"):
            np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
            assert getattr(found, name).dtype == getattr(wanted, name).dtype
        assert (found.cluster_labels is None) == (wanted.cluster_labels is None)
        if wanted.cluster_labels is not None:
            np.testing.assert_array_equal(found.cluster_labels, wanted.cluster_labels)
        assert (found.method, found.params, found.seed) == (wanted.method, wanted.params, wanted.seed)
        assert (dict(found.info), found.notes) == (dict(wanted.info), wanted.notes)


def test_every_setting_has_an_entry_of_its_own(demo, monkeypatch):
    drawn = KCenterParams(first="random")
    asked = [
        KeptPicks(demo.features, "k-center", 12),
        KeptPicks(demo.features, "herding", 12),
        KeptPicks(demo.features, "k-center", 13),
        KeptPicks(demo.features, "k-center", 12, drawn),
        KeptPicks(demo.features, "k-center", 12, seed=1),
        KeptPicks(demo.features, "k-center", 12, near_duplicates=0.99),
        KeptPicks(usl.load_demo("shapes").features, "k-center", 12),
    ]
    assert len({one.key for one in asked}) == len(asked)
    assert KeptPicks(demo.features, "k-center", 12, KCenterParams()).key == asked[0].key, "defaults are defaults"
    cards = [replace(card, algorithm=2) for card in registry.method_cards()]
    monkeypatch.setattr(kept_picks, "method_cards", lambda second_round: cards)
    assert KeptPicks(demo.features, "k-center", 12).key != asked[0].key


def test_it_is_made_once_and_a_stop_leaves_nothing(demo, monkeypatch):
    picks = KeptPicks(demo.features, "k-center", 12)

    def stop(share: float, note: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        picks.make(demo.neighbors, on_progress=stop)
    assert picks.load() is None
    first = picks.make(demo.neighbors)
    monkeypatch.setattr(kept_picks, "select", None)
    assert picks.make(demo.neighbors).indices.tolist() == first.indices.tolist()


def test_the_task_makes_them_and_a_mistake_is_named(demo):
    asked = {"source": "demo:digits", "encoder": "bundled:mini", "method": "k-center", "params": {"first": "random"}, "seed": 5}
    assert TASKS["select"](**asked, budget=7, on_progress=lambda share, note: None) == {"picks": 7}
    found = KeptPicks(demo.features, "k-center", 7, KCenterParams(first="random"), seed=5).load()
    assert found is not None
    assert len(found) == 7
    with pytest.raises(UslError, match="budget must be in"):
        TASKS["select"](**asked, budget=10_000, on_progress=lambda share, note: None)
