"""Labels in the JSON of COCO, and of Datumaro: images, annotations, and categories that are numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import UslError
from .entries import Entry, LabelFile, class_text, distinct

_NAME_KEYS = ("file_name", "path", "coco_url", "flickr_url")


def is_coco(document: Any) -> bool:
    """Whether this looks like COCO."""
    return isinstance(document, dict) and isinstance(document.get("images"), list) and "annotations" in document


def is_datumaro(document: Any) -> bool:
    """Whether this looks like Datumaro."""
    return isinstance(document, dict) and isinstance(document.get("items"), list) and "categories" in document


def read_coco(document: Mapping[str, Any], called: str) -> LabelFile:
    """Of each image the categories of all its annotations, boxes or not.

    Raises:
        UslError: annotations or categories are no lists.
    """
    file = LabelFile(kind="COCO")
    categories: dict[Any, str] = {}
    for number, category in enumerate(_list(document, "categories", called), 1):
        name = class_text(category.get("name")) if isinstance(category, dict) else None
        if not name or not _is_key(category.get("id")):
            file.unreadable.append((f"category {number}", "it has no id and name"))
            continue
        categories[category["id"]] = name
    classes: dict[Any, list[str]] = {}
    for number, image in enumerate(document["images"], 1):
        if not isinstance(image, dict) or not _is_key(image.get("id")):
            file.unreadable.append((f"image {number}", "it has no id"))
        else:
            classes.setdefault(image["id"], [])
    for number, annotation in enumerate(_list(document, "annotations", called), 1):
        image, category = (annotation.get(key) if isinstance(annotation, dict) else None for key in ("image_id", "category_id"))
        if not _is_key(image) or image not in classes:
            file.unreadable.append((f"annotation {number}", f"its image {image!r:.40} is not among the images"))
        elif not _is_key(category) or category not in categories:
            file.unreadable.append((f"annotation {number}", f"its category {category!r:.40} is not among the categories"))
        else:
            classes[image].append(categories[category])
    for number, image in enumerate(document["images"], 1):
        if not isinstance(image, dict) or not _is_key(image.get("id")):
            continue
        names = tuple(image[key] for key in _NAME_KEYS if isinstance(image.get(key), str) and image[key].strip())
        if not names:
            file.unreadable.append((f"image {number}", "it has no file_name"))
            continue
        file.entries.append(Entry(names=names, classes=distinct(classes[image["id"]]), where=f"image {number}"))
    return file


def read_datumaro(document: Mapping[str, Any], called: str) -> LabelFile:
    """Of each item the labels of its annotations; those of type label before those of shapes.

    Raises:
        UslError: there is no list of labels.
    """
    file = LabelFile(kind="Datumaro")
    labels: Any = document
    for key in ("categories", "label", "labels"):
        labels = labels.get(key) if isinstance(labels, dict) else None
    if not isinstance(labels, list):
        raise UslError(f"{called}: categories.label.labels must be a list of classes but is {labels!r:.40}")
    names: dict[Any, str | None] = {
        place: class_text(label.get("name")) for place, label in enumerate(labels) if isinstance(label, dict)
    }
    for number, item in enumerate(document["items"], 1):
        where, image = f"item {number}", item.get("image") if isinstance(item, dict) else None
        called_there = [image.get("path")] if isinstance(image, dict) else []
        called_there += [item.get("id")] if isinstance(item, dict) else []
        found = tuple(name for name in called_there if isinstance(name, str) and name.strip())
        if not found:
            file.unreadable.append((where, "it names no image"))
            continue
        whole, parts = list[str](), list[str]()
        for annotation in item["annotations"] if isinstance(item.get("annotations"), list) else []:
            number_of = annotation.get("label_id") if isinstance(annotation, dict) else None
            is_number = isinstance(number_of, int) and not isinstance(number_of, bool)
            name = names.get(number_of) if is_number else None
            if name:
                (whole if annotation.get("type") == "label" else parts).append(name)
            else:
                file.unreadable.append((where, f"its label {number_of!r:.40} is not among the classes"))
        file.entries.append(Entry(names=found, classes=distinct(whole or parts), where=where))
    return file


def _is_key(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _list(document: Mapping[str, Any], key: str, called: str) -> list[Any]:
    found = document.get(key, [])
    if not isinstance(found, list):
        raise UslError(f"{called}: {key} must be a list but is {found!r:.40}")
    return found
