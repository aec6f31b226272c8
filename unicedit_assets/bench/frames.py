"""Bringing a source picture to the frame of its edit, by the rule that the edited model follows.

Editors crop or resize what they are given. A judge that compares their output with the untouched
source punishes a model for its frame, or overlooks it: 210 of UnicBench's 1,100 sources lose more
than 1 % of their pixels to the usual crop. So the rule is declared, what it gives is recorded, and
sizes that it does not explain are ``wrong_size``: they are reported and not judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import numpy as np
from PIL import Image

from unicedit_assets.domain.resolutions import PREFERRED, Resolution, crop_box, nearest
from unicedit_assets.domain.roles import Pixels

_REDUCING_GAP = 3.0


class Rule(StrEnum):
    """How a model brings a picture to the size at which it edits."""

    NONE = "none"
    RESIZE = "resize"
    CENTER_CROP = "center-crop"
    PREFERRED = "preferred"
    KONTEXT = "kontext"


MEANINGS: Mapping[Rule, str] = MappingProxyType(
    {
        Rule.NONE: "the edit has the source's size",
        Rule.RESIZE: "the whole picture is stretched to the edit's size",
        Rule.CENTER_CROP: "the centre is cropped to the edit's aspect ratio, then resized to it",
        Rule.PREFERRED: "center-crop to the nearest of the 17 preferred sizes, and to none other",
        Rule.KONTEXT: "resize to the one of those 17 that FLUX.1-Kontext's pipeline chooses",
    }
)


@dataclass(frozen=True)
class Frame:
    """What is done to a source.

    Attributes:
        box: left, top, right, bottom of what is kept, in pixels of the source.
        size: width and height it is resized to.
        text: the same in words, as it is recorded.
    """

    box: tuple[float, float, float, float]
    size: tuple[int, int]
    text: str


def frame_for(source: tuple[int, int], edited: tuple[int, int], rule: Rule) -> Frame | None:
    """Return how a source of a size comes to its edit's frame; None where the rule gives another.

    Args:
        source, edited: width and height.
        rule: what the model is declared to do.
    """
    expected = _expected(source, edited, rule)
    if expected != edited:
        return None
    box = (0.0, 0.0, float(source[0]), float(source[1]))
    if rule in (Rule.CENTER_CROP, Rule.PREFERRED):
        box = crop_box(*source, Resolution(*edited)).box
    if source == edited:
        return Frame(box, edited, f"{rule.value}: as it is")
    left, top, right, bottom = box
    cut = f" of {right - left:.2f}x{bottom - top:.2f} at {left:.2f},{top:.2f}"
    words = f"{rule.value}: {source[0]}x{source[1]}{cut} to {edited[0]}x{edited[1]}"
    return Frame(box, edited, words)


def _expected(source: tuple[int, int], edited: tuple[int, int], rule: Rule) -> tuple[int, int]:
    if rule is Rule.NONE:
        return source
    if rule is Rule.PREFERRED:
        width, height = nearest(*source)
        return width, height
    if rule is Rule.KONTEXT:
        # diffusers' FluxKontextPipeline: the nearest by the difference of the ratios themselves.
        aspect = source[0] / source[1]
        _, width, height = min((abs(aspect - w / h), w, h) for w, h in PREFERRED)
        return width, height
    return edited


def framed(source: Pixels, frame: Frame) -> Pixels:
    """Return the source in the edit's frame, uint8 (H, W, 3)."""
    height, width = source.shape[:2]
    if frame.size == (width, height):
        return source
    image = Image.fromarray(source).resize(
        frame.size, Image.Resampling.LANCZOS, box=frame.box, reducing_gap=_REDUCING_GAP
    )
    return np.asarray(image, np.uint8)
