"""Is the edited picture damaged, beyond what its instruction asks for?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np

from unicedit_assets.domain.language import Intent
from unicedit_assets.domain.roles import Pixels
from unicedit_assets.evidence import explain
from unicedit_assets.evidence.artefacts import (
    Detail,
    black_box,
    is_blank,
    measure_detail,
    palette_size,
)
from unicedit_assets.evidence.comparison import Comparison
from unicedit_assets.evidence.pair import Mask, Plane


@dataclass(frozen=True)
class Damage:
    """What is broken.

    Attributes:
        strength: worst figure over its threshold; 1 and more is damage.
        blank: the picture shows nothing.
        notes: one statement each.
        figures: the measured figures.
    """

    strength: float
    blank: bool = False
    notes: tuple[str, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)


_PALETTE = 20
_COARSE = 6
_BLACK = 12
_CLEAR = 24
_GRAINY_STYLES = ("halftone", "pencil_sketch")
_DRAWN_GRAIN = 1.5  # dots and strokes are grain that was asked for
_LOST_DETAIL = 1.25  # edges count as softer where fine contrast is lost as well


@dataclass(frozen=True)
class _Sign:
    """One kind of damage: its figure over its threshold, and what to say of it."""

    strength: float
    note: str


def damage_of(view: Comparison, intent: Intent | None, laid: Plane | None) -> Damage:
    """Measure damage, given what the text asks for.

    Args:
        view: the pair.
        intent: what the text asks for.
        laid: luma of the source as the asked view shows it, full resolution; None where
            the text asks for no other view.
    """
    pair = view.pair
    if is_blank(pair.gray_edited) and not is_blank(pair.gray_source):
        return Damage(9.0, True, ("the picture is blank",), {"blank": 1.0})
    reference = pair.gray_source if laid is None else laid
    detail = measure_detail(reference, pair.gray_edited, _ignored(view), _patterned(intent))
    box = black_box(reference, pair.gray_edited)
    signs = _signs(view, intent, detail, box)
    worst = max(signs, key=lambda sign: sign.strength)
    return Damage(
        worst.strength,
        False,
        tuple(sign.note for sign in signs if sign.strength >= 1.0),
        {
            "detail_kept": detail.kept,
            "detail_likeness": detail.likeness,
            "noise": detail.noise,
            "grain": detail.grain,
            "blocks": detail.blocks,
            "cells": detail.cells,
            "edge_width": detail.width,
            "edge_widening": detail.widening,
            "black_box": box,
        },
    )


def _signs(view: Comparison, intent: Intent | None, detail: Detail, box: float) -> list[_Sign]:
    settings = view.settings
    mosaic, blocks = detail.cells / settings.cells, detail.blocks / settings.blocks
    drawn = mosaic >= 1.0 and palette_size(view.pair.edited) <= _PALETTE
    if drawn or _asks(intent, "style", "pixel_art"):
        mosaic = blocks = 0.0
    if _asks(intent, "ground", "black"):
        box = 0.0
    restyled = any(_asks(intent, "style", word) for word in _GRAINY_STYLES)
    grain = detail.grain / (settings.grain * (_DRAWN_GRAIN if restyled else 1.0))
    widening = detail.widening / settings.widening
    if detail.kept < 0.6 and detail.likeness > 0.5:
        widening *= _LOST_DETAIL
    if widening >= 1.0 and detail.likeness < 0.5 and _other_view(view, intent):
        widening = 0.0
    return [
        _Sign(grain, "the picture is full of noise"),
        _Sign(blocks, "the picture shows compression blocks"),
        _Sign(mosaic, "the picture is a mosaic of blocks"),
        _Sign(widening, "the picture is blurred"),
        _Sign(box / settings.black_box, "a part of the picture is black"),
    ]


def _other_view(view: Comparison, intent: Intent | None) -> bool:
    """Tell whether an unasked zoom explains soft edges."""
    if view.pose is None or view.view is None or (intent and explain.moves_frame(intent)):
        return False
    return view.pose.factor > 1.2 and view.view.inliers >= 25


def _asks(intent: Intent | None, slot: str, word: str) -> bool:
    if intent is None:
        return False
    return intent.slots.get(slot) == word or any(_asks(step, slot, word) for step in intent.steps)


def _patterned(intent: Intent | None) -> bool:
    """Tell whether the text asks for a pattern, whose own grid is no damage."""
    if intent is None:
        return False
    return "pattern" in intent.slots or any(_patterned(step) for step in intent.steps)


def _ignored(view: Comparison) -> Mask:
    height, width = view.pair.gray_edited.shape
    mask = view.changes.mask.astype(np.uint8)
    return np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST) > 0)


def without_damage(source: Pixels, edited: Pixels) -> tuple[Pixels, Pixels]:
    """Return both pictures, uint8 (H, W, 3), as they are without what damage adds or takes.

    Noise, blocks and blur live in fine detail, so both lose that, and what little is left of them
    is given up: where the coarse pictures hardly differ, they are made equal. A part that went
    black gets the source's pixels.
    """
    black = _went_black(source, edited)
    filled = np.where(black[..., None], source, edited).astype(np.uint8)
    before, after = _coarse(source), _coarse(filled)
    apart = np.abs(before.astype(np.int16) - after).max(axis=2).astype(np.uint8)
    clear = cv2.dilate((apart > _CLEAR).astype(np.uint8), np.ones((2 * _COARSE + 1,) * 2, np.uint8))
    return before, np.where(clear[..., None] > 0, after, before).astype(np.uint8)


def _coarse(image: Pixels) -> Pixels:
    height, width = image.shape[:2]
    small = (max(1, width // _COARSE), max(1, height // _COARSE))
    down = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(down, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _went_black(source: Pixels, edited: Pixels) -> Mask:
    """Return the large parts that are black and were not."""
    gone = ((edited.max(axis=2) <= _BLACK) & (source.max(axis=2) > _BLACK)).astype(np.uint8)
    kernel = np.ones((9, 9), np.uint8)
    whole = cv2.morphologyEx(gone, cv2.MORPH_OPEN, kernel)
    return np.asarray(cv2.dilate(whole, kernel) > 0)
