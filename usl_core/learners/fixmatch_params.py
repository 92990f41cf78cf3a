"""The settings of FixMatch on features."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UslError
from ..parameters import parameter
from ..validation import real_number, whole_number


@dataclass(frozen=True, slots=True, kw_only=True)
class FixmatchParams:
    """The settings of FixMatch on features.

    Args:
        confidence_threshold: tau in [0, 1]; the head teaches itself what it is at least this sure of.
        unlabelled_weight: lambda_u >= 0, the weight of what it teaches itself; 0: labels alone count.
        n_steps: of the training, >= 1.
        flexible: FlexMatch's thresholds, lower for classes that the head is rarely sure of.
        noise: length of the noise of a strong view, beside the features' own, where there are no views; >= 0.
        batch_size: B >= 1 labelled images per step.
        unlabelled_ratio: mu >= 1; a step sees mu * B images for what the head teaches itself.
        learning_rate: of SGD, in (0, 10]; it falls along a cosine.
        weight_decay: of the weights, >= 0.
        ema_decay: in [0, 1), of the averaged weights that answer in the end.

    Raises:
        UslError: a value is outside its range.
    """

    confidence_threshold: float = parameter(
        0.8,
        label="Threshold τ",
        key="ftau",
        flag="--fixmatch-tau",
        unit="P",
        usage="least confidence of what the head teaches itself",
        high=1.0,
        step=0.05,
        help="The head teaches itself what it is at least this sure of.",
    )
    unlabelled_weight: float = parameter(
        1.0,
        label="Unlabelled weight λᵤ",
        key="flambda",
        flag="--fixmatch-weight",
        unit="L",
        usage="weight of what the head teaches itself [lambda]",
        high=10.0,
        step=0.5,
        help="How much counts what the head teaches itself, beside the labels. 0: labels alone count.",
    )
    n_steps: int = parameter(
        300,
        label="Steps",
        key="fsteps",
        flag="--fixmatch-steps",
        unit="N",
        low=1,
        high=100_000,
        typed=True,
        help="Of the training.",
    )
    flexible: bool = parameter(
        False,
        label="Flexible thresholds (FlexMatch)",
        key="fflex",
        flag="--flexmatch",
        usage="thresholds of FlexMatch",
        help="A class that the head is rarely sure of has a lower threshold.",
    )
    noise: float = parameter(
        0.5,
        label="Noise",
        key="fnoise",
        flag="--fixmatch-noise",
        unit="S",
        usage="of strong views where there are none, beside the features' own length",
        high=2.0,
        step=0.05,
        help="Length of the noise that makes a strong view where there is none, beside the features' own.",
    )
    batch_size: int = 64
    unlabelled_ratio: int = 7
    learning_rate: float = 0.03
    weight_decay: float = 5e-4
    ema_decay: float = 0.99

    def __post_init__(self) -> None:
        real_number(self.confidence_threshold, "confidence_threshold (tau)", 0, 1)
        real_number(self.unlabelled_weight, "unlabelled_weight (lambda_u)", 0)
        whole_number(self.n_steps, "n_steps", 1)
        real_number(self.noise, "noise", 0)
        whole_number(self.batch_size, "batch_size (B)", 1)
        whole_number(self.unlabelled_ratio, "unlabelled_ratio (mu)", 1)
        real_number(self.learning_rate, "learning_rate", 0, 10, open_low=True)
        real_number(self.weight_decay, "weight_decay", 0)
        if real_number(self.ema_decay, "ema_decay", 0, 1) == 1:
            raise UslError("ema_decay must be below 1 but is 1")
        if not isinstance(self.flexible, bool):
            raise UslError(f"flexible must be True or False but is {self.flexible!r}")

    @classmethod
    def published(cls, *, flexible: bool = False) -> FixmatchParams:
        """Threshold 0.95, as the papers have it on CIFAR-10; with FlexMatch's thresholds if `flexible`."""
        return cls(confidence_threshold=0.95, flexible=flexible)
