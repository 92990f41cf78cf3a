"""Vectors that were made elsewhere as features: which image gets which, what is refused, what is kept and what is stale."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import usl_core as usl
from usl_core.encoders.own_vectors import add_vectors, own_vectors
from usl_core.encoders.registry import card_of, get_encoder
from usl_core.encoders.vector_files import read_vectors
from usl_core.encoders.vector_table import rows_at_once
from usl_core.errors import Cancelled, UslError
from usl_core.features import batches
from usl_core.features.encode import encoded_images, feature_fingerprint, load_features
from usl_core.features.matching import names_key

NAMES = ("a/img1.png", "a/img2.png", "a/img10.png", "b/img4.png", "b c/img3.png")
"""In natural order; the plain one has img10 before img2."""


@pytest.fixture(autouse=True)
def own_encoders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USL_ENCODERS_DIR", str(tmp_path / "encoders"))
    monkeypatch.setenv("USL_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path / "photos", NAMES)


def written(folder: Path, names: tuple[str, ...]) -> Path:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(number).integers(0, 255, (9, 9, 3), dtype=np.uint8)).save(folder / name)
    return folder


def vectors(n: int = len(NAMES), d: int = 4, seed: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def unit(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype=np.float64) / np.linalg.norm(np.asarray(values, dtype=np.float64), axis=1, keepdims=True)


def as_npz(path: Path, names: list[str], values: np.ndarray) -> Path:
    np.savez(path, features=values, paths=np.array(names))
    return path


def as_csv(path: Path, names: list[str], values: np.ndarray) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writerow(["path", *(f"f{at}" for at in range(values.shape[1]))])
        writer.writerows([name, *map(repr, map(float, row))] for name, row in zip(names, values, strict=True))
    return path


def as_parquet(path: Path, names: list[str], values: np.ndarray, lists: bool = True) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    columns = {"filename": names}
    columns |= {"embedding": list(values)} if lists else {f"f{at}": values[:, at] for at in range(values.shape[1])}
    parquet.write_table(pa.table(columns), path)
    return path


WRITERS = {"e.npz": as_npz, "e.csv": as_csv, "e.tsv": as_csv, "e.parquet": as_parquet}


# --- which image gets which vector ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WRITERS)
def test_by_path(name: str, folder: Path, tmp_path: Path) -> None:
    values, order = vectors(), [3, 0, 4, 2, 1]
    known = add_vectors(WRITERS[name](tmp_path / name, [NAMES[at] for at in order], values[order]))
    assert (known.name, known.n, known.dim, known.matched) == ("vectors:e", 5, 4, "path")
    features = usl.encode(folder, "vectors:e")
    assert features.encoder == "vectors:e"
    assert features.images.paths == NAMES
    assert features.values.dtype == np.float32
    np.testing.assert_allclose(features.values, unit(values), atol=1e-6)
    assert not features.images.notes
    card = card_of("vectors:e")
    assert (card.dim, card.input_size, card.cached, card.training) == (4, 0, True, f"yours: vectors from {name}")


@pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f8", "<i2", "|u1", "<u8"])
@pytest.mark.parametrize("fortran", [False, True])
def test_by_order(dtype: str, fortran: bool, folder: Path, tmp_path: Path) -> None:
    values = (vectors() * 40 + 100).astype(dtype)
    np.save(tmp_path / "e.npy", np.asfortranarray(values) if fortran else values)
    np.savez_compressed(tmp_path / "z.npz", np.asfortranarray(values) if fortran else values, [1, 2, 3])
    for file in ("e.npy", "z.npz"):
        known = add_vectors(tmp_path / file)
        assert known.matched == "natural"
        features = usl.encode(folder, known.name)
        np.testing.assert_allclose(features.values, unit(values), atol=1e-6)
        assert [note.path for note in features.images.notes] == [file]
        assert "natural order (img2 before img10)" in features.images.notes[0].text


def test_plain_order_is_that_of_image_folder(folder: Path, tmp_path: Path) -> None:
    torchvision = pytest.importorskip("torchvision")
    listed = [Path(path).relative_to(folder).as_posix() for path, _ in torchvision.datasets.ImageFolder(folder).samples]
    assert listed != list(NAMES)
    values = vectors()
    np.save(tmp_path / "e.npy", values)
    add_vectors(tmp_path / "e.npy", order="plain")
    features = usl.encode(folder, "vectors:e")
    np.testing.assert_allclose(features.values, unit(values)[[listed.index(name) for name in NAMES]], atol=1e-6)
    assert not features.images.notes


def test_where_both_orders_agree_nothing_is_said(tmp_path: Path) -> None:
    folder = written(tmp_path / "photos", ("a.png", "b/1.png", "b/2.png"))
    np.save(tmp_path / "e.npy", vectors(3))
    add_vectors(tmp_path / "e.npy")
    assert not usl.encode(folder, "vectors:e").images.notes


def test_rows_of_files_that_cannot_be_used_are_passed_over(folder: Path, tmp_path: Path) -> None:
    (folder / "a" / "img5.png").write_bytes(b"no picture")
    values = vectors(6)
    np.save(tmp_path / "e.npy", values)
    add_vectors(tmp_path / "e.npy")
    features = usl.encode(folder, "vectors:e")
    np.testing.assert_allclose(features.values, unit(values)[[0, 1, 3, 4, 5]], atol=1e-6)
    assert "1 of its 6 vectors belongs to no image here" in [note.text for note in features.images.notes]
    (folder / "a" / "img5.png").rename(folder / "a" / "img0.png")  # the same images, and other rows
    moved = usl.encode(folder, "vectors:e")
    np.testing.assert_allclose(moved.values, unit(values)[1:], atol=1e-6)
    assert moved.images.fingerprint == features.images.fingerprint
    assert moved.fingerprint != features.fingerprint


@pytest.mark.parametrize("n", [1, 4, 6])
def test_another_number_of_rows_is_refused(n: int, folder: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "e.npy", vectors(n))
    add_vectors(tmp_path / "e.npy")
    with pytest.raises(UslError, match=rf"e\.npy has {n} vectors, but there are 5 images in .*a path beside each vector"):
        usl.encode(folder, "vectors:e")


@pytest.mark.parametrize("how", ["absolute", "beside the file", "windows", "elsewhere", "elsewhere windows", "dotted", "odd"])
def test_paths_may_be_spelled_otherwise(how: str, folder: Path, tmp_path: Path) -> None:
    spelled = {
        "absolute": lambda name: str(folder / name),
        "beside the file": lambda name: f"photos/{name}",
        "windows": lambda name: name.replace("/", "\\"),
        "elsewhere": lambda name: f"/data/someone/{name}",
        "elsewhere windows": lambda name: f"D:\\data\\{name}".replace("/", "\\"),
        "dotted": lambda name: f"./{name}",
        "odd": lambda name: f"  {name} ",
    }[how]
    add_vectors(as_npz(tmp_path / "e.npz", [spelled(name) for name in NAMES[::-1]], vectors()[::-1]))
    features = usl.encode(folder, "vectors:e")
    np.testing.assert_allclose(features.values, unit(vectors()), atol=1e-6)
    notes = [note.text for note in features.images.notes]
    above = {"elsewhere": "/data/someone/", "elsewhere windows": "D:/data/"}.get(how)
    assert notes == ([] if above is None else [f"its paths were taken from '{above}' on, where those of the images begin"])


def test_no_path_of_an_image_is_refused_with_the_likely_reason(folder: Path, tmp_path: Path) -> None:
    add_vectors(as_csv(tmp_path / "e.csv", ["a/imj1.png", "other.png"], vectors(2)))
    with pytest.raises(UslError, match=r"none of the 2 paths in .* the first is 'a/imj1.png' \(did you mean 'a/img1.png'"):
        usl.encode(folder, "vectors:e")


@pytest.mark.parametrize("name", WRITERS)
def test_images_without_a_vector_are_problems_and_vectors_without_an_image_are_counted(
    name: str, folder: Path, tmp_path: Path
) -> None:
    values = vectors(6)
    add_vectors(WRITERS[name](tmp_path / name, [NAMES[4], "gone.png", NAMES[0], "a/gone.png", "", NAMES[2]], values))
    features = usl.encode(folder, "vectors:e")
    assert features.images.paths == (NAMES[0], NAMES[2], NAMES[4])
    np.testing.assert_allclose(features.values, unit(values)[[2, 5, 0]], atol=1e-6)
    assert [(problem.path, problem.cause) for problem in features.images.problems] == [
        (path, f"there is no vector for it in {name}") for path in (NAMES[1], NAMES[3])
    ]
    assert [note.text for note in features.images.notes] == ["3 of its 6 vectors belong to no image here"]


def test_two_vectors_for_one_image_must_be_equal(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = vectors()
    twice, names = np.concatenate([values, values[[1, 1]]]), [*NAMES, NAMES[1], f"./{NAMES[1]}"]
    add_vectors(as_csv(tmp_path / "e.csv", names, twice))
    np.testing.assert_allclose(usl.encode(folder, "vectors:e").values, unit(values), atol=1e-6)
    twice[6, 0] += 1
    for at_once in (4096, 2):  # in one block, and in several
        monkeypatch.setattr("usl_core.encoders.vector_table._BLOCK", at_once * 4)
        add_vectors(as_csv(tmp_path / "e.csv", names, twice))
        with pytest.raises(UslError, match=r"two vectors for 'a/img2.png', in the rows 2 and 7, and they differ"):
            usl.encode(folder, "vectors:e")


def test_vectors_without_a_direction_are_problems(folder: Path, tmp_path: Path) -> None:
    values = vectors()
    values[0], values[1, 2], values[2, 0] = 0, np.nan, np.inf
    np.save(tmp_path / "e.npy", values)
    add_vectors(tmp_path / "e.npy")
    features = usl.encode(folder, "vectors:e")
    assert features.images.paths == NAMES[3:]
    assert [problem.cause for problem in features.images.problems] == [
        "its vector in e.npy is zero, so it has no direction",
        *["its feature vector is not finite"] * 2,
    ]
    np.save(tmp_path / "e.npy", np.zeros((5, 3)))
    add_vectors(tmp_path / "e.npy")
    with pytest.raises(
        UslError, match=r"none of the 5 images .* gives a feature vector; the first is 'a/img1.png': its vector"
    ):
        usl.encode(folder, "vectors:e")


def test_double_precision_keeps_its_directions(folder: Path, tmp_path: Path) -> None:
    values = vectors() * np.array([1e-300, 1e-50, 1, 1e60, 1e300])[:, None]
    np.save(tmp_path / "e.npy", values)
    add_vectors(tmp_path / "e.npy")
    np.testing.assert_allclose(usl.encode(folder, "vectors:e").values, unit(vectors()), atol=1e-6)


def test_copies_share_the_vector_of_the_first_that_has_one(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / NAMES[0], folder / "a" / "img11.png")
    shutil.copy(folder / NAMES[0], folder / "a" / "img12.png")
    values = vectors(6)
    add_vectors(as_csv(tmp_path / "e.csv", [*NAMES[1:], "a/img11.png", "a/img12.png"], values))
    features = usl.encode(folder, "vectors:e")
    rows = {path: row for row, path in enumerate(features.images.paths)}
    assert len(rows) == 7
    for path in (NAMES[0], "a/img11.png", "a/img12.png"):
        np.testing.assert_array_equal(features.values[rows[path]], features.values[rows["a/img11.png"]])
    np.testing.assert_allclose(features.values[rows["a/img11.png"]], unit(values)[4], atol=1e-6)
    assert any("1 exact copies of a file have another vector there" in note.text for note in features.images.notes)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_subset_in_any_order_gives_each_image_its_own(data: st.DataObject, folder: Path, tmp_path: Path) -> None:
    order = data.draw(st.lists(st.sampled_from(range(5)), unique=True, min_size=1).flatmap(st.permutations))
    kind = data.draw(st.sampled_from(sorted(WRITERS)))
    d = data.draw(st.integers(1, 6))
    values = vectors(5, d, seed=d)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("usl_core.encoders.vector_table._BLOCK", data.draw(st.integers(1, 20)))
        add_vectors(WRITERS[kind](tmp_path / kind, [NAMES[at] for at in order], values[order]))
        features = usl.encode(folder, "vectors:e")
    assert features.images.paths == tuple(NAMES[at] for at in sorted(order))
    np.testing.assert_allclose(features.values, unit(values)[sorted(order)], atol=1e-6)


# --- what is kept, and what would be stale -------------------------------------------------------------------------------


def test_no_image_is_opened(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = usl.scan(folder)
    np.save(tmp_path / "e.npy", vectors())
    add_vectors(tmp_path / "e.npy")
    monkeypatch.setattr(batches, "read_pixels", lambda *_: pytest.fail("an image was opened"))
    shutil.rmtree(folder)
    assert len(usl.encode(images, "vectors:e")) == 5


def test_renamed_images_get_the_vectors_of_their_new_names(folder: Path, tmp_path: Path) -> None:
    values = vectors()
    add_vectors(as_csv(tmp_path / "e.csv", list(NAMES), values))
    before = usl.encode(folder, "vectors:e")
    paths = [folder / NAMES[0], folder / NAMES[1]]
    contents = [path.read_bytes() for path in paths]
    # The image that came first comes first still, under the name that stands beside another vector.
    paths[0].rename(folder / "a" / "img0.png")
    images = usl.scan(folder)
    assert images.fingerprint == before.images.fingerprint
    assert load_features(images, "vectors:e") is None
    assert encoded_images(images, "vectors:e") is None
    after = usl.encode(images, "vectors:e")
    assert after.images.paths == NAMES[1:]
    assert after.fingerprint != before.fingerprint
    (folder / "a" / "img0.png").rename(paths[0])
    again = usl.encode(folder, "vectors:e")
    assert again.fingerprint == before.fingerprint
    assert contents[0] == paths[0].read_bytes()


def test_a_folder_that_moved_has_the_same_features(folder: Path, tmp_path: Path) -> None:
    add_vectors(as_csv(tmp_path / "e.csv", list(NAMES), vectors()))
    first = usl.encode(folder, "vectors:e")
    second = usl.encode(folder.rename(tmp_path / "moved"), "vectors:e")
    assert first.fingerprint == second.fingerprint
    np.testing.assert_array_equal(first.values, second.values)


def test_what_was_encoded_is_read_back(folder: Path, tmp_path: Path) -> None:
    names = [*NAMES[:4], "gone.png"]
    add_vectors(as_csv(tmp_path / "e.csv", names, vectors()))
    images = usl.scan(folder)
    assert load_features(images, "vectors:e") is None
    first = usl.encode(images, "vectors:e")
    (tmp_path / "e.csv").unlink()  # what is in the cache does not ask for it
    second, known = usl.encode(images, "vectors:e"), load_features(images, "vectors:e")
    assert known is not None
    for other in (second, known):
        assert other.fingerprint == first.fingerprint
        assert other.images.problems == first.images.problems
        assert other.images.notes == first.images.notes
        np.testing.assert_array_equal(other.values, first.values)
    assert encoded_images(images, "vectors:e").paths == first.images.paths  # type: ignore[union-attr]
    assert feature_fingerprint(images.fingerprint, "vectors:e", names=names_key(images)) == first.fingerprint
    assert feature_fingerprint(images.fingerprint, "vectors:e", names="others") is None
    assert feature_fingerprint(images.fingerprint, "vectors:e") is None


def test_another_file_of_the_same_name_gives_other_features(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "e.npy"
    np.save(path, vectors())
    add_vectors(path)
    first = usl.encode(folder, "vectors:e")
    np.save(path, vectors(seed=8))
    written(folder, (*NAMES, "z.png"))
    with pytest.raises(UslError, match=r"e\.npy is another one than was added as vectors:e; add it again"):
        usl.encode(folder, "vectors:e")
    (folder / "z.png").unlink()
    add_vectors(path)
    assert usl.encode(folder, "vectors:e").fingerprint != first.fingerprint
    path.unlink()
    written(folder, (*NAMES, "z.png"))
    with pytest.raises(UslError, match="cannot be read"):
        usl.encode(folder, "vectors:e")


def test_a_file_that_changes_while_it_is_read_is_refused(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "e.npy"
    np.save(path, vectors())
    add_vectors(path)

    def meddle(fraction: float, note: str) -> None:
        if "vectors" in note:
            os.utime(path, ns=(1, 1))

    with pytest.raises(UslError, match="was changed while it was read"):
        usl.encode(folder, "vectors:e", on_progress=meddle)


def test_it_can_be_cancelled(folder: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "e.npy", vectors())
    add_vectors(tmp_path / "e.npy")

    def stop(fraction: float, note: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        usl.encode(folder, "vectors:e", on_progress=stop)
    assert len(usl.encode(folder, "vectors:e")) == 5


def test_a_split_and_a_zip(tmp_path: Path) -> None:
    parts = (f"{part}/{name}/{at}.png" for part in ("train", "val") for name in "ab" for at in (1, 2))
    folder = written(tmp_path / "photos", tuple(parts))
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.png"))]
    add_vectors(as_npz(tmp_path / "e.npz", names, vectors(8)))
    part = usl.encode(usl.scan(folder, split="val"), "vectors:e")
    np.testing.assert_allclose(part.values, unit(vectors(8))[4:], atol=1e-6)
    shutil.make_archive(str(tmp_path / "packed"), "zip", folder)
    whole = usl.encode(tmp_path / "packed.zip", "vectors:e")
    np.testing.assert_allclose(whole.values, unit(vectors(8)), atol=1e-6)


# --- what has no network ---------------------------------------------------------------------------------------------------


def test_views_finetuning_and_measuring_are_refused(folder: Path, tmp_path: Path) -> None:
    from usl_core.features.cost import encoding_costs
    from usl_core.features.views import views_key

    np.save(tmp_path / "e.npy", vectors())
    add_vectors(tmp_path / "e.npy")
    features = usl.encode(folder, "vectors:e")
    for refused in (lambda: usl.encode_views(features, 2), lambda: views_key(features, 2)):
        with pytest.raises(
            UslError, match=r"no network is here that could encode augmented views; .* \(n_views=0, --views 0\)"
        ):
            refused()
    with pytest.raises(UslError, match="vectors:e cannot be trained"):
        usl.train_uslt(features, 2, mode="finetune")
    assert "no network is here" in str(encoding_costs(features.images, ["vectors:e"])["vectors:e"])
    with pytest.raises(UslError, match="weights of vectors:e must be None"):
        get_encoder("vectors:e", "random")


def test_selection_and_uslt_without_views_work(tmp_path: Path) -> None:
    folder = written(tmp_path / "photos", tuple(f"{at:02}.png" for at in range(30)))
    np.save(tmp_path / "e.npy", vectors(30))
    add_vectors(tmp_path / "e.npy")
    features = usl.encode(folder, "vectors:e")
    assert len(usl.select(features.values, 4)) == 4
    training = usl.train_uslt(features, 4, usl.UsltParams(n_views=0, n_epochs=1, n_neighbors=5))
    assert len(training.history) == 1


# --- memory ------------------------------------------------------------------------------------------------------------------

_MEASURE = """
import resource, sys
from pathlib import Path
import numpy as np
from usl_core.encoders.own_vectors import VectorsEncoder, add_vectors
from usl_core.features.ready_made import ready_made
from usl_core.types import ImageSet
n, d = 40_000, 512
np.lib.format.open_memmap(sys.argv[1], "w+", dtype="f8", shape=(n, d))[:] = 1.0
names = tuple(f"{at:06}.png" for at in range(n))
images = ImageSet(root=Path("nowhere"), paths=names, digests=tuple(f"{at:032x}" for at in range(n)), fingerprint="x")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no resource module")
def test_memory_holds_the_vectors_once(tmp_path: Path) -> None:
    measure = _MEASURE + (
        "import gc; gc.collect(); import scipy.linalg\n"
        "import tracemalloc; tracemalloc.start()\n"
        "known = add_vectors(sys.argv[1])\n"
        "assert tracemalloc.get_traced_memory()[1] < 40e6, tracemalloc.get_traced_memory()\n"
        "made = ready_made(images, VectorsEncoder(known.name), lambda *_: None)\n"
        "print(tracemalloc.get_traced_memory()[1] / made.values.nbytes)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(usl.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", measure, str(tmp_path / "e.npy")], capture_output=True, text=True, env=env, check=False
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1.8  # 82 MB, and blocks; the file has 164 MB


def test_blocks_are_small_however_long_a_vector_is(tmp_path: Path) -> None:
    assert rows_at_once(1) == 4096
    assert rows_at_once(65_536) * 65_536 <= 2**22
    np.save(tmp_path / "e.npy", np.ones((3, 65_536), dtype=np.float32))
    assert [block.shape for block in read_vectors(tmp_path / "e.npy").blocks()] == [(3, 65_536)]
    assert own_vectors() == []
