"""The settings of USL-T."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

from ..errors import UslError
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

    n_neighbors: int = 20
    local_weight: float = 5.0
    adjust_strength: float = 5.0
    confidence_threshold: float = 0.5
    sharpen_temperature: float = 0.25
    mean_momentum: float = 0.5
    n_clusters: int | None = None
    n_heads: int = 3
    similarity: Similarity = "linear"
    start: Start = "random"
    projection: int = 0
    n_views: int = 4
    view_strength: float | None = None
    noise: float = 0.5
    n_epochs: int = 60
    batch_size: int = 1024
    learning_rate: float = 0.01
    weight_decay: float = 0.0
    strict_threshold: bool = False
    balance: bool = False
    balance_sum: bool = False
    normalise: Normalisation = "batch"
    count_self: bool = False

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
