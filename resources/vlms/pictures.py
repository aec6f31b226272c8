"""Pictures on their way to a server: encoded one way, and those that cannot change once."""

from __future__ import annotations

import base64
import threading
import weakref
from concurrent.futures import Future

import cv2

from unicedit_assets.domain.roles import Pixels

# Lossless, since a verifier looks for small differences; fast, since the server throws it away.
_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1)

_kept: dict[int, Future[str]] = {}
# A picture may be dropped, and so its entry, by whoever holds the lock.
_lock = threading.RLock()


def data_url(pixels: Pixels) -> str:
    """Return a picture as a ``data:`` URL of a PNG.

    A frozen picture (not writable, and the owner of its memory) is encoded once, whatever number of
    questions and threads show it, and the URL is kept for as long as the picture is.
    """
    if pixels.flags.writeable or pixels.base is not None:
        return _encoded(pixels)
    with _lock:
        kept = _kept.get(id(pixels))
        first = kept is None
        if kept is None:
            kept = _kept[id(pixels)] = Future()
            weakref.finalize(pixels, _drop, id(pixels)).atexit = False
    if first:
        try:
            kept.set_result(_encoded(pixels))
        except BaseException as error:
            kept.set_exception(error)
    return kept.result()


def _drop(identity: int) -> None:
    with _lock:
        _kept.pop(identity, None)


def _encoded(pixels: Pixels) -> str:
    done, png = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), _PNG)
    if not done:
        raise ValueError("the picture cannot be encoded")
    return "data:image/png;base64," + base64.b64encode(png.tobytes()).decode("ascii")
