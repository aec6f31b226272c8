"""How long the evidence verifier and the judge take for one pair, on one core.

Run: ``python benchmarks/bench_verify.py [PHOTO ...]``. Without photographs a procedural picture of
1248 x 832 is used. CPU time counts, so that a busy machine does not show.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from unicedit_assets.domain import language
from unicedit_assets.domain.language import Intent
from unicedit_assets.domain.roles import Pixels
from unicedit_assets.evidence.judge import EmbeddedJudge
from unicedit_assets.evidence.verifier import EvidenceVerifier

SIZE = (1248, 832)
REPEATS = 5


def procedural() -> Pixels:
    """Draw rough ground with discs on it."""
    width, height = SIZE
    rng = np.random.default_rng(0)
    canvas = np.full((height, width, 3), 110, np.float32)
    for cell in (2, 8, 32):
        grid = rng.normal(0, 12, (height // cell + 1, width // cell + 1)).astype(np.float32)
        canvas += cv2.resize(grid, SIZE)[..., None]
    for _ in range(60):
        centre = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        colour = tuple(float(v) for v in rng.integers(20, 235, 3))
        cv2.circle(canvas, centre, int(rng.integers(8, 40)), colour, -1, cv2.LINE_AA)
    return np.clip(canvas, 0, 255).astype(np.uint8)


def load(path: Path) -> Pixels:
    """Read a photograph and fit it to the bench's size."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize(SIZE, Image.Resampling.LANCZOS))


def zoomed(image: Pixels) -> Pixels:
    height, width = image.shape[:2]
    part = image[: height // 2, : width // 2]
    return np.asarray(cv2.resize(part, SIZE, interpolation=cv2.INTER_CUBIC), np.uint8)


def patched(image: Pixels) -> Pixels:
    out = image.copy()
    out[600:720, 120:300, 2] = 255 - out[600:720, 120:300, 2]
    return out


CASES: dict[str, tuple[Intent, Callable[[Pixels], Pixels]]] = {
    "no edit": (Intent("tone", {"tone": "warm"}), np.copy),
    "tone": (
        Intent("tone", {"tone": "warm"}),
        lambda image: (image * np.array([1.0, 0.95, 0.7])).astype(np.uint8),
    ),
    "local": (
        Intent("recolor", {"colour": "gray", "kind": "area", "place": "lower_left", "to": "blue"}),
        patched,
    ),
    "zoom": (Intent("zoom", {"factor": "2", "place": "upper_left"}), zoomed),
    "style": (
        Intent("style", {"style": "pencil_sketch"}),
        lambda image: np.asarray(cv2.stylization(image), np.uint8),
    ),
}


def milliseconds(work: Callable[[], object]) -> float:
    """Return the median CPU time of a few runs."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        times.append(1000 * (time.process_time() - start))
    return statistics.median(times)


def main() -> None:
    cv2.setNumThreads(1)
    images = [load(Path(name)) for name in sys.argv[1:]] or [procedural()]
    verifier, judge = EvidenceVerifier(), EmbeddedJudge()
    print(f"{'case':10} {'verify ms':>10} {'judge ms':>10}")
    for name, (intent, edit) in CASES.items():
        text = language.phrase(intent)
        pairs = [(image, edit(image)) for image in images]
        verify = [
            milliseconds(lambda p=pair: verifier.verify(*p, text.en, text.cn))  # noqa: B023
            for pair in pairs
        ]
        score = [
            milliseconds(lambda p=pair: judge.score(*p, text.en, ()))  # noqa: B023
            for pair in pairs
        ]
        print(f"{name:10} {statistics.median(verify):10.0f} {statistics.median(score):10.0f}")


if __name__ == "__main__":
    main()
