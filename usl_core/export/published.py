"""The picks and the rest as the published ImageNet code reads and writes them: two tables with the columns Index and ImageID.

Index is the place of a file in torchvision's `ImageFolder`, which sorts names as text and takes what is called like an image;
here images are in natural order and only those count that can be used. ImageID is CLASS/FILE; the code reads Index alone.
Both tables ascend by Index.

Reference:
    `gen_csv_data` of Wang, Lian, Yu (ECCV 2022), https://github.com/TonyLianLong/UnsupervisedSelectiveLabeling
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import UslError
from ..names import guarded
from ..types import ImageSet
from .picked import PickedRun
from .tables import table_bytes

_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")  # torchvision's
_HEADER = ("Index", "ImageID")


def write_index_csv(run: PickedRun, folder: Path) -> None:
    """picked_index.csv and rest_index.csv: the picks, and all other files that can be used.

    Raises:
        UslError: the images do not lie in a folder per class, or a pick has a name that ImageFolder passes over.
    """
    names = image_folder_names(run)
    places = {name: index for index, name in enumerate(names)}
    prefix = class_root(run.images) or ""
    picked = set()
    for row in run.rows:
        name = run.images.paths[row].removeprefix(prefix)
        if name not in places:
            raise UslError(
                f"index-csv numbers files as torchvision's ImageFolder does, which does not see {run.images.paths[row]!r}; "
                f"it reads {', '.join(_EXTENSIONS)}: convert that file, or use another format"
            )
        picked.add(places[name])
    broken = {places.get(problem.path.removeprefix(prefix)) for problem in run.images.problems}
    rest = [index for index in range(len(names)) if index not in picked and index not in broken]
    for file, some in (("picked_index.csv", sorted(picked)), ("rest_index.csv", rest)):
        rows = [(index, guarded(_image_id(names[index]))) for index in some]
        (folder / file).write_bytes(table_bytes(_HEADER, rows))


def image_folder_names(run: PickedRun) -> list[str]:
    """Every file that `ImageFolder` would take, in its order, relative to the folder that it would be given.

    Raises:
        UslError: the images do not lie in a folder per class.
    """
    images, prefix = run.images, class_root(run.images)
    if run.is_list or prefix is None:
        what = "a list" if run.is_list else "no folder of class subfolders"
        raise UslError(
            f"index-csv numbers files as torchvision's ImageFolder does, but {images.root} is {what}; use npy or csv"
        )
    if not run.is_archive:
        return list(_walked(images.root / prefix))
    if images.sample is not None:
        raise UslError(f"index-csv needs all files of {images.root}, but these are {images.sample}; unpack the archive")
    there = [*images.paths, *(problem.path for problem in images.problems)]
    inside = [name.removeprefix(prefix) for name in there if name.startswith(prefix)]
    return sorted((name for name in inside if "/" in name and _is_taken(name)), key=_place)


def _walked(root: Path) -> Iterator[str]:
    """As torchvision does: classes by name, then folders and the files in each by name."""
    for kind in sorted(entry.name for entry in os.scandir(root) if entry.is_dir()):
        for where, _, files in sorted(os.walk(root / kind, followlinks=True)):
            for file in sorted(files):
                if _is_taken(file):
                    yield (Path(where) / file).relative_to(root).as_posix()


def _place(name: str) -> tuple[str, str, str]:
    folders, _, file = name.rpartition("/")
    return name.partition("/")[0], folders, file


def _is_taken(name: str) -> bool:
    return name.lower().endswith(_EXTENSIONS)


def _image_id(name: str) -> str:
    return "/".join(name.split("/")[-2:])


def class_root(images: ImageSet) -> str | None:
    """What stands in every path before the folder of its class, ending in a slash or empty; None: classes are no folders.

    >>> from usl_core.export.published import class_root
    >>> class_root(usl.load_demo("digits").images)
    ''
    """
    if images.labels is None:
        return None
    names = [images.class_names[number] for number in images.labels.tolist()]
    parts = images.paths[0].split("/")[:-1]
    if names[0] not in parts:
        return None
    prefix = "".join(f"{part}/" for part in parts[: parts.index(names[0])])
    inside = all(path.startswith(f"{prefix}{name}/") for path, name in zip(images.paths, names, strict=True))
    return prefix if inside else None
