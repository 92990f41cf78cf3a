"""What is written can be read back: picks.csv, picks.npy, run.json."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import zipfile
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from usl_core.errors import Cancelled, UslError
from usl_core.export.files import (
    PickRow,
    load_run_record,
    picks_csv,
    picks_npy,
    picks_table,
    problems_csv,
    run_json,
    run_record,
    write_picks_csv,
    write_picks_npy,
    write_picks_zip,
    write_run_record,
)
from usl_core.graph.density import log_density
from usl_core.graph.neighbors import find_neighbors
from usl_core.images.scan import scan
from usl_core.names import unguarded
from usl_core.selection.registry import select
from usl_core.selection.usl_params import UslParams
from usl_core.types import Features, ImageSet, Neighbors, Note, Problem, Selection
from usl_core.validation import unit_rows

HEADER = "rank,path,index,method,seed,cluster,label,density,score"
NAMES = (
    'quote " comma , semicolon ;.png',
    "new\nline.png",
    "carriage\rreturn.png",
    "=HYPERLINK(1).png",
    "+1.png",
    "-1.png",
    "@x.png",
    " space around .png ",
    "ünï/日本/😀.png",
    "caf\udce9.png",
    "'.png",
    "deep/er/est.png",
)


def made(names: tuple[str, ...] = NAMES, labels: bool = True, problems: int = 1) -> Features:
    n = len(names)
    return Features(
        values=unit_rows(np.random.default_rng(0).normal(size=(n, 6)).astype(np.float32)),
        fingerprint="f" * 32,
        encoder="test:encoder",
        images=ImageSet(
            root=Path("photos"),
            paths=names,
            digests=tuple(map(str, range(n))),
            labels=np.arange(n, dtype=np.int32) % 2 if labels else None,
            class_names=("cat, or so", "dog") if labels else (),
            problems=tuple(Problem(f"{at}.png", "broken") for at in range(problems)),
            fingerprint="i" * 32,
        ),
    )


@pytest.fixture
def features() -> Features:
    return made()


@pytest.fixture
def graph(features: Features) -> Neighbors:
    return find_neighbors(features, 3)


def chosen(features: Features, method: str = "usl", budget: int = 5, **more) -> Selection:
    params = UslParams(n_neighbors=3) if method == "usl" else None
    return select(features, budget, method, params=params, labels=features.images.labels, **more)


def all_of(features: Features) -> Selection:
    n = len(features)
    nothing = np.full(n, np.nan)
    return Selection(indices=np.arange(n), clusters=np.full(n, -1), scores=nothing, method="random", seed=2)


def read(path: Path) -> list[dict[str, str]]:
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    return list(csv.DictReader(io.StringIO(text, newline="")))


# ---------------------------------------------------------------- picks.csv and picks.npy


def test_the_header_is_exact(features, graph, tmp_path):
    write_picks_csv(tmp_path / "picks.csv", chosen(features), features, graph, 3)
    assert (tmp_path / "picks.csv").read_bytes().split(b"\r\n")[0] == HEADER.encode()
    assert ",".join(field.name for field in fields(PickRow)) == HEADER


def test_every_path_comes_back_exactly(features, graph, tmp_path):
    write_picks_csv(tmp_path / "picks.csv", all_of(features), features, graph, 3)
    rows = read(tmp_path / "picks.csv")
    assert [row["path"] for row in rows] == list(NAMES)
    assert [int(row["index"]) for row in rows] == list(range(len(NAMES)))
    assert b"caf\xe9.png" in (tmp_path / "picks.csv").read_bytes()  # the very bytes of the name on disk
    assert {row["label"] for row in rows} == {"cat, or so", "dog"}


def test_numbers_come_back_exactly(features, graph, tmp_path):
    selection = chosen(features)
    write_picks_csv(tmp_path / "picks.csv", selection, features, graph, 3)
    rows = read(tmp_path / "picks.csv")
    log_p = log_density(graph, 3, dim=6)
    for rank, row in enumerate(rows, start=1):
        index = int(row["index"])
        assert int(row["rank"]) == rank
        assert index == selection.indices[rank - 1]
        assert float(row["density"]) == log_p[index]
        assert float(row["score"]) == selection.scores[rank - 1]
        assert int(row["cluster"]) == selection.clusters[rank - 1]
        assert (row["method"], row["seed"]) == ("usl", "0")


def test_what_is_unknown_is_empty(graph, tmp_path):
    features = made(labels=False)
    write_picks_csv(tmp_path / "picks.csv", all_of(features), features, graph, 3)
    for row in read(tmp_path / "picks.csv"):
        assert (row["cluster"], row["label"], row["score"]) == ("", "", "")
        assert row["density"]
    (first, *_) = picks_table(all_of(features), features, graph, 3)
    assert (first.cluster, first.label, first.score) == (None, None, None)
    assert (first.rank, first.index, first.seed) == (1, 0, 2)


def test_cluster_zero_is_no_missing_cluster(features, graph):
    selection = replace(all_of(features), clusters=np.zeros(len(features), dtype=np.int64))
    assert {row.cluster for row in picks_table(selection, features, graph, 3)} == {0}


def test_npy_holds_the_rows_in_rank_order(features, tmp_path):
    selection = replace(chosen(features), indices=np.array([4, 0, 3, 11, 7]))
    write_picks_npy(tmp_path / "picks.npy", selection)
    loaded = np.load(tmp_path / "picks.npy", allow_pickle=False)
    assert loaded.dtype == np.int64
    assert loaded.tolist() == [4, 0, 3, 11, 7]


def test_the_variant_for_spreadsheets_runs_nothing_and_comes_back(features, graph):
    content = picks_csv(all_of(features), features, graph, 3, spreadsheet=True)
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert list(rows[0]) == HEADER.replace("path", "path_as_text").split(",")
    exact = list(
        csv.DictReader(io.StringIO(picks_csv(all_of(features), features, graph, 3).decode(errors="ignore"), newline=""))
    )
    for row, plain, name in zip(rows, exact, NAMES, strict=True):
        assert not row["path_as_text"].lstrip(' "').startswith(("=", "+", "-", "@"))
        assert unguarded(row["path_as_text"]) == name.encode("utf-8", "backslashreplace").decode()
        assert row["label"] == plain["label"]
        assert row["density"] == plain["density"], "a negative number is no formula"
    risky = replace(features, images=replace(features.images, class_names=("=1+1", "-dog")))
    text = picks_csv(all_of(risky), risky, graph, 3, spreadsheet=True).decode("utf-8-sig")
    assert {row["label"] for row in csv.DictReader(io.StringIO(text, newline=""))} == {"'=1+1", "'-dog"}


def test_problems_are_listed_exactly_and_for_spreadsheets(features):
    notes = (Note("-1.png", "its range was guessed"),)
    images = replace(features.images, problems=(Problem("=x\n.png", "it is damaged"),), notes=notes)
    assert problems_csv(images) == (
        b'kind,path,cause\r\nproblem,"=x\n.png",it is damaged\r\nnote,-1.png,its range was guessed\r\n'
    )
    spreadsheet = problems_csv(images, spreadsheet=True)
    assert spreadsheet.startswith(
        b"\xef\xbb\xbfkind,path_as_text,cause\r\nproblem,\"'=x\n.png\",it is damaged\r\nnote,'-1.png,"
    )


def test_what_does_not_belong_together_is_refused(features, graph):
    with pytest.raises(UslError, match="same 2 images"):
        picks_table(chosen(features), made(NAMES[:2]), graph, 3)
    with pytest.raises(UslError, match="selection must hold indices"):
        picks_table(replace(chosen(features), indices=np.array([0, 1, 2, 3, 99])), features, graph, 3)
    with pytest.raises(UslError, match="n_neighbors"):
        picks_table(chosen(features), features, graph, 0)


# ---------------------------------------------------------------- writing


def test_writing_makes_folders_replaces_and_leaves_nothing_behind(features, tmp_path):
    target = tmp_path / "new" / "folder" / "picks.npy"
    write_picks_npy(target, chosen(features, budget=2))
    write_picks_npy(target, chosen(features, budget=3))
    assert len(np.load(target)) == 3
    assert [path.name for path in target.parent.iterdir()] == ["picks.npy"]
    reference = tmp_path / "reference"
    reference.touch()
    assert target.stat().st_mode == reference.stat().st_mode


def test_a_failed_write_keeps_the_old_file_and_says_why(features, tmp_path, monkeypatch):
    target = tmp_path / "picks.npy"
    write_picks_npy(target, chosen(features, budget=2))
    before = target.read_bytes()

    def full(self: Path, other: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(UslError, match="No space left"):
        write_picks_npy(target, chosen(features, budget=3))
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["picks.npy"]


def test_a_folder_that_cannot_be_made_is_a_clear_error(features, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UslError, match="cannot be written"):
        write_picks_npy(tmp_path / "file" / "picks.npy", chosen(features))


# ---------------------------------------------------------------- run.json


def written(tmp_path: Path, features: Features, selection: Selection | None = None, **more) -> Path:
    path = tmp_path / "run.json"
    write_run_record(path, run_record(selection or chosen(features), features, folder="photos/é", **more))
    return path


@pytest.mark.parametrize(
    "params",
    [
        UslParams(),
        UslParams.published(),
        UslParams(reg_weight=0.1 + 0.2, reg_power=1e-9, horizon_picks=3, horizon_distance=1 / 3, relative_weight=True),
        UslParams(n_neighbors=np.int64(7), reg_weight=np.float32(0.3), reg_momentum=np.float64(0.25)),
    ],
    ids=["paper", "published", "odd numbers", "numpy numbers"],
)
def test_parameters_survive_the_round_trip(features, tmp_path, params):
    selection = replace(chosen(features), params=params)
    loaded = load_run_record(written(tmp_path, features, selection))
    assert loaded.params == params
    assert type(loaded.params) is UslParams


def test_a_record_holds_all_that_repeats_the_run(features, tmp_path):
    selection = chosen(features, seed=7, labelled=[3], vetoed=[0, 5])
    path = written(tmp_path, features, selection, labelled=np.array([3]), vetoed=[5, 0], precision="bfloat16")
    record = load_run_record(path)
    assert record.folder == "photos/é"
    assert (record.method, record.budget, record.seed) == ("usl", 5, 7)
    assert (record.labelled, record.vetoed) == ((3,), (0, 5))
    assert (record.encoder, record.precision) == ("test:encoder", "bfloat16")
    assert (record.n, record.n_problems) == (12, 1)
    assert record.fingerprints["images"] == "i" * 32
    assert record.fingerprints["features"] == "f" * 32
    again = select(features, record.budget, record.method, record.params, record.seed, None, record.labelled, record.vetoed)
    record.check_picks(again)
    assert json.loads(path.read_text())["versions"]["numpy"] == np.__version__
    assert record.versions["python"].startswith("3.")


def test_near_duplicates_are_recorded_and_older_records_know_none(features, tmp_path):
    path = written(tmp_path, features, near_duplicates=0.985)
    assert load_run_record(path).near_duplicates == 0.985
    document = json.loads(path.read_text())
    del document["near_duplicates"]
    path.write_text(json.dumps(document))
    assert load_run_record(path).near_duplicates is None
    assert load_run_record(written(tmp_path, features)).near_duplicates is None


def test_the_same_run_writes_the_same_bytes(features, tmp_path):
    assert written(tmp_path / "a", features).read_bytes() == written(tmp_path / "b", features).read_bytes()


def test_methods_without_parameters(features, tmp_path):
    record = load_run_record(written(tmp_path, features, chosen(features, "random")))
    assert (record.method, record.params) == ("random", None)


def test_the_method_asked_for_is_kept_beside_the_one_that_ran(features, tmp_path):
    path = written(tmp_path, features, chosen(features, "random"), method="stratified")
    assert load_run_record(path).method == "stratified"
    assert json.loads(path.read_text())["method_run"] == "random"


def test_torch_is_named_only_where_it_is_loaded(features, monkeypatch):
    for name in ("torch", "torchvision"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert "torch" not in run_record(chosen(features), features, folder="x")["versions"]
    monkeypatch.setitem(sys.modules, "torch", os)
    assert "torch" in run_record(chosen(features), features, folder="x")["versions"]


def test_other_picks_images_and_features_are_noticed(features, tmp_path):
    selection = chosen(features)
    record = load_run_record(written(tmp_path, features, selection))
    record.check_images(features.images)
    record.check_features(features)
    record.check_picks(selection)
    with pytest.raises(UslError, match="other picks"):
        record.check_picks(replace(selection, indices=selection.indices[::-1]))
    with pytest.raises(UslError, match="features of test:encoder"):
        record.check_features(replace(features, fingerprint="other"))
    changed = replace(features.images, fingerprint="other")
    with pytest.raises(UslError, match="images in photos have changed"):
        record.check_features(replace(features, images=changed))
    record.check_images(changed)  # one image may have failed while encoding: only the features can tell
    with pytest.raises(UslError, match="12 then, 11 now"):
        record.check_images(replace(changed, paths=NAMES[1:]))


def test_changed_images_are_noticed_before_encoding_where_no_file_had_problems(tmp_path):
    features = made(problems=0)
    record = load_run_record(written(tmp_path, features))
    with pytest.raises(UslError, match="have changed"):
        record.check_images(replace(features.images, fingerprint="other"))


DAMAGE = {
    "format": (("format",), 99),
    "folder": (("folder",), 3),
    "method": (("method",), "magic"),
    "method missing": (("method",), ...),
    "budget text": (("budget",), "5"),
    "budget true": (("budget",), True),
    "budget large": (("budget",), 13),
    "budget zero": (("budget",), 0),
    "seed": (("seed",), -1),
    "seed fraction": (("seed",), 1.5),
    "n": (("n",), 0),
    "n_problems": (("n_problems",), -1),
    "encoder": (("encoder",), None),
    "precision": (("precision",), "float8"),
    "labelled": (("labelled",), [12]),
    "labelled text": (("labelled",), ["a"]),
    "labelled number": (("labelled",), 3),
    "vetoed": (("vetoed",), [-1]),
    "vetoed true": (("vetoed",), [True]),
    "near-duplicates text": (("near_duplicates",), "0.9"),
    "near-duplicates zero": (("near_duplicates",), 0),
    "near-duplicates true": (("near_duplicates",), True),
    "params": (("params",), None),
    "params list": (("params",), [1]),
    "params unknown": (("params", "temperature"), 1),
    "params range": (("params", "reg_momentum"), 1.0),
    "params type": (("params", "n_neighbors"), "20"),
    "fingerprints": (("fingerprints",), {}),
    "fingerprints.picks": (("fingerprints", "picks"), 5),
    "versions": (("versions",), []),
    "versions.numpy": (("versions", "numpy"), 2),
}


@pytest.mark.parametrize(("where", "value"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_record_names_file_and_field(features, tmp_path, where, value):
    path = written(tmp_path, features)
    document = json.loads(path.read_text())
    inner = document
    for key in where[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[where[-1]]
    else:
        inner[where[-1]] = value
    path.write_text(json.dumps(document))
    with pytest.raises(UslError) as error:
        load_run_record(path)
    assert str(path) in str(error.value)
    assert where[-1] in str(error.value)


def test_parameters_for_a_method_that_has_none_are_refused(features, tmp_path):
    path = written(tmp_path, features, chosen(features, "random"))
    path.write_text(path.read_text().replace('"params": null', '"params": {"n_neighbors": 3}'))
    with pytest.raises(UslError, match="params must be null"):
        load_run_record(path)


@pytest.mark.parametrize("content", [b"", b"no json", b"[]", b"3", b"\xff\xfe", b"{}", b"[" * 100_000, None])
def test_what_is_no_record_is_refused(tmp_path, content):
    path = tmp_path / "run.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UslError) as error:
        load_run_record(path)
    assert "run.json" in str(error.value)


# ---------------------------------------------------------------- without a file, and the images themselves


def test_bytes_are_what_the_files_hold(features, graph, tmp_path):
    selection = chosen(features)
    write_picks_csv(tmp_path / "picks.csv", selection, features, graph, 3)
    write_picks_npy(tmp_path / "picks.npy", selection)
    record = run_record(selection, features, folder="photos")
    write_run_record(tmp_path / "run.json", record)
    assert (tmp_path / "picks.csv").read_bytes() == picks_csv(selection, features, graph, 3)
    assert (tmp_path / "picks.npy").read_bytes() == picks_npy(selection)
    assert (tmp_path / "run.json").read_bytes() == run_json(record)


@pytest.fixture
def photos(tmp_path) -> ImageSet:
    folder = tmp_path / "photos"
    rng = np.random.default_rng(0)
    for name in ("a/1.png", "a/2.png", "b/new\nline.png", "b/<b>.png", "b/日本 😀.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (9, 9, 3), dtype=np.uint8)).save(folder / name)
    return scan(folder)


def test_the_archive_holds_the_picked_files_byte_for_byte_in_rank_order(photos, tmp_path):
    picked = [4, 0, 2]
    write_picks_zip(tmp_path / "new" / "picks.zip", photos, picked)
    with zipfile.ZipFile(tmp_path / "new" / "picks.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [photos.paths[row] for row in picked]
        for row in picked:
            assert archive.read(photos.paths[row]) == (photos.root / photos.paths[row]).read_bytes()
    write_picks_zip(tmp_path / "again.zip", photos, picked)
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "new" / "picks.zip").read_bytes()


def test_the_record_goes_along_and_an_image_of_its_name_makes_way(photos, tmp_path):
    (photos.root / "a" / "1.png").rename(photos.root / "run.json.png")
    images = scan(photos.root)
    renamed = replace(images, paths=tuple("run.json" if path == "run.json.png" else path for path in images.paths))
    (photos.root / "run.json.png").rename(photos.root / "run.json")
    write_picks_zip(tmp_path / "picks.zip", renamed, range(len(renamed)), record={"format": 2})
    with zipfile.ZipFile(tmp_path / "picks.zip") as archive:
        names = archive.namelist()
        assert json.loads(archive.read("run.json")) == {"format": 2}
    assert names.count("run.json") == 1
    assert len(set(names)) == len(renamed) + 1


def test_no_half_archive_is_left(photos, tmp_path):
    def stop(fraction, note):
        if fraction > 0:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        write_picks_zip(tmp_path / "out" / "picks.zip", photos, [0, 1, 2], on_progress=stop)
    (photos.root / photos.paths[1]).write_bytes(b"another file now")
    with pytest.raises(UslError, match=r"a/2\.png.*not the file that was scanned"):
        write_picks_zip(tmp_path / "out" / "picks.zip", photos, [0, 1])
    with pytest.raises(UslError, match="selection"):
        write_picks_zip(tmp_path / "out" / "picks.zip", photos, [0, 99])
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UslError, match="cannot be written"):
        write_picks_zip(tmp_path / "file" / "picks.zip", photos, [0])
    assert list((tmp_path / "out").iterdir()) == []


def test_an_older_archive_survives_a_failure(photos, tmp_path):
    target = tmp_path / "picks.zip"
    write_picks_zip(target, photos, [0])
    before = target.read_bytes()
    (photos.root / photos.paths[1]).unlink()
    with pytest.raises(UslError, match="no longer there"):
        write_picks_zip(target, photos, [0, 1])
    assert target.read_bytes() == before
