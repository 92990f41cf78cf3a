"""The settings of UMAP."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UslError
from ..parameters import parameter
from ..validation import real_number, whole_number

AUTO = "auto"
"""What people write for a min_dist that is chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UmapParams:
    """The settings of UMAP.

    Args:
        n_neighbors: images that are to stay near each other, the image itself counted, >= 2; reduced to how many different
            images there are.
        min_dist: how near to each other neighbours may come to lie, in [0, 1]; None: chosen, see `automatic`.
        seed: of the images that push, which are drawn at random.

    Raises:
        UslError: a value is outside its range.
    """

    n_neighbors: int = parameter(
        15,
        label="Neighbours",
        key="mapk",
        flag="--map-neighbors",
        unit="K",
        usage="images that UMAP keeps near each other",
        low=2,
        high=200,
        typed=True,
        help="How many images UMAP keeps near each image, itself counted: few show small groups, many the large picture.",
    )
    min_dist: float | None = parameter(
        None,
        label="Room (min_dist)",
        key="mindist",
        flag="--map-min-dist",
        unit="D",
        usage="how near to each other UMAP lays neighbours, 0 to 1",
        unset="automatic",
        help="How near to each other neighbours may lie: the larger, the more of the map groups fill, and the less exactly. "
        "Auto takes the largest of 0.1, 0.25, 0.5 and 0.8 that costs at most 0.01 of trustworthiness; 0.1 above 5,000 images.",
    )
    seed: int = parameter(
        0,
        label="Map seed",
        key="mapseed",
        flag="--map-seed",
        unit="S",
        usage="random seed of UMAP",
        high=2**31 - 1,
        typed=True,
        help="What pushes images apart on the map is drawn at random. What looks different with every seed is no property of "
        "the images.",
    )

    def __post_init__(self) -> None:
        whole_number(self.n_neighbors, "n_neighbors of a map", 2)
        whole_number(self.seed, "seed", 0, 2**32 - 1)
        if isinstance(self.min_dist, str):
            raise UslError(f"min_dist must be a number in [0, 1], or None for the automatic choice, but is {self.min_dist!r}")
        if self.min_dist is not None:
            real_number(self.min_dist, "min_dist", 0, 1)
