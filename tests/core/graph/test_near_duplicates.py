"""Near-duplicates: the groups against brute force, whatever graph they are found with, and what they promise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import usl_core as usl
from usl_core.distances import sq_distances_of_pairs
from usl_core.errors import UslError
from usl_core.graph.copies import copy_groups
from usl_core.graph.near_duplicates import RANKED_BY, NearDuplicates, candidates_of, find_near_duplicates
from usl_core.types import Features, ImageSet
from usl_core.validation import unit_rows

EMPTY = np.empty(0, dtype=np.int64)
COSINES = (0.3, 0.6, 0.9, 0.97, 0.995, 1.0)


def _pairs(x: np.ndarray) -> np.ndarray:
    n = len(x)
    return sq_distances_of_pairs(x, np.repeat(np.arange(n), n), x, np.tile(np.arange(n), n)).reshape(n, n)


def _brute_force(
    x: np.ndarray, copies: np.ndarray, cosine: float, labelled: list[int] | None = None, vetoed: list[int] | None = None
) -> list[int]:
    """The representative of each row, one image after the other, from all pairs."""
    n, sq_dist = len(x), _pairs(x)
    alike = sq_dist <= 2 * (1 - cosine)
    turn, count, total = [], [], []
    for row in range(n):
        twins = set(np.flatnonzero(copies == copies[row]).tolist())
        turn.append(0 if twins & set(labelled or ()) else 2 if twins & set(vetoed or ()) else 1)
        near = sorted(sq_dist[row, other] for other in range(n) if other != row and alike[row, other])[:RANKED_BY]
        count.append(len(near))
        total.append(sum(float(np.sqrt(np.float64(sq))) for sq in near))
    found: dict[int, int] = {}
    firsts = [row for row in range(n) if copies[row] == row]
    for row in sorted(firsts, key=lambda row: (turn[row], -count[row], total[row], row)):
        if row not in found:
            found[row] = row
            for other in firsts:
                if other not in found and turn[other] and alike[row, other]:
                    found[other] = row
    return [found[int(copies[row])] for row in range(n)]


@given(st.data())
@settings(max_examples=150, derandomize=True)
def test_groups_are_those_of_brute_force(data):
    n = data.draw(st.integers(1, 14))
    points = data.draw(hnp.arrays(np.float64, (n, 3), elements=st.sampled_from([-1.0, 0.0, 1.0, 1.25, 2.0])))
    points[np.abs(points).sum(axis=1) == 0] = 1.0
    x = unit_rows(points)
    cosine = data.draw(st.sampled_from(COSINES))
    role = data.draw(st.lists(st.sampled_from(["none", "none", "labelled", "vetoed"]), min_size=n, max_size=n))
    labelled, vetoed = ([row for row in range(n) if role[row] == which] for which in ("labelled", "vetoed"))
    expected = _brute_force(x, copy_groups(x), cosine, labelled, vetoed)
    for k in (None, 1, 4, 30):
        graph = None if k is None else usl.find_neighbors(x, k)
        found = find_near_duplicates(x, cosine, neighbors=graph, labelled=labelled, vetoed=vetoed)
        assert found.representatives.tolist() == expected
        assert found.cosine == cosine


def _bursts(n_scenes: int = 30, n_frames: int = 12, d: int = 16, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Features of frames that drift slowly from where their scene begins, some of them twice; and the scene of each."""
    rng = np.random.default_rng(seed)
    frames = rng.normal(size=(n_scenes, 1, d)) + np.cumsum(0.08 * rng.normal(size=(n_scenes, n_frames, d)), axis=1)
    scene = np.repeat(np.arange(n_scenes), n_frames)
    twice = rng.integers(len(scene), size=20)
    order = rng.permutation(len(scene) + 20)
    return unit_rows(np.concatenate([frames.reshape(-1, d), frames.reshape(-1, d)[twice]]))[order], np.r_[scene, scene[twice]][
        order
    ]


@pytest.mark.parametrize("cosine", [0.5, 0.9, 0.97, 0.99, 1.0])
@pytest.mark.parametrize("scenes", [(30, 12), (4, 80)])  # the second: more frames alike than a small graph lists
def test_the_groups_do_not_depend_on_the_graph(cosine, scenes):
    x, _ = _bursts(*scenes)
    expected = _brute_force(x, copy_groups(x), cosine)
    for k in (1, 5, RANKED_BY, 50, len(x) - 1):
        found = find_near_duplicates(x, cosine, neighbors=usl.find_neighbors(x, k))
        assert found.representatives.tolist() == expected


@pytest.mark.parametrize("cosine", [0.8, 0.95, 0.99])
def test_members_are_alike_to_their_representative_and_representatives_are_not_alike(cosine):
    x, _ = _bursts()
    found = find_near_duplicates(x, cosine)
    alike = _pairs(x) <= 2 * (1 - cosine)
    assert alike[np.arange(len(x)), found.representatives].all()
    heads = np.unique(found.representatives)
    assert found.open.tolist() == heads.tolist()
    assert not (alike[np.ix_(heads, heads)] & ~np.eye(len(heads), dtype=bool)).any()


def test_a_slow_pan_is_cut_where_its_ends_are_unlike():
    """Connected components would make one group of it, with ends at right angles."""
    angles = np.linspace(0, np.pi / 2, 46)  # steps of 2 degrees
    x = unit_rows(np.column_stack([np.cos(angles), np.sin(angles)]))
    found = find_near_duplicates(x, np.cos(np.radians(6.5)))
    assert len(found) > 5
    assert max(len(group) for group in found.groups()) == 7  # three steps to either side
    assert sorted(row for group in found.groups() for row in group.tolist()) == sorted(set(range(46)) - _alone(found))


def _alone(found: NearDuplicates) -> set[int]:
    rows, sizes = np.unique(found.representatives, return_counts=True)
    return set(rows[sizes == 1].tolist())


@pytest.mark.parametrize("cosine", [0.9, 0.99])
@pytest.mark.parametrize("seed", range(5))
def test_another_order_of_rows_makes_the_same_groups(cosine, seed):
    x, _ = _bursts()
    rows = np.random.default_rng(seed).permutation(len(x))
    before = {frozenset(group.tolist()) for group in find_near_duplicates(x, cosine).groups()}
    after = {frozenset(rows[group].tolist()) for group in find_near_duplicates(x[rows], cosine).groups()}
    assert after == before


@pytest.mark.parametrize("cosine", [1e-6, 0.5, 0.99, 1 - 1e-9, 1.0])
def test_copies_are_together_at_every_cosine(cosine):
    x = unit_rows(np.random.default_rng(0).normal(size=(60, 512)))[np.random.default_rng(1).integers(60, size=200)]
    heads = find_near_duplicates(x, cosine).representatives
    copies = copy_groups(x)
    assert (heads == heads[copies]).all()
    if cosine == 1.0:
        assert (heads == copies).all()


def test_equal_files_are_together_where_the_features_differ():
    x = unit_rows(np.array([[1, 0.0], [0.0, 1], [1, 1], [-1, 0.2]]))
    names = tuple(f"{row}.png" for row in range(4))
    images = ImageSet(root=Path("nowhere"), paths=names, digests=("a", "b", "c", "b"), fingerprint="images")
    features = Features(values=x, fingerprint="features", encoder="none", images=images)
    assert find_near_duplicates(features, 1.0).representatives.tolist() == [0, 1, 2, 1]
    assert find_near_duplicates(features, 0.7).representatives.tolist() == [2, 2, 2, 2]


def test_groups_are_listed_by_size_and_counted():
    angles = np.array([0, 90, 1, 180, 91, 2, 181, 300])
    x = unit_rows(np.column_stack([np.cos(np.radians(angles)), np.sin(np.radians(angles))]))
    found = find_near_duplicates(x, 0.999)
    assert [group.tolist() for group in found.groups()] == [[2, 0, 5], [1, 4], [3, 6]]
    assert [group.tolist() for group in found.groups(most=1)] == [[2, 0, 5]]
    assert (len(found), found.n_images) == (3, 7)
    assert found.repeats(np.array([0, 5, 7, 1, 3])) == 1
    assert found.repeats(np.array([0, 2, 5, 1, 4])) == 3
    assert found.repeats(EMPTY) == 0
    none = find_near_duplicates(x, 0.99999)
    assert (len(none), none.n_images, none.groups(), none.open.tolist()) == (0, 0, [], list(range(8)))


def test_what_is_labelled_closes_all_that_is_alike_to_it():
    """Also what is alike to one labelled image of a group and not to another."""
    angles = np.array([0, 10, 20, 30, 200])
    x = unit_rows(np.column_stack([np.cos(np.radians(angles)), np.sin(np.radians(angles))]))
    cosine = float(np.cos(np.radians(11)))
    assert find_near_duplicates(x, cosine, labelled=[1, 2]).open.tolist() == [4]
    assert find_near_duplicates(x, cosine, labelled=[0]).open.tolist() == [2, 4]


def test_what_is_vetoed_is_represented_by_another():
    x = unit_rows(np.array([[1, 0.0], [1, 0.01], [1, -0.01], [1, 0.0], [0.0, 1]]))
    assert find_near_duplicates(x, 0.99).representatives.tolist() == [0, 0, 0, 0, 4]
    vetoed = find_near_duplicates(x, 0.99, vetoed=[3])  # a copy of row 0, which is the same image
    assert vetoed.representatives.tolist() == [1, 1, 1, 1, 4]
    assert vetoed.open.tolist() == [1, 4]
    assert find_near_duplicates(x, 0.99, vetoed=[0, 1, 2, 4]).open.tolist() == []


def test_a_single_image_is_a_representative():
    found = find_near_duplicates([[3.0, 4.0]], 0.9)
    assert (found.representatives.tolist(), found.open.tolist(), len(found)) == ([0], [0], 0)


def test_a_crowd_beyond_the_graph_is_one_group():
    rng = np.random.default_rng(2)
    x = unit_rows(np.concatenate([rng.normal(size=(1, 32)) + 0.03 * rng.normal(size=(1500, 32)), rng.normal(size=(300, 32))]))
    found = find_near_duplicates(x, 0.99, neighbors=usl.find_neighbors(x, 5))
    assert [len(group) for group in found.groups()] == [1500]


# ---------------------------------------------------------------- what may be picked from


def test_without_a_cosine_copies_fill_up_and_with_one_they_do_not():
    x = unit_rows(np.array([[1, 0.0], [1, 0.0], [0.0, 1]]))
    assert candidates_of(x, 3, EMPTY, EMPTY).rows.tolist() == [0, 1, 2]
    assert candidates_of(x, 2, EMPTY, EMPTY, near_duplicates=1.0).rows.tolist() == [0, 2]
    with pytest.raises(
        UslError, match=r"budget must be in \[1, 2\] \(images that are no near-duplicates at cosine 1;.*but is 3"
    ):
        candidates_of(x, 3, EMPTY, EMPTY, near_duplicates=1.0)


def test_nothing_is_left_where_all_is_alike_to_what_is_labelled():
    x = unit_rows(np.array([[1, 0.0], [1, 0.01], [1, 0.02]]))
    with pytest.raises(UslError, match="there is nothing to choose from"):
        candidates_of(x, 1, np.array([1]), EMPTY, near_duplicates=0.9)


@pytest.mark.parametrize("cosine", [0, -0.5, 1.01, float("nan"), "0.9", True, None])
def test_what_is_no_cosine_is_refused(cosine):
    with pytest.raises(UslError, match=r"near_duplicates \(cosine\) must be"):
        find_near_duplicates(np.eye(3), cosine)


@pytest.mark.parametrize("given_", [{"neighbors": 3}, {"labelled": [9]}, {"vetoed": ["a"]}])
def test_other_mistakes_are_named(given_):
    with pytest.raises(UslError, match=next(iter(given_))):
        find_near_duplicates(np.eye(3), 0.9, **given_)


@pytest.mark.parametrize("name", ["digits", "shapes"])
def test_what_is_usually_alike_is_of_one_class_in_the_demos(name):
    """But for files that are the same and lie in two class folders."""
    demo = usl.load_demo(name)
    found = find_near_duplicates(demo.features, neighbors=demo.neighbors)
    copies, labels = copy_groups(demo.features.values, duplicates=demo.images.duplicates), demo.images.labels
    assert len(found) > 0
    assert all(len(np.unique(labels[group])) == 1 or len(np.unique(copies[group])) == 1 for group in found.groups())


@pytest.mark.shared_data
def test_different_photographs_are_no_near_duplicates(shared):
    """250 of 250 classes, at the usual cosine and under the encoders that need no download."""
    images = usl.scan(shared / "data" / "photos.zip")
    for encoder in ("bundled:mini", "pixels:pca"):
        assert len(find_near_duplicates(usl.encode(images, encoder))) == 0
