"""Checks on the two pictures of one row."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from unicedit_assets.domain.roles import Pixels
from unicedit_assets.published.audit.report import Defect
from unicedit_assets.published.pictures import PictureError, decode_picture

_DIGEST = 16


@dataclass(frozen=True)
class PairFacts:
    """What one pair of pictures showed.

    Attributes:
        defects: what is wrong, with a detail each.
        source: digest of the source's pixels; None when it is not there or cannot be decoded.
        pair: digest of both pictures' pixels, in order; None likewise. Pixels, not bytes, so that
            re-encoded copies meet.
    """

    defects: tuple[tuple[Defect, str], ...]
    source: bytes | None
    pair: bytes | None


def _digest(pixels: Pixels) -> bytes:
    state = hashlib.sha256(repr(pixels.shape).encode())
    state.update(np.ascontiguousarray(pixels).data)
    return state.digest()[:_DIGEST]


def _decode(
    name: str, data: bytes | None, max_pixels: int, defects: list[tuple[Defect, str]]
) -> Pixels | None:
    if not data:
        defects.append((Defect.MISSING_IMAGE, f"{name} has no bytes"))
        return None
    try:
        return decode_picture(data, max_pixels)
    except PictureError as error:
        defects.append((Defect.UNDECODABLE_IMAGE, f"{name}: {error}"))
        return None


def examine_pair(source: bytes | None, edited: bytes | None, max_pixels: int) -> PairFacts:
    """Decode both pictures and compare them; no bytes raise."""
    defects: list[tuple[Defect, str]] = []
    first = _decode("src_image", source, max_pixels, defects)
    second = _decode("edit_image", edited, max_pixels, defects)
    if first is None or second is None:
        return PairFacts(tuple(defects), None if first is None else _digest(first), None)
    digest = _digest(first)
    if first.shape != second.shape:
        sizes = [f"{pixels.shape[1]}x{pixels.shape[0]}" for pixels in (first, second)]
        defects.append((Defect.UNEQUAL_SIZES, f"source {sizes[0]}, edit {sizes[1]}"))
    elif np.array_equal(first, second):
        how = "the same bytes" if source == edited else "encoded differently"
        defects.append((Defect.IDENTICAL_PAIR, how))
    return PairFacts(tuple(defects), digest, digest + _digest(second))
