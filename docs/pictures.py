"""Make the documentation's pictures from a finished demo: ``python docs/pictures.py demo/current``.

``synthetic.jpg``: synthetic pairs of every kind, as ``unicedit synthetic sheet`` shows them.
``pairs.jpg``: one accepted pair for some subtasks. ``assets.png``: the asset graph in the Dagster
UI, taken by headless Chromium from a running ``make ui`` (skipped when nothing answers there).
"""

from __future__ import annotations

import argparse
import shutil
import urllib.error
import urllib.request
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from resources.project import open_project
from unicedit_assets.domain import codec
from unicedit_assets.domain.schemas import ROWS
from unicedit_assets.pipeline.pictures import Pictures
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.synthetic.generator import PairSpec, make_pair
from unicedit_assets.synthetic.pair import Kind
from unicedit_assets.synthetic.sheet import contact_sheet

SHOWN = (
    "Color Alteration",
    "Style Transfer",
    "Background Change",
    "Text Modification",
    "Subject Addition",
    "Implicit Change Edits",
    "Tone Transformation",
    "Counting Change",
)
SYNTHETIC = (
    ("Subject Addition", "normal", 3),
    ("Text Modification", "hallucination", 5),
    ("Material Modification", "misaligned", 9),
    ("Background Change", "normal", 4),
    ("Color Alteration", "collateral", 2),
    ("Portrait Editing", "shifted", 3),
    ("Counting Change", "no_edit", 6),
    ("Style Transfer", "degraded", 8),
    ("Spatial Reasoning Edits", "hallucination", 1),
)
WIDTH, HEIGHT, TEXT, GAP = 380, 253, 26, 6
UI = "http://127.0.0.1:3000"


def pairs(project: Project, path: Path) -> None:
    """Draw the first accepted pair of each shown subtask, two pairs a line."""
    found: dict[str, tuple[Image.Image, Image.Image, str]] = {}
    for ref in project.refs("verified_edits"):
        shard = ref.partition.split("/", maxsplit=1)[0]
        verified = project.require(ref)
        raw = project.require(Ref("raw_images", shard))
        edits = project.require(Ref("edits", ref.partition))
        sources = Pictures(project.ledger, raw, "image_id", "image")
        edited = Pictures(project.ledger, edits, "edit_id", "edit_image")
        for row in project.ledger.read(verified, ROWS).to_pylist():
            if row["subtask"] in SHOWN and row["subtask"] not in found:
                before, after = sources[row["image_id"]], edited[row["edit_id"]]
                found[row["subtask"]] = (_small(before), _small(after), row["rewritten_en"])
    shown = [found[subtask] for subtask in SHOWN if subtask in found]
    lines = -(-len(shown) // 2)
    size = (4 * (WIDTH + GAP), lines * (HEIGHT + TEXT + GAP))
    sheet = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for place, (before, after, text) in enumerate(shown):
        x, y = place % 2 * 2 * (WIDTH + GAP), place // 2 * (HEIGHT + TEXT + GAP)
        sheet.paste(before, (x, y))
        sheet.paste(after, (x + WIDTH + GAP // 2, y))
        draw.text((x + 4, y + HEIGHT + 3), text[:100], fill="black", font=font)
    sheet.save(path, quality=85, optimize=True)


def synthetic(path: Path) -> None:
    """Draw a synthetic pair of each kind with its texts, and two more."""
    made = [make_pair(seed, PairSpec(subtask, Kind(kind))) for subtask, kind, seed in SYNTHETIC]
    Image.fromarray(contact_sheet(made)).save(path, quality=66, optimize=True)


def _small(data: bytes) -> Image.Image:
    image = Image.fromarray(codec.decode(data))
    return image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def assets(path: Path) -> None:
    """Take the asset graph's picture, if the UI is running."""
    try:
        urllib.request.urlopen(UI, timeout=3).close()
    except (urllib.error.URLError, TimeoutError):
        print(f"nothing answers at {UI}: start `make ui` for {path.name}")
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1500, "height": 620})
        groups = ("1_prepare", "2_edit", "3_verify", "4_publish", "5_measure")
        expanded = ",".join(f"unicedit:__repository__:{group}" for group in groups)
        page.goto(f"{UI}/asset-groups?expanded={expanded}")
        page.wait_for_timeout(8000)
        skip = page.get_by_role("button", name="Skip")
        if skip.count():
            skip.click()
        page.wait_for_timeout(6000)
        page.screenshot(path=path)
        browser.close()


def main() -> None:
    """Make all pictures beside this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    here = Path(__file__).parent
    synthetic(here / "synthetic.jpg")
    pairs(open_project(parser.parse_args().home.resolve()), here / "pairs.jpg")
    assets(here / "assets.png")


if __name__ == "__main__":
    main()
