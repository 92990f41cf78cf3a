"""Search the colours of `usl_core/figures/categories.py` again, and print them: `python -m tools.build_palette`.

For each theme it looks for `N_COLOURS` colours that lie as far apart as they can, to normal vision in OKLab and, counted
`BLIND_SHARE` as far, to the three kinds of colour blindness; all with a contrast of 3 on the background, and none near the grey
of what has no category. The colours of the dark theme are then put into the order in which their hues follow the light ones.
The search is seeded and takes some two minutes; another NumPy may round otherwise and find equally good ones.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from usl_core.figures.palette import THEMES
from usl_core.figures.vision import BLIND_SHARE, VISIONS, channels_of, colour_distances, linear, oklab

N_COLOURS = 48
CONTRAST = 3.02  # above 3 by what rounding might take
LEAST_CHROMA = 0.04
LIGHTNESS = {"light": (0.32, 1.0), "dark": (0.0, 0.94)}  # neither like the text nor like the outlines of picks
GRID, STEPS, STARTS = 15, 6000, 6
FAR = np.float32(9)


def main() -> None:
    """Both themes, one tuple each."""
    light = best_of("light")
    dark = best_of("dark")
    order = matched(light, dark)
    for name, colours in (("light", light), ("dark", [dark[place] for place in order])):
        least = [colour_distances(colours, vision)[~np.eye(N_COLOURS, dtype=bool)].min() for vision in VISIONS]
        sys.stdout.write(f"{name}: " + ", ".join(f"{vision} {d:.4f}" for vision, d in zip(VISIONS, least, strict=True)) + "\n")
        for start in range(0, N_COLOURS, 10):
            sys.stdout.write("    " + ", ".join(f'"{colour}"' for colour in colours[start : start + 10]) + ",\n")


def best_of(theme: str) -> list[str]:
    """The best palette of several starts."""
    look = THEMES[theme]
    steps = np.arange(0, 256, GRID)
    candidates = allowed(np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3), theme)
    apart = distances(candidates, candidates)
    free = distances(candidates, np.rint(255 * channels_of([look.muted])))[:, 0]
    found = [search(apart, free, seed) for seed in range(STARTS)]
    rows = max(found, key=lambda pair: pair[0])[1]
    return [hexed(colour) for colour in refined(candidates[rows], theme)]


def allowed(candidates: NDArray[np.int64], theme: str) -> NDArray[np.int64]:
    """Those with enough contrast and chroma."""
    seen = oklab(candidates / 255)
    low, high = LIGHTNESS[theme]
    luminance = linear(candidates / 255) @ (0.2126, 0.7152, 0.0722)
    ground = float((linear(channels_of([THEMES[theme].background])) @ (0.2126, 0.7152, 0.0722))[0])
    enough = (np.maximum(luminance, ground) + 0.05) / (np.minimum(luminance, ground) + 0.05) >= CONTRAST
    return candidates[enough & (np.hypot(seen[:, 1], seen[:, 2]) >= LEAST_CHROMA) & (seen[:, 0] > low) & (seen[:, 0] < high)]


def distances(some: NDArray[Any], others: NDArray[Any]) -> NDArray[np.float32]:
    """(a, b) least distances over all visions, in units of normal vision."""
    least = np.full((len(some), len(others)), FAR, dtype=np.float32)
    for vision in VISIONS:
        a, b = oklab(some / 255, vision), oklab(others / 255, vision)
        squared = (a * a).sum(1)[:, None] + (b * b).sum(1)[None] - 2 * a @ b.T
        share = 1 if vision == "normal" else BLIND_SHARE
        np.minimum(least, np.sqrt(np.maximum(squared, 0)) / share, out=least)
    return least


def search(apart: NDArray[np.float32], free: NDArray[np.float32], seed: int) -> tuple[float, NDArray[np.int64]]:
    """Farthest point first, then one of the closest two moves to where there is most room, over and over."""
    rng = np.random.default_rng(seed)
    chosen = [int(rng.integers(len(apart)))]
    while len(chosen) < N_COLOURS:
        chosen.append(int(np.minimum(apart[chosen].min(0), free).argmax()))
    rows, best = np.array(chosen), (0.0, np.array(chosen))
    for _ in range(STEPS):
        among = apart[np.ix_(rows, rows)].copy()
        np.fill_diagonal(among, free[rows])
        least = float(among.min())
        if least > best[0]:
            best = (least, rows.copy())
        pair = np.unravel_index(among.argmin(), among.shape)
        moved = int(rng.integers(N_COLOURS)) if rng.random() < 0.15 else int(pair[rng.integers(2)])
        room = np.minimum(apart[np.delete(rows, moved)].min(0), free)
        # Not always to the best place: that would go round in circles.
        rows[moved] = rng.choice(np.argpartition(-room, 3)[:3]) if rng.random() < 0.3 else room.argmax()
    return best


def refined(colours: NDArray[np.int64], theme: str) -> NDArray[np.int64]:
    """Each colour moves to the best place around it on the full grid of sRGB, until none finds a better one."""
    colours, muted = colours.copy(), np.rint(255 * channels_of([THEMES[theme].muted]))
    for reach in (9, 6, 4, 2, 1):
        shifts = np.array([-reach, 0, reach])
        around = np.stack(np.meshgrid(shifts, shifts, shifts, indexing="ij"), -1).reshape(-1, 3)
        for _ in range(30):
            moved = False
            for place in range(len(colours)):
                near = allowed(np.clip(colours[place] + around, 0, 255), theme)
                others = np.vstack([np.delete(colours, place, axis=0), muted])
                room = distances(near, others).min(1)
                if room.max() > distances(colours[[place]], others).min() + 1e-6:
                    colours[place], moved = near[room.argmax()], True
            if not moved:
                break
    return colours


def matched(light: list[str], dark: list[str]) -> NDArray[np.int64]:
    """The dark colours in the order in which their hues lie nearest to those of the light ones, summed over all."""
    from scipy.optimize import linear_sum_assignment

    a, b = (oklab(channels_of(colours))[:, 1:] for colours in (light, dark))
    return linear_sum_assignment(np.linalg.norm(a[:, None] - b[None], axis=-1) ** 2)[1]


def hexed(colour: NDArray[np.int64]) -> str:
    """Like "#0b5cad"."""
    return "#" + "".join(f"{int(share):02x}" for share in colour)


if __name__ == "__main__":
    main()
