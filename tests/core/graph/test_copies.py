"""Copies are one image to every method: found by brute force, and looked for in every selection."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import usl_core as usl
from usl_core.explain.steps import steps_to_usl
from usl_core.graph.copies import candidates, copy_groups
from usl_core.selection.registry import methods
from usl_core.types import Features, ImageSet
from usl_core.validation import unit_rows

EMPTY = np.empty(0, dtype=np.int64)
QUICK = {"usl-t": usl.UsltParams(n_epochs=3, n_views=0)}


def _groups(x: np.ndarray, duplicates: list[tuple[int, ...]]) -> list[int]:
    """The lowest row that is reached over equal rows and equal files."""
    n = len(x)
    like = np.array([[bool((x[i] == x[j]).all()) for j in range(n)] for i in range(n)])
    for group in duplicates:
        for i in group:
            for j in group:
                like[i, j] = True
    for _ in range(n):
        like = (like.astype(int) @ like.astype(int)) > 0
    return [int(np.flatnonzero(row)[0]) for row in like]


@given(st.data())
@settings(max_examples=120, derandomize=True)
def test_groups_are_those_of_brute_force(data):
    n = data.draw(st.integers(1, 12))
    points = data.draw(hnp.arrays(np.float64, (n, 2), elements=st.sampled_from([-1.0, -0.0, 0.0, 1.0])))
    points[np.abs(points).sum(axis=1) == 0] = -0.0, 1.0
    x = unit_rows(points)
    rows = data.draw(st.permutations(range(n)))
    cut = data.draw(st.integers(0, n))
    duplicates = [group for group in (tuple(rows[:cut][at : at + 2]) for at in range(0, cut, 2)) if len(group) > 1]
    expected = _groups(x, duplicates)
    assert copy_groups(x, duplicates=duplicates).tolist() == expected
    for k in (1, 3):
        assert copy_groups(x, neighbors=usl.find_neighbors(x, k), duplicates=duplicates).tolist() == expected


def test_chains_of_files_and_features_are_one_group():
    x = unit_rows(np.array([[1, 0], [0, 1], [1, 1], [1, 1], [0, 1], [2, 1]]))
    assert copy_groups(x, duplicates=[(5, 2), (3, 4)]).tolist() == [0, 1, 1, 1, 1, 1]
    assert copy_groups(x, duplicates=[(4, 3), (5, 2)]).tolist() == [0, 1, 1, 1, 1, 1]


def test_nearly_equal_is_not_equal():
    x = np.array([[1, 0], [1, 1e-6]], dtype=np.float32)
    assert copy_groups(x).tolist() == [0, 1]
    assert copy_groups(np.array([[1, 0.0], [1, -0.0]], dtype=np.float32)).tolist() == [0, 0]


def test_many_copies_are_grouped_in_one_pass():
    x = unit_rows(np.repeat(np.eye(3), 100_000, axis=0))
    assert np.unique(copy_groups(x)).tolist() == [0, 100_000, 200_000]


def test_candidates_fill_up_with_copies_of_vetoed_images_last():
    first = np.array([0, 1, 0, 1, 4, 0, 4, 7])
    some = candidates(first, 2, np.array([4]), EMPTY)
    assert (some.rows.tolist(), some.notes) == ([0, 1, 7], ())
    assert candidates(first, 3, EMPTY, np.array([3])).rows.tolist() == [0, 4, 7]
    all_ = candidates(first, 6, np.array([4]), np.array([0]))
    assert all_.rows.tolist() == [1, 2, 3, 5, 6, 7]
    assert all_.notes == (
        "copies had to be picked: 4 (1 of another pick, 1 of a labelled image, 2 of a vetoed image), because only 2 different "
        "images were left",
    )
    assert candidates(first, 5, np.array([4]), np.array([0])).rows.tolist() == [1, 2, 3, 6, 7]


def _thirty() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """30 pictures of three kinds, 10 of which exist twice, in a random order: features, picture, kind."""
    rng = np.random.default_rng(5)
    kind = np.arange(30) % 3
    pictures = rng.normal(size=(3, 16))[kind] + 0.3 * rng.normal(size=(30, 16))
    picture = rng.permutation(np.concatenate([np.arange(30), rng.permutation(30)[:10]]))
    return unit_rows(pictures)[picture], picture, kind[picture]


METHODS = methods()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("budget", [5, 10, 20, 30])
@pytest.mark.parametrize("with_graph", [True, False])
def test_no_label_is_spent_on_a_copy(method, budget, with_graph):
    x, picture, kind = _thirty()
    graph = usl.find_neighbors(x, 20) if with_graph else None
    for seed in range(3):
        chosen = usl.select(x, budget, method, QUICK.get(method), seed=seed, labels=kind, neighbors=graph)
        assert len(set(picture[chosen.indices].tolist())) == budget
        assert not any("copies had" in note for note in chosen.notes)


@pytest.mark.parametrize("method", METHODS)
def test_beyond_the_different_pictures_copies_are_picked_and_counted(method):
    x, picture, kind = _thirty()
    chosen = usl.select(x, 37, method, QUICK.get(method), labels=kind)
    assert len(set(chosen.indices.tolist())) == 37
    assert len(set(picture[chosen.indices].tolist())) == 30
    assert "copies had to be picked: 7 (7 of another pick), because only 30 different images were left" in chosen.notes


@pytest.mark.parametrize("method", METHODS)
def test_no_copy_of_a_labelled_or_vetoed_picture_is_picked(method):
    x, picture, kind = _thirty()
    twice = np.flatnonzero(np.bincount(picture) == 2)
    labelled = [int(np.flatnonzero(picture == p)[0]) for p in twice[:4]]
    vetoed = [int(np.flatnonzero(picture == p)[1]) for p in twice[4:8]]
    barred = set(twice[:8].tolist())
    for budget in (8, 22):
        chosen = usl.select(x, budget, method, QUICK.get(method), labels=kind, labelled=labelled, vetoed=vetoed)
        assert not barred & set(picture[chosen.indices].tolist())
        assert len(set(picture[chosen.indices].tolist())) == budget


@pytest.mark.parametrize("method", METHODS)
def test_equal_files_count_where_the_features_differ(method):
    """An encoder may give the same file other digits in another batch."""
    x, picture, kind = _thirty()
    x = unit_rows(x + 1e-4 * np.random.default_rng(0).normal(size=x.shape))
    digests = tuple(f"{p:02}" for p in picture)
    names = tuple(f"{row}.png" for row in range(40))
    images = ImageSet(root=Path("nowhere"), paths=names, digests=digests, fingerprint="images")
    features = Features(values=x, fingerprint="features", encoder="none", images=images)
    chosen = usl.select(features, 30, method, QUICK.get(method), labels=kind)
    assert len(set(picture[chosen.indices].tolist())) == 30


def test_random_draws_every_picture_alike():
    """However often a picture exists: 1 of 2 pictures, one of them nine times."""
    x = unit_rows(np.array([[1.0, 0]] * 9 + [[0, 1.0]]))
    drawn = [int(usl.select(x, 1, "random", seed=seed).indices[0]) for seed in range(400)]
    assert 160 < drawn.count(9) < 240


@pytest.mark.parametrize("method", ["random", "stratified"])
def test_old_records_let_copies_be_picked(method):
    x, picture, kind = _thirty()
    chosen = [usl.select(x, 30, method, seed=seed, labels=kind, rules=1) for seed in range(3)]
    assert all(len(set(picture[one.indices].tolist())) < 30 for one in chosen)
    assert not any("copies" in note for one in chosen for note in one.notes)


def test_the_steps_to_usl_show_no_copies():
    x, picture, _ = _thirty()
    for step in steps_to_usl(x, 30, usl.UslParams(), neighbors=usl.find_neighbors(x, 20)):
        assert len(set(picture[step.picks].tolist())) == 30
