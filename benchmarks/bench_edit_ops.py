"""How long each operation of the classical editor takes, against encoding the picture once.

Run: ``python benchmarks/bench_edit_ops.py [PHOTO ...]``. Without photographs a procedural picture
of 1248 x 832 is used. The ratio to a PNG encoding (level 1) holds from machine to machine.
"""

from __future__ import annotations

import io
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from unicedit_assets.classical.instructor import ClassicalInstructor
from unicedit_assets.classical.operations import perform
from unicedit_assets.classical.scene import Scene
from unicedit_assets.domain.language import Intent
from unicedit_assets.domain.roles import Pixels

SIZE = (1248, 832)
REPEATS = 3


def procedural() -> Pixels:
    """Draw a sky over rough land with a dark thing on it."""
    width, height = SIZE
    rng = np.random.default_rng(0)
    rough = cv2.resize(rng.normal(0, 18, (height // 4, width // 4)).astype(np.float32), SIZE)
    y = np.mgrid[0:height, 0:width][0]
    sky = np.stack([130 + 0.1 * y, 175 + 0.06 * y, 228 + 0.02 * y], -1)
    land = np.stack([70 + rough, 104 + rough, 52 + rough], -1)
    canvas = np.where((y > 380)[..., None], land, sky)
    cv2.ellipse(canvas, (420, 180), (46, 24), 0, 0, 360, (26, 24, 28), -1)
    return np.clip(canvas, 0, 255).astype(np.uint8)


def load(path: Path) -> Pixels:
    """Read a photograph and fit it to the bench's size."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize(SIZE, Image.Resampling.LANCZOS))


def best_of(work: Callable[[], object]) -> float:
    """Return the shortest of a few runs, in milliseconds."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return min(times)


def encode(image: Pixels) -> None:
    """Encode as PNG, level 1: the baseline."""
    Image.fromarray(image).save(io.BytesIO(), "PNG", compress_level=1)


def main() -> None:
    """Print milliseconds and ratios for the survey and each operation."""
    cv2.setNumThreads(1)
    images = [load(Path(name)) for name in sys.argv[1:]] or [procedural()]
    instructor = ClassicalInstructor(choices=2)
    times: dict[str, list[float]] = defaultdict(list)
    for image in images:
        times["(png encoding)"].append(best_of(lambda image=image: encode(image)))  # type: ignore[misc]
        times["(survey)"].append(best_of(lambda image=image: instructor.survey(image)))  # type: ignore[misc]
        for intents in instructor.survey(image).notes.values():
            for noted in intents:  # type: ignore[union-attr]
                intent = Intent.from_json(noted)  # type: ignore[arg-type]
                spent = best_of(lambda i=intent, image=image: perform(Scene(image), i, 1))  # type: ignore[misc]
                times[intent.operation].append(spent)
    baseline = statistics.median(times["(png encoding)"])
    print(f"{'operation':16} {'n':>4} {'median ms':>10} {'max ms':>8} {'x encoding':>11}")
    for name, spent in sorted(times.items(), key=lambda pair: statistics.median(pair[1])):
        median = statistics.median(spent)
        ratio = median / baseline
        print(f"{name:16} {len(spent):4d} {median:10.1f} {max(spent):8.1f} {ratio:11.2f}")


if __name__ == "__main__":
    main()
