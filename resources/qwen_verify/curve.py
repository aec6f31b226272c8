"""The curve of a training as a picture, from its CSV file."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np

_WIDTH, _HEIGHT, _EDGE = 900, 420, 56
_COLOURS = ((180, 90, 20), (40, 110, 200), (60, 150, 60), (160, 60, 150), (90, 90, 90))
_INK, _FAINT = (40, 40, 40), (225, 225, 225)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def read_curve(path: Path) -> dict[str, list[tuple[float, float]]]:
    """Return stage -> (minutes, loss), the stages one after another on one clock."""
    found: dict[str, list[tuple[float, float]]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            point = float(row["seconds"]) / 60, float(row["loss"])
            found.setdefault(row["stage"], []).append(point)
    return found


def draw_curve(source: Path, target: Path) -> None:
    """Draw the losses over minutes of training; a picture without a single point is not made."""
    stages = read_curve(source) if source.exists() else {}
    points = [point for stage in stages.values() for point in stage]
    if not points:
        return
    right = max(x for x, _ in points) or 1.0
    losses = np.array([y for _, y in points])
    low, high = float(losses.min()), float(np.quantile(losses, 0.98))
    high = max(high, low + 1e-6)
    picture = np.full((_HEIGHT, _WIDTH, 3), 255, np.uint8)
    _axes(picture, right, low, high)
    for number, (name, stage) in enumerate(stages.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        line = [_place(x, min(y, high), right, low, high) for x, y in stage]
        cv2.polylines(picture, [np.array(line, np.int32)], False, colour, 2, cv2.LINE_AA)
        at = (_WIDTH - 230, 30 + 22 * number)
        cv2.putText(picture, f"{name}: {stage[-1][1]:.3f}", at, _FONT, 0.5, colour, 1, cv2.LINE_AA)
    cv2.imwrite(str(target), picture)


def _place(x: float, y: float, right: float, low: float, high: float) -> tuple[int, int]:
    across = _EDGE + x / right * (_WIDTH - 2 * _EDGE)
    down = _HEIGHT - _EDGE - (y - low) / (high - low) * (_HEIGHT - 2 * _EDGE)
    return round(across), round(down)


def _axes(picture: np.ndarray, right: float, low: float, high: float) -> None:
    for part in np.linspace(0, 1, 5):
        x, y = right * part, low + (high - low) * part
        left, level = _place(0, y, right, low, high)
        cv2.line(picture, (left, level), (_WIDTH - _EDGE, level), _FAINT, 1)
        cv2.putText(picture, f"{y:.2f}", (6, level + 4), _FONT, 0.4, _INK, 1, cv2.LINE_AA)
        at = (_place(x, low, right, low, high)[0] - 12, _HEIGHT - _EDGE + 20)
        cv2.putText(picture, f"{x:.1f}", at, _FONT, 0.4, _INK, 1, cv2.LINE_AA)
    cv2.putText(
        picture, "minutes of each stage", (_WIDTH // 2 - 80, _HEIGHT - 12), _FONT, 0.45, _INK, 1,
        cv2.LINE_AA,
    )  # fmt: skip
