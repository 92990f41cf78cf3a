"""What every export is made of: a run, what is known of its picks, and where its images lie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import UslError
from ..images.listed import Listed
from ..images.sources import open_source
from ..pipeline.artefacts import Map, load_or_draw_map
from ..projection.project import MapMethod
from ..types import Features, ImageSet, Neighbors, Progress, Selection
from .plain_names import encodable
from .tables import PickRow, picks_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """The class of an image, as it is known or predicted.

    Args:
        label: name of the class.
        score: how sure a prediction is, in [0, 1]; None: the class is known.
        origin: who says so, e.g. a model.

    Raises:
        UslError: no name, or a score outside [0, 1].
    """

    label: str
    score: float | None = None
    origin: str = "folders"

    def __post_init__(self) -> None:
        if not self.label.strip():
            raise UslError("label of a guess must be the name of a class but is empty")
        if self.score is not None and not 0 <= self.score <= 1:
            raise UslError(f"score of a guess must lie in [0, 1] but is {self.score!r}")

    @property
    def is_known(self) -> bool:
        """Whether it is a class that somebody gave, and no prediction, which has a score."""
        return self.score is None


@dataclass(frozen=True, kw_only=True, eq=False)
class PickedRun:
    """A run and what its exports say; made by `picked_run`.

    Args:
        selection: the picks.
        features: what was selected from.
        neighbors: its kNN graph.
        n_neighbors: k of the density.
        document: what run.json says.
        guesses: class by row, for rows whose class is known or predicted.
        classes: names that may be chosen when labelling, without repetition.
        notes: of a reviewer, by row.
        url_prefix: what stands before the path of an image in Label Studio's tasks; None: Label Studio's local files.
        map_method: of coordinates.
        cache_dir: see `Store`.
        on_progress: see `types.Progress`.
    """

    selection: Selection
    features: Features
    neighbors: Neighbors
    n_neighbors: int
    document: Mapping[str, Any]
    guesses: Mapping[int, Guess] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    notes: Mapping[int, str] = field(default_factory=dict)
    url_prefix: str | None = None
    map_method: MapMethod = "umap"
    cache_dir: Path | None = None
    on_progress: Progress | None = None

    @property
    def images(self) -> ImageSet:
        """The images that were selected from."""
        return self.features.images

    @cached_property
    def rows(self) -> tuple[int, ...]:
        """The picks in rank order."""
        return tuple(map(int, self.selection.indices))

    @cached_property
    def table(self) -> list[PickRow]:
        """See `picks_table`."""
        return picks_table(self.selection, self.features, self.neighbors, self.n_neighbors)

    def known_class(self, row: int) -> str | None:
        """The class of an image, where somebody gave it."""
        guess = self.guesses.get(row)
        return guess.label if guess is not None and guess.is_known else None

    def predicted_class(self, row: int) -> tuple[str, float] | None:
        """What an image is predicted to be, and how sure that is; None where the class is known or nothing is predicted."""
        guess = self.guesses.get(row)
        return None if guess is None or guess.score is None else (guess.label, guess.score)

    @cached_property
    def has_predictions(self) -> bool:
        """Whether the class of a pick is predicted."""
        return any(self.predicted_class(row) is not None for row in self.rows)

    @property
    def title(self) -> str:
        """What the data set is called."""
        return encodable(self.images.root.stem if self.is_archive else self.images.root.name) or "images"

    @cached_property
    def is_list(self) -> bool:
        """Whether the images are those of a list."""
        return self.images.root.is_file() and isinstance(open_source(self.images.root, self.images.within), Listed)

    @property
    def is_archive(self) -> bool:
        """Whether the images lie in a .zip archive."""
        return self.images.root.is_file() and not self.is_list

    @property
    def folder(self) -> Path:
        """Where the images are files: their folder, that of their list, or where their archive would be unpacked."""
        root = self.images.root
        return root.parent if self.is_list else root.with_suffix("") if self.is_archive else root

    def place(self, row: int) -> Path:
        """Where image `row` is a file, absolute; of an archive, once it is unpacked."""
        return self.folder / self.images.paths[row]

    def needed_classes(self, what: str) -> tuple[str, ...]:
        """The names that may be chosen.

        Args:
            what: the format that needs them.

        Raises:
            UslError: there are none.
        """
        if not self.classes:
            raise UslError(
                f"{what} needs the names of the classes, and these images have none; "
                "name them with --classes cat,dog (in Python classes=...)"
            )
        return self.classes

    def report(self, fraction: float, note: str) -> None:
        """Tell how far an export is."""
        if self.on_progress:
            self.on_progress(fraction, note)

    def map(self) -> Map:
        """Coordinates of all images."""
        return load_or_draw_map(self.features, self.neighbors, self.map_method, cache_dir=self.cache_dir)


def known_classes(images: ImageSet) -> dict[int, Guess]:
    """The class of every image that folders or a list name, by row."""
    ids, names, origin = images.labels, images.class_names, "folders"
    if images.listed is not None and images.listed.names:
        ids, names, origin = images.listed.ids, images.listed.names, "list"
    if ids is None:
        return {}
    return {row: Guess(label=names[number], origin=origin) for row, number in enumerate(ids.tolist()) if number >= 0}


def class_list(given: Iterable[str], guesses: Mapping[int, Guess], images: ImageSet) -> tuple[str, ...]:
    """The names that may be chosen: those given, those of the images, and those of guesses, each once.

    Raises:
        UslError: a name is empty.
    """
    names = list(given)
    if not all(name.strip() for name in names):
        raise UslError(f"classes must be names, but one of {names!r:.80} is empty")
    listed = images.listed.names if images.listed is not None else ()
    return tuple(dict.fromkeys([*names, *images.class_names, *listed, *(guess.label for guess in guesses.values())]))
