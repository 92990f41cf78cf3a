"""Augmented views: what augmentation does to a picture, and that views are features like any other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import usl_core as usl
from usl_core.errors import Cancelled, UslError
from usl_core.features import augment
from usl_core.features.views import views_key


def pictures(count: int = 6, side: int = 32, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (count, 3, side, side)).astype(np.float32))


def draws(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([augment.draw(rng) for _ in range(count)])


def folder_of(tmp_path, count: int = 12):
    rng = np.random.default_rng(1)
    for at in range(count):
        Image.fromarray(rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(tmp_path / f"{at}.png")
    return tmp_path


# ---------------------------------------------------------------- augmentation


@pytest.mark.parametrize("strength", [0.1, 0.5, 1.0])
def test_views_are_pictures_of_the_same_size_and_the_original_stays(strength):
    x = pictures(40)
    before = x.clone()
    views = augment.strong_views(x, draws(40), strength)
    assert torch.equal(x, before)
    assert views.shape == x.shape
    assert torch.equal(views, views.round())
    assert views.min() >= 0
    assert views.max() <= 255
    assert (views != x).flatten(1).any(1).all()


def test_a_view_depends_on_its_own_draw_and_picture_alone():
    x, d = pictures(9), draws(9)
    together = augment.strong_views(x, d)
    for at in range(9):
        assert torch.equal(augment.strong_views(x[at : at + 1], d[at : at + 1]), together[at : at + 1])


def test_a_weaker_view_is_nearer():
    smooth = torch.nn.functional.interpolate(pictures(64, 4), size=32, mode="bilinear")
    gaps = [(augment.strong_views(smooth, draws(64), strength) - smooth).abs().mean() for strength in (0.05, 0.2, 0.45, 1.0)]
    assert gaps == sorted(gaps)


def test_weak_views_are_never_mirrored():
    ramp = torch.linspace(0, 255, 32).expand(50, 3, 32, 32)

    def mirrored(strength):
        views = augment.strong_views(ramp, draws(50), strength)
        return int((views[..., :8].mean((1, 2, 3)) > views[..., -8:].mean((1, 2, 3)) + 20).sum())

    assert mirrored(0.2) == 0
    assert mirrored(1.0) > 5


@pytest.mark.parametrize("at", range(len(augment.OPERATIONS)))
def test_every_operation_fades_into_nothing(at):
    x = pictures(8)
    u = torch.rand(8, 1, 1, 1, generator=torch.Generator().manual_seed(0)) * 0.9
    assert (augment.OPERATIONS[at](x, u, 1e-6) - x).abs().max() < 0.5


def test_every_operation_against_pillow():
    from PIL import ImageEnhance, ImageOps

    x = pictures(1, 16)
    picture = Image.fromarray(x[0].permute(1, 2, 0).numpy().astype(np.uint8))
    half = torch.full((1, 1, 1, 1), 0.5)
    fade = 1 - (0.05 + 0.9 * 0.5)
    expected = {
        "_autocontrast": ImageOps.autocontrast(picture),
        "_posterize": ImageOps.posterize(picture, 6),
        "_solarize": ImageOps.solarize(picture, 128),
        "_color": ImageEnhance.Color(picture).enhance(fade),
        "_brightness": ImageEnhance.Brightness(picture).enhance(fade),
        "_contrast": ImageEnhance.Contrast(picture).enhance(fade),
        "_sharpness": ImageEnhance.Sharpness(picture).enhance(fade),
    }
    for name, other in expected.items():
        mine = getattr(augment, name)(x, half, 1.0)[0].permute(1, 2, 0).numpy()
        gap = np.abs(mine - np.asarray(other, dtype=np.float32))
        if name == "_sharpness":  # Pillow leaves the border as it is
            gap = gap[1:-1, 1:-1]
        assert gap.max() <= 1.51, name  # Pillow rounds between its steps


def test_equalize_is_the_share_of_darker_pixels():
    """Pillow's own rounds its levels to whole steps, which is 5 % off for small pictures."""
    x = (pictures(2, 12) / 4).floor() + 60
    mine = augment._equalize(x, torch.zeros(2, 1, 1, 1), 1.0)
    for channel, got in zip(x.flatten(0, 1), mine.flatten(0, 1), strict=True):
        darker = torch.stack([(channel < level).sum() for level in channel.flatten()]).view_as(channel)
        assert torch.allclose(got, darker * 255 / (channel < channel.max()).sum(), atol=1e-3)
    flat = torch.full((1, 3, 8, 8), 77.0)
    assert torch.equal(augment._equalize(flat, torch.zeros(1, 1, 1, 1), 1.0), flat)


def test_moves_keep_the_paper():
    x = torch.full((3, 3, 32, 32), 255.0)
    x[:, :, 12:20, 12:20] = 0
    for move in (augment._rotate, augment._shear_x, augment._shear_y, augment._translate_x, augment._translate_y):
        moved = move(x, torch.tensor([0.01, 0.5, 0.99]).view(3, 1, 1, 1), 1.0)
        assert (moved[:, :, 0] == 255).all()
        assert float(moved.sum()) == pytest.approx(float(x.sum()), rel=0.01)
        assert torch.allclose(moved[1], x[1], atol=1e-3), "half way nothing moves"
    shifted = augment._translate_x(x, torch.full((3, 1, 1, 1), 0.99), 1.0)
    assert (shifted[:, :, 16].argmin(dim=-1) < 12).all()


# ---------------------------------------------------------------- views


def test_views_are_unit_vectors_and_the_first_is_the_image(tmp_path):
    features = usl.encode(folder_of(tmp_path), cache_dir=tmp_path / "cache")
    views = usl.encode_views(features, 3, cache_dir=tmp_path / "cache")
    assert views.values.shape == (12, 4, features.values.shape[1])
    assert views.values.dtype == np.float32
    assert not views.values.flags.writeable
    assert np.allclose(np.linalg.norm(views.values, axis=2), 1, atol=1e-5)
    assert np.allclose(views.values[:, 0], features.values, atol=1e-5)
    assert len({view.tobytes() for view in views.values.reshape(48, -1)}) == 48


def test_views_are_found_again_and_depend_on_their_settings(tmp_path):
    features = usl.encode(folder_of(tmp_path), cache_dir=tmp_path / "cache")
    kept = {"cache_dir": tmp_path / "cache"}
    first = usl.encode_views(features, 2, **kept)
    told = []
    again = usl.encode_views(features, 2, **kept, on_progress=lambda fraction, note: told.append(note))
    assert told == []
    assert again.fingerprint == first.fingerprint
    assert views_key(features, 2) == first.fingerprint
    assert np.array_equal(again.values, first.values)
    for change in ({"seed": 1}, {"strength": 0.2}):
        other = usl.encode_views(features, 2, **kept, **change)
        assert other.fingerprint != first.fingerprint
        assert np.array_equal(other.values[:, 0], first.values[:, 0])
        assert not np.array_equal(other.values[:, 1:], first.values[:, 1:])


def test_copies_of_an_image_have_the_same_views_wherever_they_lie(tmp_path):
    folder = folder_of(tmp_path)
    (folder / "zz.png").write_bytes((folder / "3.png").read_bytes())
    features = usl.encode(folder, cache_dir=tmp_path / "cache")
    values = usl.encode_views(features, 2, cache_dir=tmp_path / "cache").values
    one, other = (features.images.paths.index(name) for name in ("3.png", "zz.png"))
    assert np.allclose(values[one], values[other], atol=1e-6)


def test_an_interrupted_encoding_ends_like_an_uninterrupted_one(tmp_path, monkeypatch):
    from usl_core.encoders.pixels import PixelEncoder

    monkeypatch.setattr(PixelEncoder, "shard_size", 9)  # three images per shard of the views
    features = usl.encode(folder_of(tmp_path), "pixels:pca", cache_dir=tmp_path / "cache")
    whole = usl.encode_views(features, 2, cache_dir=tmp_path / "cache")
    seen = []

    def stop(fraction, note):
        seen.append(fraction)
        if len(seen) == 3:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        usl.encode_views(features, 2, cache_dir=tmp_path / "other", on_progress=stop)
    resumed = usl.encode_views(
        features, 2, cache_dir=tmp_path / "other", on_progress=lambda fraction, note: seen.append(fraction)
    )
    assert seen[3] > seen[0], "the finished shards were encoded again"
    assert np.array_equal(resumed.values, whole.values)


def test_an_image_that_is_gone_is_named_and_nothing_sticks(tmp_path):
    folder = folder_of(tmp_path)
    features = usl.encode(folder, cache_dir=tmp_path / "cache")
    content = (folder / "7.png").read_bytes()
    (folder / "7.png").unlink()
    with pytest.raises(UslError, match=r"'7\.png' .* cannot be read any more"):
        usl.encode_views(features, 2, cache_dir=tmp_path / "cache")
    (folder / "7.png").write_bytes(content)
    assert len(usl.encode_views(features, 2, cache_dir=tmp_path / "cache")) == 12


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"n_views": 0}, r"n_views \(A\) must be at least 1"),
        ({"strength": 0.0}, "view_strength must be in"),
        ({"seed": -1}, "seed must be at least 0"),
    ],
)
def test_bad_settings_are_refused(tmp_path, setting, said):
    features = usl.load_demo("digits").features
    with pytest.raises(UslError, match=said):
        usl.encode_views(features, cache_dir=tmp_path, **setting)
