"""The bundled demos: ready without computing, never stale, and helpful when their files are not there."""

import io
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

import usl_core as usl
from tools import build_demos, shapes
from usl_core.demos.bundled import ASSETS, demo_cards, load_demo
from usl_core.projection.umap import CHOICES

NAMES = [card.name for card in demo_cards()]
EVERY_DEMO = pytest.mark.parametrize("demo", NAMES, indirect=True)


@pytest.fixture(scope="module")
def loaded():
    return {name: load_demo(name) for name in NAMES}


@pytest.fixture(scope="module")
def recomputed(tmp_path_factory):
    """Scanned and encoded now, like a user's archive."""
    cache = tmp_path_factory.mktemp("cache")
    return {name: usl.encode(ASSETS / f"{name}.zip", "bundled:mini", cache_dir=cache) for name in NAMES}


@pytest.fixture
def demo(request, loaded):
    return loaded[request.param]


@pytest.fixture
def copied(tmp_path):
    """A folder with copies of the files of `digits`, to be damaged."""
    for suffix in (".zip", ".npz"):
        (tmp_path / f"digits{suffix}").write_bytes((ASSETS / f"digits{suffix}").read_bytes())
    return tmp_path


def _pixels(demo, index):
    with zipfile.ZipFile(demo.images.root) as archive:
        return np.asarray(Image.open(io.BytesIO(archive.read(demo.images.paths[index]))))


def test_the_demos_are_digits_and_shapes():
    assert NAMES == ["digits", "shapes"]
    for card in demo_cards():
        assert card.title
        assert card.description.endswith(".")
        assert card.source
        assert card.licence


def test_loading_imports_nothing_heavy():
    code = (
        "import sys, usl_core\n"
        "for card in usl_core.demo_cards(): usl_core.load_demo(card.name)\n"
        "print(' '.join({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ASSETS.parents[1])
    heavy = {"PIL", "torch", "torchvision", "sklearn", "umap", "numba", "faiss", "scipy", "pandas", "plotly", "streamlit"}
    assert "numpy" in done.stdout.split()
    assert not heavy & set(done.stdout.split())


@EVERY_DEMO
def test_the_card_counts_what_is_there(demo):
    assert demo.card.n == len(demo.images) == len(demo.features) == len(demo.neighbors)
    assert demo.card.n_classes == len(demo.images.class_names) == len(np.unique(demo.images.labels))


@EVERY_DEMO
def test_arrays_have_the_promised_form(demo):
    n = demo.card.n
    values, graph = demo.features.values, demo.neighbors
    assert values.dtype == np.float32
    assert values.flags.c_contiguous
    np.testing.assert_allclose(np.linalg.norm(values, axis=1), 1, atol=1e-5)
    assert graph.indices.shape == graph.distances.shape == (n, 200)
    assert (graph.indices.dtype, graph.distances.dtype) == (np.int32, np.float32)
    assert not (graph.indices == np.arange(n)[:, None]).any()
    assert (np.diff(graph.distances, axis=1) >= 0).all()
    assert set(demo.maps) == set(demo.trustworthiness) == {"umap", "pca"}
    for xy in demo.maps.values():
        assert (xy.shape, xy.dtype) == ((n, 2), np.float32)
        assert np.isfinite(xy).all()
    for array in (values, graph.indices, graph.distances, demo.images.labels, *demo.maps.values()):
        assert not array.flags.writeable


@EVERY_DEMO
def test_the_image_set_is_what_scan_finds(demo, recomputed):
    fresh = recomputed[demo.card.name].images
    assert fresh.fingerprint == demo.images.fingerprint
    assert fresh.paths == demo.images.paths
    assert fresh.digests == demo.images.digests
    assert fresh.class_names == demo.images.class_names
    assert fresh.problems == demo.images.problems == ()
    np.testing.assert_array_equal(fresh.labels, demo.images.labels)


@EVERY_DEMO
def test_the_features_are_what_encode_computes(demo, recomputed):
    fresh = recomputed[demo.card.name]
    assert fresh.fingerprint == demo.features.fingerprint
    assert fresh.encoder == demo.features.encoder
    assert (fresh.values * demo.features.values).sum(axis=1).min() > 0.999


@EVERY_DEMO
def test_the_graph_is_what_find_neighbors_finds(demo):
    fresh = usl.find_neighbors(demo.features.values, 200)
    np.testing.assert_allclose(fresh.distances, demo.neighbors.distances, atol=2e-4)
    # On another processor the last digit of a distance may fall the other way and swap two neighbours.
    assert (fresh.indices == demo.neighbors.indices).mean() > 0.995


@EVERY_DEMO
def test_maps_belong_to_the_features(demo):
    np.testing.assert_allclose(demo.maps["pca"], usl.project(demo.features.values, method="pca"), atol=1e-3)
    for method, xy in demo.maps.items():
        fresh = usl.trustworthiness(demo.features.values, xy)
        assert fresh == pytest.approx(demo.trustworthiness[method], abs=1e-3)
    assert demo.trustworthiness["umap"] > demo.trustworthiness["pca"]
    assert demo.trustworthiness["umap"] > 0.85


@EVERY_DEMO
def test_the_map_fills_its_frame_and_is_as_true_as_the_best(demo):
    """Share of the cells of a 64 x 64 grid over the frame of 99 % of the points that have a point."""
    xy, values = demo.maps["umap"], demo.features.values
    low, high = np.quantile(xy, [0.005, 0.995], axis=0)
    inside = xy[((xy >= low) & (xy <= high)).all(axis=1)]
    cells = np.unique(np.minimum((64 * (inside - low) / (high - low)).astype(int), 63), axis=0)
    assert len(cells) / 64**2 > {"digits": 0.17, "shapes": 0.13}[demo.card.name]
    assert demo.min_dist in CHOICES
    drawn = [usl.project(values, demo.neighbors, min_dist=min_dist) for min_dist in CHOICES]
    best = max(usl.trustworthiness(values, other) for other in drawn)
    assert demo.trustworthiness["umap"] >= best - 0.011, "0.01, and what another processor changes"


@EVERY_DEMO
def test_copies_lie_on_one_spot(demo):
    for group in demo.images.duplicates:
        for xy in demo.maps.values():
            assert len(np.unique(xy[list(group)], axis=0)) == 1


@EVERY_DEMO
def test_nearest_neighbours_mostly_share_the_class(demo):
    labels = demo.images.labels
    agreement = (labels[demo.neighbors.indices[:, 0]] == labels).mean()
    assert agreement > 0.6


def test_digits_are_those_of_scikit_learn(loaded):
    from sklearn.datasets import load_digits

    original = load_digits()
    for index in range(0, 1797, 97):
        folder, file = loaded["digits"].images.paths[index].split("/")
        row = int(file.removesuffix(".png"))
        assert int(folder) == original.target[row]
        np.testing.assert_allclose(_pixels(loaded["digits"], index) / 255 * 16, original.images[row], atol=0.04)


def test_shapes_are_those_that_the_renderer_draws(loaded):
    images = loaded["shapes"].images
    for number in range(5):
        index = images.paths.index(f"spiral/{number + 1:04d}.webp")
        generator = np.random.default_rng([0, shapes.CLASSES.index("spiral"), number])
        drawn = shapes.draw_shape("spiral", generator).astype(int)
        assert np.abs(_pixels(loaded["shapes"], index) - drawn).mean() < 8  # WebP is lossy


def test_shapes_have_a_long_tail_and_duplicates(loaded):
    images = loaded["shapes"].images
    sizes = np.sort(np.bincount(images.labels))
    assert sizes[0] / len(images) < 0.007
    assert sizes[-1] / len(images) > 0.25
    assert len(images.duplicates) >= shapes.N_DUPLICATES
    values = loaded["shapes"].features.values
    for first, second, *_ in images.duplicates:
        np.testing.assert_allclose(values[first], values[second], atol=1e-5)


def test_all_files_together_are_small():
    assert sum(file.stat().st_size for file in ASSETS.iterdir()) < 12e6


def test_an_unknown_name_lists_the_demos():
    with pytest.raises(usl.UslError, match=r"no demo named 'cifar'; the demos are 'digits', 'shapes'"):
        load_demo("cifar")


@pytest.mark.parametrize("suffix", ["zip", "npz"])
def test_a_missing_file_is_named_with_the_way_out(copied, suffix):
    (copied / f"digits.{suffix}").unlink()
    with pytest.raises(usl.UslError, match=rf"digits\.{suffix} is missing.*build_demos --demo digits --out"):
        load_demo("digits", copied)


def test_a_changed_zip_is_noticed(copied):
    content = bytearray((copied / "digits.zip").read_bytes())
    content[5000] ^= 1
    (copied / "digits.zip").write_bytes(content)
    with pytest.raises(usl.UslError, match=r"not the file that digits\.npz was made from.*build_demos"):
        load_demo("digits", copied)


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "text", "npy"])
def test_a_damaged_npz_is_noticed(copied, damage):
    path = copied / "digits.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    path.write_bytes(
        {
            "empty": b"",
            "cut": path.read_bytes()[: len(content) // 2],
            "flipped": bytes(content),
            "text": b"<html>not found</html>",
            "npy": buffer.getvalue(),
        }[damage]
    )
    with pytest.raises(usl.UslError, match="build_demos --demo digits"):
        load_demo("digits", copied)


@pytest.mark.parametrize(("change", "message"), [({"xy": None}, "no entry 'xy'"), ({"format": 0}, "has format 0")])
def test_an_npz_of_another_version_is_noticed(copied, change, message):
    with np.load(copied / "digits.npz") as archive:
        arrays = {**archive, **change}
    np.savez(copied / "digits.npz", **{key: value for key, value in arrays.items() if value is not None})
    with pytest.raises(usl.UslError, match=message):
        load_demo("digits", copied)


@pytest.fixture
def quick_build(monkeypatch):
    """Build from every 30th digit."""
    every = list(build_demos._digit_files())[::30]
    monkeypatch.setattr(build_demos, "_FILES", {"digits": lambda: iter(every)})


def test_building_twice_writes_the_same_bytes(quick_build, tmp_path):
    first = build_demos.build_demo("digits", tmp_path / "a")
    second = build_demos.build_demo("digits", tmp_path / "b")
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_the_command_builds_what_load_demo_reads(quick_build, tmp_path):
    assert build_demos.main(["--demo", "digits", "--out", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["digits.npz", "digits.zip"]
    demo = load_demo("digits", tmp_path)
    assert len(demo.images) == 60
    assert demo.images.root == tmp_path / "digits.zip"
    assert demo.neighbors.k_max == 59
    before = (tmp_path / "digits.npz").read_bytes()
    assert build_demos.main(["--demo", "digits", "--maps", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "digits.npz").read_bytes() == before, "the maps alone are drawn again, and come out the same"


def test_the_command_refuses_what_it_cannot_do(quick_build, tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    assert build_demos.main(["--demo", "digits", "--out", str(tmp_path / "file")]) == 1
    assert "cannot be written" in caplog.text
    with pytest.raises(SystemExit):
        build_demos.main(["--demo", "cifar"])
    with pytest.raises(usl.UslError, match="no demo named 'cifar'"):
        build_demos.build_demo("cifar", tmp_path)
