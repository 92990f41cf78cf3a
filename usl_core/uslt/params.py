"""The settings of USL-T."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

from ..errors import UslError
from ..parameters import parameter
from ..validation import real_number, whole_number

Similarity = Literal["linear", "cosine", "neg_sq_l2"]
Normalisation = Literal["batch", "masked"]
Start = Literal["random", "features"]

MAX_HEADS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class UsltParams:
    """The settings of USL-T. The losses default to the paper's formulas, the training to what suits cached features.

    Args:
        n_neighbors: k, the neighbours of which each step draws one, >= 1; reduced to n - 1 with a note.
        local_weight: lambda >= 0, the weight of L_local.
        adjust_strength: alpha >= 0, the logit adjustment that prevents the one-cluster collapse.
        confidence_threshold: tau in [0, 1]; only images at least this sure take part in L_global.
        sharpen_temperature: t > 0; below 1 it prevents the uniform collapse.
        mean_momentum: mu in (0, 1], the share of a batch in the running mean of the assignments.
        n_clusters: C >= 1; None means one per label, C = m.
        n_heads: 1 to 5 heads, each with its own clusters; their losses are summed, the first one's clusters are picked from.
        similarity: "linear" (a linear head), "cosine" (40 times the cosine), "neg_sq_l2" (minus the squared distance).
        start: centroids start "random", or at the features of images drawn at random ("features").
        projection: hidden width of a two-layer perceptron whose output is added to the features; 0: none.
        n_views: A >= 0 strongly augmented views per image; 0: noise on the features takes their place.
        view_strength: how strongly the views are augmented, in (0, 1], 1 as published; None: what suits the encoder, 0.1 for
            `pixels:pca`, 0.3 for small networks such as `bundled:mini`, 1 for torchvision's.
        noise: length of that noise beside a feature vector of length 1, >= 0.
        n_epochs: passes over the images, >= 1.
        batch_size: images per step, >= 1; at most n / 8, so that an epoch of few images has some steps too.
        learning_rate: of Adam, in (0, 10].
        weight_decay: of Adam, >= 0.
        strict_threshold: more than tau, as the published code has it, instead of at least tau.
        balance: in L_global each cluster weighs the same, not each image (published CIFAR code).
        balance_sum: clusters that weigh the same are added up and not averaged, so that L_global grows with their number
            (released CIFAR-100 code); without effect unless `balance` is True and `normalise` is "batch".
        normalise: divide L_global by the "batch" as in the formula, or by the weights of the "masked" images, those over tau.
        count_self: beside its k neighbours, an image itself may be drawn (published code).

    Raises:
        UslError: a value is outside its range.
    """

    n_neighbors: int = parameter(
        20,
        label="Neighbours k",
        key="k",
        flag="--k",
        unit="K",
        low=1,
        high=400,
        main=True,
        help="Of its k nearest neighbours, each step draws one per image, which must agree with it.",
    )
    confidence_threshold: float = parameter(
        0.5,
        label="Threshold τ",
        key="tau",
        flag="--tau",
        unit="P",
        usage="least confidence in the global loss",
        high=1.0,
        step=0.05,
        main=True,
        help="Only images at least this sure of their cluster take part in the global loss. 0: all of them; 1: none.",
    )
    local_weight: float = parameter(
        5.0,
        label="Local weight λ",
        key="tlambda",
        flag="--local-weight",
        unit="L",
        usage="weight of the local loss [lambda]",
        high=10.0,
        step=0.5,
        main=True,
        help="How much neighbours must agree, beside the global loss.",
    )
    adjust_strength: float = parameter(
        5.0,
        label="Adjustment α",
        key="talpha",
        flag="--adjust",
        unit="A",
        usage="logit adjustment [alpha]",
        high=10.0,
        step=0.5,
        main=True,
        help="Logit adjustment: what large clusters lose in the neighbours' votes. 0 lets few clusters swallow all the rest.",
    )
    sharpen_temperature: float = parameter(
        0.25,
        label="Sharpening t",
        key="t",
        flag="--temperature",
        unit="T",
        usage="of the sharpening [t]",
        low=0.05,
        high=2.0,
        step=0.05,
        help="Sharpening: below 1 a neighbour's vote becomes surer than it is. 1 leaves assignments near uniform.",
    )
    mean_momentum: float = parameter(
        0.5,
        label="Mean momentum μ",
        key="mu",
        flag="--mu",
        unit="F",
        usage="momentum of the mean",
        low=0.05,
        high=1.0,
        step=0.05,
        help="Share of each batch in the running mean that the adjustment looks at.",
    )
    n_heads: int = parameter(
        3,
        label="Heads",
        key="heads",
        flag="--heads",
        unit="H",
        usage="1 to 5",
        low=1,
        high=MAX_HEADS,
        help="Trained side by side, each with its own clusters; the first is picked from.",
    )
    similarity: Similarity = parameter(
        "linear",
        label="Similarity",
        key="similarity",
        flag="--similarity",
        help="Of an image and a centroid: a linear head, 40 times the cosine, or minus the squared distance as in k-means.",
    )
    start: Start = parameter(
        "random",
        label="Centroids start",
        key="start",
        flag="--start",
        usage="of the centroids",
        help="At random, or at images drawn at random.",
    )
    n_clusters: int | None = parameter(
        None,
        label="Clusters C",
        key="c",
        flag="--clusters",
        unit="C",
        unset="as many as labels",
        high=5000,
        off=0,
        typed=True,
        help="0: as many as labels. With more, the largest are picked from.",
    )
    n_epochs: int = parameter(
        60,
        label="Epochs",
        key="epochs",
        flag="--epochs",
        unit="N",
        low=1,
        high=1000,
        typed=True,
        help="How often the training goes over all images.",
    )
    learning_rate: float = parameter(
        0.01,
        label="Learning rate",
        key="rate",
        flag="--learning-rate",
        unit="R",
        usage="of Adam",
        low=0.0001,
        high=0.2,
        step=0.0001,
        format="%.4f",
        help="Step width of Adam.",
    )
    weight_decay: float = parameter(
        0.0,
        label="Weight decay",
        key="decay",
        flag="--weight-decay",
        unit="W",
        usage="of Adam",
        high=0.01,
        step=0.0001,
        format="%.4f",
        help="Pull of Adam towards zero.",
    )
    batch_size: int = parameter(
        1024,
        label="Batch size",
        key="batch",
        flag="--batch-size",
        unit="B",
        usage="images per step",
        unset="for few images fewer",
        low=1,
        high=100000,
        typed=True,
        help="Images per step; at most an eighth of all, so that there are steps.",
    )
    n_views: int = parameter(
        4,
        label="Views A",
        key="views",
        flag="--views",
        unit="N",
        usage="strong views per image; 0: noise",
        high=16,
        typed=True,
        help="Augmented views per image, encoded once before the first training. 0: noise on the features in their place.",
    )
    view_strength: float | None = parameter(
        None,
        label="View strength",
        key="strength",
        flag="--view-strength",
        unit="S",
        usage="of the augmentation, up to 1",
        unset="by encoder",
        high=1.0,
        step=0.05,
        off=0.0,
        help="How strongly views are augmented, 1 as published; 0: what suits the encoder (0.1 to 1).",
    )
    noise: float = parameter(
        0.5,
        label="Noise",
        key="noise",
        flag="--noise",
        unit="S",
        usage="of the features where there are no views",
        high=2.0,
        step=0.05,
        help="Length of the noise beside a feature vector of length 1, where A is 0.",
    )
    projection: int = parameter(
        0,
        label="Projection",
        key="projection",
        flag="--projection",
        unit="W",
        usage="hidden width before the heads; 0: none",
        high=4096,
        typed=True,
        help="Hidden width of a perceptron between features and heads; 0: none.",
    )
    normalise: Normalisation = parameter(
        "batch",
        label="Global loss by",
        key="normalise",
        flag="--normalise",
        usage="what the global loss is divided by",
        help="Divided by all images of the batch (the formula), or by those over τ (published code).",
    )
    balance: bool = parameter(
        False,
        label="Balance clusters",
        key="balance",
        flag="--balance",
        usage="in the global loss, clusters weigh the same",
        help="In the global loss each cluster weighs the same, not each image, as in the published CIFAR code.",
    )
    balance_sum: bool = parameter(
        False,
        label="Add clusters up",
        key="balancesum",
        flag="--balance-sum",
        usage="and are added up, not averaged (released CIFAR-100 code)",
        help="Balanced clusters are added up, not averaged: the global loss grows with them (released CIFAR-100 code).",
    )
    strict_threshold: bool = parameter(
        False,
        label="Strictly over τ",
        key="strict",
        flag="--strict",
        usage="above tau, not at tau",
        help="More than τ, as in the published code, not at least τ.",
    )
    count_self: bool = parameter(
        False,
        label="Count the image itself",
        key="self",
        flag="--count-self",
        usage="an image may be its own neighbour",
        help="Beside its k neighbours, an image itself may be drawn, as in the published code.",
    )

    def __post_init__(self) -> None:
        whole_number(self.n_neighbors, "n_neighbors (k)", 1)
        real_number(self.local_weight, "local_weight (lambda)", 0)
        real_number(self.adjust_strength, "adjust_strength (alpha)", 0)
        real_number(self.confidence_threshold, "confidence_threshold (tau)", 0, 1)
        real_number(self.sharpen_temperature, "sharpen_temperature (t)", 0, open_low=True)
        real_number(self.mean_momentum, "mean_momentum (mu)", 0, 1, open_low=True)
        if self.n_clusters is not None:
            whole_number(self.n_clusters, "n_clusters (C)", 1)
        whole_number(self.n_heads, "n_heads", 1, MAX_HEADS)
        whole_number(self.projection, "projection", 0)
        whole_number(self.n_views, "n_views (A)", 0)
        if self.view_strength is not None:
            real_number(self.view_strength, "view_strength", 0, 1, open_low=True)
        real_number(self.noise, "noise", 0)
        whole_number(self.n_epochs, "n_epochs", 1)
        whole_number(self.batch_size, "batch_size", 1)
        real_number(self.learning_rate, "learning_rate", 0, 10, open_low=True)
        real_number(self.weight_decay, "weight_decay", 0)
        for name, kind in (("similarity", Similarity), ("start", Start), ("normalise", Normalisation)):
            choices = get_args(kind)
            if getattr(self, name) not in choices:
                raise UslError(f"{name} must be {' or '.join(map(repr, choices))} but is {getattr(self, name)!r}")
        for name in ("strict_threshold", "balance", "balance_sum", "count_self"):
            if not isinstance(getattr(self, name), bool):
                raise UslError(f"{name} must be True or False but is {getattr(self, name)!r}")

    @classmethod
    def published_cifar10(cls) -> UsltParams:
        """The settings of the released CIFAR-10 code, made for training the whole encoder."""
        return cls(
            confidence_threshold=0.95,
            strict_threshold=True,
            balance=True,
            normalise="masked",
            count_self=True,
            n_epochs=200,
            learning_rate=1e-4,
            weight_decay=1e-4,
        )

    @classmethod
    def published_cifar100(cls) -> UsltParams:
        """The settings of the released CIFAR-100 code, made for training the whole encoder with 400 labels.

        They are those of CIFAR-10 but for L_global, which adds the clusters up and divides by the batch, so that it grows with
        the clusters that a batch has. Its picks by the confidence of the first head alone are left out: here too the mean over
        the heads counts.
        """
        return replace(cls.published_cifar10(), balance_sum=True, normalise="batch")

    @classmethod
    def published_imagenet(cls) -> UsltParams:
        """The settings of the released ImageNet code: frozen encoder, cosine heads that start at images, 3,000 clusters.

        Its reassignment of dying clusters and its picks by density are not part of the method's formulas and left out.
        """
        return cls(
            local_weight=0.5,
            adjust_strength=2.5,
            confidence_threshold=0.0,
            sharpen_temperature=0.5,
            n_clusters=3000,
            similarity="cosine",
            start="features",
            strict_threshold=True,
            count_self=True,
            n_epochs=10,
            batch_size=2048,
            learning_rate=1e-4,
            weight_decay=1e-4,
        )
