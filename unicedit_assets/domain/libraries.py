"""Versions of the libraries that decide bytes; they enter the identity of what they can change.

An upgrade of a decoder may move a pixel, so it makes partitions stale instead of mixing two
decoders' pictures in one data set. Pillow's own codecs are named beside it: two builds of one
Pillow can carry different ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
import PIL
import simplejpeg  # type: ignore[import-untyped]
from PIL import features

from unicedit_assets.domain.identity import Json

PILLOW_CODECS: Final = ("libjpeg_turbo", "webp", "littlecms2", "avif", "libtiff")

_VERSIONS: Final[Mapping[str, Callable[[], str]]] = MappingProxyType(
    {
        "numpy": lambda: str(np.__version__),
        "opencv": lambda: str(cv2.__version__),
        "pillow": lambda: str(PIL.__version__),
        "simplejpeg": lambda: str(simplejpeg.__version__),
    }
)


def versions(*names: str) -> dict[str, Json]:
    """Return library -> version, as it is in this process.

    Args:
        names: of ``numpy``, ``opencv``, ``pillow``, ``simplejpeg`` (which brings its own
            libjpeg-turbo), or one of ``PILLOW_CODECS``.

    Raises:
        KeyError: another name.
    """
    return {name: _version(name) for name in names}


def _version(name: str) -> str:
    if name in PILLOW_CODECS:
        return str(features.version(name))
    return _VERSIONS[name]()
