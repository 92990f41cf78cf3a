"""What a report shows of single files: the gallery and the table of picks, problem files and copies, where all comes from."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import asdict

from markupsafe import Markup

from ..errors import UslError
from ..evaluation.comparison import Comparison
from ..export.run_record import picks_fingerprint, versions
from ..figures.layers import MapFacts
from ..images.scan import thumbnail
from ..names import display_name
from ..types import FloatArray, ImageSet
from .sections import View

MAX_LISTED = 20
MAX_TABLE_ROWS = 1000
MAX_THUMBNAILS = 200
_MANY = 300  # pictures; from here on they are smaller
_SIZES = (160, 96)


def picks(comparison: Comparison, facts: MapFacts, xy: FloatArray) -> View:
    """The picked images of each method, first seed, in rank order: as pictures and as a table."""
    pictures = _Pictures(comparison)
    galleries, lines = [], []
    for method, runs in comparison.selections.items():
        known = list(_picks(method, runs[0].indices.tolist(), runs[0].clusters.tolist(), facts))
        lines += known[:MAX_TABLE_ROWS]
        cards = [
            {
                **pick,
                **pictures.of(pick["row"]),
                "file": pick["path"].rpartition("/")[2],
                "alt": _alt(pick),
                "x": repr(float(xy[pick["row"], 0])),
                "y": repr(float(xy[pick["row"], 1])),
            }
            for pick in known[:MAX_THUMBNAILS]
        ]
        galleries.append({"method": method, "n_picks": len(known), "cards": cards})
    return {
        "seed": comparison.seeds[0],
        "galleries": galleries,
        "picks": lines,
        "cut": MAX_TABLE_ROWS if comparison.budget > MAX_TABLE_ROWS else 0,
        "has_classes": facts.labels is not None,
    }


def _picks(method: str, rows: list[int], clusters: list[int], facts: MapFacts) -> Iterator[View]:
    for rank, (row, cluster) in enumerate(zip(rows, clusters, strict=True), start=1):
        yield {
            "method": method,
            "rank": rank,
            "row": row,
            "path": facts.paths[row],
            "class": facts.class_names[facts.labels[row]] if facts.labels is not None else None,
            "density": f"{facts.percentile[row]:.0f}",
            "cluster": cluster,
        }


def _alt(pick: View) -> str:
    said = [f"pick {pick['rank']}", pick["path"]]
    said += [f"class {pick['class']}"] if pick["class"] is not None else []
    said += [f"density percentile {pick['density']}"]
    said += [f"cluster {pick['cluster']}"] if pick["cluster"] >= 0 else []
    return ", ".join(display_name(part, 120) for part in said)


class _Pictures:
    """Thumbnails or, where the file is gone, the cause; each image is decoded once."""

    def __init__(self, comparison: Comparison) -> None:
        self._images = comparison.features.images
        many = min(comparison.budget, MAX_THUMBNAILS) * len(comparison.selections) > _MANY
        self._size = _SIZES[many]
        self._made: dict[int, View] = {}

    def of(self, row: int) -> View:
        if row not in self._made:
            try:
                jpeg = Markup(b64encode(thumbnail(self._images, row, self._size)).decode())  # noqa: S704  (letters and digits)
                self._made[row] = {"jpeg": jpeg}
            except UslError as error:  # the file changed since it was encoded; the report says so in its place
                self._made[row] = {"jpeg": None, "error": str(error)}
        return self._made[row]


def files(images: ImageSet) -> View:
    """Files that could not be used, notes on others, and exact copies."""
    return {
        "most": MAX_LISTED,
        "problems": [(problem.path, problem.cause) for problem in images.problems],
        "notes": [(note.path, note.text) for note in images.notes],
        "copies": [[images.paths[row] for row in group] for group in images.duplicates],
        "n_copies": sum(len(group) - 1 for group in images.duplicates),
    }


def _scanned(images: ImageSet) -> str:
    """The images in Python: the name of what was scanned, or the call that draws the same sample."""
    name = repr(images.root.name or str(images.root))
    return name if images.sample is None else f"usl.scan({name}, sample={images.sample.n}, sample_seed={images.sample.seed})"


def origin(comparison: Comparison, command: str | None) -> View:
    """How to repeat all of this: command, parameters, fingerprints, versions."""
    features = comparison.features
    settings = {method: runs[0].params for method, runs in comparison.selections.items()}
    made = {method: given for method, given in settings.items() if given is not None}
    classes = sorted({type(params).__name__ for params in made.values()})
    options = f"seeds={comparison.seeds!r}, params={made!r}"
    if comparison.near_duplicates is not None:
        options += f", near_duplicates={comparison.near_duplicates!r}"
    call = "\n".join(
        (
            "import usl_core as usl",
            *(f"{name} = usl.{name}" for name in classes),
            f"features = usl.encode({_scanned(features.images)}, {features.encoder!r})",
            f"usl.compare(features, {comparison.budget}, {tuple(settings)!r}, {options})",
        )
    )
    prints = {f"picks of {method}, seed {comparison.seeds[0]}": runs[0] for method, runs in comparison.selections.items()}
    return {
        "command": command,
        "call": call,
        "settings": [(method, [] if given is None else list(asdict(given).items())) for method, given in settings.items()],
        "fingerprints": [
            ("features", features.fingerprint),
            ("images", features.images.fingerprint),
            *((what, picks_fingerprint(run)) for what, run in prints.items()),
        ],
        "versions": ", ".join(f"{library} {number}" for library, number in versions().items()),
    }
