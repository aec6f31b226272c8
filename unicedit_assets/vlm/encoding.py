"""How pictures travel to a model; apart from what encodes them, which is heavy to load."""

from __future__ import annotations

from enum import StrEnum

WEBP_QUALITY = 95


class Encoding(StrEnum):
    """A picture's file on its way: lossless PNG, or WebP of ``WEBP_QUALITY``."""

    PNG = "png"
    WEBP = "webp"
