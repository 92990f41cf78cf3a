"""What a classifier of the labels makes of all images: a class, and how sure it is."""

from __future__ import annotations

import numpy as np

import usl_core as usl
from usl_core.fingerprints import fingerprint
from usl_core.pipeline.prepared import Prepared
from usl_core.review.session import Session

from .. import maps
from ..keeping import kept

CLASS, CONFIDENCE = "predicted class", "confidence"


def is_possible(session: Session) -> bool:
    """Whether any image has a class to learn from."""
    return any(name is not None for name in session.labels.values())


def channels(made: Prepared, session: Session) -> list[maps.Channel]:
    """Both, for the maps.

    Raises:
        UslError: nothing has a class.
    """
    ids = session.class_ids(made.images)
    predicted, confidence = _predicted(made.features.fingerprint, fingerprint(ids), made, ids)
    return [
        maps.Channel(name=CLASS, values=predicted, names=session.class_names, categorical=True),
        maps.Channel(name=CONFIDENCE, values=confidence, low=0, high=1, digits=2),
    ]


@kept(8)
def _predicted(features: str, labels: str, _made: Prepared, _ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    fitted = usl.fit_logistic(_made.features, _ids)
    shares = fitted.probabilities(_made.features)
    return fitted.classes[shares.argmax(axis=1)], shares.max(axis=1)
