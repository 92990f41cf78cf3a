"""Flags: one image per flaw, and none where nothing is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

import usl_core as usl
from usl_core import UslError
from usl_core.review.flags import find_flags, reference_facts
from usl_core.review.pixel_facts import pixel_facts
from usl_core.review.pool import Pool, pool_of
from usl_core.review.rounds import first_call, select_call
from usl_core.types import Features

N = 60


def pool_for(features: Features, budget: int = 3) -> Pool:
    graph = usl.find_neighbors(features, 10)
    call = first_call(features, method="usl", params=usl.UslParams(n_neighbors=10), budget=budget)
    return pool_of(features, graph, call, select_call(call, features, graph))


@pytest.fixture(scope="module")
def flawed(tmp_path_factory) -> tuple[Pool, dict[str, int]]:
    """60 pictures of 200 x 150, some of which have a flaw."""
    folder, rng = tmp_path_factory.mktemp("flawed"), np.random.default_rng(0)

    def picture(side: int = 150) -> Image.Image:
        coarse = Image.fromarray(rng.integers(30, 220, (side // 10, side // 8, 3), dtype=np.uint8))
        return coarse.resize((side * 4 // 3, side), Image.Resampling.NEAREST)

    odd = {
        "blurred": picture().filter(ImageFilter.GaussianBlur(6)),
        "small": picture(24),
        "uniform": Image.new("RGB", (200, 150), (90, 120, 60)),
        "dark": picture().point(lambda value: value // 15),
        "bright": picture().point(lambda value: 241 + value // 16),
    }
    odd["dark"].paste("white", (0, 0, 10, 150))  # a lamp, without which it would be nearly uniform
    odd["bright"].paste("black", (0, 0, 10, 150))
    for number in range(N):
        picture().save(folder / f"{number:02d}.png")
    for name, image in odd.items():
        image.save(folder / f"{name}.png")
    images = usl.scan(folder)
    values = rng.normal(size=(len(images), 16))
    values[1] = values[0] + 0.01 * rng.normal(size=16)
    unit = (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)
    features = Features(values=unit, fingerprint="made", encoder="made", images=images)
    return pool_for(features), {Path(path).stem: row for row, path in enumerate(images.paths)}


@pytest.mark.parametrize("kind", ["blurred", "small", "uniform", "dark", "bright"])
def test_each_flaw_has_its_flag_and_no_other(flawed, kind):
    pool, rows = flawed
    found = find_flags(pool, [rows[kind], rows["05"]], reference=reference_facts(pool.features.images))
    assert [flag.kind for flag in found[rows[kind]]] == [kind]
    assert rows["05"] not in found
    (flag,) = found[rows[kind]]
    assert any(letter.isdigit() for letter in flag.reason)


def test_the_later_of_two_near_duplicates_is_flagged_and_what_is_like_a_label(flawed):
    pool, rows = flawed
    first, second = rows["00"], rows["01"]
    found = find_flags(pool, [second, first])
    assert list(found) == [first]
    assert found[first][0].kind == "near-duplicate"
    assert found[first][0].other == second
    assert "to the pick '01.png'" in found[first][0].reason
    found = find_flags(pool, [second], labelled=[first])
    assert "to the labelled image '00.png'" in found[second][0].reason


def test_an_outlier_lies_far_below_its_cluster():
    digits = usl.load_demo("digits").features
    values = digits.values.copy()
    values[5] = np.random.default_rng(1).normal(size=values.shape[1]).astype(np.float32)
    values[5] /= np.linalg.norm(values[5])
    features = Features(values=values, fingerprint="made", encoder="made", images=digits.images)
    pool = pool_for(features, 10)
    found = find_flags(pool, [5, 6])
    assert [flag.kind for flag in found[5]] == ["outlier"]
    assert found[5][0].value > found[5][0].limit


def test_flags_are_rare_on_what_has_no_flaw():
    """Digits of 8 x 8 pixels are neither small nor blurred: all are so."""
    pool = pool_for(usl.load_demo("digits").features, 40)
    rows = np.random.default_rng(0).choice(len(pool), 40, replace=False)
    assert len(find_flags(pool, rows.tolist())) <= 1


def test_progress_only_grows_and_may_stop_it(flawed):
    pool, _ = flawed
    told: list[float] = []
    find_flags(pool, [0, 1, 2], on_progress=lambda share, _: told.append(share))
    assert told == sorted(told)
    assert told[-1] == 1

    def stop(share: float, note: str) -> None:
        raise usl.Cancelled

    with pytest.raises(usl.Cancelled):
        find_flags(pool, [0], on_progress=stop)


def test_the_planted_flaws_of_the_shapes_are_found():
    pool = pool_for(usl.load_demo("shapes").features, 40)
    black = [row for row in range(len(pool)) if pool.features.images.paths[row] in ("circle/0602.webp", "circle/0605.webp")]
    found = find_flags(pool, black)
    assert [[flag.kind for flag in found[row]] for row in black] == [["uniform"], ["near-duplicate", "uniform"]]


def test_sharpness_does_not_depend_on_contrast(flawed, tmp_path):
    pool, rows = flawed
    image = usl.open_image(pool.features.images, rows["07"])
    image.save(tmp_path / "a.png")
    image.point(lambda value: 60 + value // 2).save(tmp_path / "b.png")
    image.filter(ImageFilter.GaussianBlur(3)).save(tmp_path / "c.png")
    facts = pixel_facts(usl.scan(tmp_path), [0, 1, 2])
    assert facts.sharpness[1] == pytest.approx(facts.sharpness[0], rel=0.05)
    assert facts.sharpness[2] < facts.sharpness[0] / 5


def test_images_of_a_single_pixel_can_be_measured(tmp_path):
    Image.new("RGB", (1, 1)).save(tmp_path / "a.png")
    assert pixel_facts(usl.scan(tmp_path), [0]).sharpness.tolist() == [0]


def test_bad_rows_and_lost_files_are_said(flawed, tmp_path):
    pool, _ = flawed
    with pytest.raises(UslError, match="picks must hold indices"):
        find_flags(pool, [999])
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    images = usl.scan(tmp_path)
    (tmp_path / "a.png").unlink()
    with pytest.raises(UslError, match=r"a\.png"):
        pixel_facts(images, [0])
