"""Labels in JSON: tasks as Label Studio exports them, its short form (JSON-MIN), and plain records or pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import UslError
from ..images.list_columns import LABEL_HEADERS
from ..images.list_text import PATH_HEADERS, header_word
from ..images.names import is_image_name
from ..names import display_name
from .entries import Entry, LabelFile, class_text, distinct

_LABEL_WORDS = (*LABEL_HEADERS, "choice", "choices")
_NO_LABEL_WORDS = {
    *("id", "innerid", "annotator", "annotationid", "createdat", "updatedat", "leadtime", "project", "comment", "comments"),
    *("rank", "index", "method", "seed", "cluster", "density", "score", "split", "subset", "storagefilename", "fileupload"),
}


def is_tasks(document: Any) -> bool:
    """Whether these are tasks of Label Studio."""
    return isinstance(document, list) and any(
        isinstance(task, dict) and isinstance(task.get("data"), dict) for task in document
    )


def read_tasks(tasks: Sequence[Any]) -> LabelFile:
    """Of each task the choices of all annotations that were not skipped; where there are none, the labels of its shapes.

    Predictions, which are a model's, do not count.
    """
    file = LabelFile(kind="tasks of Label Studio")
    for number, task in enumerate(tasks, 1):
        where = f"task {number}"
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            file.unreadable.append((where, "it is no task with data"))
            continue
        names = _names({**task["data"], "fileupload": task.get("file_upload"), "storagefilename": task.get("storage_filename")})
        if not names:
            file.unreadable.append((where, "its data name no image"))
            continue
        given = task.get("annotations", task.get("completions"))
        annotations = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
        results = [
            result
            for one in annotations
            if not one.get("was_cancelled") and isinstance(one.get("result"), list)
            for result in one["result"]
            if isinstance(result, dict) and isinstance(result.get("value"), dict)
        ]
        choices = [name for result in results for name in _choices(result["value"])]
        shapes = [name for result in results for name in _shapes(result["value"])]
        file.entries.append(Entry(names=names, classes=distinct(choices or shapes), where=where))
    return file


def read_records(records: Sequence[Any], called: str) -> LabelFile:
    """Records with a key for the path and one for the class, as JSON-MIN has them.

    Raises:
        UslError: no key, or more than one, may be that of the classes.
    """
    file = LabelFile(kind="records")
    known = [record for record in records if isinstance(record, dict)]
    key = _label_key(known, called)
    for number, record in enumerate(records, 1):
        where = f"record {number}"
        names = _names(record) if isinstance(record, dict) else ()
        if not names:
            file.unreadable.append((where, "it names no image"))
            continue
        value = record.get(key) if key is not None else None
        classes = [*_choices(value), *_shapes(value)] if isinstance(value, dict) else _texts(value)
        file.entries.append(Entry(names=names, classes=distinct(classes), where=where))
    return file


def read_pairs(pairs: Mapping[str, Any]) -> LabelFile:
    """An object of path: class."""
    entries = [
        Entry(names=(name,), classes=distinct(_texts(value)), where=f"entry {number}")
        for number, (name, value) in enumerate(pairs.items(), 1)
    ]
    return LabelFile(kind="pairs of path and class", entries=entries)


def _names(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """What an image may be called by: columns of paths first, then whatever else looks like a file of an image."""
    texts = {header_word(key): value for key, value in fields.items() if isinstance(value, str) and value.strip()}
    known = [texts[word] for word in (*PATH_HEADERS, "fileupload", "storagefilename") if word in texts]
    known += [value for value in texts.values() if is_image_name(value.split("?")[0])]
    return tuple(dict.fromkeys(known))


def _label_key(records: Iterable[Mapping[str, Any]], called: str) -> str | None:
    keys: dict[str, str] = {}
    others: dict[str, None] = {}
    for record in records:
        paths = set(_names(record))
        for key, value in record.items():
            word = header_word(key)
            if word in _LABEL_WORDS:
                keys.setdefault(word, key)
            elif word not in _NO_LABEL_WORDS and word not in PATH_HEADERS and value not in (None, "", [], {}):
                is_path = isinstance(value, str) and value in paths
                if not is_path and (isinstance(value, str) or _has_classes(value)):
                    others[key] = None
    if keys:
        return next(keys[word] for word in _LABEL_WORDS if word in keys)
    if len(others) > 1:
        named = ", ".join(f"'{display_name(key, 40)}'" for key in list(others)[:5])
        raise UslError(f"{called}: the classes may stand under any of {named}; call one of them label")
    return next(iter(others), None)


def _has_classes(value: Any) -> bool:
    return isinstance(value, dict) and bool(_choices(value) or _shapes(value))


def _texts(value: Any) -> list[str]:
    """One class name, or a list of them."""
    several = value if isinstance(value, list) else [value]
    return [text for text in map(class_text, several) if text]


def _choices(value: Mapping[str, Any]) -> list[str]:
    taxonomy = value.get("taxonomy")
    paths = [path for path in taxonomy if isinstance(path, list)] if isinstance(taxonomy, list) else []
    return [*_texts(value.get("choices")), *("/".join(_texts(path)) for path in paths)]


def _shapes(value: Mapping[str, Any]) -> list[str]:
    return [name for key, names in value.items() if key.endswith("labels") for name in _texts(names)]
