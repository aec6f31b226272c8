"""The sky and its lower border."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from unicedit_assets.classical import colours, masks
from unicedit_assets.classical.colours import Floats, edge_strength
from unicedit_assets.classical.masks import Mask


def sky(lab: Floats) -> Mask | None:
    """Return the sky, when there clearly is one, else None.

    The skyline is the path from the left to the right border that has the clearest step of colour
    under it and the fewest edges above it. Gates on extent, lightness, colour and smoothness
    follow.
    """
    height, width = lab.shape[:2]
    half = cv2.resize(lab, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
    edges = edge_strength(np.asarray(half, np.float32))
    steps = _steps(np.asarray(half, np.float32))
    line = _skyline(steps, edges)
    if float((steps[line, np.arange(len(line))] > 8).mean()) < 0.8:
        return None
    full = _snapped(lab, line)
    mask = np.asarray(np.arange(height)[:, None] < full[None], np.bool_)
    return mask if _sky_gates(mask, lab) else None


def _snapped(lab: Floats, line: NDArray[np.int64], reach: int = 5) -> NDArray[np.int64]:
    """Return the path at full analysis scale, moved to the strongest edge within reach."""
    height, width = lab.shape[:2]
    coarse = np.repeat(line * 2, 2)[:width]
    jump = np.sqrt((np.diff(cv2.blur(lab, (3, 1)), axis=0) ** 2).sum(-1))
    offsets = np.arange(-reach, reach + 1)
    rows = np.clip(coarse[None] + offsets[:, None], 1, height - 1)
    strength = jump[rows - 1, np.arange(width)[None]] - 0.05 * np.abs(offsets)[:, None]
    snapped = rows[strength.argmax(0), np.arange(width)]
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(snapped, 2, mode="edge"), 5)
    return np.asarray(np.median(windows, axis=1), np.int64)


def _steps(lab: Floats) -> Floats:
    """Return the colour step from the rows above to the rows below each pixel."""
    reach = max(2, lab.shape[0] // 40)
    mean = cv2.blur(lab, (3, reach))
    shift = reach // 2 + 1
    above, below = np.roll(mean, shift, 0), np.roll(mean, -shift, 0)
    step = colours.distance(above, below)
    darker_above = above[..., 0] < below[..., 0]
    step[darker_above] *= 0.4
    step[: 2 * reach] = step[-2 * reach :] = 0
    return np.asarray(step, np.float32)


def _skyline(steps: Floats, edges: Floats, bend: float = 1.5, jump: int = 5) -> NDArray[np.int64]:
    """Return the cheapest path over columns, by dynamic programming."""
    height, width = steps.shape
    busy = np.cumsum(np.maximum(edges - 1.5, 0), axis=0) * (24.0 / height)
    cost = busy - np.minimum(steps, 30)
    total, came = cost[:, 0], np.zeros((width, height), np.int64)
    rows = np.arange(height)
    shifts = np.arange(-jump, jump + 1)
    sources = np.clip(rows[None] + shifts[:, None], 0, height - 1)
    bends = (bend * np.abs(shifts))[:, None]
    for column in range(1, width):
        options = total[sources] + bends
        choice = options.argmin(0)
        came[column] = sources[choice, rows]
        total = options[choice, rows] + cost[:, column]
    line = np.empty(width, np.int64)
    line[-1] = int(total.argmin())
    for column in range(width - 1, 0, -1):
        line[column - 1] = came[column, line[column]]
    return line


def _sky_gates(mask: Mask, lab: Floats) -> bool:
    share = float(mask.mean())
    if not 0.1 < share < 0.8 or mask[:4].mean() < 0.97 or mask[-4:].mean() > 0.02:
        return False
    line = mask.sum(0) / mask.shape[0]
    if np.ptp(line) > 0.48 or np.abs(np.diff(line)).mean() > 0.0032:
        return False
    inside, ground = lab[mask].mean(0), lab[~mask].mean(0)
    edges = edge_strength(lab)
    rim = mask & ~masks.shrunk(mask, 1)
    rim[:, :2] = rim[:, -2:] = rim[:2] = False
    if (cv2.dilate(edges, masks.disc(3))[rim] > 2.5).mean() < 0.9:
        return False
    calm = float(edges[masks.shrunk(mask, 4)].mean())
    smooth = calm < 1.7 and calm < 0.7 * float(edges[~mask].mean())
    fitting = colours.name_of(inside) not in ("green", "brown", "red", "black")
    return smooth and fitting and bool(inside[0] > ground[0] + 6)
