"""Bytes of pictures: lossless in the lake, PNG in the release, tiny in previews.

Measured by ``benchmarks/bench_images.py`` on 20 photographs of about 1 MP, single-threaded:

=================================  =========  =========  ====
codec                              encode ms  decode ms    KB
=================================  =========  =========  ====
Pillow PNG level 6                       223         22  1006
Pillow PNG level 1                        62         25  1119
OpenCV PNG default (run lengths)          31         17  1165
OpenCV PNG level 1                        48         23  1106
WebP lossless method 0 quality 0          43         16   788
WebP lossless method 1 quality 0         179         17   728
=================================  =========  =========  ====

So the lake holds WebP (the smallest at that speed), and the release OpenCV's PNG at level 1, 1 %
smaller and a fifth faster than Pillow's. Equal pixels give equal bytes with either.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Final

import cv2
import numpy as np
from PIL import Image

from unicedit_assets.domain import libraries
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.roles import Pixels

_READABLE: Final = ("WEBP", "PNG")
_PNG_OPTIONS: Final = (cv2.IMWRITE_PNG_COMPRESSION, 1)


def lake_identity() -> Mapping[str, Json]:
    """Return what decides the bytes of :func:`encode_lake`, beside the pixels."""
    return {"format": "WEBP lossless method 0 quality 0", **libraries.versions("pillow", "webp")}


def release_identity() -> Mapping[str, Json]:
    """Return what decides the bytes of :func:`encode_release`, beside the pixels."""
    return {"format": "PNG level 1", **libraries.versions("opencv")}


def encode_lake(pixels: Pixels) -> bytes:
    """Encode losslessly, as the pipeline stores pictures between its stages (WebP).

    Raises:
        ValueError: not a uint8 array of shape (H, W, 3).
    """
    buffer = io.BytesIO()
    Image.fromarray(_checked(pixels)).save(buffer, "WEBP", lossless=True, method=0, quality=0)
    return buffer.getvalue()


def encode_release(pixels: Pixels) -> bytes:
    """Encode losslessly as PNG, the format of the published schema.

    Raises:
        ValueError: not a uint8 array of shape (H, W, 3).
    """
    bgr = cv2.cvtColor(_checked(pixels), cv2.COLOR_RGB2BGR)
    ok, data = cv2.imencode(".png", bgr, _PNG_OPTIONS)
    if not ok:
        raise ValueError("OpenCV could not encode the picture as PNG")
    return bytes(data)


def decode(data: bytes) -> Pixels:
    """Decode what :func:`encode_lake` or :func:`encode_release` wrote, to uint8 (H, W, 3).

    Raises:
        ValueError: damaged bytes, another format or another mode than RGB.
    """
    try:
        with Image.open(io.BytesIO(data), formats=_READABLE) as image:
            mode, pixels = image.mode, np.array(image, dtype=np.uint8)
    except (OSError, SyntaxError) as error:
        raise ValueError("the bytes of a stored picture do not decode") from error
    if mode != "RGB":
        raise ValueError(f"a stored picture is RGB, not {mode}")
    return pixels


def size_of(data: bytes) -> tuple[int, int]:
    """Return width and height from a stored picture's header, without decoding it.

    Raises:
        ValueError: damaged bytes or another format.
    """
    try:
        with Image.open(io.BytesIO(data), formats=_READABLE) as image:
            return image.size
    except (OSError, SyntaxError) as error:
        raise ValueError("the bytes of a stored picture do not decode") from error


def thumbnail_uri(pixels: Pixels, side: int = 160, quality: int = 60) -> str:
    """Return a small lossy copy as a ``data:`` URI for previews, about 4 KB at the default side.

    Args:
        pixels: the picture.
        side: the longer side of the copy, in pixels.
        quality: WebP quality, 0-100.
    """
    image = Image.fromarray(_checked(pixels))
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=quality, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _checked(pixels: Pixels) -> Pixels:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ValueError(f"a picture is uint8 (H, W, 3), not {pixels.dtype} {pixels.shape}")
    return np.ascontiguousarray(pixels)
