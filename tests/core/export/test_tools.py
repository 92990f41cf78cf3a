"""What is exported, opened by the very tools that it is for; see tests/requirements-exports.txt."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from usl_core.export.picked import Guess, known_classes

from .export_helpers import HOSTILE, PLAIN, exported, made

pytestmark = pytest.mark.export_tools

LABEL_STUDIO = """
import copy, json
from label_studio_sdk.label_interface import LabelInterface
interface = LabelInterface(open("label-studio-config.xml", encoding="utf-8").read())
interface.validate()
tasks = json.load(open("label-studio-tasks.json"))
assert len(tasks) == N
for task in tasks:
    assert interface.validate_task({"data": task["data"]})
    for prediction in task["predictions"]:
        assert interface.validate_prediction(prediction), prediction
wrong = copy.deepcopy(tasks[0]["predictions"][0])
wrong["result"][0]["value"]["choices"] = ["no such class"]
assert not interface.validate_prediction(wrong)
"""
COCO = """
from pycocotools.coco import COCO
coco = COCO("coco.json")
assert len(coco.getImgIds()) == len(coco.getAnnIds()) == N
for box in coco.loadAnns(coco.getAnnIds()):
    image = coco.loadImgs(box["image_id"])[0]
    assert box["bbox"] == [0, 0, image["width"], image["height"]]
    assert coco.annToMask(box).shape == (image["height"], image["width"]) if box["segmentation"] else True
"""
CVAT = """
import zipfile, datumaro
zipfile.ZipFile("cvat.zip").extractall("unpacked")
items = list(datumaro.Dataset.import_from("unpacked", "cvat"))
assert len(items) == N
for item in items:
    assert len(item.annotations) == 1
    assert item.media.data.shape[2] == 3
"""
CVAT_CLI = """
import argparse, shlex
from cvat_cli._internal.commands_all import COMMANDS
from cvat_cli._internal.common import configure_common_arguments
from cvat_sdk import models
(line,) = [line for line in open("cvat.txt", encoding="utf-8") if not line.startswith("#")]
parser = argparse.ArgumentParser()
configure_common_arguments(parser)
COMMANDS.configure_parser(parser)
asked = parser.parse_args(shlex.split(line)[1:])
assert asked.dataset_path == "cvat.zip" and asked.dataset_format == "CVAT 1.1"
assert asked.labels
for label in asked.labels:
    models.PatchedLabelRequest._from_openapi_data(**label)
"""
ATLAS = """
import shlex, zipfile
from click.testing import CliRunner
from embedding_atlas.cli import main
words = shlex.split(open("embedding-atlas.txt").read())[1:]
done = CliRunner().invoke(main, [*words, "--export-application", "application.zip"], catch_exceptions=False)
assert done.exit_code == 0, done.output
assert any(name.endswith(".parquet") for name in zipfile.ZipFile("application.zip").namelist())
"""
FIFTYONE = """
import os, runpy
import fiftyone as fo
from fiftyone.core.service import DatabaseService, ServiceExecutableNotFound
try:
    DatabaseService.find_mongod()
except ServiceExecutableNotFound:  # it comes from elsewhere than pip; FiftyOne itself is the real one
    import mongoengine, mongomock, pymongo
    store, connect = mongomock.store.ServerStore(), mongoengine.connect
    class Client(mongomock.MongoClient):
        _closed = False
        def __init__(self, *given, **named):
            super().__init__("localhost", _store=store)
    uri = fo.config.database_uri = "mongodb://localhost"
    fo.config.database_validation = fo.config.database_admin = False
    pymongo.MongoClient = Client
    named = {"host": uri, "mongo_client_class": Client, "uuidRepresentation": "standard"}
    mongoengine.connect = lambda name, **others: connect(name, **named)
dataset = runpy.run_path("picks_fiftyone.py")["picked"]()
assert len(dataset) == N
assert dataset.values("rank") == list(range(1, N + 1))
assert all(dataset.values("label.label"))
assert sorted(map(str, dataset.values("label.confidence"))) == ["0.5"] * ((N + 1) // 2) + ["None"] * (N // 2)
assert all(os.path.isfile(path) for path in dataset.values("filepath"))
assert all(sample.tags == ["pick"] for sample in dataset)
dataset.compute_metadata()
assert all(width == 9 for width in dataset.values("metadata.width"))
dataset.delete()
"""
CHECKS = {
    "label-studio": ("label_studio_sdk", LABEL_STUDIO),
    "coco": ("pycocotools", COCO),
    "cvat": ("datumaro", CVAT),
    "cvat-cli": ("cvat_cli", CVAT_CLI),
    "embedding-atlas": ("embedding_atlas.cli", ATLAS),
    "fiftyone": ("fiftyone", FIFTYONE),
}


@cache
def interpreter_of(module: str) -> str | None:
    """The Python that has it: that of the tests, or one of those that USL_EXPORT_TOOLS names."""
    named = filter(None, os.environ.get("USL_EXPORT_TOOLS", "").split(os.pathsep))
    for python in (sys.executable, *named):
        if subprocess.run([python, "-c", f"import {module}"], capture_output=True, env=_environment()).returncode == 0:
            return python
    return None


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@pytest.mark.parametrize("names", [PLAIN, HOSTILE], ids=["plain", "hostile"])
@pytest.mark.parametrize("tool", CHECKS)
def test_the_tool_takes_it(tool, names, tmp_path):
    module, check = CHECKS[tool]
    python = interpreter_of(module)
    if python is None:
        pytest.skip(f"{module} is in no environment; see tests/requirements-exports.txt")
    features = made(tmp_path / "photos", names)
    guesses = known_classes(features.images)
    guesses |= {row: Guess(label=guesses[row].label, score=0.5, origin="<a classifier>") for row in range(0, len(names), 2)}
    out = exported(features, tmp_path / "out", tool.removesuffix("-cli") if tool == "cvat-cli" else tool, guesses=guesses)
    code = f"N = {len(names)}\n{check}"
    done = subprocess.run([python, "-c", code], cwd=Path(out), env=_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
