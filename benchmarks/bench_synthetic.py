"""How many synthetic pairs a second one core makes, against the same scenes drawn by Pillow.

Run: ``python benchmarks/bench_synthetic.py [PAIRS]``. The baseline draws source and edit of each
pair's scenes, the same parts and backdrops' bands, with Pillow at four times the size, and averages
down: what one would write without the label maps. The ratio holds from machine to machine.
Photographs behind the scenes are noise here, which costs the same; cut-outs are Debian's, where
installed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from unicedit_assets.domain.taxonomy import SUBTASKS
from unicedit_assets.synthetic import words
from unicedit_assets.synthetic.catalogue import EDITS
from unicedit_assets.synthetic.compose import Draw
from unicedit_assets.synthetic.cutouts import load_cutouts
from unicedit_assets.synthetic.generator import PairSpec, make_pair
from unicedit_assets.synthetic.scene import Scene
from unicedit_assets.synthetic.sprites import shape_of

SIDE, OVER = 336, 4
STAMPS = Path("/usr/share/tuxpaint/stamps")  # of the package tuxpaint-stamps-default
TARGET = 25.0  # pairs a second and core: 50 on two


def baseline(scene: Scene) -> Image.Image:
    """Draw a scene's parts with Pillow, 4 x larger, without light, pattern or weather."""
    full = SIDE * OVER
    image = Image.new("RGB", (full, full), (200, 215, 230))
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, full * 0.6, full, full), fill=(150, 160, 120))
    for item in sorted(scene.items, key=lambda item: (-item.depth, item.y)):
        shape = shape_of(item)
        tall = item.size * full
        wide = tall * shape.aspect * item.stretch
        left, top = item.x * full - wide / 2, item.y * full - tall
        fill = words.COLOURS[item.colour][0]
        for part in shape.parts:
            points = [(left + x * wide, top + y * tall) for x, y in part.points]
            if part.ellipse:
                (cx, cy), (rx, ry) = points[0], part.points[1]
                box = (cx - rx * wide, cy - ry * tall, cx + rx * wide, cy + ry * tall)
                pen.ellipse(box, fill=fill, outline=(20, 20, 20))
            else:
                pen.polygon(points, fill=fill, outline=(20, 20, 20))
    return image.resize((SIDE, SIDE), Image.Resampling.BOX)


def timed(work: Callable[[int], object], number: int) -> float:
    """Return how many a second of this process's own time."""
    work(0)
    start = time.process_time()
    for index in range(number):
        work(index)
    return number / (time.process_time() - start)


def by_pillow(index: int) -> None:
    rng = np.random.default_rng(index)
    edit = EDITS[SUBTASKS[index % len(SUBTASKS)]](Draw(rng, False, False, 1.0, False))
    for scene in (edit.before, edit.after):
        np.asarray(baseline(scene))


def main() -> int:
    """Print pairs a second for all ways to draw, the baseline's and the ratio; 1 below the bar."""
    cv2.setNumThreads(1)
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    rich = timed(lambda index: make_pair(index, PairSpec(size=(SIDE, SIDE))), number)
    noise = np.random.default_rng(0).integers(0, 256, (4, SIDE, SIDE, 3), np.uint8)
    behind = PairSpec(size=(SIDE, SIDE), backgrounds=list(noise))
    photographs = timed(lambda index: make_pair(index, behind), number)
    small = PairSpec(size=(168, 168), style="plain")
    plain = timed(lambda index: make_pair(index, small), number)
    pillow = timed(by_pillow, number)
    print(f"rich, {SIDE} px      {rich:7.1f} pairs/s and core (bar {TARGET:.0f})")
    print(f"  on photographs  {photographs:7.1f} pairs/s and core")
    if STAMPS.is_dir():
        cut = PairSpec(size=(SIDE, SIDE), cutouts=load_cutouts(STAMPS))
        cutouts = timed(lambda index: make_pair(index, cut), number)
        print(f"  with cut-outs   {cutouts:7.1f} pairs/s and core")
    print(f"plain, 168 px     {plain:7.1f} pairs/s and core")
    print(f"Pillow at {OVER}x     {pillow:7.1f} pairs/s and core, flat colours only")
    print(f"ratio rich/Pillow {rich / pillow:7.2f}")
    return 0 if rich >= TARGET else 1


if __name__ == "__main__":
    raise SystemExit(main())
