"""The settings of USL."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..clustering.kmeans import KmeansInit
from ..errors import UslError
from ..graph.density import Estimate
from ..parameters import parameter
from ..validation import real_number, whole_number


@dataclass(frozen=True, slots=True, kw_only=True)
class UslParams:
    """The settings of USL; defaults are the paper's formulas.

    Args:
        n_neighbors: k of the density estimate, >= 1; reduced to n - 1 with a note.
        reg_weight: lambda >= 0, in units of the spreads; see `relative_weight`.
        reg_power: alpha in (0, 30], the exponent on the distance between an image and another cluster's pick.
        reg_momentum: m_reg in [0, 1), how much of the last round's regulariser is kept.
        n_iterations: T >= 1 rounds; the first is unregularised.
        horizon_distance: only picks nearer than this plain distance repel; None: all.
        horizon_picks: only this many nearest picks of other clusters repel; None: all.
        squared_distances: use squared distances in both U and the penalty (then alpha acts on the square).
        count_self: the image itself is the first of its k neighbours, at distance 0.
        estimate: "mean" takes U from the mean distance to the k neighbours, "kth" from the distance to the k-th.
        kmeans_init: "k-means++" or "random".
        kmeans_iterations: at most this many steps of k-means.
        relative_weight: lambda is in units of spread(U) / (spread(Reg) (1 - m_reg^(T - 1))), so that at 1 the spread of
            the penalty has grown to that of the utility by the last round, on any data and at any budget. Spread is the
            distance from the 10th to the 90th percentile over the images that may be picked, Reg that of the first round's
            picks. Where a spread is 0 there is no such unit and the penalty is off. False: lambda is absolute, as in the
            released code; Reg is a sum over m - 1 picks, so what is right for 10 picks is too much for 200.

    Raises:
        UslError: a value is outside its range.
    """

    n_neighbors: int = parameter(
        20,
        label="Neighbours k",
        key="k",
        flag="--k",
        unit="K",
        usage="neighbours of the density estimate",
        low=1,
        high=400,
        main=True,
        help="An image is typical when its k nearest neighbours are near. Small k looks at fine detail, large k at the crowd.",
    )
    reg_weight: float = parameter(
        0.5,
        label="Weight λ",
        key="rlambda",
        flag="--lambda",
        unit="L",
        usage="weight of the regulariser",
        high=5.0,
        step=0.05,
        main=True,
        help="How strongly the picks of other clusters push a pick away. 0 takes the densest image of each cluster.",
    )
    reg_power: float = parameter(
        1.0,
        label="Power α",
        key="alpha",
        flag="--alpha",
        unit="A",
        usage="its exponent on the distance",
        low=0.25,
        high=4.0,
        step=0.25,
        main=True,
        help="How fast that push fades with distance: 1 / distance^α. A large α lets only near picks matter.",
    )
    relative_weight: bool = parameter(
        True,
        label="Absolute λ",
        key="absolute",
        flag="--absolute",
        usage="take lambda as it is, not in units of the two terms' spreads",
        help="Take λ as it is, as the released code does. Otherwise it counts in units of the two terms' spreads, which makes "
        "one value right for any encoder and any budget.",
    )
    reg_momentum: float = parameter(
        0.9,
        label="Momentum m_reg",
        key="mreg",
        flag="--momentum",
        unit="F",
        usage="[m_reg]",
        high=0.99,
        step=0.01,
        help="m_reg: how much of the last round's push is kept in the next; more makes the rounds calmer.",
    )
    n_iterations: int = parameter(
        10,
        label="Rounds T",
        key="iterations",
        flag="--iterations",
        unit="T",
        usage="rounds of picking",
        low=1,
        high=50,
        help="How often the picks are made anew; the first round has no push.",
    )
    horizon_distance: float | None = parameter(
        None,
        label="Horizon, distance",
        key="horizon",
        flag="--horizon-distance",
        unit="D",
        usage="only picks nearer than this repel",
        low=0.05,
        high=2.0,
        step=0.05,
        off=2.0,
        help="Only picks nearer than this push. 2 is the largest distance there is: all picks push.",
    )
    horizon_picks: int | None = parameter(
        None,
        label="Horizon, picks",
        key="hpicks",
        flag="--horizon-picks",
        unit="H",
        usage="only the H nearest picks repel",
        high=10_000,
        off=0,
        typed=True,
        help="Only this many nearest picks push; 0: all of them.",
    )
    estimate: Estimate = parameter(
        "mean",
        label="Density from",
        key="estimate",
        flag="--estimate",
        usage="density from the mean or the k-th distance",
        help="The mean distance to the k neighbours (the paper), or the distance to the k-th alone.",
    )
    kmeans_init: KmeansInit = parameter(
        "k-means++",
        label="k-means starts from",
        key="init",
        flag="--kmeans-init",
        help="k-means++ spreads the first centres; random points, as in the released code, end in worse clusters.",
    )
    kmeans_iterations: int = parameter(
        100,
        label="k-means steps",
        key="ksteps",
        flag="--kmeans-iterations",
        unit="N",
        low=1,
        high=1000,
        typed=True,
        help="At most so many steps of k-means; it stops when nothing moves.",
    )
    squared_distances: bool = parameter(
        False,
        label="Squared distances",
        key="squared",
        flag="--squared-distances",
        usage="square the distances, as the released code does",
        help="Square the distances in both terms, as the released code does; α then acts on the square.",
    )
    count_self: bool = parameter(
        False,
        label="Count the image itself",
        key="self",
        flag="--count-self",
        usage="count an image as its own first neighbour",
        help="The image is the first of its own k neighbours, at distance 0, as in the released code.",
    )

    def __post_init__(self) -> None:
        whole_number(self.n_neighbors, "n_neighbors (k)", 1)
        real_number(self.reg_weight, "reg_weight (lambda)", 0)
        real_number(self.reg_power, "reg_power (alpha)", 0, 30, open_low=True)
        if real_number(self.reg_momentum, "reg_momentum (m_reg)", 0, 1) == 1:
            raise UslError("reg_momentum (m_reg) must be below 1 but is 1: the regulariser would stay at its start, 0")
        whole_number(self.n_iterations, "n_iterations (T)", 1)
        if self.horizon_distance is not None:
            real_number(self.horizon_distance, "horizon_distance", 0, open_low=True)
        if self.horizon_picks is not None:
            whole_number(self.horizon_picks, "horizon_picks", 1)
        if self.estimate not in ("mean", "kth"):
            raise UslError(f"estimate must be 'mean' or 'kth' but is {self.estimate!r}")
        if self.kmeans_init not in ("k-means++", "random"):
            raise UslError(f"kmeans_init must be 'k-means++' or 'random' but is {self.kmeans_init!r}")
        whole_number(self.kmeans_iterations, "kmeans_iterations", 1)
        for name in ("squared_distances", "count_self", "relative_weight"):
            if not isinstance(getattr(self, name), bool):
                raise UslError(f"{name} must be True or False but is {getattr(self, name)!r}")

    @classmethod
    def published(cls) -> UslParams:
        """`published_cifar10`."""
        return cls.published_cifar10()

    @classmethod
    def published_cifar10(cls) -> UslParams:
        """The settings of the released CIFAR-10 code, which departs from the formulas: an absolute lambda, squared distances,
        alpha 0.5 on the square, k = 400 with the image itself as its first neighbour, k-means from random points."""
        return cls(
            n_neighbors=400,
            reg_weight=0.5,
            reg_power=0.5,
            reg_momentum=0.9,
            n_iterations=10,
            horizon_distance=2.0,
            squared_distances=True,
            count_self=True,
            kmeans_init="random",
            kmeans_iterations=200,
            relative_weight=False,
        )

    @classmethod
    def published_cifar100(cls) -> UslParams:
        """The settings of the released CIFAR-100 code, made for m = 400: as for CIFAR-10, but lambda 1, alpha 1 on the squared
        distance, and only picks at a squared distance below 1 repel."""
        return replace(cls.published_cifar10(), reg_weight=1.0, reg_power=1.0, horizon_distance=1.0)

    @classmethod
    def published_imagenet_moco(cls) -> UslParams:
        """The settings of the released ImageNet code for MoCo features, made for m = 2,911: k = 20, two passes, no momentum,
        and the 128 nearest picks repel. The released code lets the pick of an image's own cluster repel it too; here, as in
        the formulas, it does not."""
        return replace(
            cls.published_cifar10(),
            n_neighbors=20,
            reg_weight=1.5,
            reg_power=0.5,
            reg_momentum=0.0,
            n_iterations=2,
            horizon_distance=None,
            horizon_picks=128,
            kmeans_iterations=100,
        )

    @classmethod
    def published_imagenet_clip(cls) -> UslParams:
        """The settings of the released ImageNet code for CLIP features: as for MoCo, but lambda 0.05, alpha 1 on the squared
        distance, and the 32 nearest picks repel."""
        return replace(cls.published_imagenet_moco(), reg_weight=0.05, reg_power=1.0, horizon_picks=32)
