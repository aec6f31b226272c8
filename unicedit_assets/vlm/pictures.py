"""Pictures on their way to a model: checked, capped in pixels, hashed, and encoded one way.

A frozen picture (owner of its memory, not writable) cannot change, so what is made of it is kept
for as long as the picture is: however many questions, judges and threads show it, it is encoded
once, or not at all where the file it came from is what would be sent.
"""

from __future__ import annotations

import base64
import hashlib
import math
import struct
import threading
import weakref
from concurrent.futures import Future

import cv2
import numpy as np

from unicedit_assets.domain.roles import Pixels
from unicedit_assets.vlm.encoding import WEBP_QUALITY

# Lossless, since a verifier looks for small differences; fast, since the server throws it away.
_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1)
_WEBP = (cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY)
_WEBP_SIDE = 16383  # of the format
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB_8_BITS = bytes([8, 2, 0, 0, 0])  # depth, colours, compression, filter, no interlacing
_PLAIN = (b"IHDR", b"IDAT", b"IEND")

_kept: dict[int, Future[str]] = {}
# A picture may be dropped, and so its entry, by whoever holds the lock.
_lock = threading.RLock()


def flaw_of(pixels: object) -> str:
    """Return why something is not a picture, or nothing."""
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        return "a picture must be an array of 8-bit pixels"
    if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        return f"a picture must have the shape (H, W, 3), not {pixels.shape}"
    return ""


def capped(pixels: Pixels, max_pixels: int) -> Pixels:
    """Return the picture with at most ``max_pixels``, its aspect kept, averaged by area."""
    height, width = pixels.shape[:2]
    if height * width <= max_pixels:
        return pixels
    factor = math.sqrt(max_pixels / (height * width))
    size = (max(1, int(width * factor)), max(1, int(height * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def picture_hash(pixels: Pixels) -> str:
    """Return a hash of a picture's size and pixels."""
    seen = hashlib.sha256(repr(pixels.shape).encode())
    seen.update(pixels.tobytes())
    return seen.hexdigest()


def frozen(pixels: Pixels, png: bytes = b"", webp: bytes = b"") -> Pixels:
    """Return a copy that nobody can write to, so that what is made of it can be kept.

    Args:
        png: a plain PNG of exactly these pixels, which is then sent as it is.
        webp: the same as a WebP.
    """
    own = np.array(pixels, np.uint8)
    own.setflags(write=False)
    if png or webp:
        _entry(own)[0].set_result(_url(png) if png else _url(webp, "webp"))
    return own


def as_webp(pixels: Pixels) -> Pixels:
    """Return the picture as it is after WebP of high quality, frozen, to be sent as that WebP.

    Whoever reads pixels and whoever is sent the file sees the same.

    Raises:
        ValueError: it cannot be encoded, such as a side beyond 16383 pixels.
    """
    if max(pixels.shape[:2]) > _WEBP_SIDE:
        raise ValueError(f"no side of a WebP can be longer than {_WEBP_SIDE} pixels")
    done, data = cv2.imencode(".webp", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), _WEBP)
    if not done:
        raise ValueError("the picture cannot be encoded as WebP")
    seen = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    seen = np.asarray(cv2.cvtColor(seen, cv2.COLOR_BGR2RGB), np.uint8)
    return frozen(seen, webp=data.tobytes())


def is_plain_png(data: bytes) -> bool:
    """Tell whether a file is a PNG of 8-bit RGB with nothing beside its pixels.

    No profile, orientation or transparency: every decoder sees the same picture in it.
    """
    if not data.startswith(_SIGNATURE) or data[24:29] != _RGB_8_BITS:
        return False
    at = len(_SIGNATURE)
    while at + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        if kind not in _PLAIN:
            return False
        at += length + 12
        if kind == b"IEND":
            return bool(at == len(data))
    return False


def data_url(pixels: Pixels) -> str:
    """Return a picture as a ``data:`` URL: of the file that it was frozen with, else of a PNG.

    Raises:
        ValueError: it cannot be encoded.
    """
    if pixels.flags.writeable or pixels.base is not None:
        return _encoded(pixels)
    kept, first = _entry(pixels)
    if first:
        try:
            kept.set_result(_encoded(pixels))
        except BaseException as error:
            kept.set_exception(error)
    return kept.result()


def _entry(pixels: Pixels) -> tuple[Future[str], bool]:
    """Return what is kept of a frozen picture, and whether the caller has to make it."""
    with _lock:
        kept = _kept.get(id(pixels))
        if kept is not None:
            return kept, False
        kept = _kept[id(pixels)] = Future()
        weakref.finalize(pixels, _drop, id(pixels)).atexit = False
        return kept, True


def _drop(identity: int) -> None:
    with _lock:
        _kept.pop(identity, None)


def _encoded(pixels: Pixels) -> str:
    done, png = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), _PNG)
    if not done:
        raise ValueError("the picture cannot be encoded")
    return _url(png.tobytes())


def _url(data: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64," + base64.b64encode(data).decode("ascii")
