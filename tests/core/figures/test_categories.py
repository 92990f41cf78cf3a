"""Colours of many classes and clusters: far apart to every eye on every ground, and neighbours on the map never alike."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usl_core.errors import UslError
from usl_core.figures import categories
from usl_core.figures.categories import MANY, MOST, category_palette, places_on_map, sharing
from usl_core.figures.colouring import FAR, assigned
from usl_core.figures.contacts import NAMED, contacts, named_neighbours
from usl_core.figures.palette import CATEGORICAL, THEMES, category_places, contrast
from usl_core.figures.vision import BLIND_SHARE, VISIONS, channels_of, colour_distances, oklab


def voronoi(n: int, m: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points of a map, each in the cluster of the nearest of m of them, all of which have points."""
    rng = np.random.default_rng(seed)
    xy = rng.normal(size=(n, 2)).astype(np.float32)
    centres = xy[rng.choice(n, m, replace=False)]
    nearest = [((block[:, None] - centres) ** 2).sum(-1).argmin(1) for block in np.array_split(xy, max(n // 500, 1))]
    return xy, np.concatenate(nearest)


def worst(a: str, b: str) -> float:
    """How far two colours are apart, to the vision that sees them closest, in units of normal vision."""
    share = {vision: 1 if vision == "normal" else BLIND_SHARE for vision in VISIONS}
    return min(colour_distances([a, b], vision)[0, 1] / share[vision] for vision in VISIONS)


# ---------------------------------------------------------------- the palette


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("vision", VISIONS)
def test_any_two_of_the_many_colours_are_apart_to_every_vision(theme, vision):
    least = 0.10 if vision == "normal" else 0.04
    seen = oklab(channels_of(MANY[theme]), vision)
    assert len(seen) == 48
    for a, b in itertools.combinations(range(len(seen)), 2):
        assert np.sqrt(((seen[a] - seen[b]) ** 2).sum()) >= least, (MANY[theme][a], MANY[theme][b])


@pytest.mark.parametrize("theme", THEMES)
def test_the_many_colours_are_legible_and_none_is_that_of_no_category(theme):
    look = THEMES[theme]
    for colour in MANY[theme]:
        assert contrast(colour, look.background) >= 3
        for vision in VISIONS:
            assert colour_distances([colour, look.muted], vision)[0, 1] >= (0.10 if vision == "normal" else 0.04)


def test_a_place_has_a_similar_hue_in_both_themes():
    light, dark = (oklab(channels_of(MANY[theme]))[:, 1:] for theme in ("light", "dark"))
    same = np.linalg.norm(light - dark, axis=1).mean()
    shuffled = [np.linalg.norm(light - np.roll(dark, by, axis=0), axis=1).mean() for by in range(1, 48)]
    assert same < 0.5 * min(shuffled)


def test_up_to_twenty_keep_the_twenty():
    xy, ids = voronoi(300, 20)
    assert category_palette(20, "light") == category_palette(20, "dark") == category_palette(0, "light") == CATEGORICAL
    assert places_on_map(xy, ids, 20).tolist() == list(range(20))
    assert places_on_map(xy, np.full(300, -1), 0).tolist() == []
    assert category_palette(21, "dark") == MANY["dark"]


# ---------------------------------------------------------------- who lies beside whom


def brute_force_contacts(xy: np.ndarray, ids: np.ndarray, count: int) -> np.ndarray:
    """Overlap of smoothed densities, pair of points by pair of points, each in the middle of its cell of the map."""
    low, high = np.percentile(xy.astype(np.float64), [0.5, 99.5], axis=0)
    step = float((high - low).max()) / 64 or 1.0
    cells = np.clip(np.floor((xy - low) / step), 0, 63)
    between = np.zeros((count, count))
    for a, b in itertools.product(range(len(xy)), repeat=2):
        if ids[a] >= 0 and ids[b] >= 0:
            squared = ((cells[a] - cells[b]) ** 2).sum()
            kernel = sum(weight * np.exp(-squared / (2 * reach**2)) for reach, weight in ((1.5, 1), (4, 0.2), (14, 0.02)))
            between[ids[a], ids[b]] += kernel
    sizes = np.bincount(ids[ids >= 0], minlength=count)
    between /= np.maximum(np.outer(sizes, sizes), 1)
    found = np.zeros((count, count))
    for a, b in itertools.product(range(count), repeat=2):
        if a != b and sizes[a] and sizes[b]:
            found[a, b] = between[a, b] / np.sqrt(between[a, a] * between[b, b])
    for a in range(count):
        if found[a].max() > 0:
            found[a] = found[a] / found[a].max()
    return np.maximum(found, found.T)


@pytest.mark.parametrize("seed", range(4))
def test_contacts_are_the_overlaps_of_densities(seed):
    rng = np.random.default_rng(seed)
    n, count = 70, 9
    xy = (rng.normal(size=(n, 2)) * rng.uniform(0.1, 4, 2)).astype(np.float32)
    ids = rng.integers(-1, count - 1, n)  # the last has no points
    found = contacts(xy, ids, count)
    # Rows are scaled by their largest before they are made symmetric, so both must be done alike.
    assert found == pytest.approx(brute_force_contacts(xy, ids, count), abs=2e-4)
    assert not found[-1].any()


def test_neighbours_on_a_chessboard_are_those_beside():
    side = 8
    columns, rows = np.meshgrid(np.arange(side * 10), np.arange(side * 10))
    xy = np.column_stack([columns.ravel(), rows.ravel()]).astype(np.float32)
    ids = (rows // 10 * side + columns // 10).ravel()
    named = named_neighbours(contacts(xy, ids, side * side))
    for one in range(side * side):
        row, column = divmod(one, side)
        beside = [(row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)]
        assert all(named[one, r * side + c] for r, c in beside if 0 <= r < side and 0 <= c < side)
        far = [r * side + c for r in range(side) for c in range(side) if max(abs(r - row), abs(c - column)) > 2]
        assert not named[one, far].any()


def test_clusters_that_touch_nobody_have_neighbours_too():
    centres = np.array([[0, 0], [10, 0], [0, 10], [500, 500], [510, 500]])
    ids = np.repeat(np.arange(5), 30)
    xy = (centres[ids] + np.random.default_rng(0).normal(0, 0.1, (150, 2))).astype(np.float32)
    close = contacts(xy, ids, 5)
    assert close[3].argmax() == 4
    assert set(np.argsort(-close[0])[:2]) == {1, 2}
    assert close[0, 3] > 0


def test_a_stray_point_makes_no_neighbours():
    """One point of cluster 0 lies in the middle of cluster 1, whose neighbours are others."""
    ids = np.repeat(np.arange(8), 200)
    rng = np.random.default_rng(1)
    xy = (np.column_stack([12 * ids, np.zeros(len(ids))]) + rng.normal(0, 2, (1600, 2))).astype(np.float32)
    xy[0] = 12 * 7, 0
    close = contacts(xy, ids, 8)
    assert close[0].argmax() == 1
    assert close[0, 7] < 0.1 * close[0, 1]


def test_one_place_for_all_is_no_mistake():
    close = contacts(np.zeros((6, 2), dtype=np.float32), np.arange(6), 6)
    assert np.array_equal(close, 1 - np.eye(6))


# ---------------------------------------------------------------- who gets which colour


@pytest.mark.parametrize("m", [21, 30, 48])
def test_up_to_as_many_as_colours_have_one_each(m):
    xy, ids = voronoi(1500, m)
    assert len(set(places_on_map(xy, ids, m).tolist())) == m


@pytest.mark.parametrize("m", [49, 60, 150, 400])
def test_neighbours_never_share_a_colour_and_theirs_are_far_apart(m):
    xy, ids = voronoi(4000, m, seed=m)
    places = places_on_map(xy, ids, m)
    named = named_neighbours(contacts(xy, ids, m))
    assert named.sum() >= 2 * m
    for theme, colours in MANY.items():
        seen = {
            pair: worst(*pair) for pair in {(colours[places[a]], colours[places[b]]) for a, b in np.argwhere(np.triu(named))}
        }
        assert min(seen.values()) >= FAR - 1e-9, theme
    assert len(set(places.tolist())) > 40, "no colour lies idle while others are shared"


def test_neighbours_of_fewer_clusters_differ_more_than_by_chance():
    for m in (30, 48):
        xy, ids = voronoi(1500, m, seed=m)
        pairs = np.argwhere(np.triu(named_neighbours(contacts(xy, ids, m))))
        places = places_on_map(xy, ids, m)
        rng = np.random.default_rng(0)
        drawn = [rng.permutation(48)[:m] for _ in range(20)]
        apart = categories._apart()
        least = [apart[worn[pairs[:, 0]], worn[pairs[:, 1]]] for worn in (places, *drawn)]
        assert least[0].min() >= max(values.min() for values in least[1:])
        assert np.median(least[0]) > max(np.median(values) for values in least[1:])


@st.composite
def graphs(draw):
    m = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    close = np.triu(rng.random((m, m)) * (rng.random((m, m)) < draw(st.floats(0, 1))), 1)
    return close + close.T


@given(graphs(), st.integers(2 * NAMED + 1, 20))
@settings(max_examples=60, deadline=None)
def test_no_graph_of_named_neighbours_makes_two_of_them_alike(close, n_colours):
    rng = np.random.default_rng(len(close))
    apart = np.triu(rng.random((n_colours, n_colours)) + 0.01, 1)
    apart += apart.T
    named = named_neighbours(close)
    assert not named.diagonal().any()
    assert np.array_equal(named, named.T)
    places = assigned(close, named, apart)
    assert places.min() >= 0
    assert places.max() < n_colours
    assert not (named & (places[:, None] == places)).any()
    if len(close) <= n_colours:
        assert len(set(places.tolist())) == len(close)


def test_few_colours_are_handed_out_as_well_as_can_be():
    """Against every way there is: four clusters in a row, four colours of which two pairs are alike."""
    apart = np.array([[0, 0.1, 0.5, 0.6], [0.1, 0, 0.55, 0.5], [0.5, 0.55, 0, 0.1], [0.6, 0.5, 0.1, 0]])
    close = np.zeros((4, 4))
    for a in range(3):
        close[a, a + 1] = close[a + 1, a] = 1
    worn = assigned(close, close > 0, apart)
    best = max(itertools.permutations(range(4)), key=lambda way: min(apart[way[a], way[a + 1]] for a in range(3)))
    assert min(apart[worn[a], worn[a + 1]] for a in range(3)) == min(apart[best[a], best[a + 1]] for a in range(3))


def test_the_same_question_has_the_same_answer():
    xy, ids = voronoi(900, 70)
    first = places_on_map(xy, ids, 70)
    categories._found.clear()
    assert np.array_equal(places_on_map(xy.astype(np.float64), ids.astype(np.int32), 70), first)
    assert places_on_map(xy, ids, 70) is places_on_map(xy, ids, 70), "and is remembered"
    assert not first.flags.writeable
    other = np.random.default_rng(1).permutation(70)[ids]
    assert not np.array_equal(places_on_map(xy, other, 70), first)


def test_what_is_remembered_does_not_grow(monkeypatch):
    monkeypatch.setattr(categories, "_KEPT", 3)
    maps = [voronoi(60, 25, seed=seed) for seed in range(5)]
    found = [places_on_map(xy, ids, 25) for xy, ids in maps]
    assert len(categories._found) == 3
    assert places_on_map(*maps[-1], 25) is found[-1]


def test_ids_without_points_take_nobodys_colour_away():
    xy, ids = voronoi(900, 48)
    places = places_on_map(xy, 3 * ids, 200)
    assert len(set(places[3 * np.unique(ids)].tolist())) == 48
    assert places.shape == (200,)
    assert places.max() < 48


def test_beyond_the_limit_the_id_decides():
    ids = np.arange(MOST + 1)
    xy = np.random.default_rng(0).normal(size=(len(ids), 2)).astype(np.float32)
    assert np.array_equal(places_on_map(xy, ids, MOST + 1), category_places(ids, 48))
    assert category_places(ids, 48)[:48].tolist() == list(range(48))


def test_images_of_no_cluster_count_for_nobody():
    xy, ids = voronoi(900, 30)
    far = np.vstack([xy, np.random.default_rng(0).uniform(-1, 1, (50, 2)).astype(np.float32)])
    assert len(set(places_on_map(far, np.append(ids, np.full(50, -1)), 30).tolist())) == 30
    assert places_on_map(xy, np.full(900, -1), 30).shape == (30,)


def test_sharing_in_words():
    assert sharing(48, 48) == ""
    assert sharing(150, 48) == "150 share 48 colours, neighbours never the same"
    assert sharing(2000, 48) == "2,000 share 48 colours"


XY = np.zeros((3, 2), dtype=np.float32)
BAD = {
    "no plane": (lambda: places_on_map(np.zeros((3, 3)), np.arange(3), 30), "(n, 2)"),
    "not finite": (lambda: places_on_map(np.full((3, 2), np.nan), np.arange(3), 30), "finite"),
    "too few ids": (lambda: places_on_map(XY, np.arange(2), 30), "(3)"),
    "broken ids": (lambda: places_on_map(XY, np.zeros(3), 30), "whole number"),
    "an id too many": (lambda: places_on_map(XY, np.array([0, 30, 1]), 30), "[-1, 29]"),
    "an id below none": (lambda: places_on_map(XY, np.array([0, -2, 1]), 30), "-2"),
    "fewer than none": (lambda: places_on_map(XY, np.arange(3), -1), "count"),
    "no such theme": (lambda: category_palette(3, "neon"), "'neon'"),
    "half a category": (lambda: category_palette(2.5, "light"), "count"),
}


@pytest.mark.parametrize(("call", "named"), BAD.values(), ids=BAD)
def test_a_mistake_is_named(call, named):
    with pytest.raises(UslError) as error:
        call()
    assert named in str(error.value)
