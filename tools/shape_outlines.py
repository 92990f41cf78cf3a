"""The outlines of the `shapes` demo as polygons roughly within the unit circle, y pointing down."""

from __future__ import annotations

import numpy as np

Outline = tuple[tuple[np.ndarray, int], ...]
"""Polygons ((p, 2) float64, 1 to fill or 0 to cut out), painted in order."""

_ROUND = 96


def _polar(angles: np.ndarray, radii: np.ndarray | float) -> np.ndarray:
    """Points from clockwise angles, 0 pointing up."""
    return np.stack([radii * np.sin(angles), -radii * np.cos(angles)], axis=1)


def _regular(corners: int, radius: float = 1.0, turn: float = 0.0, right: float = 0.0, down: float = 0.0) -> np.ndarray:
    return _polar(2 * np.pi * (np.arange(corners) / corners + turn), radius) + np.array([right, down])


def _star() -> np.ndarray:
    return _polar(np.pi * np.arange(10) / 5, np.where(np.arange(10) % 2, 0.45, 1.05))


def _heart() -> np.ndarray:
    t = np.linspace(0, 2 * np.pi, _ROUND, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([x / 17, -(y + 2) / 17], axis=1)


def _cross() -> np.ndarray:
    arm = np.array([[-0.3, -0.95], [0.3, -0.95], [0.3, -0.3]])
    quarter_turn = np.array([[0, 1], [-1, 0]])
    return np.concatenate([arm @ np.linalg.matrix_power(quarter_turn, turns) for turns in range(4)])


def _drop() -> np.ndarray:
    t = np.linspace(0, 2 * np.pi, _ROUND, endpoint=False)
    return np.stack([0.95 * np.sin(t) * np.sin(t / 2) ** 1.5, -np.cos(t)], axis=1)


def _spiral() -> np.ndarray:
    """A band along an Archimedean spiral: outwards on one edge, back on the other."""
    t = np.linspace(0, 4.6 * np.pi, 2 * _ROUND)
    middle = 0.06 + 0.87 * t / t[-1]
    return np.concatenate([_polar(t, middle + 0.11), _polar(t, middle - 0.11)[::-1]])


OUTLINES: dict[str, Outline] = {
    "circle": ((_regular(_ROUND, 0.95), 1),),
    "star": ((_star(), 1),),
    "square": ((_regular(4, 1.15, 1 / 8), 1),),
    "triangle": ((_regular(3, 1.1, down=0.2), 1),),
    "heart": ((_heart(), 1),),
    "ring": ((_regular(_ROUND, 1.0), 1), (_regular(_ROUND, 0.58), 0)),
    "cross": ((_cross(), 1),),
    "hexagon": ((_regular(6, 1.05), 1),),
    "crescent": ((_regular(_ROUND, 1.0), 1), (_regular(_ROUND, 0.82, right=0.42, down=-0.12), 0)),
    "arrow": (
        (
            np.array([[0.0, -1.0], [0.85, -0.05], [0.32, -0.05], [0.32, 1.0], [-0.32, 1.0], [-0.32, -0.05], [-0.85, -0.05]]),
            1,
        ),
    ),
    "drop": ((_drop(), 1),),
    "spiral": ((_spiral(), 1),),
}
