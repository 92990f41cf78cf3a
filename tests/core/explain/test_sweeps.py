"""Sweeps of lambda and alpha agree with single selections."""

from __future__ import annotations

from dataclasses import replace

import pytest

import usl_core as usl
from usl_core.errors import Cancelled, UslError
from usl_core.explain.sweeps import POWERS, WEIGHTS, sweep
from usl_core.pipeline.prepared import load_prepared


@pytest.fixture(scope="module")
def toy():
    return load_prepared("toy:blobs")


@pytest.mark.parametrize(("swept", "values"), [("reg_weight", (0.0, 1.0, 4.0)), ("reg_power", (0.5, 3.0))])
def test_each_point_is_the_selection_at_its_value(toy, swept, values):
    params = usl.UslParams(reg_weight=0.8, reg_power=2.0, n_neighbors=10, relative_weight=swept == "reg_power")
    points = sweep(toy.features, 15, swept, values, params=params, neighbors=toy.neighbors, seed=3)
    plain = usl.select(toy.features, 15, "usl", replace(params, reg_weight=0.0), seed=3, neighbors=toy.neighbors)
    assert [point.value for point in points] == list(values)
    for point in points:
        wanted = replace(params, **{swept: point.value, "relative_weight": True})
        chosen = usl.select(toy.features, 15, "usl", wanted, seed=3, neighbors=toy.neighbors)
        expected = usl.score_selection(
            toy.features, chosen, toy.neighbors, labels=toy.images.labels, n_classes=8, n_neighbors=10
        )
        assert point.card == expected
        assert point.changed == len(set(chosen.indices.tolist()) - set(plain.indices.tolist()))
    if swept == "reg_weight":
        assert points[0].changed == 0 < points[-1].changed


def test_it_reports_and_can_be_stopped(toy):
    seen = []
    sweep(toy.features, 5, "reg_weight", WEIGHTS, params=usl.UslParams(), neighbors=toy.neighbors,
          on_progress=lambda fraction, note: seen.append(fraction))  # fmt: skip
    assert seen == sorted(seen)
    assert (seen[0], seen[-1], len(seen)) == (0, 1, len(WEIGHTS) + 1)

    def stop(fraction, note):
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        sweep(toy.features, 5, "reg_power", POWERS, params=usl.UslParams(), neighbors=toy.neighbors, on_progress=stop)


def test_nonsense_is_refused(toy):
    for swept, values, said in (("seed", (1,), "'seed'"), ("reg_power", (), "none"), ("reg_power", (-1.0,), "alpha")):
        with pytest.raises(UslError, match=said):
            sweep(toy.features, 5, swept, values, params=usl.UslParams(), neighbors=toy.neighbors)


def test_a_toy_is_a_prepared_source_like_any_other(toy):
    points, groups = usl.load_toy("blobs")
    assert (toy.pca.xy == points).all()
    assert (toy.images.labels == groups).all()
    assert toy.images.class_names[0] == "group 1"
    assert len(set(toy.images.digests)) == len(points) == len(toy.features)
    assert "true" in toy.pca.note
    assert load_prepared("toy:moons").features.fingerprint != toy.features.fingerprint
    assert load_prepared("toy:blobs").features.fingerprint == toy.features.fingerprint
    with pytest.raises(UslError, match="no toy named 'nothing'"):
        load_prepared("toy:nothing")
