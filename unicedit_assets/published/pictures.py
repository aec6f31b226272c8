"""Decode pictures from anybody's data set: upright RGB, or one error that says why not."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageOps

from unicedit_assets.domain.roles import Pixels

MAX_PIXELS = 64_000_000
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")


class PictureError(ValueError):
    """Bytes that are not a usable picture; the message says why, on one line."""


def _flatten(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    layers = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")


def _load(data: bytes, max_pixels: int) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        if image.width * image.height > max_pixels:
            raise PictureError(f"{image.width}x{image.height} is more than {max_pixels} pixels")
        if getattr(image, "n_frames", 1) > 1:
            raise PictureError("more than one frame")
        if image.format == "PNG":  # loading alone does not look at PNG checksums
            with Image.open(io.BytesIO(data), formats=("PNG",)) as twin:
                twin.verify()
        image.load()
        if image.mode.startswith("I"):
            raise PictureError("16 bits a channel")
        return _flatten(ImageOps.exif_transpose(image))


def decode_picture(data: bytes, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Decode a picture of a published triplet; alpha is composited on white.

    The size in the header is checked before anything is decoded, PNG checksums count.

    Returns:
        uint8 (H, W, 3), upright RGB.

    Raises:
        PictureError: truncated, damaged, too large, animated, or no picture at all.
    """
    try:
        return np.asarray(_load(data, max_pixels), dtype=np.uint8)
    except PictureError:
        raise
    except Exception as error:  # decoders throw anything at hostile bytes
        reason = " ".join(str(error).split("<")[0].split())[:160]
        raise PictureError(f"{type(error).__name__}: {reason}") from error
