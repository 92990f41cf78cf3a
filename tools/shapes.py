"""The `shapes` demo: twelve long-tailed classes of small pictures that the project draws itself.

Every picture has a random generator of its own, made from (seed, class, number), so one more picture changes no other.
What makes real collections hard is here on purpose: a long tail, near-duplicates, exact duplicates and broken frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .shape_outlines import OUTLINES, Outline

Pixels = NDArray[np.uint8]
Canvas = NDArray[np.float32]

SIZE = 64
_FINE = 4
LARGEST_CLASS, SMALLEST_CLASS, _BEND = 580, 12, 1.25
NEAR_DUPLICATE_SHARE, OUTLIER_SHARE = 0.03, 0.01
N_DUPLICATES = 14
CLASSES = (
    "circle",
    "star",
    "square",
    "triangle",
    "heart",
    "ring",
    "cross",
    "hexagon",
    "crescent",
    "arrow",
    "drop",
    "spiral",
)
"""From the most frequent to the rarest."""

# What is usual for a class: the hue, how much darker than others it is, and crescents at night.
_HUES = (255, 92, 25, 148, 355, 60, 305, 188, 105, 328, 232, 280)
_DARKER = (0, 0, 0, 0, 0, 0, 0, 0.12, 0, 0.22, 0.22, 0.32)
_AT_NIGHT, _NIGHT_SHARE = "crescent", 0.85
_HUE_SPREAD, _ANY_HUE_SHARE, _TURN_SPREAD = 17.0, 0.12, np.deg2rad(16)
_OUTLIERS = ("noise", "scribble", "inverted", "black", "blocks")


@dataclass(frozen=True, slots=True, eq=False)
class ShapeImage:
    """One picture of the collection.

    Args:
        class_name: one of `CLASSES`; broken frames lie in the class that they are a broken picture of.
        kind: "plain", "near-duplicate", "duplicate" or "outlier".
        pixels: (64, 64, 3) uint8 sRGB.
    """

    class_name: str
    kind: str
    pixels: Pixels


def class_sizes() -> dict[str, int]:
    """Plain pictures per class, falling ever faster from a quarter of the collection to half a percent of it.

    A geometric series between those two shares would add up to 82 % only, hence the bend in its exponent.
    """
    fall = np.linspace(0, 1, len(CLASSES)) ** _BEND
    sizes = (LARGEST_CLASS * (SMALLEST_CLASS / LARGEST_CLASS) ** fall).round().astype(int)
    return dict(zip(CLASSES, sizes.tolist(), strict=True))


def render_shapes(seed: int = 0) -> Iterator[ShapeImage]:
    """Draw the collection: plain pictures class by class, then near-duplicates, duplicates and outliers.

    Args:
        seed: any whole number >= 0; equal seeds give equal pixels.
    """
    owners, plain = [], []
    for number, (name, size) in enumerate(class_sizes().items()):
        owners += [name] * size
        plain += [draw_shape(name, np.random.default_rng([seed, number, copy])) for copy in range(size)]
    for name, pixels in zip(owners, plain, strict=True):
        yield ShapeImage(name, "plain", pixels)
    rng = np.random.default_rng([seed, len(CLASSES)])
    for index in rng.choice(len(plain), round(NEAR_DUPLICATE_SHARE * len(plain)), replace=False):
        yield ShapeImage(owners[index], "near-duplicate", _nearly(plain[index], rng))
    for index in rng.choice(len(plain), N_DUPLICATES, replace=False):
        yield ShapeImage(owners[index], "duplicate", plain[index])
    for number, index in enumerate(rng.choice(len(plain), round(OUTLIER_SHARE * len(plain)), replace=False)):
        flaw = _OUTLIERS[number % len(_OUTLIERS)]
        yield ShapeImage(owners[index], "outlier", _broken(flaw, plain[index], rng))


def draw_shape(class_name: str, rng: np.random.Generator) -> Pixels:
    """One picture of a class: backdrop, clutter, shadow, and the shape in the class's usual colour or any other.

    Args:
        class_name: one of `CLASSES`.
        rng: decides on everything else.

    Returns:
        (64, 64, 3) uint8.
    """
    usual = CLASSES.index(class_name)
    canvas = _backdrop(rng, night=class_name == _AT_NIGHT and rng.random() < _NIGHT_SHARE)
    hue = _HUES[usual] + rng.normal(0, _HUE_SPREAD)
    if rng.random() < _ANY_HUE_SHARE:
        hue = rng.uniform(0, 360)
    turn = rng.normal(0, _TURN_SPREAD)
    stretch = np.exp(rng.normal(0, 0.06))
    radius = SIZE * rng.uniform(0.28, 0.41)
    centre = SIZE / 2 + rng.normal(0, 0.035 * SIZE, 2)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = radius * rotation @ np.diag([stretch, 1 / stretch])
    mask = _mask(OUTLINES[class_name], matrix, centre)
    canvas *= 1 - 0.42 * _mask(OUTLINES[class_name], matrix, centre + 0.025 * SIZE, blur=0.025 * SIZE)
    canvas += mask * (_fill(hue, _DARKER[usual], matrix, centre, rng) - canvas)
    canvas = canvas * np.exp(rng.normal(0, 0.05)) + rng.normal(0, 0.008, canvas.shape)  # exposure, grain of a sensor
    return _to_bytes(canvas)


def _backdrop(rng: np.random.Generator, night: bool) -> Canvas:
    """A soft gradient, light except at night, with up to seven faint discs and bars on it."""
    lightness = rng.uniform(0.24, 0.34) if night else rng.uniform(0.84, 0.97)
    hue, chroma = 270 + rng.normal(0, 15) if night else rng.uniform(0, 360), rng.uniform(0.01, 0.05)
    y, x = np.mgrid[0:SIZE, 0:SIZE] + 0.5
    angle, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0.0, 0.15)
    ramp = (x - SIZE / 2) * np.cos(angle) + (y - SIZE / 2) * np.sin(angle)
    canvas = oklch(lightness, chroma, hue) + slope / SIZE * ramp[..., None]
    for _ in range(rng.integers(0, 8)):
        left, top = rng.uniform(-0.05, 1.05, 2) * SIZE
        radius, turn = rng.uniform(0.03, 0.17) * SIZE, rng.uniform(0, np.pi)
        across = (y - top) * np.cos(turn) - (x - left) * np.sin(turn)
        outside = np.hypot(x - left, y - top) - radius if rng.random() < 0.5 else np.abs(across) - radius / 4
        tint = oklch(lightness + rng.choice([-0.1, 0.06]), chroma + 0.04, hue + rng.normal(0, 60))
        canvas += rng.uniform(0.25, 0.75) * _edge(outside) * (tint - canvas)
    return canvas.astype(np.float32)


def _fill(hue: float, darker: float, matrix: np.ndarray, centre: np.ndarray, rng: np.random.Generator) -> Canvas:
    """The colours of the shape's surface: plain, gradient, stripes, dots or grain, lit from above."""
    sunny = 0.15 * max(0.0, np.cos(np.deg2rad(hue - 100)))  # a yellow as dark as the other hues would be olive
    lightness, chroma = rng.uniform(0.54, 0.72) + sunny - darker, rng.uniform(0.13, 0.2)
    base = oklch(lightness, chroma, hue)
    other = oklch(lightness + rng.choice([-0.17, 0.17]), 0.8 * chroma, hue + rng.normal(0, 25))
    y, x = np.mgrid[0:SIZE, 0:SIZE] + 0.5
    u, v = np.einsum("ab,bij->aij", np.linalg.inv(matrix), np.stack([x - centre[0], y - centre[1]]))
    angle, period = rng.uniform(0, np.pi), rng.uniform(0.28, 0.5)
    along, across = (u * np.cos(angle) + v * np.sin(angle)), (v * np.cos(angle) - u * np.sin(angle))
    pixels = period * np.sqrt(np.linalg.det(matrix))  # of one period, for edges one pixel wide
    texture = rng.choice(["plain", "gradient", "stripes", "dots", "grain"], p=[0.3, 0.25, 0.2, 0.15, 0.1])
    if texture == "gradient":
        weight = np.clip(0.5 + 0.6 * along, 0, 1)[..., None]
    elif texture == "stripes":
        weight = _edge((np.abs((along / period) % 1 - 0.5) - 0.25) * pixels)
    elif texture == "dots":
        weight = _edge((np.hypot((along / period) % 1 - 0.5, (across / period) % 1 - 0.5) - 0.28) * pixels)
    else:
        weight = rng.random((SIZE, SIZE, 1)) if texture == "grain" else np.zeros((1, 1, 1))
    return (base + weight * (other - base) - 0.05 * v[..., None]).astype(np.float32)


def _edge(outside: np.ndarray) -> np.ndarray:
    """How much of a pixel a figure covers, as (.., 1), from the signed distance to its edge in pixels."""
    return np.clip(0.5 - outside, 0, 1)[..., None]


def _mask(outline: Outline, matrix: np.ndarray, centre: np.ndarray, blur: float = 0.0) -> Canvas:
    """How much of each pixel an outline covers, (64, 64, 1): drawn four times too large, then averaged."""
    from PIL import Image, ImageDraw, ImageFilter

    image = Image.new("L", (_FINE * SIZE, _FINE * SIZE), 0)
    draw = ImageDraw.Draw(image)
    for points, inside in outline:
        draw.polygon([tuple(p) for p in (_FINE * (points @ matrix.T + centre)).tolist()], fill=255 * inside)
    small = image.reduce(_FINE)
    if blur:
        small = small.filter(ImageFilter.GaussianBlur(blur))
    return np.asarray(small, dtype=np.float32)[..., None] / np.float32(255)


def _nearly(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """The same scene taken again: up to one pixel aside, a little brighter or darker, fresh grain."""
    dy, dx = rng.integers(0, 3, 2)
    moved = np.pad(pixels, ((1, 1), (1, 1), (0, 0)), mode="edge")[dy : dy + SIZE, dx : dx + SIZE]
    return _to_bytes(moved / 255 * rng.uniform(0.95, 1.05) + rng.normal(0, 0.006, moved.shape))


def _broken(kind: str, pixels: Pixels, rng: np.random.Generator) -> Pixels:
    if kind == "black":
        return np.zeros_like(pixels)
    if kind == "inverted":
        return 255 - pixels
    if kind == "noise":
        return rng.integers(0, 256, pixels.shape, dtype=np.uint8)
    if kind == "blocks":
        rows = np.sort(rng.choice(np.arange(4, SIZE - 4), 2, replace=False))
        glitch = pixels.copy()
        glitch[rows[0] :] = np.roll(pixels[rows[0] :], rng.integers(12, 52), axis=1)
        glitch[rows[1] :] = np.kron(rng.integers(0, 256, (8, 8, 3)), np.ones((8, 8, 1)))[rows[1] :]
        return glitch
    return _scribble(rng)


def _scribble(rng: np.random.Generator) -> Pixels:
    """Lines of something like handwriting on paper."""
    from PIL import Image, ImageDraw

    width = _FINE * SIZE
    image = Image.new("RGB", (width, width), (250, 247, 238))
    draw = ImageDraw.Draw(image)
    for baseline in np.arange(0.16, 0.95, 0.19) * width:
        x = np.arange(0.08 * width, width * rng.uniform(0.6, 0.92), 3.0)
        y = baseline + 0.045 * width * np.sin(x / 5 + np.cumsum(rng.normal(0, 0.5, len(x)))) * rng.uniform(0.4, 1, len(x))
        draw.line(list(zip(x.tolist(), y.tolist(), strict=True)), fill=(40, 44, 70), width=4)
    return np.asarray(image.reduce(_FINE))


def oklch(lightness: float, chroma: float, hue: float) -> Canvas:
    """sRGB of an OKLCH colour, so that equal lightness looks equally light in every hue.

    Args:
        lightness: in [0, 1].
        chroma: 0 is grey; about 0.2 is vivid.
        hue: degrees.

    Returns:
        (3,) float32 in [0, 1]; what a screen cannot show is clipped.

    Reference:
        B. Ottosson, "A perceptual color space for image processing", 2020.
    """
    a, b = chroma * np.cos(np.deg2rad(hue)), chroma * np.sin(np.deg2rad(hue))
    cones = np.array([[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.2914855480]])
    to_linear = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    linear = np.clip(to_linear @ (cones @ [lightness, a, b]) ** 3, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055).astype(np.float32)


def _to_bytes(values: np.ndarray) -> Pixels:
    return np.clip(values * 255 + 0.5, 0, 255).astype(np.uint8)
