"""Tasks for labelling tools: Label Studio, CVAT, and COCO for whatever reads it."""

from __future__ import annotations

import json
import shlex
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from ..errors import UslError
from ..images.scan import open_image, read_bytes
from .files import run_json
from .picked import Guess, PickedRun
from .plain_names import encodable, inside, xml_text

LOCAL_FILES = "/data/local-files/?d="
"""How Label Studio names files of its own machine; a path relative to its document root follows."""


def write_label_studio(run: PickedRun, folder: Path) -> None:
    """label-studio-tasks.json, a task per pick with its class as a prediction, and label-studio-config.xml, the classes.

    Without `url_prefix` tasks name local files, relative to the folder above that of the images, which label-studio.txt tells.

    Raises:
        UslError: no class is known.
    """
    classes = tuple(map(xml_text, run.needed_classes("label-studio")))
    root = run.folder.parent
    tasks = [_task(run, rank, row, root) for rank, row in enumerate(run.rows, start=1)]
    text = json.dumps(tasks, indent=2, allow_nan=False)
    (folder / "label-studio-tasks.json").write_text(text + "\n", encoding="ascii")
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Image", name="image", value="$image", zoom="true")
    choices = ElementTree.SubElement(view, "Choices", name="label", toName="image", choice="single", showInLine="true")
    for name in dict.fromkeys(classes):
        ElementTree.SubElement(choices, "Choice", value=name)
    ElementTree.indent(view)
    config = ElementTree.tostring(view, encoding="unicode")  # Label Studio refuses a declaration of the encoding
    (folder / "label-studio-config.xml").write_text(config + "\n", encoding="utf-8")
    if run.url_prefix is None:
        words = [f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={shlex.quote(encodable(str(root)))}"]
        line = " ".join(["LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true", *words, "label-studio start"])
        said = [
            "# How Label Studio finds the images; then add a source storage of local files in the project's settings,",
            "# with the folder of the images, and import label-studio-tasks.json.",
            line,
        ]
        (folder / "label-studio.txt").write_text("\n".join(said) + "\n", encoding="utf-8")


def _task(run: PickedRun, rank: int, row: int, root: Path) -> dict[str, Any]:
    path, known = run.images.paths[row], run.table[rank - 1]
    where = path if run.url_prefix is not None else _relative(run.place(row), root)
    prefix = LOCAL_FILES if run.url_prefix is None else run.url_prefix
    data = {"image": prefix + _quoted(where), "path": encodable(path), "rank": rank, "row": row, "density": known.density}
    data |= {} if known.cluster is None else {"cluster": known.cluster}
    data |= {"note": run.notes[row]} if row in run.notes else {}
    guess = run.guesses.get(row)
    return {"data": data} | ({} if guess is None else {"predictions": [_prediction(guess)]})


def _prediction(guess: Guess) -> dict[str, Any]:
    chosen = {"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": [xml_text(guess.label)]}}
    said: dict[str, Any] = {"model_version": encodable(guess.origin), "result": [chosen]}
    return said | ({} if guess.score is None else {"score": float(guess.score)})


def _relative(place: Path, root: Path) -> str:
    return place.relative_to(root).as_posix() if place.is_relative_to(root) else place.as_posix()


def _quoted(path: str) -> str:
    return quote(path.encode("utf-8", "surrogateescape"), safe="/")


def write_cvat(run: PickedRun, folder: Path) -> None:
    """cvat.zip, a data set in "CVAT for images 1.1" (images, annotations.xml, run.json), cvat-labels.json, and cvat.txt: the
    line that makes a project of both.

    Raises:
        UslError: no class is known, or a file is gone or not the one that was scanned.
    """
    classes = tuple(dict.fromkeys(map(xml_text, run.needed_classes("cvat"))))
    taken: set[str] = set()
    plain, sizes = {row: inside(xml_text(run.images.paths[row]), taken) for row in run.rows}, _sizes(run)
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    job = ElementTree.SubElement(ElementTree.SubElement(root, "meta"), "task")
    ElementTree.SubElement(job, "name").text = xml_text(run.title)
    ElementTree.SubElement(job, "size").text = str(len(run.rows))
    labels = ElementTree.SubElement(job, "labels")
    for name in classes:
        label = ElementTree.SubElement(labels, "label")
        ElementTree.SubElement(label, "name").text = name
        ElementTree.SubElement(label, "attributes")
    for at, row in enumerate(run.rows):
        width, height = sizes[row]
        image = ElementTree.SubElement(root, "image", id=str(at), name=plain[row], width=str(width), height=str(height))
        if row in run.guesses:
            guess = run.guesses[row]
            source = "manual" if guess.score is None else "auto"
            ElementTree.SubElement(image, "tag", label=xml_text(guess.label), source=source)
    with zipfile.ZipFile(folder / "cvat.zip", "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("annotations.xml"), _xml(root))
        archive.writestr(zipfile.ZipInfo("run.json"), run_json(run.document))
        for done, row in enumerate(run.rows):
            run.report(done / len(run.rows), f"{done:,} of {len(run.rows):,} images packed")
            archive.writestr(zipfile.ZipInfo(f"images/{plain[row]}"), read_bytes(run.images, row))
    said = json.dumps([{"name": name, "type": "tag", "attributes": []} for name in classes], indent=2)
    (folder / "cvat-labels.json").write_text(said + "\n", encoding="ascii")
    line = shlex.join(cvat_words(run.title))
    (folder / "cvat.txt").write_text(f"# In this folder; the password is asked for.\n{line}\n", encoding="utf-8")


def cvat_words(title: str) -> list[str]:
    """The words of the line that makes a project of cvat.zip."""
    name = xml_text(title).lstrip("-") or "images"
    options = ["--labels", "cvat-labels.json", "--dataset_path", "cvat.zip", "--dataset_format", "CVAT 1.1"]
    return ["cvat-cli", "--server-host", "http://localhost:8080", "project", "create", *options, name]


def write_coco(run: PickedRun, folder: Path) -> None:
    """coco.json: the picked images, and for those whose class is known a box around all of it, since COCO knows no other way.

    Raises:
        UslError: a file is gone or not the one that was scanned.
    """
    sizes = _sizes(run)
    ids = {name: number for number, name in enumerate(dict.fromkeys(map(encodable, run.classes)), start=1)}
    images: list[Mapping[str, Any]] = []
    boxes: list[Mapping[str, Any]] = []
    for number, row in enumerate(run.rows, start=1):
        width, height = sizes[row]
        images.append(
            {"id": number, "file_name": encodable(run.images.paths[row]), "width": width, "height": height, "row": row}
        )
        if row in run.guesses:
            boxes.append(_box(len(boxes) + 1, number, width, height, ids[encodable(run.guesses[row].label)], run.guesses[row]))
    document = {
        "info": {"description": f"{len(run.rows)} images to label of {run.title}", "version": "1.0", "run": dict(run.document)},
        "licenses": [],
        "images": images,
        "annotations": boxes,
        "categories": [{"id": number, "name": name, "supercategory": ""} for name, number in ids.items()],
    }
    (folder / "coco.json").write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="ascii")


def _box(number: int, image: int, width: int, height: int, category: int, guess: Guess) -> Mapping[str, Any]:
    said = {"score": guess.score} if guess.score is not None else {}
    box = {"bbox": [0, 0, width, height], "area": width * height, "segmentation": [], "iscrowd": 0}
    return {"id": number, "image_id": image, "category_id": category, **box, **said, "origin": asdict(guess)["origin"]}


def _sizes(run: PickedRun) -> dict[int, tuple[int, int]]:
    """Width and height of every pick, upright."""
    found = {}
    for done, row in enumerate(run.rows):
        run.report(done / len(run.rows), f"{done:,} of {len(run.rows):,} images measured")
        try:
            found[row] = open_image(run.images, row).size
        except UslError as error:
            raise UslError(f"the size of a picked image is needed, but {error}") from error
    return found


def _xml(root: ElementTree.Element) -> bytes:
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"
