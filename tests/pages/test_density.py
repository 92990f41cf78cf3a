"""Density, run without a browser: the numbers on screen are those of the library, for every k and every pinned image."""

from __future__ import annotations

import numpy as np
import pytest

import usl_core as usl


@pytest.fixture(scope="module")
def digits():
    return usl.load_demo("digits")


def rows(app, title):
    return [item["row"] for item in app.gallery(title)]


@pytest.mark.parametrize("k", [1, 20, 57])
def test_peaks_tails_and_agreement_follow_k(app, digits, k):
    app.open("density", k=str(k)).fine()
    assert app.heading == "Who is typical?"
    mean, kth = (usl.density_percentile(usl.utility(digits.neighbors, k, estimate=estimate)) for estimate in ("mean", "kth"))
    peaks = usl.density_peaks(digits.neighbors, k)
    assert rows(app, "Density peaks, the densest first") == peaks[:24].tolist()
    assert f"Rings mark the {len(peaks):,} density peaks" in app.plain
    tails = rows(app, "The least dense images, the loneliest first")
    assert (np.diff(mean[tails]) >= 0).all()
    assert mean[tails].max() <= np.sort(mean)[23]
    assert f"alike to {np.corrcoef(mean, kth)[0, 1]:.3f}" in app.plain
    parted = rows(app, "Images that the two estimates rank most differently")
    assert np.abs(mean - kth)[parted].min() >= np.sort(np.abs(mean - kth))[-12]


def test_the_k_slider_moves_the_page_without_a_new_search(app, digits, monkeypatch):
    app.open("density").fine()
    monkeypatch.setattr("usl_core.graph.neighbors.find_neighbors", lambda *a, **k: pytest.fail("searched again"))
    app.widget("slider", "k").set_value(33).run()
    assert rows(app.fine(), "Density peaks, the densest first") == usl.density_peaks(digits.neighbors, 33)[:24].tolist()


def test_a_pinned_image_shows_its_neighbourhood_at_true_distances(app, digits):
    app.open("density", pin="5", k="8").fine()
    distances = digits.neighbors.distances[5, :8]
    assert f"their mean distance, {distances.mean():.3f}" in app.plain
    assert f"the distance to neighbour 8, {distances[-1]:.3f}" in app.plain
    assert "64 dimensions" in app.plain or f"{digits.features.values.shape[1]} dimensions" in app.plain
    assert "mean distance," not in type(app)().open("density", k="8").plain.replace("by mean distance,", "")


def test_the_picks_of_usl_come_when_asked_for(app, digits):
    app.open("density", m="7").fine()
    app.widget("toggle", "density-picks").set_value(True).run()
    expected = usl.select(digits.features, 7, "usl", neighbors=digits.neighbors).indices.tolist()
    ranks = next(figure for figure in map(app.figure, range(3)) if len(figure["data"]) == 2 and figure["data"][1].get("name"))
    assert ranks["data"][1]["name"] == "picks of USL"
    assert app.maps()["panels"]
    assert all(panel["picks"] == expected for panel in app.maps()["panels"])


def test_before_encoding_it_leads_to_data(app, root):
    from .conftest import name_of, write_images

    app.open("density", data=name_of(write_images(root / "few", 12))).fine()
    assert "not been encoded yet" in app.text
